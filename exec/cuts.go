package exec

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"
	"sync"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/storage/journal"
)

// How far a source has been read is part of the epoch that holds its records: the
// same frame, so that after a crash reading goes on right behind them. A cut that
// does not begin where the source stands is refused; two readers of one source can
// therefore double nothing.

// offsets is the next offset of each partition, by object.
type offsets map[uint64]map[int32]int64

// reset says that a partition began anew: from a position on its records are those
// of another topic of the same name.
type reset struct {
	source    *source
	partition int32
	position  int64
}

// cutsVersion begins the payload of a KindOffsets entry.
const cutsVersion = 1

// source is how far a relation's source has been read.
type source struct {
	mu   sync.Mutex
	next map[int32]int64
	// resets: position from which on a partition's records are those of a topic that
	// was made anew; of partitions of which that has happened.
	resets map[int32]int64
}

func (s *source) reset(partition int32) (position int64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	position, ok = s.resets[partition]
	return position, ok
}

func (s *source) setReset(partition int32, position int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.resets == nil {
		s.resets = map[int32]int64{}
	}
	s.resets[partition] = position
}

func (s *source) allResets() map[int32]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.resets)
}

func (s *source) at(partition int32) (int64, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, ok := s.next[partition]
	return n, ok
}

func (s *source) all() map[int32]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.next)
}

func (s *source) move(to map[int32]int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == nil {
		s.next = make(map[int32]int64, len(to))
	}
	maps.Copy(s.next, to)
}

// Offsets is where the source of an object goes on: the next offset of each
// partition that has been read, as of the newest durable epoch. Any goroutine may
// ask.
func (e *Engine) Offsets(object uint64) map[int32]int64 {
	if rel := e.relation(object); rel != nil {
		return rel.source.all()
	}
	return nil
}

// checkCuts checks a transaction's cuts against where the sources stand. It
// changes nothing.
func (a *admission) checkCuts(txn *Txn, writes []admitted) ([]Cut, error) {
	var moved offsets           // by the cuts before in this transaction
	open := map[*relation]int{} // rows of streams that are read through, without a cut so far
	for _, w := range writes {
		if w.rel.outside != nil && w.rows != nil {
			open[w.rel] += w.rows.N
		}
	}
	for i, c := range txn.Cuts {
		rel := a.e.relation(c.Object)
		if rel == nil || rel.kind == viewRelation {
			return nil, sqlerr.New(sqlerr.UndefinedTable, "the relation to be written has been dropped")
		}
		if c.Partition == KeptRows {
			if err := a.checkKept(rel, txn, &txn.Cuts[i]); err != nil {
				return nil, err
			}
			open[rel] -= c.Rows
			continue
		}
		at, ok := moved[c.Object][c.Partition]
		if !ok {
			at, ok = a.cuts[c.Object][c.Partition]
		}
		if !ok {
			at, ok = rel.source.at(c.Partition)
		}
		switch {
		case ok && at != c.From:
			return nil, sqlerr.New(sqlerr.SerializationFailure, "the source of %q has moved on: partition %d stands at offset %d, not %d", rel.name, c.Partition, at, c.From).
				WithHint("Another reader has written these records, or an earlier commit was lost on the way back; go on from Offsets.")
		case c.Rows < 0 || c.Rows > 0 && c.To <= c.From:
			return nil, sqlerr.New(sqlerr.InternalError, "%d rows cannot come from offsets %d to %d of partition %d", c.Rows, c.From, c.To, c.Partition)
		}
		moved.set(&c)
		if rel.outside != nil {
			open[rel] -= c.Rows
		}
	}
	for rel, n := range open {
		if n != 0 {
			return nil, sqlerr.New(sqlerr.InternalError, "stream %q is read through: %d of the rows written to it belong to no cut", rel.name, n)
		}
	}
	// Those of one object together, in their order.
	return slices.SortedStableFunc(slices.Values(txn.Cuts), func(x, y Cut) int { return cmp.Compare(x.Object, y.Object) }), nil
}

func (o *offsets) set(c *Cut) {
	if *o == nil {
		*o = offsets{}
	}
	m := (*o)[c.Object]
	if m == nil {
		m = map[int32]int64{}
		(*o)[c.Object] = m
	}
	m[c.Partition] = c.To
}

// takeCuts makes cuts that have passed part of the epoch. before is how many inputs
// the epoch had before the transaction, by object.
func (a *admission) takeCuts(cuts []Cut, before map[uint64]int) {
	for lo := 0; lo < len(cuts); {
		hi := lo
		for hi < len(cuts) && cuts[hi].Object == cuts[lo].Object {
			hi++
		}
		rel, kept := a.e.relation(cuts[lo].Object), cuts[lo].Partition == KeptRows
		if kept {
			a.keepRows(rel, &cuts[lo], a.inputs[rel.id][before[rel.id]:])
		}
		takeTops(&a.inputs, rel, cuts[lo:hi])
		if rel.outside != nil {
			in := a.inputs[rel.id][before[rel.id]:]
			rows := rel.cutRows(cuts[lo:hi], in, rel.next+a.rowsOf(rel.id, before[rel.id]))
			for _, c := range rows {
				if c.to < c.from {
					a.resets = append(a.resets, reset{&rel.source, c.partition, c.first})
				}
			}
			a.entries = append(a.entries, journal.Entry{Kind: journal.KindData, Object: rel.id, Payload: appendCutRows(nil, rows)})
		}
		if !kept {
			for i := range cuts[lo:hi] {
				a.cuts.set(&cuts[lo+i])
			}
			a.entries = append(a.entries, journal.Entry{Kind: journal.KindOffsets, Object: rel.id, Payload: appendCuts(nil, rel.spans(cuts[lo:hi]))})
		}
		lo = hi
	}
}

// spans are cuts as far as they say where a source stands: of a stream that is read
// through, whose rows have their cuts of their own, consecutive ones are one.
func (r *relation) spans(cuts []Cut) []Cut {
	if r.outside == nil {
		return cuts
	}
	out := cuts[:0:0]
	for _, c := range cuts {
		if n := len(out); n > 0 && out[n-1].Partition == c.Partition && out[n-1].To == c.From && out[n-1].From <= out[n-1].To && c.From <= c.To {
			out[n-1].To, out[n-1].Rows = c.To, out[n-1].Rows+c.Rows
			continue
		}
		out = append(out, c)
	}
	return out
}

// rowsOf is how many rows the first n inputs of an object have.
func (a *admission) rowsOf(id uint64, n int) (rows int64) {
	for _, x := range a.inputs[id][:n] {
		rows += int64(x.count())
	}
	return rows
}

// restart makes partitions begin anew once the epoch is durable.
func (a *admission) restart() {
	for _, x := range a.resets {
		x.source.setReset(x.partition, x.position)
	}
}

// moveSources makes the positions of a durable epoch those of its sources.
func (e *Engine) moveSources(o offsets) {
	for id, to := range o {
		if rel := e.relation(id); rel != nil {
			rel.source.move(to)
		}
	}
}

// appendCuts encodes cuts of one object; docs/formats/journal.md.
func appendCuts(dst []byte, cuts []Cut) []byte {
	dst = append(dst, cutsVersion)
	dst = binary.AppendUvarint(dst, uint64(len(cuts)))
	for _, c := range cuts {
		dst = binary.AppendVarint(dst, int64(c.Partition))
		dst = binary.AppendVarint(dst, c.From)
		dst = binary.AppendVarint(dst, c.To)
		dst = binary.AppendUvarint(dst, uint64(c.Rows))
	}
	return dst
}

// decodeCuts is the inverse of appendCuts.
func decodeCuts(object uint64, b []byte) ([]Cut, error) {
	damaged := sqlerr.New(sqlerr.DataCorrupted, "journalled offsets are damaged")
	if len(b) == 0 {
		return nil, damaged
	}
	if b[0] != cutsVersion {
		return nil, sqlerr.New(sqlerr.FeatureNotSupported, "the journal has offsets of version %d, this release reads %d", b[0], cutsVersion).
			WithHint("Start the newer release that wrote the folder.")
	}
	b = b[1:]
	n, k := binary.Uvarint(b)
	if k <= 0 || n > uint64(len(b))/4 {
		return nil, damaged
	}
	b = b[k:]
	out := make([]Cut, 0, n)
	for range n {
		c := Cut{Object: object}
		var v [3]int64
		for i := range v {
			if v[i], k = binary.Varint(b); k <= 0 {
				return nil, damaged
			}
			b = b[k:]
		}
		rows, k := binary.Uvarint(b)
		if k <= 0 || int64(int32(v[0])) != v[0] || int64(int(rows)) < 0 {
			return nil, damaged
		}
		b = b[k:]
		c.Partition, c.From, c.To, c.Rows = int32(v[0]), v[1], v[2], int(rows)
		out = append(out, c)
	}
	if len(b) != 0 {
		return nil, damaged
	}
	return out, nil
}
