package parser

import (
	"strings"

	"github.com/tarndb/tarn/sql/ast"
)

// createTable parses CREATE TABLE, STREAM and SOURCE.
func (p *parser) createTable(h createHead) ast.Statement {
	s := &ast.CreateTable{Pos: h.pos, OrReplace: h.orReplace, Source: h.source, Persistence: h.persistence, Kind: p.upperWord()}
	s.IfNotExists = p.ifNotExists()
	s.Name = p.name()
	switch {
	case p.accept("of"):
		s.OfType = p.name()
	case p.accept("partition", "of"):
		s.PartitionOf = p.partitionOf()
	case p.isWords("like", "mysql") && p.ahead(2).kind == tString:
		p.i += 2
		s.MySQL = &ast.String{Pos: p.pos(), Value: p.stringLit()}
	case p.isOp("("):
		p.tableElements(s)
	}
	if p.isWord("from") || p.isWords("in", "cluster") {
		p.fromOutside(s)
		return s
	}
	for p.tableClause(s) {
	}
	if p.accept("as") {
		p.createTableAs(s)
	}
	return s
}

// tableElements parses (columns, constraints, …), or the names before AS.
func (p *parser) tableElements(s *ast.CreateTable) {
	if p.columnList(1) {
		close := 2
		for p.ahead(close).op(",") {
			close += 2
		}
		if after := p.ahead(close + 1); after.oneOf("as", "from") || after.word("in") && p.ahead(close+2).word("cluster") || after.oneOf("with", "on", "using") && s.Kind == "TABLE" {
			s.Names = p.identList()
			return
		}
	}
	p.expectOp("(")
	s.HasColumns = true
	if p.acceptOp(")") {
		return
	}
	for {
		p.tableElement(s)
		if !p.acceptOp(",") {
			break
		}
	}
	p.expectOp(")")
}

func (p *parser) tableElement(s *ast.CreateTable) {
	switch t := p.at(); {
	case t.op("*"):
		p.i++
		s.Star = true
	case t.word("like"):
		s.Likes = append(s.Likes, p.tableLike())
	case p.isWords("watermark", "for"):
		s.Watermarks = append(s.Watermarks, p.watermark())
	case p.startsTableConstraint():
		s.Constraints = append(s.Constraints, p.tableConstraint())
	default:
		s.Columns = append(s.Columns, p.columnDef())
	}
}

func (p *parser) tableLike() ast.TableLike {
	l := ast.TableLike{Pos: p.pos()}
	p.expect("like")
	l.Name = p.name()
	for p.at().oneOf("including", "excluding") {
		l.Options = append(l.Options, p.upperWord()+" "+p.upperWord())
	}
	return l
}

// tableClause parses one clause after the columns.
func (p *parser) tableClause(s *ast.CreateTable) bool {
	switch t := p.at(); {
	case p.accept("inherits"):
		s.Inherits = parenList(p, p.name)
	case p.accept("partition", "by"):
		s.PartitionBy = &ast.PartitionBy{Pos: p.pos(), Strategy: p.upperWord(), Elems: parenList(p, p.indexElem)}
	case p.accept("using"):
		s.Using = p.colID()
	case t.word("with") && p.ahead(1).op("("):
		s.Options = p.withOptions(s.Options)
	case p.accept("without", "oids"):
	case p.accept("on", "commit"):
		switch {
		case p.accept("drop"):
			s.OnCommit = "DROP"
		case p.accept("delete", "rows"):
			s.OnCommit = "DELETE ROWS"
		default:
			p.expect("preserve", "rows")
			s.OnCommit = "PRESERVE ROWS"
		}
	case p.accept("tablespace"):
		s.Tablespace = p.colID()
	case p.accept("append", "only"):
		s.AppendOnly = true
	case p.accept("on", "conflict"):
		p.onConflictTable(s)
	case t.word("include"):
		s.Include = append(s.Include, p.include())
	case t.word("format"):
		s.Format = p.format()
	default:
		return false
	}
	return true
}

func (p *parser) onConflictTable(s *ast.CreateTable) {
	if p.accept("do", "update", "if", "not", "null") {
		s.OnConflict = "DO UPDATE IF NOT NULL"
	} else if p.accept("do", "nothing") {
		s.OnConflict = "IGNORE"
	} else {
		s.OnConflict = p.expectAny("overwrite", "ignore")
	}
	if p.accept("with", "version", "column") {
		s.VersionColumn = p.identList()
	}
}

func (p *parser) createTableAs(s *ast.CreateTable) {
	if p.isWord("execute") {
		s.Query = p.execute()
	} else {
		if !p.startsQuery() {
			p.unexpected()
		}
		s.Query = p.query()
	}
	if p.accept("with", "no", "data") {
		s.NoData = true
	} else {
		p.accept("with", "data")
	}
}

func (p *parser) partitionOf() *ast.PartitionOf {
	o := &ast.PartitionOf{Pos: p.pos(), Parent: p.name()}
	if p.isOp("(") {
		o.Options = parenList(p, p.columnDef)
	}
	o.Bound = p.partitionBound()
	return o
}

func (p *parser) partitionBound() *ast.PartitionBound {
	b := &ast.PartitionBound{Pos: p.pos()}
	if p.accept("default") {
		return b
	}
	p.expect("for", "values")
	switch {
	case p.accept("in"):
		b.In = parenList(p, p.expr)
	case p.accept("from"):
		b.From = parenList(p, p.expr)
		p.expect("to")
		b.To = parenList(p, p.expr)
	default:
		p.expect("with")
		p.expectOp("(")
		p.expect("modulus")
		b.Modulus = p.expr()
		p.expectOp(",")
		p.expect("remainder")
		b.Remainder = p.expr()
		p.expectOp(")")
	}
	return b
}

// watermark parses WATERMARK FOR c [AS e] [IDLE TIMEOUT i] [WITH TTL].
func (p *parser) watermark() *ast.Watermark {
	w := &ast.Watermark{Pos: p.pos()}
	p.expect("watermark", "for")
	w.Column = p.ident()
	if p.accept("as") {
		w.X = p.pluralUnit(p.expr())
	}
	if p.accept("idle", "timeout") {
		w.Idle = p.duration()
	}
	w.TTL = p.accept("with", "ttl")
	return w
}

// include parses INCLUDE what ['field'] [type] [AS alias].
func (p *parser) include() ast.Include {
	pos := p.pos()
	p.expect("include")
	n := p.includePart()
	n.Pos = pos
	return n
}

func (p *parser) includePart() ast.Include {
	n := ast.Include{Pos: p.pos()}
	n.What = p.upperWord()
	if p.at().kind == tString {
		n.Field = p.primary()
	}
	if p.at().isFuncName() && !p.at().oneOf("include", "format", "with", "envelope", "expose", "key") {
		n.Type = p.typeName()
	}
	if p.accept("as") {
		n.Alias = p.colID()
	}
	return n
}

// format parses FORMAT f [ENCODE e] [(…)] [KEY ENCODE e].
func (p *parser) format() *ast.Format {
	f := &ast.Format{Pos: p.pos()}
	p.expect("format")
	f.Name = p.upperWord()
	if p.accept("encode") {
		f.Encode = p.upperWord()
	}
	if p.isOp("(") {
		f.Options = p.options()
	}
	if p.accept("key", "encode") {
		f.Key = p.upperWord()
	}
	return f
}

// columnDef parses name [type] constraints.
func (p *parser) columnDef() *ast.ColumnDef {
	c := &ast.ColumnDef{Pos: p.pos(), Name: p.colID()}
	if t := p.at(); t.isFuncName() || t.kind == tWord && (builtinTypes[t.text] != "" || t.oneOf("array", "setof", "row")) {
		if !p.startsColumnConstraint() {
			c.Type = p.typeName()
		}
	}
	for {
		switch {
		case p.accept("collate"):
			c.Collate = p.anyName()
		case p.accept("storage"):
			c.Storage = p.upperWord()
		case p.accept("compression"):
			c.Compression = p.label()
		case p.startsColumnConstraint():
			p.columnConstraint(c)
		default:
			return c
		}
	}
}

func (p *parser) startsColumnConstraint() bool {
	t := p.at()
	switch {
	case t.oneOf("constraint", "not", "null", "default", "check", "primary", "unique", "references", "as"):
		return true
	case t.oneOf("generated", "metadata", "headers", "deferrable", "initially"):
		n := p.ahead(1)
		return !t.word("generated") && !t.word("metadata") || n.oneOf("always", "by", "from", "virtual") || n.op(",") || n.op(")")
	case t.word("key"):
		n := p.ahead(1)
		return n.op(",") || n.op(")") || n.kind == tWord && n.oneOf("not", "default", "check")
	case t.word("header"):
		return p.ahead(1).op("(")
	}
	return false
}

func (p *parser) columnConstraint(c *ast.ColumnDef) {
	k := &ast.Constraint{Pos: p.pos()}
	if p.accept("constraint") {
		k.Name = p.colID()
	}
	switch {
	case p.accept("not", "null"):
		k.Kind = ast.ConstraintNotNull
	case p.accept("null"):
		k.Kind = ast.ConstraintNull
	case p.accept("default"):
		k.Kind, k.X = ast.ConstraintDefault, p.bExpr()
	case p.accept("generated"):
		p.generated(k)
	case p.accept("as"):
		k.Kind, k.X = ast.ConstraintComputed, p.expr()
	case p.accept("metadata"):
		k.Kind = ast.ConstraintMetadata
		if p.accept("from") {
			k.X = &ast.String{Pos: p.pos(), Value: p.stringLit()}
		}
		k.Virtual = p.accept("virtual")
	case p.accept("headers"):
		k.Kind = ast.ConstraintHeaders
	case p.isWord("header") && p.ahead(1).op("("):
		p.i += 2
		k.Kind, k.X = ast.ConstraintHeaders, &ast.String{Pos: p.pos(), Value: p.stringLit()}
		p.expectOp(")")
	case p.accept("key"):
		k.Kind = ast.ConstraintKey
	case p.at().oneOf("deferrable", "initially") || p.isWords("not", "deferrable"):
		if n := len(c.Constraints); n > 0 && k.Name == "" {
			p.constraintTail(c.Constraints[n-1])
			return
		}
		p.unexpected()
	case p.at().oneOf("check", "primary", "unique", "references"):
		p.constraintBody(k, false)
	default:
		p.unexpected()
	}
	p.constraintTail(k)
	c.Constraints = append(c.Constraints, k)
}

// generated parses what follows GENERATED.
func (p *parser) generated(k *ast.Constraint) {
	if k.Always = p.accept("always"); !k.Always {
		p.expect("by", "default")
	}
	p.expect("as")
	if p.accept("identity") {
		k.Kind = ast.ConstraintIdentity
		if p.acceptOp("(") {
			k.Sequence = p.sequenceOptions()
			p.expectOp(")")
		}
		return
	}
	k.Kind = ast.ConstraintGenerated
	p.expectOp("(")
	k.X = p.expr()
	p.expectOp(")")
	if k.Virtual = p.accept("virtual"); !k.Virtual {
		p.accept("stored")
	}
}

func (p *parser) startsTableConstraint() bool {
	t, n := p.at(), p.ahead(1)
	switch {
	case t.oneOf("constraint", "check", "unique", "foreign"):
		return true
	case t.word("primary"):
		return true
	case t.word("exclude"):
		return n.op("(") || n.word("using")
	}
	return false
}

func (p *parser) tableConstraint() *ast.Constraint {
	k := &ast.Constraint{Pos: p.pos()}
	if p.accept("constraint") {
		k.Name = p.colID()
	}
	p.constraintBody(k, true)
	p.constraintTail(k)
	return k
}

// constraintBody parses the constraints that columns and tables share.
func (p *parser) constraintBody(k *ast.Constraint, table bool) {
	switch {
	case p.accept("check"):
		k.Kind = ast.ConstraintCheck
		p.expectOp("(")
		k.X = p.expr()
		p.expectOp(")")
	case p.accept("primary", "key"):
		k.Kind = ast.ConstraintPrimary
		p.constraintIndex(k, table)
	case p.accept("unique"):
		k.Kind = ast.ConstraintUnique
		k.NullsDistinct = p.nullsDistinct()
		p.constraintIndex(k, table)
	case table && p.accept("foreign", "key"):
		k.Kind = ast.ConstraintForeign
		k.Columns = p.identList()
		k.References = p.references()
	case !table && p.isWord("references"):
		k.Kind = ast.ConstraintForeign
		k.References = p.references()
	case table && p.accept("exclude"):
		p.exclude(k)
	default:
		p.unexpected()
	}
}

func (p *parser) constraintIndex(k *ast.Constraint, table bool) {
	if table {
		if p.accept("using", "index") {
			k.UsingIndex = p.colID()
			return
		}
		k.Columns = p.identList()
		if p.accept("include") {
			k.Include = p.identList()
		}
	}
	k.Options = p.withOptions(nil)
	if p.accept("using", "index", "tablespace") {
		k.Tablespace = p.colID()
	}
}

func (p *parser) references() *ast.References {
	r := &ast.References{Pos: p.pos()}
	p.expect("references")
	r.Table = p.name()
	if p.isOp("(") {
		r.Columns = p.identList()
	}
	if p.accept("match") {
		r.Match = p.expectAny("full", "partial", "simple")
	}
	for p.isWord("on") && p.ahead(1).oneOf("delete", "update") {
		p.i++
		target := &r.OnDelete
		if p.advance().text == "update" {
			target = &r.OnUpdate
		}
		switch {
		case p.accept("set", "null"):
			*target = "SET NULL"
		case p.accept("set", "default"):
			*target = "SET DEFAULT"
		case p.accept("no", "action"):
			*target = "NO ACTION"
		default:
			*target = p.expectAny("cascade", "restrict")
		}
	}
	return r
}

func (p *parser) exclude(k *ast.Constraint) {
	k.Kind = ast.ConstraintExclude
	if p.accept("using") {
		k.Method = p.colID()
	}
	k.Elems = parenList(p, func() ast.ExcludeElem {
		e := ast.ExcludeElem{Elem: p.indexElem()}
		p.expect("with")
		if p.isWord("operator") {
			e.With = p.qualifiedOperator()
		} else {
			e.With.Name = p.operatorName()
		}
		return e
	})
	k.Options = p.withOptions(nil)
	if p.accept("where") {
		p.expectOp("(")
		k.Where = p.expr()
		p.expectOp(")")
	}
}

// constraintTail parses the attributes after a constraint.
func (p *parser) constraintTail(k *ast.Constraint) {
	for {
		switch {
		case p.accept("deferrable"):
			k.Deferrable = "DEFERRABLE"
		case p.accept("not", "deferrable"):
			k.Deferrable = "NOT DEFERRABLE"
		case p.isWord("initially"):
			p.i++
			k.Initially = p.expectAny("deferred", "immediate")
		case p.accept("no", "inherit"):
			k.NoInherit = true
		case p.accept("not", "valid"):
			k.NotValid = true
		case p.accept("not", "enforced"):
			k.NotEnforced = true
		default:
			return
		}
	}
}

func (p *parser) createSink(h createHead) ast.Statement {
	s := &ast.CreateSink{Pos: h.pos, OrReplace: h.orReplace}
	p.expect("sink")
	s.IfNotExists = p.ifNotExists()
	s.Name = p.name()
	p.inCluster()
	if p.accept("into") {
		s.Into = p.name()
		if p.isOp("(") {
			s.IntoColumns = p.identList()
		}
	}
	if p.accept("from") {
		s.From = p.name()
		if s.Into.IsZero() && p.accept("into") {
			p.intoKafka(s)
			return s
		}
	} else {
		p.expect("as")
		s.Query = p.query()
	}
	s.Options = p.withOptions(nil)
	if p.isWord("format") {
		s.Format = p.format()
	}
	return s
}

func (p *parser) createSubscription(h createHead, start int) ast.Statement {
	s := &ast.CreateSubscription{Pos: h.pos, Durable: p.accept("durable")}
	p.expect("subscription")
	s.IfNotExists = p.ifNotExists()
	s.Name = p.name()
	if p.isWord("connection") { // PostgreSQL's logical replication
		p.i = start
		return p.unsupported(2)
	}
	if !p.accept("on") {
		p.expect("from")
	}
	s.From = p.name()
	if p.isWord("with") && p.ahead(1).op("(") {
		s.Options = p.withOptions(nil)
	}
	return s
}

// objectKind parses the kind of object after DROP, ALTER, COMMENT ON.
func (p *parser) objectKind() string {
	for _, k := range [][]string{{"materialized", "view"}, {"foreign", "table"}, {"foreign", "data", "wrapper"}, {"event", "trigger"},
		{"access", "method"}, {"text", "search", "configuration"}, {"text", "search", "dictionary"}, {"user", "mapping"},
		{"operator", "class"}, {"operator", "family"}, {"replacement", "materialized", "view"}} {
		if p.accept(k...) {
			return strings.ToUpper(strings.Join(k, " "))
		}
	}
	return p.expectAny("table", "view", "index", "sequence", "schema", "type", "domain", "stream", "source", "sink", "connection",
		"secret", "subscription", "function", "procedure", "routine", "aggregate", "role", "user", "group", "database", "extension",
		"collation", "conversion", "language", "publication", "server", "statistics", "tablespace", "trigger", "rule", "policy",
		"column", "constraint", "cluster", "connector", "cast", "operator")
}
