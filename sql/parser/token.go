package parser

import "github.com/tarndb/tarn/sql/ast"

// kind is the lexical kind of a token.
type kind uint8

const (
	tEOF    kind = iota
	tWord        // unquoted identifier or keyword, folded
	tQuoted      // "identifier" or `identifier`
	tString
	tBit
	tHex
	tInt
	tNumber // with a fraction or an exponent
	tParam
	tOp // an operator or a punctuation character, in text
	tError
)

// token is one lexeme: text is its value (folded, unescaped, or the operator),
// [pos, end) its place in the source.
type token struct {
	text     string
	pos, end int32
	kind     kind
	class    ast.KeywordClass
	asLabel  bool
}
