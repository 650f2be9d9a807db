package server

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/tarndb/tarn/pgwire"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// Cursors are portals by another road: DECLARE makes one with a name, FETCH runs
// it for some rows.

var _ = on[*ast.Declare](verb{tag: "DECLARE CURSOR", reads: true, prepareFn: func(p *prepared) error {
	d := p.stmt.(*ast.Declare)
	switch {
	case d.Subscription.Parts != nil:
		return sqlerr.New(sqlerr.FeatureNotSupported, "subscription cursors are not supported").At(d.Pos).
			WithHint("DECLARE %s CURSOR FOR SUBSCRIBE TO view.", d.Name)
	case d.Binary:
		return sqlerr.New(sqlerr.FeatureNotSupported, "binary cursors are not supported").At(d.Pos)
	case d.Scroll == "SCROLL":
		return sqlerr.New(sqlerr.FeatureNotSupported, "scrollable cursors are not supported").At(d.Pos).WithHint("Declare it NO SCROLL.")
	case d.Hold && !isPush(d.Stmt):
		return sqlerr.New(sqlerr.FeatureNotSupported, "cursors WITH HOLD are not supported").At(d.Pos)
	}
	inner, err := p.s.prepare(d.Stmt, p.params)
	if err != nil {
		return err
	}
	if inner.open == nil {
		return sqlerr.New(sqlerr.InvalidCursorState, "a cursor needs a query").At(d.Pos)
	}
	p.params = inner.params
	p.run = func(ctx context.Context, args []types.Datum, _ pgwire.ResultWriter) (pgwire.Outcome, error) {
		// A subscription sees no snapshot of the transaction's, so it needs none: outside
		// of a block it lives until it is closed.
		block := p.s.tx != nil && p.s.tx.explicit
		if !block && !isPush(d.Stmt) {
			return pgwire.Outcome{}, sqlerr.New(sqlerr.NoActiveSQLTransaction, "DECLARE CURSOR can only be used in transaction blocks")
		}
		pt, err := inner.Bind(ctx, append([]types.Datum(nil), args...))
		if err != nil {
			return pgwire.Outcome{}, err
		}
		// The rows are those of this moment, not of the first FETCH.
		q := pt.(*portal)
		if err := inner.check(); err != nil {
			return pgwire.Outcome{}, err
		}
		if q.cur, err = inner.open(p.s.cursorContext(ctx), q.args); err != nil {
			return pgwire.Outcome{}, err
		}
		if err := p.s.names.AddPortal(d.Name, q, d.Hold || !block); err != nil {
			q.Close()
			return pgwire.Outcome{}, err
		}
		return done("DECLARE CURSOR")
	}
	return nil
}})

// isPush reports whether a statement's rows come as they happen.
func isPush(stmt ast.Statement) bool {
	switch st := stmt.(type) {
	case *ast.Subscribe:
		return true
	case *ast.Query:
		return st.Emit != nil && !st.Emit.Final
	}
	return false
}

// cursorContext is a context for what outlives the statement that began it: a
// cursor ends when it is closed, not when DECLARE has been answered.
func (s *session) cursorContext(ctx context.Context) context.Context {
	return context.WithoutCancel(ctx)
}

var _ = on[*ast.Fetch](verb{tag: "FETCH", reads: true, bare: true, prepareFn: func(p *prepared) error {
	f := p.stmt.(*ast.Fetch)
	inner, err := p.s.cursor(f.Cursor)
	if err != nil {
		return err
	}
	p.cols = inner.Columns()
	rows, wait, err := fetchOptions(f)
	if err != nil {
		return err
	}
	p.run = func(ctx context.Context, _ []types.Datum, out pgwire.ResultWriter) (pgwire.Outcome, error) {
		pt, err := p.s.cursor(f.Cursor)
		if err != nil {
			return pgwire.Outcome{}, err
		}
		n, err := pt.fetchRows(ctx, rows, wait, f.Move, out)
		o := pgwire.Outcome{Verb: "FETCH", Rows: n}
		if f.Move {
			o.Verb = "MOVE"
		}
		return o, err
	}
	if f.Move {
		p.cols = nil
	}
	return nil
}})

// cursor finds an open cursor.
func (s *session) cursor(name string) (*portal, error) {
	pt, err := s.names.Portal(name)
	if err != nil {
		return nil, sqlerr.New(sqlerr.InvalidCursorName, "cursor %q does not exist", name)
	}
	q, ok := pt.(*portal)
	if !ok {
		return nil, sqlerr.New(sqlerr.InvalidCursorName, "cursor %q does not exist", name)
	}
	return q, nil
}

// fetchOptions are how many rows are wanted (-1 = all), and how long to wait for
// them (-1 = until there is one).
func fetchOptions(f *ast.Fetch) (rows int, wait time.Duration, err error) {
	rows, wait = 1, -1
	switch f.Direction {
	case "NEXT", "FORWARD", "":
	default:
		return 0, 0, sqlerr.New(sqlerr.ObjectNotInPrerequisiteState, "cursor can only scan forward").
			WithHint("Declare it with SCROLL option to enable backward scan.").At(f.Pos)
	}
	if f.All {
		rows = -1
	}
	if n, ok := f.Count.(*ast.Number); ok {
		if rows, err = strconv.Atoi(n.Text); err != nil || rows < 0 {
			return 0, 0, sqlerr.New(sqlerr.ObjectNotInPrerequisiteState, "cursor can only scan forward").At(n.Pos)
		}
	}
	for _, o := range f.Options {
		if !strings.EqualFold(o.Name, "timeout") {
			return 0, 0, sqlerr.New(sqlerr.SyntaxError, "unrecognized FETCH option %q", o.Name).WithHint("Perhaps you meant \"timeout\".").At(o.Pos)
		}
		text := ""
		switch v := o.Value.(type) {
		case *ast.String:
			text = v.Value
		case *ast.Number:
			text = v.Text
		}
		if wait, err = parseWait(text); err != nil {
			return 0, 0, sqlerr.New(sqlerr.InvalidParameterValue, "invalid value for option \"timeout\": %q", text).At(o.Pos)
		}
	}
	return rows, wait, nil
}

// parseWait reads '1s', '500 ms', or any interval.
func parseWait(text string) (time.Duration, error) {
	if d, err := parseDuration(text); err == nil && text != "" {
		return d, nil
	}
	d, err := types.ParseText(text, types.Interval, nil)
	if err != nil {
		return 0, err
	}
	iv := types.DecodeInterval(d.S)
	return time.Duration(iv.Micros)*time.Microsecond + time.Duration(iv.Days)*24*time.Hour, nil
}

// fetchRows sends rows of an open cursor. A push cursor gives what is there: with
// wait < 0 it waits for the first row, else at most so long for all of them.
func (pt *portal) fetchRows(ctx context.Context, rows int, wait time.Duration, move bool, out pgwire.ResultWriter) (int64, error) {
	if move {
		out = discard{}
	}
	push, isPush := pt.cur.(*pushCursor)
	if !isPush {
		if rows == 0 {
			return 0, nil
		}
		o, err := pt.fetch(ctx, max(rows, 0), out)
		return o.Rows, err
	}
	var sent int64
	deadline := ctx
	if wait >= 0 {
		var cancel context.CancelFunc
		deadline, cancel = context.WithTimeout(ctx, wait)
		defer cancel()
	}
	for rows < 0 || sent < int64(rows) {
		if wait < 0 && sent > 0 && pt.rest == nil && len(push.queue) == 0 {
			break
		}
		if pt.rest == nil {
			b, err := push.next(deadline)
			if err != nil && deadline.Err() != nil && ctx.Err() == nil {
				break // the time is over, the cursor goes on
			}
			if err != nil {
				return sent, err
			}
			if b == nil {
				break
			}
			pt.rest, pt.at = b, 0
		}
		n := pt.rest.N - pt.at
		if rows >= 0 {
			n = min(n, rows-int(sent))
		}
		if err := out.Rows(pt.rest, pt.at, pt.at+n); err != nil {
			return sent, err
		}
		sent += int64(n)
		if pt.at += n; pt.at == pt.rest.N {
			pt.rest = nil
		}
	}
	return sent, nil
}

var _ = on[*ast.Close](verb{tag: "CLOSE CURSOR", reads: true, bare: true, run: func(_ context.Context, s *session, stmt ast.Statement, _ pgwire.ResultWriter) (pgwire.Outcome, error) {
	c := stmt.(*ast.Close)
	if c.Cursor == "" {
		s.names.DropPortals()
		return done("CLOSE CURSOR ALL")
	}
	if err := s.names.DropPortal(c.Cursor); err != nil {
		return pgwire.Outcome{}, sqlerr.New(sqlerr.InvalidCursorName, "cursor %q does not exist", c.Cursor)
	}
	return done("CLOSE CURSOR")
}})
