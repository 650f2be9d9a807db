package pgcatalog

import (
	"strconv"

	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/types"
)

// information_schema's constraints: those of pg_constraint, and NOT NULL, which
// it shows as a check with a made-up name.

// infoConstraint is one of them.
type infoConstraint struct {
	relation   *relation
	name, kind string
	clause     string // of a check
	key        []int
	notNull    bool
}

func (s *state) infoConstraints(f func(c infoConstraint)) {
	s.each("r", func(r *relation) {
		if !r.isUser() {
			return
		}
		for _, c := range constraints(r.object) {
			if c.kind == 'p' {
				f(infoConstraint{relation: r, name: c.name, kind: "PRIMARY KEY", key: c.key})
			} else {
				f(infoConstraint{relation: r, name: c.name, kind: "CHECK", clause: "((" + c.expr + "))", key: c.key})
			}
		}
		for i, c := range r.object.Columns {
			if columnNotNull(r.object, i) {
				name := strconv.Itoa(int(s.schemas[r.schema])) + "_" + strconv.Itoa(int(r.oid)) + "_" + strconv.Itoa(i+1) + "_not_null"
				f(infoConstraint{relation: r, name: name, kind: "CHECK", clause: ast.QuoteIdent(c.Name) + " IS NOT NULL", key: []int{i}, notNull: true})
			}
		}
	})
}

func tableConstraintsRows(s *state, w *writer) {
	w.columns("constraint_catalog", "constraint_schema", "constraint_name", "table_catalog", "table_schema", "table_name", "constraint_type",
		"is_deferrable", "initially_deferred", "enforced")
	db := str(s.in.Database)
	s.infoConstraints(func(c infoConstraint) {
		schema := str(c.relation.schema)
		w.row(db, schema, str(c.name), db, schema, str(c.relation.name), str(c.kind), yesNo(false), yesNo(false), yesNo(true))
	})
}

func checkConstraintsRows(s *state, w *writer) {
	w.columns("constraint_catalog", "constraint_schema", "constraint_name", "check_clause")
	s.infoConstraints(func(c infoConstraint) {
		if c.kind == "CHECK" {
			w.row(str(s.in.Database), str(c.relation.schema), str(c.name), str(c.clause))
		}
	})
}

func keyColumnRows(s *state, w *writer) {
	w.columns("constraint_catalog", "constraint_schema", "constraint_name", "table_catalog", "table_schema", "table_name", "column_name", "ordinal_position")
	db := str(s.in.Database)
	s.infoConstraints(func(c infoConstraint) {
		if c.kind != "PRIMARY KEY" {
			return
		}
		schema := str(c.relation.schema)
		for i, k := range c.key {
			w.row(db, schema, str(c.name), db, schema, str(c.relation.name), str(c.relation.object.Columns[k].Name), num(i+1))
		}
	})
}

// constraintColumnRows: NOT NULL is not among them in PostgreSQL either.
func constraintColumnRows(s *state, w *writer) {
	w.columns("table_catalog", "table_schema", "table_name", "column_name", "constraint_catalog", "constraint_schema", "constraint_name")
	s.usage(func(c infoConstraint, db, schema types.Datum) {
		for _, k := range c.key {
			w.row(db, schema, str(c.relation.name), str(c.relation.object.Columns[k].Name), db, schema, str(c.name))
		}
	})
}

func constraintTableRows(s *state, w *writer) {
	w.columns("table_catalog", "table_schema", "table_name", "constraint_catalog", "constraint_schema", "constraint_name")
	s.usage(func(c infoConstraint, db, schema types.Datum) {
		if c.kind == "PRIMARY KEY" {
			w.row(db, schema, str(c.relation.name), db, schema, str(c.name))
		}
	})
}

func (s *state) usage(f func(c infoConstraint, db, schema types.Datum)) {
	s.infoConstraints(func(c infoConstraint) {
		if !c.notNull {
			f(c, str(s.in.Database), str(c.relation.schema))
		}
	})
}
