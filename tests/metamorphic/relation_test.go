package metamorphic

import (
	"fmt"
	"regexp"
	"strings"
)

// kind is a class of types; all columns of a kind are of one type, so that rows
// can be compared as text.
type kind int

const (
	integer   kind = iota // int8
	number                // numeric(20,4)
	str                   // text
	boolean               // bool
	timestamp             // timestamptz
	plainKinds

	// Those in which equal values may look different. No expression tells such
	// values apart, or which of them stands for a group would matter.
	float kind = iota - 1 // float8: 0 and -0
	free                  // numeric: 1 and 1.0
	span                  // interval: 1 day and 24:00:00
	json                  // jsonb: 1 and 1.0
	list                  // int8[]
	kinds
)

var typeOf = [kinds]string{"int8", "numeric(20,4)", "text", "bool", "timestamptz", "float8", "numeric", "interval", "jsonb", "int8[]"}

// numeric says whether a kind is compared with every other numeric one.
func (k kind) numeric() bool { return k == integer || k == number || k == float || k == free }

type column struct {
	name string
	kind kind
}

// relation is a base relation or a view.
type relation struct {
	name   string
	cols   []column
	stream bool
	key    []string // of a table
	sql    string   // a view's query; relations stand in it as {name}
	deps   []*relation
	depth  int
	size   float64 // about how many rows, so that joins stay small
	since  int64   // epoch of creation
	full   bool    // a stream that takes no more
}

func (r *relation) view() bool { return r.sql != "" }

// placeholder is a relation in a query; with a !, one that must be named.
var placeholder = regexp.MustCompile(`\{(!?)(\w+)\}`)

// plain is a query with relations by their names.
func plain(sql string) string { return placeholder.ReplaceAllString(sql, "$2") }

// deep is a query over base relations alone; base, if given, says how one of
// them is written.
func (w *world) deep(sql string, base func(r *relation) string) string {
	return placeholder.ReplaceAllStringFunc(sql, func(m string) string {
		r := w.find(strings.Trim(m, "{!}"))
		switch {
		case m[1] == '!':
		case r.view():
			return "(" + w.deep(r.sql, base) + ")"
		case base != nil:
			return base(r)
		}
		return r.name
	})
}

func (w *world) find(name string) *relation {
	for _, list := range [][]*relation{w.bases, w.views} {
		for _, r := range list {
			if r.name == name {
				return r
			}
		}
	}
	w.fatal("no relation %q", name)
	return nil
}

func (w *world) name(prefix string) string {
	w.serial++
	return fmt.Sprintf("%s%d", prefix, w.serial)
}

// createBases makes two to four tables and streams.
func (w *world) createBases() {
	w.createBase(false, true)
	w.createBase(true, false)
	for range w.rng.Intn(3) {
		w.createBase(w.rng.Intn(3) == 0, w.rng.Intn(2) == 0)
	}
}

func (w *world) createBase(stream, keyed bool) {
	r := &relation{stream: stream, size: 25}
	r.cols = []column{{"a", integer}, {"b", str}}
	for i := range 1 + w.rng.Intn(3) {
		r.cols = append(r.cols, column{fmt.Sprintf("c%d", i), kind(w.rng.Intn(int(kinds)))})
	}
	var defs []string
	for _, c := range r.cols {
		defs = append(defs, c.name+" "+typeOf[c.kind])
	}
	what, with := "TABLE", ""
	switch {
	case stream:
		what, r.name = "STREAM", w.name("s")
		if w.rng.Intn(3) > 0 {
			r.cols = append(r.cols, column{"at", timestamp})
			defs = append(defs, "at timestamptz", "WATERMARK FOR at AS at - INTERVAL '3 minutes'")
		}
		with = " WITH (retention = 'forever')"
	case keyed:
		r.name, r.key = w.name("k"), []string{"a"}
		if w.rng.Intn(3) == 0 {
			r.key = []string{"b", "a"}
		}
		defs = append(defs, "PRIMARY KEY ("+strings.Join(r.key, ", ")+")")
	default:
		r.name = w.name("t")
	}
	if !stream && (w.remembers || w.rng.Intn(2) == 0) {
		with = " WITH (retain_history = 'forever')"
	}
	w.must(fmt.Sprintf("CREATE %s %s (%s)%s", what, r.name, strings.Join(defs, ", "), with))
	w.bases = append(w.bases, r)
	for range 3 {
		sql := w.insert(r, 5)
		_, err := w.say(sql)
		w.refused(sql, err)
	}
}

// relations are all that a query may read.
func (w *world) relations(depthMax int) []*relation {
	out := append([]*relation(nil), w.bases...)
	for _, v := range w.views {
		if v.depth <= depthMax {
			out = append(out, v)
		}
	}
	return out
}

// createView makes a random view over what is there; nil if the server says that
// it does not support it.
func (w *world) createView(depthMax int, with string) *relation {
	q := w.query(depthMax - 1)
	v := &relation{name: w.name("v"), cols: q.cols, sql: q.sql, deps: q.reads, depth: 1, size: q.size}
	for _, d := range q.reads {
		v.depth = max(v.depth, d.depth+1)
	}
	if _, err := w.say(fmt.Sprintf("CREATE MATERIALIZED VIEW %s%s AS %s", v.name, with, plain(q.sql))); err != nil {
		if codeOf(err) != "0A000" {
			w.fatal("%s\n%v", plain(q.sql), err)
		}
		w.notYet[err.Error()]++
		return nil
	}
	w.views = append(w.views, v)
	v.since = w.epoch()
	return v
}

// dropView drops a view and all above it.
func (w *world) dropView(v *relation) {
	w.must("DROP MATERIALIZED VIEW " + v.name + " CASCADE")
	gone := map[*relation]bool{v: true}
	var stay []*relation
	for _, x := range w.views {
		for _, d := range x.deps {
			gone[x] = gone[x] || gone[d]
		}
		if !gone[x] {
			stay = append(stay, x)
		}
	}
	w.views = stay
}
