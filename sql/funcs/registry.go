package funcs

import (
	"sort"
	"strings"
	"sync"

	"github.com/tarndb/tarn/sql/types"
)

// Polymorphic argument types beside anyelement and anyarray: all arguments of
// the anycompatible family are brought to one common type.
const (
	oidAnyNonArray        = 2776
	oidAnyCompatible      = 5077
	oidAnyCompatibleArray = 5078
)

var (
	anyT           = types.Type{OID: types.OIDAny, Mod: -1}
	anyElement     = types.Type{OID: types.OIDAnyElement, Mod: -1}
	anyArray       = types.Type{OID: types.OIDAnyArray, Mod: -1}
	anyNonArray    = types.Type{OID: oidAnyNonArray, Mod: -1}
	anyCompat      = types.Type{OID: oidAnyCompatible, Mod: -1}
	anyCompatArray = types.Type{OID: oidAnyCompatibleArray, Mod: -1}
	recordT        = types.Type{OID: types.OIDRecord, Mod: -1}
	textArray      = types.Type{OID: types.OIDTextArray, Mod: -1}
	bpcharT        = types.Type{OID: types.OIDBpchar, Mod: -1}
	regtypeT       = types.Type{OID: types.OIDRegtype, Mod: -1}
	nameArray      = types.Type{OID: types.OIDNameArray, Mod: -1}
)

var aggTables = []func() []Agg{
	countAggs, sumAggs, avgAggs, minMaxAggs, boolAggs, statsAggs, pairAggs, collectAggs, withinAggs,
}

// registry is the index over all rows; immutable once built.
type registry struct {
	scalars map[string][]*Overload
	aggs    map[string][]*Agg
	names   []string // scalar names, sorted
}

var theRegistry = sync.OnceValue(func() *registry {
	r := &registry{scalars: map[string][]*Overload{}, aggs: map[string][]*Agg{}}
	for _, f := range families {
		for _, t := range f.rows {
			rows := t()
			for i := range rows {
				o := &rows[i]
				r.scalars[o.Name] = append(r.scalars[o.Name], o)
			}
		}
	}
	for _, t := range aggTables {
		rows := t()
		for i := range rows {
			a := &rows[i]
			r.aggs[a.Name] = append(r.aggs[a.Name], a)
		}
	}
	for n := range r.scalars {
		r.names = append(r.names, n)
	}
	sort.Strings(r.names)
	return r
})

// Overloads returns the rows with that name (an operator's is its symbol), in
// table order; do not change the slice.
func Overloads(name string) []*Overload { return theRegistry().scalars[name] }

// Aggregates returns the aggregate rows with that name.
func Aggregates(name string) []*Agg { return theRegistry().aggs[name] }

// IsAggregate reports whether name is an aggregate function.
func IsAggregate(name string) bool { return len(theRegistry().aggs[name]) > 0 }

// Names returns the names of all scalar functions and operators, sorted.
func Names() []string { return theRegistry().names }

// isOperator reports whether name is an operator's symbol.
func isOperator(name string) bool { return strings.IndexAny(name[:1], "+-*/<>=~!@#%^&|?`") == 0 }

// AllAggregates returns every aggregate row, by name.
func AllAggregates() []*Agg {
	r := theRegistry()
	names := make([]string, 0, len(r.aggs))
	for n := range r.aggs {
		names = append(names, n)
	}
	sort.Strings(names)
	var out []*Agg
	for _, n := range names {
		out = append(out, r.aggs[n]...)
	}
	return out
}
