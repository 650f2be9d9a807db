package circuit

import (
	"encoding/binary"
	"slices"

	"github.com/tarndb/tarn/exec/operator"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/rowenc"
)

// layout says how a view's rows lie in its table.
//
//	keyed    canonical key of the key columns → image of the other columns
//	bag      exact key of the whole row → count
//	grouped  the table of the aggregate at the root: canonical key of the group →
//	         its image; reading finalises, filters and projects
type layout struct {
	kind    layoutKind
	types   []types.Type
	keyCols []int // output columns of the key, in the key's order
	keyType []types.Type

	valCols []int // keyed: columns in the image
	valAt   []int // keyed: per column, its place in the image, -1 = only in the key
	codec   *rowenc.Codec

	final *operator.Finalizer // grouped
	maps  []*operator.Map     // grouped: from the aggregate outwards
	moves bool                // grouped: maps have nothing but columns and constants
}

type layoutKind uint8

const (
	keyed layoutKind = iota
	bag
	grouped
)

// keyedLayout leaves columns out of the image that their key gives back exactly.
func keyedLayout(ts []types.Type, keyCols []int) *layout {
	l := &layout{kind: keyed, types: ts, keyCols: append([]int{}, keyCols...), valCols: []int{}, valAt: make([]int, len(ts))}
	inKey := map[int]bool{}
	for _, c := range keyCols {
		l.keyType = append(l.keyType, ts[c])
		inKey[c] = true
	}
	var vals []types.Type
	for c, t := range ts {
		l.valAt[c] = -1
		if !inKey[c] || !lossless(t) {
			l.valAt[c] = len(vals)
			vals, l.valCols = append(vals, t), append(l.valCols, c)
		}
	}
	l.codec = rowenc.NewCodec(vals)
	return l
}

// extendedLayout is the keyed layout of a table of which only the first base
// columns were there when its rows began to be written, and some of which have had
// narrower types since. Columns that are only in the key lie as they did.
func extendedLayout(ts []types.Type, keyCols []int, base int, grown []rowenc.Grown) *layout {
	l := keyedLayout(ts, keyCols)
	before := func(n int) int { // columns of the image among the first n
		return len(slices.DeleteFunc(slices.Clone(l.valCols), func(c int) bool { return c >= n }))
	}
	var vals []types.Type
	for _, c := range l.valCols {
		vals = append(vals, ts[c])
	}
	var within []rowenc.Grown
	for _, g := range grown {
		if at := l.valAt[g.Column]; at >= 0 {
			within = append(within, rowenc.Grown{Column: at, Was: g.Was, Columns: before(g.Columns)})
		}
	}
	l.codec = rowenc.NewGrownCodec(vals, before(base), within)
	return l
}

// lossless reports that canonical keys of the type decode to the very value.
func lossless(t types.Type) bool {
	switch t.Phys() {
	case types.PhysBool, types.PhysInt:
		return true
	case types.PhysBytes:
		switch t.OID {
		case types.OIDText, types.OIDVarchar, types.OIDName, types.OIDBytea, types.OIDUUID:
			return true
		}
	}
	return false
}

func bagLayout(ts []types.Type) *layout { return &layout{kind: bag, types: ts} }

// chain is [Project and Filter over] an aggregate at the root of a plan.
type chain struct {
	agg     *plan.Aggregate
	over    []plan.Node // from the aggregate outwards
	keyCols []int       // per group column: its place in the output
}

// terminal recognises a root whose aggregate can be the view itself: all group
// columns come out as they are.
func terminal(root plan.Node) (*chain, bool) {
	c := &chain{}
	n := root
	for c.agg == nil {
		switch x := n.(type) {
		case *plan.Filter:
			c.over = append([]plan.Node{x}, c.over...)
			n = x.In
		case *plan.Project:
			c.over = append([]plan.Node{x}, c.over...)
			n = x.In
		case *plan.Aggregate:
			c.agg = x
		default:
			return nil, false
		}
	}
	for g := range c.agg.GroupBy {
		c.keyCols = append(c.keyCols, g)
	}
	for _, n := range c.over {
		p, ok := n.(*plan.Project)
		if !ok {
			continue
		}
		for k, at := range c.keyCols {
			c.keyCols[k] = -1
			for i, e := range p.Exprs {
				if col, ok := e.(*expr.Column); ok && col.Idx == at {
					c.keyCols[k] = i
					break
				}
			}
			if c.keyCols[k] < 0 {
				return nil, false
			}
		}
	}
	return c, true
}

func groupedLayout(c *chain, ts []types.Type, agg *operator.Aggregate) (*layout, error) {
	l := &layout{kind: grouped, types: ts, keyCols: c.keyCols, final: agg.Final, moves: true}
	for _, k := range c.keyCols {
		l.keyType = append(l.keyType, ts[k])
	}
	for _, n := range c.over {
		m := &operator.Map{}
		var err error
		switch n := n.(type) {
		case *plan.Filter:
			l.moves = false
			m.Cond, err = expr.Compile([]expr.Expr{n.Cond}, typesOf(n.In))
		case *plan.Project:
			for _, e := range n.Exprs {
				switch e.(type) {
				case *expr.Column, *expr.Const:
				default:
					l.moves = false
				}
			}
			m.Exprs, err = expr.Compile(n.Exprs, typesOf(n.In))
		}
		if err != nil {
			return nil, err
		}
		l.maps = append(l.maps, m)
	}
	return l, nil
}

// reader decodes stored rows; one goroutine at a time.
type reader struct {
	l     *layout
	final *operator.Finalizer
	ctx   *funcs.Ctx
	skip  bool // groups whose row is an error are left out

	keys rowenc.Keys
	rows stored
}

func (l *layout) reader(ctx *funcs.Ctx) *reader {
	r := &reader{l: l, ctx: ctx}
	if l.final != nil {
		r.final = l.final.Clone()
	}
	return r
}

// stored is a list of rows as they lie in a table, in one piece of memory.
type stored struct {
	data []byte
	ends []int // of key, value, key, value …
}

func (s *stored) reset() { s.data, s.ends = s.data[:0], s.ends[:0] }

func (s *stored) add(key, val []byte) {
	s.data = append(s.data, key...)
	s.ends = append(s.ends, len(s.data))
	s.data = append(s.data, val...)
	s.ends = append(s.ends, len(s.data))
}

func (s *stored) len() int { return len(s.ends) / 2 }

func (s *stored) slices() (keys, vals [][]byte) {
	n := s.len()
	all := make([][]byte, 2*n)
	at := 0
	for i := range n {
		mid, end := s.ends[2*i], s.ends[2*i+1]
		all[i], all[n+i] = s.data[at:mid:mid], s.data[mid:end:end]
		at = end
	}
	return all[:n], all[n:]
}

// decode returns the rows read so far as columns (fields nil: all) and forgets
// them; nil if none pass the view's filter. The error of a row is an error here.
func (r *reader) decode(fields []int) (*vec.Batch, error) {
	keys, vals := r.rows.slices()
	defer r.rows.reset()
	if len(keys) == 0 {
		return nil, nil
	}
	b, err := r.columns(keys, vals, fields)
	if err != nil || b == nil {
		return nil, err
	}
	return b, nil
}

func (r *reader) columns(keys, vals [][]byte, fields []int) (*vec.Batch, error) {
	l := r.l
	switch l.kind {
	case bag:
		cols, _, err := rowenc.DecodeKeys(keys, l.types, rowenc.KeyOptions{Mode: rowenc.Exact})
		if err != nil {
			return nil, err
		}
		b := &vec.Batch{N: len(keys), Cols: pick(cols, fields)}
		for i, v := range vals {
			n, _ := binary.Varint(v)
			if n != 1 && b.Weights == nil {
				b.Weights = make([]int64, b.N)
				for k := range i {
					b.Weights[k] = 1
				}
			}
			if b.Weights != nil {
				b.Weights[i] = n
			}
		}
		return b, nil
	case grouped:
		return r.groups(keys, vals, fields)
	}
	return r.keyed(keys, vals, fields)
}

// pick returns the columns fields, nil = all.
func pick(cols []*vec.Vec, fields []int) []*vec.Vec {
	if fields == nil {
		return cols
	}
	out := make([]*vec.Vec, len(fields))
	for i, f := range fields {
		out[i] = cols[f]
	}
	return out
}

func (r *reader) keyed(keys, vals [][]byte, fields []int) (*vec.Batch, error) {
	l := r.l
	if fields == nil {
		fields = make([]int, len(l.types))
		for i := range fields {
			fields[i] = i
		}
	}
	var want []int
	fromKey := false
	for _, f := range fields {
		if at := l.valAt[f]; at >= 0 {
			want = append(want, at)
		} else {
			fromKey = true
		}
	}
	all := make([]*vec.Vec, len(l.types))
	if len(want) > 0 {
		cols, err := l.codec.Decode(vals, want)
		if err != nil {
			return nil, err
		}
		for i, at := range want {
			all[l.valCols[at]] = cols[i]
		}
	}
	if fromKey {
		cols, _, err := rowenc.DecodeKeys(keys, l.keyType, rowenc.KeyOptions{Mode: rowenc.Canonical})
		if err != nil {
			return nil, err
		}
		for i, c := range l.keyCols {
			if l.valAt[c] < 0 {
				all[c] = cols[i]
			}
		}
	}
	return &vec.Batch{N: len(keys), Cols: pick(all, fields)}, nil
}

func (r *reader) groups(keys, vals [][]byte, fields []int) (*vec.Batch, error) {
	keyCols, err := r.final.Keys(keys)
	if err != nil {
		return nil, err
	}
	aggCols, failed := r.final.Values(vals)
	if len(failed) > 0 && !r.skip {
		return nil, failed[0].Err
	}
	b := operator.Without(&vec.Batch{N: len(keys), Cols: append(keyCols, aggCols...)}, failed)
	if b == nil {
		return nil, nil
	}
	for _, m := range r.l.maps {
		out, errs := m.Apply(r.ctx, b)
		if len(errs) > 0 && !r.skip {
			return nil, errs[0].Err
		}
		if out == nil {
			return nil, nil
		}
		b = out
	}
	return &vec.Batch{N: b.N, Cols: pick(b.Cols, fields)}, nil
}

var errNoKey = sqlerr.New(sqlerr.InternalError, "the relation has no key to look up by")

// neverFails reports that reading a group cannot fail: its columns only move.
func (l *layout) neverFails() bool { return l.moves }
