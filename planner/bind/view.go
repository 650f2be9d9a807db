package bind

import (
	"slices"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/sqlerr"
)

// ViewObject makes the catalog object of a view from its bound query.
func ViewObject(q *ast.CreateView, bq *Query, opt Options) (*catalog.Object, error) {
	b := newBinder(opt)
	schema, err := b.creationSchema(q.Name)
	if err != nil {
		return nil, err
	}
	o := &catalog.Object{Schema: schema, Name: q.Name.Base(), Kind: catalog.View, SQL: sqlText(q.Query), DependsOn: bq.DependsOn}
	known := map[string]option{}
	if q.Materialized {
		o.Kind, known = catalog.MatView, viewOptions()
	}
	if err := storage(q.Using, q.Tablespace, q.Pos); err != nil {
		return nil, err
	}
	if o.Options, err = options(q.Options, known); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, c := range bq.Columns {
		if seen[c.Name] {
			return nil, sqlerr.New(sqlerr.DuplicateColumn, "column \"%s\" specified more than once", c.Name).At(q.Query.Pos)
		}
		seen[c.Name] = true
		o.Columns = append(o.Columns, catalog.Column{Name: c.Name, Type: c.Type})
	}
	if !q.Materialized {
		return o, nil
	}
	p := bq.Root.Props()
	o.AppendOnly = p.AppendOnly
	if k := smallest(p.Keys); len(k) > 0 {
		o.PrimaryKey = slices.Clone(k)
	}
	return o, nil
}

// smallest is the key of fewest columns, the first of them.
func smallest(keys [][]int) []int {
	var best []int
	for _, k := range keys {
		if best == nil || len(k) < len(best) {
			best = k
		}
	}
	return best
}
