package embedded

import (
	"encoding/binary"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/rowenc"
	"github.com/tarndb/tarn/storage/segment"
	"github.com/tarndb/tarn/storage/topic"
)

// The payload of a data entry: version, flags, [late], [rowtimes], batch. Positions
// and epochs are not in it: the frame has the epoch, and positions count on.
const (
	payloadVersion = 1
	hasLate        = 1
	hasRowtime     = 2
)

// AppendPayload appends the journal payload of rows: batch, late flags, rowtimes.
// At most rowenc.BatchRowsMax rows; r.First and r.Epochs are not used.
func AppendPayload(dst []byte, r *topic.Rows) []byte {
	flags := byte(0)
	if r.Late != nil {
		flags |= hasLate
	}
	if r.Rowtime != nil {
		flags |= hasRowtime
	}
	dst = append(dst, payloadVersion, flags)
	if r.Late != nil {
		dst = appendPart(dst, &vec.Vec{Type: types.Bool, N: r.Batch.N, Bools: r.Late})
	}
	if r.Rowtime != nil {
		dst = appendPart(dst, &vec.Vec{Type: types.Int8, N: r.Batch.N, Ints: r.Rowtime})
	}
	return rowenc.AppendBatch(dst, r.Batch)
}

func appendPart(dst []byte, v *vec.Vec) []byte {
	at := len(dst)
	dst = rowenc.AppendColumn(append(dst, 0, 0, 0, 0), v)
	binary.LittleEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst
}

// split takes a payload's parts apart without decoding them.
func split(data []byte) (late, rowtime, batch []byte, err error) {
	if len(data) < 2 || data[0] != payloadVersion || data[1] > hasLate|hasRowtime {
		return nil, nil, nil, errPayload
	}
	flags := data[1]
	data = data[2:]
	for _, p := range []struct {
		flag byte
		out  *[]byte
	}{{hasLate, &late}, {hasRowtime, &rowtime}} {
		if flags&p.flag == 0 {
			continue
		}
		if len(data) < 4 || uint64(binary.LittleEndian.Uint32(data)) > uint64(len(data)-4) {
			return nil, nil, nil, errPayload
		}
		n := 4 + int(binary.LittleEndian.Uint32(data))
		*p.out, data = data[4:n], data[n:]
	}
	return late, rowtime, data, nil
}

// payloadRows is the number of rows of a payload.
func payloadRows(data []byte) (int, error) {
	_, _, batch, err := split(data)
	if err != nil {
		return 0, err
	}
	n, _, err := rowenc.BatchInfo(batch)
	return n, err
}

// DecodePayload decodes the columns that o asks for. The rows have no position
// and no epoch.
func DecodePayload(data []byte, o *topic.Scan) (*topic.Rows, error) {
	late, rowtime, batch, err := split(data)
	if err != nil {
		return nil, err
	}
	want := o.Columns
	if want == nil {
		_, cols, err := rowenc.BatchInfo(batch)
		if err != nil {
			return nil, err
		}
		want = make([]int, max(cols, len(o.Types)))
		for i := range want {
			want[i] = i
		}
	}
	b, err := rowenc.DecodeBatchColumns(batch, want)
	if err != nil {
		return nil, err
	}
	for i, v := range b.Cols {
		c := want[i]
		switch {
		case v == nil:
			b.Cols[i] = nulls(o.Types, c, b.N)
		case c < len(o.Types) && v.Type.Phys() != o.Types[c].Phys():
			return nil, errPayload
		case c < len(o.Types):
			v.Type = o.Types[c]
		}
	}
	r := &topic.Rows{Batch: b}
	if late != nil {
		v, err := rowenc.DecodeColumn(late, b.N)
		if err != nil || v.Type != types.Bool {
			return nil, errPayload
		}
		r.Late = v.Bools
	}
	if rowtime != nil && o.Rowtime {
		v, err := rowenc.DecodeColumn(rowtime, b.N)
		if err != nil || v.Type != types.Int8 {
			return nil, errPayload
		}
		r.Rowtime = v.Ints
	}
	return r, nil
}

var errPayload = sqlerr.New(sqlerr.DataCorrupted, "damaged rows in the journal")

// nulls is column c for rows that were written before it existed.
func nulls(ts []types.Type, c, n int) *vec.Vec {
	t := types.Unknown
	if c < len(ts) {
		t = ts[c]
	}
	return segment.Nulls(t, n)
}
