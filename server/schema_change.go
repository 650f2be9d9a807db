package server

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/exec"
	"github.com/tarndb/tarn/exec/format"
	"github.com/tarndb/tarn/exec/format/mysqlddl"
	"github.com/tarndb/tarn/sql/sqlerr"
)

// schemaChange is what a feed's DDL does to the source that is fed by it. The
// relation's columns stay as they are: what they can follow, they follow (a column
// more is not taken, a column less is NULL from then on); what they cannot stops
// the source, unless on_ddl = 'continue'.
func (s *Server) schemaChange(id uint64) func(context.Context, format.DDL) (*format.Spec, error) {
	return func(ctx context.Context, d format.DDL) (*format.Spec, error) {
		o := s.host.Snapshot().ByID(id)
		if o == nil {
			return nil, nil // it is being dropped
		}
		changes, err := mysqlddl.Parse(d.Text, d.Database)
		if err != nil { // not understood: the schema is kept
			s.told.add(o, nowMicros(), sqlerr.From(err))
			return nil, nil
		}
		for i := range changes {
			c := &changes[i]
			if !concerns(o, c) {
				continue
			}
			if c.Kind == mysqlddl.Truncate && o.Kind == catalog.Table && len(o.PrimaryKey) > 0 {
				if _, err := s.engine.Commit(ctx, &exec.Txn{Writes: []exec.Write{{Object: o.ID, Truncate: true}}}); err != nil {
					return nil, err
				}
				continue
			}
			why, stops := effect(o, c)
			if why == "" {
				continue
			}
			e := sqlerr.New(sqlerr.InvalidTableDefinition, "%s", why).WithDetail("%s", d.Text).
				WithHint("ALTER SOURCE %s SET (on_ddl = 'continue') goes on with the columns as they are; or DROP it and CREATE it as the table is now.", o.Name)
			if stops && o.Connector.Options["on_ddl"] != "continue" {
				return nil, e
			}
			s.told.add(o, nowMicros(), e)
		}
		return nil, nil
	}
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

// effect says what a change means for o's columns, "" if nothing, and whether they
// cannot follow it.
func effect(o *catalog.Object, c *mysqlddl.SchemaChange) (why string, stops bool) {
	ours := func(name string) *catalog.Column {
		i := slices.IndexFunc(o.Columns, func(col catalog.Column) bool {
			return strings.EqualFold(col.Name, name) && (col.From == catalog.FromValue || col.From == catalog.FromKey)
		})
		if i < 0 {
			return nil
		}
		return &o.Columns[i]
	}
	switch col := ours(c.Name); c.Kind {
	case mysqlddl.AddColumn:
		if have := ours(c.Column.Name); have == nil {
			return "column \"" + c.Column.Name + "\" was added in MySQL and is not taken", false
		} else if have.Type != c.Column.Type {
			return typesDiffer(have, c), true
		}
	case mysqlddl.DropColumn:
		if col != nil {
			return "column \"" + col.Name + "\" was dropped in MySQL: it has no value from here on", col.NotNull
		}
	case mysqlddl.ModifyColumn:
		if col != nil && col.Type != c.Column.Type {
			return typesDiffer(col, c), true
		}
	case mysqlddl.RenameColumn:
		if col != nil {
			return "column \"" + col.Name + "\" was renamed to \"" + c.Column.Name + "\" in MySQL", true
		}
	case mysqlddl.SetPrimaryKey:
		return "the primary key was changed in MySQL", true
	case mysqlddl.Truncate:
		return "the table was truncated in MySQL", o.Kind == catalog.Table
	case mysqlddl.RenameTable:
		return "the table was renamed to \"" + c.To.Name + "\" in MySQL", true
	case mysqlddl.DropTable, mysqlddl.DropDatabase:
		return "the table was dropped in MySQL", true
	}
	return "", false
}

func typesDiffer(have *catalog.Column, c *mysqlddl.SchemaChange) string {
	return "column \"" + have.Name + "\" is " + c.Column.MySQL + " in MySQL now (" + c.Column.Type.String() + "), and " + have.Type.String() + " here"
}

// toldMax is how many schema changes sys.errors remembers.
const toldMax = 1000

// told is what schema changes in feeds have left to be known, oldest first.
type told struct {
	mu   sync.Mutex
	list []toldError
}

type toldError struct {
	source uint64
	at     int64 // µs
	err    *sqlerr.Error
}

func (t *told) add(o *catalog.Object, now int64, err *sqlerr.Error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.list = append(t.list, toldError{o.ID, now, err})
	if len(t.list) > toldMax {
		t.list = slices.Clone(t.list[len(t.list)-toldMax:])
	}
}

func (t *told) all() []toldError {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.list)
}
