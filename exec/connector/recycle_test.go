package connector

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/tarndb/tarn/exec/format"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/topic"
)

// TestRecycle: the memory of records is given back once all their pieces are
// committed, and what they were decoded to does not change with it.
func TestRecycle(t *testing.T) {
	key := format.Column{Name: "k", Type: types.Bytea, From: format.FromKey}
	meta := []format.Column{key, {Name: "at", Type: types.Timestamptz, From: format.FromTimestamp}, {Name: "off", Type: types.Int8, From: format.FromOffset},
		{Name: "h", Type: types.JSONB, From: format.FromHeaders}}
	for _, c := range []struct {
		encoding string
		cols     []format.Column
	}{
		{"json", []format.Column{{Name: "id", Type: types.Int8}, {Name: "v", Type: types.Text}, {Name: "j", Type: types.JSONB}, {Name: "n", Type: types.Numeric}}},
		{"text", []format.Column{{Name: "v", Type: types.Text}}},
		{"bytes", []format.Column{{Name: "v", Type: types.Bytea}}},
		{"csv", []format.Column{{Name: "a", Type: types.Text}, {Name: "b", Type: types.Text}, {Name: "c", Type: types.Text}, {Name: "d", Type: types.Text}}},
		{"kafka", []format.Column{{Name: "v", Type: types.Bytea}}},
	} {
		t.Run(c.encoding, func(t *testing.T) {
			def := SourceDef{ID: 1, Spec: format.Spec{Topic: "t", Columns: append(c.cols, meta...), Envelope: format.Plain,
				Value: format.Encoding{Name: c.encoding}, Key: format.Encoding{Name: "bytes"}}}
			d, err := newVerifying(&def)
			if err != nil {
				t.Fatal(err)
			}
			n := vec.BatchRows + 100
			recs := &topic.Records{Next: int64(n)}
			k, v, h := vec.NewBuilder(types.Bytea, n), vec.NewBuilder(types.Bytea, n), vec.NewBuilder(types.Bytea, n)
			for i := range n {
				recs.Offset, recs.Time = append(recs.Offset, int64(i)), append(recs.Time, int64(7*i))
				k.Bytes(fmt.Appendf(nil, "k%d", i))
				if c.encoding == "csv" {
					v.Bytes(fmt.Appendf(nil, "a%d,b%d,\"c%d\"\"\",", i, i, i))
				} else {
					v.Bytes(fmt.Appendf(nil, `{"id":%d,"v":"x%d","j":{"a":[%d]},"n":%d.5}`, i, i, i, i))
				}
				h.Bytes(topic.AppendHeader(nil, "a", fmt.Appendf(nil, "%d", i)))
			}
			recs.Key, recs.Value, recs.Headers = k.Finish(), v.Finish(), h.Finish()
			given := 0
			p := newPipeline(1 << 30)
			p.recycle = func(r *topic.Records) {
				if given++; r != recs {
					t.Error("other records were given back")
				}
				for _, x := range []*vec.Vec{r.Key, r.Value, r.Headers} {
					clear(x.Data)
					clear(x.Off)
				}
				clear(r.Offset)
				clear(r.Time)
			}
			ctx, end := context.WithCancel(context.Background())
			crew := newCrew(ctx)
			crew.start(func(ctx context.Context) error { return p.decode(ctx, d) })
			if err := p.put(ctx, recs, n, func(int) error { return nil }); err != nil {
				t.Fatal(err)
			}
			var pieces []*piece
			var before []string
			for len(pieces) < 2 {
				ps, err := p.take(ctx, 1, 1)
				if err != nil {
					t.Fatal(err)
				}
				pieces, before = append(pieces, ps...), append(before, rowsOf(ps)...)
			}
			if len(before) != n {
				t.Fatalf("%d rows", len(before))
			}
			p.done(pieces[:1])
			if given != 0 {
				t.Fatal("given back although a piece is under way")
			}
			p.done(pieces[1:])
			if given != 1 {
				t.Fatalf("given back %d times", given)
			}
			if after := rowsOf(pieces); !slices.Equal(before, after) {
				t.Fatalf("first %q, then %q", before[0], after[0])
			}
			end()
			crew.wait.Wait()
		})
	}
}

func rowsOf(ps []*piece) (out []string) {
	for _, pc := range ps {
		b := pc.dec.Rows
		for i := range b.N {
			s := ""
			for _, c := range b.Cols {
				s += fmt.Sprint(c.Datum(i), " ")
			}
			out = append(out, s)
		}
	}
	return out
}

// TestLooksAt: memory that somebody may still look at is not given back.
func TestLooksAt(t *testing.T) {
	recs, d := decodedRows(3)
	if looksAt(d, recs) {
		t.Error("plain rows")
	}
	shared := *d
	shared.Rows = &vec.Batch{N: 3, Cols: []*vec.Vec{d.Rows.Cols[0], {Type: types.Bytea, N: 3, Off: []uint32{0, 1, 2, 3}, Data: recs.Value.Data[1:]}}}
	if !looksAt(&shared, recs) {
		t.Error("a column in the records' memory")
	}
	shared.Rows = &vec.Batch{N: 3, Cols: []*vec.Vec{{Type: types.Int8, N: 3, Ints: recs.Offset}}}
	if !looksAt(&shared, recs) {
		t.Error("a column that is the offsets")
	}
	for _, odd := range []*format.Decoded{{Rows: d.Rows, Bad: []format.Bad{{Err: sqlerr.New(sqlerr.DataException, "x")}}}, {Rows: d.Rows, DDL: []format.DDL{{}}}} {
		if !looksAt(odd, recs) {
			t.Error("letters and schema changes")
		}
	}
}
