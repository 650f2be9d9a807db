package pgcatalog

import (
	"hash/fnv"
	"sort"
)

// OIDs that PostgreSQL fixes.
const (
	classPgClass      = 1259
	classPgProc       = 1255
	classPgAttrdef    = 2604
	classPgConstraint = 2606
	classPgRewrite    = 2618
	classPgNamespace  = 2615

	schemaPgCatalog = 11
	schemaPublic    = 2200
	schemaInfo      = 13207
	schemaSys       = 13999

	roleBootstrap = 10
	databaseOID   = 5 // what initdb gives the first database

	collationDefault = 100
	collationC       = 950
	collationPosix   = 951

	amHeap  = 2
	amBtree = 403

	tablespaceDefault = 1663
	tablespaceGlobal  = 1664

	languageInternal = 12
	encodingUTF8     = 6
)

// BootstrapRole is the role that owns the system relations.
const BootstrapRole = "tarn"

// Things that depend on one relation have OIDs made from its ID, so that they are
// the same in every snapshot and need no place in the catalog. An OID is unique
// within its catalog, as in PostgreSQL; IDs stay far below these ranges.
const (
	derivedBase = 1 << 30
	namedBase   = 1 << 29 // schemas and roles: a hash of the name
)

// indexOID is the OID in pg_class of a relation's unique index.
func indexOID(relation uint32) uint32 { return derivedBase + relation }

// rewriteOID is the OID in pg_rewrite of a view's rule.
func rewriteOID(relation uint32) uint32 { return derivedBase + relation }

// constraintOID is the OID in pg_constraint: n = 0 is the primary key, then come
// the checks, in order.
func constraintOID(relation uint32, n int) uint32 { return derivedBase + uint32(n)<<23 + relation }

// attrdefOID is the OID in pg_attrdef of a column's default.
func attrdefOID(relation uint32, attnum int) uint32 {
	return derivedBase + uint32(attnum)<<19 + relation
}

// namedOIDs gives each name an OID that depends on the name, not on what else
// there is, but for the rare collision, which the next free number settles.
func namedOIDs(names map[string]bool, fixed map[string]uint32) map[string]uint32 {
	sorted := make([]string, 0, len(names))
	for name := range names {
		sorted = append(sorted, name)
	}
	sort.Strings(sorted)
	out := make(map[string]uint32, len(sorted)+len(fixed))
	taken := make(map[uint32]bool, len(sorted))
	for name, id := range fixed {
		out[name] = id
	}
	for _, name := range sorted {
		if _, ok := out[name]; ok {
			continue
		}
		h := fnv.New32a()
		h.Write([]byte(name))
		id := h.Sum32() % namedBase
		for taken[id] {
			id = (id + 1) % namedBase
		}
		taken[id] = true
		out[name] = namedBase + id
	}
	return out
}
