package server

import (
	"context"
	"fmt"
	"strings"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/pgwire"
	"github.com/tarndb/tarn/planner"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/parser"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// showQueries are the statements behind SHOW <objects>: a query over sys and the
// catalogs, so that they sort and filter like any other.
var showQueries = map[string]string{
	"STREAMS":            "SELECT schema, name, columns, event_time, watermark, rows FROM sys.streams WHERE %s ORDER BY 1, 2",
	"TABLES":             "SELECT schema, name, columns, rows FROM sys.tables WHERE %s ORDER BY 1, 2",
	"VIEWS":              "SELECT schemaname AS schema, viewname AS name FROM pg_catalog.pg_views WHERE schemaname NOT IN ('pg_catalog', 'information_schema', 'sys') AND %s ORDER BY 1, 2",
	"MATERIALIZED VIEWS": "SELECT schema, name, state, rows, lag_seconds FROM sys.views WHERE %s ORDER BY 1, 2",
	"QUERIES":            "SELECT schema, name, state, rows, lag_seconds FROM sys.views WHERE %s ORDER BY 1, 2",
	"SCHEMAS":            "SELECT nspname AS name FROM pg_catalog.pg_namespace WHERE %s ORDER BY 1",
	"SOURCES":            "SELECT schema, name, topic, state, lag, dead_letters, error FROM sys.sources WHERE %s ORDER BY 1, 2",
	"SINKS":              "SELECT schema, name, follows, target, state, lag_rows, error FROM sys.sinks WHERE %s ORDER BY 1, 2",
	"CONNECTIONS":        "SELECT schema, name, type, brokers FROM sys.connections WHERE %s ORDER BY 1, 2",
	"SECRETS":            "SELECT schema, name FROM sys.secrets WHERE %s ORDER BY 1, 2",
	"SUBSCRIPTIONS":      "SELECT * FROM sys.subscriptions WHERE %s ORDER BY 1",
}

var _ = on[*ast.ShowObjects](verb{tag: "SHOW", reads: true, prepareFn: func(p *prepared) error {
	sh := p.stmt.(*ast.ShowObjects)
	if sh.Kind == "TOPICS" {
		return showTopics(p, sh)
	}
	text, ok := showQueries[sh.Kind]
	if !ok {
		return sqlerr.New(sqlerr.FeatureNotSupported, "SHOW %s is not supported", sh.Kind).At(sh.Pos).
			WithHint("SHOW STREAMS, TABLES, VIEWS, MATERIALIZED VIEWS, QUERIES, SOURCES, SINKS, CONNECTIONS, SECRETS, TOPICS, SCHEMAS or SUBSCRIPTIONS.")
	}
	cond := "true"
	if sh.HasLike {
		cond = "name LIKE '" + strings.ReplaceAll(sh.Like, "'", "''") + "'"
		if sh.Kind == "VIEWS" {
			cond = "viewname" + cond[len("name"):]
		}
		if sh.Kind == "SCHEMAS" {
			cond = "nspname" + cond[len("name"):]
		}
	}
	return p.becomes(fmt.Sprintf(text, cond))
}})

// becomes makes p the query of that text.
func (p *prepared) becomes(sql string) error {
	parsed, err := parser.Parse(sql)
	if err != nil {
		return err
	}
	p.stmt = parsed[0].Stmt
	return prepareQuery(p)
}

var _ = on[*ast.ShowCreate](verb{tag: "SHOW", reads: true, prepareFn: func(p *prepared) error {
	sc := p.stmt.(*ast.ShowCreate)
	var o *catalog.Object
	var err error
	if kind := dropKinds[sc.Kind]; kind.IsRelation() {
		o, err = p.s.relation(sc.Name)
	} else {
		o, err = p.s.ofKind(kind, sc.Name)
	}
	if err != nil {
		return err
	}
	text := createText(p.s.catalog(), o)
	p.cols = []pgwire.Column{{Name: "name", Type: types.Text}, {Name: "create_sql", Type: types.Text}}
	p.open = func(context.Context, []types.Datum) (cursor, error) {
		return textCursor(2, o.Name, text), nil
	}
	return nil
}})

// relation finds a user's or system relation by name.
func (s *session) relation(n ast.Name) (*catalog.Object, error) {
	o := s.catalog().Find(n.Schema(), n.Base(), s.set.searchPath)
	if o == nil {
		return nil, sqlerr.New(sqlerr.UndefinedTable, "relation %q does not exist", strings.Join(n.Parts, ".")).At(n.Pos)
	}
	return o, nil
}

var _ = on[*ast.Describe](verb{tag: "DESCRIBE", reads: true, prepareFn: func(p *prepared) error {
	d := p.stmt.(*ast.Describe)
	if d.Kind != "" && dropKinds[d.Kind] == 0 && d.Kind != "TABLE" {
		return sqlerr.New(sqlerr.FeatureNotSupported, "DESCRIBE %s is not supported", d.Kind).At(d.Pos)
	}
	o, err := p.s.relation(d.Name)
	if err != nil {
		return err
	}
	p.cols = []pgwire.Column{{Name: "name", Type: types.Text}, {Name: "type", Type: types.Text}, {Name: "nullable", Type: types.Text}, {Name: "key", Type: types.Text}}
	p.open = func(context.Context, []types.Datum) (cursor, error) {
		var cells []string
		for _, i := range o.Visible() {
			c := o.Columns[i]
			null, key := "yes", ""
			if c.NotNull {
				null = "no"
			}
			for _, k := range o.PrimaryKey {
				if k == i {
					key = "primary key"
				}
			}
			if o.Rowtime() == i {
				key = strings.TrimSpace(key + " rowtime")
			}
			if c.From != catalog.FromValue {
				key = strings.TrimSpace(key + " from " + strings.TrimSpace(string(c.From)+" "+c.Path))
			}
			cells = append(cells, c.Name, c.Type.String(), null, key)
		}
		return textCursor(4, cells...), nil
	}
	return nil
}})

var _ = on[*ast.Explain](verb{tag: "EXPLAIN", reads: true, prepareFn: func(p *prepared) error {
	x := p.stmt.(*ast.Explain)
	p.cols = []pgwire.Column{{Name: "QUERY PLAN", Type: types.Text}}
	verbose := false
	for _, o := range x.Options {
		switch strings.ToLower(o.Name) {
		case "verbose":
			verbose = true
		case "costs", "timing", "summary", "settings", "buffers":
		case "format":
			if !strings.EqualFold(optionText(o.Value), "text") {
				return sqlerr.New(sqlerr.FeatureNotSupported, "EXPLAIN with FORMAT %s is not supported", strings.ToUpper(optionText(o.Value))).At(o.Pos).WithHint("The one format is TEXT.")
			}
		case "analyze":
			return sqlerr.New(sqlerr.FeatureNotSupported, "EXPLAIN ANALYZE is not supported").At(o.Pos)
		default:
			return sqlerr.New(sqlerr.SyntaxError, "unrecognized EXPLAIN option %q", o.Name).At(o.Pos)
		}
	}
	var lines []string
	if x.Stmt == nil {
		o, err := p.s.relation(x.Name)
		if err != nil {
			return err
		}
		if o.Kind != catalog.MatView && o.Kind != catalog.View {
			return sqlerr.New(sqlerr.WrongObjectType, "%q is not a view", o.Name).At(x.Name.Pos)
		}
		env := envOf(o.Settings)
		q, err := planner.PlanView(o, planner.Options{Catalog: p.s.catalog(), SearchPath: searchPathOf(o.Settings), Env: env})
		if err != nil {
			return err
		}
		lines = planner.Explain(q.Root, verbose)
	} else {
		var err error
		if lines, err = p.s.explain(x.Stmt, p.params, verbose); err != nil {
			return err
		}
	}
	p.open = func(context.Context, []types.Datum) (cursor, error) { return textCursor(1, lines...), nil }
	return nil
}})

func (s *session) explain(stmt ast.Statement, params []types.Type, verbose bool) ([]string, error) {
	switch st := stmt.(type) {
	case *ast.Query:
		q, err := s.plan(st, params)
		if err != nil {
			return nil, err
		}
		if q.peek != nil {
			return append([]string{"Look-up by key"}, planner.Explain(q.Root, verbose)...), nil
		}
		return planner.Explain(q.Root, verbose), nil
	case *ast.Insert, *ast.Update, *ast.Delete:
		d, err := s.planDML(st, params)
		if err != nil {
			return nil, err
		}
		verb, _ := verbOf(st)
		return append([]string{fmt.Sprintf("%s %s", verb.tag, d.Target.Name)}, planner.Explain(d.Source, verbose)...), nil
	case *ast.CreateView:
		v, err := planner.BindView(st, s.options(nil))
		if err != nil {
			return nil, err
		}
		return planner.Explain(v.Query.Root, verbose), nil
	}
	return nil, sqlerr.New(sqlerr.FeatureNotSupported, "EXPLAIN of this statement is not supported").At(stmt.Position())
}
