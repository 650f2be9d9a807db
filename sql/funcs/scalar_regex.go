package funcs

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// Regular expressions run on Go's engine, whose time is linear; PostgreSQL's
// dialect is translated where the two differ in spelling. Back references and
// lookaround do not exist in it and are an error (2201B).

func regexRows() []Overload {
	t := types.Text
	var rows []Overload
	for _, x := range []struct {
		op, doc, example string
		flags            string
		negated          bool
	}{
		{"~", "Matches the regular expression.", "'thomas' ~ 't.*ma' → t", "", false},
		{"!~", "Does not match the regular expression.", "'thomas' !~ 't.*max' → t", "", true},
		{"~*", "Matches the regular expression without regard to case.", "'thomas' ~* 'T.*ma' → t", "i", false},
		{"!~*", "Does not match the regular expression without regard to case.", "'thomas' !~* 'T.*ma' → f", "i", true},
	} {
		k := func(c *Ctx, n int, a []*vec.Vec) *vec.Vec {
			out := c.truths(n)
			var cache regexCache
			rowsOf(n, a, func(i int) {
				re, err := cache.get(stringAt(a[1], i), x.flags)
				if err != nil {
					c.Fail(i, err)
					return
				}
				out.Bools[i] = re.MatchString(stringAt(a[0], i)) != x.negated
			})
			return out
		}
		rows = append(rows, kern(x.op, ts(t, t), types.Bool, k, x.doc, x.example))
	}
	rx := func(name string, args []types.Type, ret types.Type, f func(re *regexp.Regexp, flags string, a []types.Datum) (types.Datum, error), pattern, flags int, doc, ex string) Overload {
		return Overload{Name: name, Args: args, Ret: ret, Kernel: regexKernel(ret, f, pattern, flags), Doc: doc, Example: ex}
	}
	subst := func(re *regexp.Regexp, _ string, a []types.Datum) (types.Datum, error) {
		m := re.FindStringSubmatchIndex(a[0].S)
		switch {
		case m == nil:
			return types.NullDatum, nil
		case len(m) > 2 && m[2] < 0:
			return types.NullDatum, nil
		case len(m) > 2:
			return types.String(a[0].S[m[2]:m[3]]), nil
		}
		return types.String(a[0].S[m[0]:m[1]]), nil
	}
	return append(rows,
		rx("regexp_replace", ts(t, t, t), t, regexReplace, 1, -1, `First match replaced; \1 stands for the first group, \& for the match.`, `regexp_replace('Thomas', '.[mN]a.', 'M') → ThM`),
		rx("regexp_replace", ts(t, t, t, t), t, regexReplace, 1, 3, "Match replaced; flag g: all of them, i: without regard to case.", `regexp_replace('banana', 'a', 'o', 'g') → bonono`),
		rx("regexp_match", ts(t, t), textArray, regexMatch, 1, -1, "Groups of the first match (the match, if there are no groups); NULL if none.", "regexp_match('foobarbequebaz', '(bar)(beque)') → {bar,beque}"),
		rx("regexp_match", ts(t, t, t), textArray, regexMatch, 1, 2, "Groups of the first match, with flags.", ""),
		rx("regexp_like", ts(t, t), types.Bool, regexLike, 1, -1, "Whether the regular expression matches.", "regexp_like('Hello World', 'world$', 'i') → t"),
		rx("regexp_like", ts(t, t, t), types.Bool, noGlobal("regexp_like", regexLike), 1, 2, "Whether the regular expression matches, with flags.", ""),
		rx("regexp_count", ts(t, t), types.Int4, regexCount, 1, -1, "Number of matches.", "regexp_count('123456789012', '\\d\\d\\d') → 4"),
		rx("regexp_substr", ts(t, t), t, func(re *regexp.Regexp, _ string, a []types.Datum) (types.Datum, error) {
			m := re.FindStringIndex(a[0].S)
			if m == nil {
				return types.NullDatum, nil
			}
			return types.String(a[0].S[m[0]:m[1]]), nil
		}, 1, -1, "First match.", "regexp_substr('ABCDEF', 'C.') → CD"),
		rx("regexp_split_to_array", ts(t, t), textArray, regexSplit, 1, -1, "Pieces between matches.", `regexp_split_to_array('hello world', '\s+') → {hello,world}`),
		rx("regexp_split_to_array", ts(t, t, t), textArray, noGlobal("regexp_split_to_array", regexSplit), 1, 2, "Pieces between matches, with flags.", ""),
		rx("substring", ts(t, t), t, subst, 1, -1, "First match of a regular expression, or of its first group.", "substring('Thomas', '...$') → mas"),
		Overload{Name: "substring", Args: ts(t, t, t), Ret: t, Kernel: substringSimilar,
			Doc: "The part of a text that is between the escaped quotes of a SIMILAR TO pattern, the third its escape character.", Example: `substring('abcdefg', '%#"cd#"%', '#') → cd`},
		fn("similar_to_escape", ts(t), t, func(_ *Ctx, a []types.Datum) (types.Datum, error) { return similarPattern(a[0].S, `\`) },
			"A SIMILAR TO pattern as a regular expression.", ""),
		fn("similar_to_escape", ts(t, t), t, func(_ *Ctx, a []types.Datum) (types.Datum, error) { return similarPattern(a[0].S, a[1].S) },
			"A SIMILAR TO pattern with its escape character as a regular expression.", ""),
	)
}

// regexCache keeps the last expression: patterns are nearly always constant.
type regexCache struct {
	pattern, flags string
	re             *regexp.Regexp
	err            *sqlerr.Error
	full           bool
}

func (c *regexCache) get(pattern, flags string) (*regexp.Regexp, *sqlerr.Error) {
	if !c.full || pattern != c.pattern || flags != c.flags {
		c.pattern, c.flags, c.full = strings.Clone(pattern), strings.Clone(flags), true
		c.re, c.err = compileRegex(pattern, flags)
	}
	return c.re, c.err
}

func regexKernel(ret types.Type, f func(*regexp.Regexp, string, []types.Datum) (types.Datum, error), pattern, flags int) Kernel {
	return func(c *Ctx, n int, args []*vec.Vec) *vec.Vec {
		var cache regexCache
		return byDatum(func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			fl := ""
			if flags >= 0 {
				fl = a[flags].S
			}
			re, err := cache.get(a[pattern].S, fl)
			if err != nil {
				return types.NullDatum, err
			}
			return f(re, fl, a)
		})(ret)(c, n, args)
	}
}

// compileRegex compiles PostgreSQL's pattern with its flags.
func compileRegex(pattern, flags string) (*regexp.Regexp, *sqlerr.Error) {
	mode := "s" // a dot matches newlines, ^ and $ only the ends
	for _, f := range flags {
		switch f {
		case 'i':
			mode += "i"
		case 'n', 'm':
			mode = strings.Replace(mode, "s", "", 1) + "m"
		case 'c':
			mode = strings.ReplaceAll(mode, "i", "")
		case 'g', 's', 'e', 't', 'p', 'w':
		case 'q':
			pattern = regexp.QuoteMeta(pattern)
		case 'x':
			pattern = dropRegexSpace(pattern)
		default:
			return nil, sqlerr.New(sqlerr.InvalidParameterValue, `invalid regular expression option: "%c"`, f)
		}
	}
	re, err := regexp.Compile("(?" + mode + ")" + translateRegex(pattern))
	if err != nil {
		why := strings.TrimPrefix(err.Error(), "error parsing regexp: ")
		if beyondRegular.MatchString(pattern) {
			return nil, sqlerr.New(sqlerr.FeatureNotSupported, "back references and lookaround are not supported in regular expressions").
				WithHint("The matcher takes linear time for every pattern; match the parts and compare them.")
		}
		return nil, sqlerr.New(sqlerr.InvalidRegularExpression, "invalid regular expression: %s", why)
	}
	if !reluctant.MatchString(pattern) {
		re.Longest() // as POSIX wants it: of the leftmost matches the longest
	}
	return re, nil
}

var (
	beyondRegular = regexp.MustCompile(`\\[1-9]|\(\?<?[=!]`)
	reluctant     = regexp.MustCompile(`[*+?}]\?`)
)

// translateRegex respells what PostgreSQL and Go write differently.
func translateRegex(p string) string {
	if rest, ok := strings.CutPrefix(p, "***="); ok {
		return regexp.QuoteMeta(rest)
	}
	p = strings.TrimPrefix(p, "***:")
	var b strings.Builder
	inSet := false
	for i := 0; i < len(p); i++ {
		c := p[i]
		switch {
		case c == '\\' && i+1 < len(p):
			i++
			switch p[i] {
			case 'm', 'M', 'y':
				b.WriteString(`\b`)
			case 'Y':
				b.WriteString(`\B`)
			case 'Z':
				b.WriteString(`\z`)
			case 'e':
				b.WriteString(`\x1b`)
			default:
				b.WriteByte('\\')
				b.WriteByte(p[i])
			}
		case inSet && c == '[' && i+1 < len(p) && (p[i+1] == ':' || p[i+1] == '.' || p[i+1] == '='):
			if end := strings.Index(p[i+2:], string(p[i+1])+"]"); end >= 0 {
				b.WriteString(p[i : i+2+end+2])
				i += end + 3
				continue
			}
			b.WriteString(`\[`)
		case inSet && c == '[':
			b.WriteString(`\[`)
		case inSet && c == ']':
			inSet = false
			b.WriteByte(c)
		case !inSet && strings.HasPrefix(p[i:], "[[:<:]]"), !inSet && strings.HasPrefix(p[i:], "[[:>:]]"):
			b.WriteString(`\b`)
			i += 6
		case !inSet && c == '[':
			inSet = true
			b.WriteByte(c)
			if i+1 < len(p) && p[i+1] == '^' {
				i++
				b.WriteByte('^')
			}
			if i+1 < len(p) && p[i+1] == ']' {
				i++
				b.WriteString(`\]`)
			}
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// dropRegexSpace removes white space and comments, as flag x asks.
func dropRegexSpace(p string) string {
	var b strings.Builder
	for i := 0; i < len(p); i++ {
		switch c := p[i]; {
		case c == '\\' && i+1 < len(p):
			b.WriteString(p[i : i+2])
			i++
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
		case c == '#':
			for i+1 < len(p) && p[i+1] != '\n' {
				i++
			}
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func regexReplace(re *regexp.Regexp, flags string, a []types.Datum) (types.Datum, error) {
	s, with := a[0].S, a[2].S
	limit := 1
	if strings.Contains(flags, "g") {
		limit = -1
	}
	var b strings.Builder
	at := 0
	for _, m := range re.FindAllStringSubmatchIndex(s, limit) {
		b.WriteString(s[at:m[0]])
		appendReplacement(&b, with, s, m)
		at = m[1]
	}
	b.WriteString(s[at:])
	return bounded(b.String())
}

// appendReplacement writes what stands for match m of s.
func appendReplacement(b *strings.Builder, with, s string, m []int) {
	for i := 0; i < len(with); i++ {
		if with[i] != '\\' || i+1 == len(with) {
			b.WriteByte(with[i])
			continue
		}
		i++
		switch c := with[i]; {
		case c == '&':
			b.WriteString(s[m[0]:m[1]])
		case c >= '1' && c <= '9':
			if g := int(c-'0') * 2; g < len(m) && m[g] >= 0 {
				b.WriteString(s[m[g]:m[g+1]])
			}
		case c == '\\':
			b.WriteByte('\\')
		default:
			b.WriteByte('\\')
			b.WriteByte(c)
		}
	}
}

func textsDatum(ds []types.Datum) types.Datum { return arrayDatum(types.Text, ds) }

// arrayDatum is the one-dimensional array of ds.
func arrayDatum(elem types.Type, ds []types.Datum) types.Datum {
	a := types.Array{Elem: elem, Elems: ds}
	if len(ds) > 0 {
		a.Dims, a.Lower = []int32{int32(len(ds))}, []int32{1}
	}
	return types.String(string(types.AppendArray(nil, &a)))
}

func regexMatch(re *regexp.Regexp, flags string, a []types.Datum) (types.Datum, error) {
	if strings.Contains(flags, "g") {
		return types.NullDatum, sqlerr.New(sqlerr.InvalidParameterValue, `regexp_match() does not support the "global" option`).
			WithHint("Use the regexp_matches function instead.")
	}
	m := re.FindStringSubmatchIndex(a[0].S)
	if m == nil {
		return types.NullDatum, nil
	}
	if len(m) > 2 {
		m = m[2:]
	}
	var ds []types.Datum
	for g := 0; g < len(m); g += 2 {
		if m[g] < 0 {
			ds = append(ds, types.NullDatum)
		} else {
			ds = append(ds, types.String(a[0].S[m[g]:m[g+1]]))
		}
	}
	return textsDatum(ds), nil
}

func regexLike(re *regexp.Regexp, _ string, a []types.Datum) (types.Datum, error) {
	return types.Boolean(re.MatchString(a[0].S)), nil
}

// noGlobal refuses flag g where there is no first match to go on from.
func noGlobal(name string, f func(*regexp.Regexp, string, []types.Datum) (types.Datum, error)) func(*regexp.Regexp, string, []types.Datum) (types.Datum, error) {
	return func(re *regexp.Regexp, flags string, a []types.Datum) (types.Datum, error) {
		if strings.Contains(flags, "g") {
			return types.NullDatum, sqlerr.New(sqlerr.InvalidParameterValue, "%s() does not support the \"global\" option", name)
		}
		return f(re, flags, a)
	}
}

func regexCount(re *regexp.Regexp, _ string, a []types.Datum) (types.Datum, error) {
	return types.Int(int64(len(re.FindAllStringIndex(a[0].S, -1)))), nil
}

// RegexSplit are the pieces of s between matches, for a function of that name.
func RegexSplit(name, s, pattern, flags string) ([]types.Datum, error) {
	re, bad := compileRegex(pattern, flags)
	if bad != nil {
		return nil, bad
	}
	d, err := noGlobal(name, regexSplit)(re, flags, []types.Datum{types.String(s), types.String(pattern)})
	if err != nil {
		return nil, err
	}
	a, err := types.DecodeArray(d.S)
	return a.Elems, err
}

func regexSplit(re *regexp.Regexp, _ string, a []types.Datum) (types.Datum, error) {
	s, at := a[0].S, 0
	var ds []types.Datum
	for _, m := range re.FindAllStringIndex(s, -1) {
		// Empty matches at the ends or right after the last piece split nothing.
		if m[0] == m[1] && (m[0] == 0 || m[0] == len(s) || m[0] == at) {
			continue
		}
		ds = append(ds, types.String(s[at:m[0]]))
		at = m[1]
	}
	return textsDatum(append(ds, types.String(s[at:]))), nil
}

// similarPattern rewrites SQL's SIMILAR TO: % and _ as in LIKE, the rest as in a
// regular expression, anchored at both ends.
func similarPattern(p, esc string) (types.Datum, error) {
	if utf8.RuneCountInString(esc) > 1 {
		return types.NullDatum, sqlerr.New(sqlerr.InvalidEscapeSequence, "invalid escape string").
			WithHint("Escape string must be empty or one character.")
	}
	var b strings.Builder
	inSet, after, parts := false, false, 1
	for _, r := range p {
		c := string(r)
		switch {
		case after && c == `"`:
			// What is before the part takes as little as it can.
			between := ")("
			if parts == 2 {
				between = ")(?:"
			}
			if parts++; parts > 3 {
				return types.NullDatum, sqlerr.New(sqlerr.InvalidUseOfEscapeCharacter, "SQL regular expression may not contain more than two escape-double-quote separators")
			}
			b.WriteString(between)
			after = false
		case after:
			b.WriteString(regexp.QuoteMeta(c))
			after = false
		case esc != "" && c == esc:
			after = true
		case inSet:
			inSet = c != "]"
			b.WriteString(c)
		case c == "[":
			inSet = true
			b.WriteString(c)
		case c == "%":
			b.WriteString(".*")
		case c == "_":
			b.WriteString(".")
		case c == "(":
			b.WriteString("(?:")
		case c == `\` || c == "." || c == "^" || c == "$":
			b.WriteString(`\` + c)
		default:
			b.WriteString(c)
		}
	}
	first := "^(?:"
	if parts > 1 {
		first = "^(?U:"
	}
	return types.String(first + b.String() + ")$"), nil
}

// substringSimilar is substring(x similar pattern escape e).
func substringSimilar(c *Ctx, n int, args []*vec.Vec) *vec.Vec {
	var cache regexCache
	return byDatum(func(_ *Ctx, a []types.Datum) (types.Datum, error) {
		pattern, err := similarPattern(a[1].S, a[2].S)
		if err != nil {
			return types.NullDatum, err
		}
		re, bad := cache.get(pattern.S, "")
		if bad != nil {
			return types.NullDatum, bad
		}
		m := re.FindStringSubmatchIndex(a[0].S)
		switch {
		case m == nil:
			return types.NullDatum, nil
		case len(m) > 2:
			m = m[2:]
		}
		return types.String(a[0].S[m[0]:m[1]]), nil
	})(types.Text)(c, n, args)
}
