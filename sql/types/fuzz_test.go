package types

import (
	"testing"

	"github.com/cockroachdb/apd/v3"
)

// fuzzTypes are all types with input functions, some with modifiers.
func fuzzTypes() []Type {
	ts := []Type{NumericOf(5, 2), NumericOf(3, -2), {OIDVarchar, 7}, {OIDBpchar, 9}, {OIDTimestamp, 2}, {OIDInterval, IntervalHour<<16 | 3}}
	for _, i := range All {
		if i.Kind == 'b' {
			ts = append(ts, Type{i.OID, -1})
		}
	}
	return append(ts, Record)
}

// FuzzText: no input may panic, and what is read must survive text, binary and
// image.
func FuzzText(f *testing.F) {
	types := fuzzTypes()
	for _, r := range readTable(f, "text.tsv") {
		for i, t := range types {
			if t.String() == r[0] {
				f.Add(uint8(i), r[1])
			}
		}
	}
	env := testEnv(f)
	f.Fuzz(func(t *testing.T, k uint8, s string) {
		typ := types[int(k)%len(types)]
		d, err := ParseText(s, typ, env)
		if err != nil {
			return
		}
		checkRoundTrip(t, d, typ, env)
	})
}

func checkRoundTrip(t *testing.T, d Datum, typ Type, env *Env) {
	t.Helper()
	text := AppendText(nil, d, typ, env)
	back, err := ParseText(string(text), typ, env)
	if err != nil {
		// A time of day that summer time repeats or skips has no other text.
		t.Fatalf("%s: own text %q: %v", typ, text, err)
	}
	if !Equal(d, back, typ) && typ.OID != OIDTimestamptz && typ.OID != OIDTimestamptzArray {
		t.Fatalf("%s: %q reads back as %q", typ, text, AppendText(nil, back, typ, env))
	}
	if Equal(d, back, typ) && Hash(d, typ) != Hash(back, typ) {
		t.Fatalf("%s: %q hashes differently when read back", typ, text)
	}
	bin := AppendBinary(nil, d, typ)
	if back, err = ParseBinary(bin, typ); err != nil {
		t.Fatalf("%s: own binary %x: %v", typ, bin, err)
	}
	if !Equal(d, back, typ) {
		t.Fatalf("%s: %q is %q after binary", typ, text, AppendText(nil, back, typ, env))
	}
}

func FuzzBinary(f *testing.F) {
	types := fuzzTypes()
	env := testEnv(f)
	for i, typ := range types {
		for _, r := range readTable(f, "text.tsv") {
			if typ.String() == r[0] {
				if d, err := ParseText(r[1], typ, env); err == nil {
					f.Add(uint8(i), AppendBinary(nil, d, typ))
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, k uint8, b []byte) {
		typ := types[int(k)%len(types)]
		d, err := ParseBinary(b, typ)
		if err != nil {
			return
		}
		text := AppendText(nil, d, typ, env)
		_ = Hash(d, typ)
		if !Equal(d, d, typ) || Compare(d, d, typ) != 0 {
			t.Fatalf("%s: %q does not equal itself", typ, text)
		}
		if back, err := ParseBinary(AppendBinary(nil, d, typ), typ); err != nil || !Equal(back, d, typ) {
			t.Fatalf("%s: %q does not survive binary: %v", typ, text, err)
		}
	})
}

// FuzzImages: damaged images give errors, not panics.
func FuzzImages(f *testing.F) {
	f.Add([]byte{0, 2, 1, 5})
	f.Add(AppendArray(nil, NewArray(Text, []Datum{String("a"), NullDatum})))
	f.Add(AppendRecord(nil, []Type{Int4, Text}, []Datum{Int(1), String("x")}))
	f.Fuzz(func(t *testing.T, b []byte) {
		var x apd.Decimal
		_ = DecodeNumeric(b, &x)
		if a, err := DecodeArray(string(b)); err == nil {
			_, _ = DecodeArray(string(AppendArray(nil, &a)))
		}
		_, _, _ = DecodeRecord(string(b))
		_ = DecodeInterval(b)
	})
}

func FuzzJSONB(f *testing.F) {
	for _, r := range readTable(f, "text.tsv") {
		if r[0] == "jsonb" {
			f.Add(r[1])
		}
	}
	f.Fuzz(func(t *testing.T, s string) {
		j, err := ParseJSONB(s)
		JSONBGet(s, "a") // scanners must bear texts that are not normalised
		JSONBIndex(s, 1)
		JSONBContains(s, s)
		if err != nil {
			return
		}
		if again, err := ParseJSONB(j); err != nil || again != j {
			t.Fatalf("%q is not a fixed point: %q %v", j, again, err)
		}
		if CheckJSON(s) != nil {
			t.Fatalf("%q is jsonb but not json", s)
		}
		n := 0
		JSONBEach(j, func(k, v string) bool {
			n++
			got, ok := JSONBGet(j, k)
			return ok && got == v
		})
		JSONBElements(j, func(string) bool { n++; return true })
		if node := mustNode(j); len(node.items) != n {
			t.Fatalf("%q: walked %d of %d", j, n, len(node.items))
		}
	})
}

func FuzzPatterns(f *testing.F) {
	f.Add("2024-01-05", "YYYY-MM-DD", int64(1), int32(2))
	f.Add("12,454.8-", "99G999D9S", int64(-1234), int32(0))
	f.Fuzz(func(t *testing.T, s, p string, v int64, scale int32) {
		if len(p) > 200 || len(s) > 200 {
			return
		}
		_, _ = ToDate(s, p)
		_, _ = ToTimestamp(s, p, nil)
		_, _ = ToNumber(s, p)
		_, _ = ToChar(NumericFromUnscaled(v, scale&15), Numeric, p, nil)
		_, _ = ToChar(Int(v%timestampEnd/1000), Timestamptz, p, nil)
		_, _ = ToChar(IntervalDatum(IntervalValue{scale, scale, v}), Interval, p, nil)
	})
}
