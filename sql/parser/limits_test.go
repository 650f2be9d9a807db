package parser

import (
	"strings"
	"testing"
	"time"

	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/sqlerr"
)

// TestNesting: what is too deep ends with 54001, by whatever means.
func TestNesting(t *testing.T) {
	const n = 100_000
	rep := strings.Repeat
	for name, sql := range map[string]string{
		"parentheses":   "SELECT " + rep("(", n) + "1" + rep(")", n),
		"unclosed":      "SELECT " + rep("(", n),
		"subqueries":    rep("SELECT (", n) + "SELECT 1" + rep(")", n),
		"queries":       rep("(", n) + "SELECT 1" + rep(")", n),
		"derived":       rep("SELECT * FROM (", n) + "SELECT 1" + rep(") t", n),
		"from":          "SELECT * FROM " + rep("(", n) + "t" + rep(")", n),
		"case":          "SELECT " + rep("CASE WHEN ", n) + "1",
		"not":           "SELECT " + rep("NOT ", n) + "true",
		"minus":         "SELECT " + rep("- ", n) + "a",
		"plus chain":    "SELECT 1" + rep(" + 1", n),
		"right chain":   "SELECT " + rep("1 + (", n),
		"cast chain":    "SELECT 1" + rep("::int", n),
		"subscripts":    "SELECT a" + rep("[1]", n),
		"collate":       "SELECT a" + rep(` COLLATE "C"`, n),
		"is null":       "SELECT a" + rep(" IS NULL", n),
		"unions":        "SELECT 1" + rep(" UNION ALL SELECT 1", n),
		"joins":         "SELECT * FROM t" + rep(" CROSS JOIN t", n),
		"nested joins":  "SELECT * FROM t" + rep(" JOIN t", n) + rep(" ON true", n),
		"arrays":        "SELECT ARRAY" + rep("[", n),
		"braces":        "SELECT " + rep("{1: ", n),
		"calls":         "SELECT " + rep("f(", n),
		"types":         "SELECT a::" + rep("array<", n),
		"structs":       "CREATE TYPE t AS " + rep("struct<a ", n),
		"ctes":          rep("WITH a AS (", n),
		"grouping sets": "SELECT 1 GROUP BY " + rep("ROLLUP (", n),
		"or of parens":  "SELECT " + rep("(a OR ", n) + "b" + rep(")", n),
	} {
		start := time.Now()
		_, err := Parse(sql)
		if code := sqlerr.CodeOf(err); err == nil || code != sqlerr.StatementTooComplex {
			t.Errorf("%s: %v", name, err)
		}
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("%s took %v", name, d)
		}
	}
}

// TestFlat: what is long but flat is no matter of depth, and prints.
func TestFlat(t *testing.T) {
	const n = 100_000
	rep := strings.Repeat
	for name, sql := range map[string]string{
		"or":      "SELECT 1 WHERE a = 1" + rep(" OR a = 1", n),
		"and":     "SELECT 1 WHERE a = 1" + rep(" AND a = 1", n),
		"in":      "SELECT 1 WHERE a IN (1" + rep(", 2", n) + ")",
		"values":  "INSERT INTO t VALUES (1)" + rep(", (2)", n),
		"items":   "SELECT 1" + rep(", 2", n),
		"from":    "SELECT 1 FROM t" + rep(", t", n),
		"when":    "SELECT CASE" + rep(" WHEN a THEN b", n) + " END",
		"array":   "SELECT ARRAY[1" + rep(", 2", n) + "]",
		"comment": "SELECT 1" + rep(" /* x */", n),
		"quoted":  "SELECT '" + rep("''", n) + "'",
		"string":  "SELECT 'a'" + rep("\n'b'", n),
		"lists":   "SELECT " + rep("(1), ", n) + "2",
	} {
		stmts, err := Parse(sql)
		if err != nil || len(stmts) != 1 {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := roundTrip(stmts[0].Stmt); err != nil {
			t.Errorf("%s: %.200v", name, err)
		}
	}
	many, err := Parse(rep("SELECT 1;", n))
	if err != nil || len(many) != n {
		t.Errorf("many statements: %d, %v", len(many), err)
	}
}

// TestDeepest: what the parser lets through, print and walk can take too.
func TestDeepest(t *testing.T) {
	for name, sql := range map[string]string{
		"chain":   "SELECT 1" + strings.Repeat(" + 1", ast.HeightMax-10),
		"unions":  "SELECT 1" + strings.Repeat(" UNION ALL SELECT 1", ast.HeightMax-10),
		"derived": strings.Repeat("SELECT * FROM (", ast.HeightMax/8) + "SELECT 1" + strings.Repeat(") t", ast.HeightMax/8),
		"calls":   "SELECT " + strings.Repeat("f(", ast.HeightMax/2) + "1" + strings.Repeat(")", ast.HeightMax/2),
	} {
		stmts, err := Parse(sql)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if strings.Contains(ast.SQL(stmts[0].Stmt), "…") {
			t.Errorf("%s: cut when printed", name)
			continue
		}
		nodes := 0
		ast.Walk(stmts[0].Stmt, func(ast.Node) bool { nodes++; return true })
		if nodes < ast.HeightMax/8 {
			t.Errorf("%s: walked %d nodes", name, nodes)
		}
	}
}

func TestBadText(t *testing.T) {
	for _, sql := range []string{"SELECT 'a\x00b'", "SELECT '\xff'", "\xc3("} {
		if _, err := Parse(sql); sqlerr.CodeOf(err) != sqlerr.CharacterNotInRepertoire {
			t.Errorf("%q: %v", sql, err)
		}
	}
}
