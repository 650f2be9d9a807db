package bind

import (
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/expr"
)

// windows makes the numbers of row_number() and its relatives columns of the
// row: each is a TopN without a limit that appends its rank. A condition on the
// rank around the query makes it a limit later.
func (l *selection) windows() error {
	var all []*window
	err := l.mapExprs(func(e expr.Expr) (expr.Expr, error) {
		walk(e, func(e expr.Expr) bool {
			w, ok := e.(*window)
			if ok {
				for _, have := range all {
					if same(have, w) {
						return false
					}
				}
				all = append(all, w)
			}
			return !ok
		})
		return e, nil
	})
	if err != nil || len(all) == 0 {
		return err
	}
	at := make([]expr.Expr, len(all))
	for i, w := range all {
		if w.over != nil {
			continue
		}
		if at[i], err = l.rank(w); err != nil {
			return err
		}
	}
	if err := l.overs(all, at); err != nil {
		return err
	}
	return l.mapExprs(func(e expr.Expr) (expr.Expr, error) {
		return replace(e, func(e expr.Expr) expr.Expr {
			if w, ok := e.(*window); ok {
				for i, have := range all {
					if same(have, w) {
						return at[i]
					}
				}
			}
			return nil
		}), nil
	})
}

func (l *selection) rank(w *window) (*expr.Column, error) {
	column := func(e expr.Expr) (int, error) {
		e, err := l.r.lower(e)
		if err != nil {
			return 0, err
		}
		if c, ok := e.(*expr.Column); ok {
			return c.Idx, nil
		}
		return l.r.add(e, "").Idx, nil
	}
	n := &plan.TopN{Limit: -1, RankCol: true, RankKind: w.rank}
	for _, p := range w.partition {
		c, err := column(p)
		if err != nil {
			return nil, err
		}
		n.Partition = append(n.Partition, c)
	}
	for _, k := range w.orderBy {
		c, err := column(k.e)
		if err != nil {
			return nil, err
		}
		n.OrderBy = append(n.OrderBy, plan.Order{Col: c, Desc: k.desc, NullsFirst: k.nullsFirst})
	}
	n.In = l.r.node
	l.r.node = plan.NewTopN(n, [...]string{"row_number", "rank", "dense_rank"}[w.rank])
	return plan.Ref(l.r.node, len(l.r.node.Columns())-1), nil
}

// sets expands a set-returning function of the select list.
func (l *selection) sets() error {
	var found []*setReturning
	var bad error
	err := l.mapExprs(func(e expr.Expr) (expr.Expr, error) {
		walk(e, func(e expr.Expr) bool {
			s, ok := e.(*setReturning)
			if !ok || bad != nil {
				return true
			}
			if hasSet(s.array) {
				bad = unsupported(s.pos, "a set-returning function inside another")
			}
			found = append(found, s)
			return false
		})
		return e, bad
	})
	if err != nil || len(found) == 0 {
		return err
	}
	cols, err := l.expandSets(found)
	if err != nil {
		return err
	}
	return l.mapExprs(func(e expr.Expr) (expr.Expr, error) {
		return replace(e, func(e expr.Expr) expr.Expr {
			s, ok := e.(*setReturning)
			if !ok {
				return nil
			}
			for i, have := range found {
				if have == s {
					return cols[i]
				}
			}
			return nil
		}), nil
	})
}

// expandSets returns the columns of the sets: one unnests its array, several run
// side by side, the shorter ones followed by NULLs.
func (l *selection) expandSets(found []*setReturning) ([]expr.Expr, error) {
	arrays := make([]expr.Expr, len(found))
	for i, s := range found {
		var err error
		if arrays[i], err = l.r.lower(s.array); err != nil {
			return nil, err
		}
	}
	width := len(l.r.node.Columns())
	if len(found) == 1 {
		l.r.node = plan.NewUnnest(l.r.node, arrays[0], found[0].name, false, false)
		return []expr.Expr{plan.Ref(l.r.node, width)}, nil
	}
	n, out, err := l.exprs("SELECT").sideBySide(l.r.node, arrays, found[0].pos)
	l.r.node = n
	return out, err
}
