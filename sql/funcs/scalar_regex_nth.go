package funcs

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// regexNthRows are the forms of regular-expression functions that begin at a
// character, take the nth match, or one of its groups.
func regexNthRows() []Overload {
	t, i4 := types.Text, types.Int4
	rx := func(name string, args []types.Type, ret types.Type, f func(re *regexp.Regexp, flags string, a []types.Datum) (types.Datum, error), flags int, doc, ex string) Overload {
		return Overload{Name: name, Args: args, Ret: ret, Kernel: regexKernel(ret, noGlobal(name, f), 1, flags), Doc: doc, Example: ex}
	}
	number := func(a []types.Datum, i int, otherwise int64) int64 {
		if i < len(a) {
			return a[i].I
		}
		return otherwise
	}
	var rows []Overload
	count := func(re *regexp.Regexp, _ string, a []types.Datum) (types.Datum, error) {
		_, all, err := matchesFrom(re, a[0].S, a[2].I, -1)
		return types.Int(int64(len(all))), err
	}
	rows = append(rows, rx("regexp_count", ts(t, t, i4), i4, count, -1, "Number of matches from a character on.", ""),
		rx("regexp_count", ts(t, t, i4, t), i4, count, 3, "Number of matches from a character on, with flags.", ""))
	substr := func(re *regexp.Regexp, _ string, a []types.Datum) (types.Datum, error) {
		m, err := nthMatch(re, a[0].S, a[2].I, number(a, 3, 1), number(a, 5, 0))
		if m == nil || err != nil {
			return types.NullDatum, err
		}
		return types.String(a[0].S[m[0]:m[1]]), nil
	}
	instr := func(re *regexp.Regexp, _ string, a []types.Datum) (types.Datum, error) {
		end := number(a, 4, 0)
		if end != 0 && end != 1 {
			return types.NullDatum, badParameter("endoption", end)
		}
		m, err := nthMatch(re, a[0].S, number(a, 2, 1), number(a, 3, 1), number(a, 6, 0))
		if m == nil || err != nil {
			return types.Int(0), err
		}
		return types.Int(int64(utf8.RuneCountInString(a[0].S[:m[end]])) + 1), nil
	}
	full := ts(t, t, i4, i4, t, i4)
	for n := 3; n <= len(full); n++ {
		rows = append(rows, rx("regexp_substr", full[:n], t, substr, flagsAt(n, 4), "The nth match from a character on, or one of its groups.", ""))
	}
	full = ts(t, t, i4, i4, i4, t, i4)
	for n := 2; n <= len(full); n++ {
		ex := ""
		if n == 2 {
			ex = `regexp_instr('ABCDEF', 'C.') → 3`
		}
		rows = append(rows, rx("regexp_instr", full[:n], i4, instr, flagsAt(n, 5), "Position of the nth match from a character on, or behind it.", ex))
	}
	replace := func(re *regexp.Regexp, _ string, a []types.Datum) (types.Datum, error) {
		nth := number(a, 4, 1)
		if nth < 0 {
			return types.NullDatum, badParameter("n", nth)
		}
		from, all, err := matchesFrom(re, a[0].S, a[3].I, -1)
		if err != nil {
			return types.NullDatum, err
		}
		var b strings.Builder
		at := 0
		for i, m := range all {
			if nth > 0 && int64(i) != nth-1 {
				continue
			}
			for k := range m {
				if m[k] >= 0 {
					m[k] += from
				}
			}
			b.WriteString(a[0].S[at:m[0]])
			appendReplacement(&b, a[2].S, a[0].S, m)
			at = m[1]
		}
		return types.String(b.String() + a[0].S[at:]), nil
	}
	full = ts(t, t, t, i4, i4, t)
	for n := 4; n <= len(full); n++ {
		rows = append(rows, Overload{Name: "regexp_replace", Args: full[:n], Ret: t, Kernel: regexKernel(t, replace, 1, flagsAt(n, 5)), Doc: "The nth match from a character on replaced; 0: all."})
	}
	return rows
}

// flagsAt is where the flags are among n arguments, -1 = nowhere.
func flagsAt(n, at int) int {
	if n > at {
		return at
	}
	return -1
}

func badParameter(name string, v int64) error {
	return sqlerr.New(sqlerr.InvalidParameterValue, "invalid value for parameter \"%s\": %d", name, v)
}

// matchesFrom finds matches from a character on, counted from 1; they are relative
// to the byte that it returns.
func matchesFrom(re *regexp.Regexp, s string, start int64, most int) (from int, all [][]int, err error) {
	if start <= 0 {
		return 0, nil, badParameter("start", start)
	}
	for ; start > 1 && from < len(s); start-- {
		_, size := utf8.DecodeRuneInString(s[from:])
		from += size
	}
	if start > 1 {
		return from, nil, nil
	}
	return from, re.FindAllStringSubmatchIndex(s[from:], most), nil
}

// nthMatch is the nth match, or its group, as a range of bytes; nil for none.
func nthMatch(re *regexp.Regexp, s string, start, nth, group int64) ([]int, error) {
	if nth <= 0 {
		return nil, badParameter("n", nth)
	}
	if group < 0 {
		return nil, badParameter("subexpr", group)
	}
	from, all, err := matchesFrom(re, s, start, int(min(nth, int64(len(s))+1)))
	if err != nil || int64(len(all)) < nth {
		return nil, err
	}
	m := all[nth-1]
	if 2*group+1 >= int64(len(m)) || m[2*group] < 0 {
		return nil, nil
	}
	return []int{from + m[2*group], from + m[2*group+1]}, nil
}
