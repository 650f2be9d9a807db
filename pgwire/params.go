package pgwire

import (
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// reportedParameters are the settings that clients are told of without asking,
// as PostgreSQL 15 does, with what they are until a session says otherwise; ""
// comes from the startup packet.
var reportedParameters = [...]Param{
	{"application_name", ""},
	{"client_encoding", "UTF8"},
	{"DateStyle", "ISO, MDY"},
	{"default_transaction_read_only", "off"},
	{"in_hot_standby", "off"},
	{"integer_datetimes", "on"},
	{"IntervalStyle", "postgres"},
	{"is_superuser", "on"},
	{"server_encoding", "UTF8"},
	{"server_version", ""},
	{"session_authorization", ""},
	{"standard_conforming_strings", "on"},
	{"TimeZone", "UTC"},
}

// paramStatus remembers what the client has been told.
type paramStatus struct {
	values [len(reportedParameters)]string
	told   [len(reportedParameters)]string
	dirty  bool
	fresh  bool // nothing told yet
}

func (p *paramStatus) init(info StartupInfo, serverVersion string) {
	for i, r := range reportedParameters {
		p.values[i] = r.Value
	}
	p.set("server_version", serverVersion)
	p.set("session_authorization", info.User)
	for _, given := range info.Params {
		if strings.EqualFold(given.Name, "application_name") {
			p.set("application_name", given.Value)
		}
	}
	p.dirty, p.fresh = true, true
}

func (p *paramStatus) set(name, value string) {
	for i, r := range reportedParameters {
		if strings.EqualFold(r.Name, name) {
			p.values[i] = value
			p.dirty = true
			return
		}
	}
}

// send writes what has changed since the last time.
func (p *paramStatus) send(o *outBuffer) {
	if !p.dirty {
		return
	}
	for i, r := range reportedParameters {
		if p.fresh || p.values[i] != p.told[i] {
			o.message(&pgproto3.ParameterStatus{Name: r.Name, Value: p.values[i]})
			p.told[i] = p.values[i]
		}
	}
	p.dirty, p.fresh = false, false
}

// Parameter implements Client.
func (c *conn) Parameter(name, value string) { c.params.set(name, value) }

// Notice implements Client.
func (c *conn) Notice(s Severity, e *sqlerr.Error) {
	c.out.notice(string(s), c.flat(e))
}
