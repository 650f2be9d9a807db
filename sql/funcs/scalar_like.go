package funcs

import (
	"strings"
	"unicode/utf8"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

var errLikeEscape = sqlerr.New(sqlerr.InvalidEscapeSequence, "LIKE pattern must not end with escape character")

func likeRows() []Overload {
	t := types.Text
	var rows []Overload
	for _, x := range []struct {
		op, doc, example string
		fold, negated    bool
	}{
		{"~~", "LIKE: % stands for any string, _ for one character.", "'abc' LIKE 'a%' → t", false, false},
		{"!~~", "NOT LIKE.", "'abc' NOT LIKE 'a%' → f", false, true},
		{"~~*", "ILIKE: LIKE without regard to case.", "'ABC' ILIKE 'a%' → t", true, false},
		{"!~~*", "NOT ILIKE.", "'ABC' NOT ILIKE 'a%' → f", true, true},
	} {
		rows = append(rows, kern(x.op, ts(t, t), types.Bool, likeKernel(x.fold, x.negated), x.doc, x.example))
		if !x.fold {
			rows = append(rows, kern(x.op, ts(types.Bytea, types.Bytea), types.Bool, likeKernel(false, x.negated), x.doc, ""))
		}
	}
	return append(rows,
		fn("like_escape", ts(t, t), t, func(_ *Ctx, a []types.Datum) (types.Datum, error) { return likeEscape(a[0].S, a[1].S) },
			"A LIKE pattern with another escape character, rewritten with \\; what LIKE … ESCAPE calls.", ""))
}

// likeKernel prepares a constant pattern once.
func likeKernel(fold, negated bool) Kernel {
	return func(c *Ctx, n int, a []*vec.Vec) *vec.Vec {
		out := c.truths(n)
		var m likeMatcher
		ready := false
		rowsOf(n, a, func(i int) {
			if !ready {
				m, ready = newLike(stringAt(a[1], i), fold), a[1].Const
			}
			ok, err := m.match(stringAt(a[0], i))
			if err != nil {
				c.Fail(i, err)
				return
			}
			out.Bools[i] = ok != negated
		})
		return out
	}
}

// likeMatcher is a LIKE pattern: literal pieces between %, each with wildcards
// marked.
type likeMatcher struct {
	pattern string
	fold    bool
	simple  bool // no _ and no escapes: kind of plain text tests
	pieces  []string
}

func newLike(p string, fold bool) likeMatcher {
	if fold {
		p = strings.ToLower(p)
	}
	m := likeMatcher{pattern: p, fold: fold}
	if !strings.ContainsAny(p, `_\`) {
		m.simple = true
		m.pieces = strings.Split(p, "%")
	}
	return m
}

func (m *likeMatcher) match(s string) (bool, *sqlerr.Error) {
	if m.fold {
		s = strings.ToLower(s)
	}
	if !m.simple {
		return likeMatch(s, m.pattern)
	}
	first, last := m.pieces[0], m.pieces[len(m.pieces)-1]
	if len(m.pieces) == 1 {
		return s == first, nil
	}
	if len(s) < len(first)+len(last) || !strings.HasPrefix(s, first) || !strings.HasSuffix(s, last) {
		return false, nil
	}
	s = s[len(first) : len(s)-len(last)]
	for _, p := range m.pieces[1 : len(m.pieces)-1] {
		i := strings.Index(s, p)
		if i < 0 {
			return false, nil
		}
		s = s[i+len(p):]
	}
	return true, nil
}

// likeMatch matches with one point of return: after a %, a mismatch only ever
// has to go back to the last one, so the time is at most len(s)·len(p). An escape
// character at the end is an error if the match comes to it.
func likeMatch(s, p string) (bool, *sqlerr.Error) {
	backS, backP := -1, -1
	i, j := 0, 0
	for i < len(s) {
		if j < len(p) {
			switch c := p[j]; c {
			case '%':
				backS, backP = i, j+1
				j++
				continue
			case '_':
				_, w := utf8.DecodeRuneInString(s[i:])
				i += w
				j++
				continue
			default:
				k := j
				if c == '\\' {
					if k++; k == len(p) {
						return false, errLikeEscape
					}
				}
				if s[i] == p[k] {
					i++
					j = k + 1
					continue
				}
			}
		}
		if backP < 0 {
			return false, nil
		}
		_, w := utf8.DecodeRuneInString(s[backS:])
		backS += w
		i, j = backS, backP
	}
	for j < len(p) && p[j] == '%' {
		j++
	}
	return j == len(p), nil
}

// likeEscape rewrites a pattern whose escape character is esc ("" = none).
func likeEscape(p, esc string) (types.Datum, error) {
	if utf8.RuneCountInString(esc) > 1 {
		return types.NullDatum, sqlerr.New(sqlerr.InvalidEscapeSequence, "invalid escape string").
			WithHint("Escape string must be empty or one character.")
	}
	var b strings.Builder
	for len(p) > 0 {
		_, w := utf8.DecodeRuneInString(p)
		switch c := p[:w]; {
		case esc != "" && c == esc:
			b.WriteByte('\\')
			if p = p[w:]; p == "" {
				return types.String(b.String()), nil
			}
			_, w = utf8.DecodeRuneInString(p)
			b.WriteString(p[:w])
		case c == `\`:
			b.WriteString(`\\`)
		default:
			b.WriteString(c)
		}
		p = p[w:]
	}
	return types.String(b.String()), nil
}
