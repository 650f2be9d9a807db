package expr

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tarndb/tarn/sql/types"
)

// Print writes e as SQL for people (EXPLAIN, error texts). Columns are shown by
// name, or as #position where they have none.
func Print(e Expr) string { return string(appendExpr(nil, e, precLowest)) }

// Precedences, loosest first; an operand that binds looser than its place is
// put in parentheses.
const (
	precLowest = iota
	precOr
	precAnd
	precNot
	precIs
	precCompare
	precLike
	precOther
	precAdd
	precMul
	precPower
	precUnary
	precCast
)

func opPrec(op string) int {
	switch op {
	case "<", ">", "=", "<=", ">=", "<>":
		return precCompare
	case "~~", "!~~", "~~*", "!~~*":
		return precLike
	case "+", "-":
		return precAdd
	case "*", "/", "%":
		return precMul
	case "^":
		return precPower
	}
	return precOther
}

func appendExpr(b []byte, e Expr, place int) []byte {
	p := prec(e)
	if p < place {
		b = append(b, '(')
		b = appendNode(b, e, p)
		return append(b, ')')
	}
	return appendNode(b, e, p)
}

func prec(e Expr) int {
	switch e := e.(type) {
	case *Or:
		return precOr
	case *And:
		return precAnd
	case *Not:
		return precNot
	case *IsNull, *IsTrue, *Distinct:
		return precIs
	case *In:
		return precLike
	case *AnyOf:
		return precCompare
	case *Call:
		if isSymbol(e.Fn.Name) {
			if len(e.Args) == 1 {
				return precUnary
			}
			return opPrec(e.Fn.Name)
		}
	}
	return precCast
}

func isSymbol(name string) bool {
	return name != "" && strings.IndexByte("+-*/<>=~!@#%^&|?`", name[0]) >= 0
}

func appendNode(b []byte, e Expr, p int) []byte {
	switch e := e.(type) {
	case nil:
		return append(b, "NULL"...)
	case *Column:
		if e.Name == "" {
			return strconv.AppendInt(append(b, '#'), int64(e.Idx), 10)
		}
		return appendIdent(b, e.Name)
	case *Const:
		return appendConst(b, e.Val, e.Typ)
	case *Param:
		return strconv.AppendInt(append(b, '$'), int64(e.N), 10)
	case *Call:
		return appendCall(b, e, p)
	case *Cast:
		b = appendExpr(b, e.In, precCast)
		return append(append(b, "::"...), e.To.String()...)
	case *Case:
		return appendCase(b, e)
	case *And:
		return appendJoined(b, e.Args, " AND ", precAnd+1)
	case *Or:
		return appendJoined(b, e.Args, " OR ", precOr+1)
	case *Not:
		return appendExpr(append(b, "NOT "...), e.In, precNot)
	case *IsNull:
		return append(appendExpr(b, e.In, precIs+1), either(e.Negated, " IS NOT NULL", " IS NULL")...)
	case *IsTrue:
		b = append(appendExpr(b, e.In, precIs+1), either(e.Negated, " IS NOT ", " IS ")...)
		return append(b, either(e.Want, "TRUE", "FALSE")...)
	case *Distinct:
		b = append(appendExpr(b, e.Left, precIs+1), either(e.Negated, " IS NOT DISTINCT FROM ", " IS DISTINCT FROM ")...)
		return appendExpr(b, e.Right, precIs+1)
	case *In:
		return appendIn(b, e)
	case *AnyOf:
		b = append(append(appendExpr(b, e.Left, precOther), ' '), e.Op.Name...)
		b = append(b, either(e.All, " ALL (", " ANY (")...)
		return append(appendExpr(b, e.Array, precLowest), ')')
	case *Coalesce:
		return append(appendJoined(append(b, "COALESCE("...), e.Args, ", ", precLowest), ')')
	case *NullIf:
		return append(appendJoined(append(b, "NULLIF("...), []Expr{e.Left, e.Right}, ", ", precLowest), ')')
	case *MinMax:
		b = append(b, either(e.Greatest, "GREATEST(", "LEAST(")...)
		return append(appendJoined(b, e.Args, ", ", precLowest), ')')
	case *ArrayOf:
		b = append(appendJoined(append(b, "ARRAY["...), e.Elems, ", ", precLowest), ']')
		if len(e.Elems) == 0 {
			b = append(append(b, "::"...), e.Typ.String()...)
		}
		return b
	case *RowOf:
		return append(appendJoined(append(b, "ROW("...), e.Args, ", ", precLowest), ')')
	}
	return fmt.Appendf(b, "%T", e)
}

func either(cond bool, yes, no string) string {
	if cond {
		return yes
	}
	return no
}

func appendJoined(b []byte, es []Expr, sep string, place int) []byte {
	for i, e := range es {
		if i > 0 {
			b = append(b, sep...)
		}
		b = appendExpr(b, e, place)
	}
	return b
}

func appendCall(b []byte, e *Call, p int) []byte {
	name := e.Fn.Name
	switch {
	case isSymbol(name) && len(e.Args) == 2:
		b = appendExpr(b, e.Args[0], p)
		b = append(append(append(b, ' '), printedOp(name)...), ' ')
		return appendExpr(b, e.Args[1], p+1)
	case isSymbol(name) && len(e.Args) == 1:
		b = append(b, name...)
		if len(name) > 1 {
			b = append(b, ' ')
		}
		return appendExpr(b, e.Args[0], precCast)
	}
	b = append(append(b, name...), '(')
	return append(appendJoined(b, e.Args, ", ", precLowest), ')')
}

func printedOp(op string) string {
	switch op {
	case "~~":
		return "LIKE"
	case "!~~":
		return "NOT LIKE"
	case "~~*":
		return "ILIKE"
	case "!~~*":
		return "NOT ILIKE"
	}
	return op
}

func appendCase(b []byte, e *Case) []byte {
	b = append(b, "CASE"...)
	for i := range e.Whens {
		b = appendExpr(append(b, " WHEN "...), e.Whens[i], precLowest)
		b = appendExpr(append(b, " THEN "...), e.Thens[i], precLowest)
	}
	if e.Else != nil {
		b = appendExpr(append(b, " ELSE "...), e.Else, precLowest)
	}
	return append(b, " END"...)
}

func appendIn(b []byte, e *In) []byte {
	b = append(appendExpr(b, e.Left, precLike+1), either(e.Negated, " NOT IN (", " IN (")...)
	for i, d := range e.List {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = appendConst(b, d, e.Left.Type())
	}
	if e.HasNull {
		b = append(b, either(len(e.List) > 0, ", NULL", "NULL")...)
	}
	return append(b, ')')
}

// appendConst writes numbers and booleans bare, text quoted, the rest quoted
// with its type.
func appendConst(b []byte, d types.Datum, t types.Type) []byte {
	if d.Null {
		return append(b, "NULL"...)
	}
	text := types.AppendText(nil, d, t, nil)
	switch t.OID {
	case types.OIDBool, types.OIDInt4:
		if t.OID == types.OIDBool {
			return append(b, either(d.I != 0, "true", "false")...)
		}
		return append(b, text...)
	case types.OIDInt8, types.OIDInt2, types.OIDNumeric, types.OIDFloat8, types.OIDFloat4, types.OIDOid:
		if c := text; len(c) > 0 && (c[len(c)-1] >= '0' && c[len(c)-1] <= '9') {
			return append(b, text...)
		}
	}
	b = append(b, '\'')
	for _, c := range text {
		if c == '\'' {
			b = append(b, c)
		}
		b = append(b, c)
	}
	b = append(b, '\'')
	if t.OID == types.OIDText || t.OID == types.OIDUnknown {
		return b
	}
	return append(append(b, "::"...), t.String()...)
}

// appendIdent quotes a name where it is not a plain lower-case word.
func appendIdent(b []byte, name string) []byte {
	plain := name != "" && (name[0] < '0' || name[0] > '9')
	for i := range len(name) {
		c := name[i]
		plain = plain && (c == '_' || c == '.' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9')
	}
	if plain {
		return append(b, name...)
	}
	return append(append(append(b, '"'), strings.ReplaceAll(name, `"`, `""`)...), '"')
}
