package types

import "strings"

// A pattern of to_char and its inverses is cut into nodes: keywords with their
// modifiers, and literal text.
type patternNode struct {
	key     string // canonical keyword, "" = literal
	literal string
	fill    bool // FM: no padding
	th      byte // 't' or 'T': ordinal suffix
}

// dateKeys are the keywords for dates, longest first among those with a common
// beginning.
var dateKeys = []string{
	"A.M.", "A.D.", "AD", "AM", "B.C.", "BC", "CC", "DAY", "DDD", "DD", "DY", "Day", "Dy", "D",
	"FF1", "FF2", "FF3", "FF4", "FF5", "FF6", "FX", "HH24", "HH12", "HH", "IDDD", "ID", "IW", "IYYY", "IYY", "IY", "I",
	"J", "MI", "MM", "MONTH", "MON", "MS", "Month", "Mon", "OF", "P.M.", "PM", "Q", "RM", "SSSSS", "SSSS", "SS",
	"TZH", "TZM", "TZ", "US", "WW", "W", "Y,YYY", "YYYY", "YYY", "YY", "Y",
	"a.d.", "a.m.", "ad", "am", "b.c.", "bc", "cc", "day", "ddd", "dd", "dy", "d",
	"ff1", "ff2", "ff3", "ff4", "ff5", "ff6", "fx", "hh24", "hh12", "hh", "iddd", "id", "iw", "iyyy", "iyy", "iy", "i",
	"j", "mi", "mm", "month", "mon", "ms", "of", "p.m.", "pm", "q", "rm", "sssss", "ssss", "ss",
	"tzh", "tzm", "tz", "us", "ww", "w", "y,yyy", "yyyy", "yyy", "yy", "y",
}

// cased keywords mean something else in each case.
func isCased(k string) bool {
	switch strings.ToUpper(k) {
	case "A.M.", "A.D.", "AD", "AM", "B.C.", "BC", "DAY", "DY", "MONTH", "MON", "P.M.", "PM", "RM", "TZ":
		return true
	}
	return false
}

func datePattern(p string) []patternNode {
	var nodes []patternNode
	fill := false
	literal := func(s string) {
		if s == "" {
			return
		}
		if n := len(nodes); n > 0 && nodes[n-1].key == "" {
			nodes[n-1].literal += s
			return
		}
		nodes = append(nodes, patternNode{literal: s})
	}
	for p != "" {
		if len(p) >= 2 && strings.EqualFold(p[:2], "FM") {
			fill, p = true, p[2:]
			continue
		}
		if len(p) >= 2 && strings.EqualFold(p[:2], "TM") {
			p = p[2:]
			continue
		}
		if p[0] == '"' {
			var b []byte
			i := 1
			for ; i < len(p) && p[i] != '"'; i++ {
				if p[i] == '\\' && i+1 < len(p) {
					i++
				}
				b = append(b, p[i])
			}
			literal(string(b))
			p = p[min(i+1, len(p)):]
			continue
		}
		if p[0] == '\\' && len(p) > 1 && p[1] == '"' {
			p = p[1:]
		}
		key := ""
		for _, k := range dateKeys {
			if len(k) > len(key) && strings.HasPrefix(p, k) {
				key = k
			}
		}
		if key == "" {
			literal(p[:1])
			p, fill = p[1:], false
			continue
		}
		p = p[len(key):]
		n := patternNode{key: key, fill: fill}
		fill = false
		if !isCased(key) {
			n.key = strings.ToUpper(key)
		}
		if len(p) >= 2 && (p[:2] == "TH" || p[:2] == "th") {
			n.th, p = p[0], p[2:]
		}
		nodes = append(nodes, n)
	}
	return nodes
}

// ordinal returns st, nd, rd or th for a number's text.
func ordinal(digits string, upper bool) string {
	s := "th"
	if n := len(digits); n > 0 && !(n > 1 && digits[n-2] == '1') {
		switch digits[n-1] {
		case '1':
			s = "st"
		case '2':
			s = "nd"
		case '3':
			s = "rd"
		}
	}
	if upper {
		return strings.ToUpper(s)
	}
	return s
}

var romanMonths = [...]string{"I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"}

// likeCase writes name in the case that the keyword shows.
func likeCase(name, key string) string {
	switch {
	case key == strings.ToUpper(key):
		return strings.ToUpper(name)
	case key == strings.ToLower(key):
		return strings.ToLower(name)
	}
	return strings.ToUpper(name[:1]) + name[1:]
}
