package types

import (
	"math"
	"strconv"
	"strings"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// numberFormat is a numeric pattern: its digit positions and decorations.
type numberFormat struct {
	nodes      []string // one per keyword or literal
	pre, post  int      // digit positions before and behind the point
	zeroAt     int      // position of the first 0, -1 = none
	lastZero   int      // positions behind the point up to the last 0
	fill       bool
	sign       string // "", S, MI, PL, SG, PR
	signFirst  bool
	exp, roman string
	shift      int
}

var numberKeys = []string{"EEEE", "FM", "MI", "PL", "PR", "RN", "SG", "SP", "TH", "9", "0", ".", ",", "D", "G", "L", "S", "V"}

func numberPattern(p string) (f numberFormat, err error) {
	f.zeroAt = -1
	point := false
	for p != "" {
		key := ""
		for _, k := range numberKeys {
			if len(p) >= len(k) && strings.EqualFold(p[:len(k)], k) {
				key = k
				break
			}
		}
		if p[0] == '"' {
			end := strings.IndexByte(p[1:], '"')
			if end < 0 {
				end = len(p) - 1
			}
			f.nodes = append(f.nodes, "\""+p[1:end+1])
			p = p[min(end+2, len(p)):]
			continue
		}
		if key == "" {
			f.nodes = append(f.nodes, "\""+p[:1])
			p = p[1:]
			continue
		}
		raw := p[:len(key)]
		p = p[len(key):]
		switch key {
		case "9", "0":
			switch {
			case f.shift > 0 || len(f.nodes) > 0 && f.nodes[len(f.nodes)-1] == "V":
				f.shift++
				f.pre++
			case point:
				f.post++
				if key == "0" {
					f.lastZero = f.post
				}
			default:
				if key == "0" && f.zeroAt < 0 {
					f.zeroAt = f.pre
				}
				f.pre++
			}
		case ".", "D":
			if point {
				return f, sqlerr.New(sqlerr.SyntaxError, "multiple decimal points")
			}
			point, key = true, "."
		case "FM":
			f.fill = true
			continue
		case "S", "MI", "PL", "SG", "PR":
			if f.sign == "" {
				f.sign, f.signFirst = key, f.pre+f.post == 0 && !point
			}
		case "RN":
			f.roman = raw
		case "EEEE":
			f.exp = raw
		case "TH":
			key = raw
		}
		f.nodes = append(f.nodes, key)
	}
	return f, nil
}

func numberToChar(d Datum, t Type, pattern string) (string, error) {
	f, err := numberPattern(pattern)
	if err != nil {
		return "", err
	}
	var n Datum
	switch t.Phys() {
	case PhysInt:
		n = NumericFromInt(d.I)
	case PhysFloat:
		n = numericFromFloat(d.F, map[bool]int{true: 6, false: 15}[t.OID == OIDFloat4])
	case PhysNumeric:
		n = d
	default:
		return "", errCannotCast(t, Numeric)
	}
	switch {
	case f.roman != "":
		return f.toRoman(n), nil
	case f.exp != "":
		return f.scientific(n), nil
	}
	return f.plain(n), nil
}

func (f *numberFormat) toRoman(n Datum) string {
	v, err := NumericToInt(n, Int4)
	if err != nil || v < 1 || v > 3999 {
		return strings.Repeat("#", 15)
	}
	values := [...]int64{1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1}
	names := [...]string{"M", "CM", "D", "CD", "C", "XC", "L", "XL", "X", "IX", "V", "IV", "I"}
	var b strings.Builder
	for i, x := range values {
		for ; v >= x; v -= x {
			b.WriteString(names[i])
		}
	}
	s := likeCase(b.String(), f.roman)
	if !f.fill && len(s) < 15 {
		s = strings.Repeat(" ", 15-len(s)) + s
	}
	return s
}

func (f *numberFormat) scientific(n Datum) string {
	if isSpecial(n) {
		return strings.Repeat("#", f.pre+f.post+6)
	}
	fl := NumericToFloat(n)
	s := strconv.FormatFloat(math.Abs(fl), 'e', f.post, 64)
	sign := " "
	if fl < 0 {
		sign = "-"
	} else if f.sign == "S" || f.sign == "SG" {
		sign = "+"
	} else if f.fill {
		sign = ""
	}
	return sign + s
}

// plain writes the digits into their positions. The sign stands before the
// first character that is not blank.
func (f *numberFormat) plain(n Datum) string {
	neg := numericSign(n) < 0
	overflow := isSpecial(n)
	ints, frac := "", strings.Repeat("#", f.post)
	if !overflow {
		if f.shift > 0 {
			n, _ = NumericMul(n, Datum{I: pow10[min(f.shift, 18)]})
		}
		text := string(appendNumericText(nil, NumericAbs(NumericRound(n, f.post))))
		neg = neg && strings.Trim(text, "0.") != ""
		ints, frac, _ = strings.Cut(text, ".")
		overflow = len(ints) > f.pre && ints != "0"
	}
	if overflow {
		ints, frac = strings.Repeat("#", f.pre), strings.Repeat("#", f.post)
	}
	keep := len(frac)
	if f.fill {
		for keep > f.lastZero && frac[keep-1] == '0' {
			keep--
		}
	}
	// A lone 0 before the point shows only where the pattern has nothing behind
	// it, a 0 in it, or nothing else to show.
	blankZero := ints == "0" && f.post > 0 && f.zeroAt < 0 && !(f.fill && keep == 0)
	first := f.pre - len(ints)
	if f.zeroAt >= 0 && f.zeroAt < first {
		first = f.zeroAt
	}
	started := false
	var body []byte
	pos, fpos, point := 0, 0, false
	signSlot := -1
	number := ""
	numAt := -1 // where the digits begin, and so the place of the sign
	blank := func() {
		if !f.fill {
			body = append(body, ' ')
		}
	}
	for _, k := range f.nodes {
		if numAt < 0 && (k == "9" || k == "0" || k == "." || k == "," || k == "G") {
			numAt = len(body)
		}
		switch k {
		case "9", "0":
			if point {
				if fpos < keep {
					body = append(body, frac[fpos])
				}
				fpos++
				continue
			}
			at := pos - (f.pre - len(ints))
			switch {
			case pos < first || blankZero:
				blank()
			case at < 0:
				body, started = append(body, '0'), true
			default:
				body, started = append(body, ints[at]), true
			}
			number = ints
			pos++
		case ".":
			point = true
			body = append(body, '.')
			started = true
		case ",", "G":
			if started {
				body = append(body, ',')
			} else {
				blank()
			}
		case "L":
			blank()
		case "S":
			if !f.signFirst {
				signSlot = len(body)
			}
		case "MI":
			if neg {
				body = append(body, '-')
			} else {
				blank()
			}
		case "PL":
			if !neg {
				body = append(body, '+')
			} else {
				blank()
			}
		case "SG":
			body = append(body, map[bool]byte{true: '-', false: '+'}[neg])
		case "TH", "th", "Th", "tH":
			if !neg && !point && !overflow {
				body = append(body, ordinal(number, k[0] == 'T')...)
			}
		case "PR", "V", "EEEE", "RN", "SP":
		default:
			body = append(body, k[1:]...)
		}
	}
	head := ""
	if numAt > 0 {
		head, body = string(body[:numAt]), body[numAt:]
		signSlot -= numAt
	}
	switch f.sign {
	case "S":
		c := byte('+')
		if neg {
			c = '-'
		}
		if signSlot >= 0 {
			return head + string(body[:signSlot]) + string(c) + string(body[signSlot:])
		}
		return head + string(putSign(body, c))
	case "PR":
		if neg {
			return head + string(append(putSign(body, '<'), '>'))
		}
		if f.fill {
			return head + string(body)
		}
		return head + " " + string(body) + " "
	case "MI", "SG":
		return head + string(body)
	}
	if neg {
		return head + string(putSign(body, '-'))
	}
	if f.fill {
		return head + string(body)
	}
	return head + " " + string(body)
}

// putSign widens body by one and puts c before its first visible character.
func putSign(body []byte, c byte) []byte {
	i := 0
	for i < len(body) && body[i] == ' ' {
		i++
	}
	out := make([]byte, 0, len(body)+1)
	out = append(out, body[:i]...)
	out = append(out, c)
	return append(out, body[i:]...)
}

// ToNumber is to_number: the digits of s where the pattern has positions, with
// their sign and point; separators are skipped.
func ToNumber(s, pattern string) (Datum, error) {
	f, err := numberPattern(pattern)
	if err != nil {
		return Datum{}, err
	}
	var digits []byte
	neg, point := false, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case isDigit(c):
			digits = append(digits, c)
		case c == '-' || c == '<':
			neg = true
		case c == '.' && !point && (f.post > 0 || strings.ContainsAny(pattern, ".dD")):
			digits, point = append(digits, c), true
		}
	}
	if strings.Trim(string(digits), ".") == "" {
		return Datum{}, errSyntax(Numeric, " ")
	}
	d, err := parseNumericSlow(string(digits))
	if err != nil {
		return Datum{}, err
	}
	if f.shift > 0 {
		if d, err = NumericDiv(d, Datum{I: pow10[min(f.shift, 18)]}); err != nil {
			return d, err
		}
	}
	if neg {
		d = NumericNeg(d)
	}
	return d, nil
}
