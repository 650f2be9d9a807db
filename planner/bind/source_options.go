package bind

import (
	"slices"
	"strconv"
	"strings"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/sqlerr"
)

// keyword is an option of a source, sink or connection: its canonical spelling is
// its key in a table of them.
type keyword struct {
	option
	// also are other dialects' spellings of the same.
	also []string
	// secret: the value may be SECRET name.
	secret bool
	// upper: the canonical spelling of its words is upper case.
	upper bool
}

// clusterKeywords say how to reach a cluster and its registry.
var clusterKeywords = map[string]keyword{
	"properties.bootstrap.server": {option: option{kind: 't'}, also: []string{"properties.bootstrap.servers", "bootstrap.servers", "broker", "brokers", "kafka_brokers"}},
	"properties.security.protocol": {option: option{kind: 'e', words: []string{"plaintext", "ssl", "sasl_plaintext", "sasl_ssl"}}, upper: true,
		also: []string{"security.protocol", "security protocol"}},
	"properties.sasl.mechanism": {option: option{kind: 'e', words: []string{"plain", "scram-sha-256", "scram-sha-512", "oauthbearer"}}, upper: true,
		also: []string{"properties.sasl.mechanisms", "sasl.mechanism", "sasl mechanism", "sasl mechanisms"}},
	"properties.sasl.username":          {option: option{kind: 't'}, secret: true, also: []string{"sasl.username", "sasl username"}},
	"properties.sasl.password":          {option: option{kind: 't'}, secret: true, also: []string{"sasl.password", "sasl password"}},
	"properties.sasl.oauthbearer.token": {option: option{kind: 't'}, secret: true, also: []string{"sasl token"}},
	"properties.ssl.ca.location":        {option: option{kind: 't'}, also: []string{"ssl.ca.location"}},
	"properties.ssl.ca.pem":             {option: option{kind: 't'}, secret: true, also: []string{"ssl certificate authority", "tls ca"}},
	"properties.ssl.certificate.location": {option: option{kind: 't'},
		also: []string{"ssl.certificate.location"}},
	"properties.ssl.certificate.pem":                   {option: option{kind: 't'}, secret: true, also: []string{"ssl certificate", "tls certificate"}},
	"properties.ssl.key.location":                      {option: option{kind: 't'}, also: []string{"ssl.key.location"}},
	"properties.ssl.key.pem":                           {option: option{kind: 't'}, secret: true, also: []string{"ssl key", "tls key"}},
	"properties.ssl.endpoint.identification.algorithm": {option: option{kind: 'e', words: []string{"https", "none"}}},
	"properties.client.id":                             {option: option{kind: 't'}, also: []string{"client.id", "client id"}},
	"schema.registry":                                  {option: option{kind: 't'}, also: []string{"schema.registry.url", "schema registry"}},
	"schema.registry.connection":                       {option: option{kind: 't'}},
	"schema.registry.username":                         {option: option{kind: 't'}, secret: true},
	"schema.registry.password":                         {option: option{kind: 't'}, secret: true},
}

// topicKeywords are what sources and sinks have beside those of the cluster.
var topicKeywords = map[string]keyword{
	"connector":  {option: option{kind: 'e', words: []string{"kafka", "upsert-kafka"}}},
	"connection": {option: option{kind: 't'}},
	"topic":      {option: option{kind: 't'}, also: []string{"kafka_topic", "properties.topic"}},
	"partitions": {option: option{kind: 'i'}, also: []string{"topic partition count"}},
	"replicas":   {option: option{kind: 'i'}, also: []string{"topic replication factor", "replication_factor", "properties.replication.factor"}},
	// ksqlDB names formats here.
	"format":                 {option: option{kind: 't'}},
	"value_format":           {option: option{kind: 't'}, also: []string{"value.format"}},
	"key_format":             {option: option{kind: 't'}, also: []string{"key.format"}},
	"value_delimiter":        {option: option{kind: 't'}},
	"key_delimiter":          {option: option{kind: 't'}},
	"wrap_single_value":      {option: option{kind: 'b'}},
	"value_schema_id":        {option: option{kind: 'i'}},
	"key_schema_id":          {option: option{kind: 'i'}},
	"value_schema_full_name": {option: option{kind: 't'}, also: []string{"value_avro_schema_full_name"}},
	"key_schema_full_name":   {option: option{kind: 't'}},
	"retention_ms":           {option: option{kind: 'i'}},
}

var sourceKeywords = map[string]keyword{
	"scan.startup.mode": {option: option{kind: 'e', words: []string{"earliest", "latest", "timestamp", "specific-offsets", "earliest-offset", "latest-offset", "offsets"}},
		also: []string{"start"}},
	"scan.startup.timestamp.millis": {option: option{kind: 'n'}, also: []string{"scan.startup.timestamp-millis", "start timestamp"}},
	"scan.startup.specific-offsets": {option: option{kind: 't'}, also: []string{"scan.startup.specific.offsets", "scan.startup.offsets"}},
	"history":                       {option: option{kind: 'e', words: []string{"local", "topic"}}},
	"on_error":                      {option: option{kind: 'e', words: []string{"dead_letter", "stop", "null"}}},
	"properties.group.id":           {option: option{kind: 't'}, also: []string{"group.id"}},
	"group.id.prefix":               {option: option{kind: 't'}, also: []string{"group id prefix"}},
	"on_gap":                        {option: option{kind: 'e', words: []string{"stop", "continue"}}},
	"schema_changes":                {option: option{kind: 'e', words: []string{"apply", "ignore", "stop"}}},
	"schema_changes.topic":          {option: option{kind: 't'}},
	"dead_letter_topic":             {option: option{kind: 't'}},
	"rate_limit":                    {option: option{kind: 'i'}, also: []string{"source_rate_limit"}},
	"retention":                     {option: option{kind: 'd'}},
	"retain_history":                {option: option{kind: 'd'}, also: []string{"retain history for", "retain history"}},
	"timestamp":                     {option: option{kind: 't'}},
	"timestamp_format":              {option: option{kind: 't'}},
	"window_type":                   {option: option{kind: 't'}},
	"window_size":                   {option: option{kind: 't'}},
}

var sinkKeywords = map[string]keyword{
	"primary_key":                 {option: option{kind: 't'}},
	"commit_interval":             {option: option{kind: 'd'}},
	"force_append_only":           {option: option{kind: 'b'}},
	"compaction":                  {option: option{kind: 'b'}},
	"cleanup.policy":              {option: option{kind: 'e', words: []string{"delete", "compact", "compact,delete", "delete,compact"}}, also: []string{"cleanup_policy"}},
	"type":                        {option: option{kind: 'e', words: []string{"append-only", "upsert", "debezium"}}},
	"properties.max.request.size": {option: option{kind: 'i'}, also: []string{"max.request.size"}},
	"properties.compression.type": {option: option{kind: 'e', words: []string{"none", "gzip", "snappy", "lz4", "zstd"}},
		also: []string{"properties.compression.codec", "compression.type", "compression_type", "compression type"}},
	"properties.acks":               {option: option{kind: 'e', words: []string{"all", "-1"}}, also: []string{"acks"}},
	"properties.enable.idempotence": {option: option{kind: 'e', words: []string{"true"}}},
	"snapshot":                      {option: option{kind: 'b'}},
	"max_lag":                       {option: option{kind: 'd'}},
	"on_backlog":                    {option: option{kind: 'e', words: []string{"stop", "hold"}}},
}

// AlterableSource and AlterableSink are the options that ALTER … SET may change.
var (
	alterableSource = []string{"on_error", "on_gap", "schema_changes", "dead_letter_topic", "rate_limit"}
	alterableSink   = []string{"commit_interval", "on_backlog", "max_lag", "properties.max.request.size"}
)

// given are the options of one statement under their canonical names.
type given struct {
	values  map[string]string
	secrets map[string]uint64
	at      map[string]ast.Option
}

func (g *given) has(key string) bool { _, ok := g.values[key]; return ok }

// take removes an option and returns its value, "" if it was not given.
func (g *given) take(key string) string {
	v := g.values[key]
	delete(g.values, key)
	return v
}

// pos is where the value of an option stands.
func (g *given) pos(key string) int { return g.at[key].ValuePos }

// keywords reads options against tables of known ones.
func (b *binder) keywords(list []ast.Option, tables ...map[string]keyword) (*given, error) {
	g := &given{values: map[string]string{}, secrets: map[string]uint64{}, at: map[string]ast.Option{}}
	for _, o := range list {
		if err := b.keyword(g, o, tables); err != nil {
			return nil, err
		}
	}
	return g, nil
}

func (b *binder) keyword(g *given, o ast.Option, tables []map[string]keyword) error {
	name, k, ok := findKeyword(strings.ToLower(o.Name), tables)
	if !ok {
		return unknownOption(o, tables)
	}
	if _, dup := g.at[name]; dup {
		return sqlerr.New(sqlerr.SyntaxError, "parameter \"%s\" specified more than once", name).At(o.Pos)
	}
	g.at[name] = o
	if f, ok := o.Value.(*ast.Func); ok && f.Name.Base() == "secret" && len(f.Args) == 1 {
		return b.secretValue(g, name, k, f)
	}
	text, err := optionValue(o, name, k.option)
	if err != nil {
		return err
	}
	if k.upper {
		text = strings.ToUpper(text)
	}
	g.values[name] = text
	return nil
}

// secretValue is SECRET name as a value; the statement then depends on the secret.
func (b *binder) secretValue(g *given, name string, k keyword, f *ast.Func) error {
	if !k.secret {
		return sqlerr.New(sqlerr.InvalidParameterValue, "parameter \"%s\" cannot be a secret", name).At(f.Pos)
	}
	ref, ok := f.Args[0].Value.(*ast.ColumnRef)
	if !ok {
		return sqlerr.New(sqlerr.SyntaxError, "SECRET needs a name").At(f.Pos)
	}
	o, err := b.ofKind(catalog.Secret, ast.Name{Pos: ref.Pos, Parts: ref.Parts})
	if err != nil {
		return err
	}
	b.dependOn(o.ID)
	g.secrets[name] = o.ID
	return nil
}

// ofKind finds a connection or a secret.
func (b *binder) ofKind(k catalog.Kind, n ast.Name) (*catalog.Object, error) {
	if o := b.cat.FindKind(k, n.Schema(), n.Base(), b.path); o != nil {
		return o, nil
	}
	err := sqlerr.New(sqlerr.UndefinedObject, "%s \"%s\" does not exist", k, quoted(n.Parts)).At(n.Pos)
	var names []string
	for _, o := range b.cat.Objects() {
		if o.Kind == k {
			names = append(names, o.Name)
		}
	}
	if best := nearest(n.Base(), names); best != "" {
		return nil, err.WithHint("Perhaps you meant \"%s\".", best)
	}
	return nil, err.WithHint("Make it with CREATE %s.", strings.ToUpper(k.String()))
}

func findKeyword(name string, tables []map[string]keyword) (string, keyword, bool) {
	for _, t := range tables {
		if k, ok := t[name]; ok {
			return name, k, true
		}
		for canonical, k := range t {
			if slices.Contains(k.also, name) {
				return canonical, k, true
			}
		}
	}
	return "", keyword{}, false
}

func unknownOption(o ast.Option, tables []map[string]keyword) error {
	var keys, all []string
	for _, t := range tables {
		for key, k := range t {
			keys = append(keys, key)
			all = append(append(all, key), k.also...)
		}
	}
	slices.Sort(keys)
	slices.Sort(all)
	if err := foreign(o); err != nil {
		return err
	}
	err := sqlerr.New(sqlerr.InvalidParameterValue, "unrecognized parameter \"%s\"", o.Name).At(o.Pos)
	if best := nearest(strings.ToLower(o.Name), all); best != "" {
		return err.WithHint("Perhaps you meant \"%s\".", best)
	}
	return err.WithHint("Known here: %s.", strings.Join(keys, ", "))
}

// connector makes what the options say of cluster and topic into a Connector.
func (b *binder) connector(g *given, pos int) (*catalog.Connector, error) {
	c := &catalog.Connector{Type: "kafka", Secrets: g.secrets, Options: map[string]string{}}
	g.take("connector")
	if name := g.take("connection"); name != "" {
		o, err := b.ofKind(catalog.Connection, ast.Name{Pos: g.pos("connection"), Parts: strings.Split(name, ".")})
		if err != nil {
			return nil, err
		}
		if o.Connector.Type != "kafka" {
			return nil, sqlerr.New(sqlerr.WrongObjectType, "connection \"%s\" is to a schema registry, not to Kafka", o.Name).At(g.pos("connection"))
		}
		c.Connection = o.ID
		b.dependOn(o.ID)
	}
	c.Topic = g.take("topic")
	for key := range clusterKeywords {
		if g.has(key) {
			c.Options[key] = g.take(key)
		}
	}
	switch brokers := c.Options["properties.bootstrap.server"]; {
	case brokers != "" || c.Connection != 0:
	case b.opt.DefaultCluster:
		c.Default = true
	default:
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "no Kafka cluster is named and there is no default one").At(pos).
			WithHint("Give properties.bootstrap.server or connection, or start the server with --kafka BROKERS.")
	}
	if len(c.Secrets) == 0 {
		c.Secrets = nil
	}
	return c, saslComplete(c, g, pos)
}

// registryConnection resolves the connection that a connector's registry is reached
// by, if one is named.
func (b *binder) registryConnection(c *catalog.Connector, pos int) error {
	name := c.Options["schema.registry.connection"]
	delete(c.Options, "schema.registry.connection")
	if name == "" {
		return nil
	}
	o, err := b.ofKind(catalog.Connection, ast.Name{Pos: pos, Parts: strings.Split(name, ".")})
	switch {
	case err != nil:
		return err
	case o.Connector.Type != catalog.SchemaRegistry:
		return sqlerr.New(sqlerr.WrongObjectType, "connection \"%s\" is not to a schema registry", o.Name).At(pos).
			WithHint("CREATE CONNECTION r TO CONFLUENT SCHEMA REGISTRY (URL 'http://…').")
	case c.Options["schema.registry"] != "":
		return sqlerr.New(sqlerr.InvalidParameterValue, "schema.registry and schema.registry.connection exclude each other").At(pos)
	}
	c.Registry = o.ID
	b.dependOn(o.ID)
	return nil
}

// saslComplete refuses credentials that nothing would use.
func saslComplete(c *catalog.Connector, g *given, pos int) error {
	protocol := c.Options["properties.security.protocol"]
	has := func(key string) bool { return c.Options[key] != "" || c.Secrets[key] != 0 }
	user, password := has("properties.sasl.username"), has("properties.sasl.password")
	switch {
	case c.Connection != 0:
	case user != password:
		return sqlerr.New(sqlerr.InvalidParameterValue, "properties.sasl.username and properties.sasl.password go together").At(pos)
	case strings.HasPrefix(protocol, "SASL") && !has("properties.sasl.mechanism"):
		return sqlerr.New(sqlerr.InvalidParameterValue, "security protocol %s needs properties.sasl.mechanism", protocol).At(g.pos("properties.security.protocol"))
	case has("properties.sasl.mechanism") && protocol != "" && !strings.HasPrefix(protocol, "SASL"):
		return sqlerr.New(sqlerr.InvalidParameterValue, "properties.sasl.mechanism has no effect with security protocol %s", protocol).At(g.pos("properties.sasl.mechanism"))
	}
	return nil
}

// startup checks the options that say where to begin.
func startup(g *given, into map[string]string) error {
	const mode, millis, offsets = "scan.startup.mode", "scan.startup.timestamp.millis", "scan.startup.specific-offsets"
	m := map[string]string{"earliest-offset": "earliest", "latest-offset": "latest", "offsets": "specific-offsets"}[g.values[mode]]
	if m == "" {
		m = g.values[mode]
	}
	if g.has(millis) && m == "" {
		m = "timestamp"
	}
	if g.has(offsets) && m == "" {
		m = "specific-offsets"
	}
	switch {
	case m == "timestamp" && !g.has(millis):
		return sqlerr.New(sqlerr.InvalidParameterValue, "%s = 'timestamp' needs %s", mode, millis).At(g.pos(mode))
	case m != "timestamp" && g.has(millis):
		return sqlerr.New(sqlerr.InvalidParameterValue, "%s has no effect with %s = '%s'", millis, mode, m).At(g.at[millis].Pos)
	case m == "specific-offsets" && !g.has(offsets):
		return sqlerr.New(sqlerr.InvalidParameterValue, "%s = 'specific-offsets' needs %s", mode, offsets).At(g.pos(mode))
	case m != "specific-offsets" && g.has(offsets):
		return sqlerr.New(sqlerr.InvalidParameterValue, "%s has no effect with %s = '%s'", offsets, mode, m).At(g.at[offsets].Pos)
	}
	if m != "" {
		into[mode] = m
	}
	if g.has(millis) {
		into[millis] = g.values[millis]
	}
	if g.has(offsets) {
		list, err := ParseOffsets(g.values[offsets])
		if err != nil {
			return sqlerr.New(sqlerr.InvalidParameterValue, "invalid value for parameter \"%s\": \"%s\"", offsets, g.values[offsets]).At(g.pos(offsets)).
				WithHint("Write partition:offset pairs, such as '0:42,1:300'.")
		}
		into[offsets] = formatOffsets(list)
	}
	for _, key := range []string{mode, millis, offsets} {
		g.take(key)
	}
	return nil
}

// ParseOffsets reads '0:42,1:300', or Flink's 'partition:0,offset:42;…'.
func ParseOffsets(text string) (map[int32]int64, error) {
	out := map[int32]int64{}
	sep := ","
	if strings.Contains(text, "partition:") {
		sep = ";"
		text = strings.NewReplacer("partition:", "", ",offset", "").Replace(strings.ReplaceAll(text, " ", ""))
	}
	for _, pair := range strings.Split(text, sep) {
		p, o, _ := strings.Cut(strings.TrimSpace(pair), ":")
		partition, err := strconv.ParseInt(strings.TrimSpace(p), 10, 32)
		if err != nil {
			return nil, err
		}
		offset, err := strconv.ParseInt(strings.TrimSpace(o), 10, 64)
		if err != nil {
			return nil, err
		}
		if partition < 0 || offset < 0 {
			return nil, strconv.ErrRange
		}
		out[int32(partition)] = offset
	}
	return out, nil
}

func formatOffsets(m map[int32]int64) string {
	var ps []int
	for p := range m {
		ps = append(ps, int(p))
	}
	slices.Sort(ps)
	out := make([]string, len(ps))
	for i, p := range ps {
		out[i] = strconv.Itoa(p) + ":" + strconv.FormatInt(m[int32(p)], 10)
	}
	return strings.Join(out, ",")
}
