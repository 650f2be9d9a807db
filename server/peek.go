package server

import (
	"slices"

	"github.com/tarndb/tarn/exec"
	"github.com/tarndb/tarn/planner"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// peek is a query that is a look-up by key: no circuit is needed.
type peek struct {
	object uint64
	keys   []expr.Expr // constants and parameters, in the relation's key order
	kts    []types.Type
	fields []int
	maps   []peekStep
}

// peekStep filters or projects the row that was found.
type peekStep struct {
	cond, exprs *expr.Program
}

// newPeek recognises Project and Filter over a scan of a keyed relation whose
// filter fixes all key columns; nil if the query is none.
func newPeek(e *exec.Engine, q *planner.Query) *peek {
	if q.AsOf.Event != nil {
		return nil
	}
	p := &peek{}
	var scan *plan.Scan
	var cond expr.Expr
	n := q.Root
	var steps []plan.Node
	for scan == nil {
		switch x := n.(type) {
		case *plan.Project:
			steps = append([]plan.Node{x}, steps...)
			n = x.In
		case *plan.Filter:
			steps = append([]plan.Node{x}, steps...)
			if _, ok := x.In.(*plan.Scan); ok {
				cond = x.Cond
			}
			n = x.In
		case *plan.Scan:
			scan = x
		default:
			return nil
		}
	}
	if cond == nil || scan.Kind != plan.Table && scan.Kind != plan.MatView || scan.EventTime != nil || scan.SystemTime != nil {
		return nil
	}
	key, ok := e.KeyColumns(scan.Object)
	if !ok || len(key) == 0 {
		return nil
	}
	fixed := map[int]expr.Expr{}
	rest := false // a condition beside the key
	for _, c := range conjuncts(cond) {
		before := len(fixed)
		if call, ok := c.(*expr.Call); ok && call.Fn.Name == "=" && len(call.Args) == 2 {
			for i := range 2 {
				col, isCol := call.Args[i].(*expr.Column)
				other := call.Args[1-i]
				if !isCol || scan.Fields[col.Idx] < 0 {
					continue
				}
				if x := asKey(other, col.Typ); x != nil {
					fixed[scan.Fields[col.Idx]] = x
				}
			}
		}
		rest = rest || len(fixed) == before
	}
	rest = rest || len(fixed) > len(key)
	for _, k := range key {
		x := fixed[k]
		if x == nil {
			return nil
		}
		p.keys = append(p.keys, x)
		p.kts = append(p.kts, x.Type())
	}
	for _, f := range scan.Fields {
		if f < 0 {
			return nil
		}
	}
	p.object, p.fields = scan.Object, scan.Fields
	in := nodeTypes(scan)
	for _, st := range steps {
		var step peekStep
		var err error
		switch x := st.(type) {
		case *plan.Filter:
			if x.Cond == cond && !rest {
				continue // the look-up is the condition
			}
			step.cond, err = expr.Compile([]expr.Expr{x.Cond}, in)
		case *plan.Project:
			if fields := pickedFields(x.Exprs, p.fields); fields != nil && len(p.maps) == 0 {
				p.fields, in = fields, nodeTypes(x)
				continue // the look-up reads no more than these columns
			}
			step.exprs, err = expr.Compile(x.Exprs, in)
			in = nodeTypes(x)
		}
		if err != nil {
			return nil
		}
		p.maps = append(p.maps, step)
	}
	return p
}

// pickedFields are the fields that a projection of columns alone takes; nil if it
// computes anything, or if a column is taken twice.
func pickedFields(exprs []expr.Expr, fields []int) []int {
	var out []int
	for _, e := range exprs {
		c, ok := e.(*expr.Column)
		if !ok || slices.Contains(out, fields[c.Idx]) {
			return nil
		}
		out = append(out, fields[c.Idx])
	}
	return out
}

func conjuncts(e expr.Expr) []expr.Expr {
	if a, ok := e.(*expr.And); ok {
		var out []expr.Expr
		for _, x := range a.Args {
			out = append(out, conjuncts(x)...)
		}
		return out
	}
	return []expr.Expr{e}
}

// asKey is e as a value of a key column's type; nil if it is none. Integer
// literals have the least type that holds them, whatever the column's.
func asKey(e expr.Expr, t types.Type) expr.Expr {
	if !isFixed(e) {
		return nil
	}
	if e.Type().OID == t.OID {
		return e
	}
	k, ok := e.(*expr.Const)
	if !ok || k.Val.Null || !isInt(e.Type()) || !isInt(t) {
		return nil
	}
	if t.OID == types.OIDInt4 && int64(int32(k.Val.I)) != k.Val.I || t.OID == types.OIDInt2 && int64(int16(k.Val.I)) != k.Val.I {
		return nil
	}
	return &expr.Const{Typ: t, Val: k.Val}
}

func isInt(t types.Type) bool {
	return t.OID == types.OIDInt2 || t.OID == types.OIDInt4 || t.OID == types.OIDInt8
}

func isFixed(e expr.Expr) bool {
	switch e.(type) {
	case *expr.Const, *expr.Param:
		return true
	}
	return false
}

func nodeTypes(n plan.Node) []types.Type {
	cols := n.Columns()
	ts := make([]types.Type, len(cols))
	for i, c := range cols {
		ts[i] = c.Type
	}
	return ts
}

// plain reports that a look-up needs parameters and nothing else of the session.
func (p *peek) plain() bool { return len(p.maps) == 0 }

// run looks the row up; nil if there is none.
func (p *peek) run(e *exec.Engine, ep exec.Epoch, ec *funcs.Ctx) (*vec.Batch, error) {
	keys := &vec.Batch{N: 1, Cols: make([]*vec.Vec, len(p.keys))}
	for i, k := range p.keys {
		d, err := expr.EvalDatum(ec, k)
		if err != nil {
			return nil, err
		}
		if d.Null {
			return nil, nil
		}
		keys.Cols[i] = vec.FromDatums(p.kts[i], []types.Datum{d})
	}
	b, err := e.Lookup(p.object, keys, ep, p.fields)
	for _, m := range p.maps {
		if err != nil || b == nil {
			return nil, err
		}
		var errs []funcs.RowError
		if m.cond != nil {
			var sel []int32
			if sel, errs = m.cond.EvalFilter(ec, b); len(sel) < b.N {
				b = nil
			}
		} else {
			var cols []*vec.Vec
			cols, errs = m.exprs.Eval(ec, b)
			b = &vec.Batch{N: b.N, Cols: cols}
		}
		if len(errs) > 0 {
			return nil, errs[0].Err
		}
	}
	return b, err
}
