package planner

import (
	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/planner/bind"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/types"
)

// BindAddColumn checks ADD COLUMN of a table or stream.
func BindAddColumn(o *catalog.Object, c *ast.ColumnDef, opt Options) (catalog.Column, error) {
	return bind.AddColumn(o, c, opt)
}

// BindTypeName resolves a type's name.
func BindTypeName(t *ast.TypeName, opt Options) (types.Type, error) { return bind.TypeName(t, opt) }
