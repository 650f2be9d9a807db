package parser

import (
	"strconv"
	"strings"

	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/sqlerr"
)

// Materialize's spelling of sources and sinks: what it says is put into the nodes
// of the canonical one, so that nothing behind the parser knows of it.

// notHere is the error for what the spelling can say and Tarn cannot do.
func (p *parser) notHere(pos int, what, hint string) {
	err := sqlerr.New(sqlerr.FeatureNotSupported, "%s is not supported", what).At(pos)
	if hint != "" {
		err = err.WithHint("%s", hint)
	}
	p.fail(err)
}

// partFormat is what Materialize says of the key or the value.
type partFormat struct {
	pos     int
	encode  string
	options []ast.Option
	// columns that the part is without any being declared; nil: those of the schema.
	columns []*ast.ColumnDef
}

// inCluster parses IN CLUSTER c; there is only the one named default.
func (p *parser) inCluster() {
	if !p.accept("in", "cluster") {
		return
	}
	pos := p.pos()
	if p.label() != "default" {
		p.notHere(pos, "a cluster other than default", "Leave IN CLUSTER out.")
	}
}

// fromOutside parses what follows the columns of CREATE SOURCE … FROM KAFKA
// CONNECTION.
func (p *parser) fromOutside(s *ast.CreateTable) {
	p.inCluster()
	pos := p.pos()
	p.expect("from")
	if !p.isWords("kafka", "connection") {
		p.notHere(pos, "CREATE "+s.Kind+" FROM "+p.upperWord(), "FROM KAFKA CONNECTION k (TOPIC '…') is; a table is made with CREATE TABLE … WITH (connection = k, topic = '…').")
	}
	s.Options = append(s.Options, p.topicOf()...)
	var key, value *partFormat
	envelope, envelopePos := "PLAIN", 0
	for more := true; more; {
		switch t := p.at(); {
		case t.word("format"):
			p.i++
			value = p.partFormat()
		case p.accept("key", "format"):
			key = p.partFormat()
			p.expect("value", "format")
			value = p.partFormat()
		case t.word("include"):
			s.Include = append(s.Include, p.includes()...)
		case t.word("envelope"):
			envelopePos = p.pos()
			p.i++
			envelope = p.envelope()
		case p.isWords("expose", "progress"):
			p.notHere(p.pos(), "EXPOSE PROGRESS", "sys.sources and sys.lag say how far a source is.")
		case t.word("with") && p.ahead(1).op("("):
			s.Options = p.withOptions(s.Options)
		default:
			more = false
		}
	}
	if value == nil {
		p.errorAt(pos, "a source FROM KAFKA CONNECTION needs FORMAT")
	}
	p.settle(s, key, value, envelope, envelopePos)
}

// settle puts the formats into the source: what is one value becomes one column.
func (p *parser) settle(s *ast.CreateTable, key, value *partFormat, envelope string, envelopePos int) {
	if key == nil && envelope == "UPSERT" {
		if value.columns != nil {
			p.errorAt(envelopePos, "ENVELOPE UPSERT needs KEY FORMAT … VALUE FORMAT …")
		}
		key = &partFormat{pos: value.pos, encode: value.encode}
	}
	s.Format = &ast.Format{Pos: value.pos, Name: envelope, Encode: value.encode}
	declared := len(s.Columns) > 0
	names := s.Names
	s.Names = nil
	if declared || envelope == "DEBEZIUM" {
		value.columns, value.options = nil, named(value.options)
	} else if n := len(value.columns); n > 0 {
		if len(names) > n || len(names) > 0 && len(names) < n {
			p.errorAt(names[0].Pos, "%d columns are named, and the format has %d", len(names), n)
		}
		for i, name := range names {
			value.columns[i].Pos, value.columns[i].Name = name.Pos, name.Name
		}
	} else if len(names) > 0 {
		p.notHere(names[0].Pos, "a list of names for the columns of a schema", "Leave it out, and name columns in a view; or declare them with their types.")
	}
	s.Format.Options = value.options
	if key != nil {
		s.Format.Key = key.encode
		for _, o := range key.options {
			if declared {
				break
			}
			if !strings.HasPrefix(o.Name, "schema.registry") { // there is one for both
				o.Name = "key." + o.Name
			}
			if !hasOption(s.Format.Options, o.Name) {
				s.Format.Options = append(s.Format.Options, o)
			}
		}
		if !declared {
			p.keyColumn(s, key, envelope)
		}
	}
	s.Columns = append(s.Columns, value.columns...)
	s.HasColumns = len(s.Columns) > 0 || s.HasColumns
}

// keyColumn makes a key that is one value the first column.
func (p *parser) keyColumn(s *ast.CreateTable, key *partFormat, envelope string) {
	name, at := "key", -1
	for i, n := range s.Include {
		if n.What == "KEY" {
			if at = i; n.Alias != "" {
				name = n.Alias
			}
		}
	}
	one := len(key.columns) == 1
	switch {
	case at >= 0 && envelope == "UPSERT" && !one && s.Include[at].Alias != "":
		p.notHere(s.Include[at].Pos, "INCLUDE KEY AS of a key with fields of its own", "Its fields are columns without it.")
	case !one && envelope == "UPSERT":
	case at < 0 && envelope != "UPSERT", !one:
		return
	}
	if at >= 0 {
		s.Include = append(s.Include[:at:at], s.Include[at+1:]...)
	}
	if !one {
		return
	}
	c := key.columns[0]
	c.Name = name
	c.Constraints = []*ast.Constraint{{Pos: c.Pos, Kind: ast.ConstraintKey}}
	s.Columns = append(s.Columns, c)
	if envelope == "UPSERT" && len(s.Constraints) == 0 {
		s.Constraints = append(s.Constraints, &ast.Constraint{Pos: c.Pos, Kind: ast.ConstraintPrimary, Columns: []ast.Ident{{Pos: c.Pos, Name: name}}})
	}
}

// named are the options of a format whose columns are fields.
func named(list []ast.Option) []ast.Option {
	var out []ast.Option
	for _, o := range list {
		if o.Name != "wrap_single_value" {
			out = append(out, o)
		}
	}
	return out
}

func hasOption(list []ast.Option, name string) bool {
	for _, o := range list {
		if o.Name == name {
			return true
		}
	}
	return false
}

// topicOf parses KAFKA CONNECTION k (TOPIC 't', …).
func (p *parser) topicOf() []ast.Option {
	p.expect("kafka", "connection")
	n := p.name()
	out := []ast.Option{word("connector", n.Pos, &ast.String{Pos: n.Pos, Value: "kafka"}), word("connection", n.Pos, &ast.ColumnRef{Pos: n.Pos, Parts: n.Parts})}
	for _, o := range p.options() {
		if strings.EqualFold(o.Name, "start offset") {
			o.Name, o.Value = "scan.startup.specific-offsets", offsets(o)
		}
		out = append(out, o)
	}
	return out
}

func word(name string, pos int, value ast.Expr) ast.Option {
	return ast.Option{Pos: pos, Name: name, Value: value, ValuePos: pos}
}

// offsets makes a list, an offset for each partition, into partition:offset pairs.
// What is none is left for the one who reads the option.
func offsets(o ast.Option) ast.Expr {
	items := []ast.Expr{o.Value}
	switch v := o.Value.(type) {
	case *ast.Row:
		items = v.Fields
	case *ast.Array:
		items = v.Elems
	}
	var pairs []string
	for i, x := range items {
		n, ok := x.(*ast.Number)
		if !ok {
			return o.Value
		}
		pairs = append(pairs, strconv.Itoa(i)+":"+n.Text)
	}
	return &ast.String{Pos: o.ValuePos, Value: strings.Join(pairs, ",")}
}

// includes parses INCLUDE what [AS a], what [AS b], ….
func (p *parser) includes() []ast.Include {
	p.expect("include")
	return list(p, func() ast.Include {
		n := p.includePart()
		if n.What == "HEADER" && n.Type == nil {
			name := "text"
			if p.accept("bytes") {
				name = "bytea"
			}
			n.Type = simpleType(n.Pos, name)
		}
		return n
	})
}

func simpleType(pos int, name string) *ast.TypeName {
	return &ast.TypeName{Pos: pos, Name: ast.Name{Pos: pos, Parts: []string{name}}}
}

// envelope parses what follows ENVELOPE.
func (p *parser) envelope() string {
	pos := p.pos()
	switch w := p.upperWord(); w {
	case "NONE":
		return "PLAIN"
	case "UPSERT":
		if p.isOp("(") {
			p.notHere(p.pos(), "an option of ENVELOPE UPSERT", "on_error says what becomes of a record that cannot be read: dead_letter, null or stop.")
		}
		return w
	case "DEBEZIUM":
		return w
	default:
		p.notHere(pos, "ENVELOPE "+w, "There are ENVELOPE NONE, UPSERT and DEBEZIUM.")
		return ""
	}
}

// partFormat parses what follows FORMAT, KEY FORMAT or VALUE FORMAT.
func (p *parser) partFormat() *partFormat {
	f := &partFormat{pos: p.pos()}
	one := func(name, typ string) {
		f.columns = []*ast.ColumnDef{{Pos: f.pos, Name: name, Type: simpleType(f.pos, typ)}}
	}
	switch f.encode = p.upperWord(); f.encode {
	case "JSON":
		if p.isWord("array") {
			p.notHere(f.pos, "FORMAT JSON ARRAY", "FORMAT JSON gives the array, and jsonb_array_elements its elements in a view.")
		}
		one("data", "jsonb")
		f.options = []ast.Option{word("wrap_single_value", f.pos, &ast.String{Pos: f.pos, Value: "false"})}
	case "TEXT":
		one("text", "text")
	case "BYTES":
		one("data", "bytea")
	case "AVRO", "PROTOBUF":
		p.schemaOf(f)
	case "CSV":
		p.csvOf(f)
	default:
		p.notHere(f.pos, "FORMAT "+f.encode, "There are FORMAT JSON, AVRO, PROTOBUF, CSV, TEXT and BYTES.")
	}
	return f
}

// schemaOf parses where the schema of Avro and Protobuf is.
func (p *parser) schemaOf(f *partFormat) {
	add := func(name string, value ast.Expr) {
		f.options = append(f.options, word(name, value.Position(), value))
	}
	text := func() ast.Expr { return &ast.String{Pos: p.pos(), Value: p.stringLit()} }
	if p.accept("message") {
		add("message", text())
	}
	p.expect("using")
	if p.accept("schema") {
		add("schema", text())
		if p.isOp("(") {
			p.notHere(p.pos(), "an option of USING SCHEMA", "Records without the registry's head are read so: FORMAT PLAIN ENCODE "+f.encode+" (schema = '…', wire.format = 'plain').")
		}
		return
	}
	p.expect("confluent", "schema", "registry")
	if p.accept("connection") {
		n := p.name()
		add("schema.registry.connection", &ast.ColumnRef{Pos: n.Pos, Parts: n.Parts})
	} else {
		add("schema.registry", text())
	}
	if t := p.at(); t.op("(") || t.oneOf("seed", "with") && !p.ahead(1).op("(") || t.oneOf("key", "value") && p.ahead(1).word("strategy") {
		p.notHere(p.pos(), "an option of the schema registry's", "The newest schema of the subject is read, and each record names its own; FORMAT PLAIN ENCODE "+f.encode+" (schema.id = n) names one.")
	}
}

// csvOf parses WITH n COLUMNS [DELIMITED BY c].
func (p *parser) csvOf(f *partFormat) {
	pos := p.pos()
	p.expect("with")
	if p.isWord("header") {
		p.notHere(pos, "CSV WITH HEADER in a topic", "FORMAT PLAIN ENCODE CSV (without_header = 'false') takes the first line of each record for names.")
	}
	n := p.integer()
	p.expectAny("column", "columns")
	if n < 1 || n > 1600 {
		p.errorAt(pos, "CSV has from 1 to 1600 columns, not %d", n)
	}
	for i := range n {
		f.columns = append(f.columns, &ast.ColumnDef{Pos: f.pos, Name: "column" + strconv.Itoa(i+1), Type: simpleType(f.pos, "text")})
	}
	if p.accept("delimited", "by") {
		f.options = append(f.options, word("delimiter", p.pos(), &ast.String{Pos: p.pos(), Value: p.stringLit()}))
	}
}

// intoKafka parses what follows INTO in CREATE SINK … FROM v INTO KAFKA CONNECTION.
func (p *parser) intoKafka(s *ast.CreateSink) {
	pos := p.pos()
	s.Options = append(s.Options, p.topicOf()...)
	var key, value *partFormat
	envelope := ""
	for more := true; more; {
		switch t := p.at(); {
		case t.word("key") && p.ahead(1).op("("):
			at := p.pos()
			p.i++
			var names []string
			for _, c := range p.identList() {
				names = append(names, c.Name)
			}
			p.accept("not", "enforced")
			s.Options = append(s.Options, word("primary_key", at, &ast.String{Pos: at, Value: strings.Join(names, ", ")}))
		case t.word("headers"):
			p.notHere(p.pos(), "HEADERS of a sink", "")
		case t.word("format"):
			p.i++
			value = p.partFormat()
		case p.accept("key", "format"):
			key = p.partFormat()
			p.expect("value", "format")
			value = p.partFormat()
		case p.accept("envelope"):
			envelope = p.envelope()
		case t.word("with") && p.ahead(1).op("("):
			s.Options = p.withOptions(s.Options)
		default:
			more = false
		}
	}
	switch {
	case value == nil:
		p.errorAt(pos, "a sink INTO KAFKA CONNECTION needs FORMAT")
	case envelope == "":
		p.errorAt(pos, "a sink INTO KAFKA CONNECTION needs ENVELOPE")
	}
	s.Format = &ast.Format{Pos: value.pos, Name: envelope, Encode: value.encode, Options: named(value.options)}
	if key != nil {
		s.Format.Key = key.encode
	}
}
