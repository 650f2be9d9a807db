package server

import (
	"context"
	"errors"
	"io"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/pgwire"
	"github.com/tarndb/tarn/planner"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/copytext"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/parser"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

var _ = on[*ast.Copy](verb{tag: "COPY", reads: true, prepareFn: prepareCopy})

func prepareCopy(p *prepared) error {
	c := p.stmt.(*ast.Copy)
	switch {
	case c.Program:
		return sqlerr.New(sqlerr.FeatureNotSupported, "COPY with PROGRAM is not supported").At(c.Pos)
	case c.HasFile:
		return sqlerr.New(sqlerr.FeatureNotSupported, "COPY with a file on the server is not supported").At(c.Pos).
			WithHint("Use COPY … FROM STDIN or TO STDOUT; psql's \\copy reads and writes files of the client.")
	}
	if c.From {
		return prepareCopyIn(p, c)
	}
	return prepareCopyOut(p, c)
}

// copyTarget finds the relation and the columns that are copied.
func (s *session) copyTarget(c *ast.Copy) (o *catalog.Object, cols []int, err error) {
	if o, err = s.relation(c.Table); err != nil {
		return nil, nil, err
	}
	if len(c.Columns) == 0 {
		for _, i := range o.Visible() {
			col := o.Columns[i]
			if col.Generated == "" && (col.From.Carried() || !c.From) {
				cols = append(cols, i)
			}
		}
		return o, cols, nil
	}
	for _, id := range c.Columns {
		at := -1
		for i, col := range o.Columns {
			if col.Name == id.Name {
				at = i
			}
		}
		if at < 0 {
			return nil, nil, sqlerr.New(sqlerr.UndefinedColumn, "column %q of relation %q does not exist", id.Name, o.Name)
		}
		if col := o.Columns[at]; c.From && !col.From.Carried() {
			return nil, nil, sqlerr.New(sqlerr.SyntaxError, "cannot insert a value into column %q", col.Name).At(id.Pos)
		}
		for _, seen := range cols {
			if seen == at {
				return nil, nil, sqlerr.New(sqlerr.DuplicateColumn, "column %q specified more than once", id.Name).At(id.Pos)
			}
		}
		cols = append(cols, at)
	}
	return o, cols, nil
}

func prepareCopyIn(p *prepared, c *ast.Copy) error {
	o, cols, err := p.s.copyTarget(c)
	if err != nil {
		return err
	}
	if o.Kind != catalog.Table && o.Kind != catalog.Stream {
		return sqlerr.New(sqlerr.WrongObjectType, "cannot copy to %s %q", o.Kind, o.Name)
	}
	if o.ID < catalog.FirstUserID {
		return sqlerr.New(sqlerr.InsufficientPrivilege, "permission denied: %q is a system catalog", o.Name)
	}
	if c.Where != nil {
		return sqlerr.New(sqlerr.FeatureNotSupported, "COPY FROM … WHERE is not supported").At(c.Where.Position())
	}
	names := make([]string, len(cols))
	for i, n := range cols {
		names[i] = o.Columns[n].Name
	}
	opts, err := copyOptions(c, names)
	if err != nil {
		return err
	}
	p.run = func(ctx context.Context, _ []types.Datum, out pgwire.ResultWriter) (pgwire.Outcome, error) {
		v := *p.verb
		v.reads = false // it writes
		q := *p
		q.verb = &v
		if err := q.check(); err != nil {
			return pgwire.Outcome{}, err
		}
		n, err := p.s.copyIn(ctx, o, cols, opts, out)
		return pgwire.Outcome{Verb: "COPY", Rows: n}, err
	}
	return nil
}

// copyDecoder turns what the client sends into batches.
type copyDecoder interface {
	Feed(chunk []byte, emit func(*vec.Batch) error) error
	Finish(emit func(*vec.Batch) error) (rows int64, err error)
}

// copyIn reads rows from the client into the transaction. Nothing of it is kept
// if a line is wrong.
func (s *session) copyIn(ctx context.Context, o *catalog.Object, cols []int, opts copytext.Options, out pgwire.ResultWriter) (int64, error) {
	in, err := out.CopyIn(pgwire.CopyFormat{Binary: opts.Binary, Columns: len(cols)})
	if err != nil {
		return 0, err
	}
	fill, err := s.filler(o, cols)
	if err != nil {
		return 0, err
	}
	w := written(o)
	given := make([]copytext.Column, len(cols))
	for i, n := range cols {
		given[i] = copytext.Column{Name: o.Columns[n].Name, Type: o.Columns[n].Type, NotNull: w.Columns[n].NotNull || n == w.Rowtime()}
	}
	ec := s.evalCtx(nil)
	var dec copyDecoder = copytext.NewDecoder(opts, o.Name, given, ec.Env)
	if opts.Binary {
		dec = copytext.NewBinaryDecoder(o.Name, given, ec.Env)
	}
	checks, err := s.checksOf(o)
	if err != nil {
		return 0, err
	}
	var records []*vec.Batch // for a topic, which takes nothing back: they go when all has been read
	take := func(b *vec.Batch) error {
		b, err := fill(b)
		if err != nil {
			return err
		}
		if err := checks.verify(ec, b); err != nil {
			return err
		}
		if o.IsSource() {
			records = append(records, b)
			return s.stage(b)
		}
		if o.Kind == catalog.Table && len(o.PrimaryKey) == 0 {
			b = s.tx.numbers(b)
		}
		return s.write(o.ID, b)
	}
	for {
		chunk, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, err
		}
		if err := dec.Feed(chunk, take); err != nil {
			return 0, inSchema(err, o)
		}
	}
	n, err := dec.Finish(take)
	if err != nil {
		return 0, inSchema(err, o)
	}
	if rows := vec.Concat(records); rows != nil {
		return n, s.produce(ctx, o, rows)
	}
	if o.Kind == catalog.Table && len(o.PrimaryKey) > 0 {
		if err := s.uniqueWithin(ctx, o); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// inSchema completes an error about a column, which the decoder knows by its table's
// name only.
func inSchema(err error, o *catalog.Object) error {
	if e := (*sqlerr.Error)(nil); errors.As(err, &e) && e.Table == o.Name && e.Schema == "" {
		e.Schema = o.Schema
	}
	return err
}

// uniqueWithin looks for duplicate keys in what has just been copied, so that the
// error comes with the COPY and not with the commit.
func (s *session) uniqueWithin(ctx context.Context, o *catalog.Object) error {
	ep, err := s.readEpoch(ctx)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, b := range s.tx.own[o.ID] {
		keys := encodeKeys(pick(b.Cols, o.PrimaryKey), b.N)
		for i := range b.N {
			k := string(keys.Key(i))
			if b.Weight(i) < 0 {
				delete(seen, k)
				continue
			}
			if seen[k] {
				return duplicateKey(o, b, i)
			}
			seen[k] = true
		}
		if b.Weights != nil || s.srv.host.Snapshot().ByID(o.ID) == nil {
			continue
		}
		found, err := s.srv.engine.Lookup(o.ID, &vec.Batch{N: b.N, Cols: pick(b.Cols, o.PrimaryKey)}, ep, nil)
		if err != nil {
			return err
		}
		if found != nil && !s.retracted(o, found) {
			return duplicateKey(o, found, 0)
		}
	}
	return nil
}

// retracted reports whether this transaction has taken the rows back.
func (s *session) retracted(o *catalog.Object, rows *vec.Batch) bool {
	gone := map[string]bool{}
	for _, b := range s.tx.own[o.ID] {
		keys := encodeKeys(pick(b.Cols, o.PrimaryKey), b.N)
		for i := range b.N {
			if b.Weight(i) < 0 {
				gone[string(keys.Key(i))] = true
			}
		}
	}
	keys := encodeKeys(pick(rows.Cols, o.PrimaryKey), rows.N)
	for i := range rows.N {
		if !gone[string(keys.Key(i))] {
			return false
		}
	}
	return true
}

// checksOf binds a relation's CHECK constraints.
func (s *session) checksOf(o *catalog.Object) (*checks, error) {
	var bound []planner.Check
	for _, k := range o.Checks {
		x, err := parser.ParseExpr(k.Expr)
		if err != nil {
			return nil, err
		}
		e, err := planner.BindExpr(x, o, types.Bool, "check constraint", s.options(nil))
		if err != nil {
			return nil, err
		}
		bound = append(bound, planner.Check{Name: k.Name, Cond: e})
	}
	return newChecks(written(o), bound)
}

// filler completes rows of some columns to whole rows: defaults, generated
// columns, NULL.
func (s *session) filler(o *catalog.Object, cols []int) (func(*vec.Batch) (*vec.Batch, error), error) {
	at := make([]int, len(o.Columns))
	for i := range at {
		at[i] = -1
	}
	for i, c := range cols {
		at[c] = i
	}
	plain := len(cols) == len(o.Columns)
	for i, c := range cols {
		plain = plain && i == c
	}
	if plain {
		return func(b *vec.Batch) (*vec.Batch, error) { return b, nil }, nil
	}
	bound, err := planner.BindDefaults(o, s.options(nil))
	if err != nil {
		return nil, err
	}
	defaults := make([]*expr.Program, len(o.Columns))
	for i := range o.Columns {
		if at[i] >= 0 {
			continue
		}
		if defaults[i], err = expr.Compile([]expr.Expr{bound[i]}, nil); err != nil {
			return nil, err
		}
	}
	ec := s.evalCtx(nil)
	return func(b *vec.Batch) (*vec.Batch, error) {
		out := &vec.Batch{N: b.N, Cols: make([]*vec.Vec, len(o.Columns))}
		for i := range o.Columns {
			if at[i] >= 0 {
				out.Cols[i] = b.Cols[at[i]]
				continue
			}
			vs, errs := defaults[i].Eval(ec, &vec.Batch{N: b.N})
			if len(errs) > 0 {
				return nil, errs[0].Err
			}
			out.Cols[i] = vs[0]
		}
		return out, nil
	}, nil
}

func prepareCopyOut(p *prepared, c *ast.Copy) error {
	inner := c.Query
	if inner == nil {
		o, cols, err := p.s.copyTarget(c)
		if err != nil {
			return err
		}
		if o.Kind == catalog.View {
			return sqlerr.New(sqlerr.WrongObjectType, "cannot copy from view %q", o.Name).WithHint("Try the COPY (SELECT ...) TO variant.")
		}
		q := &ast.Select{Pos: c.Pos, From: []ast.TableExpr{&ast.Relation{Pos: c.Table.Pos, Name: c.Table}}}
		for _, n := range cols {
			q.Items = append(q.Items, ast.SelectItem{X: &ast.ColumnRef{Parts: []string{o.Columns[n].Name}}})
		}
		inner = &ast.Query{Pos: c.Pos, Body: q}
	}
	q, err := p.s.prepare(inner, p.params)
	if err != nil {
		return err
	}
	if q.open == nil {
		return sqlerr.New(sqlerr.FeatureNotSupported, "COPY of this statement is not supported").At(c.Pos)
	}
	p.params = q.params
	names := make([]string, len(q.cols))
	cols := make([]copytext.Column, len(q.cols))
	for i, col := range q.cols {
		names[i], cols[i] = col.Name, copytext.Column{Name: col.Name, Type: col.Type}
	}
	opts, err := copyOptions(c, names)
	if err != nil {
		return err
	}
	p.run = func(ctx context.Context, args []types.Datum, out pgwire.ResultWriter) (pgwire.Outcome, error) {
		n, err := p.s.copyOut(ctx, q, args, opts, cols, out)
		return pgwire.Outcome{Verb: "COPY", Rows: n}, err
	}
	return nil
}

func (s *session) copyOut(ctx context.Context, q *prepared, args []types.Datum, opts copytext.Options, cols []copytext.Column, out pgwire.ResultWriter) (int64, error) {
	cur, err := q.open(ctx, args)
	if err != nil {
		return 0, err
	}
	defer cur.close()
	w, err := out.CopyOut(pgwire.CopyFormat{Binary: opts.Binary, Columns: len(cols)})
	if err != nil {
		return 0, err
	}
	send := w.Rows
	if !opts.Binary {
		enc := copytext.NewEncoder(opts, cols, s.Env())
		line := enc.Header(nil)
		if len(line) > 0 {
			if err := w.Row(line); err != nil {
				return 0, err
			}
		}
		send = func(b *vec.Batch, lo, hi int) error {
			for i := lo; i < hi; i++ {
				line = enc.AppendRow(line[:0], b, i)
				if err := w.Row(line); err != nil {
					return err
				}
			}
			return nil
		}
	}
	push, isPush := cur.(*pushCursor)
	rows := int64(0)
	for {
		b, err := cur.next(ctx)
		if err != nil {
			return rows, err
		}
		if b == nil {
			return rows, nil
		}
		if err := send(b, 0, b.N); err != nil {
			return rows, err
		}
		rows += int64(b.N)
		if isPush && len(push.queue) == 0 {
			if err := w.Flush(); err != nil {
				return rows, err
			}
		}
	}
}
