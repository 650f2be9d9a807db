package server

import (
	"context"

	"github.com/tarndb/tarn/pgwire"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// cursor is an open result set.
type cursor interface {
	// next gives the next rows; nil at the end. ready says that rows are wanted at
	// once: a push cursor without any may then return an empty batch.
	next(ctx context.Context) (*vec.Batch, error)
	close()
}

// pushes is a cursor whose rows are to reach the client as they come.
type pushes interface{ pushes() }

// portal is a bound statement.
type portal struct {
	p    *prepared
	args []types.Datum
	cur  cursor
	rest *vec.Batch // rows that have been read and not yet sent
	at   int
	done bool
}

var _ pgwire.Portal = (*portal)(nil)

func (pt *portal) Columns() []pgwire.Column { return pt.p.cols }

// Run executes the statement, or goes on with it.
func (pt *portal) Run(ctx context.Context, maxRows int, out pgwire.ResultWriter) (o pgwire.Outcome, err error) {
	s := pt.p.s
	if d := s.set.statementTimeout; d > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, d, sqlerr.New(sqlerr.QueryCanceled, "canceling statement due to statement timeout"))
		defer cancel()
	}
	defer func() {
		if err != nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
	}()
	if pt.p.open == nil && pt.cur == nil {
		if pt.done {
			return pgwire.Outcome{Verb: pt.p.verb.tag, Rows: 0}, nil
		}
		if err := pt.p.check(); err != nil {
			return o, err
		}
		if maxRows == 0 || !pt.returns() {
			pt.done = true
			return pt.p.run(ctx, pt.args, out)
		}
		// The change is made at once; its rows go out in portions.
		var rows kept
		if _, err := pt.p.run(ctx, pt.args, &rows); err != nil {
			return o, err
		}
		pt.cur = &rows.listCursor
	}
	if pt.cur == nil && !pt.done {
		if err := pt.p.check(); err != nil {
			return o, err
		}
		if pt.cur, err = pt.p.open(ctx, pt.args); err != nil {
			return o, err
		}
	}
	return pt.fetch(ctx, maxRows, out)
}

// returns reports whether this is a change of data with RETURNING.
func (pt *portal) returns() bool {
	switch pt.p.stmt.(type) {
	case *ast.Insert, *ast.Update, *ast.Delete:
		return pt.p.cols != nil
	}
	return false
}

// kept is a ResultWriter whose rows wait to be fetched.
type kept struct {
	discard
	listCursor
}

func (k *kept) Rows(b *vec.Batch, lo, hi int) error {
	k.batches = append(k.batches, b.Slice(lo, hi))
	return nil
}

// fetch sends at most maxRows rows (0: all) of an open cursor.
func (pt *portal) fetch(ctx context.Context, maxRows int, out pgwire.ResultWriter) (pgwire.Outcome, error) {
	o := pgwire.Outcome{Verb: pt.p.verb.tag}
	for !pt.done {
		if pt.rest == nil {
			b, err := pt.cur.next(ctx)
			if err != nil {
				return o, err
			}
			if b == nil {
				pt.finish()
				break
			}
			pt.rest, pt.at = b, 0
		}
		n := pt.rest.N - pt.at
		if maxRows > 0 {
			n = min(n, maxRows-int(o.Rows))
		}
		if n > 0 {
			if err := out.Rows(pt.rest, pt.at, pt.at+n); err != nil {
				return o, err
			}
		}
		pt.at += n
		o.Rows += int64(n)
		if pt.at == pt.rest.N {
			pt.rest = nil
			if _, push := pt.cur.(pushes); push {
				if err := out.Flush(); err != nil {
					return o, err
				}
			}
		}
		if maxRows > 0 && int(o.Rows) == maxRows {
			o.Suspended = true
			return o, nil
		}
	}
	if o.Verb == "EXPLAIN" || o.Verb == "SHOW" || o.Verb == "DESCRIBE" { // whose rows PostgreSQL does not count
		o.Rows = -1
	}
	return o, nil
}

func (pt *portal) finish() {
	pt.done = true
	if pt.cur != nil {
		pt.cur.close()
		pt.cur = nil
	}
}

// Close ends the portal.
func (pt *portal) Close() { pt.finish() }
