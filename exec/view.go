package exec

import (
	"fmt"

	"github.com/tarndb/tarn/exec/arrange"
	"github.com/tarndb/tarn/exec/circuit"
	"github.com/tarndb/tarn/exec/operator"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// buildView makes a view's circuit and output over the live group's state.
func (e *Engine) buildView(def ViewDef, sh *sharing, registry circuit.Registry) (*runner, error) {
	ctx := &funcs.Ctx{Env: def.Env}
	circ, err := circuit.Build(def.Plan, circuit.Env{
		Space: e.space, StateID: func(n int) uint64 { return stateID(def.ID, n) }, Output: e.tableOptions(def.RetainMicros),
		Registry: registry,
	})
	if err != nil {
		return nil, fmt.Errorf("view %q: %w", def.Name, err)
	}
	view, err := circuit.NewView(circ, def.Name, ctx)
	if err != nil {
		return nil, fmt.Errorf("view %q: %w", def.Name, err)
	}
	view.SetSkipErrors(def.SkipErrors)
	ts := make([]types.Type, 0, len(def.Plan.Columns()))
	for _, c := range def.Plan.Columns() {
		ts = append(ts, c.Type)
	}
	r := &runner{
		e: e, def: def, fingerprint: plan.Fingerprint(def.Plan), circ: circ, scans: circ.Sources(), clocked: circ.Clocked(), sharing: sh, mark: noWatermark,
		env: operator.Step{Ctx: ctx, Workers: e.cfg.Workers}, ready: make(chan struct{}), tried: make(chan struct{}),
	}
	r.state.Store(&viewState{building: true})
	r.rel = &relation{id: def.ID, kind: viewRelation, name: def.Name, types: ts, columns: def.Columns, rowtime: -1, view: view, run: r}
	return r, nil
}

// tryView builds a view's circuit in memory and throws it away, and looks whether
// what it reads can be read.
func (e *Engine) tryView(def ViewDef) error {
	space := arrange.NewSpace(arrange.Options{})
	defer space.Close()
	circ, err := circuit.Build(def.Plan, circuit.Env{Space: space, StateID: func(n int) uint64 { return uint64(n + 1) }})
	if err != nil {
		return fmt.Errorf("view %q: %w", def.Name, err)
	}
	for _, s := range circ.Sources() {
		if rel := e.relation(s.Object); rel != nil && rel.run != nil && !e.recovering {
			if err := rel.run.answers(); err != nil {
				return err
			}
		}
	}
	return nil
}

// restoreView opens a view whose state the store holds at the checkpoint, or, if
// that is the state of another plan, builds it again.
func (e *Engine) restoreView(def ViewDef, m *meta) error {
	vm, ok := m.Views[def.ID]
	if !ok || vm.Fingerprint != plan.Fingerprint(def.Plan) {
		return sqlerr.New(sqlerr.FeatureNotSupported, "the stored state of view %q was written by another release, whose plan for it differs", def.Name).
			WithHint("Start the release that wrote the folder, DROP the view, and create it again with this one.")
	}
	sh := &sharing{e: e}
	r, err := e.buildView(def, sh, sh.again(vm.Shared))
	if err != nil {
		return err
	}
	r.mark, r.from = vm.Watermark, vm.From
	if sh.lost {
		return sqlerr.New(sqlerr.DataCorrupted, "the checkpoint lacks an arrangement that view %q shares", def.Name)
	}
	if vm.Failed != nil {
		r.state.Store(&viewState{err: vm.Failed.err()})
		close(r.ready)
		e.setRelation(def.ID, r.rel)
		return nil
	}
	if r.relies = e.relies(r.scans); r.relies {
		if r.detached = vm.Detached; r.detached != nil {
			r.detached.release = e.space.Pin(vm.Detached.Cut)
			e.reads(r)
		} else {
			e.stayBehind(r, &vm, m)
		}
		e.setRelation(def.ID, r.rel)
		return nil
	}
	if vm.Detached != nil { // it goes on where the checkpoint was
		r.detached = vm.Detached
		r.detached.release = e.space.Pin(vm.Detached.Cut)
		e.reads(r)
		e.setRelation(def.ID, r.rel)
		e.backfills = append(e.backfills, r)
		return nil
	}
	r.state.Store(&viewState{})
	close(r.ready)
	e.setRelation(def.ID, r.rel)
	return nil
}

// dropState removes all arrangements of a relation.
func (e *Engine) dropState(id uint64) {
	for n := range 1 << 12 {
		e.space.Drop(stateID(id, n))
	}
}
