package format

import (
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
			if v, ok := shortInt(b.data[t.start:t.end]); ok && v >= lo && v <= hi {
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
	for ; i < len(b.tokens); i += b.stride {
		t := &b.tokens[i]
		if t.kind != tokString {
			break
		}
		to.Span(b.data[t.start:t.end])
		n++
	}
	to.Spans(n)
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
