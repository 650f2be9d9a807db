package pgwire

import (
	"encoding/binary"
	"io"

	"github.com/tarndb/tarn/sql/sqlerr"
)

const (
	readBytes      = 16 << 10  // one read takes a burst of Bind, Execute, Sync
	bulkReadBytes  = 256 << 10 // while COPY data comes in
	keepBytesMax   = 64 << 10  // buffers beyond this are given back when empty
	smallBodyBytes = 10_000    // bound for messages that carry names at most
	startupBytes   = 10_000
)

// reader cuts the input into messages, in place: a body is a slice of the
// buffer, valid until the next message is asked for.
type reader struct {
	src          io.Reader
	buf          []byte
	r, w         int // unread bytes are buf[r:w]
	bodyBytesMax int
	bulk         bool
}

// need waits until n bytes are unread. The buffer grows with what has arrived,
// not with what a length field promises.
func (in *reader) need(n int) error {
	for in.w-in.r < n {
		if in.r == in.w {
			in.r, in.w = 0, 0
			in.rightSize()
		}
		if in.r+n > len(in.buf) && in.r > 0 {
			in.w = copy(in.buf, in.buf[in.r:in.w])
			in.r = 0
		}
		if in.w == len(in.buf) {
			grown := make([]byte, max(readBytes, min(2*len(in.buf), max(n, readBytes))))
			copy(grown, in.buf[:in.w])
			in.buf = grown
		}
		k, err := in.src.Read(in.buf[in.w:])
		in.w += k
		if err != nil {
			return err
		}
	}
	return nil
}

// rightSize replaces the empty buffer if it is too small or wastefully large.
func (in *reader) rightSize() {
	switch {
	case in.bulk && len(in.buf) < bulkReadBytes:
		in.buf = make([]byte, bulkReadBytes)
	case !in.bulk && len(in.buf) > keepBytesMax, len(in.buf) == 0:
		in.buf = make([]byte, readBytes)
	}
}

// take returns the next n bytes, which need has seen.
func (in *reader) take(n int) []byte {
	b := in.buf[in.r : in.r+n : in.r+n]
	in.r += n
	return b
}

// bodyMax is how long a message of that type may be; 0 for one that a client may
// not send.
func (in *reader) bodyMax(typ byte) int {
	switch typ {
	case 'Q', 'P', 'B', 'd', 'F':
		return in.bodyBytesMax
	case 'D', 'E', 'C', 'S', 'H', 'X', 'c', 'f':
		return min(smallBodyBytes, in.bodyBytesMax)
	}
	return 0
}

// header looks at the header of the next message, which is not taken; the
// errors are fatal, as nothing says where the message after it begins.
func (in *reader) header() (typ byte, size int, err error) {
	typ = in.buf[in.r]
	limit := in.bodyMax(typ)
	if limit == 0 {
		return 0, 0, sqlerr.New(sqlerr.ProtocolViolation, "invalid frontend message type %d", typ)
	}
	length := int64(int32(binary.BigEndian.Uint32(in.buf[in.r+1:])))
	if length < 4 || length-4 > int64(limit) {
		return 0, 0, sqlerr.New(sqlerr.ProtocolViolation, "invalid message length").
			WithDetail("A message of type %q has %d bytes; the limit is %d.", typ, length, limit)
	}
	return typ, int(length) - 4, nil
}

// message waits for the next message.
func (in *reader) message() (typ byte, body []byte, err error) {
	if err := in.need(5); err != nil {
		return 0, nil, err
	}
	typ, size, err := in.header()
	if err != nil {
		return 0, nil, err
	}
	if err := in.need(5 + size); err != nil {
		return 0, nil, err
	}
	in.take(5)
	return typ, in.take(size), nil
}

// mergeCopyData adds to body, the body of the CopyData message just taken, those
// of the CopyData messages that have already arrived whole, by closing the gaps
// that their headers leave. Clients that send a line a message (libpq) would
// otherwise cost a call each.
func (in *reader) mergeCopyData(body []byte) []byte {
	start, end := in.r-len(body), in.r
	for in.w-in.r >= 5 && in.buf[in.r] == 'd' {
		_, size, err := in.header()
		if err != nil || in.w-in.r < 5+size {
			break // waited for, or reported, by the next message()
		}
		end += copy(in.buf[end:], in.buf[in.r+5:in.r+5+size])
		in.r += 5 + size
	}
	return in.buf[start:end:end]
}

// fields reads the parts of a message body. A short body sets bad; what it
// returns after that means nothing.
type fields struct {
	b   []byte
	bad bool
}

// cstring returns the bytes up to the next NUL.
func (f *fields) cstring() []byte {
	for i, x := range f.b {
		if x == 0 {
			s := f.b[:i]
			f.b = f.b[i+1:]
			return s
		}
	}
	f.bad, f.b = true, nil
	return nil
}

func (f *fields) bytes(n int) []byte {
	if n < 0 || n > len(f.b) {
		f.bad, f.b = true, nil
		return nil
	}
	b := f.b[:n:n]
	f.b = f.b[n:]
	return b
}

func (f *fields) byte() byte {
	if b := f.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (f *fields) int16() int {
	if b := f.bytes(2); b != nil {
		return int(binary.BigEndian.Uint16(b)) // counts are unsigned
	}
	return 0
}

func (f *fields) int32() int32 {
	if b := f.bytes(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

// end reports a body that was short or has bytes left.
func (f *fields) end() error {
	if f.bad || len(f.b) > 0 {
		return errFormat
	}
	return nil
}

var errFormat = sqlerr.New(sqlerr.ProtocolViolation, "invalid message format")
