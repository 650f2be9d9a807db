package parser

import (
	"strings"

	"github.com/tarndb/tarn/sql/ast"
)

// createHead is what stands between CREATE and the kind of object.
type createHead struct {
	pos         int
	orReplace   bool
	persistence string
	source      bool
}

func (p *parser) create() ast.Statement {
	start := p.i
	h := createHead{pos: p.pos()}
	p.expect("create")
	h.orReplace = p.accept("or", "replace")
	h.persistence = p.persistence()
	if p.isWord("source") && p.ahead(1).oneOf("stream", "table") && !p.ahead(2).word("from") {
		h.source = true
		p.i++
	}
	switch t := p.at(); {
	case t.word("table"), t.word("stream"), t.word("source") && !p.ahead(1).word("connector"):
		return p.createTable(h)
	case t.word("view"), t.word("materialized"), t.word("recursive") && p.ahead(1).word("view"):
		return p.createView(h)
	case p.isWords("replacement", "materialized"):
		return p.createView(h)
	case t.word("index"), p.isWords("unique", "index"):
		return p.createIndex(h)
	case t.word("schema"):
		return p.createSchema(h)
	case t.word("sequence"):
		p.i++
		s := &ast.CreateSequence{Pos: h.pos, Persistence: h.persistence, IfNotExists: p.ifNotExists(), Name: p.name()}
		s.Options = p.sequenceOptions()
		return s
	case t.word("type"):
		return p.createType(h)
	case t.word("database"):
		p.i++
		s := &ast.CreateDatabase{Pos: h.pos, Name: p.colID()}
		p.accept("with")
		s.Options = p.wordOptions(true)
		return s
	case t.word("extension"):
		return p.createExtension(h)
	case t.oneOf("role", "user", "group") && !p.ahead(1).word("mapping"):
		return p.role(h.pos, false)
	case t.word("sink") && !p.ahead(1).word("connector"):
		return p.createSink(h)
	case t.oneOf("connection", "secret"):
		return p.createConnection(h)
	case t.word("subscription"), p.isWords("durable", "subscription"):
		return p.createSubscription(h, start)
	}
	p.i = start
	return p.createUnsupported()
}

// createUnsupported names the object in the tag: CREATE [OR REPLACE] kind.
func (p *parser) createUnsupported() ast.Statement {
	n := 2
	for p.ahead(n-1).oneOf("or", "replace", "temp", "temporary", "event", "foreign", "text", "user", "operator", "access", "default",
		"source", "sink", "trusted", "procedural") {
		n++
	}
	if !p.ahead(1).oneOf("or", "replace", "function", "procedure", "trigger", "event", "foreign", "server", "user", "publication", "rule",
		"policy", "aggregate", "operator", "cast", "collation", "conversion", "domain", "language", "trusted", "procedural",
		"statistics", "tablespace", "text", "transform", "access", "constraint", "cluster", "source", "sink", "temp", "temporary") {
		p.i++
		p.unexpected()
	}
	return p.unsupported(min(n, 4))
}

func (p *parser) createView(h createHead) ast.Statement {
	v := &ast.CreateView{Pos: h.pos, OrReplace: h.orReplace, Persistence: h.persistence}
	v.Replacement = p.accept("replacement")
	v.Recursive = p.accept("recursive")
	v.Materialized = p.accept("materialized")
	p.expect("view")
	v.IfNotExists = p.ifNotExists()
	v.Name = p.name()
	if v.Replacement {
		p.expect("for")
		v.For = p.name()
	}
	if p.isOp("(") {
		v.Columns = p.identList()
	}
	if p.accept("in", "cluster") {
		v.Cluster = p.colID()
	}
	if p.accept("using") {
		v.Using = p.colID()
	}
	v.Options = p.withOptions(v.Options)
	if p.accept("tablespace") {
		v.Tablespace = p.colID()
	}
	p.expect("as")
	if !p.startsQuery() {
		p.unexpected()
	}
	v.Query = p.query()
	for p.viewTail(v) {
	}
	return v
}

// viewTail parses one clause after the query of a view.
func (p *parser) viewTail(v *ast.CreateView) bool {
	switch {
	case p.accept("with", "data"):
	case p.accept("with", "no", "data"):
		v.NoData = true
	case p.accept("late", "data"):
		v.LateData = p.expectAny("drop", "revise", "to")
		if v.LateData == "TO" {
			v.LateTo = p.name()
		}
	case p.isWord("with") && p.ahead(1).op("("):
		v.Options = p.withOptions(v.Options)
	case p.accept("with", "check", "option"):
		v.Check = "CASCADED"
	case p.isWord("with") && p.ahead(1).oneOf("local", "cascaded"):
		p.i++
		v.Check = p.upperWord()
		p.expect("check", "option")
	default:
		return false
	}
	return true
}

// withOptions parses WITH (…) if it is there and appends to what is known.
func (p *parser) withOptions(known []ast.Option) []ast.Option {
	if p.isWord("with") && p.ahead(1).op("(") {
		p.i++
		known = append(known, p.options()...)
	}
	return known
}

func (p *parser) createIndex(h createHead) ast.Statement {
	s := &ast.CreateIndex{Pos: h.pos, Unique: p.accept("unique")}
	p.expect("index")
	s.Concurrently = p.accept("concurrently")
	s.IfNotExists = p.ifNotExists()
	if !p.isWord("on") {
		s.Name = p.colID()
	}
	p.expect("on")
	s.Only = p.accept("only")
	s.Table = p.name()
	if p.accept("using") {
		s.Method = p.colID()
	}
	s.Elems = parenList(p, p.indexElem)
	if p.accept("include") {
		s.Include = p.identList()
	}
	s.NullsDistinct = p.nullsDistinct()
	s.Options = p.withOptions(nil)
	if p.accept("tablespace") {
		s.Tablespace = p.colID()
	}
	if p.accept("where") {
		s.Where = p.expr()
	}
	return s
}

func (p *parser) nullsDistinct() string {
	switch {
	case p.accept("nulls", "not", "distinct"):
		return "NOT DISTINCT"
	case p.accept("nulls", "distinct"):
		return "DISTINCT"
	}
	return ""
}

// indexElem parses a column, a call or (expr) with collation, operator class
// and order.
func (p *parser) indexElem() ast.IndexElem {
	e := ast.IndexElem{Pos: p.pos()}
	switch {
	case p.isOp("("):
		p.i++
		e.X = p.expr()
		p.expectOp(")")
	case p.at().isColID() && !p.ahead(1).op("(") && !p.ahead(1).op("."):
		e.X = &ast.ColumnRef{Pos: e.Pos, Parts: []string{p.advance().text}}
	default:
		e.X = p.primary()
	}
	if p.accept("collate") {
		e.Collate = p.anyName()
	}
	if p.at().isColID() && !p.isWord("nulls") {
		e.OpClass = p.name()
		if p.isOp("(") {
			e.OpOptions = p.options()
		}
	}
	if e.Asc = p.accept("asc"); !e.Asc {
		e.Desc = p.accept("desc")
	}
	e.NullsFirst, e.NullsLast = p.nullsOrder()
	return e
}

func (p *parser) createSchema(h createHead) ast.Statement {
	s := &ast.CreateSchema{Pos: h.pos}
	p.expect("schema")
	s.IfNotExists = p.ifNotExists()
	if !p.isWord("authorization") {
		s.Name = p.colID()
	}
	if p.accept("authorization") {
		s.Authorization = p.roleName()
	}
	return s
}

func (p *parser) roleName() string {
	if p.at().oneOf("current_user", "session_user", "current_role") {
		return p.advance().text
	}
	return p.colID()
}

func (p *parser) createType(h createHead) ast.Statement {
	s := &ast.CreateType{Pos: h.pos}
	p.expect("type")
	s.Name = p.name()
	if !p.accept("as") {
		return s
	}
	switch {
	case p.accept("enum"):
		s.Enum = true
		p.expectOp("(")
		if !p.isOp(")") {
			s.Labels = list(p, func() ast.String { return ast.String{Pos: p.pos(), Value: p.stringLit()} })
		}
		p.expectOp(")")
	case p.acceptOp("("):
		if !p.isOp(")") {
			s.Fields = list(p, p.aliasDef)
		}
		p.expectOp(")")
	default:
		s.As = p.typeName()
	}
	return s
}

func (p *parser) createExtension(h createHead) ast.Statement {
	s := &ast.CreateExtension{Pos: h.pos}
	p.expect("extension")
	s.IfNotExists = p.ifNotExists()
	s.Name = p.colID()
	p.accept("with")
	for {
		switch {
		case p.accept("schema"):
			s.Schema = p.colID()
		case p.accept("version"):
			s.Version = p.label2()
		case p.accept("cascade"):
		default:
			return s
		}
	}
}

// label2 parses a name or a string.
func (p *parser) label2() string {
	if p.at().kind == tString {
		return p.advance().text
	}
	return p.label()
}

// role parses CREATE|ALTER ROLE|USER|GROUP name [WITH] options.
func (p *parser) role(pos int, alter bool) ast.Statement {
	s := &ast.CreateRole{Pos: pos, Alter: alter, Kind: p.upperWord()}
	s.Name = p.roleName()
	p.accept("with")
	s.Options = p.wordOptions(false)
	return s
}

// wordOptions parses WORD [value] pairs up to the end of the statement; with
// equals, a value may have an = before it.
func (p *parser) wordOptions(equals bool) []ast.Option {
	var out []ast.Option
	for p.at().kind == tWord {
		o := ast.Option{Pos: p.pos(), Name: p.label()}
		for _, more := range [][2]string{{"connection", "limit"}, {"valid", "until"}, {"in", "role"}, {"in", "group"}} {
			if o.Name == more[0] && p.accept(more[1]) {
				o.Name += " " + more[1]
			}
		}
		isSet := equals && p.acceptOp("=")
		o.ValuePos = p.pos()
		switch t := p.at(); {
		case t.kind == tString, t.kind == tInt, t.op("-"):
			o.Value = p.setValue()
		case isSet, strings.HasSuffix(o.Name, "role"), strings.HasSuffix(o.Name, "group"), o.Name == "admin", o.Name == "user",
			o.Name == "owner", o.Name == "template", o.Name == "tablespace", o.Name == "encoding", o.Name == "password":
			o.Value = &ast.ColumnRef{Pos: o.ValuePos, Parts: []string{p.label()}}
		default:
			o.ValuePos = 0
		}
		out = append(out, o)
	}
	return out
}

// sequenceOptions parses the options of a sequence, in any order.
func (p *parser) sequenceOptions() []ast.SequenceOption {
	var out []ast.SequenceOption
	for {
		o := ast.SequenceOption{Pos: p.pos()}
		switch {
		case p.accept("as"):
			o.Name, o.Type = "AS", p.typeName()
		case p.accept("no"):
			o.No = true
			o.Name = p.expectAny("minvalue", "maxvalue", "cycle")
		case p.accept("owned", "by"):
			o.Name = "OWNED BY"
			if !p.accept("none") {
				o.Owner = p.name()
			}
		case p.accept("sequence", "name"):
			o.Name, o.Owner = "SEQUENCE NAME", p.name()
		case p.accept("cycle"):
			o.Name = "CYCLE"
		case p.at().oneOf("increment", "start", "restart", "minvalue", "maxvalue", "cache"):
			o.Name = p.upperWord()
			p.acceptAny("by", "with")
			if t := p.at(); o.Name != "RESTART" || t.kind == tInt || t.op("-") || t.op("+") {
				o.Value = p.signedInt()
			}
		default:
			return out
		}
		out = append(out, o)
	}
}
