package pgcatalog

import (
	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/sql/types"
)

// The views of pg_catalog that list relations by kind, with names in place of OIDs.

// each calls f for the relations of the given kinds.
func (s *state) each(kinds string, f func(r *relation)) {
	for _, r := range s.relations {
		for i := range len(kinds) {
			if r.kind == kinds[i] {
				f(r)
			}
		}
	}
}

func (r *relation) ownerName() string {
	if r.object.Owner == "" {
		return BootstrapRole
	}
	return r.object.Owner
}

func tablesRows(s *state, w *writer) {
	w.columns("schemaname", "tablename", "tableowner", "hasindexes", "hasrules", "hastriggers", "rowsecurity")
	s.each("r", func(r *relation) {
		w.row(str(r.schema), str(r.name), str(r.ownerName()), yes(indexOf(r.object) != nil), yes(false), yes(false), yes(false))
	})
}

// definitionOf is a view's query; those of system relations are not in SQL.
func definitionOf(r *relation) types.Datum {
	text, ok := viewDef(r.object)
	if !ok {
		return null
	}
	return str(text)
}

func viewsRows(s *state, w *writer) {
	w.columns("schemaname", "viewname", "viewowner", "definition")
	s.each("v", func(r *relation) {
		w.row(str(r.schema), str(r.name), str(r.ownerName()), definitionOf(r))
	})
}

func matviewsRows(s *state, w *writer) {
	w.columns("schemaname", "matviewname", "matviewowner", "hasindexes", "ispopulated", "definition")
	s.each("m", func(r *relation) {
		w.row(str(r.schema), str(r.name), str(r.ownerName()), yes(indexOf(r.object) != nil), yes(true), definitionOf(r))
	})
}

func indexesRows(s *state, w *writer) {
	w.columns("schemaname", "tablename", "indexname", "indexdef")
	s.each("i", func(r *relation) {
		w.row(str(r.schema), str(r.object.Name), str(r.name), str(indexDef(r, qualified(r.schema, r.object.Name))))
	})
}

// statTablesRows are pg_stat_all_tables and pg_stat_user_tables: which relations
// there are and how many rows they have; nothing is counted.
func statTablesRows(userOnly bool) func(s *state, w *writer) {
	return func(s *state, w *writer) {
		w.columns("relid", "schemaname", "relname", "seq_scan", "seq_tup_read", "n_tup_ins", "n_tup_upd", "n_tup_del", "n_tup_hot_upd",
			"n_live_tup", "n_dead_tup", "n_mod_since_analyze", "n_ins_since_vacuum", "vacuum_count", "autovacuum_count", "analyze_count", "autoanalyze_count")
		zero := num(0)
		s.each("rm", func(r *relation) {
			if userOnly && !r.isUser() {
				return
			}
			rows := int64(0)
			if s.in.Size != nil && r.object.ID >= catalog.FirstUserID {
				rows, _ = s.in.Size(r.object.ID)
			}
			w.row(oid(r.oid), str(r.schema), str(r.name), zero, zero, zero, zero, zero, zero, num(rows), zero, zero, zero, zero, zero, zero, zero)
		})
	}
}

// statIndexesRows are pg_stat_all_indexes and pg_stat_user_indexes.
func statIndexesRows(s *state, w *writer) {
	w.columns("relid", "indexrelid", "schemaname", "relname", "indexrelname", "idx_scan", "idx_tup_read", "idx_tup_fetch")
	s.each("i", func(r *relation) {
		w.row(oid(uint32(r.object.ID)), oid(r.oid), str(r.schema), str(r.object.Name), str(r.name), num(0), num(0), num(0))
	})
}
