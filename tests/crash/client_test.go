package crash

import (
	"context"
	"errors"
	"sort"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// rows runs sql by the simple protocol and returns the rows of its last result,
// cells separated by tabs, sorted.
func rows(ctx context.Context, c *pgconn.PgConn, sql string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	results, err := c.Exec(ctx, sql).ReadAll()
	if err != nil {
		return nil, err
	}
	var out []string
	for _, row := range results[len(results)-1].Rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			if cells[i] = string(cell); cell == nil {
				cells[i] = `\N`
			}
		}
		out = append(out, strings.Join(cells, "\t"))
	}
	sort.Strings(out)
	return out, nil
}

// one runs a query of one cell.
func one(ctx context.Context, c *pgconn.PgConn, sql string) (string, error) {
	out, err := rows(ctx, c, sql)
	return strings.Join(out, "\n"), err
}

// do runs statements; it reports whether the last one ended as tag says, so that
// a COMMIT that was a ROLLBACK is not taken for one.
func do(ctx context.Context, c *pgconn.PgConn, sql, tag string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	results, err := c.Exec(ctx, sql).ReadAll()
	if err != nil || len(results) == 0 {
		return false, err
	}
	return strings.HasPrefix(results[len(results)-1].CommandTag.String(), tag), nil
}

// refused reports an error that the server gave before it decided for the
// transaction: nothing of it is kept.
func refused(err error) bool {
	var pe *pgconn.PgError
	return errors.As(err, &pe) && pe.Code != "57P01" && !strings.HasPrefix(pe.Code, "08")
}

func code(err error) string {
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return pe.Code
	}
	return ""
}

// differ says how two sorted lists of rows differ, "" if they do not.
func differ(got, want []string) string {
	var b strings.Builder
	n := 0
	say := func(sign, row string) {
		if n++; n <= 12 {
			b.WriteString("\n  " + sign + " " + row)
		}
	}
	for i, j := 0, 0; i < len(got) || j < len(want); {
		switch {
		case j == len(want) || i < len(got) && got[i] < want[j]:
			say("more:   ", got[i])
			i++
		case i == len(got) || got[i] > want[j]:
			say("missing:", want[j])
			j++
		default:
			i++
			j++
		}
	}
	return b.String()
}
