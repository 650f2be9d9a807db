// Package mysqlddl reads the DDL text that feeds of MySQL and its relatives carry
// (TiCDC, Canal, Maxwell, Debezium's schema-change topics) and says what it does
// to tables, with MySQL's types as SQL types.
//
// The parser is TiDB's (github.com/pingcap/tidb/pkg/parser): the one maintained
// parser of MySQL's DDL in Go, and the one TiCDC itself reads such text with. It
// is large, so that nothing else of the house imports it.
//
// Invariants
//   - A statement is understood whole or not at all: what is returned beside an
//     error is not to be applied.
//   - Statements that change no column, key or table (indexes, comments, users)
//     give no changes and no error.
package mysqlddl

import (
	"errors"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// Kind is what a change does.
type Kind uint8

const (
	CreateTable   Kind = iota // Columns, PrimaryKey; or Like
	AddColumn                 // Column, Position
	DropColumn                // Name
	ModifyColumn              // Name has the type of Column from now on, and its Position if that is set
	RenameColumn              // Name is called Column.Name
	RenameTable               // the table is called To
	DropTable                 //
	Truncate                  //
	SetPrimaryKey             // PrimaryKey; empty: there is none any more
	DropDatabase              // Table.Database, with all its tables
)

func (k Kind) String() string {
	return [...]string{"create table", "add column", "drop column", "modify column", "rename column", "rename table",
		"drop table", "truncate", "set primary key", "drop database"}[k]
}

// Table names a table. Database is the one of the session where the text has none.
type Table struct{ Database, Name string }

// Position is where a column stands: at the end if neither is set.
type Position struct {
	First bool
	After string
}

// Column is a column of a table.
type Column struct {
	Name    string
	Type    types.Type
	NotNull bool
	// MySQL is the type in MySQL's words, such as "bigint unsigned".
	MySQL string
	// Generated: MySQL computes it.
	Generated bool
}

// SchemaChange is one change; which fields count the Kind says.
type SchemaChange struct {
	Kind       Kind
	Table      Table
	To         Table
	Like       Table
	Name       string
	Column     Column
	Position   Position
	Columns    []Column
	PrimaryKey []string
	// IfExists and IfNotExists: the change may find nothing to do.
	IfExists, IfNotExists bool
}

// Unsupported is DDL that is not understood, or whose effect on the rows the feed
// does not show. The schema is to be kept as it is.
type Unsupported struct{ Cause *sqlerr.Error }

func (u *Unsupported) Error() string { return u.Cause.Error() }

// Unwrap gives the error its code.
func (u *Unsupported) Unwrap() error { return u.Cause }

// IsUnsupported reports whether err is of DDL that is not understood.
func IsUnsupported(err error) bool {
	var u *Unsupported
	return errors.As(err, &u)
}

const excerptBytes = 120

func unsupported(text, why string) error {
	if len(text) > excerptBytes {
		text = text[:excerptBytes] + "…"
	}
	return &Unsupported{sqlerr.New(sqlerr.FeatureNotSupported, "unsupported MySQL DDL, schema kept: %s", why).WithDetail("%s", text)}
}
