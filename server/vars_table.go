package server

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// serverVersion is the PostgreSQL release whose behaviour the server reports:
// clients choose their catalog queries by it.
const serverVersion = "15.18"

const serverVersionNum = "150018"

// variables is the table of settings.
var variables = []variable{
	{name: "application_name", initial: "", doc: "Name of the application, as the client gives it."},
	{name: "as_of_event_time", initial: "", doc: "Every query reads as of this event time; empty = now.",
		apply: func(s *settings, v string) error { s.asOfEvent = v; return nil }, check: checkTimestamp},
	{name: "as_of_system_time", initial: "", doc: "Every query reads as of this system time; empty = now.",
		apply: func(s *settings, v string) error { s.asOfSystem = v; return nil }, check: checkTimestamp},
	{name: "bytea_output", initial: "hex", doc: "Output format of bytea.", check: checkEnum("hex", "escape"),
		apply: func(s *settings, v string) error { s.env.ByteaEscape = v == "escape"; return nil }},
	{name: "client_encoding", initial: "UTF8", doc: "Client character set; UTF8 only.", check: checkEncoding},
	{name: "client_min_messages", initial: "notice", doc: "Least severity of messages sent to the client.",
		check: checkEnum("debug5", "debug4", "debug3", "debug2", "debug1", "log", "notice", "warning", "error"),
		apply: func(s *settings, v string) error { s.minMessages = v; return nil }},
	{name: "DateStyle", initial: "ISO, MDY", doc: "Display format ISO; order in which ambiguous dates are read.", check: checkDateStyle, apply: applyDateStyle},
	{name: "default_table_access_method", initial: "heap", doc: "Shown for clients that ask.", fixed: true},
	{name: "default_transaction_deferrable", initial: "off", doc: "Shown for clients that ask.", check: checkBool, inert: true},
	{name: "default_transaction_isolation", initial: "read committed", doc: "Isolation level of new transactions.", check: checkIsolation,
		apply: func(s *settings, v string) error { s.repeat = v != "read committed"; return nil }},
	{name: "default_transaction_read_only", initial: "off", doc: "Whether new transactions are read-only.", check: checkBool,
		apply: func(s *settings, v string) error { s.readOnly = v == "on"; return nil }},
	{name: "dialect", initial: "postgres", doc: "Which meaning wins where two dialects disagree: postgres or ksql.", check: checkEnum("postgres"),
		apply: func(s *settings, v string) error { s.ksql = v == "ksql"; return nil }},
	{name: "extra_float_digits", initial: "1", doc: "Digits shown for floating-point values.", check: checkInt(-15, 3),
		apply: func(s *settings, v string) error { s.env.ExtraFloatDigits, _ = strconv.Atoi(v); return nil }},
	{name: "idle_in_transaction_session_timeout", initial: "0", doc: "Longest silence of a client in a transaction block; 0 = no end.", check: checkDuration,
		apply: func(s *settings, v string) (err error) { s.idleInTxTimeout, err = parseDuration(v); return err }},
	{name: "idle_session_timeout", initial: "0", doc: "Longest silence of a client outside of a transaction block; 0 = no end.", check: checkDuration,
		apply: func(s *settings, v string) (err error) { s.idleTimeout, err = parseDuration(v); return err }},
	{name: "in_hot_standby", initial: "off", doc: "Shown for clients that ask.", fixed: true},
	{name: "integer_datetimes", initial: "on", doc: "Dates and times are integers.", fixed: true},
	{name: "IntervalStyle", initial: "postgres", doc: "Display format of intervals.",
		check: checkEnum("postgres", "postgres_verbose", "sql_standard", "iso_8601"), apply: applyIntervalStyle},
	{name: "is_superuser", initial: "on", doc: "Whether the current user is a superuser.", fixed: true},
	{name: "lc_collate", initial: "C", doc: "Collation order.", fixed: true},
	{name: "lc_ctype", initial: "C", doc: "Character classification.", fixed: true},
	{name: "lc_messages", initial: "C", doc: "Language of messages.", check: checkEnum("C", "en_US.UTF-8", "C.UTF-8", "POSIX"), inert: true},
	{name: "lock_timeout", initial: "0", doc: "Longest wait for a row lock; 0 = no end.", check: checkDuration,
		apply: func(s *settings, v string) (err error) { s.lockTimeout, err = parseDuration(v); return err }},
	{name: "max_connections", initial: "1000", doc: "Largest number of connections.", fixed: true},
	{name: "max_identifier_length", initial: "63", doc: "Longest identifier.", fixed: true},
	{name: "max_index_keys", initial: "32", doc: "Largest number of key columns.", fixed: true},
	{name: "read_freshness", initial: "strict", doc: "What a read must have seen: everything acknowledged (strict), this session's writes (session), any epoch (any).",
		check: checkEnum("strict", "session", "any"), apply: func(s *settings, v string) error { s.freshness = v; return nil }},
	{name: "read_wait_timeout", initial: "10s", doc: "Longest wait of a read for its freshness.", check: checkDuration,
		apply: func(s *settings, v string) (err error) { s.readWait, err = parseDuration(v); return err }},
	{name: "row_security", initial: "on", doc: "Accepted; there are no policies.", check: checkBool, inert: true},
	{name: "search_path", initial: `"$user", public`, doc: "Schemas in which unqualified names are looked up.", apply: applySearchPath},
	{name: "server_encoding", initial: "UTF8", doc: "Server character set.", fixed: true},
	{name: "server_version", initial: serverVersion, doc: "PostgreSQL version whose behaviour is reported.", fixed: true},
	{name: "server_version_num", initial: serverVersionNum, doc: "The same as a number.", fixed: true},
	{name: "session_authorization", initial: "", doc: "The session's user.", fixed: true},
	{name: "standard_conforming_strings", initial: "on", doc: "Backslashes in '…' are ordinary characters.", check: checkEnum("on"), inert: true},
	{name: "statement_timeout", initial: "0", doc: "Longest time of a statement.", check: checkDuration,
		apply: func(s *settings, v string) (err error) { s.statementTimeout, err = parseDuration(v); return err }},
	{name: "synchronize_seqscans", initial: "on", doc: "Accepted; without meaning here.", check: checkBool, inert: true},
	{name: "TimeZone", initial: "UTC", doc: "Time zone in which timestamps are read and shown.", check: checkZone, apply: applyZone},
	{name: "transaction_isolation", initial: "read committed", doc: "Isolation level of the current transaction.", check: checkIsolation},
	{name: "transaction_read_only", initial: "off", doc: "Whether the current transaction is read-only.", check: checkBool},
	{name: "wal_level", initial: "replica", doc: "Shown for clients that ask.", fixed: true},
}

func checkTimestamp(value string) (string, error) {
	if value == "" {
		return "", nil
	}
	if _, err := types.ParseText(value, types.Timestamptz, types.NewEnv()); err != nil {
		return value, err
	}
	return value, nil
}

func checkEncoding(value string) (string, error) {
	switch strings.ToUpper(strings.NewReplacer("-", "", "_", "").Replace(strings.Trim(value, "'"))) {
	case "UTF8", "UNICODE", "SQLASCII":
		return "UTF8", nil
	}
	return value, fmt.Errorf("only UTF8 is supported")
}

func checkIsolation(value string) (string, error) {
	switch strings.ToLower(value) {
	case "read uncommitted", "read committed":
		return "read committed", nil
	case "repeatable read":
		return "repeatable read", nil
	case "serializable":
		return value, sqlerr.New(sqlerr.FeatureNotSupported, "isolation level SERIALIZABLE is not supported").WithHint("Use REPEATABLE READ.")
	}
	return value, fmt.Errorf("available values: repeatable read, read committed, read uncommitted")
}

func checkDateStyle(value string) (string, error) {
	order := "MDY"
	for _, w := range strings.Split(value, ",") {
		switch strings.ToUpper(strings.TrimSpace(w)) {
		case "ISO", "":
		case "MDY", "US", "NONEURO", "NONEUROPEAN":
			order = "MDY"
		case "DMY", "EURO", "EUROPEAN":
			order = "DMY"
		case "YMD":
			order = "YMD"
		default:
			return value, fmt.Errorf("the display format ISO is supported, with MDY, DMY or YMD")
		}
	}
	return "ISO, " + order, nil
}

func applyDateStyle(s *settings, value string) error {
	switch value[len(value)-3:] {
	case "DMY":
		s.env.DateOrder = types.DMY
	case "YMD":
		s.env.DateOrder = types.YMD
	default:
		s.env.DateOrder = types.MDY
	}
	return nil
}

func applyIntervalStyle(s *settings, value string) error {
	s.env.IntervalStyle = map[string]types.IntervalStyle{"postgres": types.IntervalPostgres, "postgres_verbose": types.IntervalPostgresVerbose,
		"sql_standard": types.IntervalSQLStandard, "iso_8601": types.IntervalISO8601}[value]
	return nil
}

func checkZone(value string) (string, error) {
	if strings.EqualFold(value, "default") || strings.EqualFold(value, "local") || strings.EqualFold(value, "utc") {
		return "UTC", nil
	}
	if _, err := types.LoadZone(value); err != nil {
		return value, err
	}
	return value, nil
}

func applyZone(s *settings, value string) error {
	if value == "UTC" {
		s.env.TimeZone = nil
		return nil
	}
	loc, err := types.LoadZone(value)
	s.env.TimeZone = loc
	return err
}

func applySearchPath(s *settings, value string) error {
	s.searchPath = nil
	for _, p := range strings.Split(value, ",") {
		p = strings.TrimSpace(p)
		if n := len(p); n >= 2 && p[0] == '"' && p[n-1] == '"' {
			p = strings.ReplaceAll(p[1:n-1], `""`, `"`)
		} else {
			p = strings.ToLower(p)
		}
		if p != "" && p != "$user" {
			s.searchPath = append(s.searchPath, p)
		}
	}
	return nil
}
