package pgcatalog

import (
	_ "embed"
	"sort"
	"strings"
	"sync"

	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/types"
)

var (
	//go:embed facts/functions.txt
	functionsText string
	//go:embed facts/iofunctions.txt
	ioFunctionsText string
)

// function is one row of pg_proc.
type function struct {
	oid, ret, variadic uint32
	name, doc          string
	args               []uint32
	kind, volatility   byte // prokind, provolatile
	strict, set        bool
}

// functions are the rows of pg_proc: what can be called, and what types name as
// their I/O functions.
type functions struct {
	list   []function
	byOID  map[uint32]*function
	byName map[string][]*function
	// known has the names of all of PostgreSQL's functions, also of those that do
	// not exist here but stand behind an operator or a cast.
	known map[uint32]string
}

var theFunctions = sync.OnceValue(func() *functions {
	f := &functions{byOID: map[uint32]*function{}, byName: map[string][]*function{}, known: map[uint32]string{}}
	facts := map[string]uint32{} // signature → OID
	for line := range lines(functionsText) {
		for _, overload := range line[1:] {
			id, args, _ := strings.Cut(overload, ":")
			n := fields{id}.oid(0)
			facts[line[0]+"("+args+")"] = n
			f.known[n] = line[0]
		}
	}
	f.list = append(callables(), ioFunctions(f.known)...)
	f.number(facts)
	sort.Slice(f.list, func(i, j int) bool { return f.list[i].oid < f.list[j].oid })
	for i := range f.list {
		p := &f.list[i]
		f.byOID[p.oid] = p
		f.byName[p.name] = append(f.byName[p.name], p)
	}
	return f
})

// number gives PostgreSQL's OIDs to the functions that it has too, and the others
// OIDs that their signatures decide.
func (f *functions) number(facts map[string]uint32) {
	own := map[string]bool{}
	for i := range f.list {
		if p := &f.list[i]; p.oid == 0 {
			if p.oid = facts[p.signature()]; p.oid == 0 {
				own[p.signature()] = true
			}
		}
	}
	ids := namedOIDs(own, nil)
	for i := range f.list {
		if p := &f.list[i]; p.oid == 0 {
			p.oid = ids[p.signature()]
		}
	}
}

// signature is the name with the OIDs of the arguments, name(23,25).
func (p *function) signature() string {
	parts := make([]string, len(p.args))
	for i, a := range p.args {
		parts[i] = string(types.AppendText(nil, oid(a), types.Oid, nil))
	}
	return p.name + "(" + strings.Join(parts, ",") + ")"
}

// arguments is what pg_get_function_arguments shows.
func (p *function) arguments() string {
	parts := make([]string, len(p.args))
	for i, a := range p.args {
		parts[i] = types.FormatType(a, -1, false)
		if p.variadic != 0 && i == len(p.args)-1 {
			parts[i] = "VARIADIC " + parts[i]
		}
	}
	return strings.Join(parts, ", ")
}

func (p *function) result() string {
	if p.set {
		return "SETOF " + types.FormatType(p.ret, -1, false)
	}
	return types.FormatType(p.ret, -1, false)
}

// callables are the functions and aggregates of sql/funcs, one row a signature.
func callables() []function {
	var out []function
	seen := map[string]bool{}
	add := func(p function) {
		if s := p.signature(); !seen[s] {
			seen[s] = true
			out = append(out, p)
		}
	}
	for _, name := range funcs.Names() {
		if !isWord(name[0]) {
			continue // an operator
		}
		for _, o := range funcs.Overloads(name) {
			p := function{name: name, doc: o.Doc, args: oidsOf(o.Args), ret: resultOID(o.Ret), kind: 'f', volatility: "isv"[o.Volatility], strict: !o.NotStrict}
			if o.Variadic {
				p.variadic = p.args[len(p.args)-1]
			}
			add(p)
		}
	}
	for _, a := range funcs.AllAggregates() {
		add(function{name: a.Name, doc: a.Doc, args: oidsOf(a.Args), ret: resultOID(a.Ret), kind: 'a', volatility: 'i'})
	}
	for _, f := range funcs.TableFuncs() {
		p := function{name: f.Name, doc: f.Doc, args: oidsOf(f.Args), ret: types.OIDRecord, kind: 'f', volatility: 'i', strict: true, set: true}
		if len(f.Ret) == 1 {
			p.ret = resultOID(f.Ret[0])
		}
		add(p)
	}
	return out
}

func oidsOf(ts []types.Type) []uint32 {
	out := make([]uint32, len(ts))
	for i, t := range ts {
		out[i] = t.OID
	}
	return out
}

// resultOID is prorettype; a result that the arguments decide is anyelement.
func resultOID(t types.Type) uint32 {
	if t.OID == 0 {
		return types.OIDAnyElement
	}
	return t.OID
}

// ioFunctions are those that types which exist here name in pg_type.
func ioFunctions(known map[uint32]string) []function {
	used := map[uint32]bool{}
	for i := range types.All {
		if t := theFacts().types[types.All[i].OID]; t != nil {
			for _, id := range []uint32{t.input, t.output, t.receive, t.send, t.modIn, t.modOut, t.analyze, t.subscript} {
				used[id] = true
			}
		}
	}
	var out []function
	for line := range lines(ioFunctionsText) {
		known[line.oid(0)] = line[1]
		if !used[line.oid(0)] {
			continue
		}
		p := function{oid: line.oid(0), name: line[1], ret: line.oid(3), kind: 'f', volatility: line[4][0], strict: true}
		if line[2] != "-" {
			for _, a := range strings.Split(line[2], ",") {
				p.args = append(p.args, fields{a}.oid(0))
			}
		}
		out = append(out, p)
	}
	return out
}

func procRows(_ *state, w *writer) {
	w.columns("oid", "proname", "pronamespace", "proowner", "prolang", "procost", "prorows", "provariadic", "prokind", "proisstrict", "proretset",
		"provolatile", "proparallel", "pronargs", "prorettype", "proargtypes", "proallargtypes", "proargmodes", "prosrc")
	for i := range theFunctions().list {
		p := &theFunctions().list[i]
		rows, all, modes := 0.0, null, null
		if p.set {
			rows = 1000
		}
		if p.variadic != 0 {
			all = array(types.Oid, p.args, oid)
			kinds := make([]byte, len(p.args))
			for k := range kinds {
				kinds[k] = 'i'
			}
			kinds[len(kinds)-1] = 'v'
			modes = array(types.Char, kinds, char)
		}
		w.row(oid(p.oid), str(p.name), oid(schemaPgCatalog), oid(roleBootstrap), oid(languageInternal), types.Float(1), types.Float(rows),
			oid(p.variadic), char(p.kind), yes(p.strict), yes(p.set), char(p.volatility), char('s'), num(len(p.args)), oid(p.ret),
			vector(types.Oid, p.args, oid), all, modes, str(p.name))
	}
}

func aggregateRows(_ *state, w *writer) {
	w.columns("aggfnoid", "aggkind", "aggfinalmodify", "aggmfinalmodify")
	for i := range theFunctions().list {
		if p := &theFunctions().list[i]; p.kind == 'a' {
			w.row(oid(p.oid), char('n'), char('r'), char('r'))
		}
	}
}
