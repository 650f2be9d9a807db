package format

import (
	"context"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/topic"
)

// canal reads Canal's flat messages and TiCDC's Canal-JSON: one operation on
// several rows of a table. The message is scanned first; data, its array of
// rows, is kept as text and then scanned as any other array of objects.
type canal struct {
	data, old               partDecoder
	oldAsks                 []field
	oldOf                   []int32 // Spec column → oldAsks
	wantDatabase, wantTable string
	labels                  *mysqlLabels
}

// The fields of the message, in the order in which they are asked for.
const (
	canalType = iota
	canalIsDDL
	canalSQL
	canalDatabase
	canalTable
	canalData
	canalOld
	canalMySQLType
)

func canalFields() []field {
	f := func(name string, t types.Type) field { return field{Name: name, Type: t, Paths: [][]string{{name}}} }
	return []field{f("type", types.Text), f("isDdl", types.Bool), f("sql", types.Text), f("database", types.Text), f("table", types.Text), f("data", types.JSON), f("old", types.JSON), f("mysqlType", types.JSON)}
}

func openCanal(d *decoder, e encoding, p part) error {
	if e.name != "json" {
		return errEnvelopeEncoding(Canal, e.name)
	}
	own, rest := splitOptions(Canal, d.spec.Value.Options)
	if _, ok := rest["bytea.encoding"]; !ok {
		// Both feeds write bytes as the characters of ISO 8859-1.
		rest["bytea.encoding"] = "latin1"
	}
	c := &canal{labels: newMySQLLabels(d.spec.Columns), wantDatabase: own["source.database"], wantTable: own["source.table"], oldOf: make([]int32, len(d.spec.Columns))}
	for i, col := range d.spec.Columns {
		c.oldOf[i] = -1
		if col.From == FromValue && d.isKey(i) {
			c.oldOf[i] = int32(len(c.oldAsks))
			c.oldAsks = append(c.oldAsks, fieldOf(col))
		}
	}
	p.Fields = d.valueAsks
	var err error
	if c.data, err = d.openPart(e, p, rest); err != nil {
		return err
	}
	p.Fields = c.oldAsks
	if c.old, err = d.openPart(e, p, rest); err != nil {
		return err
	}
	p.Fields, p.Options = canalFields(), map[string]string{}
	d.canal = c
	d.value, err = e.decoder(p)
	return err
}

func decodeCanal(ctx context.Context, d *decoder, r *topic.Records, t *draft) error {
	outer := newRows(canalFields(), r.N(), false)
	if t.bad != nil {
		outer.bad = append(outer.bad, t.bad...)
	}
	if err := d.value.decode(ctx, r.Value, outer); err != nil {
		return err
	}
	t.bad = outer.bad
	m := outer.finish()
	what := make([]feedOp, len(outer.record))
	for i, rec := range outer.record {
		if r.Value.IsNull(int(rec)) || t.isBad(int(rec)) {
			what[i] = feedIgnore
		} else if what[i] = d.canal.classify(m, i); what[i] == 0 {
			t.mark(r.N(), int(rec), sqlerr.New(sqlerr.InvalidTextRepresentation, "field \"type\": %q is no operation that is known", textAt(m, canalType, i)))
		}
	}
	now, nowOf, err := d.canalRows(ctx, d.canal.data, d.valueAsks, m[canalData], what, outer.record, t, r.N())
	if err != nil {
		return err
	}
	old, oldOf, err := d.canalRows(ctx, d.canal.old, d.canal.oldAsks, m[canalOld], what, outer.record, t, r.N())
	if err != nil {
		return err
	}
	nowImage, oldImage := image(now, d.valueOf), image(old, d.canal.oldOf)
	if len(d.canal.labels.texts) > 0 {
		d.canal.labels.apply(m[canalMySQLType], [][]*vec.Vec{nowImage, oldImage}, [][]int{nowOf, oldOf})
	}
	t.images = [][]*vec.Vec{nowImage, nil}
	t.assemble(len(outer.record))
	moves := &movedKeys{d: d, now: nowImage, old: oldImage}
	for i, rec := range outer.record {
		lo, hi := nowOf[i], nowOf[i+1]
		paired := oldOf[i+1]-oldOf[i] == hi-lo
		for k := lo; k < hi; k++ {
			switch what[i] {
			case feedPut:
				t.add(0, k, int(rec), Put)
			case feedUpdate:
				if was := oldOf[i] + k - lo; paired && moves.moved(k, was) {
					t.add(1, moves.add(k, was), int(rec), Delete)
				}
				t.add(0, k, int(rec), Put)
			case feedDelete:
				t.add(0, k, int(rec), Delete)
			}
		}
		switch what[i] {
		case feedTruncate:
			t.add(-1, 0, int(rec), Truncate)
		case feedDDL:
			t.ddl = append(t.ddl, DDL{Record: int(rec), Database: textAt(m, canalDatabase, i), Text: textAt(m, canalSQL, i)})
		}
	}
	t.images[1] = moves.image(len(d.spec.Columns))
	return d.adopt(ctx, r, t, nil)
}

func (c *canal) classify(m []*vec.Vec, i int) feedOp {
	ddl := !m[canalIsDDL].IsNull(i) && m[canalIsDDL].Bools[i]
	if c.wantDatabase != "" && textAt(m, canalDatabase, i) != c.wantDatabase {
		return feedIgnore
	}
	if table := textAt(m, canalTable, i); c.wantTable != "" && table != c.wantTable && !(ddl && mayConcern(c.wantTable, table, textAt(m, canalSQL, i))) {
		return feedIgnore
	}
	switch op := textAt(m, canalType, i); {
	case op == "TRUNCATE" && (c.wantTable == "" || textAt(m, canalTable, i) == c.wantTable):
		return feedTruncate
	case ddl:
		return feedDDL
	case op == "INSERT":
		return feedPut
	case op == "UPDATE":
		return feedUpdate
	case op == "DELETE":
		return feedDelete
	case op == "TIDB_WATERMARK" || op == "QUERY":
		return feedIgnore
	}
	return 0
}

// canalRows decodes the arrays of rows in a column; of[i] is where those of
// message i begin, and of[len] the end.
func (d *decoder) canalRows(ctx context.Context, p partDecoder, asks []field, in *vec.Vec, what []feedOp, record []int32, t *draft, records int) (cols []*vec.Vec, of []int, err error) {
	in = withValid(in)
	in.Type = types.Bytea
	for i, op := range what {
		if op != feedPut && op != feedUpdate && op != feedDelete {
			in.Valid.Clear(i)
		}
	}
	out := newRows(asks, in.N, d.spec.NullOnError)
	if err := p.decode(ctx, in, out); err != nil {
		return nil, nil, err
	}
	for i, bad := range out.bad {
		if bad != nil {
			t.mark(records, int(record[i]), bad)
		}
	}
	of = make([]int, in.N+1)
	for _, i := range out.record {
		of[i+1]++
	}
	for i := range in.N {
		of[i+1] += of[i]
	}
	// A message without rows has given one of NULLs.
	return out.finish(), of, nil
}

// movedKeys collects the keys that rows had before an update changed them.
type movedKeys struct {
	d        *decoder
	now, old []*vec.Vec
	// The rows of now and old that each of them is made of: old holds only what has
	// changed.
	nowRow, oldRow []int32
}

func (m *movedKeys) moved(now, old int) bool {
	for _, c := range m.d.spec.PK {
		if m.old[c] != nil && !m.old[c].IsNull(old) && types.Compare(m.now[c].Datum(now), m.old[c].Datum(old), m.now[c].Type) != 0 {
			return true
		}
	}
	return false
}

func (m *movedKeys) add(now, old int) int {
	m.nowRow, m.oldRow = append(m.nowRow, int32(now)), append(m.oldRow, int32(old))
	return len(m.nowRow) - 1
}

func (m *movedKeys) image(columns int) []*vec.Vec {
	out := make([]*vec.Vec, columns)
	for _, c := range m.d.spec.PK {
		if m.old[c] == nil {
			continue
		}
		from, row := make([]int32, len(m.oldRow)), make([]int32, len(m.oldRow))
		for k := range m.oldRow {
			row[k] = m.oldRow[k]
			if m.old[c].IsNull(int(m.oldRow[k])) {
				from[k], row[k] = 1, m.nowRow[k]
			}
		}
		out[c] = vec.Pick(m.d.spec.Columns[c].Type, []*vec.Vec{m.old[c], m.now[c]}, from, row)
	}
	return out
}
