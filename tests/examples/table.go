package examples

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// result is what one statement gave.
type result struct {
	fields []pgconn.FieldDescription
	rows   [][]string
	tag    string
}

// print writes a result as psql does, without the blanks at the ends of lines.
func (r *result) print(b *strings.Builder) {
	if r.fields == nil {
		if r.tag != "" {
			b.WriteString(r.tag + "\n")
		}
		return
	}
	width := make([]int, len(r.fields))
	for i, f := range r.fields {
		width[i] = utf8.RuneCountInString(f.Name)
		for _, row := range r.rows {
			width[i] = max(width[i], utf8.RuneCountInString(row[i]))
		}
	}
	head, rule := make([]string, len(width)), make([]string, len(width))
	for i, f := range r.fields {
		room := width[i] - utf8.RuneCountInString(f.Name)
		head[i] = strings.Repeat(" ", room/2) + f.Name + strings.Repeat(" ", room-room/2)
		rule[i] = strings.Repeat("-", width[i]+2)
	}
	line := func(cells []string) {
		b.WriteString(strings.TrimRight(" "+strings.Join(cells, " | "), " ") + "\n")
	}
	line(head)
	b.WriteString(strings.Join(rule, "+") + "\n")
	for _, row := range r.rows {
		cells := make([]string, len(row))
		for i, c := range row {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(c))
			if isNumber(r.fields[i].DataTypeOID) {
				cells[i] = pad + c
			} else {
				cells[i] = c + pad
			}
		}
		line(cells)
	}
	if len(r.rows) == 1 {
		b.WriteString("(1 row)\n\n")
	} else {
		fmt.Fprintf(b, "(%d rows)\n\n", len(r.rows))
	}
}

// isNumber says whether psql sets a column to the right.
func isNumber(oid uint32) bool {
	switch oid {
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.Float4OID, pgtype.Float8OID, pgtype.NumericOID, pgtype.OIDOID:
		return true
	}
	return false
}

// printError writes an error or a notice as psql does, without its place.
func printError(b *strings.Builder, e *pgconn.PgError) {
	fmt.Fprintf(b, "%s:  %s\n", e.Severity, e.Message)
	for _, l := range []struct{ label, text string }{{"DETAIL", e.Detail}, {"HINT", e.Hint}, {"CONTEXT", e.Where}} {
		if l.text != "" {
			fmt.Fprintf(b, "%s:  %s\n", l.label, l.text)
		}
	}
}
