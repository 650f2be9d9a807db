package format

import (
	"bytes"
	"encoding/hex"
	"math"
	"slices"
	"strconv"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// jsonText writes jsonb's normalised text (types.ParseJSONB) of nested values as
// they are read: no tree, no parsing. Members of an object are written in the
// order in which they come and put into jsonb's order when it ends.
type jsonText struct {
	buf  []byte
	tmp  []byte
	segs []jsonSeg
	// max bounds the text: a byte of a record may stand for a long field name.
	max int
}

// jsonSeg is a member that has been written: buf[start:end] is its value.
type jsonSeg struct {
	key        []byte
	start, end int
}

const (
	jsonDepthMax = 256
	jsonBytesMax = 256 << 20 // PostgreSQL's bound of a jsonb
)

// reset begins a new text made from n bytes.
func (j *jsonText) reset(n int) {
	j.buf, j.segs = j.buf[:0], j.segs[:0]
	j.max = min(1<<20+256*n, jsonBytesMax)
}

func (j *jsonText) check() error {
	if len(j.buf) > j.max {
		return sqlerr.New(sqlerr.ProgramLimitExceeded, "the text of a nested value grows beyond %d bytes", j.max)
	}
	return nil
}

// begin starts an object; the mark goes to end.
func (j *jsonText) begin() (mark int) { return len(j.segs) }

// member starts a member's value; done ends it. The key is kept until end.
func (j *jsonText) member(key []byte) { j.segs = append(j.segs, jsonSeg{key: key, start: len(j.buf)}) }

func (j *jsonText) done(seg int) { j.segs[seg].end = len(j.buf) }

// end writes the object whose members have come since begin, which was called
// when buf was at bytes long.
func (j *jsonText) end(mark, at int) error {
	segs := j.segs[mark:]
	slices.SortStableFunc(segs, func(a, b jsonSeg) int {
		if len(a.key) != len(b.key) {
			return len(a.key) - len(b.key)
		}
		return bytes.Compare(a.key, b.key)
	})
	t := append(j.tmp[:0], '{')
	for i, s := range segs {
		if i+1 < len(segs) && bytes.Equal(segs[i+1].key, s.key) {
			continue // the last one holds
		}
		if len(t) > 1 {
			t = append(t, ", "...)
		}
		t = appendJSONKey(t, s.key)
		t = append(t, ": "...)
		t = append(t, j.buf[s.start:s.end]...)
	}
	t = append(t, '}')
	j.tmp = t
	j.buf = append(j.buf[:at], t...)
	j.segs = j.segs[:mark]
	return j.check()
}

func (j *jsonText) null() { j.buf = append(j.buf, "null"...) }

// scalar writes a value as to_jsonb does.
func (j *jsonText) scalar(k wireKind, scale int32, v raw) (err error) {
	j.buf, err = appendRawJSON(j.buf, k, scale, v)
	return err
}

// appendJSONKey is appendJSONText for keys, which are mostly plain names.
func appendJSONKey(dst, key []byte) []byte { return appendJSONText(dst, key) }

// appendJSONText writes valid UTF-8 as a JSON string.
func appendJSONText(dst, s []byte) []byte {
	for _, c := range s {
		if c < 0x20 || c == '"' || c == '\\' {
			return types.AppendJSONString(dst, string(s))
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}

func appendRawJSON(dst []byte, k wireKind, scale int32, v raw) ([]byte, error) {
	switch k {
	case kindBool:
		return strconv.AppendBool(dst, v.i != 0), nil
	case kindInt, kindLong:
		return strconv.AppendInt(dst, v.i, 10), nil
	case kindUint:
		return strconv.AppendUint(dst, uint64(v.i), 10), nil
	case kindFloat:
		return appendJSONFloat(dst, v.f, 32), nil
	case kindDouble:
		return appendJSONFloat(dst, v.f, 64), nil
	case kindText:
		if !validText(v.b) {
			return dst, errText(v.b)
		}
		return appendJSONText(dst, v.b), nil
	case kindBytes:
		dst = append(dst, `"\\x`...)
		dst = hex.AppendEncode(dst, v.b)
		return append(dst, '"'), nil
	}
	d, err := naturalDatum(k, scale, v)
	if err != nil {
		return dst, err
	}
	s, err := types.ToJSON(d, naturalType(k, 0, 0), nil)
	return append(dst, s...), err
}

// appendJSONFloat writes the shortest digits that read back as the same float,
// without exponent; what is no number is a string, as to_jsonb has it.
func appendJSONFloat(dst []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(dst, `"-Infinity"`...)
	case f == 0:
		return append(dst, '0')
	}
	return strconv.AppendFloat(dst, f, 'f', -1, bits)
}
