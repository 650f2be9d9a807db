// Package tests holds what looks at the whole house: its structure, its SQL
// behaviour, its crashes, its clients.
package tests

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/tarndb/tarn"

// rooms lists every package by floor, lowest first; within a floor from left to
// right. A package imports only from floors below its own or, within its floor,
// from rooms to its left. The planner and exec wings do not see each other.
var rooms = [][]string{
	{"sql/sqlerr", "sql/types", "sql/vec"},
	{"sql/ast", "sql/parser", "sql/funcs", "sql/expr", "sql/copytext",
		"storage/rowenc", "storage/journal", "storage/segment", "storage/topic", "storage/topic/topictest", "storage/topic/embedded", "storage/topic/kafka", "storage/state",
		"pgwire"},
	{"planner/plan", "catalog"},
	{"planner/rewrite", "planner/bind", "planner/physical", "planner",
		"exec/zset", "exec/arrange", "exec/operator", "exec/circuit", "exec/format/mysqlddl", "exec/format", "exec", "exec/connector"},
	{"catalog/pgcatalog", "server", "demo"},
	{"."},
}

// walls are what a room must not import although the floors would allow it.
var walls = []struct{ room, not, why string }{
	{"pgwire", "sql/ast", "the wire knows only values, errors and columns"},
	{"pgwire", "sql/parser", "the wire knows only values, errors and columns"},
	{"pgwire", "sql/funcs", "the wire knows only values, errors and columns"},
	{"pgwire", "sql/expr", "the wire knows only values, errors and columns"},
	{"pgwire", "storage", "the wire knows only values, errors and columns"},
	{"exec", "sql/ast", "exec never sees syntax"},
	{"exec", "sql/parser", "exec never sees syntax"},
	{"exec", "catalog", "exec never sees the catalog"},
	{"planner", "storage", "the planner never sees storage"},
	{"planner", "exec", "the two wings do not see each other"},
	{"storage", "sql/ast", "storage knows rows and bytes"},
	{"storage", "sql/parser", "storage knows rows and bytes"},
	{"storage", "sql/funcs", "storage knows rows and bytes"},
	{"storage", "sql/expr", "storage knows rows and bytes"},
	{"sql", "storage", "the language does not know how it is stored"},
}

// planInExec: exec sees planner/plan and nothing else of the planner.
const planInExec = "planner/plan"

func within(room, parent string) bool { return room == parent || strings.HasPrefix(room, parent+"/") }

func TestFloorsAndWalls(t *testing.T) {
	type place struct{ floor, pos int }
	at := map[string]place{}
	for f, names := range rooms {
		for p, name := range names {
			at[name] = place{f, p}
		}
	}
	fset := token.NewFileSet()
	seen := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel("..", path)
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if rel == "tests" || rel == "docs" || rel == ".git" || d.Name() == "testdata" {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") || strings.HasSuffix(rel, "_test.go") {
			return nil
		}
		room := filepath.ToSlash(filepath.Dir(rel))
		me, ok := at[room]
		if !ok {
			t.Errorf("%s: package %q has no place in the house; give it one in rooms", rel, room)
			return nil
		}
		seen++
		file, err := parser.ParseFile(fset, path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, im := range file.Imports {
			name, _ := strconv.Unquote(im.Path.Value)
			if !strings.HasPrefix(name, module+"/") {
				continue
			}
			other := strings.TrimPrefix(name, module+"/")
			you, ok := at[other]
			switch {
			case !ok:
				t.Errorf("%s imports %q, which has no place in the house", rel, other)
			case you.floor > me.floor || you.floor == me.floor && you.pos >= me.pos:
				t.Errorf("%s: %q may not import %q: it is above or to the right", rel, room, other)
			}
			for _, w := range walls {
				if within(room, w.room) && within(other, w.not) {
					t.Errorf("%s: %q may not import %q: %s", rel, room, other, w.why)
				}
			}
			if within(room, "exec") && within(other, "planner") && other != planInExec {
				t.Errorf("%s: %q may not import %q: exec sees only %s", rel, room, other, planInExec)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 50 {
		t.Fatalf("only %d files seen: the walk is broken", seen)
	}
}

// TestFileSize asks the question of style: at 800 lines, what is the second noun?
func TestFileSize(t *testing.T) {
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		if n := countLines(t, path); n > 900 {
			t.Errorf("%s has %d lines: what is the second noun?", path, n)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
