package bind

import (
	"slices"
	"strconv"
	"strings"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// idleMicros is how long a partition without records holds the watermark back,
// where the rowtime is the record's timestamp because no other was declared.
const idleMicros = 30_000_000

// Source is a bound relation that is fed by a topic.
type Source struct {
	// Object has no ID, owner and epoch yet.
	Object *catalog.Object
	// Infer: the statement names no columns of the value; they are to be found in the
	// registry or in the first records, and the statement bound again with them.
	Infer bool
	// Topic is how to make the topic if there is none; nil: it must be there.
	Topic *TopicDef
	// InferPos is where columns would stand, for errors.
	InferPos int
	// FormatPos is where the format stands.
	FormatPos int
}

// TopicDef is how a topic is to be made; 0 = as the cluster does it.
type TopicDef struct {
	Partitions, Replicas int
	RetentionMillis      int64
	Cleanup              string // the setting cleanup.policy; "": as the cluster does it
}

// IsSource reports whether a CREATE TABLE, STREAM or SOURCE is of a relation that
// is fed by a topic.
func IsSource(q *ast.CreateTable) bool {
	if q.Kind == "SOURCE" || q.Source || q.Format != nil || len(q.Include) > 0 {
		return true
	}
	return slices.ContainsFunc(q.Options, func(o ast.Option) bool {
		switch strings.ToLower(o.Name) {
		case "connector", "connection", "kafka_topic", "topic", "value_format", "key_format", "format":
			return true
		}
		return false
	})
}

// SourceDef binds CREATE SOURCE, and CREATE TABLE and STREAM that are fed by a
// topic, in the canonical spelling, RisingWave's or ksqlDB's. inferred are the
// columns found for a statement that named none.
func SourceDef(q *ast.CreateTable, inferred []catalog.Column, opt Options) (*Source, error) {
	b := newBinder(opt)
	if err := refuseSourceClauses(q); err != nil {
		return nil, err
	}
	g, err := b.keywords(q.Options, clusterKeywords, topicKeywords, sourceKeywords)
	if err != nil {
		return nil, err
	}
	o := &catalog.Object{Name: q.Name.Base(), Kind: catalog.Stream}
	if o.Schema, err = b.creationSchema(q.Name); err != nil {
		return nil, err
	}
	s := &sourceDef{tableDef: &tableDef{binder: b, q: q, o: o}, g: g, out: &Source{Object: o, InferPos: q.Name.Pos, FormatPos: q.Pos}}
	f, err := b.formats(q.Format, g, q.Kind == "TABLE", q.Pos)
	if err != nil {
		return nil, err
	}
	if q.Format != nil {
		s.out.FormatPos = q.Format.Pos
	}
	o.Format = f.Format
	if q.Format == nil && q.Kind == "TABLE" && g.values["connector"] == "kafka" && o.Format.Envelope == "upsert" && !hasPrimaryKey(q) {
		o.Format.Envelope, o.Format.Key = "plain", catalog.Encoding{} // Flink's tables of this connector are appended to
	}
	if o.Format.Envelope != "plain" || q.Kind == "TABLE" {
		o.Kind = catalog.Table
	}
	if o.Connector, err = b.connector(g, q.Pos); err != nil {
		return nil, err
	}
	f.cluster(o.Connector)
	if err := b.registryConnection(o.Connector, f.pos); err != nil {
		return nil, err
	}
	if o.Connector.Topic == "" {
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "a topic is needed").At(q.Pos).WithHint("WITH (topic = '…', …)")
	}
	if err := s.columns(inferred); err != nil {
		return nil, err
	}
	if err := s.options(); err != nil {
		return nil, err
	}
	o.DependsOn = b.dependencies()
	return s.out, nil
}

func hasPrimaryKey(q *ast.CreateTable) bool {
	primary := func(k *ast.Constraint) bool { return k.Kind == ast.ConstraintPrimary }
	return slices.ContainsFunc(q.Constraints, primary) ||
		slices.ContainsFunc(q.Columns, func(c *ast.ColumnDef) bool { return slices.ContainsFunc(c.Constraints, primary) })
}

func refuseSourceClauses(q *ast.CreateTable) error {
	switch {
	case q.OrReplace:
		return unsupported(q.Pos, "OR REPLACE of a source")
	case q.Query != nil:
		return unsupported(q.Pos, "CREATE %s … AS with FORMAT or INCLUDE", q.Kind)
	case !q.OfType.IsZero(), q.PartitionOf != nil, q.PartitionBy != nil, len(q.Inherits) > 0, len(q.Likes) > 0, q.OnCommit != "", q.Tablespace != "", q.Using != "":
		return unsupported(q.Pos, "this form of CREATE %s", q.Kind)
	case q.Persistence != "":
		return unsupported(q.Pos, "a %s source", strings.ToLower(q.Persistence))
	case q.OnConflict != "" && q.OnConflict != "OVERWRITE", len(q.VersionColumn) > 0:
		return unsupported(q.Pos, "ON CONFLICT of a source")
	}
	return nil
}

// sourceDef is a source being defined.
type sourceDef struct {
	*tableDef
	g   *given
	out *Source
}

// columns are those of the statement, those that were inferred, what INCLUDE
// adds, the record's timestamp where no other rowtime is declared, and headers.
func (s *sourceDef) columns(inferred []catalog.Column) error {
	o, q := s.o, s.q
	values := 0
	for _, c := range q.Columns {
		from, path, err := recordPart(c)
		if err != nil {
			return err
		}
		plain := *c
		plain.Constraints = slices.DeleteFunc(slices.Clone(c.Constraints), isPart)
		for _, k := range plain.Constraints {
			if k.Kind == ast.ConstraintDefault || k.Kind == ast.ConstraintGenerated || k.Kind == ast.ConstraintComputed {
				return unsupported(k.Pos, "an expression as a column of a source").WithHint("Compute it in a view over the source.")
			}
		}
		if err := s.column(&plain); err != nil {
			return err
		}
		col := &o.Columns[len(o.Columns)-1]
		if col.From, col.Path = from, path; from == catalog.FromValue {
			values++
		}
		if err := partType(col, c.Type.Pos); err != nil {
			return err
		}
	}
	if values == 0 && (q.Star || !q.HasColumns || len(q.Columns) > 0 && s.keysOnly()) {
		s.out.Infer = inferred == nil
		for _, c := range inferred {
			if s.index(c.Name) < 0 {
				o.Columns = append(o.Columns, c)
			}
		}
	}
	for _, n := range q.Include {
		if err := s.include(n); err != nil {
			return err
		}
	}
	if s.out.Infer { // keys and watermarks may name what is not known yet
		return nil
	}
	if len(o.Columns) > columnsMax {
		return sqlerr.New(sqlerr.TooManyColumns, "tables can have at most %d columns", columnsMax).At(q.Pos)
	}
	if len(o.Columns) == 0 {
		return sqlerr.New(sqlerr.InvalidTableDefinition, "a source needs columns").At(q.Pos)
	}
	for _, c := range q.Constraints {
		if err := s.constraint(c, -1); err != nil {
			return err
		}
	}
	if err := s.expressions(); err != nil {
		return err
	}
	if err := s.key(); err != nil {
		return err
	}
	if err := s.rowtime(); err != nil {
		return err
	}
	s.trace()
	return nil
}

// trace adds the headers that sinks pass on to what they make of a record, unless
// the statement names them.
func (s *sourceDef) trace() {
	if s.o.Kind != catalog.Stream {
		return
	}
	for _, name := range catalog.PassedOn {
		named := slices.ContainsFunc(s.o.Columns, func(c catalog.Column) bool {
			return c.Name == name || c.From == catalog.FromHeader && c.Path == name
		})
		if !named && len(s.o.Columns) < columnsMax {
			s.o.Columns = append(s.o.Columns, catalog.Column{Name: name, Path: name, Type: types.Bytea, From: catalog.FromHeader, Hidden: true})
		}
	}
}

// keysOnly: every column of the statement is taken from the key or elsewhere, as
// where ksqlDB's value columns are left to the registry.
func (s *sourceDef) keysOnly() bool {
	return !slices.ContainsFunc(s.q.Columns, func(c *ast.ColumnDef) bool {
		return !slices.ContainsFunc(c.Constraints, func(k *ast.Constraint) bool { return isPart(k) || k.Kind == ast.ConstraintPrimary })
	})
}

func isPart(k *ast.Constraint) bool {
	return k.Kind == ast.ConstraintKey || k.Kind == ast.ConstraintHeaders || k.Kind == ast.ConstraintMetadata
}

// recordPart is the part of the record that a column names: KEY, HEADERS,
// HEADER('x'), Flink's METADATA FROM 'x'.
func recordPart(c *ast.ColumnDef) (catalog.From, string, error) {
	for _, k := range c.Constraints {
		switch k.Kind {
		case ast.ConstraintKey:
			return catalog.FromKey, "", nil
		case ast.ConstraintHeaders:
			if name, ok := k.X.(*ast.String); ok {
				return catalog.FromHeader, name.Value, nil
			}
			return catalog.FromHeaders, "", nil
		case ast.ConstraintMetadata:
			name := c.Name
			if x, ok := k.X.(*ast.String); ok {
				name = x.Value
			}
			from, ok := includable[strings.ToLower(name)]
			if !ok || from == catalog.FromHeader {
				return "", "", sqlerr.New(sqlerr.InvalidParameterValue, "a record has no metadata \"%s\"", name).At(k.Pos).WithHint("%s", includeHint)
			}
			return from, "", nil
		}
	}
	return catalog.FromValue, "", nil
}

// includable are the parts of a record that INCLUDE and METADATA FROM name.
var includable = map[string]catalog.From{"key": catalog.FromKey, "timestamp": catalog.FromTimestamp, "partition": catalog.FromPartition,
	"offset": catalog.FromOffset, "topic": catalog.FromTopic, "headers": catalog.FromHeaders, "header": catalog.FromHeader}

const includeHint = "There are KEY, TIMESTAMP, PARTITION, OFFSET, HEADERS, HEADER 'name' and TOPIC."

// partTypes are the types that parts of a record have; the first is the default.
var partTypes = map[catalog.From][]types.Type{
	catalog.FromTimestamp: {types.Timestamptz, types.Timestamp, types.Int8},
	catalog.FromPartition: {types.Int4, types.Int8},
	catalog.FromOffset:    {types.Int8},
	catalog.FromTopic:     {types.Text, types.Varchar},
	catalog.FromHeaders:   {types.JSONB, types.JSON},
	catalog.FromHeader:    {types.Bytea, types.Text, types.Varchar},
}

func partType(c *catalog.Column, pos int) error {
	allowed := partTypes[c.From]
	if allowed == nil || slices.ContainsFunc(allowed, func(t types.Type) bool { return t.OID == c.Type.OID }) {
		return nil
	}
	return sqlerr.New(sqlerr.DatatypeMismatch, "column \"%s\" cannot hold the record's %s as %s", c.Name, c.From, base(c.Type)).At(pos).
		WithHint("Declare it as %s.", allowed[0])
}

// include adds the column of INCLUDE.
func (s *sourceDef) include(n ast.Include) error {
	from, ok := includable[strings.ToLower(n.What)]
	if !ok {
		err := sqlerr.New(sqlerr.InvalidParameterValue, "a record has no \"%s\" to include", strings.ToLower(n.What)).At(n.Pos)
		var words []string
		for w := range includable {
			words = append(words, w)
		}
		if best := nearest(strings.ToLower(n.What), words); best != "" {
			return err.WithHint("Perhaps you meant %s.", strings.ToUpper(best))
		}
		return err.WithHint("%s", includeHint)
	}
	c := catalog.Column{Name: n.Alias, From: from}
	if field, ok := n.Field.(*ast.String); ok {
		switch from {
		case catalog.FromHeaders: // RisingWave's INCLUDE HEADER 'x' is meant
			c.From = catalog.FromHeader
			c.Path = field.Value
		case catalog.FromHeader:
			c.Path = field.Value
		default:
			return sqlerr.New(sqlerr.SyntaxError, "INCLUDE %s takes no name of a field", n.What).At(n.Field.Position())
		}
	} else if from == catalog.FromHeader {
		c.From = catalog.FromHeaders
	}
	if c.Name == "" {
		c.Name = string(c.From)
		if c.Path != "" {
			c.Name = c.Path
		}
	}
	if s.index(c.Name) >= 0 {
		return sqlerr.New(sqlerr.DuplicateColumn, "column \"%s\" specified more than once", c.Name).At(n.Pos).WithHint("Give it another name with AS.")
	}
	var err error
	switch {
	case n.Type != nil:
		if c.Type, err = s.typeName(n.Type); err != nil {
			return err
		}
		err = partType(&c, n.Type.Pos)
	case from == catalog.FromKey:
		c.Type = keyType(s.o.Format.Key.Name)
	default:
		c.Type = partTypes[c.From][0]
	}
	s.o.Columns = append(s.o.Columns, c)
	return err
}

// keyType is the type of a whole key that none is given for.
func keyType(encoding string) types.Type {
	switch encoding {
	case "text", "csv":
		return types.Text
	case "json", "avro", "protobuf", "jsonschema":
		return types.JSONB
	}
	return types.Bytea
}

// key settles how keys are read and, of a table, that it has one.
func (s *sourceDef) key() error {
	o := s.o
	if o.Kind == catalog.Table && o.Format.Envelope != "plain" && len(o.PrimaryKey) == 0 {
		return sqlerr.New(sqlerr.InvalidTableDefinition, "a table in FORMAT %s needs a primary key", strings.ToUpper(o.Format.Envelope)).At(s.q.Pos).
			WithHint("Name the columns that tell rows apart: PRIMARY KEY (…). They decide which row a record replaces or deletes.")
	}
	fromKey := slices.ContainsFunc(o.Columns, func(c catalog.Column) bool { return c.From == catalog.FromKey })
	if o.Format.Envelope == "upsert" {
		// A deletion has a key and nothing else.
		for _, k := range o.PrimaryKey {
			if o.Columns[k].From == catalog.FromValue {
				o.Columns[k].From, fromKey = catalog.FromKey, true
			}
		}
	}
	if fromKey && o.Format.Key.Name == "" {
		o.Format.Key.Name = defaultKey(o)
	}
	if !fromKey && o.Format.Envelope == "plain" {
		if f := s.q.Format; f != nil && (f.Key != "" || len(o.Format.Key.Options) > 0) {
			return sqlerr.New(sqlerr.InvalidParameterValue, "KEY ENCODE has no effect: no column is taken from the key").At(f.Pos).WithHint("Add INCLUDE KEY AS k.")
		}
		o.Format.Key = catalog.Encoding{} // nothing looks at the key
	}
	return nil
}

// defaultKey is how keys are read where nothing says it: a whole key into bytea
// or text as it is, else as the value is.
func defaultKey(o *catalog.Object) string {
	for _, c := range o.Columns {
		if c.From == catalog.FromKey && c.Type.OID == types.OIDBytea {
			return "bytes"
		}
	}
	switch o.Format.Value.Name {
	case "json", "avro", "protobuf", "jsonschema":
		return o.Format.Value.Name
	}
	return "text"
}

// rowtime is the watermark that was declared, ksqlDB's TIMESTAMP = 'c', or the
// record's timestamp.
func (s *sourceDef) rowtime() error {
	if err := s.watermark(); err != nil {
		return err
	}
	if name := s.g.take("timestamp"); name != "" {
		pos := s.g.pos("timestamp")
		i := s.index(strings.ToLower(name))
		switch {
		case s.o.Watermark != nil:
			return sqlerr.New(sqlerr.InvalidTableDefinition, "only one of WATERMARK and TIMESTAMP is allowed").At(pos)
		case i < 0:
			return sqlerr.New(sqlerr.UndefinedColumn, "column \"%s\" does not exist", name).At(pos)
		}
		if err := s.ksqlTime(i, pos); err != nil {
			return err
		}
	}
	if s.o.Kind != catalog.Stream || s.o.Watermark != nil {
		return nil
	}
	for i, c := range s.o.Columns {
		if c.From == catalog.FromTimestamp && c.Type.OID == types.OIDTimestamptz {
			s.o.Watermark = &catalog.Watermark{Column: i, IdleMicros: idleMicros}
			return nil
		}
	}
	if s.index("rowtime") >= 0 {
		return nil // it would not be told apart: event time is arrival
	}
	s.o.Columns = append(s.o.Columns, catalog.Column{Name: "rowtime", Type: types.Timestamptz, From: catalog.FromTimestamp, Hidden: true})
	s.o.Watermark = &catalog.Watermark{Column: len(s.o.Columns) - 1, IdleMicros: idleMicros}
	return nil
}

// options puts what is left of WITH where it belongs.
func (s *sourceDef) options() error {
	g, o := s.g, s.o
	for _, key := range []string{"window_type", "window_size"} {
		if g.has(key) {
			return unsupported(g.at[key].Pos, "%s", strings.ToUpper(key)).
				WithHint("Keys of windows end in 8 bytes with the window's start (of sessions 16: end, start): INCLUDE KEY AS k, and take them apart in a view.")
		}
	}
	if g.has("timestamp_format") {
		return sqlerr.New(sqlerr.InvalidParameterValue, "timestamp_format has no effect without timestamp").At(g.at["timestamp_format"].Pos)
	}
	if err := startup(g, o.Connector.Options); err != nil {
		return err
	}
	if g.has("partitions") {
		s.out.Topic = &TopicDef{}
		s.out.Topic.Partitions, _ = strconv.Atoi(g.take("partitions"))
		s.out.Topic.Replicas, _ = strconv.Atoi(g.take("replicas"))
		s.out.Topic.RetentionMillis, _ = strconv.ParseInt(g.take("retention_ms"), 10, 64)
		if o.Kind == catalog.Table {
			s.out.Topic.Cleanup = "compact"
		}
	}
	for _, key := range []string{"replicas", "retention_ms"} {
		if g.has(key) {
			return sqlerr.New(sqlerr.InvalidParameterValue, "%s has no effect without partitions: the topic must be there already", key).At(g.at[key].Pos)
		}
	}
	if e := o.Format.Envelope; g.has("schema_changes") && (e == "plain" || e == "upsert") {
		return sqlerr.New(sqlerr.InvalidParameterValue, "schema_changes has no effect with FORMAT %s, which carries no schema changes", strings.ToUpper(e)).At(g.at["schema_changes"].Pos)
	}
	if e := o.Format.Envelope; g.has("schema_changes.topic") {
		switch pos := g.at["schema_changes.topic"].Pos; {
		case e != "debezium" && e != "maxwell":
			return sqlerr.New(sqlerr.InvalidParameterValue, "schema_changes.topic has no effect with FORMAT %s", strings.ToUpper(e)).At(pos).
				WithHint("Only Debezium and Maxwell tell schema changes in a topic of their own.")
		case o.Format.Value.Options["source.table"] == "" && o.Format.Value.Options["table"] == "" && o.Format.Value.Options["table.name"] == "":
			return sqlerr.New(sqlerr.InvalidParameterValue, "schema_changes.topic needs source.table: it tells the changes of all tables").At(pos).
				WithHint("For example FORMAT DEBEZIUM ENCODE JSON (source.database = 'shop', source.table = 'customers').")
		}
	}
	if g.has("history") && o.Kind == catalog.Table {
		return sqlerr.New(sqlerr.InvalidParameterValue, "history has no effect on a table: its rows are always kept here").At(g.at["history"].Pos)
	}
	if g.has("retention") && (o.Kind == catalog.Table || g.values["history"] != "local") {
		return sqlerr.New(sqlerr.InvalidParameterValue, "retention has no effect where the topic keeps the records").At(g.at["retention"].Pos).
			WithHint("With history = 'local' records are kept here as well, for as long as retention says.")
	}
	if g.has("retain_history") && o.Kind == catalog.Stream {
		return sqlerr.New(sqlerr.InvalidParameterValue, "retain_history has no effect on a stream").At(g.at["retain_history"].Pos)
	}
	for _, key := range []string{"retention", "retain_history"} {
		if g.has(key) {
			if o.Options == nil {
				o.Options = map[string]string{}
			}
			o.Options[key] = g.take(key)
		}
	}
	if g.has("properties.group.id") && g.has("group.id.prefix") {
		return sqlerr.New(sqlerr.InvalidParameterValue, "properties.group.id and group.id.prefix contradict each other").At(g.at["group.id.prefix"].Pos)
	}
	if g.values["dead_letter_topic"] != "" && g.values["on_error"] == "stop" {
		return sqlerr.New(sqlerr.InvalidParameterValue, "dead_letter_topic has no effect with on_error = 'stop'").At(g.at["dead_letter_topic"].Pos)
	}
	for key := range g.values {
		o.Connector.Options[key] = g.values[key]
	}
	return nil
}
