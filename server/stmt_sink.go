package server

import (
	"context"
	"errors"
	"strconv"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/exec/format"
	"github.com/tarndb/tarn/pgwire"
	"github.com/tarndb/tarn/planner"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/storage/topic/kafka"
)

var _ = on[*ast.CreateSink](verb{tag: "CREATE SINK", block: noBlock, run: createSink})

func createSink(ctx context.Context, s *session, stmt ast.Statement, _ pgwire.ResultWriter) (pgwire.Outcome, error) {
	cs := stmt.(*ast.CreateSink)
	out := pgwire.Outcome{Verb: "CREATE SINK", Rows: -1}
	if _, exists, err := s.place(cs.Name, catalog.Sink, cs.IfNotExists); err != nil || exists {
		return out, err
	}
	sink, err := planner.BindSink(cs, s.options(nil))
	if err != nil {
		return out, err
	}
	pos := cs.Pos
	if cs.Format != nil {
		pos = cs.Format.Pos
	}
	if err := s.askSink(ctx, sink, pos); err != nil {
		return out, err
	}
	read := sink.Object.Format // with the schemas that lie in files
	if err := s.alone(ctx); err != nil {
		return out, err
	}
	schema, exists, err := s.place(cs.Name, catalog.Sink, cs.IfNotExists)
	if err != nil || exists {
		return out, err
	}
	if sink, err = planner.BindSink(cs, s.options(nil)); err != nil {
		return out, err
	}
	sink.Object.Format = read
	s.warnOfPasswords(sink.Object.Connector)
	if sink.Query != nil {
		s.notices(sink.Query.Notices)
	}
	view := s.putSink(sink, schema)
	return out, s.settleSink(ctx, view, sink.Object)
}

// settleSink makes a new sink take effect; if the view that it follows cannot be
// built, or the statement is cancelled, everything goes again.
func (s *session) settleSink(ctx context.Context, view *catalog.Object, made ...*catalog.Object) error {
	if err := s.settle(ctx); err != nil {
		return err
	}
	if view == nil {
		return s.srv.workers.wait(ctx, s.srv.host.Snapshot().Version)
	}
	err := s.awaitView(ctx, view)
	if err == nil {
		return s.srv.workers.wait(ctx, s.srv.host.Snapshot().Version)
	}
	s.lockDDL()
	for _, o := range made {
		if s.catalog().ByID(o.ID) != nil {
			s.change(catalog.Change{Op: catalog.Drop, ID: o.ID})
		}
	}
	return errors.Join(err, s.commit(context.WithoutCancel(ctx)))
}

// askSink checks what can be checked of a sink before it is made, and makes its
// topic if there is none.
func (s *session) askSink(ctx context.Context, sink *planner.Sink, pos int) error {
	o := sink.Object
	if o.Into != 0 {
		return nil
	}
	if err := inlineSchemas(o.Format, pos); err != nil {
		return err
	}
	cl, err := s.srv.clusterOf(s.catalog(), o.Connector)
	if err != nil {
		return err
	}
	if _, err := format.NewEncoder(specOf(o, cl.registry)); err != nil {
		return placed(err, pos)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, askTime, sqlerr.New(sqlerr.ConnectionFailure, "the Kafka cluster did not answer within %s", askTime))
	defer cancel()
	client, err := kafka.Open(cl.kafka)
	if err != nil {
		return err
	}
	defer client.Close()
	def := topicDef(sink.Topic)
	return ensureTopic(ctx, client, o.Connector.Topic, def, def.Config)
}

// putSink adds a sink to the transaction. A query that keeps state is a
// materialized view of the sink's own, which is returned.
func (s *session) putSink(sink *planner.Sink, schema string) *catalog.Object {
	o := sink.Object
	o.ID, o.Schema, o.Owner, o.Settings = s.catalog().NextID, schema, s.info.User, captureSettings(s.set)
	var view *catalog.Object
	if sink.Query != nil && !planner.Stateless(sink.Query.Root) {
		view = &catalog.Object{ID: o.ID + 1, Schema: schema, Name: s.freeName(schema, o.Name+"_query"), Kind: catalog.MatView, Owner: o.Owner,
			SQL: o.SQL, Settings: o.Settings, Owned: o.ID, AppendOnly: sink.Query.Root.Props().AppendOnly, DependsOn: sink.Query.DependsOn}
		for _, c := range o.Columns {
			view.Columns = append(view.Columns, catalog.Column{Name: c.Name, Type: c.Type})
		}
		if len(sink.Query.Root.Props().Keys) > 0 {
			view.PrimaryKey = sink.Query.Root.Props().Keys[0]
		}
		o.Follows = view.ID
		o.DependsOn = append([]uint64{view.ID}, o.DependsOn...)
	}
	// The view comes first in the journal: the sink names it.
	if view != nil {
		s.change(catalog.Change{Op: catalog.Put, Object: view})
	}
	s.change(catalog.Change{Op: catalog.Put, Object: o})
	return view
}

// freeName is name, or name with a number where it is taken.
func (s *session) freeName(schema, name string) string {
	out := name
	for n := 1; s.catalog().In(schema, out) != nil; n++ {
		out = name + "_" + strconv.Itoa(n)
	}
	return out
}

// createStreamAs is ksqlDB's CREATE STREAM … AS SELECT … EMIT CHANGES: a topic, a
// stream over it, and the query that writes to it.
func (s *session) createStreamAs(ctx context.Context, ct *ast.CreateTable, tag string) (pgwire.Outcome, error) {
	out := pgwire.Outcome{Verb: tag, Rows: -1}
	if err := s.streaming(tag); err != nil {
		return out, err
	}
	if ct.OrReplace {
		return out, sqlerr.New(sqlerr.FeatureNotSupported, "CREATE OR REPLACE STREAM is not supported yet").At(ct.Pos).WithHint("DROP it and create it again.")
	}
	if _, exists, err := s.place(ct.Name, catalog.Stream, ct.IfNotExists); err != nil || exists {
		return out, err
	}
	both, err := planner.BindStreamAs(ct, s.options(nil))
	if err != nil {
		return out, err
	}
	if err := s.askSink(ctx, both.Sink, ct.Pos); err != nil {
		return out, err
	}
	if err := s.alone(ctx); err != nil {
		return out, err
	}
	schema, exists, err := s.place(ct.Name, catalog.Stream, ct.IfNotExists)
	if err != nil || exists {
		return out, err
	}
	if both, err = planner.BindStreamAs(ct, s.options(nil)); err != nil {
		return out, err
	}
	src, sink := both.Source.Object, both.Sink.Object
	src.ID, src.Schema, src.Owner = s.catalog().NextID, schema, s.info.User
	if err := s.checkSource(both.Source); err != nil {
		return out, err
	}
	s.change(catalog.Change{Op: catalog.Put, Object: src})
	sink.Name, sink.Owned = s.freeName(schema, "csas_"+src.Name), src.ID
	view := s.putSink(both.Sink, schema)
	return out, s.settleSink(ctx, view, sink, src)
}

// createContinuousTable is ksqlDB's CREATE TABLE … AS SELECT … EMIT CHANGES: a
// materialized view, and, if a topic is asked for, the sink that writes to it.
func (s *session) createContinuousTable(ctx context.Context, ct *ast.CreateTable, topic bool) (pgwire.Outcome, error) {
	cv := planner.TableView(ct)
	if !topic {
		out, err := createView(ctx, s, cv, nil)
		if err == nil {
			s.notice(pgwire.Notice, sqlerr.New("00000", "%q is a materialized view", ct.Name.Base()).
				WithHint("Its changes go to a topic with WITH (KAFKA_TOPIC = '…', VALUE_FORMAT = '…'), or with CREATE SINK."))
		}
		return out, err
	}
	out := pgwire.Outcome{Verb: "CREATE MATERIALIZED VIEW", Rows: -1}
	if err := s.streaming(out.Verb); err != nil {
		return out, err
	}
	if _, exists, err := s.place(ct.Name, catalog.MatView, ct.IfNotExists); err != nil || exists {
		return out, err
	}
	sink, err := planner.BindTableSink(ct, s.options(nil))
	if err != nil {
		return out, err
	}
	if err := s.askSink(ctx, sink, ct.Pos); err != nil {
		return out, err
	}
	if err := s.alone(ctx); err != nil {
		return out, err
	}
	schema, exists, err := s.place(ct.Name, catalog.MatView, ct.IfNotExists)
	if err != nil || exists {
		return out, err
	}
	v, err := planner.BindView(cv, s.options(nil))
	if err != nil {
		return out, err
	}
	if sink, err = planner.BindTableSink(ct, s.options(nil)); err != nil {
		return out, err
	}
	view, o := v.Object, sink.Object
	view.ID, view.Schema, view.Owner, view.Settings = s.catalog().NextID, schema, s.info.User, captureSettings(s.set)
	s.change(catalog.Change{Op: catalog.Put, Object: view})
	o.ID, o.Schema, o.Owner, o.Settings = s.catalog().NextID, schema, s.info.User, view.Settings
	o.Name, o.Owned, o.Follows, o.SQL, o.DependsOn = s.freeName(schema, "ctas_"+view.Name), view.ID, view.ID, "", append(o.DependsOn, view.ID)
	s.change(catalog.Change{Op: catalog.Put, Object: o})
	return out, s.settleSink(ctx, view, o)
}
