package format

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/apd/v3"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// connectSchema is the schema that Debezium's JSON carries beside its payload if
// told to.
type connectSchema struct {
	Type       string
	Name       string // of the meaning, such as io.debezium.time.MicroTimestamp
	Field      string
	Fields     []connectSchema
	Items      *connectSchema
	Parameters map[string]string
}

// The parsed schemas of one topic that are kept are bounded in number and size.
const (
	connectSchemasMax = 64
	connectBytesMax   = 1 << 20
)

// schemaPart makes converters follow the schema part of the records: a topic has
// one schema for a long time, so that it is parsed once and then only compared.
type schemaPart struct {
	fields  []field
	plain   []converter // as they are for records without schema
	current string
	known   map[string][]connectSchema
}

// changed makes conv those for a schema text, "": none.
func (s *schemaPart) changed(text string, conv []converter) {
	s.current = strings.Clone(text)
	copy(conv, s.plain)
	if text == "" {
		return
	}
	found, ok := s.known[text]
	if !ok {
		found = s.parse(text)
		if s.known == nil || len(s.known) >= connectSchemasMax {
			s.known = map[string][]connectSchema{}
		}
		if len(text) <= connectBytesMax {
			s.known[s.current] = found
		}
	}
	for i := range conv {
		conv[i].follow(&found[i])
	}
}

// parse finds the schema of each field; it is empty for what the schema does not
// tell or tells in a way that is not understood.
func (s *schemaPart) parse(text string) []connectSchema {
	out := make([]connectSchema, len(s.fields))
	var root connectSchema
	if json.Unmarshal([]byte(text), &root) != nil {
		return out
	}
	for i, f := range s.fields {
		for _, path := range f.Paths {
			if len(path) > 0 && path[0] == "payload" {
				if at := root.find(path[1:]); at != nil {
					out[i] = *at
				}
			}
		}
	}
	return out
}

func (s *connectSchema) find(path []string) *connectSchema {
	if len(path) == 0 {
		return s
	}
	for i := range s.Fields {
		if s.Fields[i].Field == path[0] {
			return s.Fields[i].find(path[1:])
		}
	}
	for i := range s.Fields {
		if strings.EqualFold(s.Fields[i].Field, path[0]) {
			return s.Fields[i].find(path[1:])
		}
	}
	return nil
}

// follow makes c read values as their schema says they are written.
func (c *converter) follow(s *connectSchema) {
	if s.Items != nil && c.elem != nil {
		elem := *c.elem
		elem.follow(s.Items)
		c.elem = &elem
	}
	switch s.Name {
	case "io.debezium.time.Timestamp", "io.debezium.time.Time", "org.apache.kafka.connect.data.Timestamp", "org.apache.kafka.connect.data.Time":
		c.unit = countMilli
	case "io.debezium.time.MicroTimestamp", "io.debezium.time.MicroTime":
		c.unit = countMicro
	case "io.debezium.time.NanoTimestamp", "io.debezium.time.NanoTime":
		c.unit = countNano
	case "io.debezium.data.Bits":
		c.bits = true
	case "org.apache.kafka.connect.data.Decimal":
		if scale, err := strconv.Atoi(s.Parameters["scale"]); err == nil && scale >= -1000 && scale <= 1000 {
			c.decimal, c.scale = true, int32(scale)
		}
	}
}

// unscaled converts base64 of an integer, two's complement with the most
// significant byte first, that counts 10^-scale.
func (c *converter) unscaled(raw []byte, scale int32) (types.Datum, error) {
	b, err := base64.StdEncoding.AppendDecode(nil, raw)
	if err != nil || len(b) == 0 {
		return types.NullDatum, c.wrong(raw)
	}
	var d apd.Decimal
	d.Exponent = -scale
	if b[0]&0x80 != 0 {
		d.Negative = true
		// The magnitude of a negative number is the complement plus one.
		carry := byte(1)
		for i := len(b) - 1; i >= 0; i-- {
			b[i] = ^b[i] + carry
			if b[i] != 0 {
				carry = 0
			}
		}
	}
	d.Coeff.SetBytes(b)
	n := types.DecimalToDatum(&d)
	if c.t.OID == types.OIDNumeric {
		return types.CoerceTypmod(n, c.t, false)
	}
	return types.ParseText(string(types.AppendText(nil, n, types.Numeric, nil)), c.t, nil)
}

// bitText converts base64 of a number without sign, the least significant byte first.
func (c *converter) bitText(raw []byte) (types.Datum, error) {
	b, err := base64.StdEncoding.AppendDecode(nil, raw)
	if err != nil || len(b) == 0 {
		return types.NullDatum, c.wrong(raw)
	}
	slices.Reverse(b)
	var d apd.Decimal
	d.Coeff.SetBytes(b)
	n := types.DecimalToDatum(&d)
	if c.t.OID == types.OIDNumeric {
		return types.CoerceTypmod(n, c.t, false)
	}
	return types.ParseText(string(types.AppendText(nil, n, types.Numeric, nil)), c.t, nil)
}

// variableScale converts {"scale": …, "value": …}, Debezium's decimal of any
// scale.
func (c *converter) variableScale(data []byte, t token) (types.Datum, error) {
	var v struct {
		Scale int32
		Value *string
	}
	raw := data[t.start:t.end]
	if json.Unmarshal(raw, &v) != nil || v.Value == nil || v.Scale < -1000 || v.Scale > 16383 {
		return types.NullDatum, sqlerr.New(sqlerr.InvalidTextRepresentation, "invalid input syntax for type %s: \"%s\"", c.t.Base(), excerpt(raw))
	}
	return c.unscaled([]byte(*v.Value), v.Scale)
}
