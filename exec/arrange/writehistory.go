package arrange

import (
	"bytes"
	"context"
	"math"
	"runtime"
	"slices"

	"github.com/tarndb/tarn/storage/state"
)

// An entry of history has at most so many versions, and is ended when its values
// have so many bytes: a read passes over half of them.
const (
	entryVersions = 32
	entryBytes    = 2 << 10
)

// changedRows are the frozen rows of a table with history, in the order of their
// keys.
type changedRows struct {
	rows  []sorted
	sized bool // their keys have one length, so they are also in the order of history
}

// forget gives back the memory of the lists of changed rows.
func (f *Frozen) forget() {
	for _, done := range f.lists {
		done()
	}
	f.lists, f.changed = nil, nil
}

// yieldEvery is after how many rows the writer lets others run: a checkpoint has
// seconds to spare, a step has not.
const yieldEvery = 2048

func yield(ctx context.Context, i int) error {
	if i%yieldEvery != yieldEvery-1 {
		return nil
	}
	runtime.Gosched()
	return ctx.Err()
}

// historyGroup is what a checkpoint writes to one place in the history: the versions
// of a table that ended in a bucket, which are those that ended in from ≤ epoch <
// until; or, with a nil, a range that goes.
type historyGroup struct {
	class       uint64
	slice       state.Slice
	a           *arrangement
	from, until uint64
	start, end  []byte
	bytes       int64 // about, of all buckets of the table
}

// filling is what a checkpoint writes of one class: slices of several buckets, all of
// which begin with the same epoch.
type filling struct {
	from   uint64
	slices []state.Slice
	bytes  int64
}

// writeHistory writes the versions of all tables, by class, bucket, table, key
// and end.
func (f *Frozen) writeHistory(ctx context.Context, g *state.Ingest) error {
	var groups []historyGroup
	gone := map[uint64]uint64{}
	for _, x := range f.expire {
		gone[x.class] = x.until
		for _, packed := range []bool{false, true} {
			lo, hi := state.BucketStart(nil, x.class, x.first, packed), state.BucketStart(nil, x.class, x.until, packed)
			groups = append(groups, historyGroup{class: x.class, start: lo, end: hi})
		}
	}
	for _, id := range f.dropped {
		for _, x := range f.s.slicesFrom(retentionOf(-1), 0) {
			lo := state.HistoryStart(nil, math.MaxUint64, x, id)
			groups = append(groups, historyGroup{class: math.MaxUint64, start: lo, end: state.After(nil, lo)})
		}
	}
	packed := f.packs()
	filters := map[*arrangement]*packFilter{}
	for a := range packed {
		x := f.filterFor(a)
		if x == nil {
			continue
		}
		x.n++
		filters[a] = x
		f.filters = append(f.filters, x)
	}
	for _, a := range f.arrs {
		if !a.history {
			continue
		}
		groups = append(groups, f.groupsOf(a, gone[a.retain.class], packed)...)
		if c := f.changed[a]; !c.sized {
			if _, err := sizedOrder(a.header).sort(f.s.pool, c.rows); err != nil {
				return err
			}
		}
	}
	slices.SortFunc(groups, func(x, y historyGroup) int { return bytes.Compare(x.start, y.start) })
	w := historyWriter{ctx: ctx, g: g}
	for i := range groups {
		x := &groups[i]
		if i == 0 || x.a == nil || groups[i-1].a == nil || x.slice != groups[i-1].slice {
			if err := g.Cut(x.bytes); err != nil {
				return err
			}
			g.Plain(x.slice.Packed)
		}
		before := g.Bytes
		if x.a == nil {
			if err := g.DeleteRange(x.start, x.end); err != nil {
				return err
			}
			continue
		}
		w.header = x.a.header
		w.filter = filters[x.a]
		if err := w.write(x, f.changed[x.a].rows); err != nil {
			return err
		}
		f.filled[x.class].bytes += g.Bytes - before
	}
	return nil
}

// packVersions is how many versions a checkpoint puts into packs: a look-up of a key
// that is not in them costs more than one of a key that filters keep out, so that many
// small ones are worse than the work that one large one saves.
const packVersions = 1 << 18

// packs says which tables' versions are written in packs. Where one has some, the
// slices of its class begin anew.
func (f *Frozen) packs() map[*arrangement]bool {
	out := map[*arrangement]bool{}
	for _, a := range f.arrs {
		n := 0
		a.each(func(p *part) { n += p.frozenLog.n })
		if a.history && n >= f.s.opts.PackVersions {
			out[a] = true
			f.filled[a.retain.class] = &filling{from: f.epoch}
		}
	}
	return out
}

// groupsOf lists the buckets of a table's frozen versions, without those before
// first.
func (f *Frozen) groupsOf(a *arrangement, first uint64, packed map[*arrangement]bool) (groups []historyGroup) {
	var ends []bucketEnds
	bytes := int64(0)
	a.each(func(p *part) {
		ends = mergeEnds(ends, p.frozenLog.ends)
		bytes += p.frozenLog.bytes
	})
	for i, e := range ends {
		if e.bucket < first {
			continue
		}
		until := uint64(math.MaxUint64)
		if i+1 < len(ends) {
			until = ends[i+1].first
		}
		class := a.retain.class
		x := f.filled[class]
		if x == nil {
			x = &filling{from: f.sliceFor(class)}
			f.filled[class] = x
		}
		slice := state.Slice{Bucket: e.bucket, From: x.from, Packed: packed[a]}
		groups = append(groups, historyGroup{class: class, slice: slice, a: a, from: e.first, until: until, bytes: bytes,
			start: state.HistoryStart(nil, class, slice, a.id)})
		x.slices = append(x.slices, slice)
	}
	return groups
}

// sizedOrder is by length of key, then key.
func sizedOrder(h uintptr) rowOrder {
	return rowOrder{
		head: func(r uintptr, buf []byte) []byte {
			return appendHead(buf, rowKey(r, h))
		},
		compare: func(x, y uintptr) int { return compareSized(rowKey(x, h), rowKey(y, h)) },
	}
}

// historyWriter writes versions: of each changed row, in order of the keys, those
// that its chain leads to. So the versions themselves need no sorting.
type historyWriter struct {
	ctx       context.Context
	g         *state.Ingest
	header    uintptr
	key, val  []byte
	packer    state.Packer
	filter    *packFilter // nil: there is none
	chain     []endedVersion
	sinceRest int
}

type endedVersion struct {
	v    version
	from uint64
	to   uint64
}

func (w *historyWriter) write(x *historyGroup, rows []sorted) error {
	w.packer.Slice = x.slice.From
	for lo := 0; lo < len(rows); lo += touchRows {
		some := rows[lo:min(lo+touchRows, len(rows))]
		touchChains(some)
		for _, s := range some {
			if err := w.writeChain(x, s.r); err != nil {
				return err
			}
		}
	}
	return w.endPack(x)
}

// endPack writes the pack that has been begun.
func (w *historyWriter) endPack(x *historyGroup) error {
	last, to, pack, ok := w.packer.Take()
	if !ok {
		return nil
	}
	w.key = state.HistoryKey(w.key[:0], x.class, x.slice, x.a.id, last)
	return w.g.Set(state.AppendEpoch(w.key, to), pack)
}

// writeChain writes the versions of one key that belong to x, several as one entry.
func (w *historyWriter) writeChain(x *historyGroup, r row) error {
	w.chain = w.chain[:0]
	to := rowEpoch(r)
	for v := sameLog(r); v != 0 && to >= x.from; v = sameLogBefore(v) {
		from := versionFrom(v)
		if to < x.until && !versionGone(v) {
			w.chain = append(w.chain, endedVersion{v, from, to})
		}
		to = from
	}
	for hi := len(w.chain); hi > 0; {
		lo, size := hi-1, versionLen(w.chain[hi-1].v)
		for lo > 0 && hi-lo < entryVersions && size < entryBytes {
			lo--
			size += versionLen(w.chain[lo].v)
		}
		if err := w.writeEntry(x, rowKey(r, w.header), w.chain[lo:hi]); err != nil {
			return err
		}
		hi = lo
	}
	return nil
}

// writeEntry writes versions of one key, newest first.
func (w *historyWriter) writeEntry(x *historyGroup, key []byte, chain []endedVersion) error {
	to := chain[0].to
	before := to
	w.val = w.val[:0]
	for _, e := range chain {
		w.val = state.AppendVersion(w.val, before, e.from, e.to, versionVal(e.v))
		before = e.from
	}
	if w.sinceRest += len(chain); w.sinceRest >= yieldEvery {
		w.sinceRest = 0
		if err := yield(w.ctx, yieldEvery-1); err != nil {
			return err
		}
	}
	if !x.slice.Packed {
		w.key = state.HistoryKey(w.key[:0], x.class, x.slice, x.a.id, key)
		return w.g.Set(state.AppendEpoch(w.key, to), w.val)
	}
	if w.filter != nil {
		w.filter.add(Hash(key))
	}
	w.packer.Add(key, to, w.val)
	if w.packer.Full() {
		return w.endPack(x)
	}
	return nil
}

// touchDepth is how far touchChains goes: longer chains are rare, or one of few.
const touchDepth = 16

// touchChains brings the versions of some rows into the cache, those of all rows
// side by side.
func touchChains(rows []sorted) {
	var at [touchRows]version
	for i, s := range rows {
		at[i] = sameLog(s.r)
	}
	for range touchDepth {
		left := version(0)
		for i, v := range at[:len(rows)] {
			if v == 0 {
				continue
			}
			at[i] = sameLogBefore(v)
			left |= at[i]
		}
		if left == 0 {
			return
		}
	}
}
