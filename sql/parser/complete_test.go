package parser

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/tarndb/tarn/sql/ast"
)

// TestGoldensCoverNodes: each kind of node stands in some golden, where it is
// printed and parsed again.
func TestGoldensCoverNodes(t *testing.T) {
	seen := map[string]bool{}
	see := func(n ast.Node) bool {
		seen[reflect.TypeOf(n).Elem().Name()] = true
		return true
	}
	files, err := filepath.Glob("testdata/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		datadriven.RunTest(t, f, func(t *testing.T, d *datadriven.TestData) string {
			for _, line := range strings.Split(d.Input, "\n") {
				if x, err := ParseExpr(line); err == nil {
					ast.Walk(x, see)
				}
				stmts, _ := Parse(line)
				for _, s := range stmts {
					ast.Walk(s.Stmt, see)
				}
			}
			return d.Expected
		})
	}
	src, err := os.ReadFile("../ast/node.go")
	if err != nil {
		t.Fatal(err)
	}
	marks := regexp.MustCompile(`func \(\*(\w+)\) (expr|statement|tableExpr|queryBody)\(\)`).FindAllStringSubmatch(string(src), -1)
	if len(marks) < 80 {
		t.Fatalf("only %d nodes found", len(marks))
	}
	for _, m := range marks {
		if !seen[m[1]] {
			t.Errorf("no golden has a %s", m[1])
		}
	}
}
