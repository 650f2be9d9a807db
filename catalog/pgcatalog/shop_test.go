package pgcatalog

import (
	"strings"
	"testing"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/sql/types"
)

// shop is the catalog of testdata/postgres/schema.sql, and a stream, a view with
// dependencies and a second schema beside it.
func shop() *catalog.Snapshot {
	numeric := types.NumericOf(18, 2)
	col := func(name string, t types.Type) catalog.Column { return catalog.Column{Name: name, Type: t} }
	account := &catalog.Object{ID: 16385, Schema: "public", Name: "account", Kind: catalog.Table, Owner: "ann", Comment: "Accounts",
		Columns: []catalog.Column{col("id", types.Text), {Name: "owner", Type: types.Text, NotNull: true, Comment: "Who"},
			{Name: "country", Type: types.Text, Default: "'NL'"}, col("opened", types.Date), col("n", types.Int4),
			{Name: "amount", Type: numeric, Default: "0"}, col("note", types.Type{OID: types.OIDVarchar, Mod: 24}), col("tags", types.TextArray)},
		PrimaryKey: []int{0}, PrimaryKeyName: "account_pkey",
		Checks: []catalog.Check{{Name: "account_n_check", Expr: "n > 0"}, {Name: "pos", Expr: "amount >= 0"}}}
	entry := &catalog.Object{ID: 16386, Schema: "public", Name: "entry", Kind: catalog.View, Owner: "ann",
		Columns: []catalog.Column{col("id", types.Text), col("amount", numeric), col("note", types.Type{OID: types.OIDVarchar, Mod: 24})},
		SQL:     "SELECT id, amount, note FROM account", DependsOn: []uint64{16385}}
	balance := &catalog.Object{ID: 16387, Schema: "public", Name: "balance", Kind: catalog.MatView, Owner: "ann",
		Columns: []catalog.Column{col("country", types.Text), col("total", types.Numeric)}, PrimaryKey: []int{0},
		SQL: "SELECT country, sum(amount) AS total FROM account GROUP BY country", DependsOn: []uint64{16385}}
	pair := &catalog.Object{ID: 16388, Schema: "public", Name: "pair", Kind: catalog.Table, Owner: "ann",
		Columns: []catalog.Column{col("a", types.Int4), col("b", types.Int4), col("c", types.Text)}, PrimaryKey: []int{1, 0}}
	transfer := &catalog.Object{ID: 16389, Schema: "public", Name: "transfer", Kind: catalog.Stream, Owner: "bob",
		Columns: []catalog.Column{col("id", types.Int8), col("at", types.Timestamptz)},
		Options: map[string]string{"retention": "forever"}, Watermark: &catalog.Watermark{Column: 1, DelayMicros: 10e6}}
	odd := &catalog.Object{ID: 16390, Schema: "Sales", Name: "Order", Kind: catalog.Table, Owner: "ann",
		Columns: []catalog.Column{col("Item", types.Text), {Name: "twice", Type: types.Int4, Generated: "id * 2"}, {Name: "id", Type: types.Int4, Default: "nextval('order_id_seq'::regclass)", NotNull: true}}}
	s := catalog.New(Objects())
	changes := []catalog.Change{{Op: catalog.PutSchema, Name: "Sales"}}
	for _, o := range []*catalog.Object{account, entry, balance, pair, transfer, odd} {
		changes = append(changes, catalog.Change{Op: catalog.Put, Object: o})
	}
	return s.Apply(changes)
}

func input() Input {
	return Input{Catalog: shop(), User: "ann", Database: "shop", Settings: []Setting{
		{Name: "TimeZone", Value: "Europe/Amsterdam", Initial: "UTC", Doc: "Time zone.", Changed: true},
		{Name: "server_version", Value: "15.18", Initial: "15.18", Doc: "Version.", Fixed: true}}}
}

// answer is a relation's rows as text: column name → value, NULL as "NULL".
func answer(t *testing.T, name string, in Input) []map[string]string {
	t.Helper()
	schema, rel, ok := strings.Cut(name, ".")
	if !ok {
		schema, rel = "pg_catalog", name
	}
	o := in.Catalog.In(schema, rel)
	if o == nil {
		t.Fatalf("no relation %s", name)
	}
	batches, err := Rows(o, in)
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]string
	for _, b := range batches {
		if len(b.Cols) != len(o.Columns) {
			t.Fatalf("%s: %d columns, want %d", name, len(b.Cols), len(o.Columns))
		}
		for i := range b.N {
			row := make(map[string]string, len(b.Cols))
			for k, c := range o.Columns {
				d := b.Cols[k].Datum(i)
				row[c.Name] = "NULL"
				if !d.Null {
					row[c.Name] = string(types.AppendText(nil, d, c.Type, nil))
				} else if c.NotNull {
					t.Errorf("%s: NULL in %s", name, c.Name)
				}
			}
			out = append(out, row)
		}
	}
	return out
}

// only returns the rows in which a column has a value.
func only(rows []map[string]string, column, value string) []map[string]string {
	var out []map[string]string
	for _, r := range rows {
		if r[column] == value {
			out = append(out, r)
		}
	}
	return out
}

// pick writes columns of rows as lines, a|b|c.
func pick(rows []map[string]string, columns ...string) string {
	var b strings.Builder
	for _, r := range rows {
		for i, c := range columns {
			if i > 0 {
				b.WriteByte('|')
			}
			b.WriteString(r[c])
		}
		b.WriteByte('\n')
	}
	return strings.TrimSuffix(b.String(), "\n")
}
