package parser

import "github.com/tarndb/tarn/sql/ast"

// selectCore parses SELECT … up to HAVING, WINDOW and PARTITION BY.
func (p *parser) selectCore() ast.QueryBody {
	s := &ast.Select{Pos: p.pos()}
	p.expect("select")
	if p.accept("distinct") {
		s.Distinct = true
		if p.accept("on") {
			s.DistinctOn = parenList(p, p.expr)
		}
	} else {
		p.accept("all")
	}
	if p.startsItem() {
		s.Items = p.selectItems()
	}
	if p.accept("into") {
		s.Into = p.into()
	}
	if p.accept("from") {
		s.From = list(p, p.tableExpr)
	}
	if p.startsStreamWindow() {
		s.Window = p.streamWindow()
	}
	if p.accept("where") {
		s.Where = p.expr()
	}
	p.partitionBy(s)
	if p.accept("group", "by") {
		if p.accept("distinct") {
			s.GroupDistinct = true
		} else {
			p.accept("all")
		}
		s.GroupBy = list(p, p.groupItem)
	}
	if p.accept("having") {
		s.Having = p.expr()
	}
	if p.isWord("window") && p.ahead(2).word("as") {
		p.i++
		s.Windows = list(p, func() ast.WindowDef {
			d := ast.WindowDef{Pos: p.pos(), Name: p.colID()}
			p.expect("as")
			d.Spec = p.windowSpec()
			return d
		})
	}
	p.partitionBy(s)
	return s
}

func (p *parser) partitionBy(s *ast.Select) {
	if s.PartitionBy == nil && p.accept("partition", "by") {
		s.PartitionBy = p.exprList()
	}
}

// startsItem is false where the select list is empty.
func (p *parser) startsItem() bool {
	t := p.at()
	if t.kind == tOp {
		return t.text != ")" && t.text != ";"
	}
	return t.kind != tEOF && !t.oneOf("from", "where", "into", "group", "having", "window", "union", "intersect",
		"except", "order", "limit", "offset", "fetch", "for")
}

func (p *parser) selectItems() []ast.SelectItem { return list(p, p.selectItem) }

func (p *parser) selectItem() ast.SelectItem {
	s := ast.SelectItem{Pos: p.pos()}
	if p.acceptOp("*") {
		s.X = p.starExcept(&ast.ColumnRef{Pos: s.Pos, Star: true})
		return s
	}
	s.X = p.expr()
	switch t := p.at(); {
	case t.word("as"):
		if p.startsAsOf() {
			return s
		}
		p.i++
		s.Alias = p.label()
	case t.kind == tQuoted, t.kind == tWord && !t.asLabel && !p.startsStreamClause():
		s.Alias = p.advance().text
	}
	return s
}

func (p *parser) into() *ast.Into {
	n := &ast.Into{Pos: p.pos()}
	if !p.ahead(1).op(".") {
		n.Persistence = p.persistence()
	}
	p.accept("table")
	n.Name = p.name()
	return n
}

// persistence parses TEMP, TEMPORARY and UNLOGGED with LOCAL and GLOBAL.
func (p *parser) persistence() string {
	if p.at().oneOf("local", "global") && p.ahead(1).oneOf("temp", "temporary") {
		p.i++
	}
	switch p.acceptAny("temp", "temporary", "unlogged") {
	case "":
		return ""
	case "UNLOGGED":
		return "UNLOGGED"
	}
	return "TEMPORARY"
}

func (p *parser) groupItem() ast.GroupItem {
	p.enter()
	defer p.leave()
	g := ast.GroupItem{Pos: p.pos()}
	switch t := p.at(); {
	case t.op("(") && p.ahead(1).op(")"):
		p.i += 2
		g.Kind = ast.GroupEmpty
	case t.word("rollup") && p.ahead(1).op("("):
		p.i++
		g.Kind, g.Items = ast.GroupRollup, parenList(p, p.groupItem)
	case t.word("cube") && p.ahead(1).op("("):
		p.i++
		g.Kind, g.Items = ast.GroupCube, parenList(p, p.groupItem)
	case t.word("grouping") && p.ahead(1).word("sets"):
		p.i += 2
		g.Kind, g.Items = ast.GroupSets, parenList(p, p.groupItem)
	default:
		g.X = p.expr()
	}
	return g
}
