package server

import (
	"context"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/exec"
	"github.com/tarndb/tarn/pgwire"
	"github.com/tarndb/tarn/planner"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/rowenc"
)

var (
	_ = on[*ast.Insert](verb{tag: "INSERT", prepareFn: prepareDML})
	_ = on[*ast.Update](verb{tag: "UPDATE", prepareFn: prepareDML})
	_ = on[*ast.Delete](verb{tag: "DELETE", prepareFn: prepareDML})
)

// boundDML is a data change with what it was bound under.
type boundDML struct {
	*planner.DML
	version    uint64
	generation int
	returning  *expr.Program
	inserts    bool
	values     *plan.Values  // INSERT … VALUES: no circuit is needed for its rows
	over       *expr.Program // what stands over values, nil = nothing
}

// findValues recognises Values, or Project over it.
func (d *boundDML) findValues() error {
	n := d.Source
	p, projects := n.(*plan.Project)
	if projects {
		n = p.In
	}
	v, ok := n.(*plan.Values)
	if !ok || !d.inserts {
		return nil
	}
	if projects {
		var err error
		if d.over, err = expr.Compile(p.Exprs, nodeTypes(v)); err != nil {
			return err
		}
	}
	d.values = v
	return nil
}

// constants computes the rows of INSERT … VALUES.
func (d *boundDML) constants(ec *funcs.Ctx) (*vec.Batch, error) {
	ts := nodeTypes(d.values)
	b := &vec.Batch{N: len(d.values.Rows), Cols: make([]*vec.Vec, len(ts))}
	ds := make([]types.Datum, b.N)
	for c, t := range ts {
		for i, row := range d.values.Rows {
			var err error
			if ds[i], err = expr.EvalDatum(ec, row[c]); err != nil {
				return nil, err
			}
		}
		b.Cols[c] = vec.FromDatums(t, ds)
	}
	if d.over == nil {
		return b, nil
	}
	cols, errs := d.over.Eval(ec, b)
	if len(errs) > 0 {
		return nil, errs[0].Err
	}
	return &vec.Batch{N: b.N, Cols: cols}, nil
}

func prepareDML(p *prepared) error {
	bound, err := p.s.planDML(p.stmt, p.params)
	if err != nil {
		return err
	}
	p.params = bound.Params
	p.s.notices(bound.Notices)
	if bound.Returning != nil {
		p.cols = wireColumns(bound.ReturningColumns)
	}
	p.run = func(ctx context.Context, args []types.Datum, out pgwire.ResultWriter) (pgwire.Outcome, error) {
		o := pgwire.Outcome{Verb: p.verb.tag}
		ins, _ := p.stmt.(*ast.Insert)
		if ins != nil && ins.Query != nil && ins.Query.AsOf != nil { // its times are those of this execution
			if bound, err = p.s.planDML(p.stmt, p.params, args...); err != nil {
				return o, err
			}
		} else if bound.version != p.s.catalog().Version || bound.generation != p.s.generation || p.s.tx.catalog != nil {
			if bound, err = p.s.planDML(p.stmt, p.params); err != nil {
				return o, err
			}
		}
		n, err := p.s.change2(ctx, bound, args, out)
		o.Rows = n
		return o, err
	}
	return nil
}

func (s *session) planDML(stmt ast.Statement, params []types.Type, values ...types.Datum) (*boundDML, error) {
	opt := s.options(params)
	opt.ParamValues = values
	var d *planner.DML
	var err error
	switch st := stmt.(type) {
	case *ast.Insert:
		d, err = planner.PlanInsert(st, opt)
	case *ast.Update:
		d, err = planner.PlanUpdate(st, opt)
	case *ast.Delete:
		d, err = planner.PlanDelete(st, opt)
	}
	if err != nil {
		return nil, err
	}
	_, inserts := stmt.(*ast.Insert)
	b := &boundDML{DML: d, inserts: inserts, version: opt.Catalog.Version, generation: s.generation}
	if err := b.findValues(); err != nil {
		return nil, err
	}
	if d.Returning != nil {
		over := columnTypes(d.Target)
		if d.Beside > 0 {
			ts := nodeTypes(d.Source)
			over = append(over[:len(over):len(over)], ts[len(ts)-d.Beside:]...)
		}
		if b.returning, err = expr.Compile(d.Returning, over); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// change2 runs INSERT, UPDATE or DELETE and returns how many rows it changed.
func (s *session) change2(ctx context.Context, d *boundDML, args []types.Datum, out pgwire.ResultWriter) (int64, error) {
	ec := s.evalCtx(args)
	if d.inserts {
		return s.insert(ctx, d, ec, out)
	}
	return s.updateOrDelete(ctx, d, ec, out)
}

// source reads the rows that a change is about.
func (s *session) source(ctx context.Context, d *boundDML, ec *funcs.Ctx, ep exec.Epoch) ([]*vec.Batch, error) {
	if d.values != nil {
		b, err := d.constants(ec)
		return []*vec.Batch{b}, err
	}
	var out []*vec.Batch
	o := exec.ReadOptions{Epoch: ep, Ctx: ec, Own: s.tx.own, System: s.systemRows}
	err := s.srv.engine.Read(ctx, d.Source, o, func(b *vec.Batch) error {
		out = append(out, b)
		return nil
	})
	return out, err
}

func (s *session) insert(ctx context.Context, d *boundDML, ec *funcs.Ctx, out pgwire.ResultWriter) (int64, error) {
	var ep exec.Epoch
	var err error
	if d.values == nil || len(d.Target.PrimaryKey) > 0 { // else nothing is read
		if ep, err = s.readEpoch(ctx); err != nil {
			return 0, err
		}
	}
	batches, err := s.source(ctx, d, ec, ep)
	if err != nil {
		return 0, err
	}
	rows := vec.Concat(batches)
	if rows == nil {
		return 0, nil
	}
	o := d.Target
	checks, err := newChecks(written(o), d.Checks)
	if err != nil {
		return 0, err
	}
	if err := checks.verify(ec, rows); err != nil {
		return 0, err
	}
	if o.IsSource() {
		if d.OnConflict != nil {
			return 0, sqlerr.New(sqlerr.FeatureNotSupported, "ON CONFLICT is not supported for %q, which is fed by a topic", o.Name)
		}
		if err := s.produce(ctx, o, rows); err != nil {
			return 0, err
		}
		return int64(rows.N), s.returning(d, ec, rows, out)
	}
	if o.Kind == catalog.Stream {
		if err := s.write(o.ID, rows); err != nil {
			return 0, err
		}
		return int64(rows.N), s.returning(d, ec, rows, out)
	}
	if len(o.PrimaryKey) == 0 {
		if err := s.write(o.ID, s.tx.numbers(rows)); err != nil {
			return 0, err
		}
		return int64(rows.N), s.returning(d, ec, rows, out)
	}
	return s.insertKeyed(ctx, d, ec, rows, checks, ep, out)
}

// insertKeyed inserts into a table with a primary key, row by key: ON CONFLICT
// needs to know what stands there.
func (s *session) insertKeyed(ctx context.Context, d *boundDML, ec *funcs.Ctx, rows *vec.Batch, checks *checks, ep exec.Epoch, out pgwire.ResultWriter) (int64, error) {
	o := d.Target
	standing, err := s.standing(o, pick(rows.Cols, o.PrimaryKey), rows.N, ep)
	if err != nil {
		return 0, err
	}
	keys := encodeKeys(pick(rows.Cols, o.PrimaryKey), rows.N)
	var fresh, conflicts []int32
	var olds []*vec.Batch
	seen := map[string]bool{}
	for i := range rows.N {
		k := string(keys.Key(i))
		old, ok := standing[k]
		switch {
		case seen[k] && d.OnConflict != nil && !d.OnConflict.DoNothing:
			return 0, sqlerr.New(sqlerr.CardinalityViolation, "ON CONFLICT DO UPDATE command cannot affect row a second time").
				WithHint("Ensure that no rows proposed for insertion within the same command have duplicate constrained values.")
		case !ok && !seen[k]:
			seen[k] = true
			fresh = append(fresh, int32(i))
		case d.OnConflict == nil:
			return 0, duplicateKey(o, rows, i)
		case !d.OnConflict.DoNothing:
			seen[k] = true
			conflicts = append(conflicts, int32(i))
			olds = append(olds, old)
		}
	}
	done := rows.Select(fresh)
	if err := s.write(o.ID, done); err != nil {
		return 0, err
	}
	if len(conflicts) > 0 {
		updated, err := s.conflictUpdate(ec, d, rows.Select(conflicts), vec.Concat(olds), checks)
		if err != nil {
			return 0, err
		}
		if updated != nil {
			done = vec.Concat([]*vec.Batch{done, updated})
		}
	}
	return int64(done.N), s.returning(d, ec, done, out)
}

// conflictUpdate is DO UPDATE: olds and news are row by row. The expressions see
// the old row, then the proposed one.
func (s *session) conflictUpdate(ec *funcs.Ctx, d *boundDML, news, olds *vec.Batch, checks *checks) (*vec.Batch, error) {
	both := &vec.Batch{N: news.N, Cols: append(append([]*vec.Vec(nil), olds.Cols...), news.Cols...)}
	in := make([]types.Type, len(both.Cols))
	for i, c := range both.Cols {
		in[i] = c.Type
	}
	if d.OnConflict.Where != nil {
		cond, err := expr.Compile([]expr.Expr{d.OnConflict.Where}, in)
		if err != nil {
			return nil, err
		}
		sel, errs := cond.EvalFilter(ec, both)
		if len(errs) > 0 {
			return nil, errs[0].Err
		}
		both, olds = both.Select(sel), olds.Select(sel)
		if both.N == 0 {
			return nil, nil
		}
	}
	set, err := expr.Compile(d.OnConflict.Set, in)
	if err != nil {
		return nil, err
	}
	cols, errs := set.Eval(ec, both)
	if len(errs) > 0 {
		return nil, errs[0].Err
	}
	row := &vec.Batch{N: both.N, Cols: cols}
	if err := checks.verify(ec, row); err != nil {
		return nil, err
	}
	if err := s.write(d.Target.ID, weigh(olds, -1)); err != nil {
		return nil, err
	}
	return row, s.write(d.Target.ID, row)
}

func (s *session) updateOrDelete(ctx context.Context, d *boundDML, ec *funcs.Ctx, out pgwire.ResultWriter) (int64, error) {
	o := d.Target
	olds, news, beside, err := s.lockRows(ctx, d, ec, d.OldWidth)
	if err != nil || olds == nil {
		return 0, err
	}
	if err := s.write(o.ID, weigh(olds, -1)); err != nil {
		return 0, err
	}
	result := olds
	if news != nil {
		checks, err := newChecks(o, d.Checks)
		if err != nil {
			return 0, err
		}
		if err := checks.verify(ec, &vec.Batch{N: news.N, Cols: news.Cols[:len(o.Columns)]}); err != nil {
			return 0, err
		}
		if len(o.PrimaryKey) > 0 {
			if err := s.checkMoved(ctx, o, olds, news); err != nil {
				return 0, err
			}
		}
		if err := s.write(o.ID, news); err != nil {
			return 0, err
		}
		result = news
	}
	n := len(o.Columns)
	rows := &vec.Batch{N: result.N, Cols: append(result.Cols[:n:n], beside...)}
	return int64(rows.N), s.returning(d, ec, rows, out)
}

// lockRows reads the rows that an UPDATE or DELETE is about and locks them. Where
// another transaction changed them in between, it looks again: READ COMMITTED.
// beside are the columns of the other relations for RETURNING.
func (s *session) lockRows(ctx context.Context, d *boundDML, ec *funcs.Ctx, width int) (olds, news *vec.Batch, beside []*vec.Vec, err error) {
	o := d.Target
	key := o.PrimaryKey
	if len(key) == 0 {
		key = []int{width - 1}
	}
	for {
		ep, err := s.readEpoch(ctx)
		if err != nil {
			return nil, nil, nil, err
		}
		batches, err := s.source(ctx, d, ec, ep)
		if err != nil || len(batches) == 0 {
			return nil, nil, nil, err
		}
		rows := distinctTargets(vec.Concat(batches), key)
		olds = &vec.Batch{N: rows.N, Cols: rows.Cols[:width]}
		end := len(rows.Cols) - d.Beside
		beside = rows.Cols[end:]
		if end > width {
			news = &vec.Batch{N: rows.N, Cols: rows.Cols[width:end]}
			if len(o.PrimaryKey) == 0 { // a row of a bag keeps its number
				news.Cols = append(news.Cols[:len(news.Cols):len(news.Cols)], olds.Cols[width-1])
			}
		}
		keys := encodeKeys(pick(olds.Cols, key), olds.N)
		names := make([]string, olds.N)
		for i := range names {
			names[i] = string(keys.Key(i))
		}
		waited, err := s.lock(ctx, o.ID, names)
		if err != nil {
			return nil, nil, nil, err
		}
		now, err := s.srv.engine.WaitFresh(ctx)
		if err != nil {
			return nil, nil, nil, err
		}
		if !waited && now == ep {
			return olds, news, beside, nil
		}
		if same, err := s.unchanged(o, olds, key, now); err != nil || same {
			return olds, news, beside, err
		}
		if s.tx.repeat {
			return nil, nil, nil, sqlerr.New(sqlerr.SerializationFailure, "could not serialize access due to concurrent update")
		}
	}
}

// lock takes row locks, waiting at most lock_timeout.
func (s *session) lock(ctx context.Context, table uint64, keys []string) (waited bool, err error) {
	if d := s.set.lockTimeout; d > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, d, sqlerr.New(sqlerr.LockNotAvailable, "canceling statement due to lock timeout"))
		defer cancel()
	}
	return s.srv.engine.Locks().Lock(ctx, s.tx.lockOwner(), table, keys)
}

// distinctTargets keeps the first of several matches of one target row (UPDATE …
// FROM with more than one match changes it once).
func distinctTargets(rows *vec.Batch, key []int) *vec.Batch {
	keys := encodeKeys(pick(rows.Cols, key), rows.N)
	seen := make(map[string]bool, rows.N)
	var sel []int32
	for i := range rows.N {
		if k := string(keys.Key(i)); !seen[k] {
			seen[k] = true
			sel = append(sel, int32(i))
		}
	}
	if len(sel) == rows.N {
		return rows
	}
	return rows.Select(sel)
}

// unchanged reports whether rows still stand at an epoch as they were read. Rows
// that this transaction wrote itself are its own business.
func (s *session) unchanged(o *catalog.Object, rows *vec.Batch, key []int, ep exec.Epoch) (bool, error) {
	if len(s.tx.own[o.ID]) > 0 {
		return true, nil // the commit checks once more
	}
	found, err := s.srv.engine.Lookup(o.ID, &vec.Batch{N: rows.N, Cols: pick(rows.Cols, key)}, ep, nil)
	if err != nil || found == nil || found.N != rows.N {
		return false, err
	}
	var a, b rowenc.Keys
	rowenc.EncodeKeys(&a, rows.Cols, rows.N, rowenc.KeyOptions{Mode: rowenc.Exact})
	rowenc.EncodeKeys(&b, found.Cols, found.N, rowenc.KeyOptions{Mode: rowenc.Exact})
	return string(a.Data) == string(b.Data), nil
}

// checkMoved is 23505 for an UPDATE that moves a row to a key where another
// stands that the statement does not move away.
func (s *session) checkMoved(ctx context.Context, o *catalog.Object, olds, news *vec.Batch) error {
	left := map[string]bool{}
	ok := encodeKeys(pick(olds.Cols, o.PrimaryKey), olds.N)
	for i := range olds.N {
		left[string(ok.Key(i))] = true
	}
	ep, err := s.readEpoch(ctx)
	if err != nil {
		return err
	}
	standing, err := s.standing(o, pick(news.Cols, o.PrimaryKey), news.N, ep)
	if err != nil {
		return err
	}
	nk := encodeKeys(pick(news.Cols, o.PrimaryKey), news.N)
	taken := map[string]bool{}
	for i := range news.N {
		k := string(nk.Key(i))
		if _, there := standing[k]; there && !left[k] || taken[k] {
			return duplicateKey(o, news, i)
		}
		taken[k] = true
	}
	return nil
}

// standing returns the rows that stand under the given keys, by key, as the
// transaction sees them.
func (s *session) standing(o *catalog.Object, keyCols []*vec.Vec, n int, ep exec.Epoch) (map[string]*vec.Batch, error) {
	out := map[string]*vec.Batch{}
	wanted := encodeKeys(keyCols, n)
	want := make(map[string]bool, n)
	for i := range n {
		want[string(wanted.Key(i))] = true
	}
	if s.srv.host.Snapshot().ByID(o.ID) != nil { // else the table is this transaction's own
		found, err := s.srv.engine.Lookup(o.ID, &vec.Batch{N: n, Cols: keyCols}, ep, nil)
		if err != nil {
			return nil, err
		}
		if found != nil {
			keys := encodeKeys(pick(found.Cols, o.PrimaryKey), found.N)
			for i := range found.N {
				out[string(keys.Key(i))] = found.Select([]int32{int32(i)})
			}
		}
	}
	for _, b := range s.tx.own[o.ID] {
		keys := encodeKeys(pick(b.Cols, o.PrimaryKey), b.N)
		for i := range b.N {
			k := string(keys.Key(i))
			switch {
			case !want[k]:
			case b.Weight(i) < 0:
				delete(out, k)
			default:
				row := b.Select([]int32{int32(i)})
				row.Weights = nil
				out[k] = row
			}
		}
	}
	return out, nil
}

// returning sends the RETURNING columns of rows.
func (s *session) returning(d *boundDML, ec *funcs.Ctx, rows *vec.Batch, out pgwire.ResultWriter) error {
	if d.returning == nil || rows.N == 0 {
		return nil
	}
	cols, errs := d.returning.Eval(ec, rows)
	if len(errs) > 0 {
		return errs[0].Err
	}
	return out.Rows(&vec.Batch{N: rows.N, Cols: cols}, 0, rows.N)
}

func duplicateKey(o *catalog.Object, rows *vec.Batch, i int) error {
	names, vals := "", ""
	for n, c := range o.PrimaryKey {
		if n > 0 {
			names, vals = names+", ", vals+", "
		}
		names += o.Columns[c].Name
		vals += string(types.AppendText(nil, rows.Cols[c].Datum(i), rows.Cols[c].Type, nil))
	}
	e := sqlerr.New(sqlerr.UniqueViolation, "duplicate key value violates unique constraint %q", o.PrimaryKeyName).
		WithDetail("Key (%s)=(%s) already exists.", names, vals)
	e.Schema, e.Table, e.Constraint = o.Schema, o.Name, o.PrimaryKeyName
	return e
}

func weigh(b *vec.Batch, w int64) *vec.Batch {
	out := *b
	out.Weights = make([]int64, b.N)
	for i := range out.Weights {
		out.Weights[i] = w
	}
	return &out
}

func pick(cols []*vec.Vec, want []int) []*vec.Vec {
	out := make([]*vec.Vec, len(want))
	for i, c := range want {
		out[i] = cols[c]
	}
	return out
}

func encodeKeys(cols []*vec.Vec, n int) *rowenc.Keys {
	var k rowenc.Keys
	rowenc.EncodeKeys(&k, cols, n, rowenc.KeyOptions{Mode: rowenc.Canonical})
	return &k
}

// checks are a relation's constraints on single rows.
type checks struct {
	o       *catalog.Object
	names   []string
	conds   []expr.Expr
	program *expr.Program
}

func newChecks(o *catalog.Object, bound []planner.Check) (*checks, error) {
	c := &checks{o: o}
	for _, k := range bound {
		c.names = append(c.names, k.Name)
		c.conds = append(c.conds, k.Cond)
	}
	if len(c.conds) == 0 {
		return c, nil
	}
	var err error
	c.program, err = expr.Compile(c.conds, columnTypes(o))
	return c, err
}

// verify fails with the constraint that a row violates: NOT NULL, then CHECK.
func (c *checks) verify(ec *funcs.Ctx, rows *vec.Batch) error {
	for n, col := range c.o.Columns {
		v := rows.Cols[n]
		if !col.NotNull && n != c.o.Rowtime() || v.Valid == nil {
			continue
		}
		for i := range rows.N {
			if v.IsNull(i) {
				e := sqlerr.New(sqlerr.NotNullViolation, "null value in column %q of relation %q violates not-null constraint", col.Name, c.o.Name).
					WithDetail("Failing row contains %s.", showRow(rows, i))
				e.Schema, e.Table, e.Column = c.o.Schema, c.o.Name, col.Name
				return e
			}
		}
	}
	if c.program == nil {
		return nil
	}
	cols, errs := c.program.Eval(ec, rows)
	if len(errs) > 0 {
		return errs[0].Err
	}
	for n, v := range cols {
		for i := range rows.N {
			if !v.IsNull(i) && !v.Bools[i] {
				name := c.names[n]
				e := sqlerr.New(sqlerr.CheckViolation, "new row for relation %q violates check constraint %q", c.o.Name, name).
					WithDetail("Failing row contains %s.", showRow(rows, i))
				e.Schema, e.Table, e.Constraint = c.o.Schema, c.o.Name, name
				return e
			}
		}
	}
	return nil
}

func showRow(rows *vec.Batch, i int) string {
	out := []byte("(")
	for n, v := range rows.Cols {
		if n > 0 {
			out = append(out, ", "...)
		}
		if d := v.Datum(i); d.Null {
			out = append(out, "null"...)
		} else {
			out = types.AppendText(out, d, v.Type, nil)
		}
	}
	return string(append(out, ')'))
}
