package copytext

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// The expectations in testdata are what a PostgreSQL 15 answered. To record
// them anew: COPYTEXT_POSTGRES="host=… user=…" go test ./sql/copytext -run Postgres -rewrite
//
// A case has the columns, the options (or -), and the data as Go strings. "from"
// gives the rows, "to" reads the rows in the default format and writes them with
// the options.
type copyCase struct {
	columns, options string
	data             []byte
}

func parseCase(t testing.TB, input string) copyCase {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(input), "\n")
	c := copyCase{columns: lines[0], options: lines[1]}
	if c.options == "-" {
		c.options = ""
	}
	for _, l := range lines[2:] {
		s, err := strconv.Unquote(l)
		if err != nil {
			t.Fatalf("%s: %v", l, err)
		}
		c.data = append(c.data, s...)
	}
	return c
}

func (c copyCase) cols(t testing.TB) (cols []Column) {
	t.Helper()
	for _, def := range strings.Split(c.columns, ", ") {
		if def == "" {
			continue
		}
		def, notNull := strings.CutSuffix(def, " not null")
		at := strings.LastIndexByte(def, ' ')
		name, typ := def[:at], def[at+1:]
		base, mods := typ, []int(nil)
		if i := strings.IndexByte(typ, '('); i >= 0 {
			for _, m := range strings.Split(strings.TrimSuffix(typ[i+1:], ")"), ",") {
				n, _ := strconv.Atoi(m)
				mods = append(mods, n)
			}
			base = typ[:i]
		}
		ty, ok := types.Lookup(base)
		if !ok {
			t.Fatalf("type %q", base)
		}
		ty, err := types.WithMods(ty, mods)
		if err != nil {
			t.Fatal(err)
		}
		cols = append(cols, Column{strings.Trim(name, `"`), ty, notNull})
	}
	return cols
}

func (c copyCase) opts(cols []Column) (Options, error) {
	o := Defaults(strings.Contains(c.options, "format csv"))
	hasEscape := false
	var err error
	for _, opt := range strings.Split(c.options, ", ") {
		key, value, _ := strings.Cut(opt, " ")
		str := value
		if s, ok := strings.CutPrefix(value, "e'"); ok {
			str, _ = strconv.Unquote(`"` + strings.TrimSuffix(s, "'") + `"`)
		} else {
			str = strings.Trim(value, "'")
		}
		one := func(p *byte) {
			b, e := OneByte(key, str)
			if err == nil {
				*p, err = b, e
			}
		}
		var list []int
		for i, col := range cols {
			if value == "*" || strings.Contains(value, "("+col.Name+")") {
				list = append(list, i)
			}
		}
		switch key {
		case "delimiter":
			one(&o.Delimiter)
		case "null":
			o.Null = str
		case "quote":
			one(&o.Quote)
		case "escape":
			one(&o.Escape)
			hasEscape = true
		case "header":
			o.Header = HeaderOn
			if value == "match" {
				o.Header = HeaderMatch
			}
		case "force_quote":
			o.ForceQuote = list
		case "force_not_null":
			o.ForceNotNull = list
		case "force_null":
			o.ForceNull = list
		}
	}
	if o.CSV && !hasEscape {
		o.Escape = o.Quote
	}
	return o, err
}

func TestPostgres(t *testing.T) {
	dsn := os.Getenv("COPYTEXT_POSTGRES")
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		if strings.Contains(path, "fuzz") {
			return
		}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			c := parseCase(t, d.Input)
			if dsn != "" {
				return askPostgres(t, dsn, c, d.Cmd == "to")
			}
			return ask(t, c, d.Cmd == "to")
		})
	})
}

// ask gives our answer, whole and in all ways of cutting the data in two, and
// byte by byte.
func ask(t testing.TB, c copyCase, to bool) string {
	t.Helper()
	cols := c.cols(t)
	o, err := c.opts(cols)
	if err == nil {
		err = o.Validate(!to)
	}
	if err != nil {
		return showError(err)
	}
	if to {
		batches, _, err := decodeAll(Defaults(false), cols, c.data)
		if err != nil {
			t.Fatal(err)
		}
		return quoteLines(encodeAll(o, cols, batches))
	}
	show := func(chunks ...[]byte) string {
		batches, n, err := decodeAll(o, cols, chunks...)
		if err != nil {
			return showError(err)
		}
		return showRows(batches) + fmt.Sprintf("COPY %d\n", n)
	}
	whole := show(c.data)
	for i := range c.data {
		if got := show(c.data[:i], c.data[i:]); got != whole {
			t.Fatalf("%q cut at %d:\n%s\nwhole:\n%s", c.data, i, got, whole)
		}
	}
	var chunks [][]byte
	for i := range c.data {
		chunks = append(chunks, c.data[i:i+1])
	}
	if got := show(chunks...); got != whole {
		t.Fatalf("%q by byte:\n%s\nwhole:\n%s", c.data, got, whole)
	}
	return whole
}

// decodeAll feeds copies of the chunks and overwrites them afterwards, so that
// a chunk that is kept shows.
func decodeAll(o Options, cols []Column, chunks ...[]byte) (batches []*vec.Batch, rows int64, err error) {
	d := NewDecoder(o, "t", cols, nil)
	emit := func(b *vec.Batch) error { batches = append(batches, b); return nil }
	var buf []byte
	for _, c := range chunks {
		buf = append(buf[:0], c...)
		if err := d.Feed(buf, emit); err != nil {
			return nil, 0, err
		}
		for i := range buf {
			buf[i] = '#'
		}
	}
	rows, err = d.Finish(emit)
	return batches, rows, err
}

func encodeAll(o Options, cols []Column, batches []*vec.Batch) []byte {
	e := NewEncoder(o, cols, nil)
	out := e.Header(nil)
	for _, b := range batches {
		for i := range b.N {
			out = e.AppendRow(out, b, i)
		}
	}
	return out
}

func quoteLines(b []byte) string {
	s := ""
	for _, l := range bytes.SplitAfter(b, []byte("\n")) {
		if len(l) > 0 {
			s += strconv.Quote(string(l)) + "\n"
		}
	}
	return s
}

func showRows(batches []*vec.Batch) string {
	var s strings.Builder
	for _, b := range batches {
		for i := range b.N {
			for k, v := range b.Cols {
				if k > 0 {
					s.WriteByte(' ')
				}
				if v.IsNull(i) {
					s.WriteString("NULL")
				} else {
					s.WriteString(strconv.Quote(string(types.AppendText(nil, v.Datum(i), v.Type, nil))))
				}
			}
			s.WriteByte('\n')
		}
	}
	return s.String()
}

func showError(err error) string {
	e := sqlerr.From(err)
	return showParts(string(e.Code), e.Message, e.Detail, e.Hint, e.Where)
}

func showParts(code, message, detail, hint, where string) string {
	s := fmt.Sprintf("ERROR %s %q\n", code, message)
	for _, p := range [][2]string{{"DETAIL", detail}, {"HINT", hint}, {"CONTEXT", where}} {
		if p[1] != "" {
			s += fmt.Sprintf("%s %q\n", p[0], p[1])
		}
	}
	return s
}

func askPostgres(t *testing.T, dsn string, c copyCase, to bool) string {
	t.Helper()
	ctx := context.Background()
	conn, err := pgconn.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	answer := func(err error) string {
		var e *pgconn.PgError
		if !errors.As(err, &e) {
			t.Fatal(err)
		}
		return showParts(e.Code, e.Message, e.Detail, e.Hint, e.Where)
	}
	sql := "set timezone = 'UTC'; create temp table t (" + c.columns + ")"
	if _, err := conn.Exec(ctx, sql).ReadAll(); err != nil {
		t.Fatal(err)
	}
	with := ""
	if c.options != "" {
		with = " with (" + c.options + ")"
	}
	in := with
	if to {
		in = ""
	}
	tag, err := conn.CopyFrom(ctx, bytes.NewReader(c.data), "copy t from stdin"+in)
	if err != nil {
		return answer(err)
	}
	if to {
		var out bytes.Buffer
		if _, err := conn.CopyTo(ctx, &out, "copy t to stdout"+with); err != nil {
			return answer(err)
		}
		return quoteLines(out.Bytes())
	}
	res, err := conn.Exec(ctx, "select * from t").ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	s := ""
	for _, r := range res[0].Rows {
		for k, v := range r {
			if k > 0 {
				s += " "
			}
			if v == nil {
				s += "NULL"
			} else {
				s += strconv.Quote(string(v))
			}
		}
		s += "\n"
	}
	return s + tag.String() + "\n"
}
