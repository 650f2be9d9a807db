package arrange

import (
	"bytes"
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/tarndb/tarn/storage/state"
)

// An entry of history has at most so many versions, and is ended when its values
// have so many bytes: a read passes over half of them.
const (
	entryVersions = 32
	entryBytes    = 2 << 10
)

// historyGroup is what a checkpoint writes to one place in the history: the
// versions of a table in a bucket, or, with a nil, a range that goes.
type historyGroup struct {
	class, bucket uint64
	a             *arrangement
	rows          []sorted
	start, until  []byte
}

// writeHistory writes the versions of all tables, by class, bucket, table, key
// and end.
func (f *Frozen) writeHistory(ctx context.Context, g *state.Ingest) error {
	var groups []historyGroup
	gone := map[uint64]uint64{}
	for _, x := range f.expire {
		gone[x.class] = x.until
		lo, hi := state.BucketStart(nil, x.class, x.first), state.BucketStart(nil, x.class, x.until)
		groups = append(groups, historyGroup{class: x.class, start: lo, until: hi})
	}
	for _, id := range f.dropped {
		lo := state.HistoryStart(nil, math.MaxUint64, 0, id)
		groups = append(groups, historyGroup{class: math.MaxUint64, start: lo, until: state.After(nil, lo)})
	}
	for _, a := range f.arrs {
		if !a.history {
			continue
		}
		mine, done, err := f.versionsOf(a, gone[a.retain.class])
		if err != nil {
			return err
		}
		defer done()
		groups = append(groups, mine...)
	}
	slices.SortFunc(groups, func(x, y historyGroup) int { return bytes.Compare(x.start, y.start) })
	for i := range groups {
		x := &groups[i]
		if x.a == nil {
			if err := g.DeleteRange(x.start, x.until); err != nil {
				return err
			}
			continue
		}
		whole, err := versionOrder(x.a.header).sort(f.s.pool, x.rows)
		if err != nil {
			return err
		}
		if err := x.write(ctx, g, whole); err != nil {
			return err
		}
	}
	return nil
}

// versionsOf lists the frozen versions of a table by bucket, without those of
// buckets before first. done gives the lists' memory back.
func (f *Frozen) versionsOf(a *arrangement, first uint64) (groups []historyGroup, done func(), err error) {
	// Versions lie in the order of their ends, so the bucket rarely changes.
	to, bucket := uint64(0), uint64(0)
	bucketOf := func(v row) uint64 {
		if e := *rowValidTo(v); e != to {
			to, bucket = e, f.s.bucket(a.retain, e)
		}
		return bucket
	}
	each := func(fn func(v row, bucket uint64)) {
		a.each(func(p *part) {
			p.frozenLog.each(func(v row) {
				if b := bucketOf(v); b >= first && rowFlags(v)&flagDeleted == 0 {
					fn(v, b)
				}
			})
		})
	}
	counts := map[uint64]int{}
	total, n, at := 0, 0, uint64(0)
	each(func(_ row, b uint64) {
		if b != at {
			counts[at] += n
			at, n = b, 0
		}
		n++
		total++
	})
	counts[at] += n
	all, done, err := f.s.pool.list(total)
	if err != nil {
		return nil, nil, err
	}
	place := map[uint64]*historyGroup{}
	for b, n := range counts {
		if n > 0 {
			groups = append(groups, historyGroup{class: a.retain.class, bucket: b, a: a, rows: all[:0:n],
				start: state.HistoryStart(nil, a.retain.class, b, a.id)})
			all = all[n:]
			f.filled[a.retain.class] = append(f.filled[a.retain.class], b)
		}
	}
	for i := range groups {
		place[groups[i].bucket] = &groups[i]
	}
	var x *historyGroup
	each(func(v row, b uint64) {
		if x == nil || x.bucket != b {
			x = place[b]
		}
		x.rows = append(x.rows, sorted{r: v})
	})
	return groups, done, nil
}

// versionOrder is by length of key, key and end. Keys of the same length, the
// common case, are told apart by more of their bytes.
func versionOrder(h uintptr) rowOrder {
	return rowOrder{
		stable: true, // a key's versions lie in one log, oldest first
		head: func(v uintptr, buf []byte) []byte {
			return appendHead(buf, rowKey(v, h))
		},
		compare: func(x, y uintptr) int {
			if c := compareSized(rowKey(x, h), rowKey(y, h)); c != 0 {
				return c
			}
			return cmp.Compare(*rowValidTo(x), *rowValidTo(y))
		},
	}
}

// write writes the versions of one group, several of a key as one entry. whole:
// the same prefix means the same key.
func (x *historyGroup) write(ctx context.Context, g *state.Ingest, whole bool) error {
	h := x.a.header
	var key, val []byte
	done := 0
	for lo := 0; lo < len(x.rows); {
		if lo >= done {
			touchSorted(x.rows[lo:])
			done = lo + touchRows
		}
		v := x.rows[lo].r
		k := rowKey(v, h)
		bytesIn := int(*u32at(v + 20))
		hi := lo + 1
		for hi < len(x.rows) && hi-lo < entryVersions && bytesIn < entryBytes &&
			x.rows[hi].prefix == x.rows[lo].prefix && (whole || bytes.Equal(rowKey(x.rows[hi].r, h), k)) {
			bytesIn += int(*u32at(x.rows[hi].r + 20))
			hi++
		}
		to := *rowValidTo(x.rows[hi-1].r)
		key = state.HistoryKey(key[:0], x.class, x.bucket, x.a.id, k)
		key = state.AppendEpoch(key, to)
		val = val[:0]
		for i := hi - 1; i >= lo; i-- {
			v := x.rows[i].r
			from := rowEpoch(v)
			val = state.AppendVersion(val, to, from, *rowValidTo(v), rowVal(v, h))
			to = from
		}
		if err := g.Set(key, val); err != nil {
			return err
		}
		if lo/yieldEvery != hi/yieldEvery {
			if err := yield(ctx, yieldEvery-1); err != nil {
				return err
			}
		}
		lo = hi
	}
	return nil
}
