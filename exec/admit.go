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
	setup   *Setup // catalog changes of this epoch, nil = none
	// touched: per table, the keys that this epoch has changed so far → the row
	// that stands there now ("" = none), as exact bytes.
	touched map[uint64]map[string]string
	undo    []func()
}

// inputs are the rows of one epoch by relation, in the order of arrival.
type inputs map[uint64][]input

// input is one write's rows. For streams: which were late, and their rowtimes.
type input struct {
	rows    *vec.Batch
	late    []bool
	rowtime []int64
}

func newAdmission(e *Engine, ep Epoch) *admission {
	return &admission{e: e, epoch: ep, inputs: inputs{}, touched: map[uint64]map[string]string{}}
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
	var done []admitted
	fail := func(err error) error {
		if a.setup != nil && txn.Catalog != nil {
			a.setup.rollback()
			a.setup, a.entries = nil, nil
		}
		return err
	}
	for _, w := range txn.Writes {
		rel := a.e.relation(w.Object)
		if rel == nil || rel.kind == viewRelation {
			return fail(sqlerr.New(sqlerr.UndefinedTable, "the relation to be written has been dropped"))
		}
		rows := w.Rows
		changes := map[string]string(nil)
		if rel.kind == tableRelation {
			if rows, changes, err = a.checkTable(rel, rows, done); err != nil {
				return fail(err)
			}
		}
		done = append(done, admitted{rel, rows, changes})
	}
	for _, d := range done {
		if len(d.changes) > 0 {
			m := a.touched[d.rel.id]
			if m == nil {
				m = map[string]string{}
				a.touched[d.rel.id] = m
			}
			for k, v := range d.changes {
				m[k] = v
			}
		}
		in := input{rows: d.rows}
		var payload []byte
		if d.rel.kind == streamRelation {
			in = d.rel.arrive(d.rows, a.epoch)
			payload = embedded.AppendPayload(nil, &topic.Rows{Batch: in.rows, Late: in.late, Rowtime: in.rowtime})
		} else {
			payload = rowenc.AppendBatch(nil, d.rows)
		}
		a.entries = append(a.entries, journal.Entry{Kind: journal.KindData, Object: d.rel.id, Payload: payload})
		a.inputs[d.rel.id] = append(a.inputs[d.rel.id], in)
	}
	return nil
}

// admitted is one write that has passed.
type admitted struct {
	rel     *relation
	rows    *vec.Batch
	changes map[string]string // what it makes of the keys it touches, "" = no row
}

// checkTable checks the rows of one write against a table and gives new rows of
// a bag their numbers. earlier are the transaction's writes before it.
func (a *admission) checkTable(rel *relation, rows *vec.Batch, earlier []admitted) (*vec.Batch, map[string]string, error) {
	if rel.bag && len(rows.Cols) == len(rel.types)-1 {
		rows = a.number(rel, rows)
		return rows, nil, nil // fresh numbers meet nothing
	}
	if len(rows.Cols) != len(rel.types) {
		return nil, nil, sqlerr.New(sqlerr.InternalError, "table %q has %d stored columns, got %d", rel.name, len(rel.types), len(rows.Cols))
	}
	var keys, images rowenc.Keys
	keyCols := pickColumns(rows.Cols, rel.key)
	rowenc.EncodeKeys(&keys, keyCols, rows.N, rowenc.KeyOptions{Mode: rowenc.Canonical})
	rowenc.EncodeKeys(&images, rows.Cols, rows.N, rowenc.KeyOptions{Mode: rowenc.Exact})

	standing, err := rel.standing(keyCols, rows.N, a.e.applied.Load())
	if err != nil {
		return nil, nil, err
	}
	changes := make(map[string]string, rows.N)
	touched := a.touched[rel.id]
	current := func(i int) string {
		k := keys.Key(i)
		if v, ok := changes[string(k)]; ok {
			return v
		}
		for j := len(earlier) - 1; j >= 0; j-- {
			if v, ok := earlier[j].changes[string(k)]; ok && earlier[j].rel == rel {
				return v
			}
		}
		if v, ok := touched[string(k)]; ok {
			return v
		}
		return standing[string(k)]
	}
	// Retractions first: an update that moves keys among its rows is no conflict.
	for i := range rows.N {
		if rows.Weight(i) < 0 {
			if current(i) != string(images.Key(i)) {
				return nil, nil, errConflict()
			}
			changes[string(keys.Key(i))] = ""
		}
	}
	for i := range rows.N {
		if rows.Weight(i) > 0 {
			if current(i) != "" {
				return nil, nil, rel.duplicate(rows, i)
			}
			changes[string(keys.Key(i))] = string(images.Key(i))
		}
	}
	return rows, changes, nil
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
