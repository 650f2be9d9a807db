package connector

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/tarndb/tarn/exec/format"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/storage/topic"
)

// fragile is a decoder that panics at a record.
type fragile struct {
	format.Decoder
	at []byte
}

func (f fragile) Decode(ctx context.Context, r *topic.Records) (*format.Decoded, error) {
	for i := range r.N() {
		if bytes.Contains(r.Value.Bytes(i), f.at) {
			panic("oh")
		}
	}
	return f.Decoder.Decode(ctx, r)
}

// TestDecoderPanics: a record that the decoder cannot take is a bad one; its
// neighbours are rows, in order.
func TestDecoderPanics(t *testing.T) {
	w := newWorld(t, nil)
	def := w.source("in")
	for _, at := range []int{0, 5, 9} {
		v, err := newVerifying(&def)
		if err != nil {
			t.Fatal(err)
		}
		recs, _ := decodedRows(10)
		// The new decoder that takes the place of the one that panicked is as fragile.
		bad := fragile{v.Decoder, []byte(fmt.Sprintf(`"id":%d,`, at))}
		v.Decoder, v.renew = bad, func() (format.Decoder, error) { return bad, nil }
		d, err := v.decode(context.Background(), recs)
		if err != nil {
			t.Fatal(err)
		}
		if len(d.Bad) != 1 || d.Bad[0].Record != at || d.Bad[0].Err.Code != sqlerr.InternalError {
			t.Errorf("at %d: bad %+v", at, d.Bad)
		}
		var ids []int64
		for i, id := range d.Rows.Cols[0].Ints {
			if ids = append(ids, id); int64(d.Record[i]) != id {
				t.Errorf("at %d: row %d is of record %d", at, id, d.Record[i])
			}
		}
		if len(ids) != 9 {
			t.Errorf("at %d: rows %v", at, ids)
		}
	}
}
