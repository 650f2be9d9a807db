package planner

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/planner/bind"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/planner/rewrite"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/parser"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// world is a catalog that statements build up.
type world struct {
	cat  *catalog.Snapshot
	next uint64
}

func newWorld() *world { return &world{cat: catalog.New(systemObjects()), next: catalog.FirstUserID} }

// systemObjects are enough of pg_catalog for the statements of the tests.
func systemObjects() []*catalog.Object {
	col := func(name string, t types.Type) catalog.Column { return catalog.Column{Name: name, Type: t} }
	oid, name, b, i2, i4, text := types.Oid, types.Name, types.Bool, types.Int2, types.Int4, types.Text
	ch := types.Char
	rel := func(id uint64, n string, cols ...catalog.Column) *catalog.Object {
		return &catalog.Object{ID: id, Schema: "pg_catalog", Name: n, Kind: catalog.System, Columns: cols, PrimaryKey: []int{0}}
	}
	return []*catalog.Object{
		rel(1259, "pg_class", col("oid", oid), col("relname", name), col("relnamespace", oid), col("relowner", oid), col("relam", oid),
			col("relkind", ch), col("relchecks", i2), col("relhasindex", b), col("reloptions", types.TextArray), col("reltoastrelid", oid)),
		rel(2615, "pg_namespace", col("oid", oid), col("nspname", name)),
		{ID: 1249, Schema: "pg_catalog", Name: "pg_attribute", Kind: catalog.System, Columns: []catalog.Column{col("attrelid", oid), col("attname", name), col("atttypid", oid),
			col("attnum", i2), col("atttypmod", i4), col("attnotnull", b), col("atthasdef", b), col("attisdropped", b), col("attcollation", oid)}},
		rel(2604, "pg_attrdef", col("oid", oid), col("adrelid", oid), col("adnum", i2), col("adbin", text)),
		rel(3456, "pg_collation", col("oid", oid), col("collname", name)),
		rel(1247, "pg_type", col("oid", oid), col("typname", name), col("typcollation", oid)),
		rel(1260, "pg_roles", col("oid", oid), col("rolname", name)),
		rel(3256, "pg_policy", col("oid", oid), col("polname", name), col("polrelid", oid), col("polroles", types.Type{OID: types.OIDOidArray, Mod: -1})),
	}
}

func (w *world) options() Options {
	return Options{Catalog: w.cat, SearchPath: []string{"public"}, Env: types.NewEnv()}
}

func (w *world) add(o *catalog.Object) {
	o.ID = w.next
	w.next++
	w.cat = w.cat.Apply([]catalog.Change{{Op: catalog.Put, Object: o}})
}

// run plans each statement of sql and prints what comes of it.
func (w *world) run(cmd, sql string, verbose bool) string {
	stmts, err := parser.Parse(sql)
	if err != nil {
		return errorText(err, sql)
	}
	var out []string
	for _, s := range stmts {
		lines, err := w.statement(cmd, s.Stmt, verbose)
		if err != nil {
			out = append(out, errorText(err, sql))
			break
		}
		out = append(out, lines...)
	}
	return strings.Join(out, "\n") + "\n"
}

func (w *world) statement(cmd string, s ast.Statement, verbose bool) ([]string, error) {
	opt := w.options()
	switch s := s.(type) {
	case *ast.CreateSink, *ast.CreateConnection:
		return w.connector(cmd, s)
	case *ast.CreateTable:
		if IsSource(s) || s.Query != nil {
			return w.connector(cmd, s)
		}
		o, err := BindTableDef(s, opt)
		if err != nil {
			return nil, err
		}
		w.add(o)
		return []string{describe(o)}, nil
	case *ast.CreateView:
		v, err := BindView(s, opt)
		if err != nil {
			return nil, err
		}
		w.add(v.Object)
		lines := append([]string{describe(v.Object)}, plan.Print(v.Query.Root, verbose)...)
		return append(lines, notices(v.Query.Notices)...), nil
	case *ast.Query:
		opt.Standing = cmd == "standing"
		q, err := PlanSelect(s, opt)
		if err != nil {
			return nil, err
		}
		return describeQuery(q, verbose), nil
	case *ast.Subscribe:
		q, err := PlanSubscribe(s, opt)
		if err != nil {
			return nil, err
		}
		return describeQuery(q, verbose), nil
	case *ast.Insert:
		return describeDML(PlanInsert(s, opt))
	case *ast.Update:
		return describeDML(PlanUpdate(s, opt))
	case *ast.Delete:
		return describeDML(PlanDelete(s, opt))
	}
	return nil, fmt.Errorf("statement %T", s)
}

func describe(o *catalog.Object) string {
	cols := make([]string, len(o.Columns))
	for i, c := range o.Columns {
		cols[i] = c.Name + " " + c.Type.String()
		if c.NotNull {
			cols[i] += " not null"
		}
		if c.Default != "" {
			cols[i] += " default " + c.Default
		}
		if c.Generated != "" {
			cols[i] += " generated " + c.Generated
		}
	}
	s := fmt.Sprintf("%s %s.%s (%s) key=%v", o.Kind, o.Schema, o.Name, strings.Join(cols, ", "), o.PrimaryKey)
	for _, c := range o.Checks {
		s += fmt.Sprintf(" check %s: %s", c.Name, c.Expr)
	}
	if o.Watermark != nil {
		s += fmt.Sprintf(" watermark=%+v", *o.Watermark)
	}
	if len(o.Options) > 0 {
		s += fmt.Sprintf(" with %v", o.Options)
	}
	if o.AppendOnly {
		s += " append-only"
	}
	return s
}

func describeQuery(q *Query, verbose bool) []string {
	lines := plan.Print(q.Root, verbose)
	if len(q.Params) > 0 {
		lines = append(lines, fmt.Sprintf("params: %v", q.Params))
	}
	if q.Emit != EmitNone {
		lines = append(lines, fmt.Sprintf("emit: %d", q.Emit))
	}
	if q.AsOf.System != nil || q.AsOf.Epoch != nil || q.AsOf.Event != nil || q.AsOf.Unbound {
		s := "as of:"
		if q.AsOf.System != nil {
			s += fmt.Sprint(" system ", *q.AsOf.System)
		}
		if q.AsOf.Epoch != nil {
			s += fmt.Sprint(" epoch ", *q.AsOf.Epoch)
		}
		if q.AsOf.Event != nil {
			s += fmt.Sprint(" event ", *q.AsOf.Event)
		}
		if q.AsOf.Unbound {
			s += " unbound"
		}
		lines = append(lines, s)
	}
	return append(lines, notices(q.Notices)...)
}

func notices(ns []*sqlerr.Error) (out []string) {
	for _, n := range ns {
		s := "NOTICE: " + n.Message
		if n.Hint != "" {
			s += " | " + n.Hint
		}
		out = append(out, s)
	}
	return out
}

func describeDML(d *DML, err error) ([]string, error) {
	if err != nil {
		return nil, err
	}
	lines := plan.Print(d.Source, false)
	if d.OnConflict != nil {
		lines = append(lines, fmt.Sprintf("on conflict %v nothing=%v set=%d", d.OnConflict.Key, d.OnConflict.DoNothing, len(d.OnConflict.Set)))
	}
	if d.Returning != nil {
		var names []string
		for _, c := range d.ReturningColumns {
			names = append(names, c.Name+" "+c.Type.String())
		}
		lines = append(lines, "returning "+strings.Join(names, ", "))
	}
	if len(d.Params) > 0 {
		lines = append(lines, fmt.Sprintf("params: %v", d.Params))
	}
	return lines, nil
}

// errorText shows an error with its code, position in the text and hint.
func errorText(err error, sql string) string {
	e := sqlerr.From(err)
	s := fmt.Sprintf("ERROR %s: %s", e.Code, e.Message)
	if e.Position > 0 && e.Position <= len(sql) {
		rest := sql[e.Position-1:]
		if len(rest) > 20 {
			rest = rest[:20]
		}
		s += fmt.Sprintf("\n  at %d: %s", e.Position, strings.SplitN(rest, "\n", 2)[0])
	}
	if e.Detail != "" {
		s += "\n  detail: " + e.Detail
	}
	if e.Hint != "" {
		s += "\n  hint: " + e.Hint
	}
	return s
}

func TestPlans(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		w := newWorld()
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			return w.run(d.Cmd, d.Input, d.HasArg("verbose"))
		})
	})
}

// TestPasses shows what each rewriting pass does by itself: the plan as the passes
// before leave it, and after the pass.
func TestPasses(t *testing.T) {
	seen := map[string]bool{}
	datadriven.Walk(t, "testdata_rewrite", func(t *testing.T, path string) {
		w := newWorld()
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd == "ddl" {
				return w.run(d.Cmd, d.Input, false)
			}
			stmts, err := parser.Parse(d.Input)
			if err != nil {
				return errorText(err, d.Input)
			}
			opt := w.options()
			opt.Standing = d.HasArg("standing")
			q, err := bind.Select(stmts[0].Stmt.(*ast.Query), opt)
			if err != nil {
				return errorText(err, d.Input)
			}
			name := strings.ReplaceAll(d.Cmd, "-", " ")
			root := q.Root
			for _, p := range rewrite.Passes() {
				before := root
				root = p.Run(root)
				if p.Name == name {
					seen[name] = true
					return strings.Join(plan.Print(before, false), "\n") + "\n=>\n" + strings.Join(plan.Print(root, false), "\n") + "\n"
				}
			}
			return "no pass " + name
		})
	})
	for _, p := range rewrite.Passes() {
		if !seen[p.Name] && !strings.HasSuffix(p.Name, " again") {
			t.Errorf("pass %q has no test", p.Name)
		}
	}
}

// Same text and catalog, same plan: in print and by fingerprint.
func TestDeterministic(t *testing.T) {
	const schema = `CREATE TABLE a (k int PRIMARY KEY, x int, y text); CREATE STREAM s (k int, v numeric, at timestamptz, WATERMARK FOR at AS at);`
	const sql = `SELECT a.y, sum(s.v), count(DISTINCT s.k) FROM a JOIN s USING (k) WHERE EXISTS (SELECT FROM s t WHERE t.k = a.x) GROUP BY CUBE (a.y, s.k)`
	var first string
	var hash uint64
	for i := range 20 {
		w := newWorld()
		w.run("", schema, false)
		stmts, err := parser.Parse(sql)
		if err != nil {
			t.Fatal(err)
		}
		q, err := PlanSelect(stmts[0].Stmt.(*ast.Query), w.options())
		if err != nil {
			t.Fatal(err)
		}
		text, h := strings.Join(Explain(q.Root, true), "\n"), Fingerprint(q.Root)
		if i == 0 {
			first, hash = text, h
		}
		if text != first || h != hash {
			t.Fatalf("plan differs between runs:\n%s\n%s", first, text)
		}
	}
}

// Nesting ends with 54001, never with a stack overflow.
func TestDepth(t *testing.T) {
	w := newWorld()
	deep := "SELECT 1 AS x"
	for range 300 {
		deep = "SELECT x FROM (" + deep + ") t"
	}
	got := w.run("", deep, false)
	if !strings.Contains(got, "54001") {
		t.Fatalf("got %.200s", got)
	}
	ctes := "WITH c0 AS (SELECT 1 AS x)"
	for i := 1; i < 40; i++ {
		ctes += fmt.Sprintf(", c%d AS (SELECT a.x FROM c%d a, c%d b)", i, i-1, i-1)
	}
	if got := w.run("", ctes+" SELECT * FROM c39", false); !strings.Contains(got, "54001") {
		t.Fatalf("got %.200s", got)
	}
}
