package parser

import (
	"testing"

	"github.com/tarndb/tarn/sql/ast"
)

var benchStatements = []struct{ name, sql string }{
	{"lookup", "SELECT * FROM balance WHERE account = $1"},
	{"insert", "INSERT INTO transfer (id, src, dst, amount, at) VALUES ($1, $2, $3, $4, $5)"},
	{"begin", "BEGIN"},
	{"aggregate", "SELECT a.country, count(*) AS accounts, sum(b.balance) AS total FROM account a " +
		"LEFT JOIN balance b ON b.account = a.id WHERE a.opened >= '2024-01-01' GROUP BY a.country ORDER BY 3 DESC LIMIT 10"},
	{"catalog", "SELECT n.nspname AS \"Schema\", c.relname AS \"Name\", CASE c.relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' END AS \"Type\" " +
		"FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace " +
		"WHERE c.relkind IN ('r','p','v','m','') AND n.nspname <> 'pg_catalog' AND n.nspname !~ '^pg_toast' " +
		"AND pg_catalog.pg_table_is_visible(c.oid) ORDER BY 1,2"},
}

func BenchmarkParse(b *testing.B) {
	for _, s := range benchStatements {
		b.Run("statement="+s.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(s.sql)))
			for b.Loop() {
				if _, err := Parse(s.sql); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkPrint(b *testing.B) {
	for _, s := range benchStatements {
		stmts, err := Parse(s.sql)
		if err != nil {
			b.Fatal(err)
		}
		b.Run("statement="+s.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ast.SQL(stmts[0].Stmt)
			}
		})
	}
}
