package pgwire

import (
	"encoding/binary"
	"math"
	"strconv"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

const (
	outBytes      = 8 << 10
	flushBytes    = 64 << 10  // results are written when this much is there
	keepOutBytes  = 256 << 10 // a buffer grown beyond this by one row is given back
	dataBytesMax  = 1 << 30   // PostgreSQL's limit of a message
	formatText    = 0
	formatBinary  = 1
	noMessageOpen = -1
)

// outBuffer collects messages to the client. Those that are frequent are written
// by hand, the rest by pgproto3, all into the one buffer.
type outBuffer struct {
	buf  []byte
	open int // where the unfinished message begins, or noMessageOpen
}

// start begins a message; finish fills in its length.
func (o *outBuffer) start(typ byte) {
	if o.buf == nil {
		o.buf = make([]byte, 0, outBytes)
	}
	o.open = len(o.buf)
	o.buf = append(o.buf, typ, 0, 0, 0, 0)
}

func (o *outBuffer) finish() {
	binary.BigEndian.PutUint32(o.buf[o.open+1:], uint32(len(o.buf)-o.open-1))
	o.open = noMessageOpen
}

// abandon takes back the unfinished message, if there is one.
func (o *outBuffer) abandon() {
	if o.open != noMessageOpen && o.open < len(o.buf) {
		o.buf = o.buf[:o.open]
	}
	o.open = noMessageOpen
}

// sent empties the buffer.
func (o *outBuffer) sent() {
	if cap(o.buf) > keepOutBytes {
		o.buf = nil
		return
	}
	o.buf = o.buf[:0]
}

func (o *outBuffer) int16(v int) { o.buf = binary.BigEndian.AppendUint16(o.buf, uint16(v)) }

func (o *outBuffer) int32(v int) { o.buf = binary.BigEndian.AppendUint32(o.buf, uint32(v)) }

func (o *outBuffer) cstring(s string) {
	// A NUL would end the field early and shift all that follow.
	for i := range len(s) {
		if s[i] == 0 {
			s = s[:i]
			break
		}
	}
	o.buf = append(o.buf, s...)
	o.buf = append(o.buf, 0)
}

// bare sends a message without a body.
func (o *outBuffer) bare(typ byte) { o.buf = append(o.buf, typ, 0, 0, 0, 4) }

func (o *outBuffer) ready(s TxStatus) { o.buf = append(o.buf, 'Z', 0, 0, 0, 5, byte(s)) }

// message sends one of the rare messages. Their Encode fails only for what is
// too large for its length field, which none of these can be.
func (o *outBuffer) message(m pgproto3.BackendMessage) {
	if b, err := m.Encode(o.buf); err == nil {
		o.buf = b
	}
}

// complete sends CommandComplete, or EmptyQueryResponse.
func (o *outBuffer) complete(out Outcome) {
	if out.Verb == "" {
		o.bare('I')
		return
	}
	o.start('C')
	o.buf = append(o.buf, out.Verb...)
	if out.Rows >= 0 {
		if out.Verb == "INSERT" {
			o.buf = append(o.buf, " 0"...) // where once an OID stood
		}
		o.buf = append(o.buf, ' ')
		o.buf = strconv.AppendInt(o.buf, out.Rows, 10)
	}
	o.buf = append(o.buf, 0)
	o.finish()
}

// rowDescription describes a result set in the given formats (none: text).
func (o *outBuffer) rowDescription(cols []Column, formats []int16) {
	o.start('T')
	o.int16(len(cols))
	for i := range cols {
		col := &cols[i]
		o.cstring(col.Name)
		o.int32(int(col.TableOID))
		o.int16(int(col.Attr))
		o.int32(int(col.Type.OID))
		o.int16(col.Type.Len())
		mod := col.Type.Mod
		if col.Type.OID == types.OIDRecord {
			mod = -1 // says which fields it has, inside
		}
		o.int32(int(mod))
		o.int16(int(formatOf(formats, i)))
	}
	o.finish()
}

// formatOf is the format of column or parameter i by the protocol's rule: none
// given means text, one is for all.
func formatOf(formats []int16, i int) int16 {
	switch len(formats) {
	case 0:
		return formatText
	case 1:
		return formats[0]
	}
	return formats[i]
}

func (o *outBuffer) error(severity string, e *sqlerr.Error) {
	o.start('E')
	o.report(severity, e)
}

func (o *outBuffer) notice(severity string, e *sqlerr.Error) {
	o.start('N')
	o.report(severity, e)
}

func (o *outBuffer) report(severity string, e *sqlerr.Error) {
	o.reportField('S', severity)
	o.reportField('V', severity)
	o.reportField('C', string(e.Code))
	o.reportField('M', e.Message)
	o.reportField('D', e.Detail)
	o.reportField('H', e.Hint)
	if e.Position > 0 && e.Position <= math.MaxInt32 {
		o.reportField('P', strconv.Itoa(e.Position))
	}
	o.reportField('W', e.Where)
	o.reportField('s', e.Schema)
	o.reportField('t', e.Table)
	o.reportField('c', e.Column)
	o.reportField('d', e.DataType)
	o.reportField('n', e.Constraint)
	o.buf = append(o.buf, 0)
	o.finish()
}

func (o *outBuffer) reportField(code byte, s string) {
	if s == "" && code != 'M' {
		return
	}
	o.buf = append(o.buf, code)
	o.cstring(s)
}
