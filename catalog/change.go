package catalog

import (
	"encoding/json"
	"fmt"
)

// Op says what a Change does.
type Op string

const (
	// Put creates Object, or replaces the one with its ID.
	Put Op = "put"
	// Drop removes the object ID.
	Drop Op = "drop"
	// PutSchema and DropSchema create and remove the schema Name.
	PutSchema  Op = "put_schema"
	DropSchema Op = "drop_schema"
)

// Change is one catalog change, as the journal keeps it.
type Change struct {
	Op     Op
	Object *Object `json:",omitempty"`
	ID     uint64  `json:",omitempty"`
	Name   string  `json:",omitempty"`
}

// changesVersion is the first byte of encoded changes and snapshots. Version 2 has
// columns whose types have become wider (Object.Grown), and else is version 1.
const changesVersion = 2

func known(b []byte) bool { return len(b) > 0 && b[0] >= 1 && b[0] <= changesVersion }

// EncodeChanges gives the journal payload of changes: a version byte, then JSON.
// Catalog changes are rare; JSON keeps them readable in a dump.
func EncodeChanges(cs []Change) []byte {
	b, err := json.Marshal(cs)
	if err != nil {
		panic("catalog: " + err.Error()) // plain data always marshals
	}
	return append([]byte{changesVersion}, b...)
}

// DecodeChanges is the inverse of EncodeChanges.
func DecodeChanges(b []byte) ([]Change, error) {
	if !known(b) {
		return nil, fmt.Errorf("catalog: unknown version of a catalog change")
	}
	var cs []Change
	if err := json.Unmarshal(b[1:], &cs); err != nil {
		return nil, fmt.Errorf("catalog: damaged catalog change: %w", err)
	}
	return cs, nil
}

// Apply returns the snapshot after changes.
func (s *Snapshot) Apply(cs []Change) *Snapshot {
	next := &Snapshot{Version: s.Version + 1, NextID: s.NextID, Schemas: make(map[string]bool, len(s.Schemas))}
	for k := range s.Schemas {
		next.Schemas[k] = true
	}
	objects := make(map[uint64]*Object, len(s.byID)+1)
	for id, o := range s.byID {
		objects[id] = o
	}
	for _, c := range cs {
		switch c.Op {
		case Put:
			objects[c.Object.ID] = c.Object
			next.NextID = max(next.NextID, c.Object.ID+1)
		case Drop:
			delete(objects, c.ID)
		case PutSchema:
			next.Schemas[c.Name] = true
		case DropSchema:
			delete(next.Schemas, c.Name)
		}
	}
	list := make([]*Object, 0, len(objects))
	for _, o := range objects {
		list = append(list, o)
	}
	next.index(list)
	return next
}

// image is a snapshot's durable form, without system relations.
type image struct {
	Version, NextID uint64
	Schemas         []string
	Objects         []*Object
}

// Encode gives the durable form of s for a checkpoint.
func (s *Snapshot) Encode() []byte {
	im := image{Version: s.Version, NextID: s.NextID}
	for _, o := range s.Objects() {
		if o.ID >= FirstUserID {
			im.Objects = append(im.Objects, o)
		}
	}
	for name := range s.Schemas {
		im.Schemas = append(im.Schemas, name)
	}
	b, err := json.Marshal(im)
	if err != nil {
		panic("catalog: " + err.Error())
	}
	return append([]byte{changesVersion}, b...)
}

// Decode is the inverse of Encode; system relations are this binary's own.
func Decode(b []byte, system []*Object) (*Snapshot, error) {
	if !known(b) {
		return nil, fmt.Errorf("catalog: unknown version of the stored catalog")
	}
	var im image
	if err := json.Unmarshal(b[1:], &im); err != nil {
		return nil, fmt.Errorf("catalog: damaged catalog: %w", err)
	}
	s := &Snapshot{Version: im.Version, NextID: im.NextID, Schemas: make(map[string]bool)}
	for _, name := range im.Schemas {
		s.Schemas[name] = true
	}
	s.index(append(im.Objects, system...))
	return s, nil
}
