package parser

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tarndb/tarn/sql/ast"
)

// seeds are the inputs of the goldens.
func seeds(f *testing.F) {
	files, _ := filepath.Glob("testdata/*")
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		for _, line := range strings.Split(string(text), "\n") {
			if line != "" && line != "----" {
				f.Add(line)
			}
		}
	}
}

// FuzzParse: no input makes the parser panic, and what parses prints as text
// that parses to the same tree.
func FuzzParse(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, sql string) {
		stmts, err := Parse(sql)
		if err != nil {
			return
		}
		end := 0
		for _, s := range stmts {
			if s.Start < end || s.End <= s.Start || s.End > len(sql) {
				t.Fatalf("%q: span %d-%d after %d", sql, s.Start, s.End, end)
			}
			end = s.End
			if err := roundTrip(s.Stmt); err != nil {
				t.Fatalf("%q: %v", sql, err)
			}
		}
	})
}

// FuzzLexer: tokens lie in order within the source and cover all but blanks
// and comments.
func FuzzLexer(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, sql string) {
		if checkText(sql) != nil {
			return
		}
		l := lexer{src: sql}
		l.run()
		at := int32(0)
		for _, tok := range l.toks {
			if tok.pos < at || tok.end < tok.pos || int(tok.end) > len(sql) {
				t.Fatalf("%q: token %+v after %d", sql, tok, at)
			}
			at = tok.end
		}
		if last := l.toks[len(l.toks)-1].kind; last != tEOF && last != tError {
			t.Fatalf("%q: ends with kind %d", sql, last)
		}
		if (l.err != nil) != (l.toks[len(l.toks)-1].kind == tError) {
			t.Fatalf("%q: error without its token", sql)
		}
	})
}

// FuzzExpr is FuzzParse for one expression: it reaches deeper into operators.
func FuzzExpr(f *testing.F) {
	for _, s := range []string{"a + b * c", "NOT a = ANY (ARRAY[1, 2])", "x::int[]", "-a ^ 2", "f(DISTINCT a ORDER BY b) FILTER (WHERE c) OVER w",
		"a IS NOT DISTINCT FROM b", "(a).b[1:2].c", "interval '1' day", "a AT TIME ZONE 'UTC' COLLATE \"C\"", "(x, y) => x + y", "{a: 1}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		x, err := ParseExpr(sql)
		if err != nil {
			return
		}
		text := ast.SQL(x)
		again, err := ParseExpr(text)
		if err != nil || !ast.Equal(again, x) {
			t.Fatalf("%q printed as %q: %v", sql, text, err)
		}
	})
}
