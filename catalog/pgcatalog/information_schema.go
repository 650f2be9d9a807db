package pgcatalog

import (
	"strconv"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/sql/types"
)

// information_schema, as far as it lists relations, columns and schemas.
// PostgreSQL leaves materialized views out of it; here they are what most tools
// are pointed at, so they are in, with a type of their own.

func catalogNameRows(s *state, w *writer) {
	w.columns("catalog_name")
	w.row(str(s.in.Database))
}

func schemataRows(s *state, w *writer) {
	w.columns("catalog_name", "schema_name", "schema_owner")
	for _, name := range s.schemaNames() {
		w.row(str(s.in.Database), str(name), str(BootstrapRole))
	}
}

func characterSetRows(s *state, w *writer) {
	w.columns("character_set_name", "character_repertoire", "form_of_use", "default_collate_catalog")
	w.row(str("UTF8"), str("UCS"), str("UTF8"), str(s.in.Database))
}

func infoTablesRows(s *state, w *writer) {
	w.columns("table_catalog", "table_schema", "table_name", "table_type", "is_insertable_into", "is_typed")
	s.each("rvm", func(r *relation) {
		kind := map[byte]string{'r': "BASE TABLE", 'v': "VIEW", 'm': "MATERIALIZED VIEW"}[r.kind]
		w.row(str(s.in.Database), str(r.schema), str(r.name), str(kind), yesNo(insertable(r)), yesNo(false))
	})
}

func insertable(r *relation) bool {
	return r.object.Kind == catalog.Table || r.object.Kind == catalog.Stream
}

func infoViewsRows(s *state, w *writer) {
	w.columns("table_catalog", "table_schema", "table_name", "view_definition", "check_option", "is_updatable", "is_insertable_into",
		"is_trigger_updatable", "is_trigger_deletable", "is_trigger_insertable_into")
	no := yesNo(false)
	s.each("vm", func(r *relation) {
		w.row(str(s.in.Database), str(r.schema), str(r.name), definitionOf(r), str("NONE"), no, no, no, no, no)
	})
}

func infoColumnsRows(s *state, w *writer) {
	w.columns("table_catalog", "table_schema", "table_name", "column_name", "ordinal_position", "column_default", "is_nullable", "data_type",
		"character_maximum_length", "character_octet_length", "numeric_precision", "numeric_precision_radix", "numeric_scale", "datetime_precision",
		"udt_catalog", "udt_schema", "udt_name", "dtd_identifier", "is_self_referencing", "is_identity", "identity_cycle",
		"is_generated", "generation_expression", "is_updatable")
	db := str(s.in.Database)
	s.each("rvm", func(r *relation) {
		for i, c := range r.columns() {
			if c.Hidden {
				continue
			}
			generated := "NEVER"
			if c.Generated != "" {
				generated = "ALWAYS"
			}
			m := measuresOf(c.Type)
			w.row(db, str(r.schema), str(r.name), str(c.Name), num(i+1), orNull(c.Default), yesNo(!columnNotNull(r.object, i)), str(sqlType(c.Type)),
				m.chars, m.octets, m.precision, m.radix, m.scale, m.datetime,
				db, str("pg_catalog"), str(typeInfo(c.Type).Name), str(strconv.Itoa(i+1)), yesNo(false), yesNo(false), yesNo(false),
				str(generated), orNull(c.Generated), yesNo(r.object.Kind == catalog.Table))
		}
	})
}

// measures are the columns that describe a type's size; NULL where they do not apply.
type measures struct {
	chars, octets, precision, radix, scale, datetime types.Datum
}

// octetsMax is the length of the longest text, in bytes.
const octetsMax = 1 << 30

func measuresOf(t types.Type) measures {
	m := measures{null, null, null, null, null, null}
	switch t.OID {
	case types.OIDText:
		m.octets = num(octetsMax)
	case types.OIDVarchar, types.OIDBpchar:
		m.octets = num(octetsMax)
		if n, ok := types.CharMod(t); ok {
			m.chars, m.octets = num(n), num(4*n) // four bytes a character at most
		}
	case types.OIDInt2:
		m.precision, m.radix, m.scale = num(16), num(2), num(0)
	case types.OIDInt4:
		m.precision, m.radix, m.scale = num(32), num(2), num(0)
	case types.OIDInt8:
		m.precision, m.radix, m.scale = num(64), num(2), num(0)
	case types.OIDFloat4:
		m.precision, m.radix = num(24), num(2)
	case types.OIDFloat8:
		m.precision, m.radix = num(53), num(2)
	case types.OIDNumeric:
		m.radix = num(10)
		if p, scale, ok := types.NumericMod(t); ok {
			m.precision, m.scale = num(p), num(scale)
		}
	case types.OIDDate:
		m.datetime = num(0)
	case types.OIDTime, types.OIDTimestamp, types.OIDTimestamptz:
		m.datetime = num(6)
		if t.Mod >= 0 {
			m.datetime = num(t.Mod)
		}
	case types.OIDInterval:
		m.datetime = num(6)
		if t.Mod >= 0 && t.Mod&0xffff != 0xffff {
			m.datetime = num(t.Mod & 0xffff)
		}
	}
	return m
}

func viewTableUsageRows(s *state, w *writer) {
	w.columns("view_catalog", "view_schema", "view_name", "table_catalog", "table_schema", "table_name")
	db := str(s.in.Database)
	s.each("vm", func(r *relation) {
		for _, id := range r.object.DependsOn {
			if o := s.in.Catalog.ByID(id); o != nil {
				w.row(db, str(r.schema), str(r.name), db, str(o.Schema), str(o.Name))
			}
		}
	})
}

// privilegesRows are table_privileges and role_table_grants: owners hold all.
func privilegesRows(s *state, w *writer) {
	w.columns("grantor", "grantee", "table_catalog", "table_schema", "table_name", "privilege_type", "is_grantable", "with_hierarchy")
	s.each("rvm", func(r *relation) {
		owner := str(r.ownerName())
		for _, p := range []string{"INSERT", "SELECT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"} {
			w.row(owner, owner, str(s.in.Database), str(r.schema), str(r.name), str(p), yesNo(true), yesNo(p == "SELECT"))
		}
	})
}
