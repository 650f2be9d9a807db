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
	space *arrange.Space
	lanes []*Aggregate
	wide  bool
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
	a.Final = newFinalizer(a.keyType, a.calls)
	return a
}

// SetQuiet says whether the output may be left out (the view is the group table
// itself and nothing reads its changes). Not to be called within a step.
func (a *Aggregate) SetQuiet(quiet bool) { a.quiet = quiet }

// NeverFails reports that no group's value can be an error.
func (a *Aggregate) NeverFails() bool {
	for _, c := range a.calls {
		switch {
		case c.Fn.Class == funcs.Ordered:
		case c.Fn.Class == funcs.Holistic:
			return false
		case c.Fn.Name == "count", c.Type.Phys() == types.PhysBool, c.Type.OID == types.OIDNumeric:
		default:
			return false
		}
	}
	return true
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
		parts = split(a.space, columns(b, a.groupBy), b.N, n)
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
		return nil
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
const foldGroups = 1024

func (a *Aggregate) foldSome(lo, hi int) error {
	sc := &a.scr
	keys := arrange.Keys{Off: sc.index.Off[lo : hi+1], Data: sc.index.Data, Hash: sc.index.Hash[lo:hi]}
	sc.refs = resize(sc.refs, hi-lo)
	if err := a.Groups.Lookup(&keys, nil, sc.refs); err != nil {
		return err
	}
	for g := lo; g < hi; g++ {
		ref := sc.refs[g-lo]
		var old []byte
		if ref != 0 {
			old = a.Groups.Value(ref)
		}
		rows := sc.rows[g]
		for _, c := range a.calls {
			c.part = nil
		}
		if old != nil {
			count, w := binary.Varint(old)
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
		}
		sc.old.end()
		sc.new.end()
		if string(image) == string(old) {
			continue
		}
		if a.closing != nil && len(old) == 0 {
			if err := a.closing.add(a, sc.index.Key(g)); err != nil {
				return err
			}
		}
		if len(image) == 0 {
			if err := a.Groups.Delete(&keys, g-lo, ref); err != nil {
				return err
			}
			continue
		}
		if _, err := a.Groups.Put(&keys, g-lo, ref, image); err != nil {
			return err
		}
	}
	return nil
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

// emit sends -old +new for the groups whose output row changed.
func (a *Aggregate) emit(keys *zset.Index, old, new *images, out Emit) error {
	n := keys.Len()
	for lo := 0; lo < n; lo += vec.BatchRows / 2 {
		if err := a.emitSlice(keys, old, new, lo, min(lo+vec.BatchRows/2, n), out); err != nil {
			return err
		}
	}
	return nil
}

func (a *Aggregate) emitSlice(keys *zset.Index, old, new *images, lo, hi int, out Emit) error {
	sc := &a.scr
	sc.oldRows, sc.newRows, sc.slices = sc.oldRows[:0], sc.newRows[:0], sc.slices[:0]
	for g := lo; g < hi; g++ {
		o, n := old.at(g), new.at(g)
		if len(o) == 0 && len(n) == 0 || string(o) == string(n) {
			continue
		}
		sc.slices = append(sc.slices, keys.Key(g))
		sc.oldRows, sc.newRows = append(sc.oldRows, o), append(sc.newRows, n)
	}
	if len(sc.slices) == 0 {
		return nil
	}
	keyCols, err := a.Final.Keys(sc.slices)
	if err != nil {
		return err
	}
	oldCols, oldErrs := a.Final.Values(sc.oldRows)
	newCols, newErrs := a.Final.Values(sc.newRows)
	// A group whose value fails is an error instead of a row.
	sc.oldSel = rowsWithout(sc.oldSel[:0], sc.oldRows, oldErrs)
	sc.newSel = rowsWithout(sc.newSel[:0], sc.newRows, newErrs)
	sc.oldSel, sc.newSel = dropEqual(sc.oldSel, sc.newSel, oldCols, newCols, len(sc.slices))
	var errs []zset.Error
	for _, e := range oldErrs {
		errs = append(errs, zset.Error{Err: e.Err, Row: string(sc.slices[e.Row]), Weight: -1})
	}
	for _, e := range newErrs {
		errs = append(errs, zset.Error{Err: e.Err, Row: string(sc.slices[e.Row]), Weight: 1})
	}
	if errs = zset.ConsolidateErrors(errs); len(errs) > 0 {
		if err := out.Errors(errs); err != nil {
			return err
		}
	}
	return emitChange(keyCols, oldCols, newCols, sc.oldSel, sc.newSel, out)
}

// emitChange emits -1 × (keys, old) at oldSel, then +1 × (keys, new) at newSel.
func emitChange(keys, old, new []*vec.Vec, oldSel, newSel []int32, out Emit) error {
	n := len(oldSel) + len(newSel)
	if n == 0 {
		return nil
	}
	b := &vec.Batch{N: n, Cols: make([]*vec.Vec, 0, len(keys)+len(new))}
	both := newSel
	if len(oldSel) > 0 {
		both = append(append(make([]int32, 0, n), oldSel...), newSel...)
		b.Weights = make([]int64, n)
		for i := range b.Weights {
			b.Weights[i] = 1
			if i < len(oldSel) {
				b.Weights[i] = -1
			}
		}
	}
	for _, k := range keys {
		b.Cols = append(b.Cols, vec.Gather(k, both))
	}
	for c := range new {
		switch {
		case len(oldSel) == 0:
			b.Cols = append(b.Cols, vec.Gather(new[c], newSel))
		case len(newSel) == 0:
			b.Cols = append(b.Cols, vec.Gather(old[c], oldSel))
		default:
			b.Cols = append(b.Cols, vec.ConcatVecs([]*vec.Vec{vec.Gather(old[c], oldSel), vec.Gather(new[c], newSel)}))
		}
	}
	return out.Batch(b)
}

// rowsWithout lists the rows that have an image and no error.
func rowsWithout(dst []int32, rows [][]byte, errs []funcs.RowError) []int32 {
	failed := map[int32]bool{}
	for _, e := range errs {
		failed[e.Row] = true
	}
	for i, r := range rows {
		if len(r) > 0 && !failed[int32(i)] {
			dst = append(dst, int32(i))
		}
	}
	return dst
}

// dropEqual removes from both lists (ascending) the rows whose columns are alike.
func dropEqual(oldSel, newSel []int32, old, new []*vec.Vec, n int) (o, w []int32) {
	same := make([]uint8, n)
	for _, i := range oldSel {
		same[i]++
	}
	for _, i := range newSel {
		same[i]++
	}
	for i := range same {
		if same[i] == 2 {
			for c := range old {
				if !sameValue(old[c], i, new[c], i) {
					same[i] = 0
					break
				}
			}
		}
	}
	keep := func(sel []int32) []int32 {
		out := sel[:0]
		for _, i := range sel {
			if same[i] != 2 {
				out = append(out, i)
			}
		}
		return out
	}
	return keep(oldSel), keep(newSel)
}

// sameValue reports whether two values are the same, display included.
func sameValue(a *vec.Vec, i int, b *vec.Vec, j int) bool {
	if a.IsNull(i) || b.IsNull(j) {
		return a.IsNull(i) && b.IsNull(j)
	}
	switch a.Type.Phys() {
	case types.PhysBool:
		return a.Bools[i] == b.Bools[j]
	case types.PhysInt:
		return a.Ints[i] == b.Ints[j]
	case types.PhysFloat:
		x, y := a.Floats[i], b.Floats[j]
		return x == y && (x != 0 || 1/x == 1/y) || x != x && y != y
	case types.PhysNumeric:
		if a.Scale >= 0 && b.Scale >= 0 {
			return a.Scale == b.Scale && a.Ints[i] == b.Ints[j]
		}
		if (a.Scale < 0) != (b.Scale < 0) {
			x, y := vec.FromDatums(a.Type, []types.Datum{a.Datum(i)}), vec.FromDatums(b.Type, []types.Datum{b.Datum(j)})
			return string(vec.Widen(x).Bytes(0)) == string(vec.Widen(y).Bytes(0))
		}
	}
	return string(a.Bytes(i)) == string(b.Bytes(j))
}

// Finalizer turns keys and images of groups into output rows. It is made fresh
// for each goroutine by Clone.
type Finalizer struct {
	keyType []types.Type
	calls   []*aggCall
}

func newFinalizer(keyType []types.Type, calls []*aggCall) *Finalizer {
	f := &Finalizer{keyType: keyType}
	for _, c := range calls {
		f.calls = append(f.calls, c.reader())
	}
	return f
}

// Clone returns a Finalizer for another goroutine.
func (f *Finalizer) Clone() *Finalizer { return newFinalizer(f.keyType, f.calls) }

// Keys decodes group columns.
func (f *Finalizer) Keys(keys [][]byte) ([]*vec.Vec, error) {
	cols, _, err := rowenc.DecodeKeys(keys, f.keyType, rowenc.KeyOptions{Mode: rowenc.Canonical})
	return cols, err
}

// Values returns the aggregate columns of the groups with the given images; an
// empty image gives NULLs. A failing value is NULL and has an error.
func (f *Finalizer) Values(images [][]byte) ([]*vec.Vec, []funcs.RowError) {
	for _, c := range f.calls {
		c.resetReader(len(images))
	}
	for g, image := range images {
		if len(image) == 0 {
			continue
		}
		_, w := binary.Varint(image)
		rest := image[w:]
		for _, c := range f.calls {
			rest = c.read(g, rest)
		}
	}
	var errs []funcs.RowError
	cols := make([]*vec.Vec, len(f.calls))
	for i, c := range f.calls {
		cols[i], errs = c.finish(images, errs)
	}
	return cols, errs
}
