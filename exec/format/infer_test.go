package format

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

func TestInferJSON(t *testing.T) {
	for _, c := range []struct {
		name         string
		env, key     string
		keys, values []string
		want         string
	}{
		{"each kind of value", "", "", nil,
			[]string{`{"i":1,"f":1.5,"b":true,"s":"x","at":"2024-01-01T00:00:00Z","o":{"x":1},"l":[1],"n":null}`, `{"i":2,"f":2,"at":"2024-01-01T00:00:00.123+01:00","late":1}`},
			"i bigint, f double precision, b boolean, s text, at timestamp with time zone, o jsonb, l jsonb, n text, late bigint"},
		{"what does not fit one type", "", "", nil,
			[]string{`{"big":1,"at":"2024-01-01T00:00:00Z","m":1,"j":1,"d":1.1,"t":true}`, `{"big":9223372036854775808,"at":"soon","m":"x","j":{},"d":1.12345678901234567890,"t":1}`},
			"big numeric, at text, m text, j jsonb, d numeric, t text"},
		{"rows in arrays, and records that are none", "", "", nil,
			[]string{none, `{`, `[{"a":1},{"b":2}]`, `7`}, "a bigint, b bigint"},
		{"the key's fields come first", "upsert", "json", []string{`{"id":1}`}, []string{`{"id":1,"a":"x"}`}, "id bigint key!, a text"},
		{"debezium without schema", "debezium", "", []string{`{"id":1}`, none}, []string{`{"before":null,"after":{"id":1,"a":"x"},"op":"c"}`, none}, "id bigint!, a text"},
		{"debezium with schema", "debezium", "", []string{`{"schema":{"type":"struct","fields":[{"type":"int32","field":"id"}]},"payload":{"id":1}}`},
			[]string{wrap(`{"type":"int32","field":"id"},{"type":"int64","name":"io.debezium.time.MicroTimestamp","field":"at"},{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2","connect.decimal.precision":"10"},"field":"d"},{"type":"string","name":"io.debezium.data.Json","field":"j"}`,
				`{"after":{"id":1,"at":1,"d":"AA==","j":"{}"},"op":"c"}`)},
			"id integer!, at timestamp without time zone, d numeric(10,2), j jsonb"},
		{"maxwell", "maxwell", "", []string{`{"database":"s","table":"t","pk.a":1}`}, []string{`{"type":"insert","data":{"a":1,"b":2.5}}`}, "a bigint, b double precision"},
		{"canal", "canal", "", []string{none}, []string{`{"type":"INSERT","data":[{"a":"1"},{"a":"2","b":null}]}`}, "a text, b text"},
	} {
		got, err := Infer(context.Background(), Spec{Topic: "t", Envelope: Envelope(c.env), Key: Encoding{Name: c.key}, Value: Encoding{Name: "json"}}, recordsOf(c.keys, c.values))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var b strings.Builder
		for i, col := range got {
			if i > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(&b, "%s %s", col.Name, col.Type)
			if col.From == FromKey {
				b.WriteString(" key")
			}
			if col.NotNull {
				b.WriteString("!")
			}
		}
		if b.String() != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, b.String(), c.want)
		}
	}
	for _, c := range []struct{ encoding, value, want string }{
		{"csv", "1,2", "the columns of encoding csv must be declared; "},
		{"json", "7", "no value among the first records of topic \"t\" is a JSON object; Declare the columns, or use another encoding."},
	} {
		_, err := Infer(context.Background(), Spec{Topic: "t", Value: Encoding{Name: c.encoding}}, recordsOf(nil, []string{c.value}))
		if err == nil || errorText(err) != c.want {
			t.Errorf("%s of %s: %v", c.encoding, c.value, err)
		}
	}
}
