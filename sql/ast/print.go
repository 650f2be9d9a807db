package ast

import (
	"strconv"
	"strings"
)

// SQL prints a node as canonical SQL: upper-case keywords, identifiers
// quoted only where needed, parentheses around every nested operator. The text
// parses to the same tree.
func SQL(n Node) string {
	p := &printer{}
	p.node(n)
	return p.b.String()
}

// printer collects the text. What is nested deeper than the parser allows is
// printed as … : only a tree made by hand can be that deep.
type printer struct {
	b     strings.Builder
	depth int
}

const printDepthMax = 8 * HeightMax

// put writes words with one blank before each, except after an opening
// parenthesis and at the start.
func (p *printer) put(words ...string) {
	for _, w := range words {
		if w == "" {
			continue
		}
		p.space()
		p.b.WriteString(w)
	}
}

func (p *printer) space() {
	if s := p.b.String(); s != "" {
		if c := s[len(s)-1]; c != ' ' && c != '(' && c != '[' {
			p.b.WriteByte(' ')
		}
	}
}

// raw writes s as it is.
func (p *printer) raw(s string) { p.b.WriteString(s) }

// when writes s if cond holds.
func (p *printer) when(cond bool, s string) {
	if cond {
		p.put(s)
	}
}

func (p *printer) ident(name string) { p.put(QuoteIdent(name)) }

// as writes AS name. The alias "of" is quoted: AS OF begins a clause.
func (p *printer) as(name string) {
	switch name {
	case "":
	case "of":
		p.put(`AS "of"`)
	default:
		p.opt("AS", name)
	}
}

func (p *printer) str(s string) { p.put(QuoteString(s)) }

// opt writes keyword and identifier if the identifier is set.
func (p *printer) opt(keyword, name string) {
	if name != "" {
		p.put(keyword)
		p.ident(name)
	}
}

func (p *printer) name(n Name) { p.put(qualified(n.Parts)) }

func qualified(parts []string) string {
	q := make([]string, len(parts))
	for i, s := range parts {
		q[i] = QuoteIdent(s)
	}
	return strings.Join(q, ".")
}

func (p *printer) optName(keyword string, n Name) {
	if !n.IsZero() {
		p.put(keyword)
		p.name(n)
	}
}

// comma prints items separated by commas.
func comma[T any](p *printer, items []T, item func(T)) {
	for i, x := range items {
		if i > 0 {
			p.raw(",")
		}
		item(x)
	}
}

// parens prints (item, …).
func parens[T any](p *printer, items []T, item func(T)) {
	p.put("(")
	comma(p, items, item)
	p.raw(")")
}

func (p *printer) idents(names []Ident) {
	parens(p, names, func(n Ident) { p.ident(n.Name) })
}

func (p *printer) optIdents(keyword string, names []Ident) {
	if len(names) > 0 {
		p.put(keyword)
		p.idents(names)
	}
}

func (p *printer) names(names []Name) { comma(p, names, p.name) }

func (p *printer) exprs(list []Expr) { comma(p, list, p.expr) }

func (p *printer) optExpr(keyword string, x Expr) {
	if x != nil {
		p.put(keyword)
		p.expr(x)
	}
}

// expr prints x as it stands where any expression may.
func (p *printer) expr(x Expr) {
	if x == nil {
		p.put("NULL")
		return
	}
	p.node(x)
}

// options prints (k = v, …).
func (p *printer) options(list []Option) {
	parens(p, list, func(o Option) { p.option(o, " =") })
}

func (p *printer) optOptions(keyword string, list []Option) {
	if len(list) > 0 {
		p.put(keyword)
		p.options(list)
	}
}

func (p *printer) option(o Option, sep string) {
	if o.Quoted {
		p.str(o.Name)
	} else {
		p.put(o.Name)
	}
	if o.Value != nil {
		p.raw(sep)
		p.expr(o.Value)
	}
}

// utilityOptions prints (name value, …) of COPY, EXPLAIN, VACUUM: names may be
// any keyword there.
func (p *printer) utilityOptions(list []Option) {
	if len(list) == 0 {
		return
	}
	parens(p, list, func(o Option) {
		if strings.Trim(o.Name, "abcdefghijklmnopqrstuvwxyz_") == "" {
			p.put(o.Name)
		} else {
			p.ident(o.Name)
		}
		switch v := o.Value.(type) {
		case nil:
		case *Row:
			parens(p, v.Fields, p.expr)
		default:
			p.expr(v)
		}
	})
}

// bareType: keywords that stand for the type itself when not quoted.
func bareType(s string) bool {
	switch s {
	case "bit", "varchar", "numeric", "time", "timestamp", "interval":
		return true
	}
	return false
}

func (p *printer) typeName(t *TypeName) {
	if t == nil {
		return
	}
	p.when(t.SetOf, "SETOF")
	switch {
	case t.Elem != nil:
		p.put("array<")
		p.tightType(t.Elem)
		p.raw(">")
	case t.Key != nil:
		p.put("map<")
		p.tightType(t.Key)
		p.raw(",")
		p.typeName(t.Value)
		p.raw(">")
	case t.Struct != nil || len(t.Name.Parts) == 1 && t.Name.Parts[0] == "struct":
		p.put("struct<")
		for i, f := range t.Struct {
			if i > 0 {
				p.raw(", ")
			}
			p.raw(QuoteIdent(f.Name.Name))
			p.typeName(f.Type)
		}
		p.raw(">")
	case len(t.Name.Parts) == 1 && bareType(t.Name.Parts[0]):
		p.put(t.Name.Parts[0])
	default:
		p.name(t.Name)
	}
	p.when(t.Fields != "", t.Fields)
	if t.PctType {
		p.raw("%TYPE")
	}
	if len(t.Mods) > 0 {
		p.raw("(")
		p.exprs(t.Mods)
		p.raw(")")
	}
	for _, n := range t.ArrayDims {
		p.raw("[")
		if n >= 0 {
			p.raw(strconv.Itoa(n))
		}
		p.raw("]")
	}
}

// tightType prints a type without a blank before it.
func (p *printer) tightType(t *TypeName) {
	q := &printer{depth: p.depth + 1}
	if q.depth > printDepthMax {
		p.raw("…")
		return
	}
	q.typeName(t)
	p.raw(q.b.String())
}

// node is the one switch over all nodes.
func (p *printer) node(n Node) {
	if p.depth++; p.depth > printDepthMax {
		p.put("…")
		p.depth--
		return
	}
	switch n := n.(type) {
	case Expr:
		p.exprNode(n)
	case TableExpr:
		p.tableNode(n)
	case QueryBody:
		p.bodyNode(n)
	case Statement:
		p.statementNode(n)
	}
	p.depth--
}
