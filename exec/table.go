package exec

import (
	"context"

	"github.com/tarndb/tarn/exec/arrange"
	"github.com/tarndb/tarn/exec/circuit"
	"github.com/tarndb/tarn/exec/zset"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/rowenc"
)

// newTable makes a table; where the store holds one of that id, its rows are there.
func (e *Engine) newTable(def TableDef) (*relation, error) {
	r := &relation{id: def.ID, kind: tableRelation, rowtime: def.Rowtime, created: def.Created}
	r.define(&def)
	v, err := circuit.NewTable(e.space, func(n int) uint64 { return stateID(def.ID, n) }, def.Name, r.types, r.key, e.tableOptions(def.RetainMicros))
	if err == nil {
		r.view = r.extended(v, &def)
	}
	return r, err
}

// newStream makes a stream; records that its topic holds are there.
func (e *Engine) newStream(def StreamDef) (*relation, error) {
	t, err := e.topics.Create(def.ID)
	if err != nil {
		return nil, err
	}
	r := &relation{
		id: def.ID, kind: streamRelation, name: def.Name, columns: def.Columns, types: def.Types, base: def.base(), rowtime: def.Rowtime,
		topic: t, log: t, idle: def.IdleMicros, retain: def.RetainMicros,
		mark: watermark{delay: def.DelayMicros, ahead: e.cfg.AheadMicros, value: noWatermark},
	}
	r.moved.Store(e.topics.Topic(def.ID | marksBit))
	if def.Outside != nil {
		r.outside = &outsideTopic{id: def.ID, log: e.topics, name: def.Name, types: def.Types, rowtime: def.Rowtime, out: def.Outside, cuts: t, end: &r.end, source: &r.source, window: windowRows, ctx: context.Background()}
		r.topic = r.outside
	}
	return r, nil
}

func (e *Engine) tableOptions(retain int64) arrange.TableOptions {
	if retain == 0 {
		retain = e.cfg.RetainMicros
	}
	return arrange.TableOptions{History: arrange.HistoryKeep, RetainMicros: retain}
}

// standing returns, for rows with the given keys, the rows that stand in the
// table at an epoch, by key. cols are the key columns.
func (r *relation) standing(cols []*vec.Vec, n int, ep Epoch) (placed, error) {
	found, err := r.view.Get(&vec.Batch{N: n, Cols: cols}, ep, nil)
	if err != nil || found == nil {
		return nil, err
	}
	out := make(placed, found.N)
	r.place(found, out)
	return out, nil
}

// place puts the rows of a batch where they stand.
func (r *relation) place(b *vec.Batch, into placed) {
	keys := keyStrings(pickColumns(b.Cols, r.key), b.N, rowenc.Canonical)
	images := keyStrings(b.Cols, b.N, rowenc.Exact)
	for i, k := range keys {
		into[k] = place{images[i], b, int32(i)}
	}
}

func pickColumns(cols []*vec.Vec, want []int) []*vec.Vec {
	out := make([]*vec.Vec, len(want))
	for i, c := range want {
		out[i] = cols[c]
	}
	return out
}

// applyTable adds an epoch's rows to a table. batches are in order of arrival; a
// row that came and went within the epoch leaves nothing.
func (r *relation) applyTable(ep Epoch, batches []*vec.Batch) (*vec.Batch, error) {
	b := batches[0]
	if len(batches) > 1 || b.Weights != nil {
		b = zset.ConsolidateAll(batches)
	}
	return b, r.view.ApplyDelta(ep, b)
}
