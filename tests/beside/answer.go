package beside

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// patience is how long a statement may take before it counts as one that hangs.
const patience = 30 * time.Second

// Codes of what is no error of SQL.
const (
	Hung = "hangs"
	Gone = "connection lost"
)

// Answer is what a statement gave.
type Answer struct {
	Columns []string // name and type
	Rows    []string
	Tag     string
	Code    string // SQLSTATE, "" = no error
	Text    string // of the error
}

// Failed reports whether the answer is an error.
func (a Answer) Failed() bool { return a.Code != "" }

// Ask runs one statement, by the simple protocol. After a connection is lost or a
// statement hangs the next one has a new connection.
func (s *Side) Ask(ctx context.Context, sql string) Answer {
	return s.ask(ctx, func(ctx context.Context) Answer {
		return answerOf(s.conn.Exec(ctx, sql).ReadAll())
	})
}

// Copy runs a COPY FROM STDIN with its data.
func (s *Side) Copy(ctx context.Context, sql string, data io.Reader) Answer {
	return s.ask(ctx, func(ctx context.Context) Answer {
		tag, err := s.conn.CopyFrom(ctx, data, sql)
		return answerOf([]*pgconn.Result{{CommandTag: tag}}, err)
	})
}

// Dump runs a COPY TO STDOUT; its lines are the rows.
func (s *Side) Dump(ctx context.Context, sql string) Answer {
	return s.ask(ctx, func(ctx context.Context) Answer {
		var b strings.Builder
		tag, err := s.conn.CopyTo(ctx, &b, sql)
		a := answerOf([]*pgconn.Result{{CommandTag: tag}}, err)
		a.Rows = strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
		return a
	})
}

func (s *Side) ask(ctx context.Context, do func(ctx context.Context) Answer) Answer {
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	a := do(limited)
	if !s.conn.IsClosed() {
		return a
	}
	if a.Code == "" || a.Code == Gone {
		a.Code = Gone
		if limited.Err() != nil {
			a.Code = Hung
		}
	}
	if c, err := pgconn.Connect(ctx, s.dsn); err == nil {
		s.conn = c
	}
	return a
}

// answerOf is the last answer of a list.
func answerOf(results []*pgconn.Result, err error) Answer {
	var a Answer
	if n := len(results); n > 0 {
		last := results[n-1]
		a.Tag = last.CommandTag.String()
		for _, f := range last.FieldDescriptions {
			a.Columns = append(a.Columns, fmt.Sprintf("%s:%d/%d", f.Name, f.DataTypeOID, f.TypeModifier))
		}
		for _, row := range last.Rows {
			a.Rows = append(a.Rows, rowText(row))
		}
	}
	var e *pgconn.PgError
	switch {
	case errors.As(err, &e):
		a.Code, a.Text = e.Code, e.Message
	case err != nil:
		a.Code, a.Text = Gone, err.Error()
	}
	return a
}

func rowText(row [][]byte) string {
	cells := make([]string, len(row))
	for i, v := range row {
		cells[i] = "NULL"
		if v != nil {
			cells[i] = string(v)
		}
	}
	return strings.Join(cells, "|")
}

// Kinds of differences.
const (
	Same    = ""
	Crash   = "crash"   // XX000, a hang, a lost connection
	Refused = "refused" // PostgreSQL answers, Tarn gives an error
	Lenient = "lenient" // the other way round
	Code    = "code"    // two errors
	Row     = "rows"
	Order   = "order" // the same rows
	Column  = "columns"
	Tag     = "tag"
)

// Compare says how Tarn's answer differs from PostgreSQL's; ordered is whether the
// order of rows counts.
func Compare(tarn, postgres Answer, ordered bool) (kind, what string) {
	switch {
	case tarn.Code == Hung || tarn.Code == Gone || strings.HasPrefix(tarn.Code, "XX"):
		return Crash, tarn.Code + ": " + tarn.Text
	case tarn.Failed() && !postgres.Failed():
		return Refused, tarn.Code + ": " + tarn.Text
	case !tarn.Failed() && postgres.Failed():
		return Lenient, postgres.Code + ": " + postgres.Text
	case tarn.Code != postgres.Code:
		return Code, fmt.Sprintf("%s: %s\nPostgreSQL %s: %s", tarn.Code, tarn.Text, postgres.Code, postgres.Text)
	case tarn.Failed():
		return Same, ""
	}
	near(&tarn, postgres)
	if d := differ(tarn.Rows, postgres.Rows, false); d != "" {
		return Row, d
	}
	if d := differ(tarn.Rows, postgres.Rows, true); ordered && d != "" {
		return Order, d
	}
	if a, b := strings.Join(tarn.Columns, " "), strings.Join(postgres.Columns, " "); a != b {
		return Column, fmt.Sprintf("%s\nPostgreSQL %s", a, b)
	}
	if tarn.Tag != postgres.Tag {
		return Tag, fmt.Sprintf("%s\nPostgreSQL %s", tarn.Tag, postgres.Tag)
	}
	return Same, ""
}

// near writes Tarn's floating-point values as PostgreSQL did where they are the same
// but for the last digits: the libraries behind sin() and the like differ there.
func near(tarn *Answer, postgres Answer) {
	if len(tarn.Rows) != len(postgres.Rows) {
		return
	}
	rows := append([]string{}, tarn.Rows...)
	for i, row := range rows {
		a, b := strings.Split(row, "|"), strings.Split(postgres.Rows[i], "|")
		for j := range a {
			if len(a) != len(b) || len(a) != len(tarn.Columns) || !strings.Contains(tarn.Columns[j], ":70") || a[j] == b[j] {
				continue
			}
			x, errX := strconv.ParseFloat(a[j], 64)
			y, errY := strconv.ParseFloat(b[j], 64)
			if errX == nil && errY == nil && !math.IsInf(x, 0) && !math.IsInf(y, 0) && math.Abs(x-y) <= 1e-13*math.Abs(y) {
				a[j] = b[j]
			}
		}
		rows[i] = strings.Join(a, "|")
	}
	tarn.Rows = rows
}

// shown is how many rows of a difference are printed.
const shown = 6

func differ(tarn, postgres []string, ordered bool) string {
	a, b := append([]string{}, tarn...), append([]string{}, postgres...)
	if !ordered {
		sort.Strings(a)
		sort.Strings(b)
	}
	if strings.Join(a, "\n") == strings.Join(b, "\n") {
		return ""
	}
	var out strings.Builder
	fmt.Fprintf(&out, "%d rows, PostgreSQL %d rows", len(a), len(b))
	n := 0
	if ordered && len(a) == len(b) {
		for i := range a {
			if a[i] != b[i] && n < shown {
				n++
				fmt.Fprintf(&out, "\n%d: %s\nPostgreSQL: %s", i, a[i], b[i])
			}
		}
		return out.String()
	}
	counts := map[string]int{}
	for _, r := range a {
		counts[r]++
	}
	for _, r := range b {
		counts[r]--
	}
	for _, r := range append(a, b...) {
		if c := counts[r]; c != 0 && n < shown {
			n++
			fmt.Fprintf(&out, "\n%+d %s", c, r)
			counts[r] = 0
		}
	}
	return out.String()
}
