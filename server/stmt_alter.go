package server

import (
	"context"
	"slices"
	"strconv"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/exec/connector"
	"github.com/tarndb/tarn/pgwire"
	"github.com/tarndb/tarn/planner"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/parser"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/vec"
)

var (
	_ = on[*ast.AlterTable](verb{tag: "ALTER", run: alter})
	_ = on[*ast.Control](verb{tag: "PAUSE", block: noBlock, run: control})
)

// alter is ALTER SOURCE, STREAM, TABLE and SINK, as far as it is about connectors.
func alter(ctx context.Context, s *session, stmt ast.Statement, _ pgwire.ResultWriter) (pgwire.Outcome, error) {
	a := stmt.(*ast.AlterTable)
	tag := "ALTER " + a.Kind
	unsupported := sqlerr.New(sqlerr.FeatureNotSupported, "this form of %s is not supported", tag).At(a.Pos)
	about := func(x ast.AlterAction) bool {
		return x.Kind == ast.AlterSetOptions || x.Kind == ast.AlterReset || x.Kind == ast.AlterRedrive
	}
	kind, ok := dropKinds[a.Kind]
	if ok && slices.ContainsFunc(a.Actions, isOfColumns) && (kind == catalog.Stream || kind == catalog.Table) {
		return s.alterColumns(ctx, a, kind)
	}
	if !ok || !slices.ContainsFunc(a.Actions, about) || kind != catalog.Stream && kind != catalog.Table && kind != catalog.Sink {
		return pgwire.Outcome{}, sqlerr.New(sqlerr.FeatureNotSupported, "%s is not supported", tag).At(a.Pos)
	}
	o := s.catalog().FindKind(kind, a.Name.Schema(), a.Name.Base(), s.set.searchPath)
	switch {
	case o == nil && a.IfExists:
		s.notice(pgwire.Notice, sqlerr.New("00000", "%s %q does not exist, skipping", kind, a.Name.Base()))
		return done(tag)
	case o == nil:
		_, err := s.ofKind(kind, a.Name)
		return pgwire.Outcome{}, err
	case o.Connector == nil:
		return pgwire.Outcome{}, unsupported
	case kind == catalog.Sink && o.Kind != catalog.Sink:
		return pgwire.Outcome{}, sqlerr.New(sqlerr.WrongObjectType, "%q is not a sink", o.Name).At(a.Name.Pos)
	}
	if err := s.streaming(tag); err != nil {
		return pgwire.Outcome{}, err
	}
	for _, x := range a.Actions {
		switch {
		case x.Kind == ast.AlterSetOptions, x.Kind == ast.AlterReset:
		case x.Kind == ast.AlterRedrive && len(a.Actions) == 1 && o.IsSource():
			return s.redrive(ctx, o, x)
		default:
			return pgwire.Outcome{}, unsupported.WithHint("SET (…), RESET (…) and REDRIVE DEAD LETTERS are.")
		}
	}
	if err := s.alone(ctx); err != nil {
		return pgwire.Outcome{}, err
	}
	if o = s.catalog().ByID(o.ID); o == nil {
		_, err := s.ofKind(kind, a.Name)
		return pgwire.Outcome{}, err
	}
	for _, x := range a.Actions {
		var err error
		if o, err = planner.BindAlterConnector(o, x.Options, x.Kind == ast.AlterReset, s.options(nil)); err != nil {
			return pgwire.Outcome{}, err
		}
	}
	s.change(catalog.Change{Op: catalog.Put, Object: o})
	return pgwire.Outcome{Verb: tag, Rows: -1}, s.settleConnector(ctx)
}

// redrive is ALTER SOURCE … REDRIVE DEAD LETTERS [WHERE …]. The condition sees the
// columns of sys.dead_letters, and first_seen as at.
func (s *session) redrive(ctx context.Context, o *catalog.Object, a ast.AlterAction) (pgwire.Outcome, error) {
	if err := s.alone(ctx); err != nil {
		return pgwire.Outcome{}, err
	}
	if err := s.commit(ctx); err != nil { // lets go of the catalog: letters may be many
		return pgwire.Outcome{}, err
	}
	s.begin()
	var keys []connector.LetterKey
	if a.X != nil {
		var err error
		if keys, err = s.letters(ctx, o, a.X); err != nil {
			return pgwire.Outcome{}, err
		}
	}
	out, err := s.srv.workers.manager.Redrive(ctx, o.ID, keys)
	if err != nil {
		return pgwire.Outcome{}, err
	}
	if ep, err := s.srv.engine.WaitFresh(ctx); err == nil {
		s.seen = max(s.seen, ep)
	}
	s.notice(pgwire.Notice, sqlerr.New("00000", "%d dead letters of %q redriven to %d rows, %d failed again", out.Letters+out.Failed, o.Name, out.Rows, out.Failed))
	return done("ALTER SOURCE")
}

// letters are the dead letters of a source for which a condition holds; not nil.
func (s *session) letters(ctx context.Context, o *catalog.Object, where ast.Expr) ([]connector.LetterKey, error) {
	parsed, err := parser.Parse(`SELECT "partition", "offset" FROM (SELECT *, first_seen AS at FROM sys.dead_letters) AS dead_letters WHERE source_id = ` +
		strconv.FormatUint(o.ID, 10))
	if err != nil {
		return nil, err
	}
	q := parsed[0].Stmt.(*ast.Query)
	body := q.Body.(*ast.Select)
	body.Where = &ast.Logic{Pos: where.Position(), Args: []ast.Expr{body.Where, where}}
	bound, err := s.plan(q, nil)
	if err != nil {
		return nil, err
	}
	cur, err := s.openQuery(ctx, bound, nil)
	if err != nil {
		return nil, err
	}
	defer cur.close()
	keys := []connector.LetterKey{}
	for {
		var b *vec.Batch
		if b, err = cur.next(ctx); err != nil || b == nil {
			return keys, err
		}
		for i := range b.N {
			keys = append(keys, connector.LetterKey{Partition: int32(b.Cols[0].Ints[i]), Offset: b.Cols[1].Ints[i]})
		}
	}
}
