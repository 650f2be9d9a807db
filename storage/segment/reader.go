package segment

import (
	"bytes"
	"errors"
	"hash/crc32"
	"io"
	"math"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/klauspost/compress/s2"

	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/rowenc"
)

// Reader reads one segment file. Scans may run concurrently.
type Reader struct {
	f      vfs.File
	name   string
	size   int64
	blocks []block
}

// Open opens the file and checks its footer.
func Open(fs vfs.FS, name string) (*Reader, error) {
	f, err := fs.Open(name)
	if err != nil {
		return nil, coded(err)
	}
	r := &Reader{f: f, name: name}
	if err := r.readFooter(); err != nil {
		f.Close()
		return nil, err
	}
	return r, nil
}

func (r *Reader) readFooter() error {
	st, err := r.f.Stat()
	if err != nil {
		return coded(err)
	}
	r.size = st.Size()
	if r.size < int64(len(fileMagic)+trailerBytes) {
		return corrupt(r.name, r.size, "the file is cut short")
	}
	var magic [8]byte
	if err := r.readAt(magic[:], 0); err != nil {
		return err
	}
	if string(magic[:]) != fileMagic {
		return corrupt(r.name, 0, "it is no segment file")
	}
	var trailer [trailerBytes]byte
	if err := r.readAt(trailer[:], r.size-trailerBytes); err != nil {
		return err
	}
	n, crc, err := parseTrailer(r.name, trailer[:], r.size)
	if err != nil {
		return err
	}
	at := r.size - trailerBytes - n
	footer := make([]byte, n)
	if err := r.readAt(footer, at); err != nil {
		return err
	}
	if crc32.Checksum(footer, castagnoli) != crc {
		return corrupt(r.name, at, "the footer's checksum does not match")
	}
	r.blocks, err = parseFooter(r.name, footer, at)
	return err
}

func (r *Reader) readAt(b []byte, off int64) error {
	n, err := r.f.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return corrupt(r.name, off+int64(n), "the file is cut short")
	}
	return coded(err)
}

// Close releases the file.
func (r *Reader) Close() error { return coded(r.f.Close()) }

// Info is what the file holds; its number is not in the file.
func (r *Reader) Info() Info {
	in := Info{RowtimeMin: math.MaxInt64, RowtimeMax: math.MinInt64, Bytes: r.size}
	for i := range r.blocks {
		b := &r.blocks[i]
		if i == 0 {
			in.First, in.FirstEpoch = b.first, b.firstEpoch
		}
		in.End, in.LastEpoch = b.first+int64(b.rows), b.lastEpoch
		in.RowtimeMin, in.RowtimeMax = min(in.RowtimeMin, b.rowtimeMin), max(in.RowtimeMax, b.rowtimeMax)
	}
	return in
}

// Verify reads every byte and checks it.
func (r *Reader) Verify() error {
	return r.Scan(&Scan{Rowtime: true}, func(*Rows) error { return nil })
}

// Scan gives the rows that o asks for to yield, in order, at most vec.BatchRows
// at a time.
func (r *Reader) Scan(o *Scan, yield func(*Rows) error) error {
	for i := range r.blocks {
		b := &r.blocks[i]
		if !b.mayMatch(o) {
			continue
		}
		rows, err := r.block(b, o)
		if err != nil {
			return err
		}
		if rows == nil {
			continue
		}
		for lo := 0; lo < rows.Batch.N; lo += vec.BatchRows {
			if err := yield(rows.Slice(lo, min(lo+vec.BatchRows, rows.Batch.N))); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *block) mayMatch(o *Scan) bool {
	if b.first+int64(b.rows) <= o.From || o.Until > 0 && b.first >= o.Until {
		return false
	}
	if b.lastEpoch <= o.After || o.UpTo > 0 && b.firstEpoch > o.UpTo {
		return false
	}
	if o.RowtimeFrom != 0 && b.rowtimeMax < o.RowtimeFrom {
		return false
	}
	for _, rg := range o.Ranges {
		at := chunkSysCount + rg.Column
		if at >= len(b.chunks) {
			return false // all NULL
		}
		c := &b.chunks[at]
		if int(c.nulls) == b.rows && b.rows > 0 {
			return false
		}
		if c.min == nil {
			continue
		}
		if rg.Hi != nil && bytes.Compare(c.min, rg.Hi) > 0 || rg.Lo != nil && bytes.Compare(c.max, rg.Lo) < 0 {
			return false
		}
	}
	return true
}

// block reads one block; nil if no row of it is wanted.
func (r *Reader) block(b *block, o *Scan) (*Rows, error) {
	runs, err := r.epochs(b)
	if err != nil {
		return nil, err
	}
	lo, hi := cut(runs, b.first, b.rows, o)
	if lo == hi {
		return nil, nil
	}
	out := &Rows{First: b.first, Epochs: runs, Batch: &vec.Batch{N: b.rows}}
	if v, err := r.column(b, sysLate, types.Bool); err != nil {
		return nil, err
	} else if v != nil {
		out.Late = v.Bools
	}
	if v, err := r.column(b, sysWeights, types.Int8); err != nil {
		return nil, err
	} else if v != nil {
		out.Batch.Weights = v.Ints
	}
	if o.Rowtime {
		if v, err := r.column(b, sysRowtime, types.Int8); err != nil {
			return nil, err
		} else if v != nil {
			out.Rowtime = v.Ints
		}
	}
	want := o.Columns
	if want == nil {
		want = make([]int, max(len(b.chunks)-chunkSysCount, len(o.Types)))
		for i := range want {
			want[i] = i
		}
	}
	out.Batch.Cols = make([]*vec.Vec, len(want))
	for k, c := range want {
		if chunkSysCount+c >= len(b.chunks) {
			out.Batch.Cols[k] = Nulls(o.Types[c], b.rows)
			continue
		}
		v, err := r.column(b, chunkSysCount+c, types.Type{})
		if err != nil {
			return nil, err
		}
		if v == nil || c < len(o.Types) && v.Type.Phys() != o.Types[c].Phys() {
			return nil, corrupt(r.name, b.chunks[chunkSysCount+c].off, "a column of another type")
		}
		if c < len(o.Types) {
			v.Type = o.Types[c] // its modifier may have been changed since
		}
		out.Batch.Cols[k] = v
	}
	return out.Slice(lo, hi), nil
}

// chunk reads, checks and unpacks.
func (r *Reader) chunk(c *chunk) ([]byte, error) {
	if c.raw > chunkBytesMax {
		return nil, corrupt(r.name, c.off, "a column of %d bytes", c.raw)
	}
	data := make([]byte, c.length)
	if err := r.readAt(data, c.off); err != nil {
		return nil, err
	}
	if crc32.Checksum(data, castagnoli) != c.crc {
		return nil, corrupt(r.name, c.off, "the checksum of a column does not match")
	}
	if c.length == c.raw {
		return data, nil
	}
	if n, err := s2.DecodedLen(data); err != nil || n != int(c.raw) {
		return nil, corrupt(r.name, c.off, "a column does not unpack")
	}
	out, err := s2.Decode(make([]byte, c.raw), data)
	if err != nil {
		return nil, corrupt(r.name, c.off, "a column does not unpack: %v", err)
	}
	return out, nil
}

func (r *Reader) epochs(b *block) ([]Run, error) {
	c := &b.chunks[sysEpochs]
	data, err := r.chunk(c)
	if err != nil {
		return nil, err
	}
	p := parser{b: data, ok: true}
	var runs []Run
	total := 0
	for len(p.b) > 0 {
		run := Run{Epoch: p.uvarint(math.MaxUint64), Rows: int(p.uvarint(uint64(b.rows)))}
		total += run.Rows
		runs = append(runs, run)
	}
	if !p.ok || total != b.rows {
		return nil, corrupt(r.name, c.off, "bad epochs")
	}
	return runs, nil
}

// column reads chunk number at; nil if the block has none. A type other than
// the zero one must be what is stored.
func (r *Reader) column(b *block, at int, want types.Type) (*vec.Vec, error) {
	c := &b.chunks[at]
	if c.length == 0 {
		return nil, nil
	}
	data, err := r.chunk(c)
	if err != nil {
		return nil, err
	}
	v, err := rowenc.DecodeColumn(data, b.rows)
	if err != nil {
		return nil, corrupt(r.name, c.off, "%v", err)
	}
	if want != (types.Type{}) && v.Type != want {
		return nil, corrupt(r.name, c.off, "a column of another type")
	}
	return v, nil
}

// readAll reads a small file whole.
func readAll(fs vfs.FS, name string, limit int64) ([]byte, error) {
	f, err := fs.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if st.Size() > limit {
		return nil, corrupt(name, limit, "file of %d bytes", st.Size())
	}
	b := make([]byte, st.Size())
	if len(b) == 0 {
		return b, nil
	}
	n, err := f.ReadAt(b, 0)
	if n < len(b) && err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return b[:n], nil
}
