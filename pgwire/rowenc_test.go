package pgwire

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math"
	"testing"
	"time"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// encodeOne encodes a one-row, one-column batch and returns the value's bytes.
func encodeOne(t *testing.T, typ types.Type, d types.Datum, format int16) []byte {
	t.Helper()
	var e rowEncoder
	b := &vec.Batch{N: 1, Cols: []*vec.Vec{vec.FromDatums(typ, []types.Datum{d})}}
	e.prepare(b, []int16{format}, types.NewEnv())
	body := e.appendRow(nil, b, 0, types.NewEnv())
	if binary.BigEndian.Uint16(body) != 1 || int(int32(binary.BigEndian.Uint32(body[2:]))) != len(body)-6 {
		t.Fatalf("bad row % x", body)
	}
	return body[6:]
}

var fastValues = []struct {
	t    types.Type
	d    types.Datum
	text string
	hex  string // of the binary form
}{
	{types.Int2, types.Int(-2), "-2", "fffe"},
	{types.Int4, types.Int(math.MinInt32), "-2147483648", "80000000"},
	{types.Int8, types.Int(math.MinInt64), "-9223372036854775808", "8000000000000000"},
	{types.Oid, types.Int(4294967295), "4294967295", "ffffffff"},
	{types.Bool, types.Boolean(true), "t", "01"},
	{types.Bool, types.Boolean(false), "f", "00"},
	{types.Float4, types.Float(1.5), "1.5", "3fc00000"},
	{types.Float8, types.Float(-0.1), "-0.1", "bfb999999999999a"},
	{types.Float8, types.Float(math.Inf(1)), "Infinity", "7ff0000000000000"},
	{types.Text, types.String("grüß"), "grüß", "6772c3bcc39f"},
	{types.Varchar, types.String(""), "", ""},
	{types.JSON, types.String(`{"a": 1}`), `{"a": 1}`, "7b2261223a20317d"},
	{types.JSONB, types.String(`[1]`), `[1]`, "015b315d"},
	{types.Bytea, types.String("\x00\xff"), `\x00ff`, "00ff"},
	{types.UUID, types.String("0123456789abcdef"), "30313233-3435-3637-3839-616263646566", "30313233343536373839616263646566"},
	{types.Date, types.Int(1), "2000-01-02", "00000001"},
	{types.Date, types.Int(math.MaxInt64), "infinity", "7fffffff"},
	{types.Date, types.Int(math.MinInt64), "-infinity", "80000000"},
	{types.Time, types.Int(1), "00:00:00.000001", "0000000000000001"},
	{types.Timestamp, types.Int(1e6), "2000-01-01 00:00:01", "00000000000f4240"},
	{types.Timestamptz, types.Int(-1e6), "1999-12-31 23:59:59+00", "fffffffffff0bdc0"},
	{types.Timestamptz, types.Int(math.MaxInt64), "infinity", "7fffffffffffffff"},
	{types.Numeric, types.Datum{I: 12345, Scale: 2}, "123.45", ""},
	{types.Numeric, types.Datum{I: -5, Scale: 3}, "-0.005", ""},
	{types.Numeric, types.Datum{I: 7, Scale: 0}, "7", ""},
	{types.Numeric, types.Datum{I: 0, Scale: 2}, "0.00", ""},
	{types.Numeric, types.Datum{I: math.MinInt64, Scale: 18}, "-9.223372036854775808", ""},
}

// The fast paths write what sql/types writes.
func TestValues(t *testing.T) {
	for _, c := range fastValues {
		text := encodeOne(t, c.t, c.d, formatText)
		if string(text) != c.text {
			t.Errorf("%d: text %q, want %q", c.t.OID, text, c.text)
		}
		if want := types.AppendText(nil, c.d, c.t, types.NewEnv()); !bytes.Equal(text, want) {
			t.Errorf("%d: text %q, types has %q", c.t.OID, text, want)
		}
		bin := encodeOne(t, c.t, c.d, formatBinary)
		if c.hex != "" && hex.EncodeToString(bin) != c.hex {
			t.Errorf("%d: binary %x, want %s", c.t.OID, bin, c.hex)
		}
		if want := types.AppendBinary(nil, c.d, c.t); !bytes.Equal(bin, want) {
			t.Errorf("%d %s: binary %x, types has %x", c.t.OID, c.text, bin, want)
		}
		for format, b := range [][]byte{text, bin} {
			d, err := decodeParam(b, format, c.t, types.NewEnv())
			if err != nil || !sameValue(d, c.d, c.t) {
				t.Errorf("%d %s: format %d reads back as %+v, %v", c.t.OID, c.text, format, d, err)
			}
		}
	}
}

func sameValue(a, b types.Datum, t types.Type) bool {
	if t.Phys() == types.PhysNumeric {
		env := types.NewEnv()
		return bytes.Equal(types.AppendText(nil, a, t, env), types.AppendText(nil, b, t, env))
	}
	return a == b
}

func TestRowsWithNulls(t *testing.T) {
	ts := []types.Type{types.Int8, types.Text, types.NumericOf(9, 2), types.Timestamptz}
	b := &vec.Batch{N: 2}
	for _, typ := range ts {
		v := vec.NewBuilder(typ, 2)
		v.Null()
		v.Null()
		b.Cols = append(b.Cols, v.Finish())
	}
	var e rowEncoder
	for _, formats := range [][]int16{nil, {formatBinary}, {0, 1, 0, 1}} {
		e.prepare(b, formats, nil)
		if got := hex.EncodeToString(e.appendRow(nil, b, 1, nil)); got != "0004ffffffffffffffffffffffffffffffff" {
			t.Errorf("formats %v: %s", formats, got)
		}
	}
}

func TestParamErrors(t *testing.T) {
	for _, c := range []struct {
		t      types.Type
		format int
		in     string
		code   string
	}{
		{types.Int4, formatText, "2147483648", "22003"},
		{types.Int4, formatText, "12a", "22P02"},
		{types.Int4, formatText, "", "22P02"},
		{types.Int4, formatBinary, "abc", "22P03"},
		{types.Text, formatText, "a\x00", "22021"},
		{types.Text, formatBinary, "\xff", "22021"},
		{types.JSONB, formatBinary, "\x01{", "22P02"},
		{types.Int4, 2, "1", "22023"},
	} {
		_, err := decodeParam([]byte(c.in), c.format, c.t, types.NewEnv())
		if err == nil || string(sqlerr.CodeOf(err)) != c.code {
			t.Errorf("%d %q: %v, want %s", c.t.OID, c.in, err, c.code)
		}
	}
}

// Every day of the fast calendar, at changing times of day, and both its edges.
func TestTimestamps(t *testing.T) {
	var got, want []byte
	for days := int64(0); days <= daysMax+1; days++ {
		for _, micros := range []int64{days * microsPerDay, days*microsPerDay + days*7_777_777%microsPerDay, days*microsPerDay - 1} {
			d := types.Int(micros)
			var ok bool
			if got, ok = appendISO(got[:0], micros); !ok {
				continue
			}
			if want = types.AppendText(want[:0], d, types.Timestamp, nil); !bytes.Equal(got, want) {
				t.Fatalf("%d: %s, want %s", micros, got, want)
			}
		}
	}
	if _, ok := appendISO(nil, daysMax*microsPerDay); !ok {
		t.Error("the last day is not covered")
	}
}

func TestTimestamptzZones(t *testing.T) {
	zone := time.FixedZone("x", 2*3600)
	b := &vec.Batch{N: 1, Cols: []*vec.Vec{vec.FromDatums(types.Timestamptz, []types.Datum{types.Int(0)})}}
	var e rowEncoder
	for _, c := range []struct {
		env  *types.Env
		want string
	}{{nil, "2000-01-01 00:00:00+00"}, {types.NewEnv(), "2000-01-01 00:00:00+00"}, {&types.Env{TimeZone: zone}, "2000-01-01 02:00:00+02"}} {
		e.prepare(b, nil, c.env)
		if got := string(e.appendRow(nil, b, 0, c.env)[6:]); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}
