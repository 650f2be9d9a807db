package format

import (
	"context"
	"encoding/binary"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/topic"
)

// A message of TiCDC's Open Protocol is a batch of events: its key is a version
// and then the events' keys, its value the events' values, each behind its length
// in eight bytes.
// https://docs.pingcap.com/tidb/stable/ticdc-open-protocol

const (
	openVersion = 1
	// The types of events.
	openRow      = "1"
	openDDL      = "2"
	openResolved = "3"
)

// The fields of an event's key, in the order in which they are asked for.
const (
	openKeyType = iota
	openKeyDatabase
	openKeyTable
	openKeyOnly // the value has the columns of the key only
	openKeyClaim
)

func openKeyFields() []field {
	f := func(name string) field { return field{Name: name, Type: types.Text, Paths: [][]string{{name}}} }
	return []field{f("t"), f("scm"), f("tbl"), f("ohk"), f("ccl")}
}

// openProtocol decodes the keys of events, and knows where in the asks of the
// value the parts of an event are.
type openProtocol struct {
	keys                    partDecoder
	oldOf                   []int32 // Spec column → ask, primary key only
	deleted, query          int32
	wantDatabase, wantTable string
}

// openOpenProtocol: a row is at "u" where it was written and at "d" where it was
// deleted, what it was before at "p". Each value is {"t": type, "f": flags, "v":
// value}, which the converters take apart.
func openOpenProtocol(d *decoder, e encoding, p part) error {
	if e.name != "json" {
		return errEnvelopeEncoding(OpenProtocol, e.name)
	}
	for _, c := range d.spec.Columns {
		if c.From == FromKey && d.spec.Key.Name == "" {
			return sqlerr.New(sqlerr.FeatureNotSupported, "column %q cannot be taken from the record's key, which in FORMAT OPEN_PROTOCOL says what the events are", c.Name).
				WithHint("All columns are in the value; KEY ENCODE BYTES gives the key as it is.")
		}
	}
	own, rest := splitOptions(OpenProtocol, d.spec.Value.Options)
	o := &openProtocol{wantDatabase: own["source.database"], wantTable: own["source.table"], oldOf: make([]int32, len(d.spec.Columns))}
	for i := range d.valueAsks {
		d.valueAsks[i] = d.valueAsks[i].under([]string{"u"}, []string{"d"})
	}
	for i, c := range d.spec.Columns {
		o.oldOf[i] = -1
		if c.From == FromValue && d.isKey(i) {
			o.oldOf[i] = int32(len(d.valueAsks))
			d.valueAsks = append(d.valueAsks, fieldOf(c).under([]string{"p"}))
		}
	}
	o.deleted, o.query = int32(len(d.valueAsks)), int32(len(d.valueAsks)+1)
	d.valueAsks = append(d.valueAsks, field{Name: "d", Type: types.JSON, Paths: [][]string{{"d"}}}, field{Name: "q", Type: types.Text, Paths: [][]string{{"q"}}})
	p.Fields = d.valueAsks
	var err error
	if d.value, err = d.openPart(e, p, rest); err != nil {
		return err
	}
	d.openEvents = o
	o.keys, err = e.decoder(part{Key: true, Topic: p.Topic, Fields: openKeyFields(), Options: map[string]string{}})
	return err
}

// openBatch is the events of many messages.
type openBatch struct {
	record       []int32 // of each event
	keys, values bytesBuilder
}

// split appends the events of one message, and says what is wrong with it.
func (b *openBatch) split(record int, key, value []byte) *sqlerr.Error {
	if len(key) < 8 {
		return errOpen("the key is %d bytes long", len(key))
	}
	if v := binary.BigEndian.Uint64(key); v != openVersion {
		return errOpen("the key begins with version %d", v)
	}
	key = key[8:]
	n := len(b.record)
	for len(key) > 0 {
		k, rest, ok := lengthPrefixed(key)
		if !ok {
			return errOpen("the key of event %d ends too early", len(b.record)-n+1)
		}
		v, restOfValue, ok := lengthPrefixed(value)
		if !ok {
			return errOpen("the value of event %d ends too early", len(b.record)-n+1)
		}
		key, value = rest, restOfValue
		if len(b.record)-n >= rowsMax {
			e := errOpen("it has too many events")
			e.Code = sqlerr.ProgramLimitExceeded
			return e
		}
		b.record = append(b.record, int32(record))
		b.keys.add(k, true)
		b.values.add(v, len(v) > 0)
	}
	if len(value) > 0 {
		return errOpen("the value goes on for %d bytes behind the last event", len(value))
	}
	if len(b.record) == n {
		return errOpen("it has no events")
	}
	return nil
}

func errOpen(why string, args ...any) *sqlerr.Error {
	return sqlerr.New(sqlerr.InvalidBinaryRepresentation, "the record is no message of the Open Protocol: "+why, args...)
}

func lengthPrefixed(b []byte) (head, rest []byte, ok bool) {
	if len(b) < 8 {
		return nil, nil, false
	}
	n := binary.BigEndian.Uint64(b)
	if b = b[8:]; n > uint64(len(b)) {
		return nil, nil, false
	}
	return b[:n], b[n:], true
}

// bytesBuilder collects values into one bytea column.
type bytesBuilder struct {
	data  []byte
	off   []uint32
	nulls []bool
}

func (b *bytesBuilder) add(v []byte, ok bool) {
	b.data = append(b.data, v...)
	b.off = append(b.off, uint32(len(b.data)))
	b.nulls = append(b.nulls, !ok)
}

// drop takes all but the first n values away.
func (b *bytesBuilder) drop(n int) {
	b.off, b.nulls = b.off[:n], b.nulls[:n]
	b.data = b.data[:0:len(b.data)]
	if n > 0 {
		b.data = b.data[:b.off[n-1]]
	}
}

func (b *bytesBuilder) vec() *vec.Vec {
	v := &vec.Vec{Type: types.Bytea, N: len(b.off), Data: b.data, Off: append(make([]uint32, 1, 1+len(b.off)), b.off...), Valid: vec.NewBitmap(len(b.off), true)}
	for i, null := range b.nulls {
		if null {
			v.Valid.Clear(i)
		}
	}
	return v
}

// events splits the messages. A message that is bad has none.
func (o *openProtocol) events(r *topic.Records, t *draft) *openBatch {
	b := &openBatch{}
	for i := range r.N() {
		if t.isBad(i) || r.Key.IsNull(i) && r.Value.IsNull(i) {
			continue
		}
		var key, value []byte
		if !r.Key.IsNull(i) {
			key = r.Key.Bytes(i)
		}
		if !r.Value.IsNull(i) {
			value = r.Value.Bytes(i)
		}
		n := len(b.record)
		if err := b.split(i, key, value); err != nil {
			t.mark(r.N(), i, err)
			b.record = b.record[:n]
			b.keys.drop(n)
			b.values.drop(n)
		}
	}
	return b
}

// decodeOpenProtocol turns the events into what their rows do.
func decodeOpenProtocol(ctx context.Context, d *decoder, r *topic.Records, t *draft) error {
	o := d.openEvents
	b := o.events(r, t)
	if len(b.record) == 0 {
		t.images = [][]*vec.Vec{make([]*vec.Vec, len(d.spec.Columns))}
		t.assemble(0)
		return nil
	}
	keys := newRows(openKeyFields(), len(b.record), false)
	if err := o.keys.decode(ctx, b.keys.vec(), keys); err != nil {
		return err
	}
	k := keys.finish()
	values := b.values.vec()
	what := make([]string, len(b.record))
	for i, rec := range b.record {
		var err *sqlerr.Error
		if keys.isBad(i) {
			err = inKey(keys.bad[i])
		} else {
			what[i], err = o.classify(k, i, values.IsNull(i))
		}
		if err != nil {
			t.mark(r.N(), int(rec), err)
			what[i] = ""
		}
		if what[i] != openRow && what[i] != openDDL {
			values.Valid.Clear(i)
		}
	}
	out := newRows(d.valueAsks, values.N, d.spec.NullOnError)
	if err := d.value.decode(ctx, values, out); err != nil {
		return err
	}
	for i, err := range out.bad {
		if err != nil {
			t.mark(r.N(), int(b.record[i]), err)
		}
	}
	o.rows(d, t, b, k, out, what)
	return nil
}

// classify says what event i is of, "": nothing that matters.
func (o *openProtocol) classify(k []*vec.Vec, i int, empty bool) (string, *sqlerr.Error) {
	ours := func(want string, at int) bool { return want == "" || textAt(k, int32(at), i) == want }
	switch typ := textAt(k, openKeyType, i); typ {
	case openResolved:
		return "", nil
	case openDDL:
		if !ours(o.wantDatabase, openKeyDatabase) {
			return "", nil
		}
		return typ, nil
	case openRow:
		if !ours(o.wantDatabase, openKeyDatabase) || !ours(o.wantTable, openKeyTable) {
			return "", nil
		}
		if textAt(k, openKeyOnly, i) == "true" || textAt(k, openKeyClaim, i) != "" || empty {
			return "", errOpen("a row is not in its event").
				WithHint("TiCDC leaves out what is larger than max-message-bytes; make that larger, or leave out large-message-handle-option.")
		}
		return typ, nil
	default:
		return "", errOpen("%q is no type of event that is known", typ)
	}
}

// rows assembles the rows of the events.
func (o *openProtocol) rows(d *decoder, t *draft, b *openBatch, k []*vec.Vec, out *rows, what []string) {
	cols := out.finish()
	now, old := image(cols, d.valueOf), image(cols, o.oldOf)
	t.images = [][]*vec.Vec{now, old}
	t.assemble(len(out.record))
	for row, event := range out.record {
		rec := int(b.record[event])
		if t.isBad(rec) {
			continue
		}
		switch {
		case what[event] == openDDL:
			text := textAt(cols, o.query, row)
			if table := textAt(k, openKeyTable, int(event)); mayConcern(o.wantTable, table, text) {
				t.ddl = append(t.ddl, DDL{Record: rec, Database: textAt(k, openKeyDatabase, int(event)), Text: text})
			}
		case what[event] != openRow:
		case !cols[o.deleted].IsNull(row):
			t.add(0, row, rec, Delete)
		default:
			if d.keyMoved(now, old, row) {
				t.add(1, row, rec, Delete)
			}
			t.add(0, row, rec, Put)
		}
	}
	d.completeOld(t, now, old)
}
