package ast

import "strings"

// callName prints the name of a plain call. Some functions are keywords, and
// mean what they do only without quotes.
func (p *printer) callName(n Name) {
	if len(n.Parts) == 1 {
		switch n.Parts[0] {
		case "coalesce", "greatest", "least", "nullif", "grouping", "substring", "overlay", "normalize", "left", "right",
			"current_schema":
			p.put(n.Parts[0])
			return
		}
	}
	p.name(n)
}

func (p *printer) call(f *Func) {
	switch f.Form {
	case FormPlain:
		p.plainCall(f)
	case FormAngles:
		p.angles(f)
	case FormKeyword:
		p.put(strings.ToUpper(f.Name.Base()))
		if len(f.Args) > 0 {
			p.raw("(")
			p.args(f)
			p.raw(")")
		}
	case FormAtZone:
		p.operand(f.Args[1].Value)
		p.put("AT TIME ZONE")
		p.operand(f.Args[0].Value)
	default:
		p.specialCall(f)
	}
}

func (p *printer) plainCall(f *Func) {
	p.callName(f.Name)
	p.raw("(")
	p.when(f.Star, "*")
	p.when(f.Distinct, "DISTINCT")
	p.args(f)
	p.sortItems("ORDER BY", f.OrderBy)
	p.raw(")")
	if len(f.WithinGroup) > 0 {
		p.put("WITHIN GROUP (")
		p.sortItems("ORDER BY", f.WithinGroup)
		p.raw(")")
	}
	if f.Filter != nil {
		p.put("FILTER (")
		p.optExpr("WHERE", f.Filter)
		p.raw(")")
	}
	p.when(f.Nulls != "", f.Nulls+" NULLS")
	if f.Over != nil {
		p.put("OVER")
		p.windowSpec(f.Over)
	}
}

func (p *printer) args(f *Func) {
	for i, a := range f.Args {
		if i > 0 {
			p.raw(",")
		}
		p.when(f.Variadic && i == len(f.Args)-1, "VARIADIC")
		if a.Name != "" {
			p.ident(a.Name)
			p.put("=>")
		}
		if a.Key != nil {
			p.operand(a.Key)
			p.put(":=")
		}
		p.expr(a.Value)
	}
}

// angles prints MAP[k => v] and LIST[…].
func (p *printer) angles(f *Func) {
	p.put(strings.ToUpper(f.Name.Base()) + "[")
	for i, a := range f.Args {
		if i > 0 {
			p.raw(",")
		}
		if a.Key != nil {
			p.operand(a.Key)
			p.put("=>")
		}
		p.expr(a.Value)
	}
	p.raw("]")
}

// specialCall prints the calls whose arguments are joined by keywords.
func (p *printer) specialCall(f *Func) {
	arg := func(i int) { p.operand(f.Args[i].Value) }
	join := func(words ...string) { // w0 arg0 w1 arg1 …
		for i := range f.Args {
			if i < len(words) {
				p.put(words[i])
			}
			arg(i)
		}
	}
	switch f.Form {
	case FormExtract:
		p.put("EXTRACT(")
		join("", "FROM")
	case FormSubstr:
		p.put("SUBSTRING(")
		join("", "FROM", "FOR")
	case FormSimilar:
		p.put("SUBSTRING(")
		join("", "SIMILAR", "ESCAPE")
	case FormOverlay:
		p.put("OVERLAY(")
		join("", "PLACING", "FROM", "FOR")
	case FormPosition:
		p.put("POSITION(")
		arg(1)
		p.put("IN")
		arg(0)
	case FormCollation:
		p.put("COLLATION FOR (")
		arg(0)
	case FormTrim:
		p.trim(f)
	}
	p.raw(")")
}

func (p *printer) trim(f *Func) {
	side := map[string]string{"ltrim": "LEADING", "rtrim": "TRAILING"}[f.Name.Base()]
	if side == "" {
		side = "BOTH"
	}
	p.put("TRIM(", side)
	if len(f.Args) > 1 {
		p.operand(f.Args[1].Value)
	}
	p.put("FROM")
	p.operand(f.Args[0].Value)
	for _, a := range f.Args[min(2, len(f.Args)):] {
		p.raw(",")
		p.operand(a.Value)
	}
}

func (p *printer) windowSpec(w *WindowSpec) {
	if w.Name != "" {
		p.ident(w.Name)
		return
	}
	p.put("(")
	p.opt("", w.Base)
	if len(w.PartitionBy) > 0 {
		p.put("PARTITION BY")
		p.exprs(w.PartitionBy)
	}
	p.sortItems("ORDER BY", w.OrderBy)
	if w.Frame != nil {
		p.frame(w.Frame)
	}
	p.raw(")")
}

func (p *printer) frame(f *Frame) {
	p.put(f.Mode)
	if f.Mode == "SESSION" {
		p.optExpr("WITH GAP", f.Gap)
		return
	}
	if f.End.Kind != "" {
		p.put("BETWEEN")
		p.frameBound(f.Start)
		p.put("AND")
		p.frameBound(f.End)
	} else {
		p.frameBound(f.Start)
	}
	p.when(f.Exclude != "", "EXCLUDE "+f.Exclude)
}

func (p *printer) frameBound(b FrameBound) {
	if b.Offset != nil {
		p.operand(b.Offset)
	}
	p.put(b.Kind)
}
