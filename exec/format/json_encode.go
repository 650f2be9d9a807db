package format

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"math"
	"strconv"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// jsonEncoder writes rows as objects, all members in the order of the columns.
type jsonEncoder struct {
	names  [][]byte // with what comes before the value: {"a": or ,"b":
	vals   []jsonValue
	single bool // the value alone
	cols   []*vec.Vec
}

// jsonValue writes the values of one type.
type jsonValue struct {
	name  string
	t     types.Type
	bytes bytesForm
	unit  timeCount
	// stamps: times are numbers, since the mode says so; else texts.
	stamps bool
	elem   *jsonValue
}

func newJSONEncoder(p part) (partEncoder, error) {
	e := &jsonEncoder{single: p.Options["wrap_single_value"] == "false"}
	if e.single && len(p.Fields) != 1 {
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "wrap_single_value = false needs exactly one column in the %s, not %d", p.what(), len(p.Fields))
	}
	for i, f := range p.Fields {
		v, err := newJSONValue(f, p.Options)
		if err != nil {
			return nil, err
		}
		e.vals = append(e.vals, v)
		if e.single = e.single || len(f.Paths[0]) == 0; e.single {
			continue
		}
		open := byte(',')
		if i == 0 {
			open = '{'
		}
		name := types.AppendJSONString([]byte{open}, f.Paths[0][len(f.Paths[0])-1])
		e.names = append(e.names, append(name, ':'))
	}
	return e, nil
}

func newJSONValue(f field, options map[string]string) (jsonValue, error) {
	mode, numbers := options["timestamp.handling.mode"]
	v := jsonValue{name: f.Name, t: f.Type, bytes: bytesFormOf(options), unit: timeCountOf(options), stamps: numbers && mode != "guess_number_unit"}
	if !carried(f.Type) {
		return v, sqlerr.New(sqlerr.FeatureNotSupported, "column %q: a value of type %s cannot be read from or written to a record", f.Name, f.Type)
	}
	if f.Type.IsArray() {
		elem, err := newJSONValue(field{Name: f.Name, Type: types.ElemOf(f.Type)}, options)
		if err != nil {
			return v, err
		}
		v.elem = &elem
	}
	return v, nil
}

func (e *jsonEncoder) begin(_ context.Context, cols []*vec.Vec) error {
	e.cols = cols
	return nil
}

func (e *jsonEncoder) row(dst []byte, i int) ([]byte, error) {
	var err error
	for c := range e.vals {
		if !e.single {
			dst = append(dst, e.names[c]...)
		}
		if dst, err = e.vals[c].append(dst, e.cols[c], i); err != nil {
			return dst, err
		}
	}
	if e.single {
		return dst, nil
	}
	if len(e.vals) == 0 {
		dst = append(dst, '{')
	}
	return append(dst, '}'), nil
}

// append writes value i of a column.
func (v *jsonValue) append(dst []byte, col *vec.Vec, i int) ([]byte, error) {
	if col.IsNull(i) {
		return append(dst, "null"...), nil
	}
	switch v.t.OID {
	case types.OIDInt2, types.OIDInt4, types.OIDInt8, types.OIDOid:
		return strconv.AppendInt(dst, col.Ints[i], 10), nil
	case types.OIDFloat8:
		return appendFloatJSON(dst, col.Floats[i], 64), nil
	case types.OIDDate, types.OIDTime, types.OIDTimestamp, types.OIDTimestamptz:
		return v.time(dst, col.Ints[i])
	case types.OIDText, types.OIDVarchar, types.OIDBpchar, types.OIDName:
		return types.AppendJSONString(dst, view(col.Bytes(i))), nil
	case types.OIDBytea:
		return v.appendBytes(dst, col.Bytes(i)), nil
	case types.OIDJSON, types.OIDJSONB:
		return append(dst, col.Bytes(i)...), nil
	}
	return v.datum(dst, col.Datum(i))
}

// datum writes a value that is not NULL.
func (v *jsonValue) datum(dst []byte, d types.Datum) ([]byte, error) {
	switch v.t.OID {
	case types.OIDBool:
		return strconv.AppendBool(dst, d.I != 0), nil
	case types.OIDInt2, types.OIDInt4, types.OIDInt8, types.OIDOid:
		return strconv.AppendInt(dst, d.I, 10), nil
	case types.OIDFloat4:
		return appendFloatJSON(dst, d.F, 32), nil
	case types.OIDFloat8:
		return appendFloatJSON(dst, d.F, 64), nil
	case types.OIDNumeric:
		return v.numeric(dst, d), nil
	case types.OIDText, types.OIDVarchar, types.OIDBpchar, types.OIDName:
		return types.AppendJSONString(dst, d.S), nil
	case types.OIDBytea:
		return v.appendBytes(dst, []byte(d.S)), nil
	case types.OIDJSON, types.OIDJSONB:
		return append(dst, d.S...), nil
	case types.OIDDate, types.OIDTime, types.OIDTimestamp, types.OIDTimestamptz:
		return v.time(dst, d.I)
	}
	if v.elem != nil {
		return v.array(dst, d.S)
	}
	return quoted(dst, func(dst []byte) []byte { return types.AppendText(dst, d, v.t, jsonEnv) }), nil
}

// quoted writes a text that needs no escapes.
func quoted(dst []byte, text func([]byte) []byte) []byte { return append(text(append(dst, '"')), '"') }

func (v *jsonValue) numeric(dst []byte, d types.Datum) []byte {
	start := len(dst)
	dst = types.AppendText(dst, d, v.t, nil)
	if c := dst[len(dst)-1]; c-'0' > 9 { // NaN and the infinities are strings
		text := string(dst[start:])
		dst = append(append(append(dst[:start], '"'), text...), '"')
	}
	return dst
}

func appendFloatJSON(dst []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(dst, `"-Infinity"`...)
	}
	form := byte('f')
	if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
		form = 'e'
	}
	return strconv.AppendFloat(dst, f, form, -1, bits)
}

func (v *jsonValue) appendBytes(dst, b []byte) []byte {
	dst = append(dst, '"')
	switch v.bytes {
	case bytesHex:
		dst = hex.AppendEncode(dst, b)
	case bytesLatin1:
		text := make([]rune, len(b))
		for i, c := range b {
			text[i] = rune(c)
		}
		return types.AppendJSONString(dst[:len(dst)-1], string(text))
	default:
		dst = base64.StdEncoding.AppendEncode(dst, b)
	}
	return append(dst, '"')
}

func (v *jsonValue) array(dst []byte, image string) ([]byte, error) {
	a, err := types.DecodeArray(image)
	if err != nil {
		return dst, err
	}
	if len(a.Elems) == 0 {
		return append(dst, "[]"...), nil
	}
	next := 0
	return v.dimension(dst, &a, 0, &next)
}

func (v *jsonValue) dimension(dst []byte, a *types.Array, dim int, next *int) ([]byte, error) {
	var err error
	for i := range a.Dims[dim] {
		if i == 0 {
			dst = append(dst, '[')
		} else {
			dst = append(dst, ',')
		}
		switch {
		case dim+1 < len(a.Dims):
			dst, err = v.dimension(dst, a, dim+1, next)
		case a.Elems[*next].Null:
			dst = append(dst, "null"...)
			*next++
		default:
			dst, err = v.elem.datum(dst, a.Elems[*next])
			*next++
		}
		if err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

// time writes dates and times as ISO 8601, an instant in UTC with Z, or as
// numbers where the mode asks for them.
func (v *jsonValue) time(dst []byte, x int64) ([]byte, error) {
	infinite := v.t.OID != types.OIDTime && (x == math.MinInt64 || x == math.MaxInt64)
	if v.stamps && !infinite {
		return v.stamp(dst, x), nil
	}
	dst = append(dst, '"')
	if zoned := v.t.OID == types.OIDTimestamptz; (zoned || v.t.OID == types.OIDTimestamp) && x >= isoFirst && x < isoEnd {
		return append(appendISO(dst, x, zoned), '"'), nil
	}
	start := len(dst)
	dst = types.AppendText(dst, types.Int(x), v.t, nil)
	if !infinite && (v.t.OID == types.OIDTimestamp || v.t.OID == types.OIDTimestamptz) {
		dst = isoStamp(dst, start, v.t.OID == types.OIDTimestamptz)
	}
	return append(dst, '"'), nil
}

// isoFirst and isoEnd bound the years 1 to 9999, µs since 2000-01-01.
const (
	isoFirst = -730119 * microsOfDay
	isoEnd   = 2921940 * microsOfDay
)

// appendISO writes a timestamp of those years. The days are counted from
// 0000-03-01, so that the leap day is the last of its year; the calendar repeats
// every 400 years.
func appendISO(dst []byte, x int64, zoned bool) []byte {
	days := floorDiv(x, microsOfDay)
	us := x - days*microsOfDay
	z := days + 730425
	era := floorDiv(z, 146097)
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	month := (5*doy + 2) / 153
	day := doy - (153*month+2)/5 + 1
	year := yoe + era*400
	if month += 3; month > 12 {
		month, year = month-12, year+1
	}
	dst = twoDigits(twoDigits(dst, year/100), year%100)
	dst = twoDigits(append(dst, '-'), month)
	dst = twoDigits(append(dst, '-'), day)
	sec := us / 1_000_000
	dst = twoDigits(append(dst, 'T'), sec/3600)
	dst = twoDigits(append(dst, ':'), sec/60%60)
	dst = twoDigits(append(dst, ':'), sec%60)
	if us %= 1_000_000; us > 0 {
		dst = append(dst, '.')
		for unit := int64(100_000); us > 0; unit /= 10 {
			dst = append(dst, byte('0'+us/unit))
			us %= unit
		}
	}
	if zoned {
		dst = append(dst, 'Z')
	}
	return dst
}

func twoDigits(dst []byte, v int64) []byte { return append(dst, byte('0'+v/10), byte('0'+v%10)) }

// isoStamp turns "2024-01-02 03:04:05+00" at start into 2024-01-02T03:04:05Z. A
// year BC keeps its letters at the end.
func isoStamp(dst []byte, start int, zoned bool) []byte {
	for i := start; i < len(dst); i++ {
		if dst[i] == ' ' {
			dst[i] = 'T'
			break
		}
	}
	if !zoned {
		return dst
	}
	for i := len(dst) - 1; i > start; i-- {
		if dst[i] == '+' {
			tail := string(dst[i+3:])
			return append(append(dst[:i], 'Z'), tail...)
		}
	}
	return dst
}

func (v *jsonValue) stamp(dst []byte, x int64) []byte {
	switch v.t.OID {
	case types.OIDDate:
		return strconv.AppendInt(dst, x+days1970, 10)
	case types.OIDTimestamp, types.OIDTimestamptz:
		x += unixMicros2000
	}
	switch v.unit {
	case countNano:
		dst = strconv.AppendInt(dst, x, 10)
		if x == 0 {
			return dst
		}
		return append(dst, "000"...)
	case countMilli:
		x = floorDiv(x, 1000)
	case countSecond:
		x = floorDiv(x, 1_000_000)
	}
	return strconv.AppendInt(dst, x, 10)
}
