package server

import (
	"strings"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/exec/connector"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// connectorRelations are the relations of sys about what comes from and goes to
// outside.
var connectorRelations = []sysRelation{
	{name: "sources", columns: []catalog.Column{col("id", types.Int8), col("schema", types.Text), col("name", types.Text), col("kind", types.Text),
		col("topic", types.Text), col("format", types.Text), col("history", types.Text), col("state", types.Text), col("since", types.Timestamptz), col("error", types.Text),
		col("lag", types.Int8), col("records", types.Int8), col("rows", types.Int8), col("bytes", types.Int8), col("transactions", types.Int8),
		col("newest", types.Timestamptz), col("dead_letters", types.Int8), col("dead_letters_now", types.Int8), col("dead_letters_expired", types.Int8),
		col("dead_letter_topic_error", types.Text), col("hint", types.Text)}, rows: rowsOfSources},
	{name: "sinks", columns: []catalog.Column{col("id", types.Int8), col("schema", types.Text), col("name", types.Text), col("follows", types.Text),
		col("target", types.Text), col("format", types.Text), col("state", types.Text), col("since", types.Timestamptz), col("error", types.Text),
		col("position", types.Timestamptz), col("lag_epochs", types.Int8), col("lag_rows", types.Int8), col("lag_seconds", types.Float8),
		col("rows", types.Int8), col("bytes", types.Int8), col("transactions", types.Int8), col("errors", types.Int8), col("last_error", types.Text)}, rows: rowsOfSinks},
	{name: "lag", columns: []catalog.Column{col("id", types.Int8), col("schema", types.Text), col("name", types.Text), col("topic", types.Text),
		col("partition", types.Int4), col("next_offset", types.Int8), col("end_offset", types.Int8), col("lag", types.Int8)}, rows: rowsOfLag},
	{name: "connections", columns: []catalog.Column{col("id", types.Int8), col("schema", types.Text), col("name", types.Text), col("type", types.Text),
		col("brokers", types.Text), col("schema_registry", types.Text)}, rows: rowsOfConnections},
	{name: "secrets", columns: []catalog.Column{col("id", types.Int8), col("schema", types.Text), col("name", types.Text), col("used_by", types.Int8)}, rows: rowsOfSecrets},
	{name: "errors", columns: []catalog.Column{col("kind", types.Text), col("schema", types.Text), col("name", types.Text), col("since", types.Timestamptz),
		col("code", types.Text), col("message", types.Text)}, rows: rowsOfErrors},
}

// userConnectors are the users' sources or sinks, by schema and name.
func (s *session) userConnectors(wanted func(*catalog.Object) bool) []*catalog.Object {
	var out []*catalog.Object
	for _, kind := range []catalog.Kind{catalog.Table, catalog.Stream, catalog.Sink} {
		for _, o := range s.userObjects(kind) {
			if wanted(o) {
				out = append(out, o)
			}
		}
	}
	return out
}

func isSink(o *catalog.Object) bool { return o.Kind == catalog.Sink }

// textOrNull is NULL for an empty text.
func textOrNull(v string) types.Datum {
	if v == "" {
		return types.NullDatum
	}
	return text(v)
}

// sourceStatus is how a source is, also if it could not be started.
func (s *session) sourceStatus(o *catalog.Object) connector.SourceStatus {
	st, ok := s.srv.workers.manager.Source(o.ID)
	if !ok {
		st = connector.SourceStatus{ID: o.ID, Name: o.Name, Topic: o.Connector.Topic, State: connector.Starting}
		if err := s.srv.workers.failure(o.ID); err != nil {
			st.State, st.Error = connector.Failed, err.Message
		}
	}
	st.State = pausing(o, st.State)
	return st
}

// pausing is the state of a connector; one that has been told to pause is paused,
// although it may still be ending what it was at.
func pausing(o *catalog.Object, state connector.State) connector.State {
	if o.Connector.Paused && (state == connector.Running || state == connector.Starting || state == connector.Retrying) {
		return connector.Paused
	}
	return state
}

func (s *session) sinkStatus(o *catalog.Object) connector.SinkStatus {
	st, ok := s.srv.workers.manager.Sink(o.ID)
	if !ok {
		st = connector.SinkStatus{ID: o.ID, Name: o.Name, Topic: o.Connector.Topic, Into: o.Into, State: connector.Starting}
		if err := s.srv.workers.failure(o.ID); err != nil {
			st.State, st.Error = connector.Failed, err.Message
		}
	}
	st.State = pausing(o, st.State)
	return st
}

func formatText(f *catalog.Format) types.Datum {
	if f == nil {
		return types.NullDatum
	}
	return text(strings.ToUpper(f.Envelope + " " + f.Value.Name))
}

func rowsOfSources(s *session, add func(...types.Datum)) error {
	for _, o := range s.userConnectors((*catalog.Object).IsSource) {
		st := s.sourceStatus(o)
		history := "local"
		if o.ReadThrough() {
			history = "topic"
		}
		add(types.Int(int64(o.ID)), text(o.Schema), text(o.Name), text(o.Kind.String()), text(o.Connector.Topic), formatText(o.Format), text(history),
			text(string(st.State)), orNull(st.Since != 0, st.Since), textOrNull(st.Error), orNull(st.LagKnown, st.Lag), types.Int(st.Records), types.Int(st.Rows), types.Int(st.Bytes),
			types.Int(st.Txns), orNull(st.Newest != 0, st.Newest), types.Int(st.Letters), types.Int(st.LettersNow), types.Int(st.LettersExpired), textOrNull(st.LetterTopicError), textOrNull(st.Hint))
	}
	return nil
}

func rowsOfSinks(s *session, add func(...types.Datum)) error {
	for _, o := range s.userConnectors(isSink) {
		st := s.sinkStatus(o)
		target, follows := text(o.Connector.Topic), types.NullDatum
		if into := s.catalog().ByID(o.Into); into != nil {
			target = text(into.Schema + "." + into.Name)
		}
		if from := s.catalog().ByID(o.Follows); from != nil {
			follows = text(from.Schema + "." + from.Name)
		}
		add(types.Int(int64(o.ID)), text(o.Schema), text(o.Name), follows, target, formatText(o.Format), text(string(st.State)),
			orNull(st.Since != 0, st.Since), textOrNull(st.Error), orNull(st.Position != 0, int64(st.Position)), orNull(st.LagKnown, st.LagEpochs), orNull(st.LagKnown, st.LagRows),
			types.Float(st.LagSeconds), types.Int(st.Rows), types.Int(st.Bytes), types.Int(st.Txns), types.Int(st.Errors), textOrNull(st.LastError))
	}
	return nil
}

func rowsOfLag(s *session, add func(...types.Datum)) error {
	for _, o := range s.userConnectors((*catalog.Object).IsSource) {
		for _, p := range s.sourceStatus(o).Partitions {
			add(types.Int(int64(o.ID)), text(o.Schema), text(o.Name), text(o.Connector.Topic), types.Int(int64(p.ID)), types.Int(p.Next), types.Int(p.End), types.Int(p.Lag))
		}
	}
	return nil
}

func rowsOfConnections(s *session, add func(...types.Datum)) error {
	for _, o := range s.userObjects(catalog.Connection) {
		c := o.Connector
		add(types.Int(int64(o.ID)), text(o.Schema), text(o.Name), text(c.Type), text(c.Options["properties.bootstrap.server"]), textOrNull(c.Options["schema.registry"]))
	}
	return nil
}

func rowsOfSecrets(s *session, add func(...types.Datum)) error {
	for _, o := range s.userObjects(catalog.Secret) {
		add(types.Int(int64(o.ID)), text(o.Schema), text(o.Name), types.Int(int64(len(s.catalog().Dependents(o.ID)))))
	}
	return nil
}

// rowsOfErrors are the errors that stand: of sources, sinks and views.
func rowsOfErrors(s *session, add func(...types.Datum)) error {
	row := func(kind string, o *catalog.Object, since int64, code sqlerr.Code, message string) {
		c := types.NullDatum
		if code != "" {
			c = text(string(code))
		}
		add(text(kind), text(o.Schema), text(o.Name), orNull(since != 0, since), c, text(message))
	}
	for _, o := range s.userConnectors((*catalog.Object).IsSource) {
		if st := s.sourceStatus(o); st.Error != "" {
			row("source", o, st.Since, codeOf(s.srv.workers.failure(o.ID)), st.Error)
		}
	}
	for _, o := range s.userConnectors((*catalog.Object).IsSource) {
		for _, t := range o.Connector.Told {
			row("schema change", o, t.At, sqlerr.Code(t.Code), t.Message)
		}
	}
	for _, o := range s.userConnectors(isSink) {
		if st := s.sinkStatus(o); st.Error != "" {
			row("sink", o, st.Since, codeOf(s.srv.workers.failure(o.ID)), st.Error)
		}
	}
	for _, o := range s.userObjects(catalog.MatView) {
		if err := s.srv.engine.ViewFailure(o.ID); err != nil {
			row("materialized view", o, 0, sqlerr.CodeOf(err), sqlerr.From(err).Message)
			continue
		}
		errs, err := s.srv.engine.ViewErrors(o.ID)
		if err != nil {
			return err
		}
		for _, e := range errs {
			row("materialized view", o, 0, e.Err.Code, e.Err.Message)
		}
	}
	return nil
}

func codeOf(err *sqlerr.Error) sqlerr.Code {
	if err == nil {
		return ""
	}
	return err.Code
}
