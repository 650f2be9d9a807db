package server

import (
	"strings"

	"github.com/tarndb/tarn/exec/format/mysqlddl"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/parser"
	"github.com/tarndb/tarn/sql/sqlerr"
)

// likeMySQL is the CREATE TABLE with the columns and the key that MySQL's text
// has, written as if they had been in the statement.
func likeMySQL(ct *ast.CreateTable) (*ast.CreateTable, error) {
	if ct.MySQL == nil {
		return ct, nil
	}
	columns, key, err := mysqlddl.ParseTable(ct.MySQL.Value)
	if err != nil {
		return nil, placed(err, ct.MySQL.Pos)
	}
	var lines []string
	for _, c := range columns {
		line := ast.QuoteIdent(c.Name) + " " + c.Type.String()
		if c.NotNull {
			line += " NOT NULL"
		}
		lines = append(lines, line)
	}
	if len(key) > 0 {
		names := make([]string, len(key))
		for i, k := range key {
			names[i] = ast.QuoteIdent(k)
		}
		lines = append(lines, "PRIMARY KEY ("+strings.Join(names, ", ")+")")
	}
	parsed, err := parser.Parse("CREATE TABLE t (" + strings.Join(lines, ", ") + ")")
	if err != nil || len(parsed) != 1 {
		return nil, sqlerr.New(sqlerr.InternalError, "the columns of MySQL's text cannot be written: %v", err).At(ct.MySQL.Pos)
	}
	made := parsed[0].Stmt.(*ast.CreateTable)
	out := *ct
	out.MySQL, out.HasColumns, out.Columns, out.Constraints = nil, true, made.Columns, made.Constraints
	for _, c := range out.Columns { // positions are those of the statement that was sent
		c.Pos, c.Type.Pos = ct.MySQL.Pos, ct.MySQL.Pos
		for _, k := range c.Constraints {
			k.Pos = ct.MySQL.Pos
		}
	}
	for _, k := range out.Constraints {
		k.Pos = ct.MySQL.Pos
	}
	return &out, nil
}
