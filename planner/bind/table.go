package bind

import (
	"slices"
	"strconv"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

const columnsMax = 1600

// TableDef binds CREATE TABLE and CREATE STREAM with columns. The object has no
// ID, owner or epoch yet.
func TableDef(q *ast.CreateTable, opt Options) (*catalog.Object, error) {
	b := newBinder(opt)
	if err := refuseTableClauses(q); err != nil {
		return nil, err
	}
	o := &catalog.Object{Name: q.Name.Base(), Kind: catalog.Table}
	if q.Kind == "STREAM" {
		o.Kind = catalog.Stream
	}
	var err error
	if o.Schema, err = b.creationSchema(q.Name); err != nil {
		return nil, err
	}
	d := &tableDef{binder: b, q: q, o: o}
	for _, c := range q.Columns {
		if err := d.column(c); err != nil {
			return nil, err
		}
	}
	if len(o.Columns) > columnsMax {
		return nil, sqlerr.New(sqlerr.TooManyColumns, "tables can have at most %d columns", columnsMax).At(q.Pos)
	}
	for _, c := range q.Constraints {
		if err := d.constraint(c, -1); err != nil {
			return nil, err
		}
	}
	if err := d.expressions(); err != nil {
		return nil, err
	}
	if err := d.watermark(); err != nil {
		return nil, err
	}
	if o.Options, err = options(q.Options, tableOptions(o.Kind)); err != nil {
		return nil, err
	}
	return o, nil
}

func refuseTableClauses(q *ast.CreateTable) error {
	switch {
	case q.Kind == "SOURCE" || q.Source || q.Format != nil || len(q.Include) > 0:
		return unsupported(q.Pos, "CREATE SOURCE").WithHint("Create a stream and write to it with INSERT or COPY.")
	case q.Query != nil:
		return unsupported(q.Pos, "CREATE %s … AS", q.Kind)
	case q.Star || !q.HasColumns:
		return sqlerr.New(sqlerr.SyntaxError, "a column list is needed").At(q.Pos)
	case !q.OfType.IsZero(), q.PartitionOf != nil, q.PartitionBy != nil, len(q.Inherits) > 0, len(q.Likes) > 0:
		return unsupported(q.Pos, "this form of CREATE TABLE")
	case q.Persistence == "TEMPORARY" || q.Persistence == "TEMP":
		return unsupported(q.Pos, "a temporary table")
	case q.OnConflict != "" || len(q.VersionColumn) > 0:
		return unsupported(q.Pos, "ON CONFLICT of a table")
	case q.AppendOnly:
		return unsupported(q.Pos, "APPEND ONLY").WithHint("CREATE STREAM makes a relation that only grows.")
	case q.OnCommit != "":
		return sqlerr.New(sqlerr.InvalidTableDefinition, "ON COMMIT can only be used on temporary tables").At(q.Pos)
	}
	return storage(q.Using, q.Tablespace, q.Pos)
}

// storage refuses access methods and tablespaces other than PostgreSQL's own: the
// words would have no effect.
func storage(method, tablespace string, pos int) error {
	switch {
	case method != "" && method != "heap":
		return sqlerr.New(sqlerr.UndefinedObject, "access method \"%s\" does not exist", method).At(pos)
	case tablespace != "" && tablespace != "pg_default":
		return sqlerr.New(sqlerr.UndefinedObject, "tablespace \"%s\" does not exist", tablespace).At(pos)
	}
	return nil
}

// columnStorage refuses what a column says of its storage or collation, where it
// would have no effect.
func columnStorage(c *ast.ColumnDef) error {
	switch name := c.Collate.Base(); {
	case c.Compression != "":
		return unsupported(c.Pos, "COMPRESSION of a column").WithHint("Columns are always kept compressed.")
	case c.Storage != "":
		return unsupported(c.Pos, "STORAGE of a column")
	case !c.Collate.IsZero() && name != "C" && name != "POSIX" && name != "default" && name != "ucs_basic":
		return sqlerr.New(sqlerr.UndefinedObject, "collation \"%s\" for encoding \"UTF8\" does not exist", name).At(c.Collate.Pos)
	}
	return nil
}

// creationSchema is the schema that a new relation goes to.
func (b *binder) creationSchema(n ast.Name) (string, error) {
	s := n.Schema()
	if s == "" {
		for _, p := range b.path {
			if b.cat.HasSchema(p) && p != "pg_catalog" {
				return p, nil
			}
		}
		return "", sqlerr.New(sqlerr.InvalidSchemaName, "no schema has been selected to create in").At(n.Pos)
	}
	switch {
	case !b.cat.HasSchema(s):
		return "", sqlerr.New(sqlerr.InvalidSchemaName, "schema \"%s\" does not exist", s).At(n.Pos)
	case !b.cat.Schemas[s]:
		return "", sqlerr.New(sqlerr.InsufficientPrivilege, "permission denied for schema %s", s).At(n.Pos)
	}
	return s, nil
}

// tableDef is a relation being defined.
type tableDef struct {
	*binder
	q        *ast.CreateTable
	o        *catalog.Object
	defaults []exprDef
	checks   []exprDef
}

// exprDef is an expression to bind once all columns are known.
type exprDef struct {
	x      ast.Expr
	column int // -1: the table's
	name   string
	gen    bool
}

func (d *tableDef) index(name string) int {
	return slices.IndexFunc(d.o.Columns, func(c catalog.Column) bool { return c.Name == name })
}

func (d *tableDef) column(c *ast.ColumnDef) error {
	if d.index(c.Name) >= 0 {
		return sqlerr.New(sqlerr.DuplicateColumn, "column \"%s\" specified more than once", c.Name).At(c.Pos)
	}
	if err := columnStorage(c); err != nil {
		return err
	}
	if c.Type == nil {
		return sqlerr.New(sqlerr.SyntaxError, "column \"%s\" needs a type", c.Name).At(c.Pos)
	}
	name := c.Type.Name.Base()
	serial := map[string]types.Type{"serial": types.Int4, "bigserial": types.Int8, "smallserial": types.Int2, "serial4": types.Int4, "serial8": types.Int8, "serial2": types.Int2}
	if _, ok := serial[name]; ok && c.Type.Name.Schema() == "" {
		return unsupported(c.Type.Pos, "type %s", name)
	}
	t, err := d.typeName(c.Type)
	if err != nil {
		return err
	}
	if t.IsPseudo() {
		return sqlerr.New(sqlerr.InvalidTableDefinition, "column \"%s\" has pseudo-type %s", c.Name, t).At(c.Pos)
	}
	i := len(d.o.Columns)
	d.o.Columns = append(d.o.Columns, catalog.Column{Name: c.Name, Type: t})
	for _, k := range c.Constraints {
		if err := d.constraint(k, i); err != nil {
			return err
		}
	}
	return nil
}

// constraint notes a constraint of column i, or of the table with i = -1.
func (d *tableDef) constraint(c *ast.Constraint, i int) error {
	switch c.Kind {
	case ast.ConstraintNotNull:
		d.o.Columns[i].NotNull = true
	case ast.ConstraintNull:
		if d.o.Columns[i].NotNull {
			return sqlerr.New(sqlerr.SyntaxError, "conflicting NULL/NOT NULL declarations for column \"%s\" of table \"%s\"", d.o.Columns[i].Name, d.o.Name).At(c.Pos)
		}
	case ast.ConstraintDefault:
		d.defaults = append(d.defaults, exprDef{x: c.X, column: i})
	case ast.ConstraintGenerated, ast.ConstraintComputed:
		d.defaults = append(d.defaults, exprDef{x: c.X, column: i, gen: true})
	case ast.ConstraintCheck:
		d.checks = append(d.checks, exprDef{x: c.X, column: i, name: c.Name})
	case ast.ConstraintPrimary:
		cols := []int{i}
		if i < 0 {
			cols = nil
			for _, id := range c.Columns {
				k := d.index(id.Name)
				if k < 0 {
					return sqlerr.New(sqlerr.UndefinedColumn, "column \"%s\" named in key does not exist", id.Name).At(id.Pos)
				}
				if slices.Contains(cols, k) {
					return sqlerr.New(sqlerr.DuplicateColumn, "column \"%s\" appears twice in primary key constraint", id.Name).At(id.Pos)
				}
				cols = append(cols, k)
			}
		}
		return d.primaryKey(cols, c)
	case ast.ConstraintKey:
		// ksqlDB: the key by which a stream is partitioned. One partition order
		// exists here; the word documents.
	case ast.ConstraintUnique:
		return unsupported(c.Pos, "a UNIQUE constraint").WithHint("Make the columns the primary key.")
	case ast.ConstraintForeign:
		return unsupported(c.Pos, "a foreign key")
	default:
		return unsupported(c.Pos, "this constraint")
	}
	return nil
}

func (d *tableDef) primaryKey(cols []int, c *ast.Constraint) error {
	if d.o.Kind == catalog.Stream {
		return sqlerr.New(sqlerr.InvalidTableDefinition, "a stream cannot have a primary key").At(c.Pos).
			WithHint("A stream holds every record that was ever inserted. Use a table, or a materialized view over the stream.")
	}
	if len(d.o.PrimaryKey) > 0 {
		return sqlerr.New(sqlerr.InvalidTableDefinition, "multiple primary keys for table \"%s\" are not allowed", d.o.Name).At(c.Pos)
	}
	for _, k := range cols {
		if t := d.o.Columns[k].Type; t.OID == types.OIDJSON {
			return sqlerr.New(sqlerr.UndefinedObject, "data type json has no default operator class for access method \"btree\"").At(c.Pos)
		}
		d.o.Columns[k].NotNull = true
	}
	d.o.PrimaryKey, d.o.PrimaryKeyName = cols, c.Name
	if c.Name == "" {
		d.o.PrimaryKeyName = d.o.Name + "_pkey"
	}
	return nil
}

// expressions binds DEFAULT, CHECK and generated columns, now that all columns
// have names and types.
func (d *tableDef) expressions() error {
	for _, e := range d.defaults {
		c := &d.o.Columns[e.column]
		if c.Default != "" || c.Generated != "" {
			return sqlerr.New(sqlerr.SyntaxError, "multiple default values specified for column \"%s\" of table \"%s\"", c.Name, d.o.Name).At(e.x.Position())
		}
		if !e.gen {
			if ref := firstColumn(e.x); ref != nil {
				return sqlerr.New(sqlerr.FeatureNotSupported, "cannot use column reference in DEFAULT expression").At(ref.Pos)
			}
			v, err := (&exprs{binder: d.binder, where: "DEFAULT expressions"}).bind(e.x)
			if err != nil {
				return err
			}
			if err := noSubquery(v, "DEFAULT expression"); err != nil {
				return err
			}
			if _, err := d.defaultValue(v, c, e.x.Position()); err != nil {
				return err
			}
			c.Default = sqlText(e.x)
			continue
		}
		if err := d.generated(c, e); err != nil {
			return err
		}
	}
	for n, e := range d.checks {
		v, err := (&exprsOver{d.binder, rowItem(d.o, d.o.Name, 0)}).bind(e.x, "check constraints")
		if err != nil {
			return err
		}
		if _, err := d.boolean(v, "CHECK", e.x.Position()); err != nil {
			return err
		}
		name := e.name
		if name == "" {
			name = d.checkName(e, n)
		}
		d.o.Checks = append(d.o.Checks, catalog.Check{Name: name, Expr: sqlText(e.x)})
	}
	if len(d.params) > 0 {
		return sqlerr.New(sqlerr.UndefinedParameter, "there is no parameter $1")
	}
	return nil
}

func (d *tableDef) checkName(e exprDef, n int) string {
	base := d.o.Name + "_check"
	if e.column >= 0 {
		base = d.o.Name + "_" + d.o.Columns[e.column].Name + "_check"
	} else if ref := firstColumn(e.x); ref != nil {
		base = d.o.Name + "_" + ref.Parts[len(ref.Parts)-1] + "_check"
	}
	name := base
	for i := 1; slices.ContainsFunc(d.o.Checks, func(c catalog.Check) bool { return c.Name == name }); i++ {
		name = base + strconv.Itoa(i)
	}
	return name
}

func (d *tableDef) generated(c *catalog.Column, e exprDef) error {
	v, err := (&exprsOver{d.binder, rowItem(d.o, d.o.Name, 0)}).bind(e.x, "column generation expressions")
	if err != nil {
		return err
	}
	if expr.MaxVolatility(v) != 0 {
		return sqlerr.New(sqlerr.InvalidObjectDefinition, "generation expression is not immutable").At(e.x.Position())
	}
	for _, u := range expr.ColumnsUsed(v) {
		if slices.ContainsFunc(d.defaults, func(o exprDef) bool { return o.gen && o.column == u }) {
			return sqlerr.New(sqlerr.InvalidObjectDefinition, "cannot use generated column \"%s\" in column generation expression", d.o.Columns[u].Name).At(e.x.Position())
		}
	}
	if _, err := d.defaultValue(v, c, e.x.Position()); err != nil {
		return err
	}
	c.Generated = sqlText(e.x)
	return nil
}

func (d *tableDef) defaultValue(v expr.Expr, c *catalog.Column, pos int) (expr.Expr, error) {
	out, err := d.coerce(v, c.Type, types.CastAssignment, pos)
	if sqlerr.HasCode(err, sqlerr.CannotCoerce) {
		return nil, sqlerr.New(sqlerr.DatatypeMismatch, "column \"%s\" is of type %s but default expression is of type %s", c.Name, base(c.Type), base(v.Type())).
			At(pos).WithHint("You will need to rewrite or cast the expression.")
	}
	return out, err
}

// watermark binds WATERMARK FOR c AS c - INTERVAL '…'.
func (d *tableDef) watermark() error {
	for n, w := range d.q.Watermarks {
		if n > 0 {
			return sqlerr.New(sqlerr.InvalidTableDefinition, "only one watermark is allowed").At(w.Pos)
		}
		if w.TTL {
			return unsupported(w.Pos, "WITH TTL")
		}
		i := d.index(w.Column.Name)
		if i < 0 {
			return sqlerr.New(sqlerr.UndefinedColumn, "column \"%s\" does not exist", w.Column.Name).At(w.Column.Pos)
		}
		if t := d.o.Columns[i].Type; t.OID != types.OIDTimestamptz && t.OID != types.OIDTimestamp {
			return sqlerr.New(sqlerr.DatatypeMismatch, "watermark column \"%s\" must be of type timestamp or timestamptz, not %s", w.Column.Name, t).At(w.Column.Pos)
		}
		out := &catalog.Watermark{Column: i}
		var err error
		if out.DelayMicros, err = d.delay(w); err != nil {
			return err
		}
		if w.Idle != nil {
			if out.IdleMicros, err = d.duration(w.Idle, "IDLE TIMEOUT"); err != nil {
				return err
			}
		}
		// A record without a time could be in no window.
		d.o.Columns[i].NotNull = true
		d.o.Watermark = out
	}
	return nil
}

func (d *tableDef) delay(w *ast.Watermark) (int64, error) {
	bad := sqlerr.New(sqlerr.FeatureNotSupported, "a watermark must be the column less a constant interval").At(w.Pos).
		WithHint("Write WATERMARK FOR %s AS %s - INTERVAL '5 seconds'.", w.Column.Name, w.Column.Name)
	isColumn := func(e ast.Expr) bool {
		r, ok := e.(*ast.ColumnRef)
		return ok && len(r.Parts) == 1 && r.Parts[0] == w.Column.Name
	}
	switch x := w.X.(type) {
	case nil:
		return 0, nil
	case *ast.ColumnRef:
		if isColumn(x) {
			return 0, nil
		}
	case *ast.Binary:
		if x.Op.Name == "-" && isColumn(x.L) {
			us, err := d.interval(x.R)
			if err == nil && us < 0 {
				err = sqlerr.New(sqlerr.InvalidParameterValue, "the delay of a watermark must not be negative").At(x.R.Position())
			}
			return us, err
		}
	}
	return 0, bad
}
