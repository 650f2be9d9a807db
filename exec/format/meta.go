package format

import (
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/topic"
)

// metaTypes are the types that the parts of a record besides key and value can
// be had as; the first is the natural one.
var metaTypes = map[From]struct {
	what  string
	types []types.Type
}{
	FromTimestamp: {"timestamp", []types.Type{types.Timestamptz, types.Timestamp, types.Int8}},
	FromPartition: {"partition", []types.Type{types.Int4, types.Int8}},
	FromOffset:    {"offset", []types.Type{types.Int8}},
	FromTopic:     {"topic", []types.Type{types.Text, types.Varchar}},
	FromHeaders:   {"headers", []types.Type{types.JSONB, types.JSON}},
	FromHeader:    {"header", []types.Type{types.Bytea, types.Text, types.Varchar}},
}

// checkMeta refuses column types that the record's metadata cannot fill.
func (d *decoder) checkMeta() error {
	for _, c := range d.spec.Columns {
		m, ok := metaTypes[c.From]
		if !ok {
			continue
		}
		fits := false
		for _, t := range m.types {
			fits = fits || t.OID == c.Type.OID
		}
		if !fits {
			return sqlerr.New(sqlerr.DatatypeMismatch, "column %q cannot hold the record's %s as %s", c.Name, m.what, c.Type).
				WithHint("Declare it as %s.", m.types[0])
		}
	}
	return nil
}

// metaColumn is a column of something that the record itself carries.
func (d *decoder) metaColumn(r *topic.Records, t *draft, c *Column) *vec.Vec {
	n := len(t.record)
	v := &vec.Vec{Type: c.Type, N: n}
	switch c.From {
	case FromTimestamp:
		v.Ints = pickInts(r.Time, t.record)
		if c.Type.OID == types.OIDInt8 {
			for i, us := range v.Ints {
				v.Ints[i] = floorDiv(us, 1000) + unixMillis2000
			}
		}
	case FromOffset:
		v.Ints = pickInts(r.Offset, t.record)
	case FromPartition:
		v.Ints = make([]int64, n)
		for i := range v.Ints {
			v.Ints[i] = int64(r.Partition)
		}
	case FromTopic:
		return vec.Flatten(vec.ConstVec(c.Type, types.String(d.spec.Topic), n))
	default:
		if r.Headers == nil {
			return nulls(c.Type, n)
		}
		return byRecord(headerColumn(r, c), t.record)
	}
	return v
}

func pickInts(in []int64, at []int32) []int64 {
	out := make([]int64, len(at))
	for i, k := range at {
		out[i] = in[k]
	}
	return out
}

const (
	// unixMillis2000 is 2000-01-01 in milliseconds since 1970.
	unixMillis2000 = 946684800_000
	unixMicros2000 = unixMillis2000 * 1000
)

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
