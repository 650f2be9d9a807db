package server

import (
	"context"
	"maps"
	"sort"
	"strings"
	"time"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/catalog/pgcatalog"
	"github.com/tarndb/tarn/exec"
	"github.com/tarndb/tarn/pgwire"
	"github.com/tarndb/tarn/planner"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/parser"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// databaseName is the one database.
const databaseName = "tarn"

// session is one connection's state: settings, transaction, what it has written.
// It belongs to the connection's goroutine.
type session struct {
	srv    *Server
	info   pgwire.StartupInfo
	client pgwire.Client
	names  *pgwire.Names
	set    *settings
	// generation counts changes of settings: a cached plan belongs to one.
	generation int
	known      seenCatalog // as of the last statement
	tx         *txn
	seen       exec.Epoch // newest epoch this session has written or read
	connected  time.Time
}

var _ pgwire.Session = (*session)(nil)

func newSession(srv *Server, info pgwire.StartupInfo, client pgwire.Client) (*session, error) {
	if info.Database != "" && info.Database != info.User && info.Database != databaseName {
		return nil, sqlerr.New(sqlerr.InvalidCatalogName, "database %q does not exist", info.Database).
			WithHint("The one database is called %q; a database named as the user is it, too.", databaseName)
	}
	s := &session{srv: srv, info: info, client: client, names: info.Names, set: newSettings(), connected: time.Now()}
	s.set.env.Names = regNames{s}
	s.set.values["session_authorization"] = info.User
	for _, p := range info.Params {
		if isStartupWord(p.Name) {
			continue
		}
		if _, err := s.set.set(p.Name, p.Value); err != nil {
			return nil, err
		}
	}
	s.set.login = maps.Clone(s.set.values)
	for _, name := range variableNames() {
		v, _ := s.set.get(name)
		client.Parameter(variableByName[name].name, v)
	}
	srv.sessions.add(s)
	return s, nil
}

// isStartupWord: parameters of the startup message that are not settings.
func isStartupWord(name string) bool {
	switch name {
	case "user", "database", "options", "replication":
		return true
	}
	return strings.HasPrefix(name, "_pq_.")
}

// Close ends the session.
func (s *session) Close() {
	s.endTx()
	s.srv.sessions.remove(s)
}

// Env holds the settings that texts of values depend on.
func (s *session) Env() *types.Env { return &s.set.env }

// TxStatus is what ReadyForQuery reports.
func (s *session) TxStatus() pgwire.TxStatus {
	switch {
	case s.tx == nil || !s.tx.explicit:
		return pgwire.TxIdle
	case s.tx.failed:
		return pgwire.TxFailed
	}
	return pgwire.TxBlock
}

// IdleTimeout is what the settings allow the client in this state.
func (s *session) IdleTimeout() time.Duration {
	if s.TxStatus() == pgwire.TxIdle {
		return s.set.idleTimeout
	}
	return s.set.idleInTxTimeout
}

// Split parses a string into its statements.
func (s *session) Split(_ context.Context, sql string) ([]pgwire.Statement, error) {
	parsed, err := parser.Parse(sql)
	if err != nil {
		return nil, err
	}
	out := make([]pgwire.Statement, len(parsed))
	for i, p := range parsed {
		out[i] = &statement{s: s, parsed: p, sql: sql[p.Start:p.End]}
	}
	return out, nil
}

// statement is one parsed statement.
type statement struct {
	s      *session
	parsed ast.Parsed
	sql    string
}

// Prepare resolves names and types.
func (st *statement) Prepare(_ context.Context, oids []uint32) (pgwire.Prepared, error) {
	params := make([]types.Type, max(len(oids), st.parsed.ParamMax))
	for i, oid := range oids {
		if oid != 0 && oid != types.OIDUnknown {
			params[i] = types.Type{OID: oid, Mod: -1}
		}
	}
	return st.s.prepare(st.parsed.Stmt, params)
}

// prepare makes a statement ready, by its row of the dispatch table.
func (s *session) prepare(stmt ast.Statement, params []types.Type) (*prepared, error) {
	verb, err := verbOf(stmt)
	if err != nil {
		return nil, err
	}
	if s.tx != nil && s.tx.failed && !verb.endsBlock {
		return nil, sqlerr.New(sqlerr.InFailedSQLTransaction, "current transaction is aborted, commands ignored until end of transaction block")
	}
	p := &prepared{s: s, stmt: stmt, verb: verb, params: params}
	if err := verb.prepare(p); err != nil {
		return nil, err
	}
	return p, nil
}

// options are what the planner needs to know of the session.
func (s *session) options(params []types.Type) planner.Options {
	env := s.set.env
	env.Now = s.now()
	return planner.Options{Catalog: s.catalog(), SearchPath: s.set.searchPath, Env: &env, ParamTypes: params, Session: s.view(),
		DefaultCluster: s.srv.cfg.Kafka != "", AsOfEvent: s.settingTime(s.set.asOfEvent), AsOfSystem: s.settingTime(s.set.asOfSystem)}
}

// settingTime is the value of as_of_event_time or as_of_system_time; nil = not set.
func (s *session) settingTime(value string) *int64 {
	if value == "" {
		return nil
	}
	d, err := types.ParseText(value, types.Timestamptz, s.Env())
	if err != nil {
		return nil // it was checked when it was set
	}
	return &d.I
}

// catalog is the catalog as this session sees it: with the changes of its own
// transaction.
func (s *session) catalog() *catalog.Snapshot {
	if s.tx != nil && s.tx.catalog != nil {
		return s.tx.catalog
	}
	return s.srv.host.Snapshot()
}

// now is the time of the transaction, as now() gives it.
func (s *session) now() int64 {
	if s.tx != nil {
		return s.tx.started
	}
	return nowMicros()
}

// evalCtx is what expressions of a statement see.
func (s *session) evalCtx(args []types.Datum) *funcs.Ctx {
	env := s.set.env
	env.Now = s.now()
	return &funcs.Ctx{Env: &env, Params: args, Session: s.view()}
}

// notice sends a message unless the session asked for more severe ones only.
func (s *session) notice(severity pgwire.Severity, e *sqlerr.Error) {
	level := map[string]int{"debug5": 0, "debug4": 0, "debug3": 0, "debug2": 0, "debug1": 0, "log": 1, "notice": 2, "warning": 3, "error": 4}
	mine := map[pgwire.Severity]int{pgwire.Debug: 0, pgwire.Log: 1, pgwire.Notice: 2, pgwire.Warning: 3, pgwire.Info: 5}
	if mine[severity] >= level[s.set.minMessages] {
		s.client.Notice(severity, e)
	}
}

func (s *session) notices(es []*sqlerr.Error) {
	for _, e := range es {
		s.notice(pgwire.Notice, e)
	}
}

// setVariable changes a setting and tells the client where the protocol wants it.
func (s *session) setVariable(name, value string) error {
	switch strings.ToLower(name) { // these are the current transaction's, not the session's
	case "transaction_isolation":
		level, err := checkIsolation(value)
		if err != nil {
			return invalidSetting(name, value, err)
		}
		if s.tx == nil || !s.tx.explicit {
			return nil
		}
		return s.setModes(&ast.TxModes{Isolation: level})
	case "transaction_read_only":
		on, err := checkBool(value)
		if err != nil {
			return invalidSetting(name, value, err)
		}
		if s.tx == nil || !s.tx.explicit {
			return nil
		}
		access := "READ WRITE"
		if on == "on" {
			access = "READ ONLY"
		}
		return s.setModes(&ast.TxModes{Access: access})
	}
	s.keepSettings()
	canonical, err := s.set.set(name, value)
	if err != nil {
		return err
	}
	s.generation++
	s.client.Parameter(canonical, value2(s.set, canonical))
	return nil
}

func value2(set *settings, name string) string { v, _ := set.get(name); return v }

// restoreSettings puts back what a transaction had before it was rolled back;
// nil: it has changed nothing.
func (s *session) restoreSettings(old *settings) {
	if old == nil {
		return
	}
	names := map[string]bool{}
	for n := range old.values {
		names[n] = true
	}
	for n := range s.set.values {
		names[n] = true
	}
	changed := make([]string, 0, len(names))
	for n := range names {
		if value2(old, n) != value2(s.set, n) {
			changed = append(changed, n)
		}
	}
	sort.Strings(changed)
	s.set = old
	s.generation++
	for _, n := range changed {
		if v := variableByName[n]; v != nil {
			s.client.Parameter(v.name, value2(s.set, n))
		}
	}
}

// User, Database, SearchPath and Setting answer functions about the session
// (funcs.Session).
func (s *session) User(bool) string { return s.info.User }

// Database is current_database().
func (s *session) Database() string { return databaseName }

// SearchPath is the path without schemas that do not exist.
func (s *session) SearchPath() []string {
	var out []string
	for _, p := range s.set.searchPath {
		if s.catalog().HasSchema(p) {
			out = append(out, p)
		}
	}
	return out
}

// Setting is what SHOW shows.
func (s *session) Setting(name string) (string, bool) { return s.set.get(name) }

// regNames names reg values in what is sent and received.
type regNames struct{ s *session }

func (r regNames) lookup() *pgcatalog.Lookup {
	return pgcatalog.NewLookup(pgcatalog.Input{Catalog: r.s.catalog(), User: r.s.info.User, Database: databaseName}, r.s.SearchPath())
}

func (r regNames) RegIn(t types.Type, text string) (int64, error) { return r.lookup().RegIn(t, text) }
func (r regNames) RegOut(t types.Type, oid int64) string          { return r.lookup().RegOut(t, oid) }
