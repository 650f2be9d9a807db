package circuit

import (
	"bytes"
	"encoding/binary"
	"sync"
	"sync/atomic"

	"github.com/tarndb/tarn/exec/arrange"
	"github.com/tarndb/tarn/exec/operator"
	"github.com/tarndb/tarn/exec/zset"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/rowenc"
)

// View is a stored relation: the output of a standing query, or a base table. It
// takes the deltas of steps and answers reads, of any epoch that its table still
// knows. It is the Emit of its circuit.
//
// One goroutine at a time changes it (Batch, Errors, Commit, ApplyDelta); the
// reading methods may be called by any number beside it.
type View struct {
	name   string
	l      *layout
	table  *arrange.Table
	errs   *arrange.Table // error → weight; nil for base tables
	agg    *operator.Aggregate
	quiet  bool // the delta is not wanted now
	ctx    *funcs.Ctx
	skip   atomic.Bool // reads go past errors
	failed atomic.Bool // there has been an error since the view was opened
	epoch  atomic.Uint64
	weight atomic.Int64 // bag: rows, counting duplicates; since opened plus what was stored

	pending []*vec.Batch
	pendErr []zset.Error
	con     zset.Consolidator

	meta *arrange.Table // bag: number of rows

	keys, images rowenc.Keys
	hash         []uint64
	index        zset.Index
	ids          []int32
	refs         []arrange.Ref
	readers      sync.Pool
}

var _ operator.Emit = (*View)(nil)

// Delta is what a step did to a view, consolidated, retractions first. Batch is
// nil if nothing changed.
type Delta struct {
	Batch  *vec.Batch
	Errors []zset.Error
}

// NewView makes the output of a circuit; its tables take the ids after those of
// the operators. key is the unique key to store by, nil = the plan's first.
func NewView(c *Circuit, name string, ctx *funcs.Ctx) (*View, error) {
	v := &View{name: name, ctx: ctx}
	ts := typesOf(c.root)
	st := c.states()
	if chain, ok := terminal(c.root); ok {
		for _, n := range c.nodes {
			if n.plan == chain.agg {
				v.agg = n.op.(*operator.Aggregate)
			}
		}
		var err error
		if v.l, err = groupedLayout(chain, ts, v.agg); err != nil {
			return nil, err
		}
		v.table = v.agg.Groups
	} else if keys := c.root.Props().Keys; len(keys) > 0 {
		v.l = keyedLayout(ts, keys[0])
		v.table = st.Table(c.env.Output)
	} else {
		v.l = bagLayout(ts)
		v.table = st.Table(c.env.Output)
		v.meta = st.Table(arrange.TableOptions{})
	}
	v.errs = st.Table(c.env.Output)
	return v, v.open()
}

// NewTable makes a base table with the given key columns; none: a bag of rows.
func NewTable(space *arrange.Space, id func(ordinal int) uint64, name string, ts []types.Type, keyCols []int, o arrange.TableOptions) (*View, error) {
	v := &View{name: name, l: bagLayout(ts), table: space.Table(id(0), o)}
	if keyCols != nil {
		v.l = keyedLayout(ts, keyCols)
	} else {
		v.meta = space.Table(id(1), arrange.TableOptions{})
	}
	return v, v.open()
}

func (v *View) open() error {
	v.readers.New = func() any { return v.l.reader(v.ctx) }
	if v.errs != nil && v.errs.Len() > 0 {
		v.failed.Store(true)
	}
	if v.meta == nil {
		return nil
	}
	k := metaKey()
	refs := make([]arrange.Ref, 1)
	if err := v.meta.Lookup(k, nil, refs); err != nil {
		return err
	}
	if refs[0] != 0 {
		n, _ := binary.Varint(v.meta.Value(refs[0]))
		v.weight.Store(n)
	}
	return nil
}

func metaKey() *arrange.Keys {
	k := &arrange.Keys{}
	k.Append([]byte{1})
	return k
}

// Types are the types of the columns, KeyCols those of the key (nil: none).
func (v *View) Types() []types.Type { return v.l.types }

// KeyCols are the columns that Get looks up by, in its order; nil if there is no key.
func (v *View) KeyCols() []int { return v.l.keyCols }

// HasKey reports whether rows can be looked up by key. A view with one row, a
// global aggregate, has a key without columns.
func (v *View) HasKey() bool { return v.l.kind != bag }

// SetSkipErrors makes reads go past live errors (on_error = 'skip').
func (v *View) SetSkipErrors(skip bool) { v.skip.Store(skip) }

// SetWanted says whether anyone reads the deltas of the next steps. Where the
// aggregate's groups are the view, they are then not even computed, unless
// computing them is what finds errors. Not to be called within a step.
func (v *View) SetWanted(wanted bool) {
	if v.agg != nil {
		v.quiet = !wanted && v.agg.NeverFails() && v.l.neverFails()
		v.agg.SetQuiet(v.quiet)
	}
}

// Batch and Errors take what the circuit emits in a step.
func (v *View) Batch(b *vec.Batch) error {
	v.pending = append(v.pending, b)
	return nil
}

// Errors takes run-time errors of the step.
func (v *View) Errors(errs []zset.Error) error {
	v.pendErr = append(v.pendErr, errs...)
	return nil
}

// Commit stores what the step has emitted and returns it.
func (v *View) Commit(epoch uint64) (Delta, error) {
	d := Delta{Errors: zset.ConsolidateErrors(v.pendErr)}
	b := vec.Concat(v.pending)
	if v.agg == nil || len(v.l.maps) > 0 { // an aggregate emits each row once
		b = v.con.Batch(b)
	}
	clear(v.pending)
	v.pending, v.pendErr = v.pending[:0], nil
	d.Batch = zset.RetractionsFirst(b)
	v.epoch.Store(epoch)
	if err := v.storeErrors(d.Errors); err != nil {
		return d, err
	}
	if v.agg != nil || d.Batch == nil {
		return d, nil
	}
	return d, v.apply(d.Batch)
}

// ApplyDelta is Commit of one batch that is consolidated already: the changes of
// a base table.
func (v *View) ApplyDelta(epoch uint64, b *vec.Batch) error {
	v.epoch.Store(epoch)
	if b == nil {
		return nil
	}
	return v.apply(zset.RetractionsFirst(b))
}

// applyRows bounds the scratch of one piece of a large delta.
const applyRows = 16 * vec.BatchRows

func (v *View) apply(b *vec.Batch) error {
	for lo := 0; lo < b.N; lo += applyRows {
		part := b.Slice(lo, min(lo+applyRows, b.N))
		var err error
		if v.l.kind == keyed {
			err = v.applyKeyed(part)
		} else {
			err = v.applyBag(part)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// encode numbers the keys of b and looks them up.
func (v *View) encode(cols []*vec.Vec, n int, m rowenc.Mode) (*arrange.Keys, error) {
	rowenc.EncodeKeys(&v.keys, cols, n, rowenc.KeyOptions{Mode: m})
	v.hash = zset.HashKeys(v.hash, v.keys.Off, v.keys.Data)
	v.index.Reset(n)
	v.ids = v.index.Assign(v.keys.Off, v.keys.Data, v.hash, nil, v.ids[:0])
	k := &arrange.Keys{Off: v.index.Off, Data: v.index.Data, Hash: v.index.Hash}
	if cap(v.refs) < v.index.Len() {
		v.refs = make([]arrange.Ref, v.index.Len(), 2*v.index.Len())
	}
	v.refs = v.refs[:v.index.Len()]
	return k, v.table.Lookup(k, nil, v.refs)
}

// applyKeyed: a key whose row is replaced has a retraction and an insertion; the
// insertion wins. A retraction alone removes the key.
func (v *View) applyKeyed(b *vec.Batch) error {
	keys, err := v.encode(pick(b.Cols, v.l.keyCols), b.N, rowenc.Canonical)
	if err != nil {
		return err
	}
	v.l.codec.Encode(&v.images, pick(b.Cols, v.l.valCols), b.N)
	insert := make([]int32, v.index.Len()) // row + 1
	for i, id := range v.ids {
		if b.Weight(i) <= 0 {
			continue
		}
		if insert[id] != 0 || b.Weight(i) != 1 {
			return sqlerr.New(sqlerr.InternalError, "relation %q has two rows with one key", v.name)
		}
		insert[id] = int32(i) + 1
	}
	for id, row := range insert {
		if row == 0 {
			err = v.table.Delete(keys, id, v.refs[id])
		} else {
			_, err = v.table.Put(keys, id, v.refs[id], v.images.Key(int(row-1)))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (v *View) applyBag(b *vec.Batch) error {
	keys, err := v.encode(b.Cols, b.N, rowenc.Exact)
	if err != nil {
		return err
	}
	sums := make([]int64, v.index.Len())
	total := v.weight.Load()
	for i, id := range v.ids {
		sums[id] += b.Weight(i)
		total += b.Weight(i)
	}
	for id, w := range sums {
		if err := addWeight(v.table, keys, id, v.refs[id], w); err != nil {
			return err
		}
	}
	v.weight.Store(total)
	k := metaKey()
	refs := make([]arrange.Ref, 1)
	if err := v.meta.Lookup(k, nil, refs); err != nil {
		return err
	}
	_, err = v.meta.Put(k, 0, refs[0], binary.AppendVarint(nil, total))
	return err
}

// addWeight adds w to the varint at the front of the value of key i.
func addWeight(t *arrange.Table, keys *arrange.Keys, i int, ref arrange.Ref, w int64) error {
	if ref != 0 {
		old, _ := binary.Varint(t.Value(ref))
		w += old
	}
	if w == 0 {
		return t.Delete(keys, i, ref)
	}
	_, err := t.Put(keys, i, ref, binary.AppendVarint(nil, w))
	return err
}

// storeErrors adds to the live error set. An error's key is all of it; the value
// begins with its weight.
func (v *View) storeErrors(errs []zset.Error) error {
	if len(errs) == 0 || v.errs == nil {
		return nil
	}
	v.failed.Store(true)
	keys := &arrange.Keys{}
	for _, e := range errs {
		keys.Append(appendError(nil, &e))
	}
	refs := make([]arrange.Ref, len(errs))
	if err := v.errs.Lookup(keys, nil, refs); err != nil {
		return err
	}
	for i, e := range errs {
		if err := addWeight(v.errs, keys, i, refs[i], e.Weight); err != nil {
			return err
		}
	}
	return nil
}

func appendError(dst []byte, e *zset.Error) []byte {
	for _, s := range []string{string(e.Err.Code), e.Err.Message, e.Err.Detail, e.Err.Hint} {
		dst = binary.AppendUvarint(dst, uint64(len(s)))
		dst = append(dst, s...)
	}
	return append(dst, e.Row...)
}

func readError(b []byte) zset.Error {
	var parts [4]string
	for i := range parts {
		n, w := binary.Uvarint(b)
		parts[i] = string(b[w : w+int(n)])
		b = b[w+int(n):]
	}
	return zset.Error{
		Err: &sqlerr.Error{Code: sqlerr.Code(parts[0]), Message: parts[1], Detail: parts[2], Hint: parts[3]},
		Row: string(bytes.Clone(b)),
	}
}
