package server

import (
	"context"

	"github.com/tarndb/tarn/pgwire"
	"github.com/tarndb/tarn/planner"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

var _ = on[*ast.Prepare](verb{tag: "PREPARE", reads: true, bare: true, run: func(_ context.Context, s *session, stmt ast.Statement, _ pgwire.ResultWriter) (pgwire.Outcome, error) {
	p := stmt.(*ast.Prepare)
	top := len(p.Types)
	ast.Walk(p.Stmt, func(n ast.Node) bool {
		if x, ok := n.(*ast.Param); ok {
			top = max(top, x.N)
		}
		return true
	})
	params := make([]types.Type, top)
	for i, t := range p.Types {
		null, err := planner.BindExpr(&ast.Cast{Pos: t.Pos, X: &ast.Null{}, Type: t}, nil, types.Type{}, "PREPARE", s.options(nil))
		if err != nil {
			return pgwire.Outcome{}, err
		}
		params[i] = null.Type()
	}
	inner, err := s.prepare(p.Stmt, params)
	if err != nil {
		return pgwire.Outcome{}, err
	}
	if err := s.names.AddStatement(p.Name, inner); err != nil {
		return pgwire.Outcome{}, err
	}
	return done("PREPARE")
}})

var _ = on[*ast.Execute](verb{tag: "EXECUTE", reads: true, bare: true, prepareFn: func(p *prepared) error {
	e := p.stmt.(*ast.Execute)
	named, err := p.s.names.Statement(e.Name)
	if err != nil {
		return err
	}
	inner, ok := named.(*prepared)
	if !ok {
		return sqlerr.New(sqlerr.InvalidSQLStatementName, "prepared statement %q does not exist", e.Name)
	}
	if len(e.Args) != len(inner.params) && len(inner.params) > 0 {
		return sqlerr.New(sqlerr.SyntaxError, "wrong number of parameters for prepared statement %q", e.Name).
			WithDetail("Expected %d parameters but got %d.", len(inner.params), len(e.Args))
	}
	p.cols = inner.cols
	args := func() ([]types.Datum, error) {
		out := make([]types.Datum, len(inner.params)) // what a statement without parameters is given is ignored
		for i, a := range e.Args[:len(inner.params)] {
			x, err := planner.BindExpr(a, nil, inner.params[i], "EXECUTE", p.s.options(nil))
			if err != nil {
				return nil, err
			}
			if out[i], err = expr.EvalDatum(p.s.evalCtx(nil), x); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	if inner.open != nil {
		p.open = func(ctx context.Context, _ []types.Datum) (cursor, error) {
			if err := inner.check(); err != nil {
				return nil, err
			}
			vals, err := args()
			if err != nil {
				return nil, err
			}
			return inner.open(ctx, vals)
		}
		p.verb = inner.verb
		return nil
	}
	p.run = func(ctx context.Context, _ []types.Datum, out pgwire.ResultWriter) (pgwire.Outcome, error) {
		if err := inner.check(); err != nil {
			return pgwire.Outcome{}, err
		}
		vals, err := args()
		if err != nil {
			return pgwire.Outcome{}, err
		}
		return inner.run(ctx, vals, out)
	}
	return nil
}})

var _ = on[*ast.Deallocate](verb{tag: "DEALLOCATE", reads: true, bare: true, run: func(_ context.Context, s *session, stmt ast.Statement, _ pgwire.ResultWriter) (pgwire.Outcome, error) {
	name := stmt.(*ast.Deallocate).Name
	if name == "" {
		s.names.DropStatements()
		return done("DEALLOCATE ALL")
	}
	if err := s.names.DropStatement(name); err != nil {
		return pgwire.Outcome{}, err
	}
	return done("DEALLOCATE")
}})
