package format

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"unicode"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/topic"
)

// feed describes records that say what happened to a row: Debezium's and
// Maxwell's. What they hold is asked for by paths, so that a feed works with any
// encoding that has nested fields.
type feed struct {
	// rows and old lead to the row as it is now and as it was; the old one may hold
	// only what has changed.
	rows, old [][]string
	op        [][]string
	ops       map[string]feedOp
	ddl       [][]string // the text of a schema change
	// snapshot leads to whether that is of a snapshot: then nothing has changed.
	snapshot [][]string
	database [][]string
	table    [][]string
	// other leads to a text that only records have which are none of the table's.
	other [][]string
}

// feedOp is what a feed's record means.
type feedOp uint8

const (
	feedPut       feedOp = iota + 1
	feedUpdate           // a put, whose key may have been another one before
	feedDelete           // the row deleted is the old one
	feedDeleteNow        // the row deleted is where others have the new one
	feedTruncate
	feedDDL
	feedIgnore
)

// feedAsks is what a decoder asks of the value besides the columns: indexes into
// its asks.
type feedAsks struct {
	feed
	opAt, ddlAt, snapshotAt, databaseAt, tableAt, otherAt int32
	oldOf                                                 []int32 // Spec column → ask, primary key only
	wantDatabase, wantTable                               string
}

// feedOptions say which of several tables in one topic is meant.
func feedOptions(env Envelope) []option {
	out := []option{
		{name: "source.database", also: []string{"database", "database.name"}},
		{name: "source.table", also: []string{"table", "table.name"}},
	}
	if env == Debezium {
		out = append(out, option{name: "unavailable.value.placeholder"},
			option{name: "bigint.unsigned.handling.mode"})
	}
	return out
}

// open returns the open function of an envelope that is a feed.
func (f feed) open(d *decoder, e encoding, p part) error {
	a := &feedAsks{feed: f, oldOf: make([]int32, len(d.spec.Columns))}
	ask := func(x field) int32 {
		d.valueAsks = append(d.valueAsks, x)
		return int32(len(d.valueAsks) - 1)
	}
	for i := range d.valueAsks {
		d.valueAsks[i] = d.valueAsks[i].under(f.rows...)
	}
	for i, c := range d.spec.Columns {
		a.oldOf[i] = -1
		if c.From == FromValue && d.isKey(i) {
			a.oldOf[i] = ask(fieldOf(c).under(f.old...))
		}
	}
	text := func(name string, paths [][]string) int32 {
		if paths == nil {
			return -1
		}
		return ask(field{Name: name, Type: types.Text, Paths: paths})
	}
	a.opAt = text("op", f.op)
	a.ddlAt = text("ddl", f.ddl)
	a.snapshotAt = text("snapshot", f.snapshot)
	a.databaseAt = text("database", f.database)
	own, rest := splitOptions(d.env.name, d.spec.Value.Options)
	a.wantDatabase, a.wantTable = own["source.database"], own["source.table"]
	a.otherAt, a.tableAt = text("status", f.other), -1
	if a.wantTable != "" {
		a.tableAt = text("table", f.table)
	}
	d.asks = a
	if d.env.name == Debezium {
		d.openUnavailable(own["unavailable.value.placeholder"])
		if err := d.openUnsigned(own["bigint.unsigned.handling.mode"]); err != nil {
			return err
		}
	}
	p.Fields = d.valueAsks
	var err error
	d.value, err = d.openPart(e, p, rest)
	return err
}

// splitOptions takes the options of a feed out of those of its encoding.
func splitOptions(name Envelope, given map[string]string) (own, rest map[string]string) {
	e := encoding{name: string(name), options: feedOptions(name)}
	own, rest = map[string]string{}, map[string]string{}
	for k, v := range given {
		if o := e.findOption(k); o != nil {
			own[o.name] = v
		} else {
			rest[k] = v
		}
	}
	return own, rest
}

func (d *decoder) isKey(col int) bool {
	for _, i := range d.spec.PK {
		if i == col {
			return true
		}
	}
	return false
}

// decodeFeed turns the records of a feed into what their rows do.
func decodeFeed(ctx context.Context, d *decoder, r *topic.Records, t *draft) error {
	out, err := d.decodeValue(ctx, r.Value, t)
	if err != nil {
		return err
	}
	cols := out.finish()
	a := d.asks
	now, old := image(cols, d.valueOf), image(cols, a.oldOf)
	d.makeUnsigned(now, old)
	t.images = [][]*vec.Vec{now, old}
	t.assemble(len(out.record))
	var orphans []int // rows of t that are deletions without the row that was
	for i, rec := range out.record {
		if r.Value.IsNull(int(rec)) || t.isBad(int(rec)) {
			continue // a tombstone says nothing that the deletion before it did not say
		}
		op := a.classify(cols, i)
		if !a.ours(cols, i, op) {
			continue
		}
		switch op {
		case feedPut:
			t.add(0, i, int(rec), Put)
		case feedUpdate:
			if d.keyMoved(now, old, i) {
				t.add(1, i, int(rec), Delete)
			}
			t.add(0, i, int(rec), Put)
		case feedDelete:
			if a.noOldKey(old, i) {
				orphans = append(orphans, len(t.record))
			}
			t.add(1, i, int(rec), Delete)
		case feedDeleteNow:
			t.add(0, i, int(rec), Delete)
		case feedTruncate:
			t.add(-1, 0, int(rec), Truncate)
		case feedDDL:
			t.ddl = append(t.ddl, DDL{Record: int(rec), Database: textAt(cols, a.databaseAt, i), Text: textAt(cols, a.ddlAt, i)})
		case feedIgnore:
		default:
			t.mark(r.N(), int(rec), a.errOp(cols, i))
		}
	}
	d.completeOld(t, now, old)
	return d.adopt(ctx, r, t, orphans)
}

func textAt(cols []*vec.Vec, at int32, i int) string {
	if at < 0 || cols[at].IsNull(i) {
		return ""
	}
	return string(cols[at].Bytes(i))
}

// ours reports whether a row is of the table that the options name.
func (a *feedAsks) ours(cols []*vec.Vec, i int, op feedOp) bool {
	if a.wantDatabase != "" && textAt(cols, a.databaseAt, i) != a.wantDatabase {
		return false
	}
	table := textAt(cols, a.tableAt, i)
	if op == feedDDL {
		return mayConcern(a.wantTable, table, textAt(cols, a.ddlAt, i))
	}
	return a.wantTable == "" || table == a.wantTable || table == ""
}

// mayConcern reports whether DDL may be of a table, "": of any. What a feed says
// of it names one table at most, or several in one string, while the text may
// name more, such as in a RENAME.
func mayConcern(want, table, ddl string) bool {
	return want == "" || table == "" || strings.EqualFold(table, want) || slices.ContainsFunc(strings.FieldsFunc(ddl, notInNames), func(word string) bool { return strings.EqualFold(word, want) }) ||
		strings.ContainsFunc(want, notInNames)
}

// notInNames: names that have no need of quotes are of other characters.
func notInNames(r rune) bool {
	return r < 0x80 && r != '_' && r != '$' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
}

func (a *feedAsks) classify(cols []*vec.Vec, i int) feedOp {
	op := textAt(cols, a.opAt, i)
	if known := a.ops[op]; known != 0 {
		return known
	}
	if op == "" && textAt(cols, a.ddlAt, i) != "" {
		if s := textAt(cols, a.snapshotAt, i); s != "" && s != "false" {
			return feedIgnore
		}
		return feedDDL
	}
	if op == "" && textAt(cols, a.otherAt, i) != "" {
		return feedIgnore
	}
	return 0
}

func (a *feedAsks) errOp(cols []*vec.Vec, i int) *sqlerr.Error {
	name := a.op[0][len(a.op[0])-1]
	if op := textAt(cols, a.opAt, i); op != "" {
		return sqlerr.New(sqlerr.InvalidTextRepresentation, "field %q: %q is no operation that is known", name, op)
	}
	return sqlerr.New(sqlerr.InvalidTextRepresentation, "the record is no change event: it has no field %q", name).
		WithHint("Rows without an envelope are read with FORMAT UPSERT.")
}

// keyMoved reports whether an update has changed the primary key.
func (d *decoder) keyMoved(now, old []*vec.Vec, i int) bool {
	for _, c := range d.spec.PK {
		if old[c] != nil && !old[c].IsNull(i) && !sameValue(now[c], old[c], i) {
			return true
		}
	}
	return false
}

func sameValue(a, b *vec.Vec, i int) bool {
	if a.IsNull(i) {
		return false
	}
	switch a.Type.Phys() {
	case types.PhysInt:
		return a.Ints[i] == b.Ints[i]
	case types.PhysBytes:
		return bytes.Equal(a.Bytes(i), b.Bytes(i))
	}
	return types.Compare(a.Datum(i), b.Datum(i), a.Type) == 0
}

func (a *feedAsks) noOldKey(old []*vec.Vec, i int) bool {
	for c, at := range a.oldOf {
		if at >= 0 && !old[c].IsNull(i) {
			return false
		}
	}
	return true
}

// completeOld gives deleted rows those parts of the key that the feed did not
// repeat because they had not changed.
func (d *decoder) completeOld(t *draft, now, old []*vec.Vec) {
	moved := false
	for k, f := range t.from {
		moved = moved || f == 1 && t.ops[k] == Delete
	}
	if !moved || len(d.spec.PK) < 2 {
		return
	}
	for _, c := range d.spec.PK {
		if old[c] == nil || old[c].Valid == nil {
			continue
		}
		n := old[c].N
		from, row := make([]int32, n), make([]int32, n)
		for i := range n {
			row[i] = int32(i)
			if old[c].IsNull(i) {
				from[i] = 1
			}
		}
		old[c] = vec.Pick(old[c].Type, []*vec.Vec{old[c], now[c]}, from, row)
	}
}

// adopt takes the keys of deleted rows that the value does not tell from the
// record's key. Where all rows are simply put, they stay as they are.
func (d *decoder) adopt(ctx context.Context, r *topic.Records, t *draft, orphans []int) error {
	if len(orphans) > 0 && d.key != nil {
		dead := vec.NewBitmap(r.N(), false)
		for _, k := range orphans {
			dead.Set(int(t.record[k]))
		}
		keyRow, err := d.deadKeys(ctx, r, dead, t)
		if err != nil {
			return err
		}
		for _, k := range orphans {
			t.from[k], t.row[k] = 2, int32(keyRow[t.record[k]])
		}
	}
	if len(t.from) != rowsOf(t.images[0]) {
		return nil
	}
	for i := range t.from {
		if t.from[i] != 0 || int(t.row[i]) != i || t.ops[i] != Put {
			return nil
		}
	}
	t.from, t.row, t.ops = nil, nil, nil
	return nil
}

// rowsOf is the number of rows of an image, -1 where it has no columns.
func rowsOf(image []*vec.Vec) int {
	for _, c := range image {
		if c != nil {
			return c.N
		}
	}
	return -1
}

// debeziumFeed: {"before": …, "after": …, "op": …}, perhaps as the payload beside
// a schema.
func debeziumFeed() feed {
	both := func(path ...string) [][]string { return [][]string{path, append([]string{"payload"}, path...)} }
	return feed{
		rows: both("after"), old: both("before"), op: both("op"),
		ops: map[string]feedOp{
			"c": feedPut, "r": feedPut, "u": feedUpdate, "d": feedDelete, "t": feedTruncate,
			"m": feedIgnore, // a message of PostgreSQL's logical decoding
		},
		ddl:      both("ddl"),
		snapshot: both("source", "snapshot"),
		database: append(both("source", "db"), both("databaseName")...),
		table:    both("source", "table"),
		other:    both("status"), // the begin and end of transactions
	}
}

// maxwellFeed: {"database": …, "table": …, "type": …, "data": {…}, "old": {…}}.
func maxwellFeed() feed {
	f := feed{
		rows: [][]string{{"data"}}, old: [][]string{{"old"}}, op: [][]string{{"type"}},
		ops: map[string]feedOp{
			"insert": feedPut, "bootstrap-insert": feedPut, "update": feedUpdate, "delete": feedDeleteNow,
			"bootstrap-start": feedIgnore, "bootstrap-complete": feedIgnore, "heartbeat": feedIgnore,
		},
		ddl:      [][]string{{"sql"}},
		database: [][]string{{"database"}},
		table:    [][]string{{"table"}},
	}
	for _, object := range []string{"table", "database"} {
		for _, verb := range []string{"create", "alter", "drop"} {
			f.ops[object+"-"+verb] = feedDDL
		}
	}
	return f
}

// isCDC reports envelopes whose values follow a database's habits: booleans may
// be 0 and 1, JSON may come as the text of a string.
func (e Envelope) isCDC() bool {
	switch Envelope(strings.ToLower(string(e))) {
	case Debezium, Maxwell, Canal, OpenProtocol:
		return true
	}
	return false
}
