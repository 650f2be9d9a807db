package wire

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/tarndb/tarn/tests/beside"
)

// Short forms of messages.

type messages = []pgproto3.FrontendMessage

func query(sql string) pgproto3.FrontendMessage { return &pgproto3.Query{String: sql} }

func parse(name, sql string, oids ...uint32) pgproto3.FrontendMessage {
	return &pgproto3.Parse{Name: name, Query: sql, ParameterOIDs: oids}
}

// bind binds text parameters; nil is NULL.
func bind(portal, statement string, params ...any) pgproto3.FrontendMessage {
	m := &pgproto3.Bind{DestinationPortal: portal, PreparedStatement: statement}
	for _, p := range params {
		switch p := p.(type) {
		case nil:
			m.Parameters = append(m.Parameters, nil)
		case string:
			m.Parameters = append(m.Parameters, []byte(p))
		}
	}
	return m
}

func execute(portal string, rowsMax uint32) pgproto3.FrontendMessage {
	return &pgproto3.Execute{Portal: portal, MaxRows: rowsMax}
}

func statement(name string) pgproto3.FrontendMessage {
	return &pgproto3.Describe{ObjectType: 'S', Name: name}
}

func portal(name string) pgproto3.FrontendMessage {
	return &pgproto3.Describe{ObjectType: 'P', Name: name}
}

func closing(kind byte, name string) pgproto3.FrontendMessage {
	return &pgproto3.Close{ObjectType: kind, Name: name}
}

func data(s string) pgproto3.FrontendMessage { return &pgproto3.CopyData{Data: []byte(s)} }

var (
	syncing = &pgproto3.Sync{}
	flush   = &pgproto3.Flush{}
	done    = &pgproto3.CopyDone{}
)

// setup is what every script finds.
const setup = `
CREATE TABLE plain (a int, b text, c numeric(6,2));
CREATE TABLE keyed (id int PRIMARY KEY, name varchar(10) NOT NULL, n int CONSTRAINT positive CHECK (n > 0));
INSERT INTO keyed VALUES (1, 'one', 1), (2, 'two', 2), (3, 'three', 3);
`

// compare plays the scripts to both and reports each message that differs.
func compare(t *testing.T, scripts []Script) {
	t.Helper()
	stopPostgres, postgres, err := beside.StartPostgres()
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(stopPostgres)
	stopTarn, tarn, err := beside.StartTarn()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stopTarn)
	ctx := context.Background()
	for _, dsn := range []string{postgres, tarn} {
		if lines, err := Play(ctx, dsn, Script{Messages: messages{query(setup)}}); err != nil || strings.Contains(strings.Join(lines, "\n"), "ERROR") {
			t.Fatal(lines, err)
		}
	}
	for _, s := range scripts {
		t.Run(s.Name, func(t *testing.T) {
			want, err := Play(ctx, postgres, s)
			if err != nil {
				t.Fatal("PostgreSQL: ", err)
			}
			got, err := Play(ctx, tarn, s)
			if err != nil {
				t.Fatal("Tarn: ", err)
			}
			got, want = settled(got), settled(want)
			d := differences(got, want)
			switch {
			case s.Differs == "" && d != "" && !refused(got, want):
				t.Errorf("Tarn (+) differs from PostgreSQL (-):\n%s", d)
			case s.Differs != "" && d == "":
				t.Errorf("no difference, although %s", s.Differs)
			}
		})
	}
}

// settled leaves out what comes just before an error: PostgreSQL computes constants
// when it binds, Tarn when it runs.
func settled(lines []string) []string {
	var out []string
	for i, l := range lines {
		early := l == "BindComplete" || strings.HasPrefix(l, "RowDescription")
		if !early || i+1 == len(lines) || !strings.HasPrefix(lines[i+1], "ERROR") {
			out = append(out, l)
		}
	}
	return out
}

// refused reports whether Tarn has said that it does not support what PostgreSQL does.
func refused(got, want []string) bool {
	const unsupported = "ERROR 0A000"
	return strings.Contains(strings.Join(got, "\n"), unsupported) && !strings.Contains(strings.Join(want, "\n"), unsupported)
}

var position = regexp.MustCompile(`" at \d+`)

// alike compares two messages; Tarn may point into a text where PostgreSQL does not.
func alike(got, want string) bool {
	return got == want || !position.MatchString(want) && position.ReplaceAllString(got, `"`) == want
}

// differences are the two answers side by side, "" if they are alike.
func differences(got, want []string) string {
	var b strings.Builder
	same := len(got) == len(want)
	for i := range max(len(got), len(want)) {
		switch {
		case i < len(got) && i < len(want) && alike(got[i], want[i]):
			b.WriteString("  " + got[i] + "\n")
			continue
		case i < len(want):
			b.WriteString("- " + want[i] + "\n")
		}
		if i < len(got) {
			b.WriteString("+ " + got[i] + "\n")
		}
		same = false
	}
	if same {
		return ""
	}
	return b.String()
}
