package operator

import (
	"encoding/binary"

	"github.com/tarndb/tarn/exec/arrange"
	"github.com/tarndb/tarn/exec/zset"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/rowenc"
)

// Counts keeps, for each distinct row, its weight in each of one or two inputs,
// and emits it as often as a function of those says: DISTINCT, INTERSECT [ALL],
// EXCEPT [ALL]. Rows are equal as SQL compares them; what comes out is the
// representative that their canonical key decodes to.
type Counts struct {
	types  []types.Type
	shown  []types.Type
	copies func(c [2]int64) int64
	rows   *arrange.Table

	chunks [2]chunk
	keys   rowenc.Keys
	hash   []uint64
	ids    []int32
	index  zset.Index
	sums   [][2]int64
	refs   []arrange.Ref
}

var _ Operator = (*Counts)(nil)

// NewCounts makes the operator; copies is one of the functions below. Rows are kept
// by their values alone; shown are the types ts where the modifier of a numeric says
// with which scale it comes out.
func NewCounts(ts, shown []types.Type, copies func([2]int64) int64, states *States) *Counts {
	return &Counts{types: ts, shown: shown, copies: copies, rows: states.Table(arrange.TableOptions{})}
}

// DistinctCopies, IntersectCopies … say how often a row with the given weights
// in the inputs comes out.
func DistinctCopies(c [2]int64) int64 { return positive(c[0]) }

// IntersectCopies is INTERSECT.
func IntersectCopies(c [2]int64) int64 { return positive(c[0]) * positive(c[1]) }

// IntersectAllCopies is INTERSECT ALL.
func IntersectAllCopies(c [2]int64) int64 { return max(min(c[0], c[1]), 0) }

// ExceptCopies is EXCEPT.
func ExceptCopies(c [2]int64) int64 { return positive(c[0]) * (1 - positive(c[1])) }

// ExceptAllCopies is EXCEPT ALL.
func ExceptAllCopies(c [2]int64) int64 { return max(c[0]-max(c[1], 0), 0) }

func positive(n int64) int64 {
	if n > 0 {
		return 1
	}
	return 0
}

// Push counts b's rows.
func (d *Counts) Push(s *Step, port int, b *vec.Batch, out Emit) error {
	if d.chunks[port].full(b) {
		if err := d.process(out); err != nil {
			return err
		}
	}
	d.chunks[port].add(b)
	return nil
}

// Flush emits the rows whose number of copies changed.
func (d *Counts) Flush(s *Step, out Emit) error { return d.process(out) }

func (d *Counts) process(out Emit) error {
	ins := [2]*vec.Batch{d.chunks[0].take(), d.chunks[1].take()}
	d.index.Reset(0)
	d.sums = d.sums[:0]
	for port, b := range ins {
		if b == nil {
			continue
		}
		rowenc.EncodeKeys(&d.keys, b.Cols, b.N, rowenc.KeyOptions{Mode: rowenc.Canonical})
		d.hash = zset.HashKeys(d.hash, d.keys.Off, d.keys.Data)
		d.ids = d.index.Assign(d.keys.Off, d.keys.Data, d.hash, nil, d.ids[:0])
		for i, id := range d.ids {
			if int(id) == len(d.sums) {
				d.sums = append(d.sums, [2]int64{})
			}
			d.sums[id][port] += b.Weight(i)
		}
	}
	n := d.index.Len()
	if n == 0 {
		return nil
	}
	keys := arrange.Keys{Off: d.index.Off, Data: d.index.Data, Hash: d.index.Hash}
	d.refs = resize(d.refs, n)
	if err := d.rows.Lookup(&keys, nil, d.refs); err != nil {
		return err
	}
	var changed [][]byte
	var weights []int64
	for k, sum := range d.sums {
		if sum == [2]int64{} {
			continue
		}
		var old [2]int64
		if ref := d.refs[k]; ref != 0 {
			old = readCounts(d.rows.Value(ref))
		}
		now := [2]int64{old[0] + sum[0], old[1] + sum[1]}
		if err := d.store(&keys, k, now); err != nil {
			return err
		}
		if w := d.copies(now) - d.copies(old); w != 0 {
			changed, weights = append(changed, d.index.Key(k)), append(weights, w)
		}
	}
	return d.emit(changed, weights, out)
}

func (d *Counts) store(keys *arrange.Keys, k int, now [2]int64) error {
	if now == [2]int64{} {
		return d.rows.Delete(keys, k, d.refs[k])
	}
	var buf [2 * binary.MaxVarintLen64]byte
	n := binary.PutVarint(buf[:], now[0])
	n += binary.PutVarint(buf[n:], now[1])
	_, err := d.rows.Put(keys, k, d.refs[k], buf[:n])
	return err
}

func readCounts(b []byte) (c [2]int64) {
	n := 0
	c[0], n = binary.Varint(b)
	c[1], _ = binary.Varint(b[n:])
	return c
}

func (d *Counts) emit(changed [][]byte, weights []int64, out Emit) error {
	for lo := 0; lo < len(changed); lo += vec.BatchRows {
		hi := min(lo+vec.BatchRows, len(changed))
		cols, err := readShown(changed[lo:hi], d.types, d.shown)
		if err != nil {
			return err
		}
		if err := out.Batch(&vec.Batch{N: hi - lo, Cols: cols, Weights: weights[lo:hi:hi]}); err != nil {
			return err
		}
	}
	return nil
}
