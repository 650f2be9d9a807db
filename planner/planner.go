// Package planner turns statements into plans: bind gives names and types a
// meaning, rewrite makes the plan fast, and what is known of the result
// (columns, parameters, dependencies, notices) comes with it.
//
// Invariants
//   - Planning reads the catalog snapshot it is given and nothing else.
//   - The same statement over the same snapshot gives the same plan, byte by byte
//     in print and fingerprint.
package planner

import (
	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/planner/bind"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/planner/rewrite"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

type (
	// Options are what planning depends on beside the statement.
	Options = bind.Options
	// Query is a planned query.
	Query = bind.Query
	// AsOf is the time at which a query reads.
	AsOf = bind.AsOf
	// DML is a planned INSERT, UPDATE or DELETE.
	DML = bind.DML
	// OnConflict is ON CONFLICT of an INSERT.
	OnConflict = bind.OnConflict
	// Check is a CHECK constraint over a row to be written.
	Check = bind.Check
	// Emit says how a query gives its rows.
	Emit = bind.Emit
)

// The kinds of Emit.
const (
	EmitNone    = bind.EmitNone
	EmitChanges = bind.EmitChanges
	EmitFinal   = bind.EmitFinal
)

// PlanSelect plans a query statement. One with EMIT, or with opt.Standing, is
// planned to be maintained.
func PlanSelect(q *ast.Query, opt Options) (*Query, error) {
	out, err := bind.Select(q, opt)
	if err != nil {
		return nil, err
	}
	if !opt.Standing && out.Emit == EmitNone {
		return finish(out), nil
	}
	return maintained(out, opt, true)
}

// PlanSubscribe plans what a SUBSCRIBE watches. For SUBSCRIBE TO v of a
// materialized view the plan is one Scan.
func PlanSubscribe(s *ast.Subscribe, opt Options) (*Query, error) {
	opt.Standing = true
	opt.AsOfEvent, opt.AsOfSystem = nil, nil
	if s.Query != nil {
		return PlanSelect(s.Query, opt)
	}
	out, _, err := bind.Relation(s.Name, opt)
	if err != nil {
		return nil, err
	}
	return finish(out), nil
}

// PlanRelation plans reading all of a relation, as TABLE t and COPY t TO do.
func PlanRelation(name ast.Name, opt Options) (*Query, *catalog.Object, error) {
	out, o, err := bind.Relation(name, opt)
	if err != nil {
		return nil, nil, err
	}
	return finish(out), o, nil
}

func finish(q *Query) *Query {
	q.Root = rewrite.All(q.Root)
	return q
}

// maintained finishes a query that will be maintained; told: with a notice where
// its state grows for ever.
func maintained(q *Query, opt Options, told bool) (*Query, error) {
	if err := finish(q).Maintained(opt); err != nil {
		return nil, err
	}
	if told {
		if n := growthNotice(q.Root); n != nil {
			q.Notices = append(q.Notices, n)
		}
	}
	return q, nil
}

// PlanInsert plans INSERT.
func PlanInsert(q *ast.Insert, opt Options) (*DML, error) { return finishDML(bind.Insert(q, opt)) }

// PlanUpdate plans UPDATE.
func PlanUpdate(q *ast.Update, opt Options) (*DML, error) { return finishDML(bind.Update(q, opt)) }

// PlanDelete plans DELETE.
func PlanDelete(q *ast.Delete, opt Options) (*DML, error) { return finishDML(bind.Delete(q, opt)) }

func finishDML(d *DML, err error) (*DML, error) {
	if err != nil {
		return nil, err
	}
	d.Source = rewrite.All(d.Source)
	return d, nil
}

// BindTableDef checks CREATE TABLE or CREATE STREAM and returns the object
// without ID, owner and epoch. Whether the name is taken is the caller's to ask.
func BindTableDef(q *ast.CreateTable, opt Options) (*catalog.Object, error) {
	return bind.TableDef(q, opt)
}

// View is a bound CREATE VIEW or CREATE MATERIALIZED VIEW.
type View struct {
	// Object has columns, key, canonical SQL, options and dependencies, but no ID,
	// owner, settings and epoch.
	Object *catalog.Object
	Query  *Query
}

// BindView plans the query of CREATE [MATERIALIZED] VIEW.
func BindView(q *ast.CreateView, opt Options) (*View, error) {
	opt.Standing = q.Materialized
	if err := refuseViewClauses(q); err != nil {
		return nil, err
	}
	bq, err := bind.View(q.Query, q.Columns, opt)
	if err != nil {
		return nil, err
	}
	if !q.Materialized {
		finish(bq)
	} else if _, err = maintained(bq, opt, true); err != nil {
		return nil, err
	}
	o, err := bind.ViewObject(q, bq, opt)
	if err != nil {
		return nil, err
	}
	return &View{Object: o, Query: bq}, nil
}

func refuseViewClauses(q *ast.CreateView) error {
	word := ""
	switch {
	case q.Replacement:
		word = "CREATE REPLACEMENT MATERIALIZED VIEW"
	case q.Recursive:
		word = "CREATE RECURSIVE VIEW"
	case q.Check != "":
		word = "WITH CHECK OPTION"
	case q.NoData:
		word = "WITH NO DATA"
	case q.LateData != "" && q.LateData != "DROP":
		word = "LATE DATA " + q.LateData
	case q.Persistence == "TEMPORARY" || q.Persistence == "TEMP":
		word = "a temporary view"
	case q.Cluster != "" && q.Cluster != "default":
		return sqlerr.New(sqlerr.UndefinedObject, "cluster \"%s\" does not exist", q.Cluster).At(q.Pos).WithHint("There is one cluster, default.")
	}
	if word == "" {
		return nil
	}
	return sqlerr.New(sqlerr.FeatureNotSupported, "%s is not supported yet", word).At(q.Pos)
}

// PlanView plans the stored query of a materialized view again, after a restart.
func PlanView(o *catalog.Object, opt Options) (*Query, error) {
	opt.Standing, opt.Seen = true, o.Seen
	q, err := bind.ParseQuery(o.SQL)
	if err != nil {
		return nil, err
	}
	out, err := bind.View(q, nil, opt)
	if err != nil {
		return nil, err
	}
	for i := range out.Columns {
		if i < len(o.Columns) {
			out.Columns[i].Name = o.Columns[i].Name
		}
	}
	return maintained(out, opt, false)
}

// BindExpr binds an expression over the columns of o (nil: no columns) and, if
// to is not the zero Type, coerces it as an assignment: DEFAULT, CHECK, COPY …
// WHERE. where names the place in messages.
func BindExpr(e ast.Expr, o *catalog.Object, to types.Type, where string, opt Options) (expr.Expr, error) {
	return bind.Scalar(e, o, to, where, opt)
}

// BindDefaults returns for each column of o the expression that a row without
// it gets: its default, or NULL. COPY uses it.
func BindDefaults(o *catalog.Object, opt Options) ([]expr.Expr, error) { return bind.Defaults(o, opt) }

// Explain prints a plan for people.
func Explain(n plan.Node, verbose bool) []string { return plan.Print(n, verbose) }

// Fingerprint tells plans apart by what they compute.
func Fingerprint(n plan.Node) uint64 { return plan.Fingerprint(n) }
