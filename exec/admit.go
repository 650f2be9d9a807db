package exec

import (
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/journal"
	"github.com/tarndb/tarn/storage/rowenc"
	"github.com/tarndb/tarn/storage/topic"
	"github.com/tarndb/tarn/storage/topic/embedded"
)

// admission collects what one epoch will hold. A transaction is admitted whole
// or not at all: constraints are checked against the tables as they stand plus
// what this epoch has admitted before.
type admission struct {
	e       *Engine
	epoch   Epoch
	entries []journal.Entry
	inputs  inputs
	setup   *Setup              // catalog changes of this epoch, nil = none
	touched map[uint64]*touched // per table
	// cuts: where the sources of this epoch stand after it, by object and partition.
	cuts offsets
	// kept: where the rows that streams keep themselves end in this epoch, by object.
	kept map[uint64]int64
	// resets are partitions that began anew in this epoch.
	resets []reset
	undo   []func()
}

// inputs are the rows of one epoch by relation, in the order of arrival.
type inputs map[uint64][]input

// input is one write's rows. For streams: which were late, and their rowtimes. On
// replay a stream that is read through has its cuts instead.
type input struct {
	cuts    []cutRow
	tops    []partTop // of the rows up to here that no earlier input's tops are of
	rows    *vec.Batch
	late    []bool
	rowtime []int64
}

func newAdmission(e *Engine, ep Epoch) *admission {
	return &admission{e: e, epoch: ep, inputs: inputs{}, touched: map[uint64]*touched{}, cuts: offsets{}, kept: map[uint64]int64{}}
}

// rollback takes back row numbers and prepared catalog changes; nothing else has
// been touched yet.
func (a *admission) rollback() {
	for i := len(a.undo) - 1; i >= 0; i-- {
		a.undo[i]()
	}
	if a.setup != nil {
		a.setup.rollback()
	}
}

func (a *admission) admit(txn *Txn) (err error) {
	if txn.Catalog != nil {
		a.setup = &Setup{e: a.e, epoch: a.epoch}
		if err := guard("catalog change", func() error { return a.e.cfg.Host.Apply(a.setup, a.epoch, txn.Catalog) }); err != nil {
			a.setup.rollback()
			a.setup = nil
			return err
		}
		a.entries = append(a.entries, journal.Entry{Kind: journal.KindCatalog, Payload: txn.Catalog})
	}
	fail := func(err error) error {
		if a.setup != nil && txn.Catalog != nil {
			a.setup.rollback()
			a.setup, a.entries = nil, nil
		}
		return err
	}
	var done []admitted
	for i := range txn.Writes {
		d, err := a.check(&txn.Writes[i], done)
		if err != nil {
			return fail(err)
		}
		done = append(done, d)
	}
	cuts, err := a.checkCuts(txn, done)
	if err != nil {
		return fail(err)
	}
	before := map[uint64]int{}
	for _, c := range cuts {
		before[c.Object] = len(a.inputs[c.Object])
	}
	for _, d := range done {
		if d.changes != nil {
			t := a.touched[d.rel.id]
			if t == nil {
				t = &touched{}
				a.touched[d.rel.id] = t
			}
			t.add(d.changes)
		}
		if d.rows != nil {
			a.take(d.rel, d.rows)
		}
	}
	a.takeCuts(cuts, before)
	return nil
}

// check checks one write. earlier are the transaction's writes before it.
func (a *admission) check(w *Write, earlier []admitted) (admitted, error) {
	rel := a.e.relation(w.Object)
	if rel == nil || rel.kind == viewRelation {
		return admitted{}, sqlerr.New(sqlerr.UndefinedTable, "the relation to be written has been dropped")
	}
	d := admitted{rel: rel, rows: w.Rows}
	var err error
	if w.Rows != nil {
		if d.rows, err = rel.fitted(w.Rows); err != nil {
			return d, err
		}
		if d.rows != w.Rows {
			c := *w
			c.Rows, w = d.rows, &c
		}
	}
	switch {
	case w.Upsert || w.Truncate:
		d.rows, d.changes, err = a.upsert(rel, w, earlier)
	case w.Rows == nil:
	case rel.kind == tableRelation:
		d.rows, d.changes, err = a.checkTable(rel, w.Rows, earlier)
	}
	return d, err
}

// take makes journal entries and inputs of admitted rows.
func (a *admission) take(rel *relation, rows *vec.Batch) {
	for lo := 0; lo < rows.N; lo += rowenc.BatchRowsMax {
		part := rows.Slice(lo, min(lo+rowenc.BatchRowsMax, rows.N))
		in := input{rows: part}
		if rel.kind == streamRelation {
			in = rel.arrive(part, a.epoch)
		}
		a.inputs[rel.id] = append(a.inputs[rel.id], in)
		if rel.outside != nil {
			continue // the journal has its cuts, and the rows of which there is no other copy
		}
		var payload []byte
		if rel.kind == streamRelation {
			payload = embedded.AppendPayload(nil, &topic.Rows{Batch: in.rows, Late: in.late, Rowtime: in.rowtime})
		} else {
			payload = rowenc.AppendBatch(nil, part)
		}
		a.entries = append(a.entries, journal.Entry{Kind: journal.KindData, Object: rel.id, Payload: payload})
	}
}

// admitted is one write that has passed.
type admitted struct {
	rel     *relation
	rows    *vec.Batch // nil: nothing to do
	changes changes    // what it makes of the keys it touches; nil: nothing
}

// checkTable checks the rows of one write against a table and gives new rows of
// a bag their numbers. earlier are the transaction's writes before it.
func (a *admission) checkTable(rel *relation, rows *vec.Batch, earlier []admitted) (*vec.Batch, changes, error) {
	if rel.bag && len(rows.Cols) == len(rel.types)-1 {
		rows = a.number(rel, rows)
		return rows, nil, nil // fresh numbers meet nothing
	}
	if err := rel.fits(rows); err != nil {
		return nil, nil, err
	}
	keyCols := pickColumns(rows.Cols, rel.key)
	keys := keyStrings(keyCols, rows.N, rowenc.Canonical)
	images := keyStrings(rows.Cols, rows.N, rowenc.Exact)
	standing, err := rel.standing(keyCols, rows.N, a.e.applied.Load())
	if err != nil {
		return nil, nil, err
	}
	changed := make(placed, rows.N)
	current := func(key string) string {
		if p, ok := changed[key]; ok {
			return p.image
		}
		return a.current(rel, key, earlier, standing).image
	}
	// Retractions first: an update that moves keys among its rows is no conflict.
	for i, key := range keys {
		if rows.Weight(i) < 0 {
			if current(key) != images[i] {
				return nil, nil, errConflict()
			}
			changed[key] = place{}
		}
	}
	for i, key := range keys {
		if rows.Weight(i) > 0 {
			if current(key) != "" {
				return nil, nil, rel.duplicate(rows, i)
			}
			changed[key] = place{images[i], rows, int32(i)}
		}
	}
	return rows, changed, nil
}

// fits fails if a batch has not the stored columns of a table: an error of the
// caller.
func (r *relation) fits(rows *vec.Batch) error {
	if len(rows.Cols) != len(r.types) {
		return sqlerr.New(sqlerr.InternalError, "table %q has %d stored columns, got %d", r.name, len(r.types), len(rows.Cols))
	}
	return nil
}

// errConflict says that a row is no longer what the statement read. The session
// runs the statement again (READ COMMITTED), or passes 40001 on.
func errConflict() error {
	return sqlerr.New(sqlerr.SerializationFailure, "could not serialize access due to concurrent update")
}

// number appends row numbers to new rows of a bag.
func (a *admission) number(rel *relation, rows *vec.Batch) *vec.Batch {
	first := rel.nextRow
	rel.nextRow += int64(rows.N)
	a.undo = append(a.undo, func() { rel.nextRow = first })
	nums := make([]int64, rows.N)
	for i := range nums {
		nums[i] = first + int64(i)
	}
	out := *rows
	out.Cols = append(append([]*vec.Vec(nil), rows.Cols...), &vec.Vec{Type: types.Int8, N: rows.N, Ints: nums})
	return &out
}

// duplicate is 23505 for row i.
func (r *relation) duplicate(rows *vec.Batch, i int) error {
	names, vals := "", ""
	for n, c := range r.key {
		if n > 0 {
			names, vals = names+", ", vals+", "
		}
		names += r.columns[c]
		vals += string(types.AppendText(nil, rows.Cols[c].Datum(i), rows.Cols[c].Type, nil))
	}
	e := sqlerr.New(sqlerr.UniqueViolation, "duplicate key value violates unique constraint %q", r.keyName).
		WithDetail("Key (%s)=(%s) already exists.", names, vals)
	e.Table, e.Constraint = r.name, r.keyName
	return e
}
