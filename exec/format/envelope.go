package format

import (
	"context"
	"strings"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/topic"
)

// envelope is one way in which records change a table.
type envelope struct {
	name  Envelope
	table bool // rows have a primary key
	// keys: a deleted row may have to be found by the record's key.
	keys bool
	// wrapped: keys and values may be {"schema": …, "payload": …}.
	wrapped bool
	// rows leads to where the value has the row; nil: the value is it.
	rows [][]string
	// open asks the value's encoding for what the envelope needs; nil: the columns
	// are asked for at their own paths.
	open func(d *decoder, e encoding, p part) error
	// decode turns records into a draft.
	decode func(ctx context.Context, d *decoder, r *topic.Records, t *draft) error
	// encode makes the values of changed rows; nil: a Put's is the row, a Delete's is
	// absent, or, where there is open, the envelope cannot be written.
	encode func(ctx context.Context, e *encoder, c Changes) (*vec.Vec, error)
	// fields are those of the whole value for those of the row in it, where encode
	// writes by an encoding with nested fields; nil: it cannot.
	fields func(row []field) []field
}

func envelopes() []envelope {
	return []envelope{
		{name: Plain, decode: decodePlain},
		{name: Upsert, table: true, keys: true, decode: decodeUpsert},
		{name: Debezium, table: true, keys: true, wrapped: true, rows: debeziumFeed().rows, open: debeziumFeed().open, decode: decodeFeed, encode: encodeDebezium, fields: debeziumFields},
		{name: Maxwell, table: true, rows: maxwellFeed().rows, open: maxwellFeed().open, decode: decodeFeed},
		{name: Canal, table: true, rows: [][]string{{"data"}}, open: openCanal, decode: decodeCanal},
		{name: OpenProtocol, table: true, open: openOpenProtocol, decode: decodeOpenProtocol},
	}
}

func findEnvelope(name Envelope) (envelope, error) {
	lower := Envelope(strings.ToLower(string(name)))
	if lower == "" {
		lower = Plain
	}
	var names []string
	for _, e := range envelopes() {
		if e.name == lower {
			return e, nil
		}
		names = append(names, string(e.name))
	}
	return envelope{}, sqlerr.New(sqlerr.InvalidParameterValue, "unknown format %q", string(name)).
		WithHint("%s", suggest(string(lower), names, "Formats"))
}

// decodeValue decodes the values of r as they are asked for.
func (d *decoder) decodeValue(ctx context.Context, in *vec.Vec, t *draft) (*rows, error) {
	out := newRows(d.valueAsks, in.N, d.spec.NullOnError)
	if t.bad != nil {
		out.bad = append(out.bad, t.bad...)
	}
	if err := d.value.decode(ctx, in, out); err != nil {
		return nil, err
	}
	t.bad = out.bad
	return out, nil
}

// image makes an image out of decoded columns: of[i] is the one for column i of
// the Spec.
func image(cols []*vec.Vec, of []int32) []*vec.Vec {
	out := make([]*vec.Vec, len(of))
	for i, k := range of {
		if k >= 0 {
			out[i] = cols[k]
		}
	}
	return out
}

func (r *rows) finish() []*vec.Vec {
	out := make([]*vec.Vec, len(r.cols))
	for i := range r.cols {
		out[i] = r.cols[i].Finish()
	}
	return out
}

// decodePlain: each record is its rows.
func decodePlain(ctx context.Context, d *decoder, r *topic.Records, t *draft) error {
	out, err := d.decodeValue(ctx, r.Value, t)
	if err != nil {
		return err
	}
	t.record = out.record
	t.images = [][]*vec.Vec{image(out.finish(), d.valueOf)}
	return nil
}

// decodeUpsert: a value puts the row of its key, its absence deletes it.
func decodeUpsert(ctx context.Context, d *decoder, r *topic.Records, t *draft) error {
	out, err := d.decodeValue(ctx, r.Value, t)
	if err != nil {
		return err
	}
	t.record = out.record
	t.images = [][]*vec.Vec{image(out.finish(), d.valueOf)}
	if r.Value.Valid == nil || r.Value.Valid.CountN(r.Value.N) == r.Value.N {
		return nil
	}
	dead := vec.Not(r.Value.Valid)
	keyRow, err := d.deadKeys(ctx, r, dead, t)
	if err != nil {
		return err
	}
	record := t.record
	t.assemble(len(record))
	for i, rec := range record {
		switch {
		case !dead.Get(int(rec)):
			t.add(0, i, int(rec), Put)
		case t.isBad(int(rec)): // its value was too long
		default:
			t.add(1, keyRow[rec], int(rec), Delete)
		}
	}
	return nil
}

// assemble begins rows that are picked out of images.
func (t *draft) assemble(n int) {
	t.from, t.row = make([]int32, 0, n), make([]int32, 0, n)
	t.record, t.ops = make([]int32, 0, n), make([]Op, 0, n)
}

func (t *draft) isBad(record int) bool { return t.bad != nil && t.bad[record] != nil }

// deadKeys decodes the keys of some records and makes the primary-key columns
// that they hold another image. It returns the image's row of each record.
func (d *decoder) deadKeys(ctx context.Context, r *topic.Records, dead vec.Bitmap, t *draft) ([]int, error) {
	keyRow := make([]int, r.N())
	if d.key == nil {
		t.images = append(t.images, make([]*vec.Vec, len(d.spec.Columns)))
		return keyRow, nil
	}
	in := *r.Key
	in.Valid = dead
	if r.Key.Valid != nil {
		in.Valid = vec.And(dead, r.Key.Valid)
	}
	keys := newRows(d.keyAsks, r.N(), d.spec.NullOnError)
	if err := d.key.decode(ctx, &in, keys); err != nil {
		return nil, err
	}
	for i, err := range keys.bad {
		if err != nil {
			t.mark(r.N(), i, inKey(err))
		}
	}
	for row, rec := range keys.record {
		keyRow[rec] = row
	}
	// Columns that are taken from the key anyway are filled with all the others.
	t.images = append(t.images, image(keys.finish(), d.keyOf))
	return keyRow, nil
}
