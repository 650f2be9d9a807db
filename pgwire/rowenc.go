package pgwire

import (
	"encoding/binary"
	"math"
	"strconv"
	"time"
	"unsafe"

	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// valueKind is how the values of one column of one batch are written: those that
// most results consist of without a Datum between, the rest by sql/types.
type valueKind uint8

const (
	anyText valueKind = iota
	anyBinary
	intText
	boolText
	boolBinary
	numericText // narrow
	timestampText
	utcText  // timestamptz, where the session's zone is UTC
	rawBytes // the same in text and binary
	int2Binary
	int4Binary
	int8Binary
	float4Binary
	float8Binary
	dateBinary
	jsonbBinary
)

// rowEncoder writes rows of batches as DataRow bodies.
type rowEncoder struct {
	kinds []valueKind // of each column
}

// prepare chooses how to write each column of b. A column's kind depends on the
// batch: numerics are narrow in one and wide in the next.
func (e *rowEncoder) prepare(b *vec.Batch, formats []int16, env *types.Env) {
	utc := env == nil || env.TimeZone == nil || env.TimeZone == time.UTC
	e.kinds = e.kinds[:0]
	for i, v := range b.Cols {
		if formatOf(formats, i) == formatBinary {
			e.kinds = append(e.kinds, binaryKind(v))
		} else {
			e.kinds = append(e.kinds, textKind(v, utc))
		}
	}
}

func textKind(v *vec.Vec, utc bool) valueKind {
	switch v.Type.OID {
	case types.OIDTimestamp:
		return timestampText
	case types.OIDTimestamptz:
		if utc {
			return utcText
		}
	case types.OIDInt2, types.OIDInt4, types.OIDInt8, types.OIDOid:
		return intText
	case types.OIDBool:
		return boolText
	case types.OIDText, types.OIDVarchar, types.OIDBpchar, types.OIDName, types.OIDJSON, types.OIDJSONB, types.OIDUnknown:
		return rawBytes
	case types.OIDNumeric:
		if v.Scale >= 0 {
			return numericText
		}
	}
	return anyText
}

func binaryKind(v *vec.Vec) valueKind {
	switch v.Type.OID {
	case types.OIDInt2:
		return int2Binary
	case types.OIDInt4, types.OIDOid, types.OIDRegproc, types.OIDRegclass, types.OIDRegtype, types.OIDRegnamespace, types.OIDRegrole:
		return int4Binary
	case types.OIDInt8, types.OIDTime, types.OIDTimestamp, types.OIDTimestamptz:
		return int8Binary
	case types.OIDDate:
		return dateBinary
	case types.OIDBool:
		return boolBinary
	case types.OIDFloat4:
		return float4Binary
	case types.OIDFloat8:
		return float8Binary
	case types.OIDText, types.OIDVarchar, types.OIDBpchar, types.OIDName, types.OIDJSON, types.OIDUnknown,
		types.OIDBytea, types.OIDUUID:
		return rawBytes
	case types.OIDJSONB:
		return jsonbBinary
	}
	return anyBinary
}

// appendRow appends the body of the DataRow of one row.
func (e *rowEncoder) appendRow(dst []byte, b *vec.Batch, row int, env *types.Env) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(b.Cols)))
	for i, v := range b.Cols {
		if v.Valid != nil && !v.Valid.Get(row) {
			dst = append(dst, 0xff, 0xff, 0xff, 0xff)
			continue
		}
		at := len(dst)
		dst = append(dst, 0, 0, 0, 0)
		switch e.kinds[i] {
		case intText:
			dst = strconv.AppendInt(dst, v.Ints[row], 10)
		case boolText:
			dst = append(dst, "ft"[bit(v.Bools[row])])
		case boolBinary:
			dst = append(dst, bit(v.Bools[row]))
		case numericText:
			dst = appendNarrow(dst, v.Ints[row], int(v.Scale))
		case timestampText, utcText:
			var ok bool
			if dst, ok = appendISO(dst, v.Ints[row]); !ok {
				dst = types.AppendText(dst, viewDatum(v, row), v.Type, env)
			} else if e.kinds[i] == utcText {
				dst = append(dst, "+00"...)
			}
		case rawBytes:
			dst = append(dst, v.Data[v.Off[row]:v.Off[row+1]]...)
		case int2Binary:
			dst = binary.BigEndian.AppendUint16(dst, uint16(v.Ints[row]))
		case int4Binary:
			dst = binary.BigEndian.AppendUint32(dst, uint32(v.Ints[row]))
		case int8Binary:
			dst = binary.BigEndian.AppendUint64(dst, uint64(v.Ints[row]))
		case float4Binary:
			dst = binary.BigEndian.AppendUint32(dst, math.Float32bits(float32(v.Floats[row])))
		case float8Binary:
			dst = binary.BigEndian.AppendUint64(dst, math.Float64bits(v.Floats[row]))
		case dateBinary:
			dst = binary.BigEndian.AppendUint32(dst, uint32(dateDays(v.Ints[row])))
		case jsonbBinary:
			dst = append(dst, 1) // version of the format
			dst = append(dst, v.Data[v.Off[row]:v.Off[row+1]]...)
		case anyText:
			dst = types.AppendText(dst, viewDatum(v, row), v.Type, env)
		case anyBinary:
			dst = types.AppendBinary(dst, viewDatum(v, row), v.Type)
		}
		binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	}
	return dst
}

func bit(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// dateDays maps the infinities, which are those of int64, to those of int32.
func dateDays(v int64) int32 {
	return int32(min(max(v, math.MinInt32), math.MaxInt32))
}

// viewDatum is v.Datum(row) without a copy of the bytes: good only as long as the
// batch, which is enough for encoders.
func viewDatum(v *vec.Vec, row int) types.Datum {
	var d types.Datum
	switch v.Type.Phys() {
	case types.PhysBool:
		return types.Boolean(v.Bools[row])
	case types.PhysInt:
		return types.Int(v.Ints[row])
	case types.PhysFloat:
		return types.Float(v.Floats[row])
	case types.PhysNumeric:
		if v.Scale >= 0 {
			return types.Datum{I: v.Ints[row], Scale: v.Scale}
		}
		d.Scale = -1
	}
	b := v.Bytes(row)
	d.S = unsafe.String(unsafe.SliceData(b), len(b))
	return d
}

const (
	microsPerDay = 24 * 60 * 60 * 1_000_000
	daysTo2000   = 730_425 // from 0000-03-01
	daysMax      = 2_921_940 - 1
)

// appendISO appends a timestamp of the years 2000 to 9999 in ISO form. The rest,
// infinity included, is left to types.AppendText (false). The calendar starts in
// March, so that the leap day is the last of its year.
func appendISO(dst []byte, micros int64) ([]byte, bool) {
	if micros < 0 || micros > daysMax*microsPerDay {
		return dst, false
	}
	days, rest := uint32(uint64(micros)/microsPerDay), uint64(micros)%microsPerDay
	d := days + daysTo2000
	era := d / 146_097
	doe := d % 146_097
	yoe := (doe - doe/1460 + doe/36_524 - doe/146_096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	m := (5*doy + 2) / 153
	day := doy - (153*m+2)/5 + 1
	year, month := era*400+yoe, m+3
	if month > 12 {
		year, month = year+1, month-12
	}
	secs, frac := uint32(rest/1_000_000), uint32(rest%1_000_000)
	dst = append2(dst, year/100)
	dst = append(append2(dst, year%100), '-')
	dst = append(append2(dst, month), '-')
	dst = append(append2(dst, day), ' ')
	dst = append(append2(dst, secs/3600), ':')
	dst = append(append2(dst, secs/60%60), ':')
	dst = append2(dst, secs%60)
	if frac == 0 {
		return dst, true
	}
	dst = append(dst, '.')
	for scale := uint32(100_000); frac > 0; scale /= 10 {
		dst = append(dst, byte('0'+frac/scale))
		frac %= scale
	}
	return dst, true
}

// append2 appends v < 100 with two digits.
func append2(dst []byte, v uint32) []byte { return append(dst, byte('0'+v/10), byte('0'+v%10)) }

// appendNarrow appends v × 10^-scale with all its digits after the point.
func appendNarrow(dst []byte, v int64, scale int) []byte {
	if scale == 0 {
		return strconv.AppendInt(dst, v, 10)
	}
	u := uint64(v)
	if v < 0 {
		dst = append(dst, '-')
		u = -u
	}
	at := len(dst)
	dst = strconv.AppendUint(dst, u, 10)
	if short := scale + 1 - (len(dst) - at); short > 0 {
		digits := len(dst) - at
		for range short {
			dst = append(dst, '0')
		}
		copy(dst[at+short:], dst[at:at+digits])
		for i := range short {
			dst[at+i] = '0'
		}
	}
	point := len(dst) - scale
	dst = append(dst, 0)
	copy(dst[point+1:], dst[point:])
	dst[point] = '.'
	return dst
}
