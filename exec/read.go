package exec

import (
	"context"

	"github.com/tarndb/tarn/exec/circuit"
	"github.com/tarndb/tarn/exec/operator"
	"github.com/tarndb/tarn/exec/zset"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/vec"
)

// ReadOptions say how a plan is read once.
type ReadOptions struct {
	Epoch Epoch // the snapshot, from WaitFresh or an AS OF
	Ctx   *funcs.Ctx
	// Own are the transaction's own uncommitted rows by relation, stored layout.
	Own map[uint64][]*vec.Batch
	// System computes the rows of a system relation, with the scan's columns.
	System func(scan *plan.Scan, emit func(*vec.Batch) error) error
}

// Read runs a plan over a snapshot and emits its rows, in the plan's order.
func (e *Engine) Read(ctx context.Context, root plan.Node, o ReadOptions, emit func(*vec.Batch) error) error {
	release := e.space.Pin(o.Epoch)
	defer release()
	mark, err := e.watermarkAt(root, o.Epoch)
	if err != nil {
		return err
	}
	step := &operator.Step{Epoch: o.Epoch, Time: int64(o.Epoch), Watermark: mark, Ctx: o.Ctx, Workers: e.cfg.Workers, Done: ctx.Done()}
	env := circuit.Env{Budget: e.budget, TempDir: e.tempDir}
	err = circuit.RunOnce(step, root, env, func(s *plan.Scan, push func(*vec.Batch) error) error {
		return e.feed(ctx, s, &o, push)
	}, emit)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (e *Engine) feed(ctx context.Context, s *plan.Scan, o *ReadOptions, push func(*vec.Batch) error) error {
	if s.Kind == plan.System {
		return o.System(s, push)
	}
	own := o.Own[s.Object]
	if len(own) == 0 {
		return e.scanAt(ctx, s, o.Epoch, push)
	}
	// What the transaction took back must cancel what stands.
	var all []*vec.Batch
	if e.relation(s.Object) != nil { // else it was created by this transaction
		if err := e.scanAt(ctx, s, o.Epoch, func(b *vec.Batch) error { all = append(all, b); return nil }); err != nil {
			return err
		}
	}
	taken := false
	for _, b := range own {
		if rel := e.relation(s.Object); rel != nil {
			b = rel.widen(b, true)
		}
		var position *vec.Vec // a table's own rows have their numbers
		if s.Kind != plan.Table {
			position = sequence(1<<62, b.N)
		}
		all = append(all, scanColumns(s, b, position, repeat(int64(o.Epoch), b.N)))
		taken = taken || b.Weights != nil
	}
	if taken {
		all = []*vec.Batch{zset.ConsolidateAll(all)}
	}
	for _, b := range all {
		if b != nil && b.N > 0 {
			if err := push(b); err != nil {
				return err
			}
		}
	}
	return nil
}

// Lookup reads rows of a table or view by key, at an epoch: the road of point
// queries, without a circuit. keys holds the key columns in KeyColumns' order.
func (e *Engine) Lookup(id uint64, keys *vec.Batch, ep Epoch, fields []int) (*vec.Batch, error) {
	rel := e.relation(id)
	if rel == nil || rel.view == nil {
		return nil, errGone()
	}
	if err := rel.answers(ep); err != nil {
		return nil, err
	}
	return rel.view.Get(keys, ep, fields)
}

// KeyColumns are the columns that Lookup finds rows by; ok is false if the
// relation cannot be looked up.
func (e *Engine) KeyColumns(id uint64) (cols []int, ok bool) {
	rel := e.relation(id)
	if rel == nil || rel.view == nil || rel.bag || !rel.view.HasKey() {
		return nil, false
	}
	return rel.view.KeyCols(), true
}
