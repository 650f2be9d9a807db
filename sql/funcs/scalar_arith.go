package funcs

import (
	"math"
	"math/bits"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// The arithmetic operators of integers and floats. Overflow is looked for in
// the loop without branches; only a batch that has one is gone through again,
// to find its rows.

// arithInts are the pairs of integer types that add, subtract, multiply and divide.
var arithInts = []types.Type{types.Int2, types.Int4, types.Int8}

func arithRows() []Overload {
	var out []Overload
	for i, l := range arithInts {
		for j, r := range arithInts {
			t := arithInts[max(i, j)]
			bin := func(op string, k Kernel, doc, ex string) {
				if l != types.Int4 || r != types.Int4 {
					ex = ""
				}
				out = append(out, Overload{Name: op, Args: ts(l, r), Ret: t, Kernel: k, Cheap: true, Doc: doc, Example: ex})
			}
			bin("+", intKernel(t, addInts), "Addition.", "2 + 3 → 5")
			bin("-", intKernel(t, subInts), "Subtraction.", "2 - 3 → -1")
			bin("*", intKernel(t, mulInts), "Multiplication.", "2 * 3 → 6")
			bin("/", divKernel(t), "Division; of integers, cut off towards zero.", "-7 / 2 → -3")
			if l == r {
				bin("%", modKernel(t), "Remainder, with the sign of the dividend.", "-7 % 2 → -1")
			}
		}
	}
	for _, l := range []types.Type{types.Float4, types.Float8} {
		for _, r := range []types.Type{types.Float4, types.Float8} {
			t := types.Float8
			if l == types.Float4 && r == types.Float4 {
				t = types.Float4
			}
			out = append(out, cheap(
				kern("+", ts(l, r), t, floatKernel(t, addFloats), "Addition.", ""),
				kern("-", ts(l, r), t, floatKernel(t, subFloats), "Subtraction.", ""),
				kern("*", ts(l, r), t, floatKernel(t, mulFloats), "Multiplication.", ""),
				kern("/", ts(l, r), t, floatKernel(t, divFloats), "Division.", ""),
			)...)
		}
	}
	return append(out, unaryRows()...)
}

func unaryRows() []Overload {
	var out []Overload
	for _, t := range arithInts {
		lo, _, err := intLimits(t)
		ex := ""
		if t == types.Int4 {
			ex = "abs(-5) → 5"
		}
		neg := func(c *Ctx, n int, a []*vec.Vec) *vec.Vec {
			v := c.ints(t, n)
			for i, x := range a[0].Ints[:n] {
				if x == lo {
					c.Fail(i, err)
				}
				v.Ints[i] = -x
			}
			return v
		}
		abs := func(c *Ctx, n int, a []*vec.Vec) *vec.Vec {
			v := c.ints(t, n)
			for i, x := range a[0].Ints[:n] {
				if x == lo {
					c.Fail(i, err)
				}
				v.Ints[i] = max(x, -x)
			}
			return v
		}
		out = append(out, cheap(
			kern("-", ts(t), t, neg, "Negation.", ""),
			kern("+", ts(t), t, same, "The value itself.", ""),
			kern("abs", ts(t), t, abs, "Absolute value.", ex),
			kern("@", ts(t), t, abs, "Absolute value.", ""),
		)...)
	}
	for _, t := range []types.Type{types.Float4, types.Float8} {
		out = append(out, cheap(
			kern("-", ts(t), t, floats1(t, func(x float64) float64 { return -x }), "Negation.", ""),
			kern("+", ts(t), t, same, "The value itself.", ""),
			kern("abs", ts(t), t, floats1(t, math.Abs), "Absolute value.", ""),
			kern("@", ts(t), t, floats1(t, math.Abs), "Absolute value.", ""),
		)...)
	}
	return out
}

func same(_ *Ctx, _ int, a []*vec.Vec) *vec.Vec { return a[0] }

func intLimits(t types.Type) (lo, hi int64, err *sqlerr.Error) {
	switch t.OID {
	case types.OIDInt2:
		return math.MinInt16, math.MaxInt16, errInt2Range
	case types.OIDInt4:
		return math.MinInt32, math.MaxInt32, errInt4Range
	}
	return math.MinInt64, math.MaxInt64, errInt8Range
}

// intLoop computes dst = a op b, where a or b of one element stands for all, and
// reports whether any result left 64 bits. check tells for one pair.
type intLoop struct {
	run   func(dst, a, b []int64, ca, cb bool) (over bool)
	check func(a, b int64) bool // true: out of int64
}

func intKernel(t types.Type, op intLoop) Kernel {
	lo, hi, err := intLimits(t)
	return func(c *Ctx, n int, a []*vec.Vec) *vec.Vec {
		out := c.ints(t, n)
		over := op.run(out.Ints, a[0].Ints, a[1].Ints, a[0].Const, a[1].Const)
		if t.OID == types.OIDInt8 {
			if over {
				sl, sr := step(a[0]), step(a[1])
				rowsOf(n, a, func(i int) {
					if op.check(a[0].Ints[i&sl], a[1].Ints[i&sr]) {
						c.Fail(i, err)
					}
				})
			}
			return out
		}
		if outside(out.Ints, lo, hi) {
			rowsOf(n, a, func(i int) {
				if x := out.Ints[i]; x < lo || x > hi {
					c.Fail(i, err)
				}
			})
		}
		return out
	}
}

// outside reports whether any x leaves [lo, hi], which span a power of two.
func outside(xs []int64, lo, hi int64) bool {
	var over uint64
	width := uint64(hi - lo)
	for _, x := range xs {
		over |= (uint64(x-lo) | width) ^ width
	}
	return over != 0
}

var addInts = intLoop{
	run: func(dst, a, b []int64, ca, cb bool) bool {
		if ca && !cb {
			a, b, ca, cb = b, a, cb, ca
		}
		var over int64
		if cb && !ca {
			y := b[0]
			for i, x := range a[:len(dst)] {
				r := x + y
				dst[i] = r
				over |= (x ^ r) & (y ^ r)
			}
			return over < 0
		}
		a, b = a[:len(dst)], b[:len(dst)]
		for i, x := range a {
			y := b[i]
			r := x + y
			dst[i] = r
			over |= (x ^ r) & (y ^ r)
		}
		return over < 0
	},
	check: func(x, y int64) bool { r := x + y; return (x^r)&(y^r) < 0 },
}

var subInts = intLoop{
	run: func(dst, a, b []int64, ca, cb bool) bool {
		var over int64
		switch {
		case cb && !ca:
			y := b[0]
			for i, x := range a[:len(dst)] {
				r := x - y
				dst[i] = r
				over |= (x ^ y) & (x ^ r)
			}
		case ca && !cb:
			x := a[0]
			for i, y := range b[:len(dst)] {
				r := x - y
				dst[i] = r
				over |= (x ^ y) & (x ^ r)
			}
		default:
			a, b = a[:len(dst)], b[:len(dst)]
			for i, x := range a {
				y := b[i]
				r := x - y
				dst[i] = r
				over |= (x ^ y) & (x ^ r)
			}
		}
		return over < 0
	},
	check: func(x, y int64) bool { r := x - y; return (x^y)&(x^r) < 0 },
}

var mulInts = intLoop{
	run: func(dst, a, b []int64, ca, cb bool) bool {
		if ca && !cb {
			a, b, ca, cb = b, a, cb, ca
		}
		var over int64
		if cb && !ca {
			y := b[0]
			for i, x := range a[:len(dst)] {
				hi, lo := mulSigned(x, y)
				dst[i] = lo
				over |= hi ^ lo>>63
			}
			return over != 0
		}
		a, b = a[:len(dst)], b[:len(dst)]
		for i, x := range a {
			hi, lo := mulSigned(x, b[i])
			dst[i] = lo
			over |= hi ^ lo>>63
		}
		return over != 0
	},
	check: func(x, y int64) bool { hi, lo := mulSigned(x, y); return hi != lo>>63 },
}

// mulSigned is the signed 128-bit product.
func mulSigned(x, y int64) (hi, lo int64) {
	h, l := bits.Mul64(uint64(x), uint64(y))
	return int64(h) - (x>>63)&y - (y>>63)&x, int64(l)
}

func divKernel(t types.Type) Kernel {
	lo, _, err := intLimits(t)
	return func(c *Ctx, n int, a []*vec.Vec) *vec.Vec {
		out := &vec.Vec{Type: t, N: n, Ints: make([]int64, n)}
		sl, sr := step(a[0]), step(a[1])
		l, r := a[0].Ints, a[1].Ints
		for i := range n {
			x, y := l[i&sl], r[i&sr]
			switch y {
			case 0:
				c.Fail(i, errDivZero)
			case -1:
				if x == lo {
					c.Fail(i, err)
				}
				out.Ints[i] = -x
			default:
				out.Ints[i] = x / y
			}
		}
		return out
	}
}

func modKernel(t types.Type) Kernel {
	return func(c *Ctx, n int, a []*vec.Vec) *vec.Vec {
		out := &vec.Vec{Type: t, N: n, Ints: make([]int64, n)}
		sl, sr := step(a[0]), step(a[1])
		for i := range n {
			x, y := a[0].Ints[i&sl], a[1].Ints[i&sr]
			switch y {
			case 0:
				c.Fail(i, errDivZero)
			case -1: // also where the quotient would overflow
			default:
				out.Ints[i] = x % y
			}
		}
		return out
	}
}

// floatLoop computes dst = a op b; check gives the error of one pair's result.
type floatLoop struct {
	run   func(dst, a, b []float64)
	check func(a, b, r float64) *sqlerr.Error
}

func floatKernel(t types.Type, op floatLoop) Kernel {
	single := t.OID == types.OIDFloat4
	return func(c *Ctx, n int, a []*vec.Vec) *vec.Vec {
		out := c.floats(t, n)
		l, r := spread(a[0], n), spread(a[1], n)
		op.run(out.Floats, l, r)
		suspect := false
		for i, x := range out.Floats {
			if single {
				x = float64(float32(x))
				out.Floats[i] = x
			}
			// Results that are infinite, NaN or 0 are the only ones that may be errors.
			suspect = suspect || x-x != 0 || x == 0
		}
		if suspect {
			rowsOf(n, a, func(i int) {
				if err := op.check(l[i], r[i], out.Floats[i]); err != nil {
					c.Fail(i, err)
				}
			})
		}
		return out
	}
}

// spread returns a column's floats, a constant's repeated.
func spread(v *vec.Vec, n int) []float64 {
	if !v.Const {
		return v.Floats[:n]
	}
	out := make([]float64, n)
	for i := range out {
		out[i] = v.Floats[0]
	}
	return out
}

func overflowed(a, b, r float64) bool {
	return math.IsInf(r, 0) && !math.IsInf(a, 0) && !math.IsInf(b, 0)
}

func checkAdd(a, b, r float64) *sqlerr.Error {
	if overflowed(a, b, r) {
		return errFloatOver
	}
	return nil
}

var addFloats = floatLoop{check: checkAdd, run: func(dst, a, b []float64) {
	for i, x := range a[:len(dst)] {
		dst[i] = x + b[i]
	}
}}

var subFloats = floatLoop{check: checkAdd, run: func(dst, a, b []float64) {
	for i, x := range a[:len(dst)] {
		dst[i] = x - b[i]
	}
}}

var mulFloats = floatLoop{
	run: func(dst, a, b []float64) {
		for i, x := range a[:len(dst)] {
			dst[i] = x * b[i]
		}
	},
	check: func(a, b, r float64) *sqlerr.Error {
		switch {
		case overflowed(a, b, r):
			return errFloatOver
		case r == 0 && a != 0 && b != 0:
			return errFloatUnder
		}
		return nil
	},
}

var divFloats = floatLoop{
	run: func(dst, a, b []float64) {
		for i, x := range a[:len(dst)] {
			dst[i] = x / b[i]
		}
	},
	check: func(a, b, r float64) *sqlerr.Error {
		switch {
		case b == 0 && a == a:
			return errDivZero
		case overflowed(a, 0, r):
			return errFloatOver
		case r == 0 && a != 0 && !math.IsInf(b, 0):
			return errFloatUnder
		}
		return nil
	},
}
