package segment

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/klauspost/compress/s2"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/rowenc"
)

const writeCategory vfs.DiskWriteCategory = "tarn-segment"

// BlockRows is the number of rows of a full block.
const BlockRows = 64 << 10

// Writer writes one segment file. For one goroutine.
type Writer struct {
	fs        vfs.FS
	f         vfs.File
	name      string
	blockRows int
	info      Info

	pending []*Rows // rows that do not fill a block yet
	rows    int
	blocks  []block
	off     int64
	buf     []byte
	packed  []byte
	keys    rowenc.Keys
}

// Create begins the file name. blockRows 0 = BlockRows.
func Create(fs vfs.FS, name string, blockRows int) (*Writer, error) {
	f, err := fs.Create(name, writeCategory)
	if err != nil {
		return nil, coded(err)
	}
	if blockRows == 0 {
		blockRows = BlockRows
	}
	w := &Writer{fs: fs, f: f, name: name, blockRows: blockRows}
	w.info = Info{RowtimeMin: math.MaxInt64, RowtimeMax: math.MinInt64}
	if err := w.write([]byte(fileMagic)); err != nil {
		f.Close()
		return nil, err
	}
	return w, nil
}

func (w *Writer) write(b []byte) error {
	n, err := w.f.Write(b)
	w.off += int64(n)
	return coded(err)
}

// Add appends rows, which must follow those before without a gap.
func (w *Writer) Add(r *Rows) error {
	if w.rows == 0 && len(w.blocks) == 0 {
		w.info.First, w.info.End = r.First, r.First
		w.info.FirstEpoch = r.Epochs[0].Epoch
	}
	if r.First != w.info.End {
		return sqlerr.New(sqlerr.InternalError, "segment: rows at position %d after %d", r.First, w.info.End)
	}
	w.info.End = r.End()
	for r.Batch.N > 0 {
		k := min(r.Batch.N, w.blockRows-w.rows)
		w.pending = append(w.pending, r.Slice(0, k))
		w.rows += k
		r = r.Slice(k, r.Batch.N)
		if w.rows == w.blockRows {
			if err := w.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// flush writes the pending rows as one block.
func (w *Writer) flush() error {
	if w.rows == 0 {
		return nil
	}
	r := concat(w.pending)
	w.pending, w.rows = w.pending[:0], 0
	b := block{rows: r.Batch.N, first: r.First, firstEpoch: r.Epochs[0].Epoch, lastEpoch: r.Epochs[len(r.Epochs)-1].Epoch,
		rowtimeMin: math.MaxInt64, rowtimeMax: math.MinInt64}
	for _, t := range r.Rowtime {
		b.rowtimeMin, b.rowtimeMax = min(b.rowtimeMin, t), max(b.rowtimeMax, t)
	}
	b.chunks = make([]chunk, chunkSysCount+len(r.Batch.Cols))

	buf := w.buf[:0]
	for _, run := range r.Epochs {
		buf = binary.AppendUvarint(buf, run.Epoch)
		buf = binary.AppendUvarint(buf, uint64(run.Rows))
	}
	if err := w.chunk(&b.chunks[sysEpochs], buf); err != nil {
		return err
	}
	sys := []struct {
		at int
		v  *vec.Vec
	}{
		{sysLate, &vec.Vec{Type: types.Bool, Bools: r.Late}},
		{sysRowtime, &vec.Vec{Type: types.Int8, Ints: r.Rowtime}},
		{sysWeights, &vec.Vec{Type: types.Int8, Ints: r.Batch.Weights}},
	}
	for _, s := range sys {
		if s.v.Bools == nil && s.v.Ints == nil {
			continue
		}
		s.v.N = b.rows
		if err := w.chunk(&b.chunks[s.at], rowenc.AppendColumn(buf[:0], s.v)); err != nil {
			return err
		}
	}
	for i, v := range r.Batch.Cols {
		c := &b.chunks[chunkSysCount+i]
		w.stats(c, v)
		buf = rowenc.AppendColumn(buf[:0], v)
		if err := w.chunk(c, buf); err != nil {
			return err
		}
	}
	w.buf = buf
	w.blocks = append(w.blocks, b)
	w.info.LastEpoch = b.lastEpoch
	w.info.RowtimeMin = min(w.info.RowtimeMin, b.rowtimeMin)
	w.info.RowtimeMax = max(w.info.RowtimeMax, b.rowtimeMax)
	return nil
}

// chunk packs and writes data. What packing does not make an eighth smaller is
// stored as it is: reading it is then a checksum and no more.
func (w *Writer) chunk(c *chunk, data []byte) error {
	c.off, c.raw = w.off, uint32(len(data))
	if n := s2.MaxEncodedLen(len(data)); cap(w.packed) < n {
		w.packed = make([]byte, n)
	}
	out := s2.Encode(w.packed[:cap(w.packed)], data)
	if len(out) > len(data)-len(data)/8 {
		out = data
	}
	c.length = uint32(len(out))
	c.crc = crc32.Checksum(out, castagnoli)
	return w.write(out)
}

// stats sets null count, min and max of a column.
func (w *Writer) stats(c *chunk, v *vec.Vec) {
	if v.Type.IsArray() || v.Type.OID == types.OIDJSON || v.Type.OID == types.OIDJSONB || v.Type.OID == types.OIDRecord {
		return
	}
	lo, hi := -1, -1
	if v.Type.Phys() == types.PhysInt {
		// Finding the extremes first spares making a key of every row.
		for i, x := range v.Ints[:v.N] {
			if v.IsNull(i) {
				c.nulls++
				continue
			}
			if lo < 0 || x < v.Ints[lo] {
				lo = i
			}
			if hi < 0 || x > v.Ints[hi] {
				hi = i
			}
		}
		if lo >= 0 {
			rowenc.EncodeKeys(&w.keys, []*vec.Vec{vec.Gather(v, []int32{int32(lo), int32(hi)})}, 2, rowenc.KeyOptions{})
			c.min, c.max = bytes.Clone(w.keys.Key(0)), bytes.Clone(w.keys.Key(1))
		}
		return
	}
	rowenc.EncodeKeys(&w.keys, []*vec.Vec{v}, v.N, rowenc.KeyOptions{})
	for i := range v.N {
		if v.IsNull(i) {
			c.nulls++
			continue
		}
		if lo < 0 || bytes.Compare(w.keys.Key(i), w.keys.Key(lo)) < 0 {
			lo = i
		}
		if hi < 0 || bytes.Compare(w.keys.Key(i), w.keys.Key(hi)) > 0 {
			hi = i
		}
	}
	if lo >= 0 {
		c.min, c.max = shortenMin(w.keys.Key(lo)), shortenMax(w.keys.Key(hi))
	}
}

func shortenMin(k []byte) []byte { return bytes.Clone(k[:min(len(k), statBytesMax)]) }

// shortenMax gives a short key that is not below k. A value's key never begins
// with 0xFF, so there is one.
func shortenMax(k []byte) []byte {
	if len(k) <= statBytesMax {
		return bytes.Clone(k)
	}
	k = bytes.Clone(k[:statBytesMax])
	for k[len(k)-1] == 0xFF {
		k = k[:len(k)-1]
	}
	k[len(k)-1]++
	return k
}

// Finish writes what is left, syncs the file, and returns what it holds (but for
// the number, which the manifest gives). The folder is synced by the caller.
func (w *Writer) Finish() (Info, error) {
	err := w.flush()
	if err == nil {
		err = w.write(appendFooter(nil, w.blocks))
	}
	if err == nil {
		err = coded(w.f.Sync())
	}
	if cerr := w.f.Close(); err == nil {
		err = coded(cerr)
	}
	w.info.Bytes = w.off
	return w.info, err
}

// Abort closes and removes the file.
func (w *Writer) Abort() {
	w.f.Close()
	_ = w.fs.Remove(w.name) // if this fails the manifest still does not name it
}

// concat makes one Rows of neighbours.
func concat(rs []*Rows) *Rows {
	if len(rs) == 1 {
		return rs[0]
	}
	out := &Rows{First: rs[0].First}
	batches := make([]*vec.Batch, len(rs))
	late, rowtime := false, false
	for i, r := range rs {
		batches[i] = r.Batch
		late, rowtime = late || r.Late != nil, rowtime || r.Rowtime != nil
		for _, run := range r.Epochs {
			if n := len(out.Epochs); n > 0 && out.Epochs[n-1].Epoch == run.Epoch {
				out.Epochs[n-1].Rows += run.Rows
			} else {
				out.Epochs = append(out.Epochs, run)
			}
		}
	}
	out.Batch = concatBatches(batches)
	for _, r := range rs {
		if late && r.Late == nil {
			out.Late = append(out.Late, make([]bool, r.Batch.N)...)
		} else {
			out.Late = append(out.Late, r.Late...)
		}
		if rowtime && r.Rowtime == nil {
			out.Rowtime = append(out.Rowtime, make([]int64, r.Batch.N)...)
		} else {
			out.Rowtime = append(out.Rowtime, r.Rowtime...)
		}
	}
	return out
}

// concatBatches joins batches that may differ in their number of columns:
// columns are only ever added, and NULL in the rows before.
func concatBatches(bs []*vec.Batch) *vec.Batch {
	most := bs[0]
	for _, b := range bs {
		if len(b.Cols) > len(most.Cols) {
			most = b
		}
	}
	full := make([]*vec.Batch, len(bs))
	for i, b := range bs {
		full[i] = b
		if len(b.Cols) == len(most.Cols) {
			continue
		}
		c := &vec.Batch{N: b.N, Weights: b.Weights, Cols: append([]*vec.Vec(nil), b.Cols...)}
		for _, v := range most.Cols[len(b.Cols):] {
			c.Cols = append(c.Cols, Nulls(v.Type, b.N))
		}
		full[i] = c
	}
	return vec.Concat(full)
}

// Nulls is a column of n NULLs.
func Nulls(t types.Type, n int) *vec.Vec {
	sel := make([]int32, n)
	for i := range sel {
		sel[i] = -1
	}
	return vec.Gather(vec.FromDatums(t, []types.Datum{types.NullDatum}), sel)
}

// Coded gives an I/O error its SQLSTATE; nil and coded errors stay as they are.
func Coded(err error) error { return coded(err) }

func coded(err error) error {
	var e *sqlerr.Error
	switch {
	case err == nil || errors.As(err, &e):
		return err
	case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT):
		return sqlerr.New(sqlerr.DiskFull, "could not write a segment: %v", err).WithHint("Free some disk space.")
	}
	return sqlerr.New(sqlerr.IOError, "segment: %v", err)
}
