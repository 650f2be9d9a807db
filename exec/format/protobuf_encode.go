package format

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// generateProto writes the schema that columns have where none is given: fields
// are numbered by their order and may be absent. What Protobuf has no type for
// is a string of its text: numeric, date, time, interval, uuid, jsonb.
func generateProto(p *part, tree *fieldTree) (string, error) {
	var b strings.Builder
	b.WriteString("syntax = \"proto3\";\n")
	if space := avroNamespace(p.Topic); space != "" {
		b.WriteString("package " + space + ";\n")
	}
	for _, f := range p.Fields {
		if t := f.Type; t.OID == types.OIDTimestamp || t.OID == types.OIDTimestamptz || t.OID == types.OIDTimestampArray || t.OID == types.OIDTimestamptzArray {
			b.WriteString("import \"google/protobuf/timestamp.proto\";\n")
			break
		}
	}
	name, _ := p.recordName("")
	err := generateMessage(&b, p, tree, name, "")
	return b.String(), err
}

func generateMessage(b *strings.Builder, p *part, t *fieldTree, name, indent string) error {
	b.WriteString(indent + "message " + name + " {\n")
	for i, kid := range t.kids {
		if !isAvroName(kid.name) {
			return sqlerr.New(sqlerr.InvalidName, "column %q cannot be a field of Protobuf", kid.name).
				WithHint("Names in Protobuf are letters, digits and underscores. Give the column another name with AS.")
		}
		typ := ""
		switch {
		case kid.col < 0:
			message, known := "M_"+kid.name, false
			if p.Envelope == Debezium && !p.Key {
				message, known = p.recordName(kid.path)
			}
			typ = "optional " + message
			if known {
				break
			}
			if err := generateMessage(b, p, kid, message, indent+"  "); err != nil {
				return err
			}
		case p.Fields[kid.col].Type.IsArray() && !p.Fields[kid.col].Type.IsVector():
			typ = "repeated " + protoTypeOf(types.ElemOf(p.Fields[kid.col].Type))
		default:
			typ = "optional " + protoTypeOf(p.Fields[kid.col].Type)
		}
		b.WriteString(indent + "  " + typ + " " + kid.name + " = " + strconv.Itoa(i+1) + ";\n")
	}
	b.WriteString(indent + "}\n")
	return nil
}

func protoTypeOf(t types.Type) string {
	switch t.OID {
	case types.OIDBool:
		return "bool"
	case types.OIDInt2, types.OIDInt4:
		return "int32"
	case types.OIDInt8, types.OIDOid:
		return "int64"
	case types.OIDFloat4:
		return "float"
	case types.OIDFloat8:
		return "double"
	case types.OIDBytea:
		return "bytes"
	case types.OIDTimestamp, types.OIDTimestamptz:
		return "google.protobuf.Timestamp"
	}
	return "string"
}

// protoTakes reports whether values of type from can become values of f.
func protoTakes(f *protoField, from types.Type) bool {
	if isJSON(from) {
		return true // what fits, the value says
	}
	if f.isMap || f.kind == kindNone {
		return false
	}
	if f.repeated {
		if !from.IsArray() || from.IsVector() {
			return false
		}
		from = types.ElemOf(from).Base()
	} else if from.IsArray() {
		return f.kind == kindText
	}
	return types.CastKind(from, protoNatural(f, from)) != types.CastNone
}

// protoNatural is the type that a value is cast to before it is written.
func protoNatural(f *protoField, from types.Type) types.Type {
	return naturalType(f.kindFor(from), 0, 0)
}

func (e *protoEncoder) putFields(dst []byte, p *protoPut, i, depth int) (_ []byte, err error) {
	for _, sub := range p.subs {
		if e.absent(sub, i) {
			continue
		}
		if sub.col < 0 {
			dst, err = e.nested(dst, sub.field, depth, func(body []byte) ([]byte, error) {
				return e.putFields(body, sub, i, depth+1)
			})
		} else {
			dst, err = e.putColumn(dst, sub, e.cols[sub.col].Datum(i), depth)
		}
		if err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// absent reports a NULL, or a nested message all of whose columns are.
func (e *protoEncoder) absent(p *protoPut, i int) bool {
	if p.col >= 0 {
		return e.cols[p.col].IsNull(i)
	}
	for _, sub := range p.subs {
		if !e.absent(sub, i) {
			return false
		}
	}
	return true
}

// nested writes a message, whose length comes before it.
func (e *protoEncoder) nested(dst []byte, f *protoField, depth int, write func([]byte) ([]byte, error)) ([]byte, error) {
	if depth > protoDepthMax {
		return dst, errProtoDeep
	}
	dst = protoTag(dst, f, f.wire.wireType())
	if f.wire == protoGroup {
		dst, err := write(dst)
		return protoTag(dst, f, wireEnd), err
	}
	for len(e.tmp) <= depth {
		e.tmp = append(e.tmp, nil)
	}
	body, err := write(e.tmp[depth][:0])
	e.tmp[depth] = body
	dst = binary.AppendUvarint(dst, uint64(len(body)))
	return append(dst, body...), err
}

func protoTag(dst []byte, f *protoField, wire uint64) []byte {
	return binary.AppendUvarint(dst, uint64(f.number)<<3|wire)
}

func (e *protoEncoder) putColumn(dst []byte, p *protoPut, d types.Datum, depth int) ([]byte, error) {
	f := p.field
	if isJSON(p.from) && (f.repeated || f.kind != kindText) {
		return e.fromJSON(dst, f, d.S, depth)
	}
	if !f.repeated {
		return e.putValue(dst, f, d, p.from, depth)
	}
	a, err := types.DecodeArray(d.S)
	if err != nil {
		return dst, err
	}
	if len(a.Dims) > 1 {
		return dst, sqlerr.New(sqlerr.FeatureNotSupported, "field %q: an array of %d dimensions cannot become a repeated field", p.path, len(a.Dims))
	}
	for _, item := range a.Elems {
		if item.Null {
			return dst, sqlerr.New(sqlerr.NotNullViolation, "field %q: items of a repeated field cannot be null", p.path)
		}
		if dst, err = e.putValue(dst, f, item, types.ElemOf(p.from).Base(), depth); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// putValue writes d, not NULL and of type from, as one occurrence of f.
func (e *protoEncoder) putValue(dst []byte, f *protoField, d types.Datum, from types.Type, depth int) ([]byte, error) {
	to := protoNatural(f, from)
	d, err := types.Cast(d, from, to, nil)
	if err != nil {
		return dst, err
	}
	if f.msg == nil {
		if d, err = f.wireNumber(d, to); err != nil {
			return dst, err
		}
		if !f.repeated && !f.presence && f.oneof < 0 && f.isZero(d) {
			return dst, nil
		}
		return f.append(protoTag(dst, f, f.wire.wireType()), d), nil
	}
	return e.nested(dst, f, depth, func(body []byte) ([]byte, error) {
		if f.msg.well == wellWrapper {
			inner := f.msg.fields[0]
			if d, err = inner.wireNumber(d, to); err != nil || inner.isZero(d) {
				return body, err
			}
			return inner.append(protoTag(body, inner, inner.wire.wireType()), d), nil
		}
		return appendInstant(body, f.msg.well, d)
	})
}

// wireNumber turns what is an integer on the wire into one: enums by name, and
// numerics beyond an int64.
func (f *protoField) wireNumber(d types.Datum, t types.Type) (types.Datum, error) {
	switch {
	case f.enum != nil && t.OID == types.OIDText:
		n, ok := f.enum.numbers[d.S]
		if !ok {
			v, err := strconv.ParseInt(d.S, 10, 32)
			if err != nil {
				return d, sqlerr.New(sqlerr.InvalidTextRepresentation, "%q is no name of the Protobuf enum of field %q", d.S, f.name)
			}
			n = int32(v)
		}
		return types.Int(int64(n)), nil
	case f.kind == kindUint:
		text := types.AppendText(nil, types.NumericRound(d, 0), types.Numeric, nil)
		u, err := strconv.ParseUint(string(text), 10, 64)
		if err != nil {
			return d, sqlerr.New(sqlerr.NumericValueOutOfRange, "%s is out of range for uint64", text)
		}
		return types.Int(int64(u)), nil
	case f.unsigned && (d.I < 0 || d.I > math.MaxUint32):
		return d, sqlerr.New(sqlerr.NumericValueOutOfRange, "%d is out of range for uint32", d.I)
	}
	return d, nil
}

func (f *protoField) isZero(d types.Datum) bool {
	return d.I == 0 && math.Float64bits(d.F) == 0 && d.S == ""
}

// append writes a value without its tag.
func (f *protoField) append(dst []byte, d types.Datum) []byte {
	switch f.wire {
	case protoVarint:
		return binary.AppendUvarint(dst, uint64(d.I))
	case protoZigzag:
		return binary.AppendVarint(dst, d.I)
	case protoFixed32:
		if f.kind == kindFloat {
			return binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(d.F)))
		}
		return binary.LittleEndian.AppendUint32(dst, uint32(d.I))
	case protoFixed64:
		if f.kind == kindDouble {
			return binary.LittleEndian.AppendUint64(dst, math.Float64bits(d.F))
		}
		return binary.LittleEndian.AppendUint64(dst, uint64(d.I))
	}
	return append(binary.AppendUvarint(dst, uint64(len(d.S))), d.S...)
}

// appendInstant writes the fields of a Timestamp or Duration.
func appendInstant(dst []byte, well protoWell, d types.Datum) ([]byte, error) {
	var secs, micros int64
	if well == wellTimestamp {
		if d.I == math.MinInt64 || d.I == math.MaxInt64 {
			return dst, sqlerr.New(sqlerr.DatetimeFieldOverflow, "an infinite timestamp cannot become a Protobuf Timestamp")
		}
		secs, micros = d.I/1_000_000, d.I%1_000_000
		if micros < 0 {
			secs, micros = secs-1, micros+1_000_000
		}
		secs += days1970 * 86400
	} else {
		iv := types.DecodeInterval(d.S)
		if iv.Months != 0 {
			return dst, sqlerr.New(sqlerr.IntervalFieldOverflow, "interval %s cannot become a Protobuf Duration", types.AppendText(nil, d, types.Interval, nil)).
				WithDetail("A duration has no months.")
		}
		secs, micros = iv.Micros/1_000_000+int64(iv.Days)*86400, iv.Micros%1_000_000
	}
	if secs != 0 {
		dst = binary.AppendUvarint(append(dst, 1<<3), uint64(secs))
	}
	if micros != 0 {
		dst = binary.AppendUvarint(append(dst, 2<<3), uint64(micros*1000))
	}
	return dst, nil
}

// fromJSON writes a jsonb text as the value of f.
func (e *protoEncoder) fromJSON(dst []byte, f *protoField, j string, depth int) (_ []byte, err error) {
	kind := types.JSONBTypeof(j)
	switch {
	case kind == "null" && (f.repeated || !f.takesNull()):
		return dst, nil
	case f.isMap:
		return e.mapFromJSON(dst, f, j, depth)
	case f.repeated:
		if kind != "array" {
			return dst, errProtoJSON(f, kind)
		}
		types.JSONBElements(j, func(item string) bool {
			if types.JSONBTypeof(item) == "null" && !f.takesNull() {
				err = sqlerr.New(sqlerr.NotNullViolation, "field %q: items of a repeated field cannot be null", f.name)
			} else {
				dst, err = e.oneFromJSON(dst, f, item, depth)
			}
			return err == nil
		})
		return dst, err
	}
	return e.oneFromJSON(dst, f, j, depth)
}

// takesNull: JSON's null is a value of its own.
func (f *protoField) takesNull() bool { return f.msg != nil && f.msg.well == wellValue }

func errProtoJSON(f *protoField, kind string) error {
	return sqlerr.New(sqlerr.DatatypeMismatch, "field %q: a JSON %s cannot become Protobuf %s", f.name, kind, f.what())
}

func (e *protoEncoder) oneFromJSON(dst []byte, f *protoField, j string, depth int) ([]byte, error) {
	kind := types.JSONBTypeof(j)
	if f.kind != kindNone {
		text, _ := types.JSONBText(j)
		if kind == "object" || kind == "array" {
			return dst, errProtoJSON(f, kind)
		}
		d, err := types.ParseText(text, protoNatural(f, types.Text), nil)
		if err != nil {
			return dst, err
		}
		return e.putValue(dst, f, d, protoNatural(f, types.Text), depth)
	}
	return e.nested(dst, f, depth, func(body []byte) ([]byte, error) {
		if f.msg.well >= wellStruct {
			return e.structFromJSON(body, f.msg, j, depth+1)
		}
		if kind != "object" {
			return body, errProtoJSON(f, kind)
		}
		var err error
		for _, sub := range f.msg.fields {
			if v, ok := types.JSONBGet(j, sub.name); ok && err == nil {
				body, err = e.fromJSON(body, sub, v, depth+1)
			}
		}
		return body, err
	})
}

func (e *protoEncoder) mapFromJSON(dst []byte, f *protoField, j string, depth int) (_ []byte, err error) {
	if kind := types.JSONBTypeof(j); kind != "object" {
		return dst, errProtoJSON(f, kind)
	}
	types.JSONBEach(j, func(key, v string) bool {
		dst, err = e.nested(dst, f, depth, func(body []byte) ([]byte, error) {
			var err error
			for _, number := range []int32{1, 2} {
				sub := f.msg.field(number)
				text := v
				if number == 1 {
					text = string(types.AppendJSONString(nil, key))
				}
				if body, err = e.fromJSON(body, sub, text, depth+1); err != nil {
					return body, err
				}
			}
			return body, nil
		})
		return err == nil
	})
	return dst, err
}

// structFromJSON writes any JSON as google.protobuf's Struct, ListValue or Value.
func (e *protoEncoder) structFromJSON(dst []byte, m *protoMessage, j string, depth int) ([]byte, error) {
	kind := types.JSONBTypeof(j)
	if m.well != wellValue {
		return e.fromJSON(dst, m.fields[0], j, depth)
	}
	name := map[string]string{"object": "struct_value", "array": "list_value", "string": "string_value", "number": "number_value", "boolean": "bool_value"}[kind]
	if kind == "null" {
		return binary.AppendUvarint(protoTag(dst, m.find("null_value"), wireVarint), 0), nil
	}
	return e.oneFromJSON(dst, m.find(name), j, depth)
}
