package expr

import (
	"fmt"
	"strings"
	"sync"

	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// Program is a list of expressions compiled over one input shape. It is
// immutable and may be used by several goroutines at a time.
//
// Equal subexpressions are one node and computed once a batch. A node is either
// computed for all rows, or, where a branch chose only some of them and it is
// not cheap, for those rows gathered into a frame of their own.
type Program struct {
	in    []types.Type
	nodes []*node
	outs  []*node
	pool  sync.Pool // of *evaluation
}

// node is one distinct subexpression.
type node struct {
	id   int
	typ  types.Type
	args []*node
	// cheap: computing it over rows that nobody asked for costs less than
	// gathering the rows that somebody did.
	cheap bool
	logic logicKind
	eval  func(f *frame, nd *node) result
}

// logicKind marks the nodes that conditions go through without making columns.
type logicKind uint8

const (
	logicNone logicKind = iota
	logicAnd
	logicOr
	logicNot
)

// compiler shares equal nodes by a key of their kind, parameters and children.
type compiler struct {
	p    *Program
	seen map[string]*node
}

// Compile compiles exprs over rows of types in. Errors are of the plan, not of
// data: a column out of range, a function without a kernel.
func Compile(exprs []Expr, in []types.Type) (*Program, error) {
	p := &Program{in: in}
	c := &compiler{p: p, seen: map[string]*node{}}
	for _, e := range exprs {
		n, err := c.compile(e)
		if err != nil {
			return nil, err
		}
		p.outs = append(p.outs, n)
	}
	p.pool.New = func() any { return &evaluation{} }
	return p, nil
}

// Types returns the types of the results.
func (p *Program) Types() []types.Type {
	out := make([]types.Type, len(p.outs))
	for i, n := range p.outs {
		out[i] = n.typ
	}
	return out
}

func (c *compiler) add(key string, n *node) *node {
	n.id = len(c.p.nodes)
	c.p.nodes = append(c.p.nodes, n)
	if key != "" {
		c.seen[key] = n
	}
	return n
}

func (c *compiler) compileAll(es []Expr) ([]*node, error) {
	out := make([]*node, len(es))
	for i, e := range es {
		n, err := c.compile(e)
		if err != nil {
			return nil, err
		}
		out[i] = n
	}
	return out, nil
}

// nodeKey identifies a node among those of one program.
func nodeKey(kind string, t types.Type, args []*node, params ...any) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %d %d", kind, t.OID, t.Mod)
	for _, a := range args {
		fmt.Fprintf(&b, " %d", a.id)
	}
	for _, p := range params {
		fmt.Fprintf(&b, "|%v", p)
	}
	return b.String()
}

func allCheap(args []*node) bool {
	for _, a := range args {
		if !a.cheap {
			return false
		}
	}
	return true
}

func (c *compiler) compile(e Expr) (*node, error) {
	args, err := c.compileAll(Children(e))
	if err != nil {
		return nil, err
	}
	var key string
	n := &node{typ: e.Type(), args: args, cheap: allCheap(args)}
	switch e := e.(type) {
	case *Column:
		if e.Idx < 0 || e.Idx >= len(c.p.in) {
			return nil, sqlerr.New(sqlerr.InternalError, "column %d of %d in a compiled expression", e.Idx, len(c.p.in))
		}
		key = nodeKey("column", e.Typ, nil, e.Idx)
		n.eval = evalColumn(e.Idx)
	case *Const:
		key = nodeKey("const", e.Typ, nil, fmt.Sprintf("%#v", e.Val))
		n.eval = evalConst(vec.ConstVec(e.Typ, e.Val, 0))
	case *Param:
		key = nodeKey("param", e.Typ, nil, e.N)
		n.eval = evalParam(e.N, e.Typ)
	case *Call:
		kernel, err := kernelOf(e)
		if err != nil {
			return nil, err
		}
		n.cheap = n.cheap && e.Fn.Cheap
		n.eval = evalCall(kernel, !e.Fn.NotStrict, e.Fn.Volatility == funcs.Volatile)
		if e.Fn.Volatility != funcs.Volatile {
			key = nodeKey("call", e.Typ, args, fmt.Sprintf("%p", e.Fn))
		}
	case *Cast:
		key = nodeKey("cast", e.To, args, e.Explicit)
		kernel, cheap := castKernel(e.In.Type(), e.To, e.Explicit)
		n.cheap = n.cheap && cheap
		n.eval = evalCall(kernel, true, false)
	case *Case:
		key = nodeKey("case", e.Typ, args, e.Else != nil)
		n.eval = evalCase(len(e.Whens))
	case *And:
		key, n.eval = nodeKey("and", n.typ, args), evalAnd
		n.logic = logicAnd
	case *Or:
		key, n.eval = nodeKey("or", n.typ, args), evalOr
		n.logic = logicOr
	case *Not:
		key, n.eval = nodeKey("not", n.typ, args), evalNot
		n.logic = logicNot
	case *IsNull:
		key, n.eval = nodeKey("isnull", n.typ, args, e.Negated), evalIsNull(e.Negated)
	case *IsTrue:
		key, n.eval = nodeKey("istrue", n.typ, args, e.Want, e.Negated), evalIsTrue(e.Want, e.Negated)
	}
	if n.eval == nil {
		if key, err = c.compileRare(e, n); err != nil {
			return nil, err
		}
	}
	if key != "" {
		if old := c.seen[key]; old != nil {
			return old, nil
		}
	}
	return c.add(key, n), nil
}
