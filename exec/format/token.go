package format

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
)

// token is a piece of the input that some column wants: input[start:end].
type token struct {
	start, end uint32
	kind       tokenKind
	// folded: the field's name fitted only when its case was ignored.
	folded bool
}
