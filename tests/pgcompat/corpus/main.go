// Command corpus counts how much of a folder of captured SQL parses.
//
//	go run ./tests/pgcompat/corpus [-v] DIR
//
// DIR holds *.sql files of blocks that end with a line \; and may begin with
// comment lines. A block that does not parse is reported with its error, one
// that does not print and re-parse to the same tree likewise.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/parser"
)

func main() {
	verbose := flag.Bool("v", false, "print the blocks that fail")
	flag.Parse()
	files, err := filepath.Glob(filepath.Join(flag.Arg(0), "*.sql"))
	if err != nil || len(files) == 0 {
		fmt.Fprintln(os.Stderr, "usage: corpus [-v] DIR, with *.sql files in it")
		os.Exit(2)
	}
	total, parsed, failed := 0, 0, 0
	for _, f := range files {
		n, ok, bad := countFile(f, *verbose)
		fmt.Printf("%-28s %5d of %5d parse, %d do not print alike\n", filepath.Base(f), ok, n, bad)
		total, parsed, failed = total+n, parsed+ok, failed+bad
	}
	fmt.Printf("%-28s %5d of %5d parse (%.1f %%), %d do not print alike\n", "all", parsed, total, 100*float64(parsed)/float64(max(total, 1)), failed)
	if parsed < total || failed > 0 {
		os.Exit(1)
	}
}

func countFile(path string, verbose bool) (total, parsed, unalike int) {
	text, err := os.ReadFile(path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	blocks := strings.Split(string(text), "\n\\;\n")
	for _, block := range blocks[:len(blocks)-1] {
		total++
		stmts, err := parser.Parse(block)
		if err != nil {
			fmt.Printf("%s: %v\n", filepath.Base(path), err)
			if verbose {
				fmt.Println(block)
			}
			continue
		}
		parsed++
		if err := roundTrip(stmts); err != nil {
			unalike++
			fmt.Printf("%s: %v\n", filepath.Base(path), err)
		}
	}
	return total, parsed, unalike
}

// roundTrip checks that each statement prints as SQL that parses to it again.
func roundTrip(stmts []ast.Parsed) error {
	for _, s := range stmts {
		text := ast.SQL(s.Stmt)
		again, err := parser.Parse(text)
		if err != nil {
			return fmt.Errorf("%w: printed as: %s", err, text)
		}
		if len(again) != 1 || !ast.Equal(again[0].Stmt, s.Stmt) {
			return fmt.Errorf("another tree after printing as: %s", text)
		}
	}
	return nil
}
