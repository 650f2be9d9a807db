package pgcatalog

import (
	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/sql/types"
)

// relation is one row of pg_class: an object, or the unique index of one.
type relation struct {
	oid          uint32
	schema, name string
	kind         byte // relkind
	object       *catalog.Object
	// key holds, for an index, the indexes into object.Columns of what it is over.
	key []int
}

// isIndex reports whether r is its object's index rather than the object.
func (r *relation) isIndex() bool { return r.kind == 'i' }

// columns are r's own: an index has those it is over.
func (r *relation) columns() []catalog.Column {
	if !r.isIndex() {
		return r.object.Columns
	}
	out := make([]catalog.Column, len(r.key))
	for i, k := range r.key {
		out[i] = catalog.Column{Name: r.object.Columns[k].Name, Type: r.object.Columns[k].Type}
	}
	return out
}

// isUser reports whether users made r.
func (r *relation) isUser() bool { return r.object.ID >= catalog.FirstUserID }

// stored reports whether r has rows of its own on disk.
func (r *relation) stored() bool { return r.kind == 'r' || r.kind == 'm' || r.kind == 'i' }

func relationOf(o *catalog.Object) *relation {
	return &relation{oid: uint32(o.ID), schema: o.Schema, name: o.Name, kind: relkind(o), object: o}
}

// relkind is what PostgreSQL calls o. A stream is a table that only grows.
func relkind(o *catalog.Object) byte {
	switch o.Kind {
	case catalog.View:
		return 'v'
	case catalog.MatView:
		return 'm'
	case catalog.System:
		if f := theFacts().byID[uint32(o.ID)]; f != nil {
			return f.kind
		}
		return 'v' // sys.*: computed when read
	}
	return 'r'
}

// indexOf is the index behind o's primary or unique key, nil if it has none.
func indexOf(o *catalog.Object) *relation {
	if len(o.PrimaryKey) == 0 || o.ID < catalog.FirstUserID {
		return nil
	}
	return &relation{oid: indexOID(uint32(o.ID)), schema: o.Schema, name: keyName(o), kind: 'i', object: o, key: o.PrimaryKey}
}

// keyName is the name of o's key. The unique key of a materialized view is an
// index without a constraint, as PostgreSQL would have it.
func keyName(o *catalog.Object) string {
	switch {
	case o.PrimaryKeyName != "":
		return o.PrimaryKeyName
	case o.Kind == catalog.MatView:
		return o.Name + "_key"
	}
	return o.Name + "_pkey"
}

// hasPrimaryKey reports whether o's key is a constraint.
func hasPrimaryKey(o *catalog.Object) bool {
	return len(o.PrimaryKey) > 0 && o.Kind == catalog.Table && o.ID >= catalog.FirstUserID
}

// find returns the relation with an OID, nil if there is none.
func find(s *catalog.Snapshot, id uint32) *relation {
	if id >= derivedBase {
		if o := s.ByID(uint64(id - derivedBase)); o != nil {
			return indexOf(o)
		}
		return nil
	}
	if o := s.ByID(uint64(id)); o != nil && o.Kind.Readable() {
		return relationOf(o)
	}
	return nil
}

// state is one snapshot as PostgreSQL's catalogs see it.
type state struct {
	in        Input
	relations []*relation // objects and indexes, in the order of the objects' IDs
	schemas   map[string]uint32
	roles     map[string]uint32
}

func newState(in Input) *state {
	s := &state{in: in, schemas: schemaOIDs(in.Catalog), roles: roleOIDs(in)}
	for _, o := range in.Catalog.Objects() {
		if !o.Kind.Readable() {
			continue
		}
		s.relations = append(s.relations, relationOf(o))
		if i := indexOf(o); i != nil {
			s.relations = append(s.relations, i)
		}
	}
	return s
}

func schemaOIDs(c *catalog.Snapshot) map[string]uint32 {
	return namedOIDs(c.Schemas, map[string]uint32{
		"pg_catalog": schemaPgCatalog, "public": schemaPublic, "information_schema": schemaInfo, "sys": schemaSys})
}

// roleOIDs knows the owners of relations and who is connected: there are no
// roles beyond the names that occur.
func roleOIDs(in Input) map[string]uint32 {
	names := map[string]bool{in.User: true}
	for _, s := range in.Sessions {
		names[s.User] = true
	}
	for _, o := range in.Catalog.Objects() {
		names[o.Owner] = true
	}
	delete(names, "")
	return namedOIDs(names, map[string]uint32{BootstrapRole: roleBootstrap})
}

// owner is the OID of a role; relations without an owner are the system's.
func (s *state) owner(name string) types.Datum {
	if name == "" {
		return oid(roleBootstrap)
	}
	return oid(s.roles[name])
}
