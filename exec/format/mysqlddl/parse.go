package mysqlddl

import (
	"fmt"
	"strings"

	"github.com/pingcap/tidb/pkg/parser"
	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/mysql"

	// The parser needs values of literals; this is the driver of its own module.
	_ "github.com/pingcap/tidb/pkg/parser/test_driver"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// textBytesMax bounds a statement: thousands of columns fit, and what a deeply
// nested expression costs the parser's recursion stays below 200 MB.
const textBytesMax = 256 << 10

// Parse returns the changes of the statements in text, in their order. database
// is the one of the session. An error is an Unsupported.
func Parse(text, database string) (changes []SchemaChange, err error) {
	if len(text) > textBytesMax {
		return nil, unsupported(text, fmt.Sprintf("the statement has more than %d bytes", textBytesMax))
	}
	nodes, err := parse(text)
	if err != nil {
		return nil, unsupported(text, err.Error())
	}
	r := reader{text: text, database: database}
	for _, n := range nodes {
		if err := r.statement(n); err != nil {
			return nil, err
		}
	}
	return r.changes, nil
}

// ParseTable reads one CREATE TABLE, as SHOW CREATE TABLE prints it.
func ParseTable(text string) (columns []Column, primaryKey []string, err error) {
	changes, err := Parse(text, "")
	switch {
	case err != nil:
		e := *sqlerr.From(err)
		e.Message = strings.Replace(e.Message, ", schema kept", "", 1)
		return nil, nil, &e
	case len(changes) != 1 || changes[0].Kind != CreateTable || changes[0].Like.Name != "":
		return nil, nil, sqlerr.New(sqlerr.SyntaxError, "LIKE MYSQL needs the text of one CREATE TABLE statement")
	}
	return changes[0].Columns, changes[0].PrimaryKey, nil
}

// parse guards against the parser's panics: the text is somebody else's.
func parse(text string) (nodes []ast.StmtNode, err error) {
	defer func() {
		if p := recover(); p != nil {
			nodes, err = nil, fmt.Errorf("the parser fails: %v", p)
		}
	}()
	p := parser.New()
	p.SetSQLMode(mysql.ModeNone)
	nodes, _, err = p.ParseSQL(text)
	if err != nil {
		// The parser quotes the rest of the text; the detail does.
		first, _, _ := strings.Cut(err.Error(), "\n")
		if i := strings.Index(first, " near \""); i > 0 {
			first = first[:i]
		}
		err = fmt.Errorf("%s", first)
	}
	return nodes, err
}

// reader turns statements into changes.
type reader struct {
	text     string
	database string
	changes  []SchemaChange
}

func (r *reader) add(c SchemaChange) { r.changes = append(r.changes, c) }

func (r *reader) table(t *ast.TableName) Table {
	if t == nil {
		return Table{}
	}
	name := Table{Database: t.Schema.O, Name: t.Name.O}
	if name.Database == "" {
		name.Database = r.database
	}
	return name
}

func (r *reader) statement(n ast.StmtNode) error {
	switch n := n.(type) {
	case *ast.CreateTableStmt:
		return r.create(n)
	case *ast.AlterTableStmt:
		return r.alter(n)
	case *ast.RenameTableStmt:
		for _, t := range n.TableToTables {
			r.add(SchemaChange{Kind: RenameTable, Table: r.table(t.OldTable), To: r.table(t.NewTable)})
		}
	case *ast.DropTableStmt:
		if n.IsView {
			return nil
		}
		for _, t := range n.Tables {
			r.add(SchemaChange{Kind: DropTable, Table: r.table(t), IfExists: n.IfExists})
		}
	case *ast.TruncateTableStmt:
		r.add(SchemaChange{Kind: Truncate, Table: r.table(n.Table)})
	case *ast.DropDatabaseStmt:
		r.add(SchemaChange{Kind: DropDatabase, Table: Table{Database: n.Name.O}, IfExists: n.IfExists})
	case *ast.UseStmt:
		r.database = n.DBName
	case *ast.RecoverTableStmt, *ast.FlashBackTableStmt, *ast.FlashBackDatabaseStmt, *ast.FlashBackToTimestampStmt:
		return unsupported(r.text, "it brings rows back that the feed does not show")
	case *ast.ImportIntoStmt, *ast.LoadDataStmt:
		return unsupported(r.text, "it brings rows that the feed does not show")
	}
	return nil
}

func (r *reader) create(n *ast.CreateTableStmt) error {
	if n.TemporaryKeyword != ast.TemporaryNone {
		return nil // no feed has its rows
	}
	c := SchemaChange{Kind: CreateTable, Table: r.table(n.Table), Like: r.table(n.ReferTable), IfNotExists: n.IfNotExists}
	if n.Select != nil {
		return unsupported(r.text, "the columns of CREATE TABLE … AS are not in its text")
	}
	charset := tableCharset(n.Options)
	for _, def := range n.Cols {
		col, key, err := r.column(def, charset)
		if err != nil {
			return err
		}
		if key {
			c.PrimaryKey = []string{col.Name}
		}
		c.Columns = append(c.Columns, col)
	}
	for _, k := range n.Constraints {
		if k.Tp != ast.ConstraintPrimaryKey {
			continue
		}
		names, err := r.keyNames(k)
		if err != nil {
			return err
		}
		c.PrimaryKey = names
	}
	for i := range c.Columns {
		for k, name := range c.PrimaryKey {
			if strings.EqualFold(c.Columns[i].Name, name) {
				c.Columns[i].NotNull = true
				c.PrimaryKey[k] = c.Columns[i].Name
			}
		}
	}
	r.add(c)
	return nil
}

func (r *reader) keyNames(k *ast.Constraint) ([]string, error) {
	var names []string
	for _, p := range k.Keys {
		if p.Column == nil {
			return nil, unsupported(r.text, "the primary key is of an expression")
		}
		names = append(names, p.Column.Name.O)
	}
	return names, nil
}

func (r *reader) alter(n *ast.AlterTableStmt) error {
	t := r.table(n.Table)
	for _, s := range n.Specs {
		if err := r.spec(t, s); err != nil {
			return err
		}
		if s.Tp == ast.AlterTableRenameTable {
			t = r.table(s.NewTable)
		}
	}
	return nil
}

// spec is one clause of ALTER TABLE; those that are not here change nothing that
// a row shows.
func (r *reader) spec(t Table, s *ast.AlterTableSpec) error {
	switch s.Tp {
	case ast.AlterTableAddColumns:
		return r.addColumns(t, s)
	case ast.AlterTableDropColumn:
		r.add(SchemaChange{Kind: DropColumn, Table: t, Name: s.OldColumnName.Name.O, IfExists: s.IfExists})
	case ast.AlterTableModifyColumn, ast.AlterTableChangeColumn:
		return r.changeColumn(t, s)
	case ast.AlterTableRenameColumn:
		r.add(SchemaChange{Kind: RenameColumn, Table: t, Name: s.OldColumnName.Name.O, Column: Column{Name: s.NewColumnName.Name.O}})
	case ast.AlterTableRenameTable:
		r.add(SchemaChange{Kind: RenameTable, Table: t, To: r.table(s.NewTable)})
	case ast.AlterTableAddConstraint:
		if s.Constraint.Tp == ast.ConstraintPrimaryKey {
			names, err := r.keyNames(s.Constraint)
			if err != nil {
				return err
			}
			r.add(SchemaChange{Kind: SetPrimaryKey, Table: t, PrimaryKey: names})
		}
	case ast.AlterTableDropPrimaryKey:
		r.add(SchemaChange{Kind: SetPrimaryKey, Table: t, IfExists: s.IfExists})
	case ast.AlterTableDropPartition, ast.AlterTableTruncatePartition, ast.AlterTableExchangePartition, ast.AlterTableDropFirstPartition,
		ast.AlterTableImportTablespace, ast.AlterTableDiscardTablespace, ast.AlterTableImportPartitionTablespace, ast.AlterTableDiscardPartitionTablespace:
		return unsupported(r.text, "rows come or go with it that the feed does not show")
	case ast.AlterTableOption:
		for _, o := range s.Options {
			if o.Tp == ast.TableOptionCharset && o.UintValue == ast.TableOptionCharsetWithConvertTo && strings.EqualFold(o.StrValue, "binary") {
				return unsupported(r.text, "it turns all texts into bytes")
			}
		}
	}
	return nil
}

func (r *reader) addColumns(t Table, s *ast.AlterTableSpec) error {
	for _, def := range s.NewColumns {
		col, key, err := r.column(def, "")
		if err != nil {
			return err
		}
		r.add(SchemaChange{Kind: AddColumn, Table: t, Column: col, Position: position(s.Position), IfNotExists: s.IfNotExists})
		if key {
			r.add(SchemaChange{Kind: SetPrimaryKey, Table: t, PrimaryKey: []string{col.Name}})
		}
	}
	for _, k := range s.NewConstraints {
		if k.Tp == ast.ConstraintPrimaryKey {
			names, err := r.keyNames(k)
			if err != nil {
				return err
			}
			r.add(SchemaChange{Kind: SetPrimaryKey, Table: t, PrimaryKey: names})
		}
	}
	return nil
}

// changeColumn is MODIFY, or CHANGE, which may rename as well.
func (r *reader) changeColumn(t Table, s *ast.AlterTableSpec) error {
	if len(s.NewColumns) != 1 {
		return unsupported(r.text, "no column is defined")
	}
	col, key, err := r.column(s.NewColumns[0], "")
	if err != nil {
		return err
	}
	if s.Tp == ast.AlterTableChangeColumn && s.OldColumnName != nil && s.OldColumnName.Name.O != col.Name {
		r.add(SchemaChange{Kind: RenameColumn, Table: t, Name: s.OldColumnName.Name.O, Column: Column{Name: col.Name}, IfExists: s.IfExists})
	}
	r.add(SchemaChange{Kind: ModifyColumn, Table: t, Name: col.Name, Column: col, Position: position(s.Position), IfExists: s.IfExists})
	if key {
		r.add(SchemaChange{Kind: SetPrimaryKey, Table: t, PrimaryKey: []string{col.Name}})
	}
	return nil
}

func position(p *ast.ColumnPosition) Position {
	switch {
	case p == nil:
	case p.Tp == ast.ColumnPositionFirst:
		return Position{First: true}
	case p.Tp == ast.ColumnPositionAfter && p.RelativeColumn != nil:
		return Position{After: p.RelativeColumn.Name.O}
	}
	return Position{}
}

// column reads a column's definition; key: it is the primary key.
func (r *reader) column(def *ast.ColumnDef, tableCharset string) (col Column, key bool, err error) {
	col.Name = def.Name.Name.O
	for _, o := range def.Options {
		switch o.Tp {
		case ast.ColumnOptionNotNull, ast.ColumnOptionAutoIncrement:
			col.NotNull = true
		case ast.ColumnOptionNull:
			col.NotNull = false
		case ast.ColumnOptionPrimaryKey:
			col.NotNull, key = true, true
		case ast.ColumnOptionGenerated:
			col.Generated = true
		}
	}
	var ok bool
	if col.Type, ok = typeOf(def.Tp, tableCharset); !ok {
		return col, key, unsupported(r.text, fmt.Sprintf("column %q has the type %s", col.Name, def.Tp.CompactStr()))
	}
	col.MySQL = def.Tp.InfoSchemaStr()
	return col, key, nil
}

// tableCharset is the character set that a table's options name.
func tableCharset(options []*ast.TableOption) string {
	charset := ""
	for _, o := range options {
		if o.Tp == ast.TableOptionCharset {
			charset = o.StrValue
		}
	}
	return charset
}
