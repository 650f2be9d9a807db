package metamorphic

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// trailing are the zeros that a number shows and does not need; the four digits of
// the kind number stay.
var (
	trailing = regexp.MustCompile(`(\d)\.(\d*?)0+($|[^\d.])`)
	fixed    = regexp.MustCompile(`^-?\d+\.\d{4}$`)
	interval = regexp.MustCompile(`^(?:(-?\d+) years?)? ?(?:(-?\d+) mons?)? ?(?:([-+]?\d+) days?)? ?(?:([-+]?)(\d+):(\d\d):(\d\d)(\.\d+)?)?$`)
)

// canonical is a cell in the text that all equal values share.
func canonical(cell string) string {
	if cell == "" || fixed.MatchString(cell) {
		return cell
	}
	if cell == "-0" {
		return "0"
	}
	if m := interval.FindStringSubmatch(cell); m != nil {
		n := func(i int) int64 {
			v, _ := strconv.ParseInt(m[i], 10, 64) // absent is 0
			return v
		}
		seconds := n(5)*3600 + n(6)*60 + n(7)
		if m[4] == "-" {
			seconds = -seconds
		}
		return fmt.Sprintf("%d s%s", ((n(1)*12+n(2))*30+n(3))*86400+seconds, m[8])
	}
	for strings.Contains(cell, ".") {
		next := trailing.ReplaceAllStringFunc(cell, func(s string) string {
			m := trailing.FindStringSubmatch(s)
			if m[2] == "" {
				return m[1] + m[3]
			}
			return m[1] + "." + m[2] + m[3]
		})
		if next == cell {
			break
		}
		cell = next
	}
	return cell
}

// canonicalRow does so with a row in COPY's text.
func canonicalRow(row string) string {
	cells := strings.Split(row, "\t")
	for i, c := range cells {
		cells[i] = canonical(c)
	}
	return strings.Join(cells, "\t")
}

func TestCanonical(t *testing.T) {
	for in, want := range map[string]string{
		"":                    "",
		"1.0":                 "1",
		"1.50":                "1.5",
		"10":                  "10",
		"1.5000":              "1.5000",
		"0.05":                "0.05",
		"-0":                  "0",
		"[1.0, 2.20, 3.05]":   "[1, 2.2, 3.05]",
		`{"a": 1.00}`:         `{"a": 1}`,
		"{1,NULL}":            "{1,NULL}",
		"1 day":               "86400 s",
		"24:00:00":            "86400 s",
		"1 mon":               "2592000 s",
		"30 days":             "2592000 s",
		"1 day -24:00:00":     "0 s",
		"00:00:00":            "0 s",
		"-00:30:00":           "-1800 s",
		"1 year 2 mons":       "36288000 s",
		"2024-03-01 09:00:00": "2024-03-01 09:00:00",
	} {
		if got := canonical(in); got != want {
			t.Errorf("%q is %q, not %q", in, got, want)
		}
	}
}
