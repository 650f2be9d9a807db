package format

import (
	"encoding/binary"
	"math"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// avroReader runs programs over records. Its buffers are used again.
type avroReader struct {
	rows   *rows
	record int
	src    []byte
	pos    int
	depth  int
	free   int // elements without bytes that may still come
	json   jsonText
	array  arrayImage
	span   [16]byte
	key    []byte // of the map's item under way
}

const (
	avroDepthMax = jsonDepthMax
	// avroFreeMax bounds the elements of a record that take no bytes (nulls, empty
	// records): a count in a few bytes would else be work without end.
	avroFreeMax = 1 << 16
)

// decode appends the row of one record.
func (r *avroReader) decode(p *avroProgram, src []byte, out *rows, record int) {
	r.rows, r.record, r.src, r.pos, r.depth, r.free = out, record, src, 0, 0, avroFreeMax
	err := r.run(p.steps)
	if err == nil && r.pos != len(src) {
		err = r.bad("%d bytes are left over", len(src)-r.pos)
	}
	if err != nil {
		out.fail(record, sqlerr.From(err))
		return
	}
	out.done(record)
}

func (r *avroReader) bad(format string, args ...any) error {
	e := sqlerr.New(sqlerr.InvalidBinaryRepresentation, format, args...)
	e.Message = "malformed Avro: " + e.Message
	return e.WithDetail("At byte %d of %d.", r.pos, len(r.src))
}

func (r *avroReader) short() error { return r.bad("the record ends early") }

// avroLong reads a number at pos; next < 0: there is none.
func avroLongAt(src []byte, pos int) (v int64, next int) {
	if uint(pos) < uint(len(src)) && src[pos] < 0x80 {
		c := src[pos]
		return int64(c>>1) ^ -int64(c&1), pos + 1
	}
	return avroLongSlow(src, pos)
}

func avroLongSlow(src []byte, pos int) (int64, int) {
	if pos > len(src) {
		return 0, -1
	}
	u, n := binary.Uvarint(src[pos:])
	if n <= 0 {
		return 0, -1
	}
	return int64(u>>1) ^ -int64(u&1), pos + n
}

// long reads a number.
func (r *avroReader) long() (int64, error) {
	v, next := avroLongAt(r.src, r.pos)
	if next < 0 {
		return 0, r.short()
	}
	r.pos = next
	return v, nil
}

// number reads a value of variable length in the units of its kind.
func (r *avroReader) number(n *avroNode) (int64, error) {
	v, err := r.long()
	if err != nil {
		return 0, err
	}
	if n.typ == avroInt && v != int64(int32(v)) {
		return 0, r.bad("%d is no int", v)
	}
	return n.unit.micros(v), nil
}

// micros converts to µs; what does not fit becomes what is out of any range.
func (u avroUnit) micros(v int64) int64 {
	switch u {
	case unitMilli:
		if v > math.MaxInt64/1000 || v < math.MinInt64/1000 {
			return math.MinInt64
		}
		return v * 1000
	case unitNano:
		q := v / 1000
		if v%1000 < 0 {
			q--
		}
		return q
	}
	return v
}

// take is the next n bytes.
func (r *avroReader) take(n int64) ([]byte, error) {
	if n < 0 {
		return nil, r.bad("the length %d is negative", n)
	}
	if n > int64(len(r.src)-r.pos) {
		return nil, r.short()
	}
	b := r.src[r.pos : r.pos+int(n)]
	r.pos += int(n)
	return b, nil
}

// blob is bytes with their length before them.
func (r *avroReader) blob() ([]byte, error) {
	n, err := r.long()
	if err != nil {
		return nil, err
	}
	return r.take(n)
}

// branch reads the index of a union's branch.
func (r *avroReader) branch(of int) (int, error) {
	v, err := r.long()
	if err != nil {
		return 0, err
	}
	if v < 0 || v >= int64(of) {
		return 0, r.bad("branch %d of a union of %d", v, of)
	}
	return int(v), nil
}

func (r *avroReader) enum(n *avroNode) ([]byte, error) {
	v, err := r.long()
	if err != nil {
		return nil, err
	}
	if v < 0 || v >= int64(len(n.symbols)) {
		return nil, r.bad("symbol %d of an enum of %d", v, len(n.symbols))
	}
	return n.symbols[v], nil
}

// duration reads months, days and milliseconds as an interval.
func (r *avroReader) duration() ([]byte, error) {
	b, err := r.take(12)
	if err != nil {
		return nil, err
	}
	months, days := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
	if months > math.MaxInt32 || days > math.MaxInt32 {
		return nil, sqlerr.New(sqlerr.DatetimeFieldOverflow, "interval out of range")
	}
	return types.AppendInterval(r.span[:0], types.IntervalValue{
		Months: int32(months), Days: int32(days), Micros: int64(binary.LittleEndian.Uint32(b[8:])) * 1000}), nil
}

// scalar reads a value that has a kind.
func (r *avroReader) scalar(n *avroNode) (v raw, err error) {
	switch n.typ {
	case avroInt, avroLong:
		v.i, err = r.number(n)
	case avroBool:
		v.b, err = r.take(1)
		if err == nil {
			if v.b[0] > 1 {
				return v, r.bad("%d is no boolean", v.b[0])
			}
			v.i = int64(v.b[0])
		}
	case avroFloat:
		if v.b, err = r.take(4); err == nil {
			v.f = float64(math.Float32frombits(binary.LittleEndian.Uint32(v.b)))
		}
	case avroDouble:
		if v.b, err = r.take(8); err == nil {
			v.f = math.Float64frombits(binary.LittleEndian.Uint64(v.b))
		}
	case avroBytes, avroString:
		v.b, err = r.blob()
	case avroEnum:
		v.b, err = r.enum(n)
	case avroFixed:
		if n.duration {
			v.b, err = r.duration()
		} else {
			v.b, err = r.take(int64(n.size))
		}
	}
	return v, err
}

// put stores a value of a scalar step.
func (r *avroReader) put(s *avroStep, v raw) {
	if err := s.cell.put(&r.rows.cols[s.col], v); err != nil {
		r.rows.misfit(int(s.col), r.record, err)
	}
}

// run is the loop over the steps of a record. What is most frequent is written
// out here, with the position at hand; all else goes by way of scalar and special.
func (r *avroReader) run(steps []avroStep) error {
	src, pos, mark := r.src, r.pos, r.pos
	for i := range steps {
		s := &steps[i]
		if s.null >= 0 {
			var b int
			if uint(pos) < uint(len(src)) && src[pos]&^2 == 0 {
				b, pos = int(src[pos]>>1), pos+1
			} else {
				var err error
				r.pos = pos
				if b, err = r.branch(2); err != nil {
					return err
				}
				pos = r.pos
			}
			if b == int(s.null) {
				if s.col >= 0 {
					r.rows.cols[s.col].Null()
				}
				continue
			}
		}
		switch s.op {
		case avroPutLong:
			v, next := avroLongAt(src, pos)
			if next < 0 || s.int && v != int64(int32(v)) {
				r.pos = pos
				_, err := r.number(s.node)
				return err
			}
			pos = next
			if s.unit != unitNone {
				v = s.unit.micros(v)
			}
			if c := s.cell; c.how == howRange && v >= c.lo && v <= c.hi {
				r.rows.cols[s.col].Int(v + c.add)
			} else {
				r.put(s, raw{i: v})
			}
		case avroPutBytes:
			n, next := avroLongAt(src, pos)
			if next < 0 || n < 0 || n > int64(len(src)-next) {
				r.pos = pos
				_, err := r.blob()
				return err
			}
			pos = next + int(n)
			r.put(s, raw{b: src[next:pos]})
		case avroSkipBytes:
			if s.n > len(src)-pos {
				return r.short()
			}
			pos += s.n
		case avroSkipBlob:
			n, next := avroLongAt(src, pos)
			if next < 0 || n < 0 || n > int64(len(src)-next) {
				r.pos = pos
				_, err := r.blob()
				return err
			}
			pos = next + int(n)
		case avroMark:
			mark = pos
		case avroBack:
			pos = mark
		default:
			r.pos = pos
			if err := r.special(s); err != nil {
				return err
			}
			pos = r.pos
		}
	}
	r.pos = pos
	return nil
}

func (r *avroReader) special(s *avroStep) error {
	switch s.op {
	case avroPutBool, avroPutFloat, avroPutDouble, avroPutFixed, avroPutEnum, avroPutDuration:
		v, err := r.scalar(s.node)
		if err != nil {
			return err
		}
		r.put(s, v)
	case avroSkipValue:
		return r.skip(s.node)
	case avroPutNull:
		for _, c := range s.cols {
			r.rows.cols[c].Null()
		}
	case avroPutConst:
		r.rows.cols[s.col].Append(s.def, 0)
	case avroChoose:
		b, err := r.branch(len(s.subs))
		if err != nil {
			return err
		}
		return r.run(s.subs[b])
	case avroMisfit:
		for _, c := range s.cols {
			r.rows.misfit(int(c), r.record, s.err)
		}
		return r.skip(s.node)
	case avroPutJSON:
		return r.putJSON(s)
	case avroPutArray:
		return r.putArray(s)
	}
	return nil
}
