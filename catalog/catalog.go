// Package catalog holds what exists: relations and their definitions, as an
// immutable Snapshot with a version. A change is data (Change) that goes through
// the journal; applying it to a snapshot gives the next one.
//
// Invariants
//   - A Snapshot never changes; readers keep one as long as they like.
//   - Applying the same changes to the same snapshot gives the same snapshot:
//     recovery replays them.
//   - Object IDs grow and are never reused. IDs below FirstUserID belong to
//     system relations.
package catalog

import (
	"sort"
)

// FirstUserID is the first ID given to a user's object (PostgreSQL's first
// normal OID, so that clients tell them from system objects).
const FirstUserID = 16384

// Snapshot is one state of the catalog.
type Snapshot struct {
	Version uint64
	NextID  uint64
	Schemas map[string]bool // beside pg_catalog, information_schema and sys
	byID    map[uint64]*Object
	byName  map[string]map[string]*Object // schema → name → relation
	// others are the objects with names of their own: kind, schema and name
	others map[ownName]*Object
	// dependents: ID → IDs of relations that name it
	dependents map[uint64][]uint64
}

// ownName names an object that is no relation.
type ownName struct {
	kind         Kind
	schema, name string
}

// New returns the catalog of an empty database: the schema public and the
// given system relations.
func New(system []*Object) *Snapshot {
	s := &Snapshot{Version: 1, NextID: FirstUserID, Schemas: map[string]bool{"public": true}}
	s.index(system)
	return s
}

func (s *Snapshot) index(objects []*Object) {
	s.byID = make(map[uint64]*Object, len(objects))
	s.byName = make(map[string]map[string]*Object)
	s.others = make(map[ownName]*Object)
	s.dependents = make(map[uint64][]uint64)
	for _, o := range objects {
		s.byID[o.ID] = o
		if o.Kind.IsRelation() {
			m := s.byName[o.Schema]
			if m == nil {
				m = make(map[string]*Object)
				s.byName[o.Schema] = m
			}
			m[o.Name] = o
		} else {
			s.others[ownName{o.Kind, o.Schema, o.Name}] = o
		}
		for _, d := range o.DependsOn {
			s.dependents[d] = append(s.dependents[d], o.ID)
		}
	}
	for _, ids := range s.dependents {
		sort.Slice(ids, func(i, j int) bool { return ids[i] < ids[j] })
	}
}

// ByID returns the object with the ID, nil if there is none.
func (s *Snapshot) ByID(id uint64) *Object { return s.byID[id] }

// In returns the relation (or sink) of that name in a schema, nil if there is none.
func (s *Snapshot) In(schema, name string) *Object { return s.byName[schema][name] }

// InKind returns the object of that name in a schema, among those that share a
// name space with kind.
func (s *Snapshot) InKind(kind Kind, schema, name string) *Object {
	if kind.IsRelation() {
		return s.In(schema, name)
	}
	return s.others[ownName{kind, schema, name}]
}

// FindKind is Find among the objects that share a name space with kind.
func (s *Snapshot) FindKind(kind Kind, schema, name string, searchPath []string) *Object {
	if kind.IsRelation() {
		return s.Find(schema, name, searchPath)
	}
	if schema != "" {
		return s.InKind(kind, schema, name)
	}
	for _, p := range searchPath {
		if o := s.InKind(kind, p, name); o != nil {
			return o
		}
	}
	return nil
}

// Find looks name up in schema, or, if schema is "", along the search path with
// pg_catalog first (as PostgreSQL does). Nil if there is none.
func (s *Snapshot) Find(schema, name string, searchPath []string) *Object {
	if schema != "" {
		return s.In(schema, name)
	}
	if o := s.In("pg_catalog", name); o != nil {
		return o
	}
	for _, p := range searchPath {
		if o := s.In(p, name); o != nil {
			return o
		}
	}
	return nil
}

// HasSchema reports whether a schema exists.
func (s *Snapshot) HasSchema(name string) bool {
	return s.Schemas[name] || s.byName[name] != nil
}

// Objects returns all objects, system relations included, ordered by ID.
func (s *Snapshot) Objects() []*Object {
	out := make([]*Object, 0, len(s.byID))
	for _, o := range s.byID {
		out = append(out, o)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].ID < out[j].ID })
	return out
}

// Dependents returns the relations that name id directly, ordered by ID.
func (s *Snapshot) Dependents(id uint64) []*Object {
	var out []*Object
	for _, d := range s.dependents[id] {
		out = append(out, s.byID[d])
	}
	return out
}
