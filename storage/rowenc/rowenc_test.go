package rowenc

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/cockroachdb/apd/v3"

	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// keyTypes are the types that the properties below are tried on.
var keyTypes = []types.Type{
	types.Bool, types.Int2, types.Int4, types.Int8, types.Oid, types.Date, types.Timestamptz, types.Float8,
	types.Numeric, types.NumericOf(18, 2), types.Text, types.Bytea, types.UUID, types.Interval, {OID: types.OIDBpchar, Mod: -1},
	{OID: types.OIDInt8Array, Mod: -1}, {OID: types.OIDTextArray, Mod: -1}, {OID: types.OIDNumericArray, Mod: -1}, types.JSONB,
}

func randDatum(rng *rand.Rand, t types.Type) types.Datum {
	if rng.IntN(8) == 0 {
		return types.NullDatum
	}
	return randValue(rng, t)
}

func randValue(rng *rand.Rand, t types.Type) types.Datum {
	switch t.Phys() {
	case types.PhysBool:
		return types.Boolean(rng.IntN(2) == 0)
	case types.PhysInt:
		return types.Int(randInt(rng, t))
	case types.PhysFloat:
		fs := []float64{0, math.Copysign(0, -1), 1, -1, math.Inf(1), math.Inf(-1), math.NaN(), math.SmallestNonzeroFloat64, rng.NormFloat64(), math.MaxFloat64}
		return types.Float(fs[rng.IntN(len(fs))])
	case types.PhysNumeric:
		if p, s, ok := types.NumericMod(t); ok {
			_ = p
			return types.Datum{I: randInt(rng, types.Int8) / 1000, Scale: int32(s)}
		}
		return randNumeric(rng)
	}
	switch t.OID {
	case types.OIDUUID:
		b := make([]byte, 16)
		for i := range b {
			b[i] = byte(rng.IntN(3) * 127)
		}
		return types.String(string(b))
	case types.OIDInterval:
		return types.IntervalDatum(types.IntervalValue{
			Months: int32(rng.IntN(5) - 2), Days: int32(rng.IntN(121) - 60), Micros: (rng.Int64N(5) - 2) * dayMicros / 2})
	case types.OIDBpchar:
		return types.String([]string{"", "a", "a ", "a  ", "b", "ab", " a"}[rng.IntN(7)])
	case types.OIDJSONB:
		return types.String(randJSON(rng, 3))
	}
	if t.IsArray() {
		a := types.Array{Elem: types.ElemOf(t)}
		if n := rng.IntN(4); n > 0 {
			for range n {
				a.Elems = append(a.Elems, randDatum(rng, a.Elem))
			}
			a.Dims, a.Lower = []int32{int32(n)}, []int32{int32(1 + rng.IntN(2))}
		}
		return types.String(string(types.AppendArray(nil, &a)))
	}
	b := make([]byte, rng.IntN(12))
	for i := range b {
		b[i] = []byte{0, 1, 2, 'a', 'b', 0xFE, 0xFF}[rng.IntN(7)]
		if t.OID == types.OIDText {
			b[i] = "\x01\x02abcd~"[rng.IntN(7)]
		}
	}
	return types.String(string(b))
}

func randInt(rng *rand.Rand, t types.Type) int64 {
	x := rng.Int64() >> rng.IntN(64)
	if rng.IntN(2) == 0 {
		x = -x
	}
	switch t.OID {
	case types.OIDInt2:
		return int64(int16(x))
	case types.OIDInt4:
		return int64(int32(x))
	case types.OIDOid:
		return int64(uint32(x))
	}
	return []int64{x, x, x, 0, 1, -1, math.MaxInt64, math.MinInt64}[rng.IntN(8)]
}

func randNumeric(rng *rand.Rand) types.Datum {
	d := new(apd.Decimal)
	switch rng.IntN(10) {
	case 0:
		d.Form = apd.NaN
	case 1:
		d.Form, d.Negative = apd.Infinite, rng.IntN(2) == 0
	case 2, 3:
		d.SetFinite(rng.Int64N(5)-2, -int32(rng.IntN(4)))
	case 4, 5:
		s := []byte("-")[:rng.IntN(2)]
		for range 1 + rng.IntN(60) {
			s = append(s, "0019"[rng.IntN(4)])
		}
		s = append(s, '.')
		for range rng.IntN(80) {
			s = append(s, "0019"[rng.IntN(4)])
		}
		if _, _, err := d.SetString(string(append(s, '0'))); err != nil {
			panic(err)
		}
	default:
		return types.Datum{I: randInt(rng, types.Int8), Scale: int32(rng.IntN(5) * 6)}
	}
	if d.Form != apd.Finite {
		return types.Datum{S: string(types.AppendNumeric(nil, d)), Scale: -1}
	}
	return types.DecimalToDatum(d)
}

func randJSON(rng *rand.Rand, depth int) string {
	switch k := rng.IntN(10); {
	case k < 2:
		return "null"
	case k < 3:
		return []string{"true", "false"}[rng.IntN(2)]
	case k < 5:
		return []string{"0", "1", "-1", "1.0", "1.50", "12345678901234567890123", "-0.001"}[rng.IntN(7)]
	case k < 7 || depth == 0:
		return []string{`""`, `"a"`, `"b\"\\\n"`, `"é\u0001"`, `"ab"`}[rng.IntN(5)]
	case k < 8:
		s := "["
		for i := range rng.IntN(4) {
			if i > 0 {
				s += ", "
			}
			s += randJSON(rng, depth-1)
		}
		return s + "]"
	}
	s := "{"
	for i := range rng.IntN(4) {
		if i > 0 {
			s += ", "
		}
		s += fmt.Sprintf("%q: %s", string("abc"[i]), randJSON(rng, depth-1))
	}
	return s + "}"
}

func encodeOne(t *testing.T, v *vec.Vec, o KeyOptions) [][]byte {
	t.Helper()
	var k Keys
	EncodeKeys(&k, []*vec.Vec{v}, v.N, o)
	return k.Slices(nil)
}

func sign(x int) int {
	switch {
	case x < 0:
		return -1
	case x > 0:
		return 1
	}
	return 0
}

// Bytes order as values do, in either direction, NULLs where they were asked
// for; equal values have equal Canonical keys.
func TestOrder(t *testing.T) {
	for _, typ := range keyTypes {
		t.Run(fmt.Sprint(typ.OID, typ.Mod), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, uint64(typ.OID)))
			ds := make([]types.Datum, 300)
			for i := range ds {
				ds[i] = randDatum(rng, typ)
			}
			v := vec.FromDatums(typ, ds)
			for _, ord := range []Order{{}, {Desc: true}, {NullsFirst: true}, {true, true}} {
				canon := encodeOne(t, v, KeyOptions{Orders: []Order{ord}})
				exact := encodeOne(t, v, KeyOptions{Mode: Exact, Orders: []Order{ord}})
				for i := range ds {
					for j := range ds {
						want := compareDatum(ds[i], ds[j], typ, ord)
						if got := bytes.Compare(canon[i], canon[j]); got != want {
							t.Fatalf("%+v: %+v, %+v: keys %x, %x compare %d, want %d", ord, ds[i], ds[j], canon[i], canon[j], got, want)
						}
						if got := bytes.Compare(exact[i], exact[j]); want != 0 && got != want {
							t.Fatalf("%+v: %+v, %+v: exact keys %x, %x compare %d, want %d", ord, ds[i], ds[j], exact[i], exact[j], got, want)
						}
						if i != j && bytes.HasPrefix(canon[i], canon[j]) && want != 0 {
							t.Fatalf("%x is a prefix of %x", canon[j], canon[i])
						}
					}
				}
			}
		})
	}
}

func compareDatum(a, b types.Datum, t types.Type, ord Order) int {
	switch {
	case a.Null && b.Null:
		return 0
	case a.Null || b.Null:
		if a.Null == ord.NullsFirst {
			return -1
		}
		return 1
	}
	c := oracle(a, b, t)
	if ord.Desc {
		c = -c
	}
	return c
}

// oracle compares without looking at bytes: the plain types here, so that the
// keys are not only checked against types.Compare, the others there.
func oracle(a, b types.Datum, t types.Type) int {
	switch t.Phys() {
	case types.PhysBool, types.PhysInt:
		return cmp.Compare(a.I, b.I)
	case types.PhysFloat:
		switch {
		case a.F != a.F || b.F != b.F:
			return cmp.Compare(btoi(a.F != a.F), btoi(b.F != b.F))
		}
		return cmp.Compare(a.F, b.F)
	case types.PhysNumeric:
		var x, y apd.Decimal
		types.NumericToDecimal(a, &x)
		types.NumericToDecimal(b, &y)
		if x.Form == apd.NaN || y.Form == apd.NaN {
			return cmp.Compare(btoi(x.Form == apd.NaN), btoi(y.Form == apd.NaN))
		}
		return x.Cmp(&y)
	}
	switch t.OID {
	case types.OIDText, types.OIDBytea, types.OIDUUID:
		return strings.Compare(a.S, b.S)
	case types.OIDBpchar:
		return strings.Compare(strings.TrimRight(a.S, " "), strings.TrimRight(b.S, " "))
	case types.OIDInterval:
		return intervalTotal(a.S).Cmp(intervalTotal(b.S))
	}
	return sign(types.Compare(a, b, t))
}

func intervalTotal(s string) *big.Int {
	iv := types.DecodeInterval(s)
	days := big.NewInt(int64(iv.Months)*30 + int64(iv.Days))
	return days.Add(days.Mul(days, big.NewInt(dayMicros)), big.NewInt(iv.Micros))
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Exact keys, images and batches give back the very values; Canonical keys give
// values with the same key.
func TestRoundTrips(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for round := range 300 {
		n := rng.IntN(20)
		var ts []types.Type
		var cols []*vec.Vec
		var orders []Order
		for range rng.IntN(6) {
			typ := keyTypes[rng.IntN(len(keyTypes))]
			ds := make([]types.Datum, n)
			for i := range ds {
				ds[i] = randDatum(rng, typ)
			}
			ts, cols = append(ts, typ), append(cols, vec.FromDatums(typ, ds))
			orders = append(orders, Order{rng.IntN(2) == 0, rng.IntN(2) == 0})
		}
		var k Keys
		for _, m := range []Mode{Canonical, Exact} {
			o := KeyOptions{Mode: m, Orders: orders, Prefix: []byte("id")}
			EncodeKeys(&k, cols, n, o)
			keys := k.Slices(nil)
			if len(keys) != n {
				t.Fatal("rows", len(keys))
			}
			back, rest, err := DecodeKeys(keys, ts, o)
			if err != nil {
				t.Fatalf("round %d: %v %v", round, ts, err)
			}
			for _, r := range rest {
				if len(r) != 0 {
					t.Fatalf("round %d: %d bytes left", round, len(r))
				}
			}
			if m == Exact {
				sameColumns(t, cols, back)
			}
			var again Keys
			EncodeKeys(&again, back, n, o)
			if !bytes.Equal(k.Data[:k.Off[n]], again.Data[:again.Off[n]]) {
				t.Fatalf("round %d, mode %d: %v\n%x\n%x", round, m, ts, k.Slices(nil), again.Slices(nil))
			}
			// A prefix of the columns is a prefix of the bytes.
			if len(cols) > 1 {
				EncodeKeys(&again, cols[:1], n, o)
				for i, p := range again.Slices(nil) {
					if !bytes.HasPrefix(keys[i], p) {
						t.Fatal("not a prefix")
					}
				}
			}
		}
		codec := NewCodec(ts)
		codec.Encode(&k, cols, n)
		rows := k.Slices(nil)
		back, err := codec.Decode(rows, nil)
		if err != nil {
			t.Fatal(err)
		}
		sameColumns(t, cols, back)
		for c := range cols {
			one, err := codec.Decode(rows, []int{c})
			if err != nil {
				t.Fatal(err)
			}
			sameColumns(t, cols[c:c+1], one)
		}
		b := &vec.Batch{N: n, Cols: cols}
		if rng.IntN(2) == 0 {
			for range n {
				b.Weights = append(b.Weights, rng.Int64N(3)-1)
			}
		}
		data := AppendBatch([]byte("x"), b)[1:]
		got, err := DecodeBatch(data)
		if err != nil {
			t.Fatal(err)
		}
		sameColumns(t, cols, got.Cols)
		if n > 0 && !reflect.DeepEqual(b.Weights, got.Weights) {
			t.Fatal(b.Weights, got.Weights)
		}
		for cut := range data {
			if _, err := DecodeBatch(data[:cut]); err == nil {
				t.Fatalf("a batch cut at %d of %d decodes", cut, len(data))
			}
		}
	}
}

func sameColumns(t *testing.T, want, got []*vec.Vec) {
	t.Helper()
	if len(want) != len(got) {
		t.Fatal(len(want), len(got))
	}
	for c := range want {
		if want[c].Type != got[c].Type || want[c].N != got[c].N {
			t.Fatal(want[c].Type, got[c].Type, want[c].N, got[c].N)
		}
		for i := range want[c].N {
			w, g := wideDatum(want[c].Datum(i), want[c].Type), wideDatum(got[c].Datum(i), want[c].Type)
			if w.F == g.F && math.Signbit(w.F) == math.Signbit(g.F) || w.F != w.F && g.F != g.F {
				w.F, g.F = 0, 0
			}
			if w != g {
				t.Fatalf("column %d of type %v, row %d: %+v, want %+v", c, want[c].Type, i, g, w)
			}
		}
	}
}

// wideDatum makes one form of a numeric's two.
func wideDatum(d types.Datum, t types.Type) types.Datum {
	if d.Null || t.Phys() != types.PhysNumeric || d.Scale < 0 {
		return d
	}
	var dec apd.Decimal
	dec.SetFinite(d.I, -d.Scale)
	return types.Datum{S: string(types.AppendNumeric(nil, &dec)), Scale: -1}
}

func TestCanonicalNumeric(t *testing.T) {
	v := vec.FromDatums(types.NumericOf(18, 2), []types.Datum{{I: 150, Scale: 2}, {I: 0, Scale: 2}, {I: -700, Scale: 2}})
	w := vec.FromDatums(types.Numeric, []types.Datum{{I: 15, Scale: 1}, {I: 0}, {I: -7}})
	a, b := encodeOne(t, v, KeyOptions{}), encodeOne(t, vec.Widen(w), KeyOptions{})
	if !reflect.DeepEqual(a, b) {
		t.Fatalf("%x %x", a, b)
	}
	cols, _, err := DecodeKeys(a, []types.Type{types.NumericOf(18, 2)}, KeyOptions{})
	if err != nil || cols[0].Scale != 2 || !reflect.DeepEqual(cols[0].Ints, []int64{150, 0, -700}) {
		t.Fatal(cols[0], err)
	}
}

func TestNoColumns(t *testing.T) {
	var k Keys
	EncodeKeys(&k, nil, 3, KeyOptions{Prefix: []byte{1, 2}})
	if k.Len() != 3 || string(k.Key(2)) != "\x01\x02" {
		t.Fatal(k)
	}
}

// Reused Keys allocate nothing.
func TestEncodeAllocatesNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	cols := []*vec.Vec{intColumn(rng, 1000), textColumn(rng, 1000)}
	var k Keys
	o := KeyOptions{}
	EncodeKeys(&k, cols, 1000, o)
	if n := testing.AllocsPerRun(10, func() { EncodeKeys(&k, cols, 1000, o) }); n > 2 {
		t.Fatal(n)
	}
	c := NewCodec([]types.Type{types.Int8, types.Text})
	c.Encode(&k, cols, 1000)
	if n := testing.AllocsPerRun(10, func() { c.Encode(&k, cols, 1000) }); n > 0 {
		t.Fatal(n)
	}
}

func intColumn(rng *rand.Rand, n int) *vec.Vec {
	b := vec.NewBuilder(types.Int8, n)
	for range n {
		b.Int(rng.Int64N(1_000_000))
	}
	return b.Finish()
}

func textColumn(rng *rand.Rand, n int) *vec.Vec {
	b := vec.NewBuilder(types.Text, n)
	for range n {
		b.String(fmt.Sprintf("customer-%d", rng.IntN(100000)))
	}
	return b.Finish()
}

func FuzzDecodeKeys(f *testing.F) {
	rng := rand.New(rand.NewPCG(5, 6))
	for i, typ := range keyTypes {
		var k Keys
		EncodeKeys(&k, []*vec.Vec{vec.FromDatums(typ, []types.Datum{randValue(rng, typ)})}, 1, KeyOptions{})
		f.Add(k.Key(0), uint8(i), uint8(0))
	}
	f.Fuzz(func(t *testing.T, key []byte, typ, opt uint8) {
		ts := []types.Type{keyTypes[int(typ)%len(keyTypes)]}
		o := KeyOptions{Mode: Mode(opt & 1), Orders: []Order{{opt&2 != 0, opt&4 != 0}}}
		cols, rest, err := DecodeKeys([][]byte{key}, ts, o)
		if err != nil {
			return
		}
		var k Keys
		EncodeKeys(&k, cols, 1, o)
		_ = rest
	})
}

func FuzzDecodeBatch(f *testing.F) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, typ := range keyTypes {
		ds := []types.Datum{randValue(rng, typ), types.NullDatum, randValue(rng, typ)}
		f.Add(AppendBatch(nil, &vec.Batch{N: 3, Cols: []*vec.Vec{vec.FromDatums(typ, ds)}, Weights: []int64{1, -1, 1}}))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := DecodeBatch(data)
		if err != nil {
			return
		}
		if _, err := DecodeBatch(AppendBatch(nil, b)); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzDecodeImage(f *testing.F) {
	ts := []types.Type{types.Int4, types.Text, types.Numeric, types.Bool, types.Bytea, types.UUID}
	c := NewCodec(ts)
	rng := rand.New(rand.NewPCG(5, 6))
	for range 10 {
		var cols []*vec.Vec
		for _, typ := range ts {
			cols = append(cols, vec.FromDatums(typ, []types.Datum{randDatum(rng, typ)}))
		}
		var k Keys
		c.Encode(&k, cols, 1)
		f.Add(k.Key(0))
	}
	f.Fuzz(func(t *testing.T, row []byte) {
		cols, err := c.Decode([][]byte{row, row}, nil)
		if err == nil {
			_ = AppendBatch(nil, &vec.Batch{N: 2, Cols: cols})
		}
	})
}

func BenchmarkEncodeKeys(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	const n = vec.BatchRows
	num := intColumn(rng, n)
	num.Type, num.Scale = types.NumericOf(18, 2), 2
	for _, c := range []struct {
		name string
		cols []*vec.Vec
	}{
		{"int8", []*vec.Vec{intColumn(rng, n)}},
		{"int8,int8", []*vec.Vec{intColumn(rng, n), intColumn(rng, n)}},
		{"text", []*vec.Vec{textColumn(rng, n)}},
		{"numeric", []*vec.Vec{num}},
		{"int8,text,numeric", []*vec.Vec{intColumn(rng, n), textColumn(rng, n), num}},
	} {
		b.Run("columns="+c.name, func(b *testing.B) {
			var k Keys
			b.ReportAllocs()
			for b.Loop() {
				EncodeKeys(&k, c.cols, n, KeyOptions{Prefix: []byte{0, 0, 0, 1}})
			}
			b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds()/1e6, "Mkeys/s")
		})
	}
}

func BenchmarkRows(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	const n = vec.BatchRows
	num := intColumn(rng, n)
	num.Type, num.Scale = types.NumericOf(18, 2), 2
	cols := []*vec.Vec{intColumn(rng, n), textColumn(rng, n), num, intColumn(rng, n)}
	var ts []types.Type
	for _, c := range cols {
		ts = append(ts, c.Type)
	}
	codec := NewCodec(ts)
	var k Keys
	codec.Encode(&k, cols, n)
	rows := k.Slices(nil)
	var keys Keys
	EncodeKeys(&keys, cols, n, KeyOptions{})
	keyRows := keys.Slices(nil)
	batch := &vec.Batch{N: n, Cols: cols}
	data := AppendBatch(nil, batch)
	for _, c := range []struct {
		name string
		run  func()
	}{
		{"image/encode", func() { codec.Encode(&k, cols, n) }},
		{"image/decode", func() { _, _ = codec.Decode(rows, nil) }},
		{"key/decode", func() { _, _, _ = DecodeKeys(keyRows, ts, KeyOptions{}) }},
		{"batch/encode", func() { data = AppendBatch(data[:0], batch) }},
		{"batch/decode", func() { _, _ = DecodeBatch(data) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.run()
			}
			b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
			b.ReportMetric(float64(len(data))/n, "B/row")
		})
	}
}
