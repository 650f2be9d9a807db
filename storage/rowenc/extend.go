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

//
// A column whose type becomes wider gets such an image as well: what was written
// before stands where it stood, what is written from then on in the image, and the
// last one that is not NULL counts.

// Grown is a change of a column's type to one that takes more bytes.
type Grown struct {
	Column  int        // whose
	Was     types.Type // until then
	Columns int        // how many the schema had then
}

// Widens reports whether images can go on when a column of one type gets another:
// every value stays the same number.
func Widens(from, to types.Type) bool {
	ints := map[uint32]int{types.OIDInt2: 1, types.OIDInt4: 2, types.OIDInt8: 3}
	if f, t := ints[from.OID], ints[to.OID]; f > 0 && t > 0 {
		return f < t
	}
	return from.OID == types.OIDFloat4 && to.OID == types.OIDFloat8
}

// NewGrownCodec compiles the codec of a schema whose first base columns were there
// when it began, and whose columns had narrower types before: the oldest change
// comes first.
func NewGrownCodec(ts []types.Type, base int, grown []Grown) *Codec {
	was := append([]types.Type(nil), ts...) // each column's first type
	for i := len(grown) - 1; i >= 0; i-- {
		was[grown[i].Column] = grown[i].Was
	}
	c := NewCodec(was[:base])
	c.types, c.first = ts, was[:base]
	add := func(column int, t types.Type) {
		c.added, c.of = append(c.added, NewCodec([]types.Type{t})), append(c.of, column)
	}
	next := 0
	for n := base; ; n++ {
		for ; next < len(grown) && grown[next].Columns <= n; next++ {
			g := grown[next]
			to := ts[g.Column]
			for _, later := range grown[next+1:] {
				if later.Column == g.Column {
					to = later.Was
					break
				}
			}
			add(g.Column, to)
		}
		if n == len(ts) {
			return c
		}
		add(n, was[n])
	}
}

// NewExtendedCodec compiles the codec of a schema whose first base columns were
// there when it began. With all of them it is NewCodec.
func NewExtendedCodec(ts []types.Type, base int) *Codec { return NewGrownCodec(ts, base, nil) }

// encodeExtended is Encode with images behind the first. A column stands in the
// last of its own.
func (c *Codec) encodeExtended(dst *Keys, cols []*vec.Vec, n int) {
	parts := make([]Keys, 1+len(c.added))
	behind := map[int]int{} // column → its last image
	for i, col := range c.of {
		behind[col] = i
	}
	heads := append([]*vec.Vec(nil), cols[:len(c.slots)]...)
	for col := range heads {
		if _, ok := behind[col]; ok {
			heads[col] = vec.ConstVec(c.first[col], types.NullDatum, n)
		}
	}
	first := *c
	first.added = nil
	first.Encode(&parts[0], heads, n)
	size := len(parts[0].Data)
	for i, a := range c.added {
		v := cols[c.of[i]]
		if behind[c.of[i]] != i {
			v = vec.ConstVec(a.types[0], types.NullDatum, n)
		}
		a.Encode(&parts[i+1], []*vec.Vec{v}, n)
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

// decodeExtended is Decode with images behind the first.
func (c *Codec) decodeExtended(rows [][]byte, want []int) ([]*vec.Vec, error) {
	base := len(c.slots)
	first := *c
	first.added, first.types = nil, c.first
	rest := make([][]byte, len(rows))
	heads := make([][]byte, len(rows))
	for i, r := range rows {
		n, err := first.length(r)
		if err != nil {
			return nil, err
		}
		heads[i], rest[i] = r[:n], r[n:]
	}
	all := make([]*vec.Vec, len(c.types))
	from := []int{}
	for _, col := range want {
		if col < base {
			from = append(from, col)
		}
	}
	got, err := first.Decode(heads, from)
	if err != nil {
		return nil, err
	}
	for i, col := range from {
		all[col] = got[i]
	}
	for i, a := range c.added {
		v, err := a.next(rest)
		if err != nil {
			return nil, err
		}
		if col := c.of[i]; all[col] != nil {
			all[col] = newer(all[col], v)
		} else if col >= base {
			all[col] = v
		}
	}
	for i := range rest {
		if len(rest[i]) > 0 {
			return nil, corrupt("%d bytes behind a row image", len(rest[i]))
		}
	}
	cols := make([]*vec.Vec, len(want))
	for k, col := range want {
		if v := all[col]; v.Type != c.types[col] {
			w := *v
			w.Type = c.types[col]
			all[col] = &w
		}
		cols[k] = all[col]
	}
	return cols, nil
}

// newer is old where now is NULL.
func newer(old, now *vec.Vec) *vec.Vec {
	if now.Valid == nil {
		return now
	}
	from, row := make([]int32, old.N), make([]int32, old.N)
	for i := range from {
		row[i] = int32(i)
		if !now.IsNull(i) {
			from[i] = 1
		}
	}
	return vec.Pick(now.Type, []*vec.Vec{old, now}, from, row)
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
