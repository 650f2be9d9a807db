package bind

import (
	"slices"
	"strings"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/sql/ast"
)

// ContinuousTable reports whether CREATE TABLE … AS is ksqlDB's: a table that goes
// on following its query. EMIT says so, or one of ksqlDB's options; without them it
// is PostgreSQL's copy.
func ContinuousTable(q *ast.CreateTable) bool {
	query, ok := q.Query.(*ast.Query)
	return ok && q.Kind == "TABLE" && (query.Emit != nil || WithTopic(q))
}

// WithTopic reports whether a CREATE TABLE … AS names a topic or how its records
// are written.
func WithTopic(q *ast.CreateTable) bool {
	return slices.ContainsFunc(q.Options, func(o ast.Option) bool {
		_, _, known := findKeyword(strings.ToLower(o.Name), []map[string]keyword{topicKeywords, clusterKeywords})
		return known
	})
}

// TableView is the materialized view that a continuous table is.
func TableView(q *ast.CreateTable) *ast.CreateView {
	v := &ast.CreateView{Pos: q.Pos, Materialized: true, OrReplace: q.OrReplace, IfNotExists: q.IfNotExists, Persistence: q.Persistence, Name: q.Name,
		Columns: q.Names, Query: tableQuery(q)}
	if !WithTopic(q) {
		v.Options = q.Options
	}
	return v
}

// tableQuery is the query without EMIT CHANGES, which says what it is anyway.
func tableQuery(q *ast.CreateTable) *ast.Query {
	query := *q.Query.(*ast.Query)
	if query.Emit != nil && !query.Emit.Final {
		query.Emit = nil
	}
	return &query
}

// TableSink binds the sink that writes a continuous table to its topic: the last
// row of each key, whose columns are not in the value.
func TableSink(q *ast.CreateTable, opt Options) (*Sink, error) {
	if len(q.Names) > 0 {
		return nil, unsupported(q.Pos, "a list of column names beside WITH (KAFKA_TOPIC = …)").WithHint("Name the columns in the query, with AS.")
	}
	list := defaultOption(defaultOption(q.Options, q, "kafka_topic", q.Name.Base()), q, "value_format", "JSON")
	s, err := sinkDefOf(&ast.CreateSink{Pos: q.Pos, Name: q.Name, Query: tableQuery(q), Options: list}, opt, true)
	if err != nil {
		return nil, err
	}
	o := s.Object
	if len(o.PrimaryKey) == len(o.Columns) {
		return s, nil // there would be nothing in the value
	}
	for _, i := range o.PrimaryKey {
		o.Columns[i].From = catalog.FromKey
	}
	return s, nil
}

// defaultOption is options with one more, where they do not say it.
func defaultOption(list []ast.Option, q *ast.CreateTable, name, value string) []ast.Option {
	for _, o := range list {
		canonical, _, _ := findKeyword(strings.ToLower(o.Name), []map[string]keyword{topicKeywords})
		if canonical == name || name == "kafka_topic" && canonical == "topic" || name == "value_format" && canonical == "format" {
			return list
		}
	}
	return append(slices.Clone(list), ast.Option{Pos: q.Pos, Name: name, Value: &ast.String{Pos: q.Pos, Value: value}, ValuePos: q.Pos})
}

// encodeOptions takes force_append_only, which RisingWave writes among the options of
// ENCODE, to those of the sink.
func encodeOptions(q *ast.CreateSink) *ast.CreateSink {
	if q.Format == nil {
		return q
	}
	at := slices.IndexFunc(q.Format.Options, func(o ast.Option) bool { return strings.EqualFold(o.Name, "force_append_only") })
	if at < 0 {
		return q
	}
	out, f := *q, *q.Format
	out.Options = append(slices.Clone(q.Options), f.Options[at])
	f.Options = slices.Delete(slices.Clone(f.Options), at, at+1)
	out.Format = &f
	return &out
}
