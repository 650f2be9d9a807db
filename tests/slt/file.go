// Package slt runs files of SQL with the rows they must give, in several modes:
// the same rows one-shot, as a standing view, across restarts, with more
// workers, and short of memory; and on PostgreSQL, where the SQL is PostgreSQL's.
//
// A file is a list of records, divided by blank lines:
//
//	statement ok
//	INSERT INTO t VALUES (1)
//
//	statement error 23505
//	INSERT INTO t VALUES (1)
//
//	query
//	SELECT a, b FROM t ORDER BY a
//	----
//	1|x
//	2|NULL
//
// Values are PostgreSQL's text, joined by |, NULL as NULL and the empty string
// as (empty). A query without ORDER BY is compared with its rows sorted. Words
// before the first line of a record say where it does not apply:
//
//	notpg    not replayed on PostgreSQL (the SQL or the answer is Tarn's own)
//	noview   not run as a view (it cannot be maintained, and the file says why)
package slt

import (
	"fmt"
	"os"
	"strings"
)

// Record is one statement or query.
type Record struct {
	Line   int
	NotPG  bool
	NoView bool
	Query  bool
	Code   string // the SQLSTATE that must come, "" = success
	SQL    string
	Rows   []string
	Sorted bool // the order of Rows is part of the answer
}

// Parse reads a file.
func Parse(path string) ([]Record, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	lines := strings.Split(string(text), "\n")
	var out []Record
	for i := 0; i < len(lines); {
		line := strings.TrimSpace(lines[i])
		if line == "" || strings.HasPrefix(line, "#") {
			i++
			continue
		}
		r := Record{Line: i + 1}
		words := strings.Fields(line)
		for len(words) > 0 && (words[0] == "notpg" || words[0] == "noview") {
			r.NotPG = r.NotPG || words[0] == "notpg"
			r.NoView = r.NoView || words[0] == "noview"
			words = words[1:]
		}
		switch {
		case len(words) == 2 && words[0] == "statement" && words[1] == "ok":
		case len(words) == 3 && words[0] == "statement" && words[1] == "error":
			r.Code = words[2]
		case len(words) == 1 && words[0] == "query":
			r.Query = true
		case len(words) == 3 && words[0] == "query" && words[1] == "error":
			r.Query, r.Code = true, words[2]
		default:
			return nil, fmt.Errorf("%s:%d: unknown record %q", path, i+1, line)
		}
		i++
		var sql []string
		for i < len(lines) && lines[i] != "" && lines[i] != "----" {
			sql = append(sql, lines[i])
			i++
		}
		r.SQL = strings.TrimSuffix(strings.TrimSpace(strings.Join(sql, "\n")), ";")
		if r.SQL == "" {
			return nil, fmt.Errorf("%s:%d: a record without SQL", path, r.Line)
		}
		if i < len(lines) && lines[i] == "----" {
			i++
			for i < len(lines) && lines[i] != "" {
				r.Rows = append(r.Rows, lines[i])
				i++
			}
		}
		r.Sorted = topLevelOrderBy(r.SQL)
		out = append(out, r)
	}
	return out, nil
}

// topLevelOrderBy reports an ORDER BY outside of parentheses.
func topLevelOrderBy(sql string) bool {
	depth := 0
	up := strings.ToUpper(sql)
	for i := 0; i < len(up); i++ {
		switch up[i] {
		case '(':
			depth++
		case ')':
			depth--
		case '\'':
			for i++; i < len(up) && up[i] != '\''; i++ {
			}
		case 'O':
			if depth == 0 && strings.HasPrefix(up[i:], "ORDER") {
				rest := strings.TrimLeft(up[i+5:], " \n\t")
				if strings.HasPrefix(rest, "BY") {
					return true
				}
			}
		}
	}
	return false
}

// Write writes records back with the given rows (for -rewrite), keeping the
// comments and blank lines of the file.
func Write(path string, records []Record) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	lines := strings.Split(string(text), "\n")
	var out []string
	at := 0
	for _, r := range records {
		if !r.Query || r.Code != "" {
			continue
		}
		for at < r.Line { // up to and with the head line
			out = append(out, lines[at])
			at++
		}
		for at < len(lines) && lines[at] != "" && lines[at] != "----" {
			out = append(out, lines[at])
			at++
		}
		out = append(out, "----")
		out = append(out, r.Rows...)
		for at < len(lines) && lines[at] != "" {
			at++
		}
	}
	out = append(out, lines[at:]...)
	return os.WriteFile(path, []byte(strings.Join(out, "\n")), 0o644)
}
