package bind

import (
	"slices"
	"strings"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/sqlerr"
)

// StreamAs binds CREATE STREAM … AS SELECT … EMIT CHANGES: a topic of that name
// that a query is written to, and the stream over it.
type StreamAs struct {
	Source *Source
	Sink   *Sink
}

// StreamAsDef binds CREATE STREAM … AS, ksqlDB's continuous stream.
func StreamAsDef(q *ast.CreateTable, opt Options) (*StreamAs, error) {
	query := *q.Query.(*ast.Query)
	if query.Emit != nil && query.Emit.Final {
		return nil, unsupported(query.Emit.Pos, "EMIT FINAL of a stream").WithHint("Use CREATE MATERIALIZED VIEW and CREATE SINK.")
	}
	query.Emit = nil
	key, err := rekey(&query)
	if err != nil {
		return nil, err
	}
	list := slices.Clone(q.Options)
	text := func(name, value string) {
		for _, o := range list {
			if strings.EqualFold(o.Name, name) || name == "value_format" && strings.EqualFold(o.Name, "format") {
				return
			}
		}
		list = append(list, ast.Option{Pos: q.Pos, Name: name, Value: &ast.String{Pos: q.Pos, Value: value}, ValuePos: q.Pos})
	}
	text("kafka_topic", q.Name.Base())
	text("value_format", "JSON")
	sink := &ast.CreateSink{Pos: q.Pos, Name: q.Name, Query: &query, Options: sinkOnly(list)}
	anyway := ast.Option{Pos: q.Pos, Name: "force_append_only", Value: &ast.Bool{Pos: q.Pos, Value: true}, ValuePos: q.Pos}
	sink.Options = append(sink.Options, anyway) // what is not append-only is refused below, in better words
	if key != "" {
		sink.Options = append(sink.Options, ast.Option{Pos: q.Pos, Name: "primary_key", Value: &ast.String{Pos: q.Pos, Value: key}, ValuePos: q.Pos})
	}
	out := &StreamAs{}
	if out.Sink, err = SinkDef(sink, opt); err != nil {
		return nil, err
	}
	delete(out.Sink.Object.Connector.Options, "force_append_only")
	if !out.Sink.Query.Root.Props().AppendOnly {
		return nil, sqlerr.New(sqlerr.FeatureNotSupported, "the query's rows change or go, which a stream cannot say").At(q.Pos).
			WithHint("Use CREATE MATERIALIZED VIEW and CREATE SINK … FORMAT UPSERT.")
	}
	for _, i := range out.Sink.Object.PrimaryKey { // ksqlDB's key is not in the value
		out.Sink.Object.Columns[i].From = catalog.FromKey
	}
	if key == "" {
		out.Sink.Object.PrimaryKey = nil
		for i := range out.Sink.Object.Columns {
			out.Sink.Object.Columns[i].From = catalog.FromValue
		}
		out.Sink.Object.Format.Key = catalog.Encoding{}
	}
	columns := &ast.CreateTable{Pos: q.Pos, Kind: "STREAM", Name: q.Name, Options: sourceOnly(list)}
	cols := slices.Clone(out.Sink.Object.Columns)
	if out.Source, err = SourceDef(columns, cols, opt); err != nil {
		return nil, err
	}
	out.Source.Topic = nil // the sink makes it
	return out, nil
}

// sourceOnly leaves out what only the sink understands, or says how to make the topic.
func sourceOnly(list []ast.Option) []ast.Option {
	return slices.DeleteFunc(slices.Clone(list), func(o ast.Option) bool {
		key, _, _ := findKeyword(strings.ToLower(o.Name), []map[string]keyword{topicKeywords, sinkKeywords})
		_, ofSink := sinkKeywords[key]
		return ofSink || key == "partitions" || key == "replicas" || key == "retention_ms"
	})
}

// sinkOnly leaves out what only a source understands.
func sinkOnly(list []ast.Option) []ast.Option {
	return slices.DeleteFunc(slices.Clone(list), func(o ast.Option) bool {
		_, _, known := findKeyword(strings.ToLower(o.Name), []map[string]keyword{sourceKeywords})
		return known
	})
}

// rekey takes PARTITION BY column off a query.
func rekey(q *ast.Query) (string, error) {
	s, ok := q.Body.(*ast.Select)
	if !ok || len(s.PartitionBy) == 0 {
		return "", nil
	}
	ref, ok := s.PartitionBy[0].(*ast.ColumnRef)
	if !ok || len(s.PartitionBy) > 1 || ref.Star {
		return "", unsupported(s.PartitionBy[0].Position(), "PARTITION BY of anything but one column").
			WithHint("Compute it as a column of a stream of its own first.")
	}
	body := *s
	body.PartitionBy = nil
	q.Body = &body
	return ref.Parts[len(ref.Parts)-1], nil
}

// Stateless reports whether a query keeps nothing from one row to the next: it is
// filters and projections over one stream.
func Stateless(n plan.Node) bool {
	switch n := n.(type) {
	case *plan.Filter:
		return Stateless(n.In)
	case *plan.Project:
		return Stateless(n.In)
	case *plan.Scan:
		return n.Kind == plan.Stream
	}
	return false
}
