package bind

import (
	"maps"
	"slices"
	"strings"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/sqlerr"
)

// ConnectionDef binds CREATE CONNECTION.
func ConnectionDef(q *ast.CreateConnection, opt Options) (*catalog.Object, error) {
	b := newBinder(opt)
	o := &catalog.Object{Name: q.Name.Base(), Kind: catalog.Connection}
	var err error
	if o.Schema, err = b.creationSchema(q.Name); err != nil {
		return nil, err
	}
	if q.Target != "" && q.Target != "KAFKA" && q.Target != "CONFLUENT SCHEMA REGISTRY" {
		return nil, unsupported(q.Pos, "CREATE CONNECTION TO %s", q.Target).WithHint("TO KAFKA and TO CONFLUENT SCHEMA REGISTRY are.")
	}
	if q.As != nil {
		return nil, sqlerr.New(sqlerr.SyntaxError, "a connection has no value").At(q.As.Position())
	}
	kind := map[string]keyword{"type": {option: option{kind: 'e', words: []string{"kafka", catalog.SchemaRegistry}}, also: []string{"connector"}}}
	if q.Target == "CONFLUENT SCHEMA REGISTRY" || slices.ContainsFunc(q.Options, ofRegistry) {
		if o.Connector, err = b.registryOf(q, kind); err != nil {
			return nil, err
		}
		o.DependsOn = b.dependencies()
		return o, nil
	}
	g, err := b.keywords(q.Options, clusterKeywords, kind)
	if err != nil {
		return nil, err
	}
	if q.Target == "" && !g.has("type") {
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "the type of the connection is missing").At(q.Pos).WithHint("WITH (type = 'kafka', …), or TO KAFKA (…).")
	}
	g.take("type")
	if g.values["properties.bootstrap.server"] == "" {
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "a connection needs its brokers").At(q.Pos).WithHint("CREATE CONNECTION k TO KAFKA (BROKER 'host:9092').")
	}
	if o.Connector, err = b.connector(g, q.Pos); err != nil {
		return nil, err
	}
	o.DependsOn = b.dependencies()
	return o, nil
}

// ofRegistry reports type = 'schema_registry'.
func ofRegistry(o ast.Option) bool {
	v, ok := o.Value.(*ast.String)
	return ok && strings.EqualFold(o.Name, "type") && strings.EqualFold(v.Value, catalog.SchemaRegistry)
}

// registryOf is what a connection to a schema registry says.
func (b *binder) registryOf(q *ast.CreateConnection, kind map[string]keyword) (*catalog.Connector, error) {
	known := map[string]keyword{
		"schema.registry":          {option: option{kind: 't'}, also: []string{"url", "schema.registry.url"}},
		"schema.registry.username": {option: option{kind: 't'}, secret: true, also: []string{"username"}},
		"schema.registry.password": {option: option{kind: 't'}, secret: true, also: []string{"password"}},
	}
	for _, o := range q.Options {
		if name := strings.ToLower(o.Name); strings.HasPrefix(name, "ssl ") || name == "port" {
			return nil, unsupported(o.Pos, "%s of a schema registry", strings.ToUpper(name)).
				WithHint("URL 'https://host:8081' is checked against the certificates that the system trusts; USERNAME and PASSWORD are the credentials.")
		}
	}
	g, err := b.keywords(q.Options, known, kind)
	if err != nil {
		return nil, err
	}
	g.take("type")
	if g.values["schema.registry"] == "" {
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "a connection to a schema registry needs its URL").At(q.Pos).
			WithHint("CREATE CONNECTION r TO CONFLUENT SCHEMA REGISTRY (URL 'http://host:8081').")
	}
	c := &catalog.Connector{Type: catalog.SchemaRegistry, Options: g.values}
	if len(g.secrets) > 0 {
		c.Secrets = g.secrets
	}
	return c, nil
}

// SecretDef binds CREATE SECRET; value is what is to be sealed.
func SecretDef(q *ast.CreateConnection, opt Options) (o *catalog.Object, value string, err error) {
	b := newBinder(opt)
	o = &catalog.Object{Name: q.Name.Base(), Kind: catalog.Secret}
	if o.Schema, err = b.creationSchema(q.Name); err != nil {
		return nil, "", err
	}
	for _, opt := range q.Options { // RisingWave's backend = 'meta' is what is done here
		if v, _ := opt.Value.(*ast.String); !strings.EqualFold(opt.Name, "backend") || v == nil || v.Value != "meta" {
			return nil, "", sqlerr.New(sqlerr.InvalidParameterValue, "unrecognized parameter \"%s\"", opt.Name).At(opt.Pos).
				WithHint("CREATE SECRET name AS 'value'.")
		}
	}
	s, ok := q.As.(*ast.String)
	if !ok {
		pos := q.Pos
		if q.As != nil {
			pos = q.As.Position()
		}
		return nil, "", sqlerr.New(sqlerr.SyntaxError, "a secret is a string").At(pos).WithHint("CREATE SECRET name AS 'value'.")
	}
	return o, s.Value, nil
}

// AlterConnector binds ALTER SOURCE or SINK … SET (…): the object with its
// options changed. RESET takes an option away.
func AlterConnector(o *catalog.Object, list []ast.Option, reset bool, opt Options) (*catalog.Object, error) {
	b := newBinder(opt)
	known, may := []map[string]keyword{clusterKeywords, topicKeywords, sourceKeywords}, alterableSource
	if o.Kind == catalog.Sink {
		known, may = []map[string]keyword{clusterKeywords, topicKeywords, sinkKeywords}, alterableSink
	}
	out, c := *o, *o.Connector
	out.Connector = &c
	c.Options = maps.Clone(c.Options)
	if c.Options == nil {
		c.Options = map[string]string{}
	}
	if !reset {
		g, err := b.keywords(list, known...)
		if err != nil {
			return nil, err
		}
		for key, v := range g.values {
			c.Options[key] = v
		}
	}
	for _, x := range list {
		key, _, ok := findKeyword(strings.ToLower(x.Name), known)
		if !ok {
			return nil, unknownOption(x, known)
		}
		if !slices.Contains(may, key) {
			return nil, sqlerr.New(sqlerr.FeatureNotSupported, "\"%s\" cannot be changed", key).At(x.Pos).
				WithHint("Can be changed: %s. For others, DROP the %s and create it again.", strings.Join(may, ", "), o.Kind)
		}
		if reset {
			delete(c.Options, key)
		}
	}
	return &out, nil
}
