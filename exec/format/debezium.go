package format

import (
	"context"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// feed makes c follow the habits of change feeds: times are numbers whose unit
// depends on the type in the source, which the records tell only if they carry
// their schema.
func (c *converter) feed(options map[string]string) {
	c.cdc = true
	if c.elem != nil {
		c.elem.feed(options)
	}
	if options["timestamp.handling.mode"] != "" {
		return
	}
	c.unit = countGuess
	if c.t.OID == types.OIDTime {
		c.unit = countMicro
		if c.t.Mod >= 0 && c.t.Mod <= 3 {
			c.unit = countMilli
		}
	}
}

// encodeDebezium writes {"before": …, "after": …, "op": …}. A row of before
// whose columns are all NULL is no row.
func encodeDebezium(ctx context.Context, e *encoder, rows, before *vec.Batch, ops []Op) (*vec.Vec, error) {
	if err := e.value.begin(ctx, pickCols(rows, e.valueCols)); err != nil {
		return nil, err
	}
	var old partEncoder
	if before != nil {
		v, ok := e.value.(*jsonEncoder)
		if !ok {
			return nil, sqlerr.New(sqlerr.FeatureNotSupported, "FORMAT DEBEZIUM is written as JSON only")
		}
		c := *v
		c.cols = pickCols(before, e.valueCols)
		old = &c
	}
	out := newBytes(rows.N)
	var err error
	for i := range rows.N {
		op := Put
		if ops != nil {
			op = ops[i]
		}
		hasOld := old != nil && !allNull(before, i)
		if out.Data, err = debeziumRow(out.Data, e.value, old, i, op, hasOld); err != nil {
			return nil, err
		}
		out.end(i, true)
	}
	return out.finish(rows.N)
}

func debeziumRow(dst []byte, now, old partEncoder, i int, op Op, hasOld bool) ([]byte, error) {
	var err error
	dst = append(dst, `{"before":`...)
	switch {
	case op == Truncate:
		return append(dst, `null,"after":null,"op":"t"}`...), nil
	case hasOld:
		dst, err = old.row(dst, i)
	case op == Delete: // at least its key is known
		dst, err = now.row(dst, i)
	default:
		dst = append(dst, "null"...)
	}
	if err != nil {
		return dst, err
	}
	dst = append(dst, `,"after":`...)
	switch {
	case op == Delete:
		return append(dst, `null,"op":"d"}`...), nil
	case hasOld:
		dst, err = now.row(dst, i)
		return append(dst, `,"op":"u"}`...), err
	}
	dst, err = now.row(dst, i)
	return append(dst, `,"op":"c"}`...), err
}

func allNull(b *vec.Batch, i int) bool {
	for _, c := range b.Cols {
		if !c.IsNull(i) {
			return false
		}
	}
	return true
}
