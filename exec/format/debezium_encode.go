package format

import (
	"context"
	"strconv"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// What Debezium's connectors write: {"before": …, "after": …, "source": {…}, "op":
// …, "ts_ms": …}. JSON has the two rows written by the encoder of plain rows; Avro
// and Protobuf write the whole as a row of nested fields.

// Origin is what the source block of Debezium's envelope says of where rows are
// from.
type Origin struct {
	Version  string // of the server
	Database string
	Schema   string
	Table    string
}

// debeziumSource are the fields of the source block: those that consumers of
// any connector look at. Times are NULL where nobody knows them.
var debeziumSource = []struct {
	name string
	typ  types.Type
}{
	{"version", types.Text}, {"connector", types.Text}, {"name", types.Text}, {"ts_ms", types.Int8}, {"snapshot", types.Text},
	{"db", types.Text}, {"schema", types.Text}, {"table", types.Text},
}

// debeziumFields are the fields of the whole envelope for those of its rows.
func debeziumFields(row []field) []field {
	var out []field
	for _, image := range []string{"before", "after"} {
		for _, f := range row {
			if len(f.Paths[0]) == 0 { // a single value has its column's name here
				f.Paths = [][]string{{f.Name}}
			}
			out = append(out, f.under([]string{image}))
		}
	}
	for _, s := range debeziumSource {
		out = append(out, field{Name: "source." + s.name, Type: s.typ, Paths: [][]string{{"source", s.name}}, Spare: true})
	}
	return append(out, field{Name: "op", Type: types.Text, Paths: [][]string{{"op"}}},
		field{Name: "ts_ms", Type: types.Int8, Paths: [][]string{{"ts_ms"}}, Spare: true})
}

// encodeDebezium makes the values of changes. A row of before whose columns are
// all NULL is no row.
func encodeDebezium(ctx context.Context, e *encoder, c Changes) (*vec.Vec, error) {
	if e.nested {
		return encodeRows(ctx, e.value, e.debeziumColumns(c), c.Rows.N, nil)
	}
	if err := e.value.begin(ctx, pickCols(c.Rows, e.valueCols)); err != nil {
		return nil, err
	}
	var old partEncoder
	if c.Before != nil {
		v, ok := e.value.(*jsonEncoder)
		if !ok {
			return nil, sqlerr.New(sqlerr.InternalError, "an envelope of %T", e.value)
		}
		before := *v
		before.cols = pickCols(c.Before, e.valueCols)
		old = &before
	}
	out := newBytes(c.Rows.N)
	var err error
	for i := range c.Rows.N {
		if out.Data, err = debeziumRow(out.Data, e, old, &c, i); err != nil {
			return nil, err
		}
		out.end(i, true)
	}
	return out.finish(c.Rows.N)
}

func debeziumRow(dst []byte, e *encoder, old partEncoder, c *Changes, i int) ([]byte, error) {
	var err error
	op := c.op(i)
	dst = append(dst, `{"before":`...)
	switch {
	case old != nil && c.stood(i):
		dst, err = old.row(dst, i)
	case op == Delete: // at least its key is known
		dst, err = e.value.row(dst, i)
	default:
		dst = append(dst, "null"...)
	}
	if err != nil {
		return dst, err
	}
	dst = append(dst, `,"after":`...)
	if op == Delete || op == Truncate {
		dst = append(dst, "null"...)
	} else if dst, err = e.value.row(dst, i); err != nil {
		return dst, err
	}
	dst = e.sourceJSON(append(dst, `,"source":`...), c, i)
	dst = append(append(append(dst, `,"op":"`...), c.letter(i)...), `","ts_ms":`...)
	return append(c.appendMillis(dst, i), '}'), nil
}

// sourceJSON writes the source block.
func (e *encoder) sourceJSON(dst []byte, c *Changes, i int) []byte {
	open := byte('{')
	for _, s := range debeziumSource {
		dst = append(append(append(dst, open, '"'), s.name...), '"', ':')
		open = ','
		switch v, ok := e.spec.Origin.field(s.name); {
		case s.name == "ts_ms":
			dst = c.appendMillis(dst, i)
		case s.name == "snapshot":
			dst = types.AppendJSONString(dst, c.snapshot(i))
		case ok:
			dst = types.AppendJSONString(dst, v)
		default:
			dst = append(dst, "null"...)
		}
	}
	return append(dst, '}')
}

// field is a text of the source block; ok false: there is none.
func (o *Origin) field(name string) (v string, ok bool) {
	switch name {
	case "version":
		return o.Version, true // consumers rely on the first three
	case "connector", "name":
		return "tarn", true
	case "db":
		v = o.Database
	case "schema":
		v = o.Schema
	case "table":
		v = o.Table
	}
	return v, v != ""
}

func (c *Changes) op(i int) Op {
	if c.Ops == nil {
		return Put
	}
	return c.Ops[i]
}

// stood reports whether change i has a row before it.
func (c *Changes) stood(i int) bool { return c.Before != nil && !allNull(c.Before, i) }

// letter is Debezium's name of an op.
func (c *Changes) letter(i int) string {
	switch op := c.op(i); {
	case op == Truncate:
		return "t"
	case op == Delete:
		return "d"
	case op == Read:
		return "r"
	case c.stood(i):
		return "u"
	}
	return "c"
}

func (c *Changes) snapshot(i int) string { return strconv.FormatBool(c.op(i) == Read) }

// millis is the time of change i since 1970; ok false: it is not known.
func (c *Changes) millis(i int) (ms int64, ok bool) {
	if c.Time == nil {
		return 0, false
	}
	return floorDiv(c.Time[i]+unixMicros2000, 1000), true
}

func (c *Changes) appendMillis(dst []byte, i int) []byte {
	if ms, ok := c.millis(i); ok {
		return strconv.AppendInt(dst, ms, 10)
	}
	return append(dst, "null"...)
}

// debeziumColumns are the columns of debeziumFields.
func (e *encoder) debeziumColumns(c Changes) []*vec.Vec {
	n := c.Rows.N
	// The row before comes from Before, or, of a deletion of which nothing else is
	// known, from the row itself; -1 is none.
	was, is, row := make([]int32, n), make([]int32, n), make([]int32, n)
	for i := range n {
		row[i] = int32(i)
		op := c.op(i)
		switch {
		case c.stood(i):
		case op == Delete:
			was[i] = 1
		default:
			was[i] = -1
		}
		if op == Delete || op == Truncate {
			is[i] = -1
		}
	}
	var out []*vec.Vec
	for _, k := range e.valueCols {
		now := c.Rows.Cols[k]
		old := now
		if c.Before != nil {
			old = c.Before.Cols[k]
		}
		out = append(out, vec.Pick(now.Type, []*vec.Vec{old, now}, was, row))
	}
	for _, k := range e.valueCols {
		out = append(out, vec.Pick(c.Rows.Cols[k].Type, []*vec.Vec{c.Rows.Cols[k]}, is, row))
	}
	times := vec.NewBuilder(types.Int8, n)
	ops, snapshots := vec.NewBuilder(types.Text, n), vec.NewBuilder(types.Text, n)
	for i := range n {
		if ms, ok := c.millis(i); ok {
			times.Int(ms)
		} else {
			times.Null()
		}
		ops.String(c.letter(i))
		snapshots.String(c.snapshot(i))
	}
	millis := times.Finish()
	for _, s := range debeziumSource {
		switch v, ok := e.spec.Origin.field(s.name); {
		case s.name == "ts_ms":
			out = append(out, millis)
		case s.name == "snapshot":
			out = append(out, snapshots.Finish())
		case ok:
			out = append(out, vec.Flatten(vec.ConstVec(types.Text, types.String(v), n)))
		default:
			out = append(out, vec.Flatten(vec.ConstVec(types.Text, types.NullDatum, n)))
		}
	}
	return append(out, ops.Finish(), millis)
}

func allNull(b *vec.Batch, i int) bool {
	for _, c := range b.Cols {
		if !c.IsNull(i) {
			return false
		}
	}
	return true
}
