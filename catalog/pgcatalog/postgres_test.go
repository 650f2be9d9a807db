package pgcatalog

import (
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/tarndb/tarn/sql/types"
)

// TestColumnsArePostgres compares every column with the table of facts: name,
// order, type (or its stand-in), NOT NULL.
func TestColumnsArePostgres(t *testing.T) {
	byName := map[string]fields{}
	for line := range lines(typesText) {
		byName[line[1]] = line
	}
	objects := map[string]int{}
	for i, o := range Objects() {
		objects[o.Schema+"."+o.Name] = i
	}
	n := 0
	for line := range lines(relationsText) {
		i, ok := objects[line[0]]
		if !ok {
			t.Fatalf("%s is missing", line[0])
		}
		o := Objects()[i]
		if o.ID != uint64(line.oid(1)) || o.ID >= 16384 {
			t.Errorf("%s: ID %d", line[0], o.ID)
		}
		if len(o.Columns) != len(line)-3 {
			t.Fatalf("%s: %d columns", line[0], len(o.Columns))
		}
		for k, c := range o.Columns {
			n++
			fact, notNull := strings.CutSuffix(line[3+k], "!")
			name, typeName, _ := strings.Cut(fact, ":")
			var want uint32
			if s, ok := standIns[typeName]; ok {
				want = s.OID
			} else if ty := byName[typeName]; ty[2] == "d" {
				want = ty.oid(20)
			} else {
				want = ty.oid(0)
			}
			if c.Name != name || c.Type.OID != want || c.NotNull != notNull {
				t.Errorf("%s column %d: %v, want %s", line[0], k+1, c, line[3+k])
			}
			if types.InfoOf(c.Type.OID) == nil {
				t.Errorf("%s.%s: type %s does not exist here and has no stand-in", line[0], name, typeName)
			}
		}
	}
	if n < 1900 {
		t.Errorf("only %d columns", n)
	}
}

// TestEveryRelationAnswers reads all relations: no column may break its type.
func TestEveryRelationAnswers(t *testing.T) {
	in := input()
	for _, o := range Objects() {
		answer(t, o.Schema+"."+o.Name, in)
	}
}

// TestRowsArePostgres compares rows with what PostgreSQL 15 has for schema.sql:
// testdata/postgres/X.txt names a relation and columns of it, then has the rows,
// columns separated by |. A column marked :class holds the OID of a relation and
// is written as its name.
func TestRowsArePostgres(t *testing.T) {
	files, _ := filepath.Glob("testdata/postgres/*.txt")
	if len(files) == 0 {
		t.Fatal("no files")
	}
	in := input()
	names := map[string]string{"0": "0"}
	for _, r := range answer(t, "pg_class", in) {
		names[r["oid"]] = r["relname"]
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
			header := strings.Fields(want[0])
			want = want[1:]
			keys := map[string]bool{}
			for _, line := range want {
				key, _, _ := strings.Cut(line, "|")
				keys[key] = true
			}
			var got []string
			for _, r := range answer(t, header[0], in) {
				cells := make([]string, len(header)-1)
				for i, c := range header[1:] {
					name, how, _ := strings.Cut(c, ":")
					v, ok := r[name]
					if !ok {
						t.Fatalf("no column %s", name)
					}
					if how == "class" {
						v = names[v]
					}
					cells[i] = v
				}
				if keys[cells[0]] {
					got = append(got, strings.Join(cells, "|"))
				}
			}
			sort.Strings(got)
			sort.Strings(want)
			if len(got) != len(want) {
				t.Errorf("%d rows, PostgreSQL has %d", len(got), len(want))
			}
			for i := range min(len(got), len(want)) {
				if got[i] != want[i] {
					t.Errorf("got  %s\nwant %s\nfor  %s", got[i], want[i], strings.Join(header[1:], "|"))
				}
			}
		})
	}
}
