// Package copytext reads and writes the text and csv formats of COPY, as
// PostgreSQL 15 has them, bytes to column batches and back, and reads its binary
// format (a row of which is written as the wire writes rows).
//
// Invariants
//   - Data may be cut anywhere: feeding it byte by byte gives the same rows, the
//     same errors and the same line numbers as feeding it whole.
//   - An error ends a decode for good; what was emitted before it is the
//     caller's to undo.
//   - Memory is bounded: one line of at most lineBytesMax and one batch.
//   - Nothing is allocated per row for the common types (value.go says which);
//     all others go through types.ParseText and types.AppendText.
package copytext

import (
	"strings"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// Header says whether the first line holds the names of the columns.
type Header uint8

// The choices of HEADER.
const (
	HeaderOff   Header = iota
	HeaderOn           // written, or skipped on input
	HeaderMatch        // on input: must be the names of the columns
)

// Options are those of COPY, complete: start from Defaults and set what the
// statement names.
type Options struct {
	Binary    bool // the others are then as Defaults has them
	CSV       bool
	Delimiter byte
	Null      string
	Header    Header
	Quote     byte // csv only, else 0
	Escape    byte // csv only, else 0; equal to Quote unless given
	// The columns with FORCE_QUOTE (all of them for *), FORCE_NOT_NULL and
	// FORCE_NULL, as indexes into the columns of the COPY.
	ForceQuote, ForceNotNull, ForceNull []int
	Encoding                            string // "" or a name of UTF-8
}

// Defaults are the options of COPY without options, in either format.
func Defaults(csv bool) Options {
	if csv {
		return Options{CSV: true, Delimiter: ',', Quote: '"', Escape: '"'}
	}
	return Options{Delimiter: '\t', Null: `\N`}
}

// OneByte takes the value of the option what (delimiter, quote, escape), which
// must be a single byte.
func OneByte(what, value string) (byte, error) {
	if len(value) != 1 {
		return 0, sqlerr.New(sqlerr.FeatureNotSupported, "COPY %s must be a single one-byte character", what)
	}
	return value[0], nil
}

// Validate checks the options against each other, for COPY FROM or COPY TO.
func (o Options) Validate(from bool) error {
	bad := func(code sqlerr.Code, text string) error { return sqlerr.New(code, "%s", text) }
	invalid, unsupported := sqlerr.InvalidParameterValue, sqlerr.FeatureNotSupported
	switch {
	case o.Header == HeaderMatch && !from:
		return bad(unsupported, `cannot use "match" with HEADER in COPY TO`)
	case o.Delimiter == '\n' || o.Delimiter == '\r':
		return bad(invalid, "COPY delimiter cannot be newline or carriage return")
	case strings.ContainsAny(o.Null, "\r\n"):
		return bad(invalid, "COPY null representation cannot use newline or carriage return")
	case !o.CSV && strings.IndexByte("\\.abcdefghijklmnopqrstuvwxyz0123456789", o.Delimiter) >= 0:
		return sqlerr.New(invalid, "COPY delimiter cannot be \"%c\"", o.Delimiter)
	case !o.CSV && o.Quote != 0:
		return bad(unsupported, "COPY quote available only in CSV mode")
	case o.CSV && o.Delimiter == o.Quote:
		return bad(invalid, "COPY delimiter and quote must be different")
	case !o.CSV && o.Escape != 0:
		return bad(unsupported, "COPY escape available only in CSV mode")
	case !o.CSV && o.ForceQuote != nil:
		return bad(unsupported, "COPY force quote available only in CSV mode")
	case o.ForceQuote != nil && from:
		return bad(unsupported, "COPY force quote only available using COPY TO")
	case !o.CSV && o.ForceNotNull != nil:
		return bad(unsupported, "COPY force not null available only in CSV mode")
	case o.ForceNotNull != nil && !from:
		return bad(unsupported, "COPY force not null only available using COPY FROM")
	case !o.CSV && o.ForceNull != nil:
		return bad(unsupported, "COPY force null available only in CSV mode")
	case o.ForceNull != nil && !from:
		return bad(unsupported, "COPY force null only available using COPY FROM")
	case strings.IndexByte(o.Null, o.Delimiter) >= 0:
		return bad(unsupported, "COPY delimiter must not appear in the NULL specification")
	case o.CSV && strings.IndexByte(o.Null, o.Quote) >= 0:
		return bad(unsupported, "CSV quote character must not appear in the NULL specification")
	}
	return o.checkEncoding()
}

func (o Options) checkEncoding() error {
	plain := strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(o.Encoding))
	switch plain {
	case "", "utf8", "unicode":
		return nil
	}
	return sqlerr.New(sqlerr.FeatureNotSupported, "COPY with encoding \"%s\" is not supported", o.Encoding).
		WithHint("Convert the data to UTF-8, or have the client do it.")
}

// Column is a column of the COPY, in the order of its fields.
type Column struct {
	Name    string
	Type    types.Type
	NotNull bool // NULL is refused with 23502
}
