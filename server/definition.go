package server

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/exec/connector"
	"github.com/tarndb/tarn/exec/format"
	"github.com/tarndb/tarn/planner"
	"github.com/tarndb/tarn/planner/bind"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/parser"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

var recordParts = map[catalog.From]format.From{
	catalog.FromValue: format.FromValue, catalog.FromKey: format.FromKey, catalog.FromTimestamp: format.FromTimestamp,
	catalog.FromPartition: format.FromPartition, catalog.FromOffset: format.FromOffset, catalog.FromTopic: format.FromTopic,
	catalog.FromHeaders: format.FromHeaders, catalog.FromHeader: format.FromHeader,
}

// specOf is how the records of a source or sink are read or written.
func specOf(o *catalog.Object, registry format.Registry) format.Spec {
	s := format.Spec{PK: o.PrimaryKey, Registry: registry}
	if c := o.Connector; c != nil {
		s.Topic, s.NullOnError = c.Topic, c.Options["on_error"] == "null"
	}
	if f := o.Format; f != nil {
		s.Envelope = format.Envelope(f.Envelope)
		s.Key = format.Encoding{Name: f.Key.Name, Options: f.Key.Options}
		s.Value = format.Encoding{Name: f.Value.Name, Options: f.Value.Options}
	}
	for _, c := range o.Columns {
		s.Columns = append(s.Columns, format.Column{Name: c.Name, Type: c.Type, NotNull: c.NotNull, From: recordParts[c.From], Path: c.Path})
	}
	return s
}

// sourceDef is a source as the connectors run it.
func (s *Server) sourceDef(snap *catalog.Snapshot, o *catalog.Object) (connector.SourceDef, error) {
	c, opts := o.Connector, o.Connector.Options
	def := connector.SourceDef{ID: o.ID, Name: o.Name, Topic: c.Topic, Table: o.Kind == catalog.Table && len(o.PrimaryKey) > 0,
		ReadThrough: o.ReadThrough(), DeadLetterTopic: opts["dead_letter_topic"], Paused: c.Paused}
	cl, err := s.clusterOf(snap, c)
	if err != nil {
		return def, err
	}
	def.Kafka, def.Spec = cl.kafka, specOf(o, cl.registry)
	if def.Group = opts["properties.group.id"]; opts["group.id.prefix"] != "" {
		def.Group = opts["group.id.prefix"] + "-" + o.Name
	}
	def.RowsPerSecond, _ = strconv.ParseFloat(opts["rate_limit"], 64)
	if opts["on_error"] == "stop" {
		def.OnError = connector.StopSource
	}
	if opts["on_gap"] == "continue" {
		def.OnGap = connector.SkipGap
	}
	if def.Start, err = startOf(c); err != nil {
		return def, err
	}
	if o.Format.Envelope != "plain" && o.Format.Envelope != "upsert" {
		def.OnDDL, def.SchemaTopic = s.schemaChange(o.ID), opts["schema_changes.topic"]
	}
	for i, c := range o.Columns {
		if c.Added {
			def.Ages = append(def.Ages, connector.Age{Columns: i, Until: c.Until})
		}
	}
	def.Verify, err = verifier(snap, o)
	return def, err
}

// startOf is where a source begins: where CREATE resolved it to, or as it was said.
func startOf(c *catalog.Connector) (connector.Start, error) {
	switch {
	case c.Start != nil:
		return connector.Start{Mode: connector.AtOffsets, Offsets: c.Start}, nil
	case c.Options["scan.startup.mode"] == "latest":
		return connector.Start{Mode: connector.Latest}, nil
	case c.Options["scan.startup.mode"] == "timestamp":
		ms, err := strconv.ParseInt(c.Options["scan.startup.timestamp.millis"], 10, 64)
		return connector.Start{Mode: connector.AtTime, Time: ms*1000 - pgEpoch}, err
	case c.Options["scan.startup.mode"] == "specific-offsets":
		at, err := bind.ParseOffsets(c.Options["scan.startup.specific-offsets"])
		return connector.Start{Mode: connector.AtOffsets, Offsets: at}, err
	}
	return connector.Start{}, nil
}

// verifier finds the rows that break CHECK constraints; nil: there are none.
// NOT NULL is the decoder's.
func verifier(snap *catalog.Snapshot, o *catalog.Object) (func(*vec.Batch) []connector.BadRow, error) {
	if len(o.Checks) == 0 {
		return nil, nil
	}
	env := types.NewEnv()
	opt := planner.Options{Catalog: snap, SearchPath: []string{o.Schema}, Env: env}
	conds := make([]expr.Expr, len(o.Checks))
	for i, k := range o.Checks {
		x, err := parser.ParseExpr(k.Expr)
		if err == nil {
			conds[i], err = planner.BindExpr(x, o, types.Bool, "check constraint", opt)
		}
		if err != nil {
			return nil, err
		}
	}
	program, err := expr.Compile(conds, columnTypes(o))
	if err != nil {
		return nil, err
	}
	return func(rows *vec.Batch) []connector.BadRow {
		cols, errs := program.Eval(&funcs.Ctx{Env: env}, rows)
		bad := make([]*sqlerr.Error, rows.N)
		for _, e := range errs {
			bad[e.Row] = e.Err
		}
		for n, v := range cols {
			for i := range rows.N {
				if bad[i] == nil && !v.IsNull(i) && !v.Bools[i] {
					bad[i] = sqlerr.New(sqlerr.CheckViolation, "new row for relation %q violates check constraint %q", o.Name, o.Checks[n].Name)
				}
			}
		}
		var out []connector.BadRow
		for i, e := range bad {
			if e != nil {
				out = append(out, connector.BadRow{Row: i, Err: e})
			}
		}
		return out
	}, nil
}

// sinkDef is a sink as the connectors run it.
func (s *Server) sinkDef(snap *catalog.Snapshot, o *catalog.Object) (connector.SinkDef, error) {
	c, opts := o.Connector, o.Connector.Options
	def := connector.SinkDef{ID: o.ID, Name: o.Name, Topic: c.Topic, Into: o.Into, Partition: -1, Paused: c.Paused,
		DropRetractions: opts["force_append_only"] == "true", NoSnapshot: opts["snapshot"] == "false", Since: o.CreatedEpoch}
	env := envOf(o.Settings)
	def.Ctx = &funcs.Ctx{Env: env}
	var err error
	if def.Plan, err = sinkPlan(snap, o, env); err != nil {
		return def, err
	}
	if def.CommitInterval, err = intervalOption(opts, "commit_interval"); err != nil {
		return def, err
	}
	if def.CommitInterval == 0 && opts["commit_interval"] != "" { // at once; 0 is the default
		def.CommitInterval = time.Nanosecond
	}
	if def.MaxLag, err = intervalOption(opts, "max_lag"); err != nil {
		return def, err
	}
	if opts["max_lag"] == "forever" {
		def.MaxLag = math.MaxInt64
	}
	switch opts["on_backlog"] {
	case "stop":
		def.OnLag = connector.StopSink
	case "hold":
		def.OnLag = connector.HoldSources
	}
	def.Sources = sourcesOf(snap, o.ID)
	def.Spec = specOf(o, nil)
	def.RecordBytesMax, _ = strconv.ParseInt(opts["properties.max.request.size"], 10, 64)
	def.Spec.Origin = format.Origin{Version: s.cfg.Version, Database: databaseName, Schema: o.Schema, Table: o.Name}
	if from := snap.ByID(o.Follows); from != nil && from.Owned != o.ID {
		def.Spec.Origin.Schema, def.Spec.Origin.Table = from.Schema, from.Name
		def.Of = from.Schema + "." + from.Name
	}
	if o.Into != 0 {
		into := snap.ByID(o.Into)
		def.IntoTable = into != nil && into.Kind == catalog.Table && len(into.PrimaryKey) > 0
		return def, nil
	}
	def.Plan, def.Headers = carried(snap, def.Plan)
	cl, err := s.clusterOf(snap, c)
	def.Kafka, def.Spec.Registry = cl.kafka, cl.registry
	def.Kafka.Compression = opts["properties.compression.type"]
	return def, err
}

// carried makes a stateless plan also give the headers that are passed on.
func carried(snap *catalog.Snapshot, root plan.Node) (plan.Node, []connector.SinkHeader) {
	var out []connector.SinkHeader
	stream := root
	for len(stream.Inputs()) == 1 {
		stream = stream.Inputs()[0]
	}
	scan, ok := stream.(*plan.Scan)
	if !ok || snap.ByID(scan.Object) == nil {
		return root, nil
	}
	for i, c := range snap.ByID(scan.Object).Columns {
		name := c.Path
		if name == "" {
			name = c.Name
		}
		if c.From != catalog.FromHeader || !slices.Contains(catalog.PassedOn, name) {
			continue
		}
		with, at, ok := planner.Carry(root, i, plan.Column{Name: c.Name, Type: c.Type})
		if ok {
			root, out = with, append(out, connector.SinkHeader{Name: name, Column: at})
		}
	}
	return root, out
}

// sinkPlan is what a sink follows: its relation, without hidden columns, or its
// own query.
func sinkPlan(snap *catalog.Snapshot, o *catalog.Object, env *types.Env) (plan.Node, error) {
	opt := planner.Options{Catalog: snap, SearchPath: searchPathOf(o.Settings), Env: env, Seen: o.Seen}
	if o.Follows == 0 {
		q, err := planner.PlanSink(o, opt)
		if err != nil {
			return nil, err
		}
		return q.Root, nil
	}
	from := snap.ByID(o.Follows)
	if from == nil {
		return nil, sqlerr.New(sqlerr.InternalError, "the relation of sink %q is gone", o.Name)
	}
	q, _, err := planner.PlanRelation(ast.Name{Parts: []string{from.Schema, from.Name}}, opt)
	if err != nil {
		return nil, err
	}
	return q.Root, nil
}

// sourcesOf are the sources that an object is fed by, directly or not.
func sourcesOf(snap *catalog.Snapshot, id uint64) []uint64 {
	var out []uint64
	seen := map[uint64]bool{}
	var visit func(uint64)
	visit = func(id uint64) {
		o := snap.ByID(id)
		if o == nil || seen[id] {
			return
		}
		seen[id] = true
		if o.IsSource() {
			out = append(out, id)
		}
		for _, d := range o.DependsOn {
			if d != o.Into || o.Into == 0 {
				visit(d)
			}
		}
	}
	visit(id)
	return out
}

// intervalOption is an option that is an interval; 0 = not given.
func intervalOption(opts map[string]string, key string) (time.Duration, error) {
	v := opts[key]
	if v == "" || strings.EqualFold(v, "forever") {
		return 0, nil
	}
	d, err := types.ParseText(v, types.Interval, nil)
	if err != nil {
		return 0, err
	}
	iv := types.DecodeInterval(d.S)
	us := iv.Micros + (int64(iv.Days)+30*int64(iv.Months))*24*int64(time.Hour/time.Microsecond)
	return time.Duration(us) * time.Microsecond, nil
}

// topicDef is how a topic is to be made.
func topicDef(t *planner.TopicDef) *connector.TopicDef {
	out := &connector.TopicDef{Partitions: int32(t.Partitions), Replication: int16(t.Replicas), Config: map[string]string{}}
	if t.Cleanup != "" {
		out.Config["cleanup.policy"] = t.Cleanup
	}
	if t.RetentionMillis > 0 {
		out.Config["retention.ms"] = strconv.FormatInt(t.RetentionMillis, 10)
	}
	return out
}
