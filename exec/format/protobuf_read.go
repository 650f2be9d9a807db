package format

import (
	"encoding/binary"
	"math"
	"strconv"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// protoReader runs programs over records. Its buffers are used again.
type protoReader struct {
	rows   *rows
	record int
	row    int // in the columns
	size   int // of the record
	held   []protoHeld
	json   jsonText
	array  arrayImage
	span   [16]byte
	digits []byte
	occs   []protoOcc
	depth  int
}

// protoHeld is what a slot holds of the record under way: the number as it stands
// on the wire, or where the bytes are. Without pointers it is cheap to write.
type protoHeld struct {
	seen   bool
	owned  bool // own is used: the bytes have been put together from several occurrences
	number uint64
	lo, hi int32
	own    []byte
	items  []raw // of repeated fields
}

// raw is what is held, as a value of f.
func (h *protoHeld) raw(f *protoField, src []byte) raw {
	switch {
	case h.owned:
		return raw{b: h.own}
	case f.wire >= protoBlob:
		return raw{b: src[h.lo:h.hi:h.hi]}
	}
	return f.fromWire(h.number)
}

const protoDepthMax = jsonDepthMax

// Wire types.
const (
	wireVarint = 0
	wireFixed8 = 1
	wireBlob   = 2
	wireStart  = 3
	wireEnd    = 4
	wireFixed4 = 5
)

var (
	errProtoShort = sqlerr.New(sqlerr.InvalidBinaryRepresentation, "malformed Protobuf: the record ends early")
	errProtoTag   = sqlerr.New(sqlerr.InvalidBinaryRepresentation, "malformed Protobuf: a field has no valid number or type")
	errProtoGroup = sqlerr.New(sqlerr.InvalidBinaryRepresentation, "malformed Protobuf: a group does not end")
	errProtoDeep  = sqlerr.New(sqlerr.StatementTooComplex, "the Protobuf message is nested more than %d deep", protoDepthMax)
)

// decode appends the row of one record.
func (r *protoReader) decode(p *protoProgram, src []byte, out *rows, record int) {
	r.rows, r.record, r.size, r.depth, r.row = out, record, len(src), 0, len(out.record)
	if len(r.held) < len(p.slots) {
		r.held = append(r.held, make([]protoHeld, len(p.slots)-len(r.held))...)
	}
	for i := range p.slots {
		h := &r.held[i]
		h.seen, h.owned, h.items = false, false, h.items[:0]
	}
	err := r.walk(p.top, src, 0)
	for i := range p.slots {
		if err != nil {
			break
		}
		if s := &p.slots[i]; s.direct && out.cols[s.col].Len() > r.row {
			continue
		} else if s.col >= 0 {
			err = r.put(p, &p.slots[i], &r.held[i], src)
		}
	}
	if err != nil {
		out.fail(record, sqlerr.From(err))
		return
	}
	out.done(record)
}

// uvarintAt reads a number at pos; next < 0: there is none.
func uvarintAt(src []byte, pos int) (v uint64, next int) {
	if uint(pos) < uint(len(src)) && src[pos] < 0x80 {
		return uint64(src[pos]), pos + 1
	}
	return uvarintSlow(src, pos)
}

func uvarintSlow(src []byte, pos int) (uint64, int) {
	if pos > len(src) {
		return 0, -1
	}
	u, n := binary.Uvarint(src[pos:])
	if n <= 0 {
		return 0, -1
	}
	return u, pos + n
}

// walk reads the fields of a message, which stands in src from pos to the end,
// into their slots.
func (r *protoReader) walk(s *protoStep, src []byte, pos int) error {
	for pos < len(src) {
		tag, next := uvarintAt(src, pos)
		if next < 0 || tag>>3 == 0 || tag>>3 > math.MaxInt32>>2 {
			return errProtoTag
		}
		pos = next
		a := s.find(int32(tag >> 3))
		switch {
		case a == nil:
			pos = protoSkip(src, pos, tag, 0)
		case tag&7 == a.wireType:
			var number uint64
			var lo, hi int
			if number, lo, hi, next = protoTake(src, pos, tag); next < 0 {
				return protoSkipError(next)
			}
			pos = next
			if a.direct != nil {
				r.direct(a, src, number, lo, hi)
			} else if a.only >= 0 {
				h := &r.held[a.only]
				h.seen, h.number, h.lo, h.hi = true, number, int32(lo), int32(hi)
			} else if err := r.keep(a, src, number, lo, hi); err != nil {
				return err
			}
		case tag&7 == wireBlob && a.field.repeated && a.field.wire < protoBlob:
			var b []byte
			if b, pos = protoBlobAt(src, pos); pos >= 0 {
				if err := r.packed(a, b); err != nil {
					return err
				}
			}
		default: // of another type than the schema's: unknown
			pos = protoSkip(src, pos, tag, 0)
		}
		if pos < 0 {
			return protoSkipError(pos)
		}
	}
	return nil
}

// direct puts a value into its column at once; of several the last holds.
func (r *protoReader) direct(a *protoAction, src []byte, number uint64, lo, hi int) {
	out, c := &r.rows.cols[a.only], a.direct
	if out.Len() > r.row {
		out.Pop()
	}
	var v raw
	if a.field.wire == protoBlob {
		if v.b = src[lo:hi]; c.how == howText && len(v.b) <= c.max && validText(v.b) {
			out.Bytes(v.b)
			return
		}
	} else if v = a.field.fromWire(number); c.how == howRange && v.i >= c.lo && v.i <= c.hi {
		out.Int(v.i + c.add)
		return
	}
	if err := c.put(out, v); err != nil {
		r.rows.misfit(int(a.only), r.record, err)
	}
}

// protoTake reads what follows a tag: a number, or where bytes are. next < 0 is
// protoSkip's.
func protoTake(src []byte, pos int, tag uint64) (number uint64, lo, hi, next int) {
	switch tag & 7 {
	case wireVarint:
		number, next = uvarintAt(src, pos)
		return number, 0, 0, next
	case wireFixed4:
		if len(src)-pos < 4 {
			return 0, 0, 0, -1
		}
		return uint64(binary.LittleEndian.Uint32(src[pos:])), 0, 0, pos + 4
	case wireFixed8:
		if len(src)-pos < 8 {
			return 0, 0, 0, -1
		}
		return binary.LittleEndian.Uint64(src[pos:]), 0, 0, pos + 8
	case wireStart:
		hi, next = protoGroupAt(src, pos, tag>>3, 1)
		return 0, pos, hi, next
	}
	n, lo := uvarintAt(src, pos)
	if lo < 0 || n > uint64(len(src)-lo) {
		return 0, 0, 0, -1
	}
	hi = lo + int(n)
	return 0, lo, hi, hi
}

// fromWire makes the value of a number field of what stands on the wire.
func (f *protoField) fromWire(u uint64) (v raw) {
	switch f.wire {
	case protoZigzag:
		if f.bits32 {
			u = uint64(uint32(u))
		}
		v.i = int64(u>>1) ^ -int64(u&1)
	case protoFixed32:
		switch {
		case f.kind == kindFloat:
			v.f = float64(math.Float32frombits(uint32(u)))
		case f.unsigned:
			v.i = int64(u)
		default:
			v.i = int64(int32(u))
		}
	case protoFixed64:
		if f.kind == kindDouble {
			v.f = math.Float64frombits(u)
		} else {
			v.i = int64(u)
		}
	default:
		switch {
		case f.kind == kindBool:
			if u != 0 {
				v.i = 1
			}
		case f.unsigned:
			v.i = int64(uint32(u))
		case f.bits32 || f.enum != nil:
			v.i = int64(int32(u))
		default:
			v.i = int64(u)
		}
	}
	return v
}

func (w protoWire) wireType() uint64 {
	return [...]uint64{protoVarint: wireVarint, protoZigzag: wireVarint, protoFixed32: wireFixed4, protoFixed64: wireFixed8,
		protoBlob: wireBlob, protoGroup: wireStart}[w]
}

// keep puts an occurrence of a field into its slots.
func (r *protoReader) keep(a *protoAction, src []byte, number uint64, lo, hi int) error {
	f := a.field
	for _, c := range a.clears {
		r.held[c].seen, r.held[c].owned = false, false
	}
	for _, at := range a.slots {
		h := &r.held[at]
		switch {
		case f.repeated && f.wire >= protoBlob:
			h.items = append(h.items, raw{b: src[lo:hi:hi]})
		case f.repeated:
			h.items = append(h.items, f.fromWire(number))
		case h.seen && f.msg != nil:
			// The occurrences of a message are one message: their bytes in a row.
			if !h.owned {
				h.own, h.owned = append(h.own[:0], src[h.lo:h.hi]...), true
			}
			h.own = append(h.own, src[lo:hi]...)
		default:
			h.number, h.lo, h.hi = number, int32(lo), int32(hi)
		}
		h.seen = true
	}
	if a.sub == nil {
		return nil
	}
	h := &r.held[a.sub.parent]
	if !h.seen && f.oneof >= 0 {
		r.forget(a.sub)
	}
	h.seen = true
	return r.walk(a.sub, src[:hi], lo)
}

// forget empties the slots below a message, an earlier occurrence of which
// another member of its oneof has replaced.
func (r *protoReader) forget(s *protoStep) {
	for i := range s.actions {
		for _, at := range s.actions[i].slots {
			r.held[at].seen, r.held[at].owned, r.held[at].items = false, false, r.held[at].items[:0]
		}
		if sub := s.actions[i].sub; sub != nil {
			r.held[sub.parent].seen = false
			r.forget(sub)
		}
	}
}

// packed reads repeated numbers that stand together.
func (r *protoReader) packed(a *protoAction, b []byte) error {
	for pos := 0; pos < len(b); {
		v, next := a.field.value(b, pos, a.wireType)
		if next < 0 {
			return errProtoShort
		}
		pos = next
		for _, at := range a.slots {
			r.held[at].items = append(r.held[at].items, v)
		}
	}
	return nil
}

// value reads an occurrence of a field, next < 0 is protoSkip's.
func (f *protoField) value(src []byte, pos int, tag uint64) (v raw, next int) {
	number, lo, hi, next := protoTake(src, pos, tag)
	if next < 0 {
		return v, next
	}
	if f.wire >= protoBlob {
		return raw{b: src[lo:hi:hi]}, next
	}
	return f.fromWire(number), next
}

func protoBlobAt(src []byte, pos int) ([]byte, int) {
	n, next := uvarintAt(src, pos)
	if next < 0 || n > uint64(len(src)-next) {
		return nil, -1
	}
	end := next + int(n)
	return src[next:end:end], end
}

// protoSkip goes over a field whose tag has been read. The answer is negative
// where it cannot: -1 the bytes end, -2 the type is none, -3 a group does not
// end, -4 groups are nested too deeply.
func protoSkip(src []byte, pos int, tag uint64, depth int) int {
	switch tag & 7 {
	case wireVarint:
		_, pos = uvarintAt(src, pos)
		return pos
	case wireFixed8:
		pos += 8
	case wireFixed4:
		pos += 4
	case wireBlob:
		_, pos = protoBlobAt(src, pos)
		return pos
	case wireStart:
		_, pos = protoGroupAt(src, pos, tag>>3, depth+1)
		return pos
	default:
		return -2
	}
	if pos > len(src) {
		return -1
	}
	return pos
}

// protoGroupAt finds the end of a group's fields, and of the group.
func protoGroupAt(src []byte, pos int, number uint64, depth int) (end, next int) {
	if depth > protoDepthMax {
		return 0, -4
	}
	for {
		tag, next := uvarintAt(src, pos)
		switch {
		case next < 0:
			return 0, -3
		case tag&7 == wireEnd && tag>>3 == number:
			return pos, next
		case tag&7 == wireEnd:
			return 0, -3
		case tag>>3 == 0:
			return 0, -2
		}
		if pos = protoSkip(src, next, tag, depth); pos < 0 {
			return 0, pos
		}
	}
}

func protoSkipError(at int) *sqlerr.Error {
	switch at {
	case -2:
		return errProtoTag
	case -3:
		return errProtoGroup
	case -4:
		return errProtoDeep
	}
	return errProtoShort
}

// put stores what a slot holds. The error is one of the record; a value that
// does not fit is a misfit.
func (r *protoReader) put(p *protoProgram, s *protoSlot, h *protoHeld, src []byte) error {
	out := &r.rows.cols[s.col]
	if s.how == protoPutNull || s.parent >= 0 && !r.present(p, s.parent) {
		out.Null()
		return nil
	}
	f := s.field
	switch s.how {
	case protoPutWhole:
		r.json.reset(r.size)
		if err := r.writeMessage(p.top.msg, src); err != nil {
			return err
		}
		out.Bytes(r.json.buf)
		return nil
	case protoPutJSON:
		if !h.seen && !f.repeated {
			out.Null()
			return nil
		}
		r.json.reset(r.size)
		if err := r.writeHeld(f, h, src); err != nil {
			return err
		}
		out.Bytes(r.json.buf)
		return nil
	case protoPutArray:
		return r.putArray(s, h)
	}
	v := f.zero
	if h.seen {
		v = h.raw(f, src)
	} else if f.presence {
		out.Null()
		return nil
	}
	if f.enum != nil || f.msg != nil {
		var err error
		if v, err = r.resolve(f, s.cell.kind, v); err != nil {
			if sqlerr.HasCode(err, sqlerr.InvalidBinaryRepresentation) {
				return err
			}
			r.rows.misfit(int(s.col), r.record, err)
			return nil
		}
	}
	if err := s.cell.put(out, v); err != nil {
		r.rows.misfit(int(s.col), r.record, err)
	}
	return nil
}

// present reports whether a message and those around it have been seen.
func (r *protoReader) present(p *protoProgram, slot int) bool {
	for ; slot >= 0; slot = p.slots[slot].parent {
		if !r.held[slot].seen {
			return false
		}
	}
	return true
}

func (r *protoReader) putArray(s *protoSlot, h *protoHeld) error {
	a := &r.array
	a.reset(s.cell.to.Base())
	for _, v := range h.items {
		v, err := r.resolve(s.field, s.cell.kind, v)
		var d types.Datum
		if err == nil {
			d, err = s.cell.datum(v)
		} else if sqlerr.HasCode(err, sqlerr.InvalidBinaryRepresentation) {
			return err
		}
		if err != nil {
			r.rows.misfit(int(s.col), r.record, err)
			return nil
		}
		a.value(d)
	}
	r.rows.cols[s.col].Bytes(a.bytes())
	return nil
}

// resolve makes the raw value of a kind of what stood on the wire: names of
// enums, and messages that stand for a scalar.
func (r *protoReader) resolve(f *protoField, k wireKind, v raw) (raw, error) {
	if f.enum != nil && k == kindText {
		v.b = r.symbol(f.enum, v.i)
		return v, nil
	}
	if f.msg == nil {
		return v, nil
	}
	switch f.msg.well {
	case wellWrapper:
		return r.wrapped(f.msg.fields[0], v.b)
	case wellTimestamp, wellDuration:
		return r.instant(f.msg.well, v.b)
	}
	return v, nil
}

// symbol is an enum's name for a number; a number without one is its digits.
func (r *protoReader) symbol(e *protoEnum, n int64) []byte {
	if name, ok := e.names[int32(n)]; ok {
		return name
	}
	r.digits = strconv.AppendInt(r.digits[:0], n, 10)
	return r.digits
}

// wrapped reads the one field of a wrapper.
func (r *protoReader) wrapped(f *protoField, b []byte) (raw, error) {
	out := f.zero
	for pos := 0; pos < len(b); {
		tag, next := uvarintAt(b, pos)
		if next < 0 || tag>>3 == 0 {
			return out, errProtoTag
		}
		if tag>>3 == uint64(f.number) && tag&7 == f.wire.wireType() {
			out, pos = f.value(b, next, tag)
		} else {
			pos = protoSkip(b, next, tag, 0)
		}
		if pos < 0 {
			return out, protoSkipError(pos)
		}
	}
	return out, nil
}

// instant reads a Timestamp or Duration.
func (r *protoReader) instant(well protoWell, b []byte) (v raw, err error) {
	secs, nanos, ok := instantParts(b)
	if !ok {
		if secs, nanos, err = instantFields(b); err != nil {
			return v, err
		}
	}
	micros := nanos / 1000
	if nanos%1000 < 0 {
		micros--
	}
	if secs > math.MaxInt64/1_000_001 || secs < math.MinInt64/1_000_001 {
		what := "timestamp"
		if well == wellDuration {
			what = "interval"
		}
		return v, sqlerr.New(sqlerr.DatetimeFieldOverflow, "%s out of range", what)
	}
	v.i = secs*1_000_000 + micros
	if well == wellDuration {
		v.b = types.AppendInterval(r.span[:0], types.IntervalValue{Micros: v.i})
	}
	return v, nil
}

// instantParts reads seconds and nanoseconds as encoders write them.
func instantParts(b []byte) (secs, nanos int64, ok bool) {
	if len(b) < 2 || b[0] != 1<<3 {
		return 0, 0, false
	}
	u, pos := uvarintAt(b, 1)
	if pos < 0 || pos == len(b) {
		return int64(u), 0, pos > 0
	}
	if b[pos] != 2<<3 {
		return 0, 0, false
	}
	n, pos := uvarintAt(b, pos+1)
	return int64(u), int64(int32(n)), pos == len(b)
}

// instantFields reads them in any order, with what else is there.
func instantFields(b []byte) (secs, nanos int64, err error) {
	for pos := 0; pos < len(b); {
		tag, next := uvarintAt(b, pos)
		if next < 0 || tag>>3 == 0 {
			return 0, 0, errProtoTag
		}
		var u uint64
		switch tag {
		case 1<<3 | wireVarint:
			u, pos = uvarintAt(b, next)
			secs = int64(u)
		case 2<<3 | wireVarint:
			u, pos = uvarintAt(b, next)
			nanos = int64(int32(u))
		default:
			pos = protoSkip(b, next, tag, 0)
		}
		if pos < 0 {
			return 0, 0, protoSkipError(pos)
		}
	}
	return secs, nanos, nil
}
