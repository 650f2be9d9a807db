package slt

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Target is a database that records run on.
type Target struct {
	Conn *pgconn.PgConn
	// PG: the target is PostgreSQL; notpg records are left out.
	PG bool
	// Views: each query is created as a materialized view as soon as its
	// relations exist, and read from it where it stands in the file.
	Views bool
	// Between, if set, runs between records (a restart gives a new connection).
	Between func(ctx context.Context, i int) (*pgconn.PgConn, error)
}

// Result counts what ran.
type Result struct {
	Queries, Statements int
	Viewed              int // queries answered by a view
	Failures            []string
}

// Run runs records; it goes on after a failure.
func (t *Target) Run(ctx context.Context, path string, records []Record) (Result, error) {
	var res Result
	viewed := make([]string, len(records))
	inBlock, ends := false, false // a restart would end the block
	for i := range records {
		r := &records[i]
		if t.PG && r.NotPG {
			continue
		}
		switch word := strings.ToUpper(strings.Fields(r.SQL)[0]); word {
		case "BEGIN", "START":
			inBlock = true
		case "COMMIT", "ROLLBACK", "END":
			ends = true
		}
		if t.Between != nil && i > 0 && !inBlock {
			conn, err := t.Between(ctx, i)
			if err != nil {
				return res, fmt.Errorf("%s:%d: %w", path, r.Line, err)
			}
			t.Conn = conn
		}
		if ends {
			inBlock, ends = false, false
		}
		fail := func(format string, args ...any) {
			res.Failures = append(res.Failures, fmt.Sprintf("%s:%d: %s\n    %s", path, r.Line, strings.ReplaceAll(r.SQL, "\n", "\n    "), fmt.Sprintf(format, args...)))
		}
		sql := r.SQL
		if r.Query {
			res.Queries++
			if viewed[i] != "" {
				sql = "SELECT * FROM " + viewed[i]
				res.Viewed++
			}
		} else {
			res.Statements++
		}
		rows, err := t.exec(ctx, sql)
		switch code := codeOf(err); {
		case err != nil && code == "":
			return res, fmt.Errorf("%s:%d: %w", path, r.Line, err)
		case r.Code != "" && err == nil:
			fail("succeeded, wanted error %s", r.Code)
		case r.Code != code:
			fail("error %s: %v, wanted %q", code, err, r.Code)
		case r.Query && r.Code == "":
			want := append([]string(nil), r.Rows...)
			if !r.Sorted || viewed[i] != "" {
				sort.Strings(want)
				sort.Strings(rows)
			}
			if strings.Join(want, "\n") != strings.Join(rows, "\n") {
				fail("wanted\n      %s\n    got\n      %s", strings.Join(want, "\n      "), strings.Join(rows, "\n      "))
			}
		}
		if t.Views && !r.Query && err == nil && strings.HasPrefix(strings.ToUpper(r.SQL), "CREATE") {
			t.createViews(ctx, records, i, viewed)
		}
	}
	return res, nil
}

// createViews tries to create a view for each query after record i that has none.
// A query that names a relation which is not there yet is tried again later.
func (t *Target) createViews(ctx context.Context, records []Record, i int, viewed []string) {
	for j := i + 1; j < len(records); j++ {
		q := &records[j]
		if !q.Query || q.NoView || q.Code != "" || viewed[j] != "" || !isSelect(q.SQL) {
			continue
		}
		desc, err := t.Conn.Prepare(ctx, "", q.SQL, nil)
		if err != nil {
			continue
		}
		cols := make([]string, len(desc.Fields)) // names of its own: a query may repeat one
		for c := range cols {
			cols[c] = fmt.Sprintf("c%d", c+1)
		}
		name := fmt.Sprintf("slt_view_%d", q.Line)
		create := fmt.Sprintf("CREATE MATERIALIZED VIEW %s (%s) AS %s", name, strings.Join(cols, ", "), q.SQL)
		if _, err := t.exec(ctx, create); err == nil {
			viewed[j] = name
		}
	}
}

func isSelect(sql string) bool {
	up := strings.ToUpper(strings.TrimLeft(sql, "( \n"))
	return strings.HasPrefix(up, "SELECT") || strings.HasPrefix(up, "WITH") || strings.HasPrefix(up, "VALUES")
}

func codeOf(err error) string {
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return pe.Code
	}
	return ""
}

// exec runs sql by the simple protocol and returns its rows as lines.
func (t *Target) exec(ctx context.Context, sql string) ([]string, error) {
	results, err := t.Conn.Exec(ctx, sql).ReadAll()
	if err != nil {
		return nil, err
	}
	var out []string
	for _, rs := range results {
		for _, row := range rs.Rows {
			cells := make([]string, len(row))
			for i, c := range row {
				switch {
				case c == nil:
					cells[i] = "NULL"
				case len(c) == 0:
					cells[i] = "(empty)"
				default:
					cells[i] = strings.ReplaceAll(string(c), "\n", "\\n")
				}
			}
			out = append(out, strings.Join(cells, "|"))
		}
	}
	return out, nil
}

// Fill runs records and puts the rows that come into them.
func (t *Target) Fill(ctx context.Context, records []Record) error {
	for i := range records {
		r := &records[i]
		if t.PG && r.NotPG {
			continue
		}
		rows, err := t.exec(ctx, r.SQL)
		if r.Query && r.Code == "" {
			if err != nil {
				return fmt.Errorf("line %d: %w", r.Line, err)
			}
			if !r.Sorted {
				sort.Strings(rows)
			}
			r.Rows = rows
		}
	}
	return nil
}
