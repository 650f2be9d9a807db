package format

import (
	"context"
	"slices"
	"strings"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/topic"
)

// NewDecoder makes the decoder of s. Its errors are those of the user: an
// unknown encoding, envelope or option, a column that cannot be had.
func NewDecoder(s Spec) (Decoder, error) {
	env, err := findEnvelope(s.Envelope)
	if err != nil {
		return nil, err
	}
	if env.table && len(s.PK) == 0 {
		return nil, sqlerr.New(sqlerr.InvalidTableDefinition, "FORMAT %s needs a primary key", strings.ToUpper(string(env.name))).
			WithHint("Declare the columns of the record's key as PRIMARY KEY.")
	}
	d := &decoder{spec: s, env: env}
	if err := d.checkMeta(); err != nil {
		return nil, err
	}
	if err := d.openValue(); err != nil {
		return nil, err
	}
	return d, d.openKey()
}

// decoder is the frame around the decoders of the key and the value.
type decoder struct {
	spec Spec
	env  envelope

	value     partDecoder
	valueAsks []field
	valueOf   []int32 // Spec column → index of valueAsks, -1: not from the value

	key     partDecoder // nil: the key is of no interest
	keyAsks []field
	keyOf   []int32 // as valueOf; primary-key columns of tables are there too
	keyed   bool    // some column is From: FromKey

	asks  *feedAsks // of a feed
	canal *canal    // of Canal's messages
	// openEvents is of the Open Protocol's.
	openEvents *openProtocol
	// unavailable is, for each column, the placeholder of values that a record of
	// Debezium's leaves out; nil: there is none.
	unavailable [][]byte
	// unsigned are the columns whose negative numbers are 2^64 too small.
	unsigned []int
}

// fieldOf is what a column asks of a part.
func fieldOf(c Column) field {
	name := c.Path
	if name == "" {
		name = c.Name
	}
	f := field{Name: c.Name, Type: c.Type, Paths: [][]string{{name}}}
	if strings.Contains(name, ".") {
		f.Paths = append(f.Paths, strings.Split(name, "."))
	}
	return f
}

// keyFieldOf is what one of the key's columns asks of it: a column of JSON that is the only one and has no path is the whole key.
func keyFieldOf(c Column, alone bool) field {
	f := fieldOf(c)
	if alone && c.From == FromKey && c.Path == "" && (c.Type.OID == types.OIDJSONB || c.Type.OID == types.OIDJSON) {
		f.Paths = [][]string{{}}
	}
	return f
}

// keyColumns counts the columns that are From the key.
func (s *Spec) keyColumns() int {
	n := 0
	for _, c := range s.Columns {
		if c.From == FromKey {
			n++
		}
	}
	return n
}

// under puts the paths of f below a prefix.
func (f field) under(prefixes ...[]string) field {
	var paths [][]string
	for _, prefix := range prefixes {
		for _, p := range f.Paths {
			paths = append(paths, append(append([]string(nil), prefix...), p...))
		}
	}
	f.Paths = paths
	return f
}

// skips says which columns need not be decoded. Of encodings that know no names each
// field has its place.
func (d *decoder) skips(e encoding) []bool {
	s := &d.spec
	out := make([]bool, len(s.Columns))
	if s.Only == nil || d.env.name != Plain || !e.nested {
		return out
	}
	asked, first := 0, -1
	for i, c := range s.Columns {
		switch {
		case c.From != FromValue:
		case slices.Contains(s.Only, i):
			asked++
		default:
			if out[i] = true; first < 0 {
				first = i
			}
		}
	}
	if asked == 0 && first >= 0 { // something has to make the rows
		out[first] = false
	}
	return out
}

func (d *decoder) openValue() error {
	e, err := findEncoding(d.spec.Value.Name, "value")
	if err != nil {
		return err
	}
	skips := d.skips(e)
	d.valueOf = make([]int32, len(d.spec.Columns))
	for i, c := range d.spec.Columns {
		d.valueOf[i] = -1
		if c.From == FromValue && !skips[i] {
			d.valueOf[i] = int32(len(d.valueAsks))
			d.valueAsks = append(d.valueAsks, fieldOf(c))
		}
	}
	p := part{Topic: d.spec.Topic, Envelope: d.env.name, Registry: d.spec.Registry, NullOnError: d.spec.NullOnError}
	if d.env.open != nil {
		if !e.nested {
			return errEnvelopeEncoding(d.env.name, e.name)
		}
		return d.env.open(d, e, p)
	}
	p.Fields = d.valueAsks
	d.value, err = d.openPart(e, p, d.spec.Value.Options)
	return err
}

func errEnvelopeEncoding(env Envelope, encoding string) *sqlerr.Error {
	return sqlerr.New(sqlerr.FeatureNotSupported, "FORMAT %s does not go with ENCODE %s", strings.ToUpper(string(env)), strings.ToUpper(encoding)).
		WithHint("Use ENCODE JSON.")
}

func (d *decoder) openPart(e encoding, p part, options map[string]string) (partDecoder, error) {
	var err error
	if p.Options, err = e.checkOptions(options); err != nil {
		return nil, err
	}
	if e.decoder == nil {
		return nil, sqlerr.New(sqlerr.FeatureNotSupported, "ENCODE %s cannot be read", strings.ToUpper(e.name))
	}
	return e.decoder(p)
}

// openKey opens the key's decoder where a column is taken from it, or where the
// primary key of a deleted row may have to be.
func (d *decoder) openKey() error {
	s := &d.spec
	d.keyOf = make([]int32, len(s.Columns))
	ask := func(i int) {
		if d.keyOf[i] < 0 {
			d.keyOf[i] = int32(len(d.keyAsks))
			f := keyFieldOf(s.Columns[i], s.keyColumns() == 1)
			if d.env.wrapped {
				f = f.under(nil, []string{"payload"})
			}
			d.keyAsks = append(d.keyAsks, f)
		}
	}
	for i, c := range s.Columns {
		d.keyOf[i] = -1
		if c.From == FromKey {
			d.keyed = true
			ask(i)
		}
	}
	if d.env.keys {
		for _, i := range s.PK {
			if s.Columns[i].From == FromValue {
				ask(i)
			}
		}
	}
	if len(d.keyAsks) == 0 {
		return nil
	}
	var ts []types.Type
	for _, f := range d.keyAsks {
		ts = append(ts, f.Type)
	}
	name := s.keyEncoding(ts)
	e, err := findEncoding(name, "key")
	if err != nil {
		return err
	}
	if e.name == "none" && !d.keyed && d.env.name != Upsert {
		d.keyAsks = nil
		return nil
	}
	p := part{Key: true, Topic: s.Topic, Envelope: d.env.name, Fields: d.keyAsks, Registry: s.Registry, NullOnError: s.NullOnError}
	d.key, err = d.openPart(e, p, s.Key.Options)
	if err != nil && s.Key.Name == "" && d.env.open != nil && !d.keyed {
		// A feed tells the keys of deleted rows in its values; the record's key only
		// helps where it does not.
		d.key, err = nil, nil
	}
	return err
}

// keyEncoding is the encoding of the keys, which may be left out: one column is
// a Kafka primitive if its type is one, others are encoded as the value is.
func (s *Spec) keyEncoding(ts []types.Type) string {
	if s.Key.Name != "" {
		return s.Key.Name
	}
	if env := s.Envelope; len(ts) == 1 && (env == "" || env == Plain || env == Upsert) {
		if _, ok := kafkaWidth(ts[0]); ok {
			return "kafka"
		}
	}
	return s.Value.Name
}

// Decode implements Decoder.
func (d *decoder) Decode(ctx context.Context, r *topic.Records) (*Decoded, error) {
	if r.N() == 0 {
		return d.nothing(), nil
	}
	t := &draft{}
	r = d.limit(r, t)
	if err := d.env.decode(ctx, d, r, t); err != nil {
		return nil, err
	}
	cols := make([]*vec.Vec, len(d.spec.Columns))
	for i := range cols {
		cols[i] = d.column(r, t, i)
	}
	if d.keyed {
		if err := d.keyColumns(ctx, r, t, cols); err != nil {
			return nil, err
		}
	}
	d.keepUnavailable(t, cols)
	d.checkNulls(r, t, cols)
	return d.finish(t, cols), nil
}

// nothing is what no records become.
func (d *decoder) nothing() *Decoded {
	rows := &vec.Batch{Cols: make([]*vec.Vec, len(d.spec.Columns))}
	for i, c := range d.spec.Columns {
		rows.Cols[i] = vec.NewBuilder(c.Type, 0).Finish()
	}
	return &Decoded{Rows: rows}
}

// limit replaces keys and values that are too long by NULL and marks their
// records.
func (d *decoder) limit(r *topic.Records, t *draft) *topic.Records {
	out := r
	cut := func(what string, v *vec.Vec) *vec.Vec {
		if v.N == 0 || v.Off[v.N]-v.Off[0] <= valueBytesMax {
			return v
		}
		short := v
		for i := range v.N {
			if size := v.Off[i+1] - v.Off[i]; size > valueBytesMax {
				if short == v {
					short = withValid(v)
				}
				short.Valid.Clear(i)
				t.mark(r.N(), i, sqlerr.New(sqlerr.ProgramLimitExceeded, "the record's %s is %d bytes long, more than the limit of %d", what, size, valueBytesMax))
			}
		}
		return short
	}
	key, value := cut("key", r.Key), cut("value", r.Value)
	if key != r.Key || value != r.Value {
		c := *r
		c.Key, c.Value = key, value
		out = &c
	}
	return out
}

// withValid is v with a validity bitmap of its own.
func withValid(v *vec.Vec) *vec.Vec {
	c := *v
	c.Valid = vec.NewBitmap(v.N, true)
	if v.Valid != nil {
		copy(c.Valid, v.Valid)
	}
	return &c
}

// keyColumns decodes the keys and fills the columns taken from them.
func (d *decoder) keyColumns(ctx context.Context, r *topic.Records, t *draft, cols []*vec.Vec) error {
	keys := newRows(d.keyAsks, r.N(), d.spec.NullOnError)
	if err := d.key.decode(ctx, r.Key, keys); err != nil {
		return err
	}
	for i, err := range keys.bad {
		if err != nil {
			t.mark(r.N(), i, inKey(err))
		}
	}
	for i := range cols {
		if d.spec.Columns[i].From == FromKey {
			cols[i] = byRecord(keys.cols[d.keyOf[i]].Finish(), t.record)
		}
	}
	return nil
}

func inKey(err *sqlerr.Error) *sqlerr.Error {
	e := *err
	e.Message = "key: " + e.Message
	return &e
}

// byRecord gives each row the value of its record.
func byRecord(v *vec.Vec, record []int32) *vec.Vec {
	if v.N == len(record) && isIdentity(record) {
		return v
	}
	return vec.Gather(v, record)
}

func isIdentity(record []int32) bool {
	for i, r := range record {
		if int(r) != i {
			return false
		}
	}
	return true
}
