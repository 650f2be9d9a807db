package operator

import (
	"encoding/binary"

	"github.com/tarndb/tarn/exec/arrange"
	"github.com/tarndb/tarn/exec/zset"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/rowenc"
)

// chunk gathers the batches of a step until there are enough to work on.
type chunk struct {
	batches []*vec.Batch
	rows    int
}

// full reports whether there is enough, so that b had better wait for the next
// chunk. It is asked before b is added: a step that fits in one chunk is one chunk.
func (c *chunk) full(b *vec.Batch) bool { return c.rows > 0 && c.rows+b.N > chunkRows }

func (c *chunk) add(b *vec.Batch) {
	c.batches = append(c.batches, b)
	c.rows += b.N
}

// take returns the rows so far as one batch, nil if there are none.
func (c *chunk) take() *vec.Batch {
	b := vec.Concat(c.batches)
	clear(c.batches)
	c.batches, c.rows = c.batches[:0], 0
	return b
}

// images is a list of byte strings in one piece of memory.
type images struct {
	off  []uint32
	data []byte
}

func (m *images) reset() { m.off, m.data = append(m.off[:0], 0), m.data[:0] }

// end closes the string that has been appended to data.
func (m *images) end() { m.off = append(m.off, uint32(len(m.data))) }

func (m *images) at(i int) []byte { return m.data[m.off[i]:m.off[i+1]:m.off[i+1]] }

// aggScratch is what an Aggregate reuses from chunk to chunk.
type aggScratch struct {
	cols  []*vec.Vec
	keys  rowenc.Keys
	hash  []uint64
	index zset.Index // the chunk's groups
	ids   []int32    // per row: its group
	rows  []int64    // per group: the change of its row count
	refs  []arrange.Ref

	old, new         images
	changes          []arrange.Change
	huge             hugeGroups
	slices           [][]byte
	oldRows, newRows [][]byte
	oldSel, newSel   []int32
}

// aggStep remembers the groups of a step's earlier chunks as they were before
// the step.
type aggStep struct {
	index  zset.Index
	images images
	ids    []int32
}

func (st *aggStep) touch(sc *aggScratch) {
	if len(st.images.off) == 0 {
		st.index.Reset(sc.index.Len())
		st.images.reset()
	}
	st.ids = st.index.Assign(sc.index.Off, sc.index.Data, sc.index.Hash, nil, st.ids[:0])
	for g, id := range st.ids {
		if int(id) == len(st.images.off)-1 {
			st.images.data = append(st.images.data, sc.old.at(g)...)
			st.images.end()
		}
	}
}

func (st *aggStep) reset() { *st = aggStep{} }

// resize returns a slice of length n that reuses s's memory; its content is garbage.
func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/4)
	}
	return s[:n]
}

func weightOf(weights []int64, i int) int64 {
	if weights == nil {
		return 1
	}
	return weights[i]
}

// joinKeys makes dst the concatenation of each row's parts.
func joinKeys(dst *rowenc.Keys, n int, parts ...func(i int) []byte) {
	dst.Off, dst.Data = append(dst.Off[:0], 0), dst.Data[:0]
	for i := range n {
		for _, part := range parts {
			dst.Data = append(dst.Data, part(i)...)
		}
		dst.Off = append(dst.Off, uint32(len(dst.Data)))
	}
}

// rowKey is the exact key of row i of b: its identity.
func rowKey(b *vec.Batch, i int) string {
	row := b.Select([]int32{int32(i)})
	var k rowenc.Keys
	rowenc.EncodeKeys(&k, row.Cols, 1, rowenc.KeyOptions{Mode: rowenc.Exact})
	return string(k.Key(0))
}

// emptyBatch has no rows; only its columns' existence matters.
func emptyBatch(ts []types.Type) *vec.Batch {
	b := &vec.Batch{}
	for _, t := range ts {
		b.Cols = append(b.Cols, vec.NewBuilder(t, 0).Finish())
	}
	return b
}

// skipValue returns what follows the value at the front of b.
func skipValue(b []byte, t types.Type) []byte {
	kind := b[0]
	b = b[1:]
	switch kind {
	case valueNull:
		return b
	case valueError:
		_, b = readBytes(b)
		_, b = readBytes(b)
		return b
	}
	switch t.Phys() {
	case types.PhysBool:
		return b[1:]
	case types.PhysInt, types.PhysFloat:
		return b[8:]
	case types.PhysNumeric:
		if b[0] > 0 {
			return b[9:]
		}
		b = b[1:]
	}
	_, b = readBytes(b)
	return b
}

// addCount adds w to the count of key i in t, whose place Lookup has found.
func addCount(t *arrange.Table, keys *arrange.Keys, i int, ref arrange.Ref, w int64) (before, after int64, err error) {
	if ref != 0 {
		before, _ = binary.Varint(t.Value(ref))
	}
	after = before + w
	switch {
	case w == 0:
	case after == 0:
		err = t.Delete(keys, i, ref)
	default:
		var buf [binary.MaxVarintLen64]byte
		_, err = t.Put(keys, i, ref, buf[:binary.PutVarint(buf[:], after)])
	}
	return before, after, err
}

func (s *Step) cancelled() bool {
	select {
	case <-s.Done:
		return s.Done != nil
	default:
		return false
	}
}

// Cancelled is the error of a step whose Done is closed.
func Cancelled() error {
	return sqlerr.New(sqlerr.QueryCanceled, "canceling statement due to user request")
}

// nonZero returns b without rows of weight zero, nil if none remain.
func nonZero(b *vec.Batch) *vec.Batch {
	zeros := 0
	for _, w := range b.Weights {
		if w == 0 {
			zeros++
		}
	}
	if zeros == 0 {
		return b
	}
	sel := make([]int32, 0, b.N-zeros)
	for i, w := range b.Weights {
		if w != 0 {
			sel = append(sel, int32(i))
		}
	}
	if len(sel) == 0 {
		return nil
	}
	return b.Select(sel)
}
