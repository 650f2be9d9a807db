package bind

import (
	"slices"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// AddColumn binds ADD COLUMN of a table or stream. Rows that are there have no
// value of it, so that it can be neither NOT NULL nor have a default.
func AddColumn(o *catalog.Object, c *ast.ColumnDef, opt Options) (catalog.Column, error) {
	part := *o
	part.Columns = nil
	d := &tableDef{binder: newBinder(opt), q: &ast.CreateTable{}, o: &part}
	plain := *c
	var from catalog.From
	var path string
	if o.IsSource() {
		var err error
		if from, path, err = recordPart(c); err != nil {
			return catalog.Column{}, err
		}
		if from == catalog.FromKey {
			return catalog.Column{}, unsupported(c.Pos, "adding a column of the key")
		}
		plain.Constraints = slices.DeleteFunc(slices.Clone(c.Constraints), isPart)
	}
	for _, k := range plain.Constraints {
		if k.Kind != ast.ConstraintNull {
			return catalog.Column{}, unsupported(k.Pos, "adding a column with a constraint or a default").
				WithHint("Rows that are there read NULL: add the column without it.")
		}
	}
	if err := d.column(&plain); err != nil {
		return catalog.Column{}, err
	}
	if len(o.Columns) >= columnsMax {
		return catalog.Column{}, sqlerr.New(sqlerr.TooManyColumns, "tables can have at most %d columns", columnsMax).At(c.Pos)
	}
	col := part.Columns[0]
	col.From, col.Path = from, path
	return col, partType(&col, c.Pos)
}

// TypeName resolves the type that ALTER COLUMN … TYPE names.
func TypeName(t *ast.TypeName, opt Options) (types.Type, error) {
	return newBinder(opt).typeName(t)
}
