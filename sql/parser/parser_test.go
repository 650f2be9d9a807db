package parser

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/sqlerr"
)

// TestParse runs the goldens: each input line by line (or as a whole with
// `sql`) is parsed and printed; errors come with code, position and hint.
func TestParse(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "lines":
				var b strings.Builder
				for _, line := range strings.Split(d.Input, "\n") {
					b.WriteString(parseAndPrint(t, line))
				}
				return b.String()
			case "sql":
				return parseAndPrint(t, d.Input)
			case "expr":
				var b strings.Builder
				for _, line := range strings.Split(d.Input, "\n") {
					x, err := ParseExpr(line)
					if err != nil {
						b.WriteString(errorText(err))
						continue
					}
					checkExpr(t, x)
					fmt.Fprintln(&b, ast.SQL(x))
				}
				return b.String()
			case "spans":
				stmts, err := Parse(d.Input)
				if err != nil {
					return errorText(err)
				}
				var b strings.Builder
				for _, s := range stmts {
					fmt.Fprintf(&b, "%d-%d params=%d %q\n", s.Start, s.End, s.ParamMax, d.Input[s.Start:s.End])
				}
				return b.String()
			}
			t.Fatalf("unknown command %s", d.Cmd)
			return ""
		})
	})
}

func parseAndPrint(t *testing.T, sql string) string {
	t.Helper()
	stmts, err := Parse(sql)
	if err != nil {
		return errorText(err)
	}
	if len(stmts) == 0 {
		return "(nothing)\n"
	}
	var b strings.Builder
	for _, s := range stmts {
		if u, ok := s.Stmt.(*ast.Unsupported); ok {
			fmt.Fprintf(&b, "unsupported %s: ", u.Tag)
		}
		fmt.Fprintln(&b, ast.SQL(s.Stmt))
		if err := roundTrip(s.Stmt); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
	return b.String()
}

func errorText(err error) string {
	e := err.(*sqlerr.Error)
	s := fmt.Sprintf("%s at %d: %s\n", e.Code, e.Position, e.Message)
	if e.Hint != "" {
		s += "HINT: " + e.Hint + "\n"
	}
	return s
}

// roundTrip checks that a statement prints as SQL that parses to it again.
func roundTrip(s ast.Statement) error {
	text := ast.SQL(s)
	again, err := Parse(text)
	if err != nil {
		return fmt.Errorf("%w: printed as: %s", err, text)
	}
	if len(again) != 1 || !ast.Equal(again[0].Stmt, s) {
		return fmt.Errorf("another tree after printing as: %s\nagain: %s", text, ast.SQL(again[0].Stmt))
	}
	return nil
}

func checkExpr(t *testing.T, x ast.Expr) {
	t.Helper()
	text := ast.SQL(x)
	again, err := ParseExpr(text)
	if err != nil || !ast.Equal(again, x) {
		t.Errorf("%s: does not re-parse to the same tree: %v", text, err)
	}
}

// TestPositions: what errors are reported for knows its place.
func TestPositions(t *testing.T) {
	sql := "SELECT 1;\nSELECT a.b, f(c) FROM t JOIN u ON x = y"
	stmts, err := Parse(sql)
	if err != nil {
		t.Fatal(err)
	}
	ast.Walk(stmts[1].Stmt, func(n ast.Node) bool {
		pos := n.Position()
		if pos <= stmts[1].Start || pos > len(sql) {
			t.Errorf("%T at %d", n, pos)
		}
		if c, ok := n.(*ast.ColumnRef); ok && !strings.HasPrefix(sql[pos-1:], c.Parts[0]) {
			t.Errorf("column %v at %q", c.Parts, sql[pos-1:])
		}
		return true
	})
}

// TestEqual: a difference anywhere is seen, positions are not.
func TestEqual(t *testing.T) {
	parse := func(s string) ast.Statement {
		p, err := Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		return p[0].Stmt
	}
	a := parse("SELECT a + 1 FROM t WHERE b LIKE 'x'")
	if !ast.Equal(a, parse("select   a+1 from t where b like 'x'")) {
		t.Error("spelling must not matter")
	}
	for _, s := range []string{"SELECT a + 2 FROM t WHERE b LIKE 'x'", "SELECT a - 1 FROM t WHERE b LIKE 'x'", "SELECT a + 1 FROM t WHERE b ILIKE 'x'",
		"SELECT a + 1 FROM t", "SELECT a + 1, a FROM t WHERE b LIKE 'x'", "SELECT DISTINCT a + 1 FROM t WHERE b LIKE 'x'"} {
		if ast.Equal(a, parse(s)) {
			t.Errorf("equal to %s", s)
		}
	}
}
