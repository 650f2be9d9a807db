package types

import (
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // the server is one binary: it brings its zones along

	"github.com/tarndb/tarn/sql/sqlerr"
)

// abbreviations are the fixed offsets (in quarter hours) of the zone
// abbreviations in common use, PostgreSQL's "Default" set.
var abbreviations = map[string]int{
	"utc": 0, "gmt": 0, "z": 0, "zulu": 0, "ut": 0, "uct": 0, "wet": 0, "west": 4, "bst": 4, "cet": 4, "met": 4,
	"cest": 8, "mest": 8, "eet": 8, "eest": 12, "msk": 12, "msd": 16, "sast": 8, "ist": 8, "idt": 12,
	"est": -20, "edt": -16, "cst": -24, "cdt": -20, "mst": -28, "mdt": -24, "pst": -32, "pdt": -28,
	"akst": -36, "akdt": -32, "hst": -40, "ast": -16, "adt": -12, "nst": -14, "ndt": -10, "brt": -12, "art": -12,
	"jst": 36, "kst": 36, "hkt": 32, "sgt": 32, "pht": 32, "awst": 32, "acst": 38, "acdt": 42, "aest": 40, "aedt": 44,
	"nzst": 48, "nzdt": 52, "pkt": 20, "npt": 23, "mut": 16, "mmt": 26, "ict": 28, "wib": 28,
}

// zones remembers loaded locations: loading one reads and parses a file, and
// AT TIME ZONE with a column does it per row. Locations are immutable, and only
// names that exist are kept, so the map is bounded by the zone database.
var zones sync.Map

// LoadZone finds a time zone by name (America/New_York, any case), abbreviation
// (EST) or POSIX-style offset (UTC+3, which lies west of Greenwich).
func LoadZone(name string) (*time.Location, error) {
	key := strings.ToLower(name)
	if l, ok := zones.Load(key); ok {
		return l.(*time.Location), nil
	}
	l := loadZone(name, key)
	if l == nil {
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "time zone \"%s\" not recognized", name)
	}
	if !strings.ContainsAny(key, "+-") || strings.Contains(key, "/") {
		zones.Store(key, l)
	}
	return l, nil
}

func loadZone(name, key string) *time.Location {
	switch key {
	case "utc", "gmt", "z", "zulu", "etc/utc", "uct":
		return time.UTC
	case "", "local", "localtime", "posixrules":
		return nil
	}
	if q, ok := abbreviations[key]; ok {
		return time.FixedZone(strings.ToUpper(name), q*900)
	}
	for _, n := range []string{name, strings.ToUpper(name), titleZone(key)} {
		if l, err := time.LoadLocation(n); err == nil {
			return l
		}
	}
	return posixZone(name)
}

// titleZone writes america/new_york as America/New_York.
func titleZone(s string) string {
	b, up := []byte(s), true
	for i, c := range b {
		if up && c >= 'a' && c <= 'z' {
			b[i] = c - 32
		}
		up = c == '/' || c == '_' || c == '-'
	}
	return string(b)
}

// posixZone reads [letters]±hh[:mm[:ss]]; a positive offset is west.
func posixZone(s string) *time.Location {
	i := 0
	for i < len(s) && (s[i]|0x20) >= 'a' && (s[i]|0x20) <= 'z' {
		i++
	}
	if i > 0 && i < 3 || i == len(s) || s[i] != '+' && s[i] != '-' {
		return nil
	}
	off, n, ok := scanOffset(s[i:])
	if !ok || i+n != len(s) || off < -86400*7 || off > 86400*7 {
		return nil
	}
	return FixedZone(-off)
}

// FixedZone is the zone the given seconds east of Greenwich.
func FixedZone(offset int) *time.Location {
	if offset == 0 {
		return time.UTC
	}
	return time.FixedZone(string(appendOffset([]byte("UTC"), offset)), offset)
}

// scanOffset reads ±h, ±hh, ±hhmm, ±hhmmss, ±hh:mm, ±hh:mm:ss: seconds east and
// the length read.
func scanOffset(s string) (off, n int, ok bool) {
	if len(s) < 2 || s[0] != '+' && s[0] != '-' {
		return 0, 0, false
	}
	part := func(i int) (v, end int) {
		for end = i; end < len(s) && isDigit(s[end]) && end-i < 7; end++ {
			v = v*10 + int(s[end]-'0')
		}
		return v, end
	}
	v, i := part(1)
	var h, m, sec int
	switch i - 1 {
	case 1, 2:
		h = v
		if i < len(s) && s[i] == ':' {
			var end int
			m, end = part(i + 1)
			if end == i+1 || end > i+3 {
				return 0, 0, false
			}
			i = end
			if i < len(s) && s[i] == ':' {
				sec, end = part(i + 1)
				if end == i+1 || end > i+3 {
					return 0, 0, false
				}
				i = end
			}
		}
	case 3, 4:
		h, m = v/100, v%100
	case 5, 6:
		h, m, sec = v/10000, v/100%100, v%100
	default:
		return 0, 0, false
	}
	if m > 59 || sec > 59 {
		return 0, 0, false
	}
	off = h*3600 + m*60 + sec
	if s[0] == '-' {
		off = -off
	}
	return off, i, true
}

// appendOffset writes ±hh[:mm[:ss]].
func appendOffset(dst []byte, off int) []byte {
	sign := byte('+')
	if off < 0 {
		sign, off = '-', -off
	}
	dst = append(dst, sign)
	dst = appendPad(dst, off/3600, 2)
	if off%3600 != 0 {
		dst = append(dst, ':')
		dst = appendPad(dst, off/60%60, 2)
		if off%60 != 0 {
			dst = append(dst, ':')
			dst = appendPad(dst, off%60, 2)
		}
	}
	return dst
}

// zoneOffset returns the seconds east of Greenwich at the instant ts.
func zoneOffset(ts int64, loc *time.Location) int {
	if loc == time.UTC || loc == nil {
		return 0
	}
	_, off := time.Unix(floorDiv64(ts, usecSec)+epochUnix, 0).In(loc).Zone()
	return off
}

// localToUTC gives the instant of a local time. A time that a change to summer
// time skips is read with the offset before it, one that occurs twice with the
// offset after the change, as PostgreSQL does.
func localToUTC(local int64, loc *time.Location) int64 {
	if loc == time.UTC || loc == nil {
		return local
	}
	before := int64(zoneOffset(local-usecDay, loc)) * usecSec
	after := int64(zoneOffset(local+usecDay, loc)) * usecSec
	if before == after {
		return local - before
	}
	u1, u2 := local-before, local-after
	if int64(zoneOffset(u2, loc))*usecSec == after {
		return u2
	}
	return u1
}
