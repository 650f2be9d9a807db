package bind

import (
	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// named is a column that a name can mean: its value over the scope's row.
type named struct {
	name string
	e    expr.Expr
}

// tableRef is a relation of FROM under its alias.
type tableRef struct {
	name   string
	schema string // set where the alias is the relation's own name
	cols   []named
	object *catalog.Object
	scalar bool // a function's one column, which the alias alone means too
}

// visible are the columns that * means.
func (t *tableRef) visible() []named {
	if t.object == nil {
		return t.cols
	}
	return t.those(func(c *catalog.Column) bool { return !c.Hidden })
}

// those are the columns whose definitions are wanted.
func (t *tableRef) those(wanted func(*catalog.Column) bool) []named {
	out := make([]named, 0, len(t.cols))
	for i, c := range t.cols {
		if i >= len(t.object.Columns) || wanted(&t.object.Columns[i]) {
			out = append(out, c)
		}
	}
	return out
}

// item is a relation or a tree of joins in FROM: its plan, and what its columns
// are called. star is what * means, in order; a column merged by USING stands
// there once, before the others.
type item struct {
	node   plan.Node
	tables []*tableRef
	star   []named
	// lateral is the scope that LATERAL items to the right see it through.
	lateral *scope
	// order is that of the rows, of a subquery with ORDER BY: what has no order
	// of its own keeps it.
	order []sortKey
}

// shifted returns the names of i over a row in which i's columns start at by.
func (i *item) shifted(by int) *item {
	out := &item{node: i.node, star: shiftNamed(i.star, by)}
	for _, t := range i.tables {
		c := *t
		c.cols = shiftNamed(t.cols, by)
		out.tables = append(out.tables, &c)
	}
	return out
}

func shiftNamed(in []named, by int) []named {
	out := make([]named, len(in))
	for k, c := range in {
		out[k] = named{c.name, shift(c.e, by)}
	}
	return out
}

// scope is what names mean at one level of a query. Scopes of enclosing queries
// (and, for LATERAL, of the relations to the left) are its parents.
type scope struct {
	parent *scope
	from   *item
	ctes   *cteList
	extra  []expr.Expr // expressions that compareAll made columns of
}

// lookup finds what a (possibly qualified) name means, in this scope or the
// nearest one around it.
func (s *scope) lookup(ref *ast.ColumnRef) (expr.Expr, string, error) {
	for level := s; level != nil; level = level.parent {
		e, name, err := level.find(ref)
		if err != nil {
			return nil, "", err
		}
		if e == nil {
			continue
		}
		if level != s {
			e = level.outer(e, ref.Pos)
		}
		return e, name, nil
	}
	return nil, "", s.missing(ref)
}

// outer makes the columns in e references from an inner query.
func (s *scope) outer(e expr.Expr, pos int) expr.Expr {
	return replace(e, func(e expr.Expr) expr.Expr {
		if c, ok := e.(*expr.Column); ok {
			return &outer{Column: *c, of: s, pos: pos}
		}
		return nil
	})
}

// find looks in this scope alone; nil: not here.
func (s *scope) find(ref *ast.ColumnRef) (expr.Expr, string, error) {
	if s.from == nil {
		return nil, "", nil
	}
	name := ref.Parts[len(ref.Parts)-1]
	if len(ref.Parts) == 1 {
		e, err := pick(s.from.star, name, ref)
		if e != nil || err != nil {
			return e, name, err
		}
		if e, err := s.hidden(name, ref); e != nil || err != nil {
			return e, name, err
		}
		if len(s.from.tables) == 1 {
			if e := s.from.tables[0].system(name); e != nil {
				return e, name, nil
			}
		}
		// A relation's name alone is its row.
		t, err := s.table("", name, ref.Pos)
		if t == nil || err != nil {
			return nil, "", err
		}
		return wholeRow(t), name, nil
	}
	schema := ""
	if len(ref.Parts) > 2 {
		schema = ref.Parts[len(ref.Parts)-3]
	}
	t, err := s.table(schema, ref.Parts[len(ref.Parts)-2], ref.Pos)
	if t == nil || err != nil {
		return nil, "", err
	}
	e, err := pick(t.cols, name, ref)
	if err == nil && e == nil {
		if e = t.system(name); e == nil {
			err = t.missing(ref, name)
		}
	}
	return e, name, err
}

// frozenTransaction is the xmin of rows that are older than any transaction.
const frozenTransaction = 2

// system is a column that every relation has in PostgreSQL, nil for other names.
// Rows of the catalogs are of one transaction, since clients ask which are newer
// than the last that they saw; rows of tables have no transaction's number here.
func (t *tableRef) system(name string) expr.Expr {
	switch {
	case t.object == nil:
	case name == "tableoid":
		return &expr.Const{Typ: types.Oid, Val: types.Int(int64(t.object.ID))}
	case name == "xmin" && t.object.Kind == catalog.System:
		return &expr.Const{Typ: types.Oid, Val: types.Int(frozenTransaction)}
	}
	return nil
}

// hidden finds an unqualified name among the hidden columns.
func (s *scope) hidden(name string, ref *ast.ColumnRef) (expr.Expr, error) {
	var all []named
	for _, t := range s.from.tables {
		if t.object != nil {
			all = append(all, t.those(func(c *catalog.Column) bool { return c.Hidden })...)
		}
	}
	return pick(all, name, ref)
}

func pick(cols []named, name string, ref *ast.ColumnRef) (expr.Expr, error) {
	var found expr.Expr
	for _, c := range cols {
		if c.name != name {
			continue
		}
		if found != nil {
			return nil, sqlerr.New(sqlerr.AmbiguousColumn, "column reference \"%s\" is ambiguous", name).At(ref.Pos)
		}
		found = c.e
	}
	return found, nil
}

func (s *scope) table(schema, name string, pos int) (*tableRef, error) {
	if s.from == nil {
		return nil, nil
	}
	var found *tableRef
	for _, t := range s.from.tables {
		if t.name != name || schema != "" && t.schema != schema {
			continue
		}
		if found != nil {
			return nil, sqlerr.New(sqlerr.AmbiguousColumn, "table reference \"%s\" is ambiguous", name).At(pos)
		}
		found = t
	}
	return found, nil
}

func wholeRow(t *tableRef) expr.Expr {
	r := &expr.RowOf{}
	for _, c := range t.visible() {
		r.Args, r.Names = append(r.Args, c.e), append(r.Names, c.name)
	}
	if len(r.Args) == 1 && t.scalar {
		return r.Args[0]
	}
	return r
}

// missing is the error for a qualified column that the relation lacks.
func (t *tableRef) missing(ref *ast.ColumnRef, name string) error {
	err := sqlerr.New(sqlerr.UndefinedColumn, "column %s.%s does not exist", t.name, name).At(ref.Pos)
	var names []string
	for _, c := range t.cols {
		names = append(names, c.name)
	}
	if best := nearest(name, names); best != "" {
		return err.WithHint("Perhaps you meant to reference the column \"%s.%s\".", t.name, best)
	}
	return err
}

// missing is the error for a name that no scope knows.
func (s *scope) missing(ref *ast.ColumnRef) error {
	name := ref.Parts[len(ref.Parts)-1]
	if len(ref.Parts) > 1 {
		table := ref.Parts[len(ref.Parts)-2]
		err := sqlerr.New(sqlerr.UndefinedTable, "missing FROM-clause entry for table \"%s\"", table).At(ref.Pos)
		for level := s; level != nil; level = level.parent {
			if level.from == nil {
				continue
			}
			for _, t := range level.from.tables {
				if t.object != nil && t.object.Name == table && t.name != table {
					err.Message = "invalid reference to FROM-clause entry for table \"" + table + "\""
					return err.WithHint("Perhaps you meant to reference the table alias \"%s\".", t.name)
				}
			}
		}
		return err
	}
	err := sqlerr.New(sqlerr.UndefinedColumn, "column \"%s\" does not exist", name).At(ref.Pos)
	var full []string
	var names []string
	for level := s; level != nil; level = level.parent {
		if level.from == nil {
			continue
		}
		for _, t := range level.from.tables {
			for _, c := range t.cols {
				names = append(names, c.name)
				full = append(full, t.name+"."+c.name)
			}
		}
	}
	if best := nearest(name, names); best != "" {
		for i, n := range names {
			if n == best {
				return err.WithHint("Perhaps you meant to reference the column \"%s\".", full[i])
			}
		}
	}
	return err
}

// nearest is the candidate at the least edit distance from name, "" if none is
// within three edits and half of the name.
func nearest(name string, candidates []string) string {
	best, bestD := "", min(len(name)/2, 3)+1
	if len(name) > 64 {
		return ""
	}
	for _, c := range candidates {
		if len(c) > 64 {
			continue
		}
		if d := distance(name, c); d < bestD {
			best, bestD = c, d
		}
	}
	return best
}

func distance(a, b string) int {
	prev := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := range len(a) {
		cur := make([]int, len(b)+1)
		cur[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			cur[j+1] = min(cur[j]+1, prev[j+1]+1, prev[j]+cost)
		}
		prev = cur
	}
	return prev[len(b)]
}

// expand lists the columns of *, t.* with their names.
func (s *scope) expand(ref *ast.ColumnRef) ([]named, error) {
	if len(ref.Parts) == 0 {
		if s.from == nil || len(s.from.tables) == 0 {
			return nil, sqlerr.New(sqlerr.SyntaxError, "SELECT * with no tables specified is not valid").At(ref.Pos)
		}
		return except(s.from.star, ref)
	}
	schema := ""
	if len(ref.Parts) > 1 {
		schema = ref.Parts[len(ref.Parts)-2]
	}
	for level := s; level != nil; level = level.parent {
		t, err := level.table(schema, ref.Parts[len(ref.Parts)-1], ref.Pos)
		if err != nil {
			return nil, err
		}
		if t == nil {
			continue
		}
		cols := t.visible()
		if level != s {
			cols = append([]named(nil), cols...)
			for i := range cols {
				cols[i].e = level.outer(cols[i].e, ref.Pos)
			}
		}
		return except(cols, ref)
	}
	return nil, s.missing(&ast.ColumnRef{Pos: ref.Pos, Parts: append(append([]string(nil), ref.Parts...), "*")})
}

func except(cols []named, ref *ast.ColumnRef) ([]named, error) {
	if len(ref.Except) == 0 {
		return cols, nil
	}
	var out []named
	used := make([]bool, len(ref.Except))
	for _, c := range cols {
		drop := false
		for i, x := range ref.Except {
			if x.Name == c.name {
				drop, used[i] = true, true
			}
		}
		if !drop {
			out = append(out, c)
		}
	}
	for i, x := range ref.Except {
		if !used[i] {
			return nil, sqlerr.New(sqlerr.UndefinedColumn, "column \"%s\" does not exist", x.Name).At(x.Pos)
		}
	}
	return out, nil
}

// itemOf makes a FROM item of a plan under one alias.
func itemOf(n plan.Node, alias string, object *catalog.Object) *item {
	t := &tableRef{name: alias, object: object}
	if object != nil {
		t.schema = object.Schema
	}
	for i, c := range n.Columns() {
		t.cols = append(t.cols, named{c.Name, &expr.Column{Idx: i, Typ: c.Type, Name: c.Name}})
	}
	return &item{node: n, tables: []*tableRef{t}, star: t.cols}
}

func isBool(t types.Type) bool { return t.OID == types.OIDBool }
