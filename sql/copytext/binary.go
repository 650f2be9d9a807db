package copytext

import (
	"encoding/binary"
	"math"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// The binary format: signature, flags (int32), length of an extension (int32) and
// the extension; for each row the number of fields (int16) and each field's length
// (int32, -1 = NULL) and bytes; -1 (int16) ends it. All is big-endian.
const (
	binarySignature = "PGCOPY\n\xff\r\n\x00"
	binaryHead      = len(binarySignature) + 8
	flagOIDs        = 1 << 16
	flagsCritical   = 0xffff0000
)

// BinaryDecoder turns the data of a COPY FROM in binary format into batches.
type BinaryDecoder struct {
	batching
	carry   []byte // the row, or the header, that goes over the edge of the chunks
	started bool
	opened  bool // the header is read
	ended   bool // the trailer was seen
	err     error
}

// NewBinaryDecoder makes the decoder of one COPY; the arguments are those of
// NewDecoder.
func NewBinaryDecoder(table string, columns []Column, env *types.Env) *BinaryDecoder {
	return &BinaryDecoder{batching: newBatching(table, columns, env)}
}

// Feed decodes the next bytes, cut anywhere. Full batches are given to emit,
// which owns them; its error is returned as it is. The chunk is not kept.
func (d *BinaryDecoder) Feed(chunk []byte, emit func(*vec.Batch) error) error {
	if d.err != nil || len(chunk) == 0 {
		return d.err
	}
	if !d.started {
		d.started = true
		d.begin(len(chunk))
	}
	if len(d.carry) > 0 {
		d.carry = append(d.carry, chunk...)
		chunk = d.carry
	}
	rest, err := d.decode(chunk, emit)
	if len(rest) < len(d.carry) || len(d.carry) == 0 { // else it is carry as it stands: a long row is not moved each time
		d.carry = append(d.carry[:0], rest...)
	}
	d.err = err
	return err
}

// Finish emits the last batch and returns the number of rows. The trailer may be
// missing, as PostgreSQL has it; half a row may not.
func (d *BinaryDecoder) Finish(emit func(*vec.Batch) error) (rows int64, err error) {
	switch {
	case d.err != nil:
	case !d.opened:
		d.err = d.errShortHeader(d.carry)
	case len(d.carry) > 0:
		d.err = d.context(errFormat("unexpected EOF in COPY data"))
	case d.batchN > 0:
		d.err = d.flush(emit)
	}
	return d.rows, d.err
}

// decode takes what is whole of b and returns the rest.
func (d *BinaryDecoder) decode(b []byte, emit func(*vec.Batch) error) (rest []byte, err error) {
	if !d.opened {
		n, err := d.header(b)
		if n == 0 || err != nil {
			return b, err
		}
		d.opened, b = true, b[n:]
	}
	for len(b) > 0 {
		if d.ended {
			return b, d.context(errFormat("received copy data after EOF marker"))
		}
		n, err := d.size(b)
		if n == 0 || err != nil {
			return b, err
		}
		if !d.ended {
			if err := d.row(b[2:n]); err != nil {
				return b, err
			}
			if err := d.rowDone(n, emit); err != nil {
				return b, err
			}
		}
		b = b[n:]
	}
	return b, nil
}

// header returns the length of the file header, 0 if not all of it is there.
func (d *BinaryDecoder) header(b []byte) (n int, err error) {
	k := min(len(b), len(binarySignature))
	if string(b[:k]) != binarySignature[:k] {
		return 0, d.context(errFormat("COPY file signature not recognized"))
	}
	if len(b) < binaryHead {
		return 0, nil
	}
	flags, more := binary.BigEndian.Uint32(b[len(binarySignature):]), int32(binary.BigEndian.Uint32(b[binaryHead-4:]))
	switch {
	case flags&flagOIDs != 0:
		return 0, d.context(errFormat("invalid COPY file header (WITH OIDS)"))
	case flags&flagsCritical != 0:
		return 0, d.context(errFormat("unrecognized critical flags in COPY file header"))
	case more < 0:
		return 0, d.context(errFormat("invalid COPY file header (missing length)"))
	case more > lineBytesMax:
		return 0, d.context(errFormat("invalid COPY file header (wrong length)"))
	case len(b)-binaryHead < int(more):
		return 0, nil
	}
	return binaryHead + int(more), nil
}

func (d *BinaryDecoder) errShortHeader(b []byte) error {
	what := "COPY file signature not recognized"
	switch n := len(b) - len(binarySignature); {
	case n < 0:
	case n < 4:
		what = "invalid COPY file header (missing flags)"
	case n < 8:
		what = "invalid COPY file header (missing length)"
	default:
		what = "invalid COPY file header (wrong length)"
	}
	return d.context(errFormat("%s", what))
}

// size returns the length of the row at the start of b, 0 if not all of it is
// there; it notes the trailer.
func (d *BinaryDecoder) size(b []byte) (n int, err error) {
	if len(b) < 2 {
		return 0, nil
	}
	switch count := int16(binary.BigEndian.Uint16(b)); {
	case count == -1:
		d.ended = true
		return 2, nil
	case int(count) != len(d.cols):
		return 0, d.context(errFormat("row field count is %d, expected %d", count, len(d.cols)))
	}
	n = 2
	for i := range d.cols {
		if len(b)-n < 4 {
			return 0, nil
		}
		field := int32(binary.BigEndian.Uint32(b[n:]))
		n += 4
		switch {
		case field < -1:
			return 0, d.inColumn(i, errFormat("invalid field size"))
		case int64(field)+int64(n) > lineBytesMax:
			return 0, d.inColumn(i, sqlerr.New(sqlerr.ProgramLimitExceeded, "row of COPY data is longer than %d bytes", lineBytesMax))
		case field > 0:
			n += int(field)
		}
		if n > len(b) {
			return 0, nil
		}
	}
	return n, nil
}

// row decodes the fields of a whole row.
func (d *BinaryDecoder) row(b []byte) error {
	for i := range d.cols {
		n := int32(binary.BigEndian.Uint32(b))
		b = b[4:]
		if n < 0 {
			d.setNull(i)
			continue
		}
		if err := d.cols[i].binary(b[:n:n]); err != nil {
			return d.inColumn(i, err)
		}
		b = b[n:]
	}
	if d.nullAt >= 0 {
		return d.context(d.errNull())
	}
	return nil
}

// context says which row err is about: the one after those that were decoded.
func (d *BinaryDecoder) context(err error) error {
	return where(err, "COPY %s, line %d", d.table, d.rows+1)
}

func (d *BinaryDecoder) inColumn(i int, err error) error {
	return where(err, "COPY %s, line %d, column %s", d.table, d.rows+1, d.cols[i].Name)
}

// binary takes a value in the type's binary form: frequent types here, the others,
// and all errors, by types.ParseBinary.
func (c *column) binary(b []byte) error {
	switch oid := c.Type.OID; {
	case oid == types.OIDInt8 && len(b) == 8:
		c.b.Int(int64(binary.BigEndian.Uint64(b)))
		return nil
	case oid == types.OIDInt4 && len(b) == 4:
		c.b.Int(int64(int32(binary.BigEndian.Uint32(b))))
		return nil
	case oid == types.OIDFloat8 && len(b) == 8:
		c.b.Float(math.Float64frombits(binary.BigEndian.Uint64(b)))
		return nil
	case c.kind == kindNumeric:
		if v, scale, ok := narrowBinary(b); ok && c.decimal(v, scale) {
			return nil
		}
	case isText(oid):
		if err := types.CheckUTF8(b); err != nil {
			return err
		}
		if c.kind == kindText && len(b) <= c.bytes {
			c.b.Bytes(b)
			return nil
		}
	case oid == types.OIDBytea:
		c.b.Bytes(b)
		return nil
	}
	v, err := types.ParseBinary(b, c.Type)
	if err != nil {
		return err
	}
	c.b.Datum(v)
	return nil
}

// isText reports the types whose binary form is text, or ends in it.
func isText(oid uint32) bool {
	switch oid {
	case types.OIDText, types.OIDVarchar, types.OIDBpchar, types.OIDName, types.OIDJSON, types.OIDJSONB:
		return true
	}
	return false
}

// narrowBinary reads a numeric's binary form as v × 10^-scale, if it is finite,
// well-formed and has no more than 18 digits.
func narrowBinary(b []byte) (v int64, scale int32, ok bool) {
	if len(b) < 8 {
		return 0, 0, false
	}
	n, weight := int(binary.BigEndian.Uint16(b)), int(int16(binary.BigEndian.Uint16(b[2:])))
	sign, digits := binary.BigEndian.Uint16(b[4:]), int(binary.BigEndian.Uint16(b[6:]))
	if len(b) != 8+2*n || sign != 0 && sign != 0x4000 || digits > narrowDigits || weight < -5 || 4*(weight+1)+digits > narrowDigits {
		return 0, 0, false
	}
	for i := range n {
		g := int64(binary.BigEndian.Uint16(b[8+2*i:]))
		e := 4*(weight-i) + digits // the group's place
		switch {
		case g > 9999:
			return 0, 0, false
		case e >= 0:
			v += g * pow10[e]
		case e > -4: // digits beyond the display scale are not part of the value
			v += g / pow10[-e]
		}
	}
	if sign != 0 {
		v = -v
	}
	return v, int32(digits), true
}
