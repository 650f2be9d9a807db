package server

import (
	"context"
	"errors"
	"time"
	"unicode/utf8"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/pgwire"
	"github.com/tarndb/tarn/planner"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/topic"
	"github.com/tarndb/tarn/storage/topic/kafka"
)

// openTopic connects to the cluster of a name: that of the connection, if one is
// named, of the source whose topic it is, or the default one.
func (s *session) openTopic(connection ast.Name, name string) (*kafka.Client, error) {
	c := &catalog.Connector{Default: true}
	switch {
	case !connection.IsZero():
		o, err := s.ofKind(catalog.Connection, connection)
		if err != nil {
			return nil, err
		}
		if c = o.Connector; c.Type == catalog.SchemaRegistry {
			return nil, sqlerr.New(sqlerr.WrongObjectType, "connection %q is to a schema registry, not to Kafka", o.Name).At(connection.Pos)
		}
	case s.srv.cfg.Kafka == "":
		for _, o := range s.catalog().Objects() {
			if (o.IsSource() || o.Kind == catalog.Sink) && o.Connector.Topic != "" && o.Connector.Topic == name {
				c = o.Connector
			}
		}
	}
	cl, err := s.srv.clusterOf(s.catalog(), c)
	if err != nil {
		return nil, err
	}
	return kafka.Open(cl.kafka)
}

// showTopics is SHOW TOPICS [FROM connection].
func showTopics(p *prepared, sh *ast.ShowObjects) error {
	p.cols = []pgwire.Column{{Name: "name", Type: types.Text}, {Name: "partitions", Type: types.Int4}, {Name: "replicas", Type: types.Int4}}
	p.open = func(ctx context.Context, _ []types.Datum) (cursor, error) {
		client, err := p.s.openTopic(sh.From, "")
		if err != nil {
			return nil, err
		}
		defer client.Close()
		ctx, cancel := context.WithTimeoutCause(ctx, askTime, sqlerr.New(sqlerr.ConnectionFailure, "the Kafka cluster did not answer within %s", askTime))
		defer cancel()
		topics, err := client.Topics(ctx)
		if err != nil {
			return nil, err
		}
		names, parts, reps := vec.NewBuilder(types.Text, 8), vec.NewBuilder(types.Int4, 8), vec.NewBuilder(types.Int4, 8)
		n := 0
		for _, t := range topics {
			if sh.HasLike && !likeText(t.Name, sh.Like) {
				continue
			}
			names.String(t.Name)
			parts.Int(int64(t.Partitions))
			reps.Int(int64(t.Replication))
			n++
		}
		if n == 0 {
			return &listCursor{}, nil
		}
		return &listCursor{batches: []*vec.Batch{{N: n, Cols: []*vec.Vec{names.Finish(), parts.Finish(), reps.Finish()}}}}, nil
	}
	return nil
}

// likeText is LIKE with % and _ over ASCII names of topics.
func likeText(s, pattern string) bool {
	switch {
	case pattern == "":
		return s == ""
	case pattern[0] == '%':
		return likeText(s, pattern[1:]) || s != "" && likeText(s[1:], pattern)
	case s == "":
		return false
	}
	return (pattern[0] == '_' || pattern[0] == s[0]) && likeText(s[1:], pattern[1:])
}

var _ = on[*ast.Print](verb{tag: "PRINT", reads: true, prepareFn: preparePrint})

// preparePrint is PRINT 'topic': the records of a topic as they come, as text.
func preparePrint(p *prepared) error {
	st := p.stmt.(*ast.Print)
	p.cols = []pgwire.Column{{Name: "timestamp", Type: types.Timestamptz}, {Name: "partition", Type: types.Int4}, {Name: "offset", Type: types.Int8},
		{Name: "key", Type: types.Text}, {Name: "value", Type: types.Text}}
	p.open = func(ctx context.Context, _ []types.Datum) (cursor, error) {
		limit, err := p.s.count(st.Limit, -1)
		if err != nil {
			return nil, err
		}
		every, err := p.s.count(st.Interval, 1)
		if err != nil {
			return nil, err
		}
		name := st.Topic.Base()
		client, err := p.s.openTopic(ast.Name{}, name)
		if err != nil {
			return nil, err
		}
		c := &printCursor{client: client, limit: limit, every: max(every, 1)}
		ask, cancel := context.WithTimeoutCause(ctx, askTime, sqlerr.New(sqlerr.ConnectionFailure, "the Kafka cluster did not answer within %s", askTime))
		defer cancel()
		parts, _, err := client.Partitions(ask, name)
		if err != nil {
			client.Close()
			return nil, err
		}
		start := map[int32]int64{}
		for _, part := range parts {
			start[part.ID] = part.End
			if st.FromBeginning {
				start[part.ID] = part.Start
			}
		}
		c.reader = client.NewReader(name, kafka.ReaderOptions{Start: start})
		return c, nil
	}
	return nil
}

// count evaluates a whole number of a statement; nil is otherwise.
func (s *session) count(x ast.Expr, otherwise int64) (int64, error) {
	if x == nil {
		return otherwise, nil
	}
	e, err := planner.BindExpr(x, nil, types.Int8, "PRINT", s.options(nil))
	if err != nil {
		return 0, err
	}
	d, err := expr.EvalDatum(s.evalCtx(nil), e)
	switch {
	case err != nil:
		return 0, err
	case d.Null || d.I < 0:
		return 0, sqlerr.New(sqlerr.InvalidParameterValue, "a count must not be negative").At(x.Position())
	}
	return d.I, nil
}

// printCursor reads a topic for PRINT.
type printCursor struct {
	client *kafka.Client
	reader *kafka.Reader
	queue  []*vec.Batch
	limit  int64 // -1 = no end
	every  int64 // one record of so many
	seen   int64
}

func (c *printCursor) pushes() {}

func (c *printCursor) next(ctx context.Context) (*vec.Batch, error) {
	for len(c.queue) == 0 {
		if c.limit == 0 {
			return nil, nil
		}
		recs, err := c.reader.Poll(ctx)
		var gap *kafka.GapError
		if errors.As(err, &gap) && gap.Kind == kafka.OutOfRange { // what retention takes meanwhile is not asked for
			c.reader.Add(gap.Partition, gap.Start)
			err = nil
		}
		if err != nil {
			return nil, err
		}
		for _, r := range recs {
			if b := c.rows(r); b.N > 0 {
				c.queue = append(c.queue, b)
			}
		}
	}
	b := c.queue[0]
	c.queue = c.queue[1:]
	return b, nil
}

func (c *printCursor) rows(r *topic.Records) *vec.Batch {
	at, part, off := vec.NewBuilder(types.Timestamptz, r.N()), vec.NewBuilder(types.Int4, r.N()), vec.NewBuilder(types.Int8, r.N())
	key, value := vec.NewBuilder(types.Text, r.N()), vec.NewBuilder(types.Text, r.N())
	n := 0
	for i := range r.N() {
		c.seen++
		if (c.seen-1)%c.every != 0 || c.limit == 0 {
			continue
		}
		if c.limit > 0 {
			c.limit--
		}
		n++
		at.Int(r.Time[i])
		part.Int(int64(r.Partition))
		off.Int(r.Offset[i])
		printable(key, r.Key, i)
		printable(value, r.Value, i)
	}
	return &vec.Batch{N: n, Cols: []*vec.Vec{at.Finish(), part.Finish(), off.Finish(), key.Finish(), value.Finish()}}
}

// printable adds bytes as text if they are some, else in bytea's hex form.
func printable(b *vec.Builder, v *vec.Vec, i int) {
	if v == nil || v.IsNull(i) {
		b.Null()
		return
	}
	raw := v.Bytes(i)
	plain := utf8.Valid(raw)
	for _, c := range raw {
		plain = plain && (c >= ' ' || c == '\n' || c == '\t' || c == '\r')
	}
	if plain {
		b.String(string(raw))
		return
	}
	b.String(string(types.AppendText(nil, types.String(string(raw)), types.Bytea, nil)))
}

func (c *printCursor) close() {
	c.reader.Close()
	c.client.Close()
}

// topicsOf are the topics that DROP … DELETE TOPIC deletes, each with its cluster.
func (s *session) topicsOf(targets []*catalog.Object, d *ast.Drop) (map[string]cluster, error) {
	if !d.DeleteTopic {
		return nil, nil
	}
	out := map[string]cluster{}
	for _, o := range targets {
		if !o.IsSource() {
			return nil, sqlerr.New(sqlerr.WrongObjectType, "%q has no topic to delete", o.Name).At(d.Pos)
		}
		for _, x := range s.catalog().Objects() {
			if x.ID != o.ID && x.Connector != nil && x.Connector.Topic == o.Connector.Topic && x.Owned != o.ID {
				return nil, sqlerr.New(sqlerr.DependentObjectsStillExist, "cannot delete topic %q because %s %q uses it", o.Connector.Topic, x.Kind, x.Name).At(d.Pos)
			}
		}
		cl, err := s.srv.clusterOf(s.catalog(), o.Connector)
		if err != nil {
			return nil, err
		}
		out[o.Connector.Topic] = cl
	}
	return out, nil
}

func (s *session) deleteTopics(ctx context.Context, topics map[string]cluster) error {
	if err := s.srv.workers.wait(ctx, s.srv.host.Snapshot().Version); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for name, cl := range topics {
		client, err := kafka.Open(cl.kafka)
		if err != nil {
			return err
		}
		err = client.DeleteTopic(ctx, name)
		client.Close()
		if err != nil && !sqlerr.HasCode(err, sqlerr.UndefinedObject) {
			return err
		}
	}
	return nil
}
