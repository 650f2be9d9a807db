package format

import (
	"encoding/base64"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// openCell takes a value of the Open Protocol apart: {"t": MySQL's type, "f": flags,
// "v": the value}. How bytes and long texts are written depends on the type.
type openCell struct {
	tree *jsonNode
	row  [3]token
	buf  []byte
}

const (
	cellType = iota
	cellFlags
	cellValue
)

// The types whose values are written in another way than a column of theirs is
// read.
const (
	mysqlVarchar    = 15
	mysqlTinyBlob   = 249 // also tinytext, and so on
	mysqlBlob       = 252
	mysqlVarString  = 253
	mysqlString     = 254
	cellFlagsBinary = 1
)

func newOpenCell() *openCell {
	f := func(name string) field { return field{Paths: [][]string{{name}}} }
	return &openCell{tree: newJSONTree([]field{f("t"), f("f"), f("v")})}
}

// openDatum converts the value of a cell.
func (c *converter) openDatum(data []byte, t token) (types.Datum, error) {
	x := c.open
	if t.kind != tokObject {
		return types.NullDatum, sqlerr.New(sqlerr.InvalidTextRepresentation, "a value with its type was expected, not \"%s\"", excerpt(data[t.start:t.end]))
	}
	x.row = [3]token{}
	s := jsonScan{data: data, pos: int(t.start), end: int(t.end), row: x.row[:]}
	if !s.value(x.tree, false) {
		return types.NullDatum, s.err(int(t.start)) // it has been read once, so that this cannot be
	}
	number := func(at int) int {
		n, _ := strconv.Atoi(string(data[x.row[at].start:x.row[at].end]))
		return n
	}
	v, isText := x.row[cellValue], false
	if v.kind == tokString || v.kind == tokEscaped {
		isText = true
	}
	switch typ := number(cellType); {
	case !isText:
	case typ >= mysqlTinyBlob && typ <= mysqlBlob:
		return c.openBytes(data, v, false)
	case (typ == mysqlVarchar || typ == mysqlVarString || typ == mysqlString) && number(cellFlags)&cellFlagsBinary != 0:
		return c.openBytes(data, v, true)
	}
	return c.plain(data, v)
}

// openBytes converts a text that stands for bytes: base64, or, quoted, with escapes
// as in a string of Go.
func (c *converter) openBytes(data []byte, v token, quoted bool) (types.Datum, error) {
	x := c.open
	raw := data[v.start:v.end]
	text, err := unescape(nil, raw)
	if err != nil {
		return types.NullDatum, err
	}
	if quoted {
		var s string
		if s, err = unquoteGo(string(text)); err == nil {
			x.buf = append(x.buf[:0], s...)
		}
	} else {
		x.buf, err = base64.StdEncoding.AppendDecode(x.buf[:0], text)
	}
	if err != nil {
		return types.NullDatum, c.wrong(raw)
	}
	if c.t.OID == types.OIDBytea {
		return types.String(view(x.buf)), nil
	}
	if !utf8.Valid(x.buf) {
		return types.NullDatum, errUTF8(x.buf)
	}
	if strings.IndexByte(view(x.buf), 0) >= 0 {
		return types.NullDatum, sqlerr.New(sqlerr.CharacterNotInRepertoire, "invalid byte sequence for encoding \"UTF8\": 0x00")
	}
	return c.plain(x.buf, token{end: uint32(len(x.buf)), kind: tokText})
}

// unquoteGo takes the escapes of a string of Go away, whose quotes it lacks.
func unquoteGo(s string) (string, error) {
	if strings.IndexByte(s, '\\') < 0 {
		return s, nil
	}
	return strconv.Unquote("\"" + s + "\"")
}
