package bind

import (
	"slices"
	"strings"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/parser"
	"github.com/tarndb/tarn/sql/sqlerr"
)

// object finds the relation that a name means.
func (b *binder) object(n ast.Name) (*catalog.Object, error) {
	if len(n.Parts) > 3 {
		return nil, sqlerr.New(sqlerr.SyntaxError, "improper relation name (too many dotted names): %s", quoted(n.Parts)).At(n.Pos)
	}
	o := b.cat.Find(n.Schema(), n.Base(), b.path)
	if o != nil && !o.Kind.Readable() {
		return nil, sqlerr.New(sqlerr.WrongObjectType, "\"%s\" is a %s", o.Name, o.Kind).At(n.Pos).
			WithHint("A %s has no rows of its own to read or write.", o.Kind)
	}
	if o != nil {
		return o.As(b.seen[o.ID]), nil
	}
	if s := n.Schema(); s != "" && !b.cat.HasSchema(s) {
		return nil, sqlerr.New(sqlerr.UndefinedTable, "relation \"%s\" does not exist", quoted(n.Parts)).At(n.Pos)
	}
	err := sqlerr.New(sqlerr.UndefinedTable, "relation \"%s\" does not exist", quoted(n.Parts)).At(n.Pos)
	if best := b.nearestRelation(n.Base()); best != "" {
		err.Hint = "Perhaps you meant \"" + best + "\"."
	}
	return nil, err
}

func (b *binder) nearestRelation(name string) string {
	var names []string
	for _, o := range b.cat.Objects() {
		if o.Kind != catalog.System && o.Kind.Readable() && slices.Contains(b.path, o.Schema) {
			names = append(names, o.Name)
		}
	}
	best := nearest(name, names)
	if best != "" && distance(best, name) > max(len(name)/3, 1) {
		return "" // PostgreSQL gives no hint at all: only name what is close
	}
	return best
}

func (b *binder) relation(t *ast.Relation, s *scope) (*item, error) {
	if err := b.count(t.Pos); err != nil {
		return nil, err
	}
	if t.Sample != nil {
		return nil, unsupported(t.Sample.Pos, "TABLESAMPLE")
	}
	if len(t.Name.Parts) == 1 {
		if c := s.ctes.find(t.Name.Base()); c != nil {
			if len(t.Travel) > 0 {
				return nil, sqlerr.New(sqlerr.WrongObjectType, "AS OF cannot be applied to WITH query \"%s\"", c.def.Name).At(t.Travel[0].Pos)
			}
			n, err := b.cteNode(c, t.Pos)
			if err != nil {
				return nil, err
			}
			return aliased(n, t.Alias, c.def.Name, t.Pos)
		}
	}
	o, err := b.object(t.Name)
	if err != nil {
		return nil, err
	}
	b.dependOn(o.ID)
	n, err := b.travelled(o, t)
	if err != nil {
		return nil, err
	}
	it, err := aliased(n, t.Alias, o.Name, t.Pos)
	if err != nil {
		return nil, err
	}
	it.tables[0].object = o
	it.star = it.tables[0].visible()
	if t.Alias == nil || t.Alias.Name == "" {
		it.tables[0].schema = o.Schema
	}
	return it, nil
}

// travelled reads o at the times that FOR … AS OF names.
func (b *binder) travelled(o *catalog.Object, t *ast.Relation) (plan.Node, error) {
	event, system := b.eventTime, b.systemTime
	defer func() { b.eventTime, b.systemTime = event, system }()
	for _, tr := range t.Travel {
		if tr.Until != nil {
			return nil, unsupported(tr.Pos, "FOR … BETWEEN")
		}
		if b.opt.Standing {
			return nil, sqlerr.New(sqlerr.FeatureNotSupported, "AS OF is not supported in a query that is maintained").At(tr.Pos)
		}
		when, err := b.time(tr.At, tr.Event)
		if err != nil {
			return nil, err
		}
		switch {
		case when.epoch != nil:
			return nil, unsupported(tr.Pos, "an epoch as the time of one relation")
		case tr.Event:
			b.eventTime = when.micros
		default:
			b.systemTime = when.micros
		}
	}
	return b.read(o, t.Pos)
}

// read is o's rows at the times in force: a scan, or the query of a view. At an
// event time a materialized view is its query as well, because only base
// relations know event times.
func (b *binder) read(o *catalog.Object, pos int) (plan.Node, error) {
	if o.Kind == catalog.View || o.Kind == catalog.MatView && b.eventTime != nil {
		return b.expandView(o, pos)
	}
	if o.Kind == catalog.System && b.opt.Standing {
		return nil, sqlerr.New(sqlerr.FeatureNotSupported, "system relation \"%s\" cannot be read in a query that is maintained", o.Name).At(pos).
			WithHint("System relations are computed when they are read.")
	}
	return b.scan(o), nil
}

func (b *binder) scan(o *catalog.Object) *plan.Scan {
	n := &plan.Scan{Object: o.ID, Kind: o.PlanKind(), Name: b.display(o), RowtimeCol: o.Rowtime(), SystemTime: b.systemTime, Keyed: len(o.PrimaryKey) > 0}
	if o.Kind == catalog.System {
		n.SystemTime = nil
	} else {
		n.EventTime = b.eventTime
	}
	for i, c := range o.Columns {
		n.Fields = append(n.Fields, i)
		n.Cols = append(n.Cols, plan.Column{Name: c.Name, Type: c.Type, Table: o.ID, Attnum: i + 1})
	}
	n.P = plan.Props{AppendOnly: o.Kind == catalog.Stream || o.Kind == catalog.MatView && o.AppendOnly, Watermark: -1}
	if len(o.PrimaryKey) > 0 && (n.EventTime == nil || o.Kind == catalog.Table) {
		n.P.Keys = [][]int{slices.Clone(o.PrimaryKey)}
	}
	if o.Kind == catalog.Stream {
		n.P.Watermark = o.Rowtime()
		n.DropLate = b.final && n.P.Watermark >= 0
	}
	return n
}

// display is o's name, with its schema where the search path would not find it.
func (b *binder) display(o *catalog.Object) string {
	if x := b.cat.Find("", o.Name, b.path); x != nil && x.ID == o.ID {
		return o.Name
	}
	return o.Schema + "." + o.Name
}

// expandView binds the query of a view where its name stands.
func (b *binder) expandView(o *catalog.Object, pos int) (plan.Node, error) {
	if err := b.enter(pos); err != nil {
		return nil, err
	}
	defer b.leave()
	if slices.Contains(b.views, o.ID) {
		return nil, sqlerr.New(sqlerr.InvalidObjectDefinition, "infinite recursion detected in rules for relation \"%s\"", o.Name).At(pos)
	}
	q, err := ParseQuery(o.SQL)
	if err != nil {
		return nil, viewError(o, err, pos)
	}
	path, env, final, params, seen := b.path, b.env, b.final, b.params, b.seen
	b.views = append(b.views, o.ID)
	defer func() {
		b.path, b.env, b.final, b.params, b.seen = path, env, final, params, seen
		b.views = b.views[:len(b.views)-1]
	}()
	b.params, b.seen = nil, o.Seen
	if p, ok := o.Settings["search_path"]; ok {
		b.path = splitPath(p)
	}
	b.env = envOf(o, env)
	body := *q
	body.Emit = nil
	n, err := b.viewBody(&body, q.Emit)
	if err != nil {
		return nil, viewError(o, err, pos)
	}
	names := plan.ColumnNames(n)
	for i := range names {
		if i < len(o.Columns) {
			names[i] = o.Columns[i].Name
		}
	}
	out := plan.NewProject(n, plan.Refs(n), names)
	for i := range out.Cols {
		out.Cols[i].Table, out.Cols[i].Attnum = o.ID, i+1
	}
	return out, nil
}

// viewError puts the view's name before an error in it; positions in its text
// mean nothing to the reader of the statement.
func viewError(o *catalog.Object, err error, pos int) error {
	e := *sqlerr.From(err)
	e.Position = pos
	e.Where = strings.TrimSpace("view \"" + o.Name + "\" " + e.Where)
	return &e
}

// ParseQuery parses the text of one query.
func ParseQuery(sql string) (*ast.Query, error) {
	stmts, err := parser.Parse(sql)
	if err != nil {
		return nil, err
	}
	if len(stmts) == 1 {
		if q, ok := stmts[0].Stmt.(*ast.Query); ok {
			return q, nil
		}
	}
	return nil, sqlerr.New(sqlerr.InternalError, "stored query is not a query")
}
