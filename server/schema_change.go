package server

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/exec"
	"github.com/tarndb/tarn/exec/format"
	"github.com/tarndb/tarn/exec/format/mysqlddl"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// schemaChange is what a feed's DDL does to the source that is fed by it. What the
// source can follow becomes part of it, as ALTER would make it; what it cannot
// stops it before the record, with the statement that would resolve it. A change
// that has been made already changes nothing, so that it may be asked for again
// after a crash.
func (s *Server) schemaChange(id uint64) func(context.Context, format.DDL) (*format.Spec, error) {
	return func(ctx context.Context, d format.DDL) (*format.Spec, error) {
		if err := s.lockDDL(ctx); err != nil {
			return nil, err
		}
		defer s.ddl.Unlock()
		snap := s.host.Snapshot()
		o := snap.ByID(id)
		if o == nil {
			return nil, nil // it is being dropped
		}
		f := follower{snap: snap, o: altered(o), mode: o.Connector.Options["schema_changes"], apart: d.Apart}
		changes, err := mysqlddl.Parse(d.Text, d.Database)
		told := false
		if err != nil { // not understood: the schema is kept
			e := sqlerr.From(err)
			told = tell(f.o, nowMicros(), e.Code, e.Message, e.Detail)
		}
		for i := range changes {
			if c := &changes[i]; concerns(o, c) {
				f.follow(c)
			}
		}
		if f.why != "" || f.mode == "stop" && (f.changed || f.noted) {
			if f.why == "" {
				f.why = "the table was altered in MySQL"
			}
			return nil, sqlerr.New(sqlerr.InvalidTableDefinition, "%s", f.why).WithDetail("%s", d.Text).WithHint("%s", f.hint())
		}
		for _, why := range f.told {
			told = tell(f.o, nowMicros(), sqlerr.InvalidTableDefinition, why, d.Text) || told
		}
		txn := &exec.Txn{}
		if f.truncate {
			txn.Writes = []exec.Write{{Object: o.ID, Truncate: true}}
		}
		switch {
		case f.changed:
			txn.Catalog = catalog.EncodeChanges(alteration(snap, o, f.o))
		case told:
			txn.Catalog = catalog.EncodeChanges([]catalog.Change{{Op: catalog.Put, Object: f.o}})
		}
		if len(txn.Writes) == 0 && txn.Catalog == nil {
			return nil, nil
		}
		if _, err := s.engine.Commit(ctx, txn); err != nil || !f.changed {
			return nil, err
		}
		def, err := s.sourceDef(s.host.Snapshot(), s.host.Snapshot().ByID(id))
		return &def.Spec, err
	}
}

// lockDDL waits for the right to change the catalog.
func (s *Server) lockDDL(ctx context.Context) error {
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for !s.ddl.TryLock() {
		select {
		case <-look.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// concerns reports whether a change is of the table that feeds o: the one that its
// format names, or any where it names none.
func concerns(o *catalog.Object, c *mysqlddl.SchemaChange) bool {
	want := func(names ...string) string {
		for _, n := range names {
			if v := o.Format.Value.Options[n]; v != "" {
				return v
			}
		}
		return ""
	}
	database, table := want("source.database", "database", "database.name"), want("source.table", "table", "table.name")
	if c.Kind == mysqlddl.DropDatabase {
		return database == "" || strings.EqualFold(database, c.Table.Database)
	}
	return (table == "" || strings.EqualFold(table, c.Table.Name)) && (database == "" || c.Table.Database == "" || strings.EqualFold(database, c.Table.Database))
}

// follower makes the columns of a source follow the table that it is fed by.
type follower struct {
	snap     *catalog.Snapshot
	o        *catalog.Object // a copy
	mode     string          // schema_changes
	changed  bool
	noted    bool // it goes on as it is, and that is worth knowing
	truncate bool
	apart    bool     // the change has no place among the rows
	told     []string // what is worth knowing
	why      string   // it cannot, "" = it can
	resolve  string   // a statement
}

// hint is what to do about a change that cannot be followed.
func (f *follower) hint() string {
	goOn := "ALTER " + words(f.o.Kind) + " " + fullName(f.o) + " SET (schema_changes = 'ignore') goes on with the columns as they are."
	switch {
	case f.resolve != "":
		return f.resolve + "; or " + goOn
	}
	return goOn
}

// anew is the statements that make the relation again, in another way: it then reads
// its topic from where it began.
func (f *follower) anew(change func(o *catalog.Object)) string {
	o := altered(f.o)
	change(o)
	return "DROP " + words(o.Kind) + " " + fullName(o) + "; " + createText(f.snap, o)
}

// column is the column that records call name, -1 = none.
func (f *follower) column(name string) int {
	return slices.IndexFunc(f.o.Columns, func(c catalog.Column) bool {
		field := c.Path
		if field == "" {
			field = c.Name
		}
		return strings.EqualFold(field, name) && (c.From == catalog.FromValue || c.From == catalog.FromKey)
	})
}

func (f *follower) stop(resolve, why string, args ...any) {
	switch text := fmt.Sprintf(why, args...); {
	case f.mode == "ignore":
		f.told = append(f.told, text)
	case f.why == "":
		f.why, f.resolve = text, resolve
	}
}

func (f *follower) follow(c *mysqlddl.SchemaChange) {
	name := fullName(f.o)
	switch c.Kind {
	case mysqlddl.AddColumn:
		f.add(c)
	case mysqlddl.ModifyColumn:
		f.modify(c)
	case mysqlddl.RenameColumn:
		f.rename(c)
	case mysqlddl.DropColumn:
		f.drop(c.Name)
	case mysqlddl.SetPrimaryKey:
		if len(c.PrimaryKey) > 0 && !f.isKey(c.PrimaryKey) {
			f.stop(f.anew(func(o *catalog.Object) { f.setKey(o, c.PrimaryKey) }), "the primary key was changed in MySQL to (%s)", strings.Join(c.PrimaryKey, ", "))
		}
	case mysqlddl.Truncate:
		if f.apart {
			f.told = append(f.told, "the table was truncated in MySQL: its rows are kept here, since nothing tells which came before")
			return
		}
		if f.mode == "ignore" || f.o.Kind != catalog.Table || len(f.o.PrimaryKey) == 0 {
			f.stop("", "the table was truncated in MySQL")
		}
		f.truncate = f.o.Kind == catalog.Table && len(f.o.PrimaryKey) > 0
	case mysqlddl.RenameTable:
		resolve := ""
		if _, ok := f.o.Format.Value.Options["source.table"]; ok { // its rows are not found any more
			resolve = f.anew(func(o *catalog.Object) { nameTable(o, c.To) })
		}
		f.stop(resolve, "the table was renamed to \"%s\" in MySQL", c.To.Name)
	case mysqlddl.DropTable, mysqlddl.DropDatabase:
		f.stop("DROP "+words(f.o.Kind)+" "+name, "the table was dropped in MySQL")
	}
}

func (f *follower) isKey(names []string) bool {
	if len(names) != len(f.o.PrimaryKey) {
		return false
	}
	for _, n := range names {
		if !slices.Contains(f.o.PrimaryKey, f.column(n)) {
			return false
		}
	}
	return true
}

func (f *follower) add(c *mysqlddl.SchemaChange) {
	if f.column(c.Column.Name) >= 0 { // it came back, or the change has been made already
		f.modify(&mysqlddl.SchemaChange{Name: c.Column.Name, Column: c.Column})
		return
	}
	if f.mode == "ignore" {
		f.told = append(f.told, "column \""+c.Column.Name+"\" was added in MySQL and is not taken")
		return
	}
	col := catalog.Column{Name: strings.ToLower(c.Column.Name), Type: c.Column.Type}
	if col.Name != c.Column.Name {
		col.Path = c.Column.Name
	}
	if slices.ContainsFunc(f.o.Columns, func(x catalog.Column) bool { return x.Name == col.Name }) {
		f.stop("", "column \"%s\" was added in MySQL, and another one is called so here", col.Name)
		return
	}
	addColumn(f.o, col)
	f.changed = true
}

// setKey makes the columns that records call so the primary key of a copy.
func (f *follower) setKey(o *catalog.Object, names []string) {
	o.PrimaryKey = nil
	for _, n := range names {
		if i := f.column(n); i >= 0 {
			o.PrimaryKey, o.Columns[i].NotNull = append(o.PrimaryKey, i), true
		}
	}
}

// nameTable makes a copy of a source look for the rows of another table.
func nameTable(o *catalog.Object, to mysqlddl.Table) {
	form := *o.Format
	form.Value.Options = maps.Clone(form.Value.Options)
	form.Value.Options["source.table"] = to.Name
	if _, ok := form.Value.Options["source.database"]; ok && to.Database != "" {
		form.Value.Options["source.database"] = to.Database
	}
	o.Format = &form
}

// drop: the column stays, and is NULL in rows from now on; what reads it goes on.
func (f *follower) drop(name string) {
	i := f.column(name)
	if i < 0 {
		return
	}
	col := &f.o.Columns[i]
	switch {
	case slices.Contains(f.o.PrimaryKey, i), f.o.Rowtime() == i:
		f.stop("", "column \"%s\" was dropped in MySQL", col.Name)
		return
	case f.mode == "ignore":
	case col.NotNull:
		col.NotNull, f.changed = false, true
	}
	f.note("column \"%s\" was dropped in MySQL: it stays here, and is NULL in rows from now on", col.Name)
}

// note is for sys.errors.
func (f *follower) note(text string, args ...any) {
	f.noted, f.told = true, append(f.told, fmt.Sprintf(text, args...))
}

func (f *follower) modify(c *mysqlddl.SchemaChange) {
	i := f.column(c.Name)
	if i < 0 {
		return
	}
	col := &f.o.Columns[i]
	switch {
	case holds(col.Type, c.Column.Type):
	case f.mode != "ignore" && widens(col.Type, c.Column.Type) && !readAgain(f.o, col.Type):
		retype(f.o, i, c.Column.Type)
		f.changed = true
	default:
		f.stop(f.anew(func(o *catalog.Object) { o.Columns[i].Type = c.Column.Type }),
			"column \"%s\" is %s in MySQL now (%s), and %s here", col.Name, c.Column.MySQL, c.Column.Type, col.Type)
		return
	}
	if col.NotNull && !c.Column.NotNull && f.mode != "ignore" && !slices.Contains(f.o.PrimaryKey, i) && f.o.Rowtime() != i {
		col.NotNull, f.changed = false, true
	}
}

// rename: a column that nothing names gets its new name here as well; else it keeps
// the old one, and reads the field by the new one.
func (f *follower) rename(c *mysqlddl.SchemaChange) {
	i, now := f.column(c.Name), strings.ToLower(c.Column.Name)
	if i < 0 {
		return
	}
	col := &f.o.Columns[i]
	if f.mode == "ignore" {
		f.stop("", "column \"%s\" was renamed to \"%s\" in MySQL", col.Name, c.Column.Name)
		return
	}
	taken := slices.ContainsFunc(f.o.Columns, func(x catalog.Column) bool { return x.Name == now })
	by, err := usedBy(f.snap, f.o, i)
	if col.Name != now && (taken || err != nil || by != "" || len(f.snap.Dependents(f.o.ID)) > 0) {
		f.note("column \"%s\" was renamed to \"%s\" in MySQL: it keeps its name here", col.Name, c.Column.Name)
	} else {
		col.Name = now
	}
	if col.Path = c.Column.Name; col.Path == col.Name {
		col.Path = ""
	}
	f.changed = true
}

// holds reports whether a column of one type takes every value of another.
func holds(have, now types.Type) bool {
	size := map[uint32]int{types.OIDInt2: 1, types.OIDInt4: 2, types.OIDInt8: 3}
	switch {
	case have == now, (have.OID == types.OIDText || have.OID == types.OIDVarchar) && have.Mod < 0, have.OID == types.OIDNumeric && have.Mod < 0 && size[now.OID] > 0:
		return true
	case size[have.OID] > 0 && size[now.OID] > 0:
		return size[have.OID] >= size[now.OID]
	}
	return widens(now, have)
}

// toldMax is how many schema changes sys.errors remembers of a source.
const toldMax = 20

// tell adds what was not followed to a copy of a source. What was told last is not
// told again: it is the same record, asked for after a crash.
func tell(o *catalog.Object, now int64, code sqlerr.Code, message, text string) bool {
	t := catalog.Told{At: now, Code: string(code), Message: strings.TrimSpace(message + "\n" + text)}
	c := *o.Connector
	if n := len(c.Told); n > 0 && c.Told[n-1].Code == t.Code && c.Told[n-1].Message == t.Message {
		return false
	}
	c.Told = append(slices.Clone(c.Told), t)
	c.Told = c.Told[max(0, len(c.Told)-toldMax):]
	o.Connector = &c
	return true
}

// onlyTold handles the change from old to now where a source has only told of a
// schema change: it goes on.
func (v *supervisor) onlyTold(old, now *catalog.Object) bool {
	if old.Connector == nil || now.Connector == nil || slices.Equal(old.Connector.Told, now.Connector.Told) {
		return false
	}
	a, c := *old, *old.Connector
	c.Told = now.Connector.Told
	a.Connector = &c
	if string(catalog.EncodeChanges([]catalog.Change{{Object: &a}})) != string(catalog.EncodeChanges([]catalog.Change{{Object: now}})) {
		return false
	}
	v.mu.Lock()
	v.running[now.ID] = now
	v.mu.Unlock()
	return true
}
