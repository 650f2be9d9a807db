package format

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"

	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// The loops over the tokens of one column, a family of types each: what has no
// short way goes through datum.

func (c *converter) ints(out *rows, col int, b block) {
	to := &out.cols[col]
	lo, hi := intRange(c.t)
	for row, i := 0, col; row < len(b.record); row, i = row+1, i+b.stride {
		t := b.tokens[i]
		if t.kind == tokInt || t.kind == tokText && digitsOnly(b.data[t.start:t.end]) {
			if v, ok := shortIntAt(b.data, int(t.start), int(t.end)); ok && v >= lo && v <= hi {
				to.Int(v)
				continue
			}
		}
		c.slow(out, col, b, row, t)
	}
}

func intRange(t types.Type) (lo, hi int64) {
	switch t.OID {
	case types.OIDInt2:
		return -1 << 15, 1<<15 - 1
	case types.OIDInt4:
		return -1 << 31, 1<<31 - 1
	case types.OIDOid:
		return 0, 1<<32 - 1
	}
	return -1 << 63, 1<<63 - 1
}

func digitsOnly(b []byte) bool {
	if len(b) > 1 && b[0] == '-' {
		b = b[1:]
	}
	for _, c := range b {
		if c-'0' > 9 {
			return false
		}
	}
	return len(b) > 0
}

// shortInt reads up to 18 digits with an optional minus; the token has no others.
func shortInt(b []byte) (v int64, ok bool) {
	neg := b[0] == '-'
	if neg {
		b = b[1:]
	}
	if len(b) > 18 {
		return 0, false
	}
	for _, c := range b {
		v = v*10 + int64(c-'0')
	}
	if neg {
		v = -v
	}
	return v, true
}

// shortIntAt is shortInt of data[start:end]. Up to eight digits are read at once, with
// what stands before them taken for zeros.
func shortIntAt(data []byte, start, end int) (v int64, ok bool) {
	neg := data[start] == '-'
	if neg {
		start++
	}
	n := end - start
	if n > 8 || end < 8 || n == 0 {
		if neg {
			start--
		}
		return shortInt(data[start:end])
	}
	w := binary.LittleEndian.Uint64(data[end-8:end]) ^ ones*'0'
	w &= ^uint64(0) << (8 * (8 - n))
	w = (w*10 + w>>8) & 0x00ff00ff00ff00ff
	w = (w*100 + w>>16) & 0x0000ffff0000ffff
	w = (w*10000 + w>>32) & 0xffffffff
	if v = int64(w); neg {
		v = -v
	}
	return v, true
}

func (c *converter) texts(out *rows, col int, b block) {
	to := &out.cols[col]
	free := c.t.Mod < 0 && !c.decimal
	b.reserve(to, col, out.records)
	for row, i := 0, col; row < len(b.record); row, i = row+1, i+b.stride {
		if free {
			n := b.strings(to, i)
			if row, i = row+n, i+n*b.stride; row == len(b.record) {
				return
			}
		}
		t := b.tokens[i]
		switch {
		case t.kind == tokEscaped && free:
			text, err := unescape(c.buf[:0], b.data[t.start:t.end])
			if c.buf = text; err != nil {
				out.misfit(col, int(b.record[row]), err)
				continue
			}
			to.Bytes(text)
		default:
			c.slow(out, col, b, row, t)
		}
	}
}

// strings appends values from token i on, as long as they are strings without escapes,
// and returns how many that were.
func (b *block) strings(to *vec.Builder, i int) (n int) {
	data, off := to.Open()
	for ; i < len(b.tokens); i += b.stride {
		t := &b.tokens[i]
		if t.kind != tokString {
			break
		}
		start, size, at := int(t.start), int(t.end-t.start), len(data)
		if size <= 16 && start+16 <= len(b.data) && at+16 <= cap(data) {
			*(*[16]byte)(data[at : at+16]) = [16]byte(b.data[start : start+16]) // without a call
			data = data[:at+size]
		} else {
			data = append(data, b.data[start:start+size]...)
		}
		off = append(off, uint32(len(data)))
		n++
	}
	to.Close(data, off, n)
	return n
}

func (c *converter) floats(out *rows, col int, b block) {
	to := &out.cols[col]
	for row, i := 0, col; row < len(b.record); row, i = row+1, i+b.stride {
		t := b.tokens[i]
		if t.kind == tokInt || t.kind == tokNumber {
			if f, err := strconv.ParseFloat(view(b.data[t.start:t.end]), 64); err == nil && f != 0 {
				to.Float(f)
				continue
			}
		}
		c.slow(out, col, b, row, t)
	}
}

func (c *converter) numerics(out *rows, col int, b block) {
	to := &out.cols[col]
	for row, i := 0, col; row < len(b.record); row, i = row+1, i+b.stride {
		t := b.tokens[i]
		if t.kind == tokInt || t.kind == tokNumber || t.kind == tokString && !c.decimal || t.kind == tokText {
			if v, scale, ok := types.ParseNumericNarrow(b.data[t.start:t.end], c.t.Mod); ok {
				to.Numeric(v, scale)
				continue
			}
		}
		c.slow(out, col, b, row, t)
	}
}

func (c *converter) uuids(out *rows, col int, b block) {
	to := &out.cols[col]
	var u [16]byte
	for row, i := 0, col; row < len(b.record); row, i = row+1, i+b.stride {
		t := b.tokens[i]
		if t.kind == tokString && canonicalUUID(&u, b.data[t.start:t.end]) {
			to.Bytes(u[:])
			continue
		}
		c.slow(out, col, b, row, t)
	}
}

// canonicalUUID reads the usual form 8-4-4-4-12.
func canonicalUUID(u *[16]byte, b []byte) bool {
	if len(b) != 36 || b[8] != '-' || b[13] != '-' || b[18] != '-' || b[23] != '-' {
		return false
	}
	var digits [32]byte
	copy(digits[:], b[:8])
	copy(digits[8:], b[9:13])
	copy(digits[12:], b[14:18])
	copy(digits[16:], b[19:23])
	copy(digits[20:], b[24:])
	_, err := hex.Decode(u[:], digits[:])
	return err == nil
}
