package funcs

import (
	"bytes"
	"math"

	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// cmpOps are the comparison operators by the outcomes of a three-way comparison
// for which they are true.
var cmpOps = []struct {
	name       string
	lt, eq, gt bool
	doc        string
}{
	{"=", false, true, false, "Equal."},
	{"<>", true, false, true, "Not equal."},
	{"<", true, false, false, "Less than."},
	{"<=", true, true, false, "Less than or equal."},
	{">", false, false, true, "Greater than."},
	{">=", false, true, true, "Greater than or equal."},
}

// sameTypeOps are the types that compare with themselves.
var sameTypeOps = []types.Type{
	types.Bool, types.Int2, types.Int4, types.Int8, types.Oid, types.Float4, types.Float8, types.Numeric,
	types.Text, bpcharT, types.Name, types.Char, types.Bytea, types.UUID, types.JSONB,
	types.Date, types.Time, types.Timestamp, types.Timestamptz, types.Interval, anyArray, recordT,
}

// crossTypeOps are pairs that compare without a cast, each in both directions.
var crossTypeOps = [][2]types.Type{
	{types.Int2, types.Int4}, {types.Int2, types.Int8}, {types.Int4, types.Int8},
	{types.Float4, types.Float8}, {types.Name, types.Text},
	{types.Date, types.Timestamp}, {types.Date, types.Timestamptz}, {types.Timestamp, types.Timestamptz},
}

func compareRows() []Overload {
	var out []Overload
	add := func(l, r types.Type) {
		for k, op := range cmpOps {
			o := Overload{Name: op.name, Args: ts(l, r), Ret: types.Bool, Doc: op.doc, Cheap: true}
			if l == r {
				o.Example = compareExample(l, op.name)
			}
			switch {
			case isPolymorphic(l) || l == recordT:
				o.Cheap = false
				o.Bind = func(args []types.Type, _ types.Type) Kernel { return compareDatums(k, args[0]) }
			default:
				o.Kernel = compareKernel(k, l, r)
			}
			if (l == types.Timestamptz) != (r == types.Timestamptz) {
				o.Volatility, o.Cheap = Stable, false
			}
			out = append(out, o)
		}
	}
	for _, t := range sameTypeOps {
		add(t, t)
	}
	for _, p := range crossTypeOps {
		add(p[0], p[1])
		add(p[1], p[0])
	}
	return out
}

func compareExample(t types.Type, op string) string {
	if t == types.Int4 && op == "<" {
		return "1 < 2 → t"
	}
	return ""
}

func compareKernel(k int, l, r types.Type) Kernel {
	switch {
	case l.OID == types.OIDDate && r.OID != types.OIDDate, r.OID == types.OIDDate && l.OID != types.OIDDate,
		l != r && (l == types.Timestamptz || r == types.Timestamptz):
		return compareInstants(k, l, r)
	case l.Phys() == types.PhysInt:
		return compareInts(k, l.OID == types.OIDChar)
	case l.Phys() == types.PhysFloat:
		return compareFloats(k)
	case l.Phys() == types.PhysBool:
		return compareBools(k)
	case l.Phys() == types.PhysNumeric:
		return compareNumerics(k)
	}
	switch l.OID {
	case types.OIDText, types.OIDName, types.OIDBytea, types.OIDUUID:
		return compareBytes(k)
	}
	return compareDatums(k, l)
}

// number is what compares with Go's own operators.
type number interface{ int64 | uint64 | float64 }

// compareSlices fills out[i] with a[i] op b[i]; a slice of one value stands for
// all rows. The operator is decided outside the loops, so that each loop is
// branch-free.
func compareSlices[T number](k int, out []bool, a, b []T, ca, cb bool) {
	switch {
	case cb && !ca:
		compareConst(k, out, a, b[0])
	case ca && !cb:
		// c op x is x op' c with the operator mirrored.
		compareConst([]int{0, 1, 4, 5, 2, 3}[k], out, b, a[0])
	default:
		compareColumns(k, out, a, b)
	}
}

func compareConst[T number](k int, out []bool, a []T, c T) {
	a = a[:len(out)]
	switch k {
	case 0:
		for i, x := range a {
			out[i] = x == c
		}
	case 1:
		for i, x := range a {
			out[i] = x != c
		}
	case 2:
		for i, x := range a {
			out[i] = x < c
		}
	case 3:
		for i, x := range a {
			out[i] = x <= c
		}
	case 4:
		for i, x := range a {
			out[i] = x > c
		}
	case 5:
		for i, x := range a {
			out[i] = x >= c
		}
	}
}

func compareColumns[T number](k int, out []bool, a, b []T) {
	a, b = a[:len(out)], b[:len(out)]
	switch k {
	case 0:
		for i, x := range a {
			out[i] = x == b[i]
		}
	case 1:
		for i, x := range a {
			out[i] = x != b[i]
		}
	case 2:
		for i, x := range a {
			out[i] = x < b[i]
		}
	case 3:
		for i, x := range a {
			out[i] = x <= b[i]
		}
	case 4:
		for i, x := range a {
			out[i] = x > b[i]
		}
	case 5:
		for i, x := range a {
			out[i] = x >= b[i]
		}
	}
}

func compareInts(k int, unsigned bool) Kernel {
	return func(c *Ctx, n int, a []*vec.Vec) *vec.Vec {
		out := c.truths(n)
		l, r := a[0].Ints, a[1].Ints
		if unsigned { // "char" is a byte, stored signed
			l, r = asBytes(l), asBytes(r)
		}
		compareSlices(k, out.Bools, l, r, a[0].Const, a[1].Const)
		return out
	}
}

func asBytes(xs []int64) []int64 {
	out := make([]int64, len(xs))
	for i, x := range xs {
		out[i] = int64(byte(x))
	}
	return out
}

// compareFloats first compares as Go does, then repairs rows with NaN, which
// equals itself and is above everything.
func compareFloats(k int) Kernel {
	return func(c *Ctx, n int, a []*vec.Vec) *vec.Vec {
		out := c.truths(n)
		l, r := a[0].Floats, a[1].Floats
		compareSlices(k, out.Bools, l, r, a[0].Const, a[1].Const)
		if !hasNaN(l) && !hasNaN(r) {
			return out
		}
		sl, sr := step(a[0]), step(a[1])
		for i := range n {
			x, y := l[i&sl], r[i&sr]
			if x != x || y != y {
				out.Bools[i] = outcome(k, cmpFloat(x, y))
			}
		}
		return out
	}
}

func hasNaN(xs []float64) bool {
	found := false
	for _, x := range xs {
		found = found || x != x
	}
	return found
}

func cmpFloat(x, y float64) int {
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	case x == y:
		return 0
	case x != x && y != y:
		return 0
	case x != x:
		return 1
	}
	return -1
}

// outcome applies operator k to a three-way comparison.
func outcome(k, c int) bool {
	op := &cmpOps[k]
	return c < 0 && op.lt || c == 0 && op.eq || c > 0 && op.gt
}

func compareBools(k int) Kernel {
	return func(c *Ctx, n int, a []*vec.Vec) *vec.Vec {
		out := c.truths(n)
		sl, sr := step(a[0]), step(a[1])
		for i := range n {
			x, y := types.Boolean(a[0].Bools[i&sl]).I, types.Boolean(a[1].Bools[i&sr]).I
			out.Bools[i] = outcome(k, int(x-y))
		}
		return out
	}
}

func compareBytes(k int) Kernel {
	return func(c *Ctx, n int, a []*vec.Vec) *vec.Vec {
		out := c.truths(n)
		sl, sr := step(a[0]), step(a[1])
		lo, ld, ro, rd := a[0].Off, a[0].Data, a[1].Off, a[1].Data
		if k < 2 {
			want := k == 0
			for i := range n {
				x, y := i&sl, i&sr
				out.Bools[i] = (string(ld[lo[x]:lo[x+1]]) == string(rd[ro[y]:ro[y+1]])) == want
			}
			return out
		}
		for i := range n {
			x, y := i&sl, i&sr
			out.Bools[i] = outcome(k, bytes.Compare(ld[lo[x]:lo[x+1]], rd[ro[y]:ro[y+1]]))
		}
		return out
	}
}

// compareNumerics compares narrow columns as integers brought to one scale;
// what does not fit, and wide columns, go value by value.
func compareNumerics(k int) Kernel {
	general := compareDatums(k, types.Numeric)
	return func(c *Ctx, n int, a []*vec.Vec) *vec.Vec {
		l, r := a[0], a[1]
		if l.Scale < 0 || r.Scale < 0 {
			return general(c, n, a)
		}
		scale := max(l.Scale, r.Scale)
		x, ok1 := rescaled(c, l.Ints, scale-l.Scale)
		y, ok2 := rescaled(c, r.Ints, scale-r.Scale)
		if !ok1 || !ok2 {
			return general(c, n, a)
		}
		out := c.truths(n)
		compareSlices(k, out.Bools, x, y, l.Const, r.Const)
		return out
	}
}

// rescaled returns xs × 10^by, false if one does not fit.
func rescaled(c *Ctx, xs []int64, by int32) ([]int64, bool) {
	if by == 0 {
		return xs, true
	}
	if by >= int32(len(pow10)) {
		return nil, false
	}
	m := pow10[by]
	limit := math.MaxInt64 / m
	out := c.Scratch.Ints(len(xs))
	over := false
	for i, x := range xs {
		over = over || x > limit || x < -limit
		out[i] = x * m
	}
	return out, !over
}

var pow10 = [19]int64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18}

// compareDatums is the general shape, for what has no loop of its own.
func compareDatums(k int, t types.Type) Kernel {
	return func(c *Ctx, n int, a []*vec.Vec) *vec.Vec {
		out := c.truths(n)
		rowsOf(n, a, func(i int) {
			out.Bools[i] = outcome(k, types.Compare(datumAt(a[0], i), datumAt(a[1], i), t))
		})
		return out
	}
}

// compareInstants compares dates and timestamps of different kinds as instants;
// what has no zone is taken in the session's.
func compareInstants(k int, l, r types.Type) Kernel {
	zoned := l == types.Timestamptz || r == types.Timestamptz
	return func(c *Ctx, n int, a []*vec.Vec) *vec.Vec {
		out := c.truths(n)
		rowsOf(n, a, func(i int) {
			x := instant(c, l, a[0].Datum(i).I, zoned)
			y := instant(c, r, a[1].Datum(i).I, zoned)
			out.Bools[i] = outcome(k, cmpInt(x, y))
		})
		return out
	}
}

func cmpInt(x, y int64) int {
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// instant converts to µs; a date beyond the range of timestamps becomes the
// last instant before infinity.
func instant(c *Ctx, t types.Type, v int64, zoned bool) int64 {
	if v == math.MinInt64 || v == math.MaxInt64 {
		return v
	}
	us, err := v, error(nil)
	switch {
	case t == types.Date && zoned:
		us, err = types.DateToTimestamptz(v, c.zone())
	case t == types.Date:
		us, err = types.DateToTimestamp(v)
	case t == types.Timestamp && zoned:
		us, err = types.TimestampToTimestamptz(v, c.zone())
	}
	if err != nil {
		if v < 0 {
			return math.MinInt64 + 1
		}
		return math.MaxInt64 - 1
	}
	return us
}
