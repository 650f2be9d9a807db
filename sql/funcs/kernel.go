package funcs

import (
	"unsafe"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// This file has the shapes of kernels: a table row names its function of single
// values, the shape makes the loop over columns.

// CommonValid returns the rows in which no argument is NULL; nil: all. Constant
// arguments are taken to be not NULL.
func CommonValid(n int, args []*vec.Vec) vec.Bitmap { return commonValid(nil, n, args) }

// Valid is CommonValid in memory that is lent.
func (c *Ctx) Valid(n int, args []*vec.Vec) vec.Bitmap { return commonValid(c.Scratch, n, args) }

func commonValid(scratch *vec.Arena, n int, args []*vec.Vec) vec.Bitmap {
	var out vec.Bitmap
	owned := false
	words := (n + 63) / 64
	for _, a := range args {
		if a.Const || a.Valid == nil {
			continue
		}
		switch {
		case out == nil:
			out = a.Valid[:words]
		case owned:
			for i, w := range a.Valid[:words] {
				out[i] &= w
			}
		default:
			both := scratch.Bits(n)
			for i, w := range a.Valid[:words] {
				both[i] = out[i] & w
			}
			out, owned = both, true
		}
	}
	return out
}

// step is what an index is ANDed with: -1 walks along a column, 0 stays at a
// constant.
func step(v *vec.Vec) int {
	if v.Const {
		return 0
	}
	return -1
}

// datumAt is v.Datum without copying bytes: the value lives as long as v.
func datumAt(v *vec.Vec, i int) types.Datum {
	if v.IsNull(i) {
		return types.NullDatum
	}
	switch v.Type.Phys() {
	case types.PhysNumeric:
		if v.Scale < 0 {
			return types.Datum{S: stringAt(v, i), Scale: -1}
		}
	case types.PhysBytes:
		return types.Datum{S: stringAt(v, i)}
	}
	return v.Datum(i)
}

// stringAt is the bytes of row i as a string that shares v's memory.
func stringAt(v *vec.Vec, i int) string {
	b := v.Bytes(i)
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// fail records err for row i, with XX000 if it has no code.
func (c *Ctx) fail(i int, err error) {
	if e, ok := err.(*sqlerr.Error); ok {
		c.Fail(i, e)
		return
	}
	c.Fail(i, sqlerr.From(err))
}

// rowsOf calls f for each row in which no argument is NULL.
func rowsOf(n int, args []*vec.Vec, f func(i int)) {
	valid := CommonValid(n, args)
	if valid == nil {
		for i := range n {
			f(i)
		}
		return
	}
	for _, i := range valid.Positions(n) {
		f(int(i))
	}
}

// ints1 and the like: one function of single values, without errors.
func ints1(t types.Type, f func(int64) int64) Kernel {
	return func(c *Ctx, n int, a []*vec.Vec) *vec.Vec {
		out := c.ints(t, n)
		for i, x := range a[0].Ints[:n] {
			out.Ints[i] = f(x)
		}
		return out
	}
}

func floats1(t types.Type, f func(float64) float64) Kernel {
	return func(c *Ctx, n int, a []*vec.Vec) *vec.Vec {
		out := c.floats(t, n)
		for i, x := range a[0].Floats[:n] {
			out.Floats[i] = f(x)
		}
		return out
	}
}

// byDatum is the general shape: f gets the row's arguments, which live as long
// as the batch; an error fails the row; a NULL result is NULL. Rows with a NULL
// argument are skipped (strict).
func byDatum(f func(c *Ctx, a []types.Datum) (types.Datum, error)) func(t types.Type) Kernel {
	return func(t types.Type) Kernel {
		return func(c *Ctx, n int, args []*vec.Vec) *vec.Vec {
			b := vec.NewBuilder(t, n)
			valid := CommonValid(n, args)
			ds := make([]types.Datum, len(args))
			for i := range n {
				if valid != nil && !valid.Get(i) {
					b.Null()
					continue
				}
				for k, a := range args {
					ds[k] = datumAt(a, i)
				}
				d, err := f(c, ds)
				if err != nil {
					c.fail(i, err)
					b.Null()
					continue
				}
				b.Datum(d)
			}
			return b.Finish()
		}
	}
}

// byDatumNulls is byDatum for functions that see NULLs themselves.
func byDatumNulls(f func(c *Ctx, a []types.Datum) (types.Datum, error)) func(t types.Type) Kernel {
	return func(t types.Type) Kernel {
		return func(c *Ctx, n int, args []*vec.Vec) *vec.Vec {
			b := vec.NewBuilder(t, n)
			ds := make([]types.Datum, len(args))
			for i := range n {
				for k, a := range args {
					ds[k] = datumAt(a, i)
				}
				d, err := f(c, ds)
				if err != nil {
					c.fail(i, err)
					b.Null()
					continue
				}
				b.Datum(d)
			}
			return b.Finish()
		}
	}
}

// fn makes the row of a strict immutable function from one of single values.
func fn(name string, args []types.Type, ret types.Type, f func(c *Ctx, a []types.Datum) (types.Datum, error), doc, example string) Overload {
	o := Overload{Name: name, Args: args, Ret: ret, Doc: doc, Example: example}
	if ret.OID != 0 && !isPolymorphic(ret) {
		o.Kernel = byDatum(f)(ret)
		return o
	}
	o.Bind = func(_ []types.Type, ret types.Type) Kernel { return byDatum(f)(ret) }
	return o
}

// kern makes the row of a strict immutable function with a kernel of its own.
func kern(name string, args []types.Type, ret types.Type, k Kernel, doc, example string) Overload {
	return Overload{Name: name, Args: args, Ret: ret, Kernel: k, Doc: doc, Example: example}
}

// cheap marks rows as cheap.
func cheap(rows ...Overload) []Overload {
	for i := range rows {
		rows[i].Cheap = true
	}
	return rows
}

// ts is a list of types.
func ts(t ...types.Type) []types.Type { return t }
