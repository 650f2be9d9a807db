package operator

import (
	"encoding/binary"

	"github.com/tarndb/tarn/exec/arrange"
	"github.com/tarndb/tarn/exec/zset"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/rowenc"
)

// chunkRows is how many input rows an operator gathers before it touches its
// state: enough that a group, or a key, that is hot in a step is touched once for
// many rows, little enough that the scratch stays in the cache.
const chunkRows = 16 * vec.BatchRows

// Aggregate groups its input and keeps one state image a group in a table keyed
// by the group's canonical key.
//
// Invariants
//   - An image holds all that the group's output row is made of, so that a table
//     of groups can be read as a view, now or in its history (Finalizer).
//   - The group columns that come out are decoded from the key: one
//     representative for equal values, whatever came first.
//   - Ordered and Holistic aggregates over input that retracts also keep an
//     ordered multiset of values each; it is only read when a group changes.
type Aggregate struct {
	Groups *arrange.Table
	Final  *Finalizer

	input   []types.Type
	groupBy []int
	keyType []types.Type
	calls   []*aggCall
	global  bool
	// quiet says that nobody reads the output: the groups themselves are the view.
	quiet   bool
	started bool

	chunk chunk
	scr   aggScratch
	// lanes share the state and split large steps; wide: this step is split.
	space    *arrange.Space
	lanes    []*Aggregate
	wide     bool
	splitter splitter
	// closing, if not nil, drops the groups of closed windows.
	closing *closing
	// More than one chunk in a step: the groups touched so far and their images
	// before the step (step.images; empty = none).
	step aggStep
}

var _ Operator = (*Aggregate)(nil)

// AggregateSpec says what an Aggregate computes.
type AggregateSpec struct {
	Input      []types.Type
	GroupBy    []int
	Shown      []types.Type // of the columns of GroupBy, nil as in Input; see NewCounts
	Aggs       []plan.AggCall
	AppendOnly bool // the input never retracts
	// Closes: a group's state may be dropped when the watermark has passed column
	// GroupBy[WindowEnd] by Delay µs; the one reader has passed the group on.
	Closes    bool
	WindowEnd int
	Delay     int64
	// Groups: with history if the group table is a view.
	Groups arrange.TableOptions
}

// NewAggregate makes the operator; its state ids are taken from states in order.
func NewAggregate(spec AggregateSpec, states *States) *Aggregate {
	a := &Aggregate{space: states.Space, input: spec.Input, groupBy: spec.GroupBy, global: len(spec.GroupBy) == 0}
	for _, c := range spec.GroupBy {
		a.keyType = append(a.keyType, spec.Input[c])
	}
	a.Groups = states.Table(spec.Groups)
	if spec.Closes {
		a.closing = &closing{end: spec.WindowEnd, delay: spec.Delay, timers: states.Space.Ordered(states.Next())}
	}
	for _, c := range spec.Aggs {
		a.calls = append(a.calls, newAggCall(c, spec, states))
	}
	shown := spec.Shown
	if shown == nil {
		shown = a.keyType
	}
	a.Final = newFinalizer(a.keyType, shown, a.calls)
	return a
}

// SetQuiet says whether the output may be left out (the view is the group table
// itself and nothing reads its changes). Not to be called within a step.
func (a *Aggregate) SetQuiet(quiet bool) { a.quiet = quiet }

// NeverFails reports that no group's value can be an error, but for those of
// groups with hugeRows or more: these are looked at also where the output is left
// out.
func (a *Aggregate) NeverFails() bool {
	for _, c := range a.calls {
		switch {
		case c.Fn.Class == funcs.Ordered:
		case c.Fn.Class == funcs.Holistic:
			return false
		case c.Fn.Name == "count", c.Type.Phys() == types.PhysBool, c.Type.OID == types.OIDNumeric:
		case c.sumsSmall():
		default:
			return false
		}
	}
	return true
}

// hugeRows is how many rows of integers of 32 bits have a sum of 64 bits, whatever
// they are: 2^31 of less than 2^32.
const hugeRows = 1 << 31

// sumsSmall reports that the aggregate is a sum that can only overflow over
// hugeRows rows.
func (a *aggCall) sumsSmall() bool {
	return a.Fn.Name == "sum" && len(a.args) == 1 && (a.args[0].OID == types.OIDInt2 || a.args[0].OID == types.OIDInt4)
}

// Started reports whether the operator has work before its first input: a global
// aggregate has a row from the start.
func (a *Aggregate) Started() bool { return !a.global || a.started }

// Push adds b's rows to the groups.
func (a *Aggregate) Push(s *Step, port int, b *vec.Batch, out Emit) error {
	if a.chunk.full(b) {
		if err := a.process(s, out, false); err != nil {
			return err
		}
	}
	a.chunk.add(b)
	return nil
}

// Flush emits the step's changes.
func (a *Aggregate) Flush(s *Step, out Emit) error {
	if err := a.process(s, out, true); err != nil || a.closing == nil {
		return err
	}
	return a.closing.drop(a, s)
}

// Timed says that the watermark closes groups.
func (a *Aggregate) Timed() bool { return a.closing != nil }

// process folds the rows gathered so far into the groups.
func (a *Aggregate) process(s *Step, out Emit, last bool) error {
	b := a.chunk.take()
	if b != nil && !a.wide && a.step.index.Len() == 0 {
		a.wide = s.Workers > 1 && b.N >= laneRows && a.splits()
	}
	if a.wide {
		a.wide = !last
		return a.processWide(s, b, out, last)
	}
	if a.quiet && b != nil && b.N >= laneRows && a.splits() {
		b = b.Select(a.splitter.split(a.space, columns(b, a.groupBy), b.N, 1)[0])
	}
	return a.processBatch(s, b, out, last)
}

// splits reports whether all state of a group lies in the part of its key.
func (a *Aggregate) splits() bool {
	for _, c := range a.calls {
		if c.counts != nil {
			return false
		}
	}
	return !a.global && a.closing == nil
}

// processWide folds b in lanes. All chunks of a step go the same way: a lane
// knows the groups that it has touched in the step.
func (a *Aggregate) processWide(s *Step, b *vec.Batch, out Emit, last bool) error {
	for len(a.lanes) < s.Workers {
		l := &Aggregate{Groups: a.Groups, Final: a.Final.Clone(), input: a.input, groupBy: a.groupBy, keyType: a.keyType, started: true}
		for _, c := range a.calls {
			l.calls = append(l.calls, c.clone())
		}
		a.lanes = append(a.lanes, l)
	}
	n := s.Workers
	a.started = true
	parts := make([][]int32, n)
	if b != nil {
		parts = a.splitter.split(a.space, columns(b, a.groupBy), b.N, n)
	}
	return inLanes(n, out, func(i int, out Emit) error {
		l := a.lanes[i]
		l.quiet = a.quiet
		var mine *vec.Batch
		if len(parts[i]) > 0 {
			mine = b.Select(parts[i])
		}
		return l.processBatch(s, mine, out, last)
	})
}

func (a *Aggregate) processBatch(s *Step, b *vec.Batch, out Emit, last bool) error {
	if b == nil && !(a.global && !a.started) {
		if last {
			return a.endStep(out)
		}
		return nil
	}
	sc := &a.scr
	if b == nil {
		b = emptyBatch(a.input)
	}
	sc.cols = sc.cols[:0]
	for _, c := range a.groupBy {
		sc.cols = append(sc.cols, b.Cols[c])
	}
	rowenc.EncodeKeys(&sc.keys, sc.cols, b.N, rowenc.KeyOptions{Mode: rowenc.Canonical})
	sc.hash = zset.HashKeys(sc.hash, sc.keys.Off, sc.keys.Data)
	sc.index.Reset(min(b.N, chunkRows))
	sc.ids = sc.index.Assign(sc.keys.Off, sc.keys.Data, sc.hash, nil, sc.ids[:0])
	if a.global && !a.started && b.N == 0 {
		sc.index.Add(nil)
	}
	a.started = true
	n := sc.index.Len()
	sc.rows = resize(sc.rows, n)
	clear(sc.rows)
	for i, id := range sc.ids {
		sc.rows[id] += b.Weight(i)
	}
	for _, c := range a.calls {
		if err := c.add(sc, b); err != nil {
			return err
		}
	}
	return a.fold(s, out, last)
}

// fold loads the touched groups, stores their new images and, at the end of a
// step of one chunk, emits the difference.
func (a *Aggregate) fold(s *Step, out Emit, last bool) error {
	sc := &a.scr
	single := last && a.step.index.Len() == 0
	sc.old.reset()
	sc.new.reset()
	n := sc.index.Len()
	for lo := 0; lo < n; lo += foldGroups {
		if err := a.foldSome(lo, min(lo+foldGroups, n)); err != nil {
			return err
		}
	}
	if a.quiet {
		return sc.huge.emit(a, out)
	}
	if single {
		return a.emit(&sc.index, &sc.old, &sc.new, out)
	}
	a.step.touch(sc)
	if last {
		return a.endStep(out)
	}
	return nil
}

// foldGroups is how many groups are looked up and then changed: few enough that
// what the look-up has touched is still in the cache when it is changed.
const foldGroups = 256

func (a *Aggregate) foldSome(lo, hi int) error {
	sc := &a.scr
	keys := arrange.Keys{Off: sc.index.Off[lo : hi+1], Data: sc.index.Data, Hash: sc.index.Hash[lo:hi]}
	sc.refs = resize(sc.refs, hi-lo)
	if err := a.Groups.Lookup(&keys, nil, sc.refs); err != nil {
		return err
	}
	sc.changes = sc.changes[:0]
	if a.quiet {
		sc.new.reset()
	}
	for g := lo; g < hi; g++ {
		ref := sc.refs[g-lo]
		var old []byte
		if ref != 0 {
			old = a.Groups.Value(ref)
		}
		rows, count := sc.rows[g], int64(0)
		for _, c := range a.calls {
			c.part = nil
		}
		if old != nil {
			var w int
			count, w = binary.Varint(old)
			rows += count
			rest := old[w:]
			for _, c := range a.calls {
				rest = c.load(g, rest)
			}
		}
		at := len(sc.new.data)
		if rows != 0 || a.global {
			sc.new.data = binary.AppendVarint(sc.new.data, rows)
			for _, c := range a.calls {
				var err error
				if sc.new.data, err = c.image(sc.new.data, sc, g); err != nil {
					return err
				}
			}
		}
		image := sc.new.data[at:]
		// Also of a group that has not changed: a later chunk may change it, and
		// then this is what it was.
		if !a.quiet {
			sc.old.data = append(sc.old.data, old...)
			sc.old.end()
			sc.new.end()
		}
		if string(image) == string(old) {
			continue
		}
		if a.quiet && max(rows, count) >= hugeRows {
			sc.huge.add(sc.index.Key(g), old, image)
		}
		if a.closing != nil && len(old) == 0 {
			if err := a.closing.add(a, sc.index.Key(g)); err != nil {
				return err
			}
		}
		sc.changes = append(sc.changes, arrange.Change{Key: g - lo, Val: image})
	}
	return a.Groups.Update(&keys, sc.refs, sc.changes)
}

// endStep emits what the groups touched by a step of several chunks have become.
func (a *Aggregate) endStep(out Emit) error {
	st := &a.step
	n := st.index.Len()
	if n == 0 {
		return nil
	}
	defer st.reset()
	sc := &a.scr
	keys := arrange.Keys{Off: st.index.Off, Data: st.index.Data, Hash: st.index.Hash}
	sc.refs = resize(sc.refs, n)
	if err := a.Groups.Lookup(&keys, nil, sc.refs); err != nil {
		return err
	}
	sc.new.reset()
	for g := range n {
		if sc.refs[g] != 0 {
			sc.new.data = append(sc.new.data, a.Groups.Value(sc.refs[g])...)
		}
		sc.new.end()
	}
	return a.emit(&st.index, &st.images, &sc.new, out)
}
