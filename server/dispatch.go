package server

import (
	"context"
	"reflect"

	"github.com/tarndb/tarn/pgwire"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// blockRule says where a statement may stand.
type blockRule uint8

const (
	anywhere  blockRule = iota
	noBlock             // 25001 inside a transaction block
	needBlock           // 25P01 outside of one
)

// verb is one row of the dispatch table: a kind of statement.
type verb struct {
	tag   string // command tag, without counts
	block blockRule
	// reads: may run in a read-only transaction.
	reads bool
	// endsBlock: accepted in a failed block.
	endsBlock bool
	// bare statements do not begin a transaction.
	bare bool
	// prepare resolves names and types: it sets p.cols, p.params and p.run or
	// p.open. nil: the statement has no parameters and no result; run does all.
	prepareFn func(p *prepared) error
	run       func(ctx context.Context, s *session, stmt ast.Statement, out pgwire.ResultWriter) (pgwire.Outcome, error)
}

func (v *verb) prepare(p *prepared) error {
	if v.prepareFn != nil {
		return v.prepareFn(p)
	}
	p.params = nil // those inside belong to a statement inside (PREPARE)
	p.run = func(ctx context.Context, _ []types.Datum, out pgwire.ResultWriter) (pgwire.Outcome, error) {
		return v.run(ctx, p.s, p.stmt, out)
	}
	return nil
}

// verbs is the dispatch table.
var verbs = map[reflect.Type]*verb{}

func on[T ast.Statement](v verb) bool {
	verbs[reflect.TypeFor[T]()] = &v
	return true
}

// verbOf finds a statement's row.
func verbOf(stmt ast.Statement) (*verb, error) {
	if v := verbs[reflect.TypeOf(stmt)]; v != nil {
		return v, nil
	}
	return nil, sqlerr.New(sqlerr.FeatureNotSupported, "%s is not supported", nameOf(stmt)).At(stmt.Position())
}

// nameOf is what users call a statement.
func nameOf(stmt ast.Statement) string {
	switch st := stmt.(type) {
	case *ast.Unsupported:
		return st.Tag
	case *ast.Vacuum:
		if st.Analyze {
			return "ANALYZE"
		}
	case *ast.Control:
		return st.Verb
	case *ast.AlterTable:
		return "ALTER " + st.Kind
	case *ast.CreateConnection:
		return "CREATE " + st.Kind
	case *ast.Maintain:
		return st.Verb
	case *ast.Grant:
		if st.Revoke {
			return "REVOKE"
		}
	case *ast.Flush:
		return st.Verb
	}
	return spell(reflect.TypeOf(stmt).Elem().Name())
}

// spell turns a node's name into words: CreateIndex → CREATE INDEX.
func spell(name string) string {
	var out []byte
	for i := range len(name) {
		c := name[i]
		if c >= 'A' && c <= 'Z' && i > 0 && name[i-1] >= 'a' && name[i-1] <= 'z' {
			out = append(out, ' ')
		}
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		out = append(out, c)
	}
	return string(out)
}

// prepared is a statement whose names and types are resolved. Result sets that
// can be suspended have open; everything else has run.
type prepared struct {
	s      *session
	stmt   ast.Statement
	verb   *verb
	params []types.Type
	cols   []pgwire.Column
	run    func(ctx context.Context, args []types.Datum, out pgwire.ResultWriter) (pgwire.Outcome, error)
	open   func(ctx context.Context, args []types.Datum) (cursor, error)
}

var _ pgwire.Prepared = (*prepared)(nil)

func (p *prepared) ParamTypes() []types.Type { return p.params }
func (p *prepared) Columns() []pgwire.Column { return p.cols }
func (p *prepared) Close()                   {}

// Bind makes a portal; the statement runs when the portal does.
func (p *prepared) Bind(_ context.Context, args []types.Datum) (pgwire.Portal, error) {
	return &portal{p: p, args: args}, nil
}

// check holds the rules that come before a statement runs.
func (p *prepared) check() error {
	s, v := p.s, p.verb
	inBlock := s.tx != nil && s.tx.explicit
	switch {
	case s.tx != nil && s.tx.failed && !v.endsBlock:
		return sqlerr.New(sqlerr.InFailedSQLTransaction, "current transaction is aborted, commands ignored until end of transaction block")
	case v.block == noBlock && inBlock:
		return sqlerr.New(sqlerr.ActiveSQLTransaction, "%s cannot run inside a transaction block", v.tag)
	case v.block == needBlock && !inBlock:
		what := v.tag
		if what == "RELEASE" {
			what = "RELEASE SAVEPOINT"
		}
		return sqlerr.New(sqlerr.NoActiveSQLTransaction, "%s can only be used in transaction blocks", what)
	case !v.reads && s.readsOnly():
		return sqlerr.New(sqlerr.ReadOnlySQLTransaction, "cannot execute %s in a read-only transaction", v.tag)
	case !v.reads && (s.set.asOfEvent != "" || s.set.asOfSystem != ""):
		return sqlerr.New(sqlerr.ReadOnlySQLTransaction, "cannot execute %s while as_of_event_time or as_of_system_time is set", v.tag).
			WithHint("RESET as_of_event_time; RESET as_of_system_time;")
	}
	if !v.bare {
		s.begin()
	}
	return nil
}
