package planner

import (
	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/planner/bind"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/ast"
)

type (
	// Source is a bound relation that is fed by a topic.
	Source = bind.Source
	// Sink is a bound CREATE SINK.
	Sink = bind.Sink
	// StreamAs is a bound CREATE STREAM … AS.
	StreamAs = bind.StreamAs
	// TopicDef is how a topic is to be made.
	TopicDef = bind.TopicDef
)

// IsSource reports whether a CREATE TABLE, STREAM or SOURCE is of a relation that
// is fed by a topic.
func IsSource(q *ast.CreateTable) bool { return bind.IsSource(q) }

// BindSource checks a CREATE of a relation that is fed by a topic. inferred are
// the columns that were found for a statement without any.
func BindSource(q *ast.CreateTable, inferred []catalog.Column, opt Options) (*Source, error) {
	return bind.SourceDef(q, inferred, opt)
}

// BindSink checks CREATE SINK.
func BindSink(q *ast.CreateSink, opt Options) (*Sink, error) {
	s, err := bind.SinkDef(q, opt)
	if err != nil || s.Query == nil {
		return s, err
	}
	_, err = maintained(s.Query, opt, true)
	return s, err
}

// BindStreamAs checks CREATE STREAM … AS SELECT.
func BindStreamAs(q *ast.CreateTable, opt Options) (*StreamAs, error) {
	s, err := bind.StreamAsDef(q, opt)
	if err != nil {
		return nil, err
	}
	_, err = maintained(s.Sink.Query, opt, true)
	return s, err
}

// IsContinuousTable reports whether CREATE TABLE … AS is of a table that follows
// its query; topic: its changes go to a topic, too.
func IsContinuousTable(q *ast.CreateTable) (yes, topic bool) {
	return bind.ContinuousTable(q), bind.WithTopic(q)
}

// TableView is the materialized view that a continuous table is.
func TableView(q *ast.CreateTable) *ast.CreateView { return bind.TableView(q) }

// BindTableSink checks what is said of a continuous table's topic.
func BindTableSink(q *ast.CreateTable, opt Options) (*Sink, error) {
	s, err := bind.TableSink(q, opt)
	if err != nil {
		return nil, err
	}
	_, err = maintained(s.Query, opt, true)
	return s, err
}

// PlanSink plans what a sink with a query of its own follows.
func PlanSink(o *catalog.Object, opt Options) (*Query, error) { return PlanView(o, opt) }

// Stateless reports whether a plan keeps nothing from one row to the next.
func Stateless(n plan.Node) bool { return bind.Stateless(n) }

// BindConnection checks CREATE CONNECTION.
func BindConnection(q *ast.CreateConnection, opt Options) (*catalog.Object, error) {
	return bind.ConnectionDef(q, opt)
}

// BindSecret checks CREATE SECRET and returns what is to be sealed.
func BindSecret(q *ast.CreateConnection, opt Options) (*catalog.Object, string, error) {
	return bind.SecretDef(q, opt)
}

// BindAlterConnector checks SET (…) and RESET (…) of a source or sink.
func BindAlterConnector(o *catalog.Object, list []ast.Option, reset bool, opt Options) (*catalog.Object, error) {
	return bind.AlterConnector(o, list, reset, opt)
}
