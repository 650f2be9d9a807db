package server

import (
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// variable is one row of the settings table: what SET, SHOW, RESET,
// current_setting and pg_settings know.
type variable struct {
	name    string // canonical spelling, as SHOW prints it
	initial string
	doc     string
	// fixed variables can be shown but not set (55P02).
	fixed bool
	// check returns the canonical form of a value, or an error. nil = any text.
	check func(value string) (string, error)
	// apply changes what the session computes with; called after check.
	apply func(s *settings, value string) error
	// inert variables are accepted because clients set them, have PostgreSQL's
	// meaning for nothing that exists here, and say so in their doc.
	inert bool
}

// settings are one session's values and what has been derived from them.
type settings struct {
	values map[string]string // canonical lower-case name → value, only where set
	login  map[string]string // what the startup packet set: RESET goes back to it
	env    types.Env

	searchPath       []string
	freshness        string
	readWait         time.Duration
	statementTimeout time.Duration
	readOnly, repeat bool // of new transactions
	lockTimeout      time.Duration
	idleTimeout      time.Duration // outside of a transaction block
	idleInTxTimeout  time.Duration // in one
	asOfEvent        string
	asOfSystem       string
	minMessages      string
	ksql             bool
}

func newSettings() *settings {
	s := &settings{values: map[string]string{}}
	s.env = *types.NewEnv()
	for i := range variables {
		if v := &variables[i]; v.apply != nil {
			if err := v.apply(s, v.initial); err != nil {
				panic("server: default of " + v.name + ": " + err.Error())
			}
		}
	}
	return s
}

// clone is for SET LOCAL and rollback.
func (s *settings) clone() *settings {
	c := *s
	c.values = make(map[string]string, len(s.values))
	for k, v := range s.values {
		c.values[k] = v
	}
	return &c
}

var variableByName = func() map[string]*variable {
	m := make(map[string]*variable, len(variables))
	for i := range variables {
		m[strings.ToLower(variables[i].name)] = &variables[i]
	}
	return m
}()

// get returns a setting's value; ok is false for unknown names.
func (s *settings) get(name string) (value string, ok bool) {
	key := strings.ToLower(name)
	if v, ok := s.values[key]; ok {
		return v, true
	}
	if key == "transaction_isolation" || key == "transaction_read_only" { // outside a block: what the next one gets
		return s.get("default_" + key)
	}
	if v := variableByName[key]; v != nil {
		return v.initial, true
	}
	return "", false
}

func (s *settings) set(name, value string) (canonical string, err error) {
	key := strings.ToLower(name)
	v := variableByName[key]
	if v == nil {
		if strings.Contains(key, ".") { // a custom setting, as PostgreSQL allows
			s.values[key] = value
			return name, nil
		}
		return "", unknownSetting(name)
	}
	if v.fixed {
		return "", sqlerr.New(sqlerr.CantChangeRuntimeParam, "parameter %q cannot be changed", v.name)
	}
	if v.check != nil {
		if value, err = v.check(value); err != nil {
			return "", invalidSetting(v.name, value, err)
		}
	}
	if v.apply != nil {
		if err := v.apply(s, value); err != nil {
			return "", invalidSetting(v.name, value, err)
		}
	}
	s.values[key] = value
	return v.name, nil
}

func (s *settings) reset(name string) (canonical, value string, err error) {
	key := strings.ToLower(name)
	v := variableByName[key]
	if v == nil {
		return "", "", unknownSetting(name)
	}
	if v.fixed {
		return "", "", sqlerr.New(sqlerr.CantChangeRuntimeParam, "parameter %q cannot be changed", v.name)
	}
	value, atLogin := s.login[key]
	if !atLogin {
		value = v.initial
	}
	if v.apply != nil {
		if err := v.apply(s, value); err != nil {
			return "", "", err
		}
	}
	delete(s.values, key)
	if atLogin {
		s.values[key] = value
	}
	return v.name, value, nil
}

func unknownSetting(name string) error {
	e := sqlerr.New(sqlerr.UndefinedObject, "unrecognized configuration parameter %q", name)
	if near := nearest(strings.ToLower(name), variableNames()); near != "" {
		e = e.WithHint("Perhaps you meant %q.", near)
	}
	return e
}

func invalidSetting(name, value string, cause error) error {
	if e := (*sqlerr.Error)(nil); cause != nil && asSQL(cause, &e) {
		return cause
	}
	e := sqlerr.New(sqlerr.InvalidParameterValue, "invalid value for parameter %q: %q", name, value)
	if cause != nil && cause.Error() != "" {
		e = e.WithHint("%s", cause.Error())
	}
	return e
}

func variableNames() []string {
	names := make([]string, 0, len(variables))
	for i := range variables {
		names = append(names, strings.ToLower(variables[i].name))
	}
	sort.Strings(names)
	return names
}

func checkBool(value string) (string, error) {
	switch strings.ToLower(strings.TrimSpace(value)) {
	case "on", "true", "t", "yes", "y", "1":
		return "on", nil
	case "off", "false", "f", "no", "n", "0":
		return "off", nil
	}
	return value, fmt.Errorf("a Boolean value is wanted")
}

func checkEnum(words ...string) func(string) (string, error) {
	return func(value string) (string, error) {
		for _, w := range words {
			if strings.EqualFold(value, w) {
				return w, nil
			}
		}
		return value, fmt.Errorf("available values: %s", strings.Join(words, ", "))
	}
}

func checkInt(lo, hi int64) func(string) (string, error) {
	return func(value string) (string, error) {
		n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
		if err != nil || n < lo || n > hi {
			return value, fmt.Errorf("a number from %d to %d is wanted", lo, hi)
		}
		return strconv.FormatInt(n, 10), nil
	}
}

// parseDuration reads PostgreSQL's time settings: a number in milliseconds or
// with a unit.
func parseDuration(value string) (time.Duration, error) {
	text := strings.TrimSpace(value)
	i := strings.IndexFunc(text, func(r rune) bool { return (r < '0' || r > '9') && r != '.' && r != '-' })
	unit := "ms"
	if i >= 0 {
		text, unit = strings.TrimSpace(text[:i]), strings.TrimSpace(text[i:])
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("valid units are \"us\", \"ms\", \"s\", \"min\", \"h\" and \"d\"")
	}
	scale, ok := map[string]time.Duration{"us": time.Microsecond, "ms": time.Millisecond, "s": time.Second,
		"min": time.Minute, "h": time.Hour, "d": 24 * time.Hour}[unit]
	if !ok {
		return 0, fmt.Errorf("valid units are \"us\", \"ms\", \"s\", \"min\", \"h\" and \"d\"")
	}
	return time.Duration(n * float64(scale)), nil
}

func checkDuration(value string) (string, error) {
	d, err := parseDuration(value)
	if err != nil {
		return value, err
	}
	if d < 0 || d > math.MaxInt32*time.Millisecond {
		return value, fmt.Errorf("a time of at most %d ms is wanted", math.MaxInt32)
	}
	return showDuration(d), nil
}

func showDuration(d time.Duration) string {
	switch {
	case d == 0:
		return "0"
	case d%(24*time.Hour) == 0:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d%time.Minute == 0:
		return fmt.Sprintf("%dmin", d/time.Minute)
	case d%time.Second == 0:
		return fmt.Sprintf("%ds", d/time.Second)
	case d%time.Millisecond == 0:
		return fmt.Sprintf("%dms", d/time.Millisecond)
	}
	return fmt.Sprintf("%dus", d/time.Microsecond)
}
