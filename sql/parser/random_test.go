package parser

import (
	"math/rand/v2"
	"testing"

	"github.com/tarndb/tarn/sql/ast"
)

// TestRandomTrees: trees that no one typed print and re-parse alike.
func TestRandomTrees(t *testing.T) {
	seed := rand.Uint64()
	g := generator{rand.New(rand.NewPCG(seed, 1))}
	for i := range 3000 {
		s := ast.Statement(g.query(1 + i/600))
		text := ast.SQL(s)
		again, err := Parse(text)
		if err != nil || len(again) != 1 || !ast.Equal(again[0].Stmt, s) {
			t.Fatalf("seed %d: %v\n%s", seed, err, text)
		}
		if twice := ast.SQL(again[0].Stmt); twice != text {
			t.Fatalf("seed %d: prints differ\n%s\n%s", seed, text, twice)
		}
	}
}

// generator makes random trees of the kinds that the parser yields.
type generator struct{ *rand.Rand }

func (g generator) name() string {
	names := []string{"a", "b", "t", "emit", "Mixed", "with space", "select", "time", "left", "of", "within", "partition", `q"q`, "über", "key"}
	return names[g.IntN(len(names))]
}

func (g generator) qualified() []string {
	parts := []string{g.name()}
	for g.IntN(4) == 0 {
		parts = append(parts, g.name())
	}
	return parts
}

func (g generator) coin() bool { return g.IntN(2) == 0 }

func (g generator) exprs(depth, most int) []ast.Expr {
	var out []ast.Expr
	for range 1 + g.IntN(most) {
		out = append(out, g.expr(depth))
	}
	return out
}

func (g generator) leaf() ast.Expr {
	switch g.IntN(8) {
	case 0:
		return &ast.Number{Text: []string{"0", "1", "-1", "1.5", "1e10", "-.5"}[g.IntN(6)]}
	case 1:
		return &ast.String{Value: []string{"", "it's", `back\slash`, "line\nfeed", "$1"}[g.IntN(5)]}
	case 2:
		return &ast.Null{}
	case 3:
		return &ast.Bool{Value: g.coin()}
	case 4:
		return &ast.Param{N: 1 + g.IntN(9)}
	default:
		return &ast.ColumnRef{Parts: g.qualified()}
	}
}

func (g generator) operator() ast.Operator {
	ops := []string{"+", "-", "*", "/", "%", "^", "=", "<", ">", "<=", ">=", "<>", "||", "->", "->>", "@>", "~", "!~*", "#>>", "&&", "|", "&", "<<"}
	op := ast.Operator{Name: ops[g.IntN(len(ops))]}
	if g.IntN(5) == 0 {
		op.Schema = g.name()
	}
	return op
}

func (g generator) typeName() *ast.TypeName {
	t := &ast.TypeName{Name: ast.Name{Parts: []string{[]string{"int4", "text", "numeric", "interval", "timestamptz", "char", "bpchar", "My Type"}[g.IntN(8)]}}}
	switch t.Name.Parts[0] {
	case "numeric":
		t.Mods = []ast.Expr{&ast.Number{Text: "10"}, &ast.Number{Text: "2"}}
	case "interval":
		t.Fields = []string{"", "DAY", "YEAR TO MONTH"}[g.IntN(3)]
	}
	for g.IntN(4) == 0 {
		t.ArrayDims = append(t.ArrayDims, g.IntN(3)-1)
		if n := len(t.ArrayDims); t.ArrayDims[n-1] == 0 {
			t.ArrayDims[n-1] = -1
		}
	}
	return t
}

func (g generator) expr(depth int) ast.Expr {
	if depth <= 0 {
		return g.leaf()
	}
	d := depth - 1
	switch g.IntN(24) {
	case 0:
		return &ast.Binary{Op: g.operator(), L: g.expr(d), R: g.expr(d)}
	case 1:
		x := g.expr(d)
		if _, ok := x.(*ast.Number); ok {
			return x
		}
		return &ast.Unary{Op: ast.Operator{Name: []string{"-", "+", "~", "@"}[g.IntN(4)]}, X: x}
	case 2:
		or := g.coin()
		args := append([]ast.Expr{g.leaf()}, g.exprs(d, 3)...)
		return &ast.Logic{Or: or, Args: args}
	case 3:
		return &ast.Not{X: g.expr(d)}
	case 4:
		return &ast.IsTest{X: g.expr(d), Not: g.coin(), What: []string{"NULL", "TRUE", "FALSE", "UNKNOWN"}[g.IntN(4)]}
	case 5:
		return &ast.IsDistinct{L: g.expr(d), R: g.expr(d), Not: g.coin()}
	case 6:
		return &ast.InList{X: g.expr(d), Not: g.coin(), List: append(g.exprs(d, 3), g.leaf())}
	case 7:
		return &ast.InQuery{X: g.expr(d), Not: g.coin(), Query: g.query(d)}
	case 8:
		return &ast.Between{X: g.expr(d), Not: g.coin(), Symmetric: g.coin(), Lo: g.expr(d), Hi: g.expr(d)}
	case 9:
		l := &ast.Like{Kind: ast.LikeKind(g.IntN(3)), X: g.expr(d), Not: g.coin(), Pattern: g.expr(d)}
		if g.coin() {
			l.Escape = g.expr(d)
		}
		return l
	case 10:
		q := &ast.Quantified{X: g.expr(d), Op: g.operator(), All: g.coin()}
		if g.coin() {
			q.Query = g.query(d)
		} else {
			q.Array = &ast.Array{Elems: g.exprs(d, 2)}
		}
		return q
	case 11:
		return &ast.Subquery{Kind: ast.SubqueryKind(g.IntN(3)), Query: g.query(d)}
	case 12:
		return &ast.Array{Elems: g.exprs(d, 3)}
	case 13:
		return &ast.Row{Fields: g.exprs(d, 3)}
	case 14:
		c := &ast.Case{Whens: []ast.When{{Cond: g.expr(d), Result: g.expr(d)}}}
		if g.coin() {
			c.Operand = g.expr(d)
		}
		if g.coin() {
			c.Else = g.expr(d)
		}
		return c
	case 15:
		return &ast.Cast{X: g.expr(d), Type: g.typeName()}
	case 16:
		return &ast.Collate{X: g.expr(d), Name: ast.Name{Parts: g.qualified()}}
	case 17:
		s := &ast.Subscript{X: g.expr(d), Slice: g.coin(), Lo: g.expr(d)}
		if s.Slice && g.coin() {
			s.Hi = g.expr(d)
		}
		return s
	case 18:
		f := &ast.FieldSelect{X: g.expr(d), Star: g.IntN(4) == 0}
		if !f.Star {
			f.Field = g.name()
		}
		return f
	default:
		return g.call(d)
	}
}

func (g generator) call(d int) ast.Expr {
	forms := []ast.FuncForm{ast.FormPlain, ast.FormPlain, ast.FormAtZone, ast.FormSubstr, ast.FormOverlay, ast.FormExtract, ast.FormPosition, ast.FormTrim}
	f := &ast.Func{Form: forms[g.IntN(len(forms))], Name: ast.Name{Parts: []string{"f"}}}
	n := 2
	switch f.Form {
	case ast.FormAtZone:
		f.Name.Parts[0] = "timezone"
	case ast.FormSubstr:
		f.Name.Parts[0] = "substring"
		n = 2 + g.IntN(2)
	case ast.FormOverlay:
		f.Name.Parts[0] = "overlay"
		n = 3 + g.IntN(2)
	case ast.FormPosition:
		f.Name.Parts[0] = "position"
	case ast.FormTrim:
		f.Name.Parts[0] = []string{"ltrim", "rtrim", "btrim"}[g.IntN(3)]
		n = 1 + g.IntN(2)
	case ast.FormExtract:
		f.Name.Parts[0] = "extract"
		f.Args = []ast.Arg{{Value: &ast.String{Value: "year"}}}
		n = 1
	default:
		return g.plainCall(d, f)
	}
	for range n {
		f.Args = append(f.Args, ast.Arg{Value: g.expr(d)})
	}
	return f
}

func (g generator) plainCall(d int, f *ast.Func) ast.Expr {
	f.Name.Parts = g.qualified()
	for _, x := range g.exprs(d, 3) {
		a := ast.Arg{Value: x}
		if g.IntN(4) == 0 {
			a.Name = g.name()
		}
		f.Args = append(f.Args, a)
	}
	f.Distinct = g.IntN(5) == 0
	f.Variadic = g.IntN(5) == 0
	if g.IntN(4) == 0 {
		f.OrderBy = g.sort(d)
	}
	if g.IntN(4) == 0 {
		f.Filter = g.expr(d)
	}
	switch g.IntN(5) {
	case 0:
		f.Over = &ast.WindowSpec{Name: g.name()}
	case 1:
		f.Over = &ast.WindowSpec{PartitionBy: g.exprs(d, 2), OrderBy: g.sort(d), Frame: &ast.Frame{Mode: "ROWS",
			Start: ast.FrameBound{Kind: "PRECEDING", Offset: g.expr(d)}, End: ast.FrameBound{Kind: "CURRENT ROW"}}}
	}
	return f
}

func (g generator) sort(d int) []ast.SortItem {
	return []ast.SortItem{{X: g.expr(d), Desc: g.coin(), NullsFirst: g.coin()}}
}

func (g generator) query(depth int) *ast.Query {
	q := &ast.Query{Body: g.body(depth)}
	if g.IntN(3) == 0 {
		q.OrderBy = g.sort(depth - 1)
	}
	if g.IntN(3) == 0 {
		q.Limit = &ast.Param{N: 1}
	}
	if g.IntN(5) == 0 {
		q.Emit = &ast.Emit{Final: g.coin()}
	}
	if g.IntN(5) == 0 {
		q.AsOf = &ast.AsOf{System: g.expr(depth - 2), Bare: g.coin()}
		if g.coin() {
			q.AsOf.Event = g.expr(depth - 2)
		}
	}
	if depth > 1 && g.IntN(6) == 0 {
		q.With = &ast.With{CTEs: []*ast.CTE{{Name: g.name(), Stmt: g.query(depth - 2)}}}
	}
	return q
}

func (g generator) body(depth int) ast.QueryBody {
	d := depth - 1
	if depth > 1 && g.IntN(5) == 0 {
		return &ast.SetOp{Op: []string{"UNION", "INTERSECT", "EXCEPT"}[g.IntN(3)], All: g.coin(), Left: g.body(d), Right: g.body(d)}
	}
	if g.IntN(8) == 0 {
		return &ast.Values{Rows: [][]ast.Expr{g.exprs(d, 2), g.exprs(d, 2)}}
	}
	s := &ast.Select{Distinct: g.IntN(5) == 0}
	for _, x := range g.exprs(d, 3) {
		item := ast.SelectItem{X: x}
		if g.coin() {
			item.Alias = g.name()
		}
		s.Items = append(s.Items, item)
	}
	for range g.IntN(3) {
		s.From = append(s.From, g.table(d))
	}
	if g.coin() {
		s.Where = g.expr(d)
	}
	if g.IntN(3) == 0 {
		s.GroupBy = []ast.GroupItem{{X: g.expr(d)}, {Kind: ast.GroupRollup, Items: []ast.GroupItem{{X: g.leaf()}, {Kind: ast.GroupEmpty}}}}
		s.Having = g.expr(d)
	}
	return s
}

func (g generator) table(depth int) ast.TableExpr {
	d := depth - 1
	switch {
	case depth > 0 && g.IntN(3) == 0:
		j := &ast.Join{Kind: ast.JoinKind(g.IntN(5)), Left: g.table(d), Right: g.table(d)}
		if j.Kind != ast.JoinCross {
			j.On = g.expr(d)
		}
		return j
	case depth > 0 && g.IntN(3) == 0:
		return &ast.Derived{Lateral: g.coin(), Query: g.query(d), Alias: &ast.Alias{Name: g.name()}}
	}
	r := &ast.Relation{Name: ast.Name{Parts: g.qualified()}}
	if g.coin() {
		r.Alias = &ast.Alias{Name: g.name()}
	}
	return r
}
