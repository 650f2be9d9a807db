package funcs

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// text1 and the like lift functions of Go strings.
func text1(f func(string) string) func(*Ctx, []types.Datum) (types.Datum, error) {
	return func(_ *Ctx, a []types.Datum) (types.Datum, error) { return types.String(f(a[0].S)), nil }
}

func text2(f func(a, b string) string) func(*Ctx, []types.Datum) (types.Datum, error) {
	return func(_ *Ctx, a []types.Datum) (types.Datum, error) { return types.String(f(a[0].S, a[1].S)), nil }
}

func textInt(f func(string) int) func(*Ctx, []types.Datum) (types.Datum, error) {
	return func(_ *Ctx, a []types.Datum) (types.Datum, error) { return types.Int(int64(f(a[0].S))), nil }
}

func stringRows() []Overload {
	t, i4, by := types.Text, types.Int4, types.Bytea
	rows := []Overload{
		kern("length", ts(t), i4, charLength, "Number of characters.", "length('jose') → 4"),
		fn("length", ts(bpcharT), i4, textInt(func(s string) int { return utf8.RuneCountInString(strings.TrimRight(s, " ")) }), "Number of characters without trailing blanks.", ""),
		fn("length", ts(by), i4, textInt(func(s string) int { return len(s) }), "Number of bytes.", ""),
		kern("char_length", ts(t), i4, charLength, "Number of characters.", "char_length('jose') → 4"),
		kern("character_length", ts(t), i4, charLength, "Number of characters.", ""),
		fn("octet_length", ts(t), i4, textInt(func(s string) int { return len(s) }), "Number of bytes.", "octet_length('jose') → 4"),
		fn("octet_length", ts(by), i4, textInt(func(s string) int { return len(s) }), "Number of bytes.", ""),
		fn("bit_length", ts(t), i4, textInt(func(s string) int { return 8 * len(s) }), "Number of bits.", "bit_length('jose') → 32"),
		fn("upper", ts(t), t, text1(strings.ToUpper), "In upper case.", "upper('tom') → TOM"),
		fn("lower", ts(t), t, text1(strings.ToLower), "In lower case.", "lower('TOM') → tom"),
		fn("initcap", ts(t), t, text1(initcap), "First letter of each word in upper case, the rest in lower.", "initcap('hi THOMAS') → Hi Thomas"),
		fn("reverse", ts(t), t, text1(reverse), "Characters in reverse order.", "reverse('abcde') → edcba"),
		fn("ascii", ts(t), i4, textInt(func(s string) int {
			if s == "" {
				return 0
			}
			r, _ := utf8.DecodeRuneInString(s)
			return int(r)
		}), "Code of the first character.", "ascii('x') → 120"),
		fn("chr", ts(i4), t, chr, "Character with the code.", "chr(65) → A"),
		fn("md5", ts(t), t, text1(func(s string) string { h := md5.Sum([]byte(s)); return hex.EncodeToString(h[:]) }), "MD5 hash, in hexadecimal.", "md5('abc') → 900150983cd24fb0d6963f7d28e17f72"),
		fn("md5", ts(by), t, text1(func(s string) string { h := md5.Sum([]byte(s)); return hex.EncodeToString(h[:]) }), "MD5 hash, in hexadecimal.", ""),
		fn("sha256", ts(by), by, text1(func(s string) string { h := sha256.Sum256([]byte(s)); return string(h[:]) }), "SHA-256 hash.", ""),
		fn("replace", ts(t, t, t), t, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			if a[1].S == "" {
				return a[0], nil
			}
			return bounded(strings.ReplaceAll(a[0].S, a[1].S, a[2].S))
		}, "All occurrences of the second argument replaced by the third.", "replace('abcdefabcdef', 'cd', 'XX') → abXXefabXXef"),
		fn("translate", ts(t, t, t), t, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			return types.String(translate(a[0].S, []rune(a[1].S), []rune(a[2].S))), nil
		}, "Each character that occurs in the second argument replaced by the one at the same place of the third, or removed.", "translate('12345', '143', 'ax') → a2x5"),
		fn("strpos", ts(t, t), i4, strpos, "Position of the second string in the first, from 1; 0: not there.", "strpos('high', 'ig') → 2"),
		fn("position", ts(t, t), i4, strpos, "Position of the second string in the first, from 1; 0: not there.", ""),
		fn("split_part", ts(t, t, i4), t, splitPart, "The n-th field between separators; from the end if n is negative.", "split_part('abc~@~def~@~ghi', '~@~', 2) → def"),
		fn("repeat", ts(t, i4), t, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			n := max(a[1].I, 0)
			if int64(len(a[0].S))*n > textBytesMax {
				return types.NullDatum, errLengthLimit
			}
			return types.String(strings.Repeat(a[0].S, int(n))), nil
		}, "The string n times.", "repeat('Pg', 4) → PgPgPgPg"),
		fn("starts_with", ts(t, t), types.Bool, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			return types.Boolean(strings.HasPrefix(a[0].S, a[1].S)), nil
		}, "Whether the string begins with the second.", "starts_with('alphabet', 'alph') → t"),
		fn("^@", ts(t, t), types.Bool, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			return types.Boolean(strings.HasPrefix(a[0].S, a[1].S)), nil
		}, "Whether the string begins with the second.", "'alphabet' ^@ 'alph' → t"),
		fn("left", ts(t, i4), t, func(_ *Ctx, a []types.Datum) (types.Datum, error) { return types.String(left(a[0].S, a[1].I)), nil },
			"The first n characters; all but the last -n if n is negative.", "left('abcde', 2) → ab"),
		fn("right", ts(t, i4), t, func(_ *Ctx, a []types.Datum) (types.Datum, error) { return types.String(right(a[0].S, a[1].I)), nil },
			"The last n characters; all but the first -n if n is negative.", "right('abcde', 2) → de"),
		fn("to_hex", ts(i4), t, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			return types.String(hexOf(uint64(uint32(a[0].I)))), nil
		}, "In hexadecimal.", "to_hex(255) → ff"),
		fn("to_hex", ts(types.Int8), t, func(_ *Ctx, a []types.Datum) (types.Datum, error) { return types.String(hexOf(uint64(a[0].I))), nil }, "In hexadecimal.", ""),
		fn("encode", ts(by, t), t, encode, "Bytes as text; the format is hex, base64 or escape.", `encode('123'::bytea, 'base64') → MTIz`),
		fn("convert_from", ts(by, types.Name), t, convertFrom, "Text from its bytes; of encodings only UTF8 is known.", `convert_from('\x74617274', 'UTF8') → tart`),
		fn("convert_to", ts(t, types.Name), by, convertTo, "The bytes of a text; of encodings only UTF8 is known.", `convert_to('tart', 'UTF8') → \x74617274`),
		fn("decode", ts(t, t), by, decode, "Bytes from text; the format is hex, base64 or escape.", `decode('MTIz', 'base64') → \x313233`),
		fn("quote_ident", ts(t), t, text1(quoteIdent), "Quoted, if need be, as a name in SQL.", `quote_ident('Foo bar') → "Foo bar"`),
		fn("quote_literal", ts(t), t, text1(quoteLiteral), "Quoted as a literal in SQL.", `quote_literal('O''Reilly') → 'O''Reilly'`),
	}
	nullable := fn("quote_nullable", ts(t), t, nil, "Quoted as a literal in SQL; NULL gives NULL as a word.", "quote_nullable(NULL) → NULL")
	nullable.NotStrict, nullable.Kernel = true, byDatumNulls(func(_ *Ctx, a []types.Datum) (types.Datum, error) {
		if a[0].Null {
			return types.String("NULL"), nil
		}
		return types.String(quoteLiteral(a[0].S)), nil
	})(t)
	rows = append(rows, nullable)
	for _, x := range []struct {
		name, doc, example string
		left, right        bool
	}{
		{"btrim", "Without the given characters (blanks) at both ends.", "btrim('xyxtrimyyx', 'xyz') → trim", true, true},
		{"ltrim", "Without the given characters (blanks) at the start.", "ltrim('zzzytest', 'xyz') → test", true, false},
		{"rtrim", "Without the given characters (blanks) at the end.", "rtrim('testxxzx', 'xyz') → test", false, true},
	} {
		trim := func(s, chars string) string {
			if x.left {
				s = strings.TrimLeft(s, chars)
			}
			if x.right {
				s = strings.TrimRight(s, chars)
			}
			return s
		}
		rows = append(rows,
			fn(x.name, ts(t, t), t, text2(trim), x.doc, x.example),
			fn(x.name, ts(t), t, text1(func(s string) string { return trim(s, " ") }), x.doc, ""))
	}
	rows = append(rows,
		fn("overlay", ts(t, t, i4, i4), t, func(_ *Ctx, a []types.Datum) (types.Datum, error) { return overlay(a[0].S, a[1].S, a[2].I, a[3].I) },
			"With a number of characters from a position on replaced.", "overlay('Txxxxas', 'hom', 2, 4) → Thomas"),
		fn("overlay", ts(t, t, i4), t, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			return overlay(a[0].S, a[1].S, a[2].I, int64(utf8.RuneCountInString(a[1].S)))
		}, "With as many characters as the new text has replaced from a position on.", "overlay('abcdef', 'ZZ', 3) → abZZef"))
	for _, name := range []string{"substring", "substr"} {
		rows = append(rows,
			fn(name, ts(t, i4), t, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
				s, _ := substring(a[0].S, a[1].I, 1<<40)
				return types.String(s), nil
			}, "From a position, counted from 1.", name+"('alphabet', 3) → phabet"),
			fn(name, ts(t, i4, i4), t, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
				s, err := substring(a[0].S, a[1].I, a[2].I)
				if err != nil {
					return types.NullDatum, err
				}
				return types.String(s), nil
			}, "From a position, counted from 1, a number of characters.", name+"('alphabet', 3, 2) → ph"))
	}
	for _, name := range []string{"lpad", "rpad"} {
		pad := func(s string, n int64, with string) (types.Datum, error) { return padded(name == "lpad", s, n, with) }
		rows = append(rows,
			fn(name, ts(t, i4, t), t, func(_ *Ctx, a []types.Datum) (types.Datum, error) { return pad(a[0].S, a[1].I, a[2].S) },
				"Filled up, or cut, to a length.", name+"('hi', 5, 'xy') → "+map[string]string{"lpad": "xyxhi", "rpad": "hixyx"}[name]),
			fn(name, ts(t, i4), t, func(_ *Ctx, a []types.Datum) (types.Datum, error) { return pad(a[0].S, a[1].I, " ") },
				"Filled up with blanks, or cut, to a length.", ""))
	}
	return append(rows, concatRows()...)
}

func bounded(s string) (types.Datum, error) {
	if len(s) > textBytesMax {
		return types.NullDatum, errLengthLimit
	}
	return types.String(s), nil
}

func charLength(_ *Ctx, n int, a []*vec.Vec) *vec.Vec {
	out := &vec.Vec{Type: types.Int4, N: n, Ints: make([]int64, n)}
	for i := range n {
		out.Ints[i] = int64(utf8.RuneCount(a[0].Bytes(i)))
	}
	return out
}

func initcap(s string) string {
	word := false
	return strings.Map(func(r rune) rune {
		was := word
		word = unicode.IsLetter(r) || unicode.IsDigit(r)
		if was {
			return unicode.ToLower(r)
		}
		return unicode.ToUpper(r)
	}, s)
}

func reverse(s string) string {
	r := []rune(s)
	for i, j := 0, len(r)-1; i < j; i, j = i+1, j-1 {
		r[i], r[j] = r[j], r[i]
	}
	return string(r)
}

func chr(_ *Ctx, a []types.Datum) (types.Datum, error) {
	switch n := a[0].I; {
	case n == 0:
		return types.NullDatum, sqlerr.New(sqlerr.ProgramLimitExceeded, "null character not permitted")
	case n < 0:
		return types.NullDatum, sqlerr.New(sqlerr.InvalidParameterValue, "character number must be positive")
	case n > unicode.MaxRune || n >= 0xd800 && n < 0xe000:
		return types.NullDatum, sqlerr.New(sqlerr.ProgramLimitExceeded, "requested character not valid for encoding: %d", n)
	default:
		return types.String(string(rune(n))), nil
	}
}

func translate(s string, from, to []rune) string {
	return strings.Map(func(r rune) rune {
		for i, f := range from {
			if f == r {
				if i < len(to) {
					return to[i]
				}
				return -1
			}
		}
		return r
	}, s)
}

func strpos(_ *Ctx, a []types.Datum) (types.Datum, error) {
	i := strings.Index(a[0].S, a[1].S)
	if i < 0 {
		return types.Int(0), nil
	}
	return types.Int(int64(utf8.RuneCountInString(a[0].S[:i])) + 1), nil
}

func splitPart(_ *Ctx, a []types.Datum) (types.Datum, error) {
	n := int(a[2].I)
	if n == 0 {
		return types.NullDatum, sqlerr.New(sqlerr.InvalidParameterValue, "field position must not be zero")
	}
	parts := []string{a[0].S}
	if a[1].S != "" {
		parts = strings.Split(a[0].S, a[1].S)
	}
	if n < 0 {
		n += len(parts) + 1
	}
	if n < 1 || n > len(parts) {
		return types.String(""), nil
	}
	return types.String(parts[n-1]), nil
}

// runeAt is the byte offset of character n (from 0), len(s) beyond the end.
func runeAt(s string, n int64) int {
	if n <= 0 {
		return 0
	}
	for i := range s {
		if n == 0 {
			return i
		}
		n--
	}
	return len(s)
}

func left(s string, n int64) string {
	if n < 0 {
		n = max(int64(utf8.RuneCountInString(s))+n, 0)
	}
	return s[:runeAt(s, n)]
}

func right(s string, n int64) string {
	if n >= 0 {
		n = max(int64(utf8.RuneCountInString(s))-n, 0)
	} else {
		n = -n
	}
	return s[runeAt(s, n):]
}

// substring has count characters from position start (1 = first; positions
// before the string count too).
func substring(s string, start, count int64) (string, *sqlerr.Error) {
	if count < 0 {
		return "", errSubstrNeg
	}
	end := start + count
	if end <= 1 {
		return "", nil
	}
	start = max(start, 1)
	from := runeAt(s, start-1)
	return s[from : from+runeAt(s[from:], end-start)], nil
}

// overlay replaces count characters from position start by with.
func overlay(s, with string, start, count int64) (types.Datum, error) {
	if start <= 0 {
		return types.NullDatum, errSubstrNeg
	}
	head := s[:runeAt(s, start-1)]
	tail, _ := substring(s, start+count, 1<<40)
	return bounded(head + with + tail)
}

func padded(before bool, s string, n int64, with string) (types.Datum, error) {
	if n*4 > textBytesMax {
		return types.NullDatum, errLengthLimit
	}
	n = max(n, 0)
	missing := n - int64(utf8.RuneCountInString(s))
	if missing <= 0 {
		return types.String(s[:runeAt(s, n)]), nil
	}
	fill := []rune(with)
	if len(fill) == 0 {
		return types.String(s), nil
	}
	var b strings.Builder
	if !before {
		b.WriteString(s)
	}
	for i := range missing {
		b.WriteRune(fill[i%int64(len(fill))])
	}
	if before {
		b.WriteString(s)
	}
	return types.String(b.String()), nil
}

func hexOf(v uint64) string {
	const digits = "0123456789abcdef"
	b := []byte{}
	for {
		b = append([]byte{digits[v&15]}, b...)
		if v >>= 4; v == 0 {
			return string(b)
		}
	}
}

func encode(_ *Ctx, a []types.Datum) (types.Datum, error) {
	switch strings.ToLower(a[1].S) {
	case "hex":
		return types.String(hex.EncodeToString([]byte(a[0].S))), nil
	case "base64":
		s := base64.StdEncoding.EncodeToString([]byte(a[0].S))
		var b strings.Builder
		for len(s) > 76 {
			b.WriteString(s[:76] + "\n")
			s = s[76:]
		}
		b.WriteString(s)
		return types.String(b.String()), nil
	case "escape":
		var b strings.Builder
		for i := range len(a[0].S) {
			switch c := a[0].S[i]; {
			case c == 0 || c >= 0x80:
				b.Write([]byte{'\\', '0' + c>>6, '0' + c>>3&7, '0' + c&7})
			case c == '\\':
				b.WriteString(`\\`)
			default:
				b.WriteByte(c)
			}
		}
		return types.String(b.String()), nil
	}
	return types.NullDatum, sqlerr.New(sqlerr.InvalidParameterValue, "unrecognized encoding: %q", a[1].S)
}

func convertFrom(_ *Ctx, a []types.Datum) (types.Datum, error) {
	if err := utf8Name("source", a[1].S); err != nil {
		return types.NullDatum, err
	}
	return a[0], types.CheckUTF8([]byte(a[0].S))
}

func convertTo(_ *Ctx, a []types.Datum) (types.Datum, error) {
	return a[0], utf8Name("destination", a[1].S)
}

// utf8Name refuses the names of other encodings; PostgreSQL looks at letters and
// digits alone.
func utf8Name(what, name string) error {
	bare := strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == ' ' {
			return -1
		}
		return r
	}, strings.ToLower(name))
	switch bare {
	case "utf8", "unicode":
		return nil
	case "latin1", "iso88591", "sqlascii", "win1252", "win1251", "latin9", "iso885915", "eucjp", "sjis", "big5", "gbk", "gb18030", "euckr", "koi8r":
		return sqlerr.New(sqlerr.FeatureNotSupported, "encoding %q is not supported", name).WithHint("All text is UTF8; encode() shows bytes of other encodings.")
	}
	return sqlerr.New(sqlerr.InvalidParameterValue, "invalid %s encoding name \"%s\"", what, name)
}

func decode(_ *Ctx, a []types.Datum) (types.Datum, error) {
	noSpace := func(r rune) rune {
		if r == ' ' || r == '\n' || r == '\t' || r == '\r' {
			return -1
		}
		return r
	}
	switch strings.ToLower(a[1].S) {
	case "hex":
		b, err := hex.DecodeString(strings.Map(noSpace, a[0].S))
		if err != nil {
			return types.NullDatum, sqlerr.New(sqlerr.InvalidParameterValue, "invalid hexadecimal data")
		}
		return types.String(string(b)), nil
	case "base64":
		b, err := base64.StdEncoding.DecodeString(strings.Map(noSpace, a[0].S))
		if err != nil {
			return types.NullDatum, sqlerr.New(sqlerr.InvalidParameterValue, "invalid base64 end sequence")
		}
		return types.String(string(b)), nil
	case "escape":
		return types.ParseText(a[0].S, types.Bytea, nil)
	}
	return types.NullDatum, sqlerr.New(sqlerr.InvalidParameterValue, "unrecognized encoding: %q", a[1].S)
}

func quoteIdent(s string) string {
	plain := s != "" && (s[0] < '0' || s[0] > '9')
	for i := range len(s) {
		c := s[i]
		plain = plain && (c == '_' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9')
	}
	if plain && !reserved[s] {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}

// reserved are the words that cannot stand bare as a name.
var reserved = func() map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(`all analyse analyze and any array as asc asymmetric authorization between bigint binary bit
		boolean both case cast char character check coalesce collate collation column concurrently constraint create cross
		current_catalog current_date current_role current_schema current_time current_timestamp current_user dec decimal default
		deferrable desc distinct do else end except exists extract false fetch float for foreign freeze from full grant
		greatest group grouping having ilike in initially inner inout int integer intersect interval into is isnull join
		lateral leading least left like limit localtime localtimestamp national natural nchar none normalize not notnull null
		nullif numeric offset on only or order out outer overlaps overlay placing position precision primary real references
		returning right row select session_user setof similar smallint some substring symmetric table tablesample then time
		timestamp to trailing treat trim true union unique user using values varchar variadic verbose when where window with
		xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable`) {
		m[w] = true
	}
	return m
}()

func quoteLiteral(s string) string {
	q := "'" + strings.ReplaceAll(s, "'", "''") + "'"
	if strings.Contains(q, `\`) {
		q = " E" + strings.ReplaceAll(q, `\`, `\\`)
		return q[1:]
	}
	return q
}
