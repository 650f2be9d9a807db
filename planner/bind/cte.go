package bind

import (
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/sqlerr"
)

// cte is a common table expression: bound where it is first named, then shared.
type cte struct {
	def   *ast.CTE
	s     *scope   // of the query that defines it
	outer *cteList // what its query sees
	node  plan.Node
	size  int // relations below node, each as often as it stands there
	busy  bool
	// recursive: it may name itself. Then working stands for its last rows once
	// its first term is bound, and uses counts where,
	// usedAt is the last place.
	recursive bool
	working   *plan.Working
	uses      int
	usedAt    int
}

// cteList is a WITH clause and those around it, innermost first.
type cteList struct {
	list  []*cte
	outer *cteList
}

func (l *cteList) find(name string) *cte {
	for ; l != nil; l = l.outer {
		// Later ones see earlier ones; names are unique within a list.
		for i := len(l.list) - 1; i >= 0; i-- {
			if l.list[i].def.Name == name {
				return l.list[i]
			}
		}
	}
	return nil
}

func (b *binder) with(w *ast.With, parent *scope, ctes *cteList) (*cteList, error) {
	if w == nil {
		return ctes, nil
	}
	if w.Mutually && len(w.CTEs) > 0 {
		return nil, unsupported(w.CTEs[0].Pos, "WITH MUTUALLY RECURSIVE")
	}
	list := &cteList{outer: ctes}
	for _, c := range w.CTEs {
		for _, have := range list.list {
			if have.def.Name == c.Name {
				return nil, sqlerr.New(sqlerr.DuplicateAlias, "WITH query name \"%s\" specified more than once", c.Name).At(c.Pos)
			}
		}
		if !c.Changelog.IsZero() {
			return nil, unsupported(c.Pos, "AS CHANGELOG FROM")
		}
		q, ok := c.Stmt.(*ast.Query)
		if !ok {
			return nil, unsupported(c.Pos, "a data-modifying statement in WITH")
		}
		// Each sees those before it, with RECURSIVE all.
		sees := list
		if !w.Recursive {
			sees = &cteList{list: append([]*cte(nil), list.list...), outer: ctes}
		}
		list.list = append(list.list, &cte{def: c, s: parent, outer: sees, recursive: w.Recursive && namesRelation(q, c.Name)})
	}
	return list, nil
}

// cteNode binds a CTE for the first reference and shares it with the others.
func (b *binder) cteNode(c *cte, pos int) (plan.Node, error) {
	if c.node != nil {
		// Shared in memory, but passes visit it once per reference.
		b.nodes += c.size
		return c.node, b.count(pos)
	}
	if c.working != nil {
		c.uses, c.usedAt = c.uses+1, pos
		return c.working, nil
	}
	if c.busy {
		return nil, sqlerr.New(sqlerr.FeatureNotSupported, "mutual recursion between WITH items is not implemented").At(c.def.Pos)
	}
	c.busy = true
	before := b.nodes
	defer func() { c.busy = false }()
	if c.recursive {
		n, err := b.recursive(c)
		if err != nil {
			return nil, err
		}
		c.node, c.size = n, b.nodes-before+1
		return n, nil
	}
	q, err := b.query(c.def.Stmt.(*ast.Query), c.s, c.outer)
	if err != nil {
		return nil, err
	}
	n := q.limited()
	if n, err = rename(n, c.def.Columns, c.def.Name, c.def.Pos); err != nil {
		return nil, err
	}
	c.node, c.size = n, b.nodes-before+1
	return n, nil
}

// rename gives n's first columns the names of an alias's column list.
func rename(n plan.Node, names []ast.Ident, relation string, pos int) (plan.Node, error) {
	if len(names) == 0 {
		return n, nil
	}
	cols := n.Columns()
	if len(names) > len(cols) {
		return nil, sqlerr.New(sqlerr.InvalidColumnReference, "table \"%s\" has %d columns available but %d columns specified", relation, len(cols), len(names)).At(pos)
	}
	out := make([]string, len(cols))
	for i, c := range cols {
		out[i] = c.Name
		if i < len(names) {
			out[i] = names[i].Name
		}
	}
	return plan.NewProject(n, plan.Refs(n), out), nil
}
