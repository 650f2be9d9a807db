package ast

import (
	"strconv"
	"strings"
)

// operand prints x so that it can stand beside any operator.
func (p *printer) operand(x Expr) {
	if isPrimary(x) {
		p.expr(x)
		return
	}
	p.put("(")
	p.expr(x)
	p.raw(")")
}

func isPrimary(x Expr) bool {
	switch x := x.(type) {
	case *Number:
		return x.Text == "" || x.Text[0] != '-'
	case *Func:
		return x.Form != FormAtZone
	case *String, *BitString, *Bool, *Null, *Param, *ColumnRef, *Cast, *Case, *Array, *Row, *Subquery, *Subscript, *FieldSelect, *Descriptor:
		return true
	}
	return false
}

func not(n bool) string {
	if n {
		return "NOT"
	}
	return ""
}

func (p *printer) exprNode(x Expr) {
	switch n := x.(type) {
	case *Number:
		p.put(n.Text)
	case *String:
		p.str(n.Value)
	case *BitString:
		p.bits(n)
	case *Bool:
		p.put(strings.ToUpper(strconv.FormatBool(n.Value)))
	case *Null:
		p.put("NULL")
	case *Default:
		p.put("DEFAULT")
	case *Param:
		p.put("$" + strconv.Itoa(n.N))
	case *ColumnRef:
		p.column(n)
	case *FieldSelect:
		p.fieldSelect(n)
	case *Subscript:
		p.baseOf(n.X)
		p.index(n)
	case *Unary:
		p.operator(n.Op)
		p.operand(n.X)
	case *Binary:
		p.operand(n.L)
		p.operator(n.Op)
		p.operand(n.R)
	case *Logic:
		p.logic(n)
	case *Not:
		p.put("NOT")
		p.operand(n.X)
	case *IsTest:
		p.operand(n.X)
		p.put("IS", not(n.Not), n.What)
	case *IsDistinct:
		p.operand(n.L)
		p.put("IS", not(n.Not), "DISTINCT FROM")
		p.operand(n.R)
	case *InList:
		p.operand(n.X)
		p.put(not(n.Not), "IN")
		parens(p, n.List, p.expr)
	case *InQuery:
		p.operand(n.X)
		p.put(not(n.Not), "IN")
		p.paren(n.Query)
	case *Between:
		p.between(n)
	case *Like:
		p.like(n)
	case *Quantified:
		p.quantified(n)
	case *Subquery:
		p.put([]string{"", "EXISTS", "ARRAY"}[n.Kind])
		p.paren(n.Query)
	case *Array:
		p.put("ARRAY[")
		p.exprs(n.Elems)
		p.raw("]")
	case *Row:
		p.put("ROW(")
		p.exprs(n.Fields)
		p.raw(")")
	case *Case:
		p.caseExpr(n)
	case *Cast:
		p.cast(n)
	case *Collate:
		p.operand(n.X)
		p.optName("COLLATE", n.Name)
	case *Func:
		p.call(n)
	case *Lambda:
		p.idents(n.Params)
		p.put("=>")
		p.operand(n.Body)
	case *CurrentOf:
		p.opt("CURRENT OF", n.Cursor)
	case *TableArg:
		p.tableArg(n)
	case *Descriptor:
		p.optIdents("DESCRIPTOR", n.Columns)
	case *Duration:
		p.expr(n.Value)
		p.put(n.Unit)
	}
}

func (p *printer) bits(n *BitString) {
	v := "'" + strings.ReplaceAll(n.Value, "'", "''") + "'"
	if n.Hex {
		p.put("X" + v)
		return
	}
	p.put("B" + v)
}

func (p *printer) column(n *ColumnRef) {
	s := qualified(n.Parts)
	if n.Star {
		if s != "" {
			s += "."
		}
		s += "*"
	}
	p.put(s)
	p.optIdents("EXCEPT", n.Except)
}

// baseOf prints what a subscript or field is taken of: only a column and a
// parameter need no parentheses.
func (p *printer) baseOf(x Expr) {
	switch x.(type) {
	case nil:
	case *ColumnRef, *Param, *Subscript:
		p.expr(x)
	case *FieldSelect:
		p.expr(x)
	default:
		p.put("(")
		p.expr(x)
		p.raw(")")
	}
}

func (p *printer) fieldSelect(n *FieldSelect) {
	if n.Arrow {
		p.operand(n.X)
		p.put("->*")
		return
	}
	if c, ok := n.X.(*ColumnRef); ok {
		p.put("(")
		p.expr(c)
		p.raw(")")
	} else {
		p.baseOf(n.X)
	}
	if n.Star {
		p.raw(".*")
		return
	}
	p.raw("." + QuoteIdent(n.Field))
}

func (p *printer) index(n *Subscript) {
	p.raw("[")
	if n.Lo != nil {
		p.expr(n.Lo)
	}
	if n.Slice {
		p.raw(" :")
		if n.Hi != nil {
			p.expr(n.Hi)
		}
	}
	p.raw("]")
}

func (p *printer) operator(op Operator) {
	if op.Schema != "" {
		p.put("OPERATOR(" + QuoteIdent(op.Schema) + "." + op.Name + ")")
		return
	}
	p.put(op.Name)
}

func (p *printer) logic(n *Logic) {
	for i, a := range n.Args {
		if i > 0 && n.Or {
			p.put("OR")
		} else if i > 0 {
			p.put("AND")
		}
		p.operand(a)
	}
}

func (p *printer) between(n *Between) {
	p.operand(n.X)
	p.put(not(n.Not), "BETWEEN")
	p.when(n.Symmetric, "SYMMETRIC")
	p.operand(n.Lo)
	p.put("AND")
	p.operand(n.Hi)
}

func (p *printer) like(n *Like) {
	p.operand(n.X)
	p.put(not(n.Not), []string{"LIKE", "ILIKE", "SIMILAR TO"}[n.Kind])
	p.operand(n.Pattern)
	if n.Escape != nil {
		p.put("ESCAPE")
		p.operand(n.Escape)
	}
}

func (p *printer) quantified(n *Quantified) {
	p.operand(n.X)
	p.operator(n.Op)
	if n.All {
		p.put("ALL")
	} else {
		p.put("ANY")
	}
	if n.Query != nil {
		p.paren(n.Query)
		return
	}
	p.put("(")
	p.expr(n.Array)
	p.raw(")")
}

func (p *printer) caseExpr(n *Case) {
	p.put("CASE")
	if n.Operand != nil {
		p.expr(n.Operand)
	}
	for _, w := range n.Whens {
		p.optExpr("WHEN", w.Cond)
		p.optExpr("THEN", w.Result)
	}
	p.optExpr("ELSE", n.Else)
	p.put("END")
}

func (p *printer) tableArg(n *TableArg) {
	p.put("TABLE")
	if n.Query != nil {
		p.paren(n.Query)
	} else {
		p.name(n.Name)
	}
	if len(n.PartitionBy) > 0 {
		p.put("PARTITION BY ROW")
		parens(p, n.PartitionBy, p.expr)
	}
}

func (p *printer) sortItems(keyword string, list []SortItem) {
	if len(list) == 0 {
		return
	}
	p.put(keyword)
	comma(p, list, func(s SortItem) {
		p.expr(s.X)
		p.when(s.Desc, "DESC")
		if s.Using != nil {
			p.put("USING")
			p.operator(*s.Using)
		}
		p.nulls(s.NullsFirst, s.NullsLast)
	})
}

func (p *printer) nulls(first, last bool) {
	p.when(first, "NULLS FIRST")
	p.when(last, "NULLS LAST")
}

// cast prints CAST(x AS t), and the constant that an interval mostly is.
func (p *printer) cast(n *Cast) {
	s, ok := n.X.(*String)
	if t := n.Type; ok && len(t.Name.Parts) == 1 && t.Name.Parts[0] == "interval" && t.ArrayDims == nil && !t.SetOf {
		p.put("INTERVAL")
		if t.Fields == "" && len(t.Mods) > 0 {
			parens(p, t.Mods, p.expr)
		}
		p.str(s.Value)
		p.put(t.Fields)
		if t.Fields != "" && len(t.Mods) > 0 {
			parens(p, t.Mods, p.expr)
		}
		return
	}
	p.put("CAST(")
	p.expr(n.X)
	p.put("AS")
	p.typeName(n.Type)
	p.raw(")")
}
