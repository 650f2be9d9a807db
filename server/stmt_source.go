package server

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/exec/connector"
	"github.com/tarndb/tarn/exec/format"
	"github.com/tarndb/tarn/pgwire"
	"github.com/tarndb/tarn/planner"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/storage/topic"
	"github.com/tarndb/tarn/storage/topic/kafka"
)

// What a statement asks of a cluster is asked before the catalog is locked, so
// that a slow broker holds nobody up, and before anything is journalled: what the
// journal says must not depend on what a cluster says later.

// askTime bounds what a statement asks of a cluster.
const askTime = 20 * time.Second

// sampleRecords is how many records columns are inferred from.
const sampleRecords = 200

// createSource is CREATE SOURCE, and CREATE TABLE and STREAM fed by a topic.
func (s *session) createSource(ctx context.Context, ct *ast.CreateTable, tag string) (pgwire.Outcome, error) {
	if err := s.streaming(tag); err != nil {
		return pgwire.Outcome{}, err
	}
	if _, exists, err := s.place(ct.Name, catalog.Stream, ct.IfNotExists); err != nil || exists {
		return pgwire.Outcome{Verb: tag, Rows: -1}, err
	}
	src, err := bindSource(ct, nil, s.options(nil))
	if err != nil {
		return pgwire.Outcome{}, err
	}
	found, key, start, err := s.askSource(ctx, src)
	if err != nil {
		return pgwire.Outcome{}, err
	}
	if err := s.alone(ctx); err != nil {
		return pgwire.Outcome{}, err
	}
	schema, exists, err := s.place(ct.Name, catalog.Stream, ct.IfNotExists)
	if err != nil || exists {
		return pgwire.Outcome{Verb: tag, Rows: -1}, err
	}
	if src, err = bindSource(keyed(ct, src, key), found, s.options(nil)); err != nil {
		return pgwire.Outcome{}, err
	}
	o := src.Object
	o.ID, o.Schema, o.Owner, o.Connector.Start = s.catalog().NextID, schema, s.info.User, start
	if err := s.checkSource(src); err != nil {
		return pgwire.Outcome{}, err
	}
	s.warnOfPasswords(o.Connector)
	if found != nil {
		s.tellColumns(o, found)
	}
	s.change(catalog.Change{Op: catalog.Put, Object: o})
	return pgwire.Outcome{Verb: tag, Rows: -1}, s.settleConnector(ctx)
}

// keyed is a statement with the key that was found for its table, where it names none.
func keyed(ct *ast.CreateTable, src *planner.Source, key []ast.Ident) *ast.CreateTable {
	if src.Object.Kind != catalog.Table || len(src.Object.PrimaryKey) > 0 || len(key) == 0 || len(ct.Constraints) > 0 || src.Object.Format.Envelope == "plain" {
		return ct
	}
	with := *ct
	with.Constraints = []*ast.Constraint{{Pos: ct.Name.Pos, Kind: ast.ConstraintPrimary, Columns: key}}
	return &with
}

// bindSource is planner.BindSource with the schemas that lie in files.
func bindSource(ct *ast.CreateTable, found []catalog.Column, opt planner.Options) (*planner.Source, error) {
	src, err := planner.BindSource(ct, found, opt)
	if err != nil {
		return nil, err
	}
	return src, inlineSchemas(src.Object.Format, src.FormatPos)
}

// settleConnector makes a change take effect and waits until the connectors know.
func (s *session) settleConnector(ctx context.Context) error {
	if err := s.settle(ctx); err != nil {
		return err
	}
	return s.srv.workers.wait(ctx, s.srv.host.Snapshot().Version)
}

// checkSource refuses what the format or the connector cannot do.
func (s *session) checkSource(src *planner.Source) error {
	def, err := s.srv.sourceDef(s.catalog(), src.Object)
	if err != nil {
		return err
	}
	return placed(connector.CheckSource(def), src.FormatPos)
}

// placed gives an error of the user a position, if it has none.
func placed(err error, pos int) error {
	var e *sqlerr.Error
	if !errors.As(err, &e) || e.Position != 0 {
		return err
	}
	c := *e
	return c.At(pos)
}

func (s *session) tellColumns(o *catalog.Object, found []catalog.Column) {
	cols := make([]string, len(found))
	for i, c := range found {
		cols[i] = ast.QuoteIdent(c.Name) + " " + c.Type.String()
	}
	s.notice(pgwire.Notice, sqlerr.New("00000", "columns of %q were inferred: %s", o.Name, strings.Join(cols, ", ")).
		WithHint("They stay as they are now. SHOW CREATE %s prints the statement with them.", ast.QuoteIdent(o.Name)))
}

// askSource asks the cluster what the statement leaves open: that the topic is
// there, where reading begins, and the columns, if they are wanted, with the key
// that records have.
func (s *session) askSource(ctx context.Context, src *planner.Source) (found []catalog.Column, key []ast.Ident, start map[int32]int64, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, askTime, sqlerr.New(sqlerr.ConnectionFailure, "the Kafka cluster did not answer within %s", askTime))
	defer cancel()
	o := src.Object
	cl, err := s.srv.clusterOf(s.catalog(), o.Connector)
	if err != nil {
		return nil, nil, nil, err
	}
	client, err := kafka.Open(cl.kafka)
	if err != nil {
		return nil, nil, nil, err
	}
	defer client.Close()
	if src.Topic != nil {
		if err := ensureTopic(ctx, client, o.Connector.Topic, topicDef(src.Topic), nil); err != nil {
			return nil, nil, nil, err
		}
	}
	parts, _, err := client.Partitions(ctx, o.Connector.Topic)
	if err != nil {
		return nil, nil, nil, err
	}
	if start, err = resolveStart(ctx, client, o.Connector, parts); err != nil {
		return nil, nil, nil, err
	}
	if !src.Infer {
		return nil, nil, start, nil
	}
	sample, err := firstRecords(ctx, client, o.Connector.Topic, parts)
	if err != nil {
		return nil, nil, nil, err
	}
	spec := specOf(o, cl.registry)
	for _, c := range o.Columns {
		if c.From == catalog.FromKey { // the statement names what the key holds
			spec.Key = format.Encoding{Name: "none"}
		}
	}
	cols, err := format.Infer(ctx, spec, sample)
	if err != nil {
		return nil, nil, nil, placed(err, src.InferPos)
	}
	for _, c := range cols {
		found = append(found, catalog.Column{Name: c.Name, Type: c.Type, NotNull: c.NotNull, From: catalogPart(c.From), Path: c.Path})
		if c.Key {
			key = append(key, ast.Ident{Pos: src.InferPos, Name: c.Name})
		}
	}
	if len(found) == 0 {
		return nil, nil, nil, sqlerr.New(sqlerr.InvalidTableDefinition, "no columns were found in topic %q", o.Connector.Topic).At(src.InferPos).
			WithHint("Write the columns: CREATE SOURCE %s (…).", ast.QuoteIdent(o.Name))
	}
	return found, key, start, nil
}

func catalogPart(from format.From) catalog.From {
	for c, f := range recordParts {
		if f == from {
			return c
		}
	}
	return catalog.FromValue
}

// ensureTopic makes a topic if there is none of that name; one that is there must be as
// it was asked for.
func ensureTopic(ctx context.Context, client *kafka.Client, name string, def *connector.TopicDef, asked map[string]string) error {
	_, _, err := client.Partitions(ctx, name)
	if err == nil {
		return client.CheckTopic(ctx, name, def.Partitions, def.Replication, asked)
	}
	if !sqlerr.HasCode(err, sqlerr.UndefinedObject) {
		return err
	}
	partitions, replicas := def.Partitions, def.Replication
	if partitions == 0 {
		partitions = -1
	}
	if replicas == 0 {
		replicas = -1
	}
	err = client.CreateTopic(ctx, name, partitions, replicas, def.Config)
	if sqlerr.HasCode(err, sqlerr.DuplicateObject) {
		err = nil
	}
	for ; err == nil; time.Sleep(20 * time.Millisecond) { // brokers hear of it one after the other
		if _, _, err = client.Partitions(ctx, name); err == nil || !sqlerr.HasCode(err, sqlerr.UndefinedObject) {
			return err
		}
		if err = context.Cause(ctx); err != nil {
			return err
		}
	}
	return err
}

// resolveStart fixes where a source begins that begins at a time, so that the
// records that come from now on are in it whenever it is started.
func resolveStart(ctx context.Context, client *kafka.Client, c *catalog.Connector, parts []kafka.PartitionInfo) (map[int32]int64, error) {
	out := map[int32]int64{}
	start, err := startOf(c)
	if err != nil {
		return nil, err
	}
	switch start.Mode {
	case connector.Latest:
		for _, p := range parts {
			out[p.ID] = p.End
		}
		return out, nil
	case connector.AtTime:
		at, err := client.OffsetsAt(ctx, c.Topic, start.Time)
		if err != nil {
			return nil, err
		}
		for _, p := range parts {
			out[p.ID] = p.End
			if o, ok := at[p.ID]; ok && o >= 0 {
				out[p.ID] = o
			}
		}
		return out, nil
	}
	return nil, nil
}

// firstRecords are the first records of the first partition that has some, nil if
// none has.
func firstRecords(ctx context.Context, client *kafka.Client, name string, parts []kafka.PartitionInfo) (*topic.Records, error) {
	enough := errors.New("enough")
	for _, p := range parts {
		var out *topic.Records
		if p.End <= p.Start {
			continue
		}
		err := client.ReadRange(ctx, name, kafka.TopicID{}, p.ID, p.Start, p.End, false, func(r *topic.Records) error {
			if r.N() == 0 {
				return nil
			}
			out = r.Slice(0, min(r.N(), sampleRecords))
			return enough
		})
		if err != nil && !errors.Is(err, enough) {
			return nil, err
		}
		if out != nil {
			return out, nil
		}
	}
	return nil, nil
}
