package rowenc

import (
	"encoding/binary"

	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// Columns that a schema gets later are appended to the images, each as an image of
// its own: an image written before one was added ends where it would begin, and
// the column is then NULL. What an image of the first columns takes can be told
// from the image itself, so that old and new ones lie side by side and no row has
// to be written again.

// NewExtendedCodec compiles the codec of a schema whose first base columns were
// there when it began. With all of them it is NewCodec.
func NewExtendedCodec(ts []types.Type, base int) *Codec {
	c := NewCodec(ts[:base])
	if base == len(ts) {
		return c
	}
	c.types = ts
	for i := base; i < len(ts); i++ {
		c.added = append(c.added, NewCodec(ts[i:i+1]))
	}
	return c
}

// encodeExtended is Encode with added columns.
func (c *Codec) encodeExtended(dst *Keys, cols []*vec.Vec, n int) {
	base := len(c.slots)
	parts := make([]Keys, 1+len(c.added))
	first := *c
	first.added = nil
	first.Encode(&parts[0], cols[:base], n)
	size := len(parts[0].Data)
	for i, a := range c.added {
		a.Encode(&parts[i+1], cols[base+i:base+i+1], n)
		size += len(parts[i+1].Data)
	}
	dst.reset(n)
	dst.size(size)
	at := 0
	for i := range n {
		for p := range parts {
			at += copy(dst.Data[at:], parts[p].Key(i))
		}
		dst.Off[i+1] = uint32(at)
	}
}

// decodeExtended is Decode with added columns.
func (c *Codec) decodeExtended(rows [][]byte, want []int) ([]*vec.Vec, error) {
	base := len(c.slots)
	first := *c
	first.added, first.types = nil, c.types[:base]
	rest := make([][]byte, len(rows))
	heads := make([][]byte, len(rows))
	for i, r := range rows {
		n, err := first.length(r)
		if err != nil {
			return nil, err
		}
		heads[i], rest[i] = r[:n], r[n:]
	}
	cols := make([]*vec.Vec, len(want))
	var from, at []int
	for k, col := range want {
		if col < base {
			from, at = append(from, col), append(at, k)
		}
	}
	got, err := first.Decode(heads, append([]int{}, from...))
	if err != nil {
		return nil, err
	}
	for i, k := range at {
		cols[k] = got[i]
	}
	for i, a := range c.added {
		v, err := a.next(rest)
		if err != nil {
			return nil, err
		}
		for k, col := range want {
			if col == base+i {
				cols[k] = v
			}
		}
	}
	for i := range rest {
		if len(rest[i]) > 0 {
			return nil, corrupt("%d bytes behind a row image", len(rest[i]))
		}
	}
	return cols, nil
}

// next decodes the one column of c from the front of rows and takes it off them;
// NULL where nothing is left.
func (c *Codec) next(rows [][]byte) (*vec.Vec, error) {
	heads := make([][]byte, len(rows))
	var null []byte // an image of NULL
	for i, r := range rows {
		if len(r) == 0 {
			if null == nil {
				var k Keys
				c.Encode(&k, []*vec.Vec{vec.ConstVec(c.types[0], types.NullDatum, 1)}, 1)
				null = k.Key(0)
			}
			heads[i] = null
			continue
		}
		n, err := c.length(r)
		if err != nil {
			return nil, err
		}
		heads[i], rows[i] = r[:n], r[n:]
	}
	cols, err := c.Decode(heads, nil)
	if err != nil {
		return nil, err
	}
	return cols[0], nil
}

// length is the length of the image at the front of r.
func (c *Codec) length(r []byte) (int, error) {
	n := c.fixed
	if len(r) < n {
		return 0, corrupt("row image of %d bytes, its fixed part has %d", len(r), n)
	}
	if k := len(c.bytes); k > 0 {
		n += int(binary.LittleEndian.Uint32(r[c.slots[c.bytes[k-1]].off:]))
	}
	for _, col := range c.nums {
		b := r[c.slots[col].off:]
		if r[col/8]&(1<<(col&7)) == 0 && b[0] == wideScale {
			n = max(n, c.fixed+int(binary.LittleEndian.Uint32(b[1:]))+int(binary.LittleEndian.Uint32(b[5:])))
		}
	}
	if n > len(r) {
		return 0, corrupt("row image of %d bytes ends at %d", len(r), n)
	}
	return n, nil
}
