package connector

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tarndb/tarn/exec/format"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/vec"
)

// TestCorpus: in every format a damaged record is a letter that has its bytes and
// a reason, the records around it are rows, and the source goes on.
func TestCorpus(t *testing.T) {
	avro := map[string]string{"schema": `{"type":"record","name":"r","fields":[{"name":"id","type":"long"},{"name":"v","type":"string"}]}`}
	proto := map[string]string{"schema": `syntax = "proto3"; message m { int64 id = 1; string v = 2; }`}
	deep := strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000)
	long := strings.Repeat("x", 900_000)
	// json are the damages of an envelope around a row.
	json := func(around string) []string {
		var out []string
		for _, row := range []string{`{"id":1,"v":"x"`, `{"id":NaN}`, `{"id":"x"}`, `{"id":1,"v":"\u0000"}`, "{\"id\":1,\"v\":\"\xff\"}", `{"id":1,"v":` + deep + `}`,
			`{"id":9223372036854775808}`, `{"v":"no id"}`, `{"id":1e999}`, `{"id":"","v":"` + long + `"}`} {
			out = append(out, strings.Replace(around, "ROW", row, 1))
		}
		return append(out, "", "\x00\x00\x00\x00\x07"+strings.Replace(around, "ROW", `{"id":1}`, 1), "nonsense")
	}
	open := func(value string) string {
		return string(binary.BigEndian.AppendUint64(nil, uint64(len(value)))) + value
	}
	const openKey = `{"scm":"d","tbl":"t","t":1}`
	for _, c := range []struct {
		name    string
		env     format.Envelope
		enc     string
		options map[string]string
		key     string
		good    func(id int, v string) string
		bad     []string
	}{
		{"json", format.Plain, "json", nil, "", func(id int, v string) string { return fmt.Sprintf(`{"id":%d,"v":"%s"}`, id, v) }, json("ROW")},
		{"csv", format.Plain, "csv", nil, "", func(id int, v string) string { return fmt.Sprintf(`%d,%s`, id, v) }, []string{"", "1", `1,"x`, "x,y", "1,\xff", "1,\x00", "1,x,y"}},
		{"avro", format.Plain, "avro", avro, "", func(id int, v string) string {
			return string(binary.AppendVarint(nil, int64(id))) + string(binary.AppendVarint(nil, int64(len(v)))) + v
		}, []string{"", "\x02", "\x02\x04x", "\x02\x02\xff", "\x02\x01", "\x00\x00\x00\x00\x07\x02\x02x", "\x02\x02xx"}},
		{"protobuf", format.Plain, "protobuf", proto, "", func(id int, v string) string {
			return "\x08" + string(rune(id)) + "\x12" + string(rune(len(v))) + v
		}, []string{"\x08", "\x12\x05x", "\x12\x02\xff\xff", "\x00\x01", "\x12\x01\x00"}},
		{"debezium", format.Debezium, "json", nil, "", func(id int, v string) string { return fmt.Sprintf(`{"op":"c","after":{"id":%d,"v":"%s"}}`, id, v) }, append(json(`{"op":"c","after":ROW}`), `{"op":"?"}`, `{"id":1}`)},
		{"maxwell", format.Maxwell, "json", nil, "", func(id int, v string) string {
			return fmt.Sprintf(`{"type":"insert","data":{"id":%d,"v":"%s"}}`, id, v)
		}, json(`{"type":"insert","data":ROW}`)},
		{"canal", format.Canal, "json", nil, "", func(id int, v string) string {
			return fmt.Sprintf(`{"type":"INSERT","data":[{"id":"%d","v":"%s"}]}`, id, v)
		}, json(`{"type":"INSERT","data":[ROW]}`)},
		{"open", format.OpenProtocol, "json", nil, string(binary.BigEndian.AppendUint64(nil, 1)) + open(openKey), func(id int, v string) string {
			return open(fmt.Sprintf(`{"u":{"id":{"t":8,"v":%d},"v":{"t":15,"v":"%s"}}}`, id, v))
		}, []string{"", "nonsense", open("{}"), open(`{"u":{"id":1}}`), open(`{"u":{"id":{"t":8,"v":NaN}}}`), open(`{"u":`), open("") + open("")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, map[string]int32{"in": 1})
			def := w.source("in")
			if c.env != format.Plain {
				def = w.tableSource("in")
			}
			def.Spec.Envelope, def.Spec.Value, def.Spec.Key = c.env, format.Encoding{Name: c.enc, Options: c.options}, format.Encoding{}
			var records []*kgo.Record
			var rows []string
			for i := range len(c.bad) + 1 {
				v := fmt.Sprintf("v%02d", i)
				rows = append(rows, fmt.Sprintf("%d %s", i+1, v))
				records = append(records, &kgo.Record{Topic: "in", Key: []byte(c.key), Value: []byte(c.good(i+1, v))})
				if i < len(c.bad) {
					records = append(records, &kgo.Record{Topic: "in", Key: []byte(c.key), Value: []byte(c.bad[i])})
				}
			}
			for _, r := range records { // several together would be too long for the broker
				if err := w.cl.ProduceSync(context.Background(), r).FirstErr(); err != nil {
					t.Fatal(err)
				}
			}
			check := func() {
				t.Helper()
				w.start(def)
				w.until("all has been read", func() bool {
					st, ok := w.m.Source(def.ID)
					return ok && st.State == Running && st.Lag == 0 && st.LettersNow == int64(len(c.bad))
				})
				want := map[string]bool{}
				for _, r := range rows {
					want[r] = true
				}
				for _, r := range w.rows(def.ID) {
					if !want[r] {
						t.Errorf("a row that is not in the topic: %s", r)
					}
					delete(want, r)
				}
				if len(want) > 0 {
					t.Errorf("rows that are missing: %v", want)
				}
			}
			check()
			n := 0
			err := readLetters(context.Background(), w.e, func(b *vec.Batch, i int) {
				l := letterAt(b, i)
				if bad := c.bad[l.at.Offset/2]; l.at.Offset%2 != 1 || len(bad) < 1000 && string(l.value) != bad || l.code == "" || l.reason == "" {
					t.Errorf("letter %d: %s %.200s, value %.100q", l.at.Offset, l.code, l.reason, l.value)
				}
				n++
			})
			if err != nil || n != len(c.bad) {
				t.Errorf("%d letters of %d bad records, %v", n, len(c.bad), err)
			}
			w.crash()
			check()
		})
	}
}

// switchedRegistry is a registry that is away until it is not.
type switchedRegistry struct {
	format.Registry
	back  atomic.Bool
	asked atomic.Int32
}

func (r *switchedRegistry) SchemaByID(_ context.Context, id int) (*format.Schema, error) {
	r.asked.Add(1)
	switch {
	case !r.back.Load():
		return nil, sqlerr.New(sqlerr.ConnectionFailure, "the schema registry does not answer")
	case id == 1:
		return &format.Schema{ID: 1, Type: "AVRO", Text: `{"type":"record","name":"r","fields":[{"name":"id","type":"long"}]}`}, nil
	}
	return nil, nil
}

// TestRegistryAway: while the registry does not answer its records wait, and the
// source says so; an id that it does not know is a letter.
func TestRegistryAway(t *testing.T) {
	w := newWorld(t, map[string]int32{"in": 1})
	r := &switchedRegistry{}
	def := w.source("in")
	def.Spec.Value, def.Spec.Registry = format.Encoding{Name: "avro"}, r
	w.produce("in", 0, "\x00\x00\x00\x00\x01\x0e", "\x00\x00\x00\x00\x63\x0e", "\x00\x00\x00\x00\x01\x10")
	w.start(def)
	w.until("the source waits", func() bool {
		st, _ := w.m.Source(streamID)
		return st.State == Retrying && strings.Contains(st.Error, "does not answer") && r.asked.Load() > 2
	})
	if rows, letters := w.rows(streamID), w.letters(); len(rows) > 0 || letters != "" {
		t.Errorf("rows %v, letters %s", rows, letters)
	}
	r.back.Store(true)
	w.wantRows(streamID, "7 -", "8 -")
	if got := w.letters(); !strings.HasPrefix(got, "0/1 ") || strings.Contains(got, ";") {
		t.Errorf("letters %s", got)
	}
}
