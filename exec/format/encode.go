package format

import (
	"context"
	"slices"
	"strings"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// NewEncoder makes the encoder of s. Columns From the key go into the key; if
// there are none, the primary key does, besides being in the value. Columns from
// the rest of a record are not written. Its errors are those of the user.
func NewEncoder(s Spec) (Encoder, error) {
	env, err := findEnvelope(s.Envelope)
	if err != nil {
		return nil, err
	}
	if env.open != nil && env.encode == nil {
		return nil, sqlerr.New(sqlerr.FeatureNotSupported, "FORMAT %s cannot be written", strings.ToUpper(string(env.name))).
			WithHint("Use FORMAT PLAIN, UPSERT or DEBEZIUM.")
	}
	e := &encoder{spec: s, env: env}
	for i, c := range s.Columns {
		switch c.From {
		case FromKey:
			e.keyCols = append(e.keyCols, i)
		case FromValue:
			e.valueCols = append(e.valueCols, i)
		}
	}
	if len(e.keyCols) == 0 {
		e.keyCols = s.PK
	}
	if env.table && len(e.keyCols) == 0 {
		return nil, sqlerr.New(sqlerr.InvalidTableDefinition, "FORMAT %s needs a key", strings.ToUpper(string(env.name))).
			WithHint("Name its columns with primary_key = '…'.")
	}
	if len(e.keyCols) > 0 && !(s.Key.Name == "none" && !env.table) {
		var ts []types.Type
		for _, i := range e.keyCols {
			ts = append(ts, s.Columns[i].Type)
		}
		if e.key, err = e.openPart(s.keyEncoding(ts), s.Key.Options, true, e.keyCols); err != nil {
			return nil, err
		}
	}
	if e.value, err = e.openPart(s.Value.Name, s.Value.Options, false, e.valueCols); err != nil {
		return nil, err
	}
	return e, nil
}

// encoder is the frame around the encoders of the key and the value.
type encoder struct {
	spec               Spec
	env                envelope
	key, value         partEncoder
	keyCols, valueCols []int // columns of the Spec
	nested             bool  // value has the fields of the whole envelope
}

func (e *encoder) openPart(name string, options map[string]string, key bool, cols []int) (partEncoder, error) {
	p := part{Key: key, Topic: e.spec.Topic, Envelope: e.env.name, Registry: e.spec.Registry}
	for _, i := range cols {
		f := keyFieldOf(e.spec.Columns[i], len(cols) == 1)
		f.Paths = f.Paths[:1]
		p.Fields = append(p.Fields, f)
	}
	enc, err := findEncoding(name, p.what())
	if err != nil {
		return nil, err
	}
	if p.Options, err = enc.checkOptions(options); err != nil {
		return nil, err
	}
	if enc.encoder == nil {
		return nil, sqlerr.New(sqlerr.FeatureNotSupported, "ENCODE %s cannot be written", strings.ToUpper(enc.name))
	}
	if e.env.encode != nil && !key && enc.name != "json" {
		if e.env.fields == nil || !enc.nests {
			return nil, errEnvelopeEncoding(e.env.name, enc.name).WithHint("Use ENCODE JSON, AVRO or PROTOBUF.")
		}
		p.Fields, e.nested = e.env.fields(p.Fields), true
	}
	return enc.encoder(p)
}

// Encode implements Encoder.
func (e *encoder) Encode(ctx context.Context, rows, before *vec.Batch, ops []Op) (Encoded, error) {
	return e.EncodeChanges(ctx, Changes{Rows: rows, Before: before, Ops: ops})
}

// EncodeChanges implements Encoder.
func (e *encoder) EncodeChanges(ctx context.Context, c Changes) (Encoded, error) {
	var out Encoded
	rows, ops := c.Rows, c.Ops
	var err error
	if e.key == nil {
		out.Key = vec.Flatten(vec.ConstVec(types.Bytea, types.NullDatum, rows.N))
	} else if out.Key, err = encodeRows(ctx, e.key, pickCols(rows, e.keyCols), rows.N, nil); err != nil {
		return out, err
	}
	if e.env.encode != nil {
		out.Value, err = e.env.encode(ctx, e, c)
		return out, err
	}
	skip := func(i int) bool { return ops != nil && (ops[i] == Delete || ops[i] == Truncate) }
	out.Value, err = encodeRows(ctx, e.value, pickCols(rows, e.valueCols), rows.N, skip)
	return out, err
}

func pickCols(b *vec.Batch, at []int) []*vec.Vec {
	out := make([]*vec.Vec, len(at))
	for i, c := range at {
		out[i] = b.Cols[c]
	}
	return out
}

// encodeRows encodes a part of n rows into a bytea column; NULL where skip says
// so, or where an encoding of single values has none.
func encodeRows(ctx context.Context, p partEncoder, cols []*vec.Vec, n int, skip func(int) bool) (*vec.Vec, error) {
	if err := p.begin(ctx, cols); err != nil {
		return nil, err
	}
	out := newBytes(n)
	single, _ := p.(interface{ absent(int) bool })
	var err error
	for i := range n {
		if (skip == nil || !skip(i)) && (single == nil || !single.absent(i)) {
			if out.Data, err = p.row(out.Data, i); err != nil {
				return nil, err
			}
			out.end(i, true)
		} else {
			out.end(i, false)
		}
		if i == 15 { // the others will be about as long
			out.Data = slices.Grow(out.Data, len(out.Data)*(n-16)/14+64)
		}
	}
	return out.finish(n)
}

// bytesColumn is a bytea column that is written in place.
type bytesColumn struct{ vec.Vec }

func newBytes(n int) *bytesColumn {
	return &bytesColumn{vec.Vec{Type: types.Bytea, N: n, Off: make([]uint32, n+1)}}
}

// end ends value i; valid = false makes it NULL.
func (b *bytesColumn) end(i int, valid bool) {
	b.Off[i+1] = uint32(len(b.Data))
	if !valid {
		if b.Valid == nil {
			b.Valid = vec.NewBitmap(b.N, true)
		}
		b.Valid.Clear(i)
	}
}

func (b *bytesColumn) finish(n int) (*vec.Vec, error) {
	if uint64(len(b.Data)) > 1<<32-1 {
		return nil, sqlerr.New(sqlerr.ProgramLimitExceeded, "%d rows are too large to be encoded at once", n)
	}
	return &b.Vec, nil
}
