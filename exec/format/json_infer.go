package format

import (
	"context"
	"encoding/json"
	"strconv"
	"unicode/utf8"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// inferColumnsMax bounds what is proposed: objects with more names are maps.
const inferColumnsMax = 1600

// jsonGuess is what the samples have shown of one field.
type jsonGuess struct {
	name   string
	counts [tokArray + 1]int
	// big: some integer does not fit bigint, some number has more digits than a
	// double keeps.
	big     bool
	instant int // strings that are timestamps with a zone
}

// inferJSON proposes a column for each name that the samples' objects have, in
// the order in which they appear.
func inferJSON(_ context.Context, p part, samples *vec.Vec) ([]Column, error) {
	if samples == nil || samples.N == 0 {
		return nil, sqlerr.New(sqlerr.ObjectNotInPrerequisiteState, "the topic %q has no records to infer columns from", p.Topic).
			WithHint("Declare the columns.")
	}
	rows, err := jsonRows(p, samples)
	if err != nil {
		return nil, err
	}
	if cols := inferConnect(p, samples); cols != nil {
		return cols, nil
	}
	var all []*jsonGuess
	byName := map[string]*jsonGuess{}
	seen := false
	for i := range rows.N {
		if rows.IsNull(i) {
			continue
		}
		s := jsonScan{data: rows.Data, pos: int(rows.Off[i]), end: int(rows.Off[i+1])}
		seen = s.members(func(name string, t token) bool {
			g := byName[name]
			if g == nil {
				if len(all) == inferColumnsMax {
					return false
				}
				g = &jsonGuess{name: name}
				all, byName[name] = append(all, g), g
			}
			g.look(s.data, t)
			return true
		}) || seen
	}
	if !seen {
		return nil, sqlerr.New(sqlerr.InvalidTextRepresentation, "no %s among the first records of topic %q is a JSON object", p.what(), p.Topic).
			WithHint("Declare the columns, or use another encoding.")
	}
	cols := make([]Column, len(all))
	for i, g := range all {
		cols[i] = Column{Name: g.name, Type: g.column()}
	}
	return cols, nil
}

// jsonRows takes the rows out of their envelopes: the texts of objects. Samples
// that are none give nothing.
func jsonRows(p part, samples *vec.Vec) (*vec.Vec, error) {
	f := field{Name: "row", Type: types.JSON, Paths: p.Rows}
	ask := part{Key: p.Key, Fields: []field{f}, Options: map[string]string{}}
	if len(p.Rows) == 0 || len(p.Rows) > 0 && p.Rows[len(p.Rows)-1] == nil {
		if rows, found, err := jsonRowsAt(ask, samples, p.Rows); err != nil || found {
			return rows, err
		}
		ask.Options["wrap_single_value"] = "false"
		ask.Fields[0].Paths = [][]string{{}}
	}
	rows, _, err := jsonRowsAt(ask, samples, ask.Fields[0].Paths)
	return flattenLists(rows), err
}

func jsonRowsAt(ask part, samples *vec.Vec, paths [][]string) (*vec.Vec, bool, error) {
	if len(paths) == 0 {
		return nil, false, nil
	}
	ask.Fields = []field{{Name: "row", Type: types.JSON, Paths: paths}}
	d, err := newJSONDecoder(ask)
	if err != nil {
		return nil, false, err
	}
	out := newRows(ask.Fields, samples.N, true)
	if err := d.decode(context.Background(), samples, out); err != nil {
		return nil, false, err
	}
	rows := out.cols[0].Finish()
	return rows, rows.Valid == nil || rows.Valid.CountN(rows.N) > 0, nil
}

// flattenLists replaces arrays by their elements.
func flattenLists(in *vec.Vec) *vec.Vec {
	if in == nil {
		return nil
	}
	b := vec.NewBuilder(types.JSON, in.N)
	for i := range in.N {
		if in.IsNull(i) || len(in.Bytes(i)) == 0 {
			continue
		}
		text := in.Bytes(i)
		s := jsonScan{data: text, end: len(text)}
		if s.space(); s.pos >= s.end || text[s.pos] != '[' {
			b.Bytes(text)
			continue
		}
		for s.pos++; ; s.pos++ {
			if s.space(); s.pos >= s.end || text[s.pos] == ']' {
				break
			}
			t := s.token()
			b.Bytes(text[t.start:t.end])
			if s.space(); s.pos >= s.end || text[s.pos] != ',' {
				break
			}
		}
	}
	return b.Finish()
}

// members walks the members of the object at s, whose text has been checked, and
// reports whether it is one.
func (s *jsonScan) members(yield func(name string, t token) bool) bool {
	s.space()
	if s.pos >= s.end || s.data[s.pos] != '{' || !utf8.Valid(s.data[s.pos:s.end]) {
		return false
	}
	for s.pos++; ; s.pos++ {
		s.space()
		if s.pos >= s.end || s.data[s.pos] != '"' {
			return true
		}
		start := s.pos + 1
		k := s.str()
		if k == tokNone {
			return true
		}
		name := s.data[start : s.pos-1]
		if k == tokEscaped {
			name, _ = unescape(nil, name)
		}
		if !s.colon() || !yield(string(name), s.token()) {
			return true
		}
		if s.space(); s.pos >= s.end || s.data[s.pos] != ',' {
			return true
		}
	}
}

func (g *jsonGuess) look(data []byte, t token) {
	g.counts[t.kind]++
	raw := data[t.start:t.end]
	switch t.kind {
	case tokInt:
		_, err := strconv.ParseInt(view(raw), 10, 64)
		g.big = g.big || err != nil
	case tokNumber:
		digits := 0
		for _, c := range raw {
			if c|0x20 == 'e' {
				break
			}
			if c-'0' <= 9 {
				digits++
			}
		}
		g.big = g.big || digits > 17
	case tokString:
		if _, ok := types.ParseTimestamptzISO(raw); ok {
			g.instant++
		}
	}
}

// column is the type that holds all that was seen.
func (g *jsonGuess) column() types.Type {
	n := &g.counts
	texts := n[tokString] + n[tokEscaped]
	bools := n[tokTrue] + n[tokFalse]
	numbers := n[tokInt] + n[tokNumber]
	switch {
	case n[tokObject]+n[tokArray] > 0:
		return types.JSONB
	case texts > 0 && texts == g.instant && bools+numbers == 0:
		return types.Timestamptz
	case texts > 0 || bools > 0 && numbers > 0:
		return types.Text
	case bools > 0:
		return types.Bool
	case numbers > 0 && g.big:
		return types.Numeric
	case n[tokNumber] > 0:
		return types.Float8
	case n[tokInt] > 0:
		return types.Int8
	}
	return types.Text // nothing but null
}

// inferConnect takes the columns from the schema part of Debezium's JSON, nil if
// the samples have none.
func inferConnect(p part, samples *vec.Vec) []Column {
	if p.Envelope != Debezium {
		return nil
	}
	for i := range samples.N {
		var v struct{ Schema *connectSchema }
		if samples.IsNull(i) || json.Unmarshal(samples.Bytes(i), &v) != nil || v.Schema == nil {
			continue
		}
		row := v.Schema
		if !p.Key {
			row = row.find([]string{"after"})
		}
		if row == nil || len(row.Fields) == 0 {
			continue
		}
		cols := make([]Column, len(row.Fields))
		for k := range row.Fields {
			cols[k] = Column{Name: row.Fields[k].Field, Type: row.Fields[k].column()}
		}
		return cols
	}
	return nil
}

// connectTypes are the types of values by their meaning, or else by their form.
var connectTypes = map[string]types.Type{
	"io.debezium.time.Date": types.Date, "org.apache.kafka.connect.data.Date": types.Date,
	"io.debezium.time.Time": types.Time, "io.debezium.time.MicroTime": types.Time, "io.debezium.time.NanoTime": types.Time, "org.apache.kafka.connect.data.Time": types.Time,
	"io.debezium.time.Timestamp": types.Timestamp, "io.debezium.time.MicroTimestamp": types.Timestamp, "io.debezium.time.NanoTimestamp": types.Timestamp,
	"org.apache.kafka.connect.data.Timestamp": types.Timestamp, "io.debezium.time.ZonedTimestamp": types.Timestamptz,
	"io.debezium.time.Interval": types.Interval, "io.debezium.time.MicroDuration": types.Interval,
	"io.debezium.data.VariableScaleDecimal": types.Numeric, "io.debezium.data.Uuid": types.UUID, "io.debezium.data.Json": types.JSONB,
	"int8": types.Int2, "int16": types.Int2, "int32": types.Int4, "int64": types.Int8, "float": types.Float4, "double": types.Float8,
	"float32": types.Float4, "float64": types.Float8, "boolean": types.Bool, "string": types.Text, "bytes": types.Bytea,
}

func (s *connectSchema) column() types.Type {
	if s.Name == "org.apache.kafka.connect.data.Decimal" {
		scale, err := strconv.Atoi(s.Parameters["scale"])
		precision, err2 := strconv.Atoi(s.Parameters["connect.decimal.precision"])
		if err == nil && err2 == nil && precision > 0 && precision <= 1000 && scale >= 0 && scale <= precision {
			return types.NumericOf(precision, scale)
		}
		return types.Numeric
	}
	if t, ok := connectTypes[s.Name]; ok {
		return t
	}
	if t, ok := connectTypes[s.Type]; ok {
		return t
	}
	return types.JSONB
}
