package bind

import (
	"slices"
	"strconv"
	"strings"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/sqlerr"
)

// Sink is a bound CREATE SINK.
type Sink struct {
	// Object is the sink, without ID, owner and epoch. Its columns are those that it
	// writes, its PrimaryKey the key of the records.
	Object *catalog.Object
	// Query is of AS SELECT, nil with FROM.
	Query *Query
	// From is the relation of FROM.
	From *catalog.Object
	// Topic is how to make the topic if there is none.
	Topic *TopicDef
}

// SinkDef binds CREATE SINK.
func SinkDef(q *ast.CreateSink, opt Options) (*Sink, error) {
	return sinkDefOf(encodeOptions(q), opt, false)
}

// sinkDefOf binds a sink; table: ksqlDB's options mean one that writes last states.
func sinkDefOf(q *ast.CreateSink, opt Options, table bool) (*Sink, error) {
	b := newBinder(opt)
	if q.OrReplace {
		return nil, unsupported(q.Pos, "OR REPLACE of a sink")
	}
	o := &catalog.Object{Name: q.Name.Base(), Kind: catalog.Sink}
	var err error
	if o.Schema, err = b.creationSchema(q.Name); err != nil {
		return nil, err
	}
	s := &sinkDef{binder: b, q: q, o: o, out: &Sink{Object: o}, table: table}
	if err := s.relation(); err != nil {
		return nil, err
	}
	g, err := b.keywords(q.Options, clusterKeywords, topicKeywords, sinkKeywords)
	if err != nil {
		return nil, err
	}
	if err := s.primaryKey(g); err != nil {
		return nil, err
	}
	if !q.Into.IsZero() {
		err = s.into(g)
	} else {
		err = s.topic(g)
	}
	if err != nil {
		return nil, err
	}
	o.DependsOn = b.dependencies()
	return s.out, nil
}

type sinkDef struct {
	*binder
	q   *ast.CreateSink
	o   *catalog.Object
	out *Sink
	// appendOnly: the relation never takes a row back.
	appendOnly bool
	key        []int
	table      bool
}

// relation finds what the sink follows.
func (s *sinkDef) relation() error {
	if s.q.Query != nil {
		opt := s.opt
		opt.Standing = true
		query := *s.q.Query
		bq, err := View(&query, nil, opt)
		if err != nil {
			return err
		}
		s.out.Query = bq
		for _, id := range bq.DependsOn {
			s.dependOn(id)
		}
		s.o.SQL = sqlText(s.q.Query)
		p := bq.Root.Props()
		s.appendOnly, s.key = p.AppendOnly, smallest(p.Keys)
		for _, c := range bq.Columns {
			s.o.Columns = append(s.o.Columns, catalog.Column{Name: c.Name, Type: c.Type})
		}
		return s.distinctNames()
	}
	o, err := s.object(s.q.From)
	if err != nil {
		return err
	}
	switch o.Kind {
	case catalog.View, catalog.System:
		return sqlerr.New(sqlerr.WrongObjectType, "\"%s\" is a %s; a sink follows what is kept", o.Name, o.Kind).At(s.q.From.Pos).
			WithHint("Use a materialized view, or CREATE SINK … AS SELECT.")
	case catalog.Table:
		s.key = o.PrimaryKey
	case catalog.Stream:
		s.appendOnly = true
	default:
		s.appendOnly, s.key = o.AppendOnly, o.PrimaryKey
	}
	s.dependOn(o.ID)
	s.out.From, s.o.Follows = o, o.ID
	for _, i := range o.Visible() {
		c := o.Columns[i]
		s.o.Columns = append(s.o.Columns, catalog.Column{Name: c.Name, Type: c.Type})
	}
	return nil
}

func (s *sinkDef) distinctNames() error {
	seen := map[string]bool{}
	for _, c := range s.o.Columns {
		if seen[c.Name] {
			return sqlerr.New(sqlerr.DuplicateColumn, "column \"%s\" specified more than once", c.Name).At(s.q.Query.Pos)
		}
		seen[c.Name] = true
	}
	return nil
}

// primaryKey reads primary_key, a list of columns; without it the relation's own
// key is the records'.
func (s *sinkDef) primaryKey(g *given) error {
	text := g.take("primary_key")
	if text == "" {
		s.o.PrimaryKey = slices.Clone(s.key)
		return nil
	}
	for _, name := range strings.Split(text, ",") {
		name = strings.TrimSpace(name)
		i := slices.IndexFunc(s.o.Columns, func(c catalog.Column) bool { return c.Name == name })
		if i < 0 {
			var names []string
			for _, c := range s.o.Columns {
				names = append(names, c.Name)
			}
			err := sqlerr.New(sqlerr.UndefinedColumn, "column \"%s\" named in primary_key does not exist", name).At(g.pos("primary_key"))
			if best := nearest(name, names); best != "" {
				return err.WithHint("Perhaps you meant \"%s\".", best)
			}
			return err
		}
		if slices.Contains(s.o.PrimaryKey, i) {
			return sqlerr.New(sqlerr.DuplicateColumn, "column \"%s\" appears twice in primary_key", name).At(g.pos("primary_key"))
		}
		s.o.PrimaryKey = append(s.o.PrimaryKey, i)
	}
	return nil
}

// topic binds a sink to a topic.
func (s *sinkDef) topic(g *given) error {
	q, o := s.q, s.o
	if g.values["connector"] != "" && g.values["connector"] != "kafka" {
		return sqlerr.New(sqlerr.InvalidParameterValue, "invalid value for parameter \"connector\": \"%s\"", g.values["connector"]).At(g.pos("connector")).
			WithHint("A sink's connector is 'kafka'; FORMAT UPSERT says that it writes the last row of each key.")
	}
	if err := s.kind(g); err != nil {
		return err
	}
	f, err := s.formats(q.Format, g, s.table, q.Pos)
	if err != nil {
		return err
	}
	if o.Connector, err = s.connector(g, q.Pos); err != nil {
		return err
	}
	f.cluster(o.Connector)
	if err := s.registryConnection(o.Connector, f.pos); err != nil {
		return err
	}
	o.Format = f.Format
	if o.Connector.Topic == "" {
		return sqlerr.New(sqlerr.InvalidParameterValue, "a topic is needed").At(q.Pos).WithHint("WITH (topic = '…', …)")
	}
	pos := q.Pos
	if q.Format != nil {
		pos = q.Format.Pos
	}
	switch o.Format.Envelope {
	case "maxwell", "canal":
		return unsupported(pos, "writing FORMAT %s", strings.ToUpper(o.Format.Envelope))
	case "upsert", "debezium":
		if len(o.PrimaryKey) == 0 {
			return sqlerr.New(sqlerr.InvalidParameterValue, "FORMAT %s needs primary_key", strings.ToUpper(o.Format.Envelope)).At(pos).
				WithHint("Name the columns that tell rows apart: WITH (primary_key = 'a, b', …).")
		}
		if g.has("force_append_only") {
			return sqlerr.New(sqlerr.InvalidParameterValue, "force_append_only has no effect with FORMAT %s", strings.ToUpper(o.Format.Envelope)).At(g.at["force_append_only"].Pos)
		}
	default:
		if !s.appendOnly && g.values["force_append_only"] != "true" {
			return sqlerr.New(sqlerr.InvalidParameterValue, "FORMAT PLAIN cannot say that rows of \"%s\" change or go", s.source()).At(pos).
				WithHint("Use FORMAT UPSERT or FORMAT DEBEZIUM, or force_append_only = 'true' to leave retractions out.")
		}
	}
	if len(o.PrimaryKey) > 0 && o.Format.Key.Name == "" {
		o.Format.Key.Name = keyEncoding(o)
	}
	return s.options(g)
}

// kind reads type, RisingWave's word for what changes become: here FORMAT says it,
// and the two must agree.
func (s *sinkDef) kind(g *given) error {
	word := g.take("type")
	if word == "" {
		return nil
	}
	format, pos := map[string]string{"append-only": "PLAIN", "upsert": "UPSERT", "debezium": "DEBEZIUM"}[word], g.pos("type")
	if s.q.Format == nil {
		return sqlerr.New(sqlerr.InvalidParameterValue, "type = '%s' does not say how records are written", word).At(pos).
			WithHint("Add FORMAT %s ENCODE JSON.", format)
	}
	if !strings.EqualFold(s.q.Format.Name, format) {
		return sqlerr.New(sqlerr.InvalidParameterValue, "type = '%s' and FORMAT %s contradict each other", word, strings.ToUpper(s.q.Format.Name)).At(pos).
			WithHint("Leave type out, or write FORMAT %s.", format)
	}
	return nil
}

// keyEncoding is how keys are written where nothing says it.
func keyEncoding(o *catalog.Object) string {
	switch o.Format.Value.Name {
	case "avro", "protobuf", "jsonschema":
		return o.Format.Value.Name
	case "json":
		return "json"
	}
	return "text"
}

func (s *sinkDef) source() string {
	if s.out.From != nil {
		return s.out.From.Name
	}
	return "the query"
}

func (s *sinkDef) options(g *given) error {
	t := &TopicDef{}
	t.Partitions, _ = strconv.Atoi(g.take("partitions"))
	t.Replicas, _ = strconv.Atoi(g.take("replicas"))
	t.RetentionMillis, _ = strconv.ParseInt(g.take("retention_ms"), 10, 64)
	t.Cleanup = g.take("cleanup.policy")
	if compaction := g.take("compaction"); compaction != "" {
		policy := map[string]string{"true": "compact", "false": "delete"}[compaction]
		if t.Cleanup != "" && t.Cleanup != policy {
			return sqlerr.New(sqlerr.InvalidParameterValue, "compaction = %s and cleanup.policy = '%s' contradict each other", compaction, t.Cleanup).At(g.pos("cleanup.policy"))
		}
		t.Cleanup = policy
	}
	if strings.Contains(t.Cleanup, "compact") && len(s.o.PrimaryKey) == 0 {
		return sqlerr.New(sqlerr.InvalidParameterValue, "records without a key cannot be in a compacted topic").At(s.q.Pos).
			WithHint("Name the columns of the key: WITH (primary_key = 'a, b', …).")
	}
	s.out.Topic = t
	return s.pace(g)
}

// pace reads what is said of how the sink runs.
func (s *sinkDef) pace(g *given) error {
	if g.values["commit_interval"] == "forever" {
		return sqlerr.New(sqlerr.InvalidParameterValue, "invalid value for parameter \"commit_interval\": \"forever\"").At(g.pos("commit_interval")).
			WithHint("It must be an interval such as '100 ms'.")
	}
	if g.has("max_lag") && !g.has("on_backlog") {
		return sqlerr.New(sqlerr.InvalidParameterValue, "max_lag has no effect without on_backlog").At(g.at["max_lag"].Pos).
			WithHint("Say what to do when the sink is so far behind: on_backlog = 'stop', or 'hold' its sources.")
	}
	for key := range g.values {
		s.o.Connector.Options[key] = g.values[key]
	}
	return nil
}
