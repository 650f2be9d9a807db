package funcs

import (
	"strings"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

func concatRows() []Overload {
	t := types.Text
	rows := []Overload{
		kern("||", ts(t, t), t, concatText, "Both strings joined.", "'Post' || 'greSQL' → PostgreSQL"),
		kern("||", ts(types.Bytea, types.Bytea), types.Bytea, concatText, "Both joined.", ""),
		{Name: "||", Args: ts(anyNonArray, t), Ret: t, Volatility: Stable, Bind: concatOther(0), Doc: "Text of both joined.", Example: "42 || 'x' → 42x"},
		{Name: "||", Args: ts(t, anyNonArray), Ret: t, Volatility: Stable, Bind: concatOther(1), Doc: "Text of both joined.", Example: "'x' || 42 → x42"},
		{Name: "concat", Args: ts(anyT), Variadic: true, Ret: t, NotStrict: true, Volatility: Stable, Bind: bindTexts(concatAll),
			Doc: "Texts of the arguments that are not NULL, joined.", Example: "concat('abcde', 2, NULL, 22) → abcde222"},
		{Name: "concat_ws", Args: ts(t, anyT), Variadic: true, Ret: t, NotStrict: true, Volatility: Stable, Bind: bindTexts(concatWS),
			Doc: "Texts of the arguments that are not NULL, joined with the first between them.", Example: "concat_ws(',', 'abcde', 2, NULL, 22) → abcde,2,22"},
		{Name: "format", Args: ts(t, anyT), Variadic: true, Ret: t, NotStrict: true, Volatility: Stable, Bind: bindTexts(format),
			Doc: "Text with %s, %I and %L filled in.", Example: "format('Hello %s, %1$s', 'World') → Hello World, World"},
		{Name: "format", Args: ts(t), Ret: t, NotStrict: true, Volatility: Stable, Bind: bindTexts(format), Doc: "Text with %% unescaped."},
	}
	return rows
}

func concatText(c *Ctx, n int, a []*vec.Vec) *vec.Vec {
	out := &vec.Vec{Type: a[0].Type, N: n, Off: make([]uint32, n+1)}
	out.Data = make([]byte, 0, len(a[0].Data)+len(a[1].Data))
	for i := range n {
		out.Data = append(out.Data, a[0].Bytes(i)...)
		out.Data = append(out.Data, a[1].Bytes(i)...)
		out.Off[i+1] = uint32(len(out.Data))
	}
	return out
}

// concatOther joins text with the text form of the argument at position other.
func concatOther(other int) func([]types.Type, types.Type) Kernel {
	return func(args []types.Type, _ types.Type) Kernel {
		return byDatum(func(c *Ctx, a []types.Datum) (types.Datum, error) {
			s := [2]string{a[0].S, a[1].S}
			s[other] = string(types.AppendText(nil, a[other], args[other], c.Env))
			return types.String(s[0] + s[1]), nil
		})(types.Text)
	}
}

// textArg is an argument in its text form.
type textArg struct {
	text string
	null bool
}

// bindTexts lifts a function of the arguments' texts.
func bindTexts(f func(args []textArg) (types.Datum, error)) func([]types.Type, types.Type) Kernel {
	return func(in []types.Type, ret types.Type) Kernel {
		return byDatumNulls(func(c *Ctx, a []types.Datum) (types.Datum, error) {
			args := make([]textArg, len(a))
			for i, d := range a {
				if args[i].null = d.Null; d.Null {
					continue
				}
				if in[i].Phys() == types.PhysBytes && in[i].OID == types.OIDText {
					args[i].text = d.S
					continue
				}
				args[i].text = string(types.AppendText(nil, d, in[i], c.Env))
			}
			return f(args)
		})(ret)
	}
}

func concatAll(args []textArg) (types.Datum, error) {
	var b strings.Builder
	for _, a := range args {
		b.WriteString(a.text)
	}
	return bounded(b.String())
}

func concatWS(args []textArg) (types.Datum, error) {
	if args[0].null {
		return types.NullDatum, nil
	}
	var parts []string
	for _, a := range args[1:] {
		if !a.null {
			parts = append(parts, a.text)
		}
	}
	return bounded(strings.Join(parts, args[0].text))
}

// format is printf with %s, %I (identifier), %L (literal), %%, positions and
// widths.
func format(args []textArg) (types.Datum, error) {
	if args[0].null {
		return types.NullDatum, nil
	}
	bad := func(code sqlerr.Code, msg string) (types.Datum, error) {
		return types.NullDatum, sqlerr.New(code, "%s", msg)
	}
	f, next := args[0].text, 1
	var b strings.Builder
	number := func(i int) (int, int) {
		n := 0
		for i < len(f) && f[i] >= '0' && f[i] <= '9' && n < 1<<20 {
			n, i = n*10+int(f[i]-'0'), i+1
		}
		return n, i
	}
	for i := 0; i < len(f); i++ {
		if f[i] != '%' {
			b.WriteByte(f[i])
			continue
		}
		i++
		if i < len(f) && f[i] == '%' {
			b.WriteByte('%')
			continue
		}
		if n, j := number(i); j > i && j < len(f) && f[j] == '$' {
			if n == 0 {
				return bad(sqlerr.InvalidParameterValue, "format specifies argument 0, but arguments are numbered from 1")
			}
			next, i = n, j+1
		}
		minus := i < len(f) && f[i] == '-'
		if minus {
			i++
		}
		width, j := number(i)
		i = j
		if i >= len(f) {
			return bad(sqlerr.InvalidParameterValue, "unterminated format() type specifier")
		}
		if f[i] != 's' && f[i] != 'I' && f[i] != 'L' {
			return types.NullDatum, sqlerr.New(sqlerr.InvalidParameterValue, `unrecognized format() type specifier "%c"`, f[i]).
				WithHint(`For a single "%%" use "%%%%".`)
		}
		if next >= len(args) {
			return bad(sqlerr.InvalidParameterValue, "too few arguments for format()")
		}
		a := args[next]
		next++
		s := a.text
		switch {
		case f[i] == 'I' && a.null:
			return bad(sqlerr.NullValueNotAllowed, "null values cannot be formatted as an SQL identifier")
		case f[i] == 'I':
			s = quoteIdent(s)
		case f[i] == 'L' && a.null:
			s = "NULL"
		case f[i] == 'L':
			s = quoteLiteral(s)
		}
		if fill := width - len([]rune(s)); fill > 0 && minus {
			s += strings.Repeat(" ", fill)
		} else if fill > 0 {
			s = strings.Repeat(" ", fill) + s
		}
		b.WriteString(s)
	}
	return bounded(b.String())
}
