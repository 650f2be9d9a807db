package format

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"

	"github.com/cockroachdb/apd/v3"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// avroEncoder writes rows with the schema of the options, or with the one that
// the columns make. With a registry the schema is registered under the subject.
type avroEncoder struct {
	p      part
	tree   *fieldTree
	schema *Schema
	node   *avroNode
	plan   *avroPut
	id     int
	ready  bool
	cols   []*vec.Vec
}

// avroPut writes one value: column col, or the record of subs, one for each
// field of the schema (nil: the field's default, or null).
type avroPut struct {
	node   *avroNode // without the union around it
	path   string
	col    int
	subs   []*avroPut
	branch int // of the union, -1: none
	null   int // the union's null, -1: none
	from   types.Type
	direct bool // the column's bytes are the value's
}

func newAvroEncoder(p part) (partEncoder, error) {
	p.bare()
	e := &avroEncoder{p: p}
	err := p.checkAvroName()
	if err != nil {
		return nil, err
	}
	if e.tree, err = newFieldTree(p.Fields); err != nil {
		return nil, err
	}
	if p.Options["schema.id"] != "" {
		_, err := p.checkSchemaOptions("avro", "AVRO")
		return e, err
	}
	if e.schema, err = p.optionText("AVRO"); err != nil {
		return nil, err
	}
	if e.schema == nil {
		text, err := generateAvro(&p, e.tree)
		if err != nil {
			return nil, err
		}
		e.schema = &Schema{Type: "AVRO", Text: text}
	}
	return e, e.compile()
}

func (e *avroEncoder) compile() (err error) {
	if e.node, err = avroNodeOf(e.schema); err != nil {
		return err
	}
	e.plan, err = e.planOf(e.node, e.tree)
	return err
}

func (e *avroEncoder) begin(ctx context.Context, cols []*vec.Vec) (err error) {
	e.cols = cols
	if e.ready {
		return nil
	}
	if e.p.Options["schema.id"] != "" {
		if e.schema, err = e.p.optionSchema(ctx, "AVRO"); err != nil {
			return err
		}
		if err = e.compile(); err != nil {
			return err
		}
		e.id = e.schema.ID
	} else if e.p.Registry != nil {
		if e.id, err = e.p.Registry.Register(ctx, e.p.subject(), e.schema); err != nil {
			return err
		}
	}
	e.ready = true
	return nil
}

// planOf matches the schema's fields with the columns.
func (e *avroEncoder) planOf(n *avroNode, t *fieldTree) (*avroPut, error) {
	p := &avroPut{node: n, path: t.path, col: t.col, branch: -1, null: -1}
	if n.typ == avroUnion {
		if err := e.pickBranch(p, n, t); err != nil {
			return nil, err
		}
		n = p.node
	}
	if t.col >= 0 {
		p.from = e.p.Fields[t.col].Type
		if !avroTakes(n, p.from) {
			return nil, sqlerr.New(sqlerr.DatatypeMismatch, "column %q of type %s cannot become Avro %s", e.p.Fields[t.col].Name, p.from, n.what())
		}
		p.direct = n.kind == kindText && n.typ == avroString && (p.from.OID == types.OIDText || p.from.OID == types.OIDVarchar) ||
			n.kind == kindBytes && n.typ == avroBytes && p.from.OID == types.OIDBytea
		return p, nil
	}
	if n.typ != avroRecord {
		return nil, sqlerr.New(sqlerr.DatatypeMismatch, "the Avro schema of the %s is a %s, not a record", e.p.what(), n.what())
	}
	return p, e.planFields(p, n, t)
}

func (e *avroEncoder) planFields(p *avroPut, n *avroNode, t *fieldTree) error {
	p.subs = make([]*avroPut, len(n.fields))
	for _, kid := range t.kids {
		at := n.find(kid.name)
		if at < 0 && kid.spare {
			continue
		}
		if at < 0 || p.subs[at] != nil {
			return sqlerr.New(sqlerr.UndefinedColumn, "the Avro schema has no field %q", kid.path)
		}
		sub, err := e.planOf(n.fields[at].node, kid)
		if err != nil {
			return err
		}
		p.subs[at] = sub
	}
	for i, f := range n.fields {
		if p.subs[i] == nil && !f.hasDefault && f.node.nullBranch() < 0 {
			return sqlerr.New(sqlerr.NotNullViolation, "field %q of the Avro schema has no column and no default", f.name)
		}
	}
	return nil
}

// nullBranch is the index of null in a union, -1: there is none.
func (n *avroNode) nullBranch() int {
	for i, b := range n.branches {
		if b.typ == avroNull {
			return i
		}
	}
	return -1
}

// pickBranch chooses the branch of a union that a column goes to: that of its own
// type, else the first that takes it.
func (e *avroEncoder) pickBranch(p *avroPut, n *avroNode, t *fieldTree) error {
	p.null = n.nullBranch()
	for i, b := range n.branches {
		if b.typ == avroNull {
			continue
		}
		takes, own := b.typ == avroRecord, true
		if t.col >= 0 {
			from := e.p.Fields[t.col].Type
			takes, own = avroTakes(b, from), b.natural().OID == from.OID
		}
		if takes && (p.branch < 0 || own && t.col >= 0) {
			p.branch, p.node = i, b
			if own {
				return nil
			}
		}
	}
	if p.branch < 0 {
		return sqlerr.New(sqlerr.DatatypeMismatch, "no branch of the Avro union takes field %q", t.path)
	}
	return nil
}

// avroTakes reports whether values of type from can become values of n.
func avroTakes(n *avroNode, from types.Type) bool {
	if from.OID == types.OIDJSONB || from.OID == types.OIDJSON {
		return true // what fits, the value says
	}
	if n.kind != kindNone {
		return types.CastKind(from, n.natural().Base()) != types.CastNone
	}
	if n.typ == avroArray && from.IsArray() && !from.IsVector() {
		item := n.items
		if inner, _, ok := item.nullable(); ok {
			item = inner
		}
		return item.kind != kindNone && avroTakes(item, types.ElemOf(from).Base())
	}
	return false
}

func (e *avroEncoder) row(dst []byte, i int) ([]byte, error) {
	if e.p.Registry != nil {
		dst = appendWireHead(dst, e.id)
	}
	return e.put(dst, e.plan, i)
}

func (e *avroEncoder) put(dst []byte, p *avroPut, i int) ([]byte, error) {
	if e.absent(p, i) {
		switch {
		case p.null >= 0:
			return binary.AppendVarint(dst, int64(p.null)), nil
		case p.node.typ == avroNull:
			return dst, nil
		}
		return dst, sqlerr.New(sqlerr.NotNullViolation, "field %q of the Avro schema cannot be null", p.path)
	}
	if p.branch >= 0 {
		dst = binary.AppendVarint(dst, int64(p.branch))
	}
	if p.col < 0 {
		return e.putFields(dst, p, i)
	}
	v := e.cols[p.col]
	if p.direct {
		b := v.Bytes(i)
		return append(binary.AppendVarint(dst, int64(len(b))), b...), nil
	}
	return avroAppend(dst, p.node, v.Datum(i), p.from)
}

// absent reports a NULL, or a nested record all of whose columns are.
func (e *avroEncoder) absent(p *avroPut, i int) bool {
	if p.col >= 0 {
		return e.cols[p.col].IsNull(i)
	}
	if p.path == "" {
		return false
	}
	for _, sub := range p.subs {
		if sub != nil && !e.absent(sub, i) {
			return false
		}
	}
	return true
}

func (e *avroEncoder) putFields(dst []byte, p *avroPut, i int) (_ []byte, err error) {
	for k, sub := range p.subs {
		if sub == nil {
			dst, err = avroMissing(dst, &p.node.fields[k])
		} else {
			dst, err = e.put(dst, sub, i)
		}
		if err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// avroMissing writes a field for which there is no value.
func avroMissing(dst []byte, f *avroField) ([]byte, error) {
	if f.hasDefault {
		return avroDefault(dst, f.node, f.def)
	}
	if null := f.node.nullBranch(); null >= 0 {
		return binary.AppendVarint(dst, int64(null)), nil
	}
	return dst, sqlerr.New(sqlerr.NotNullViolation, "field %q of the Avro schema is missing and has no default", f.name)
}

// avroAppend writes d, not NULL and of type from, as a value of n.
func avroAppend(dst []byte, n *avroNode, d types.Datum, from types.Type) ([]byte, error) {
	if isJSON(from) && n.natural().OID != types.OIDText {
		return avroFromJSON(dst, n, d.S, 0)
	}
	if n.kind == kindNone {
		return avroFromArray(dst, n, d, types.ElemOf(from).Base())
	}
	to := n.natural()
	d, err := types.Cast(d, from, to, nil)
	if err != nil {
		return dst, err
	}
	return avroScalar(dst, n, d)
}

func avroFromArray(dst []byte, n *avroNode, d types.Datum, elem types.Type) ([]byte, error) {
	a, err := types.DecodeArray(d.S)
	if err != nil {
		return dst, err
	}
	if len(a.Dims) > 1 {
		return dst, sqlerr.New(sqlerr.FeatureNotSupported, "an array of %d dimensions cannot become an Avro array", len(a.Dims))
	}
	if len(a.Elems) > 0 {
		dst = binary.AppendVarint(dst, int64(len(a.Elems)))
	}
	for _, e := range a.Elems {
		item := n.items
		if item.typ == avroUnion {
			inner, null, _ := item.nullable()
			if e.Null {
				dst = binary.AppendVarint(dst, int64(null))
				continue
			}
			dst, item = binary.AppendVarint(dst, int64(1-null)), inner
		} else if e.Null {
			return dst, sqlerr.New(sqlerr.NotNullViolation, "items of the Avro array cannot be null")
		}
		if dst, err = avroAppend(dst, item, e, elem); err != nil {
			return dst, err
		}
	}
	return append(dst, 0), nil
}

// avroScalar writes d, of n's natural type.
func avroScalar(dst []byte, n *avroNode, d types.Datum) ([]byte, error) {
	switch n.kind {
	case kindBool:
		return append(dst, byte(d.I)), nil
	case kindInt, kindLong:
		return binary.AppendVarint(dst, d.I), nil
	case kindFloat:
		return binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(d.F))), nil
	case kindDouble:
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(d.F)), nil
	case kindDate:
		return avroTime(dst, n, d, days1970)
	case kindTime:
		return avroTime(dst, n, d, 0)
	case kindStamp, kindInstant:
		return avroTime(dst, n, d, unixMicros2000)
	case kindDecimal:
		return avroDecimal(dst, n, d)
	case kindUUIDText:
		return avroBlob(dst, n, types.AppendText(nil, d, types.UUID, nil))
	case kindInterval:
		return avroSpan(dst, d)
	case kindText:
		if n.typ == avroEnum {
			for i, s := range n.symbols {
				if string(s) == d.S {
					return binary.AppendVarint(dst, int64(i)), nil
				}
			}
			return dst, sqlerr.New(sqlerr.InvalidTextRepresentation, "%q is no symbol of the Avro enum %q", d.S, n.name)
		}
	}
	return avroBlob(dst, n, []byte(d.S))
}

func avroBlob(dst []byte, n *avroNode, b []byte) ([]byte, error) {
	if n.typ == avroFixed {
		if len(b) != n.size {
			return dst, sqlerr.New(sqlerr.StringDataLengthMismatch, "%d bytes cannot become the Avro fixed %q of %d", len(b), n.name, n.size)
		}
		return append(dst, b...), nil
	}
	return append(binary.AppendVarint(dst, int64(len(b))), b...), nil
}

// avroTime writes a date or time that is shift away from Avro's beginning.
func avroTime(dst []byte, n *avroNode, d types.Datum, shift int64) ([]byte, error) {
	v := d.I + shift
	if d.I == math.MinInt64 || d.I == math.MaxInt64 || shift > 0 && v < d.I {
		return dst, sqlerr.New(sqlerr.DatetimeFieldOverflow, "%s is out of Avro's range", types.AppendText(nil, d, n.natural(), nil))
	}
	switch n.unit {
	case unitMilli:
		q := v / 1000
		if v%1000 < 0 {
			q--
		}
		v = q
	case unitNano:
		if v > math.MaxInt64/1000 || v < math.MinInt64/1000 {
			return dst, sqlerr.New(sqlerr.DatetimeFieldOverflow, "%s is out of Avro's range", types.AppendText(nil, d, n.natural(), nil))
		}
		v *= 1000
	}
	return binary.AppendVarint(dst, v), nil
}

func avroSpan(dst []byte, d types.Datum) ([]byte, error) {
	iv := types.DecodeInterval(d.S)
	millis := iv.Micros / 1000
	if iv.Months < 0 || iv.Days < 0 || millis < 0 || millis > math.MaxUint32 || iv.Micros%1000 != 0 {
		return dst, sqlerr.New(sqlerr.IntervalFieldOverflow, "interval %s cannot become an Avro duration", types.AppendText(nil, d, types.Interval, nil)).
			WithDetail("A duration is months, days and whole milliseconds, none negative.")
	}
	dst = binary.LittleEndian.AppendUint32(dst, uint32(iv.Months))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(iv.Days))
	return binary.LittleEndian.AppendUint32(dst, uint32(millis)), nil
}

// avroDecimal writes the two's complement of a numeric of n's scale.
func avroDecimal(dst []byte, n *avroNode, d types.Datum) ([]byte, error) {
	var x apd.Decimal
	types.NumericToDecimal(d, &x)
	if x.Form != apd.Finite {
		return dst, sqlerr.New(sqlerr.NumericValueOutOfRange, "%s cannot become an Avro decimal", types.AppendText(nil, d, types.Numeric, nil))
	}
	for x.Exponent > -int32(n.scale) { // widen: the cast has rounded already
		x.Coeff.Mul(&x.Coeff, apd.NewBigInt(10))
		x.Exponent--
	}
	return avroBlob(dst, n, twosComplement(&x, n))
}

// twosComplement is the shortest image of x's coefficient, or that of n's size.
func twosComplement(x *apd.Decimal, n *avroNode) []byte {
	b := x.Coeff.Bytes()
	if len(b) == 0 || b[0]&0x80 != 0 {
		b = append([]byte{0}, b...)
	}
	pad := byte(0)
	if x.Negative && x.Coeff.Sign() != 0 {
		carry := true
		for i := len(b) - 1; i >= 0; i-- {
			b[i] = ^b[i]
			if carry {
				b[i]++
				carry = b[i] == 0
			}
		}
		pad = 0xff
		if len(b) > 1 && b[0] == 0xff && b[1]&0x80 != 0 {
			b = b[1:]
		}
	}
	if n.typ == avroFixed && len(b) < n.size {
		b = append(bytes.Repeat([]byte{pad}, n.size-len(b)), b...)
	}
	return b
}
