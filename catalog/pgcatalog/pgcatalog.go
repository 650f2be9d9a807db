// Package pgcatalog is the system catalogs that PostgreSQL's clients read:
// pg_catalog.* and information_schema.* as relations of the catalog, their rows
// computed from a snapshot, and the names and definitions that catalog functions
// and the reg types answer with (Lookup).
//
// Invariants
//   - Every relation has PostgreSQL 15's columns, in its order, with its types; a
//     type that does not exist here has a stand-in (see standIns).
//   - Rows of one snapshot and one Input are the same whenever they are asked for,
//     and their OIDs fit together: what one relation names, another has.
//   - OIDs that stand for nothing with an ID of its own (indexes, constraints,
//     schemas, roles) are computed, not stored; see oid.go.
package pgcatalog

import (
	"slices"
	"time"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/vec"
)

// Input is what the rows are computed from.
type Input struct {
	Catalog  *catalog.Snapshot
	User     string // the session's user
	Database string
	Settings []Setting
	Sessions []Session
	Cursors  []Cursor
	Prepared []Prepared
	// Size gives what is known of a relation's size; nil = nothing is.
	Size func(id uint64) (rows, bytes int64)
}

// Setting is one row of pg_settings.
type Setting struct {
	Name, Value, Initial, Doc string
	Unit                      string
	// Type is bool, integer, real, string or enum; "" is taken from the value.
	Type    string
	Enum    []string
	Fixed   bool // cannot be set
	Changed bool // set in this session
}

// Session is one row of pg_stat_activity. Zero times are NULL.
type Session struct {
	PID                                         int32
	User, Database, Application, Client         string // Client is the address, "" for a local one
	Port                                        int32
	Started, TransactionStarted, QueryStarted   time.Time
	StateChanged                                time.Time
	State                                       string // active, idle, idle in transaction …
	Query, WaitEventType, WaitEvent, WorkerKind string // WorkerKind "" is a client backend
}

// Cursor is one row of pg_cursors.
type Cursor struct {
	Name, Statement      string
	Hold, Binary, Scroll bool
	Created              time.Time
}

// Prepared is one row of pg_prepared_statements.
type Prepared struct {
	Name, Statement string
	Created         time.Time
	ParameterTypes  []uint32 // OIDs
	FromSQL         bool
	Plans           int64 // executions so far
}

// Objects returns the definitions of all relations of pg_catalog and
// information_schema, in a slice of the caller's own. Their IDs are PostgreSQL's
// OIDs, all below 14000.
func Objects() []*catalog.Object { return slices.Clone(theFacts().objects) }

// Rows computes the rows of a relation that Objects defines; its columns are the
// relation's.
func Rows(relation *catalog.Object, in Input) ([]*vec.Batch, error) {
	if theFacts().byID[uint32(relation.ID)] == nil {
		return nil, sqlerr.New(sqlerr.InternalError, "system relation \"%s.%s\" has no rows here", relation.Schema, relation.Name)
	}
	w := &writer{relation: relation}
	if f := families()[relation.Schema+"."+relation.Name]; f != nil {
		f(newState(in), w)
	}
	return w.batches(), nil
}

// families says which function computes which relation; relations that are not
// named have no rows.
func families() map[string]func(*state, *writer) {
	statAll, statUser := statTablesRows(false), statTablesRows(true)
	return map[string]func(*state, *writer){
		"pg_catalog.pg_aggregate":           aggregateRows,
		"pg_catalog.pg_am":                  amRows,
		"pg_catalog.pg_attrdef":             attrdefRows,
		"pg_catalog.pg_attribute":           attributeRows,
		"pg_catalog.pg_authid":              authidRows,
		"pg_catalog.pg_cast":                castRows,
		"pg_catalog.pg_class":               classRows,
		"pg_catalog.pg_collation":           collationRows,
		"pg_catalog.pg_constraint":          constraintRows,
		"pg_catalog.pg_cursors":             cursorRows,
		"pg_catalog.pg_database":            databaseRows,
		"pg_catalog.pg_depend":              dependRows,
		"pg_catalog.pg_description":         descriptionRows,
		"pg_catalog.pg_index":               indexRows,
		"pg_catalog.pg_indexes":             indexesRows,
		"pg_catalog.pg_language":            languageRows,
		"pg_catalog.pg_matviews":            matviewsRows,
		"pg_catalog.pg_namespace":           namespaceRows,
		"pg_catalog.pg_opclass":             opclassRows,
		"pg_catalog.pg_operator":            operatorRows,
		"pg_catalog.pg_opfamily":            opfamilyRows,
		"pg_catalog.pg_prepared_statements": preparedRows,
		"pg_catalog.pg_proc":                procRows,
		"pg_catalog.pg_rewrite":             rewriteRows,
		"pg_catalog.pg_roles":               rolesRows,
		"pg_catalog.pg_settings":            settingsRows,
		"pg_catalog.pg_shadow":              userRows,
		"pg_catalog.pg_stat_activity":       activityRows,
		"pg_catalog.pg_stat_all_indexes":    statIndexesRows,
		"pg_catalog.pg_stat_all_tables":     statAll,
		"pg_catalog.pg_stat_user_indexes":   statIndexesRows,
		"pg_catalog.pg_stat_user_tables":    statUser,
		"pg_catalog.pg_tables":              tablesRows,
		"pg_catalog.pg_tablespace":          tablespaceRows,
		"pg_catalog.pg_type":                typeRows,
		"pg_catalog.pg_user":                userRows,
		"pg_catalog.pg_views":               viewsRows,

		"information_schema.character_sets":                  characterSetRows,
		"information_schema.check_constraints":               checkConstraintsRows,
		"information_schema.columns":                         infoColumnsRows,
		"information_schema.constraint_column_usage":         constraintColumnRows,
		"information_schema.constraint_table_usage":          constraintTableRows,
		"information_schema.enabled_roles":                   roleNameRows,
		"information_schema.information_schema_catalog_name": catalogNameRows,
		"information_schema.key_column_usage":                keyColumnRows,
		"information_schema.role_table_grants":               privilegesRows,
		"information_schema.schemata":                        schemataRows,
		"information_schema.table_constraints":               tableConstraintsRows,
		"information_schema.table_privileges":                privilegesRows,
		"information_schema.tables":                          infoTablesRows,
		"information_schema.view_table_usage":                viewTableUsageRows,
		"information_schema.views":                           infoViewsRows,
	}
}
