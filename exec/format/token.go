package format

import "strings"

// tokenKind is what a token is.
type tokenKind uint8

const (
	tokNone    tokenKind = iota // there is no such field
	tokNull                     // null
	tokTrue                     // true
	tokFalse                    // false
	tokInt                      // a number of digits only, with or without minus
	tokNumber                   // any other number of JSON's grammar
	tokString                   // a string without escapes; the token is what is between its quotes
	tokEscaped                  // a string with escapes, likewise
	tokObject                   // {…}
	tokArray                    // […]
	tokText                     // text that may stand for any type (CSV, text)
	tokQuoted                   // such text in which a quote is written twice
)

// token is a piece of the input that some column wants: input[start:end].
type token struct {
	start, end uint32
	kind       tokenKind
	// folded: the field's name fitted only when its case was ignored.
	folded bool
}

// blockRows is how many rows are scanned before they are converted column by
// column: their tokens and bytes stay in the cache between the two.
const blockRows = 128

// tokenBlock collects the tokens of some rows and converts them.
type tokenBlock struct {
	conv   []converter
	extra  int     // tokens of a row beyond those of the fields
	tokens []token // a row after the other
	record []int32 // of each row
}

func (t *tokenBlock) open(p part) error {
	for _, f := range p.Fields {
		c, err := newConverter(f, p.Options)
		if err != nil {
			return err
		}
		if p.Envelope.isCDC() {
			c.feed(p.Options)
			c.unavailable, c.nested = f.unavailable, strings.EqualFold(string(p.Envelope), string(Maxwell))
			if p.Envelope == OpenProtocol && len(f.Paths[0]) > 1 {
				c.open = newOpenCell()
			}
		}
		t.conv = append(t.conv, c)
	}
	return nil
}

func (t *tokenBlock) stride() int { return len(t.conv) + t.extra }

// newRow begins a row of a record and returns its tokens, one a field.
func (t *tokenBlock) newRow(record int) []token {
	n := t.stride()
	at := len(t.tokens)
	if at+n > cap(t.tokens) {
		grown := make([]token, at, 2*cap(t.tokens)+blockRows*n)
		copy(grown, t.tokens)
		t.tokens = grown
	}
	t.tokens = t.tokens[:at+n]
	clear(t.tokens[at:])
	t.record = append(t.record, int32(record))
	return t.tokens[at:]
}

// flush converts the rows; data is what the tokens point into.
func (t *tokenBlock) flush(out *rows, data []byte) {
	if len(t.record) == 0 {
		return
	}
	for c := range t.conv {
		t.conv[c].column(out, c, block{data: data, tokens: t.tokens, stride: t.stride(), record: t.record})
	}
	out.record = append(out.record, t.record...)
	t.tokens, t.record = t.tokens[:0], t.record[:0]
}

// flushOthers converts all rows but the last one, which stays.
func (t *tokenBlock) flushOthers(out *rows, data []byte) {
	n := t.stride()
	last := append([]token(nil), t.tokens[len(t.tokens)-n:]...)
	record := int(t.record[len(t.record)-1])
	t.drop()
	t.flush(out, data)
	copy(t.newRow(record), last)
}

// drop takes the row just read away again.
func (t *tokenBlock) drop() {
	t.tokens = t.tokens[:len(t.tokens)-t.stride()]
	t.record = t.record[:len(t.record)-1]
}
