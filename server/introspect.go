package server

import (
	"strings"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/catalog/pgcatalog"
)

// view is what expressions may ask: the session, and the catalog as it sees it.
type view struct {
	*session
	*pgcatalog.Lookup
}

// seenCatalog is a view and what it was made from. Statements ask for one each,
// and almost none looks anything up.
type seenCatalog struct {
	*view
	catalog    *catalog.Snapshot
	generation int
	sessions   uint64
}

func (s *session) view() *view {
	now := seenCatalog{catalog: s.catalog(), generation: s.generation, sessions: s.srv.sessions.version.Load()}
	if k := &s.known; k.view == nil || k.catalog != now.catalog || k.generation != now.generation || k.sessions != now.sessions {
		now.view = &view{s, pgcatalog.NewLookup(s.catalogInput(), s.SearchPath())}
		s.known = now
	}
	return s.known.view
}

// catalogInput is what the system catalogs are computed from.
func (s *session) catalogInput() pgcatalog.Input {
	in := pgcatalog.Input{Catalog: s.catalog(), User: s.info.User, Database: databaseName, Size: s.srv.engine.Size}
	for _, name := range variableNames() {
		v := variableByName[name]
		value, _ := s.set.get(name)
		_, changed := s.set.values[name]
		in.Settings = append(in.Settings, pgcatalog.Setting{Name: v.name, Value: value, Initial: v.initial, Doc: v.doc, Fixed: v.fixed, Changed: changed})
	}
	s.srv.sessions.mu.Lock()
	for other := range s.srv.sessions.all {
		in.Sessions = append(in.Sessions, pgcatalog.Session{PID: int32(other.info.PID), User: other.info.User, Database: databaseName,
			Started: other.connected, State: "active"})
	}
	s.srv.sessions.mu.Unlock()
	return in
}

// SetSetting is set_config().
func (s *session) SetSetting(name, value string, local bool) (string, error) {
	if local && s.tx != nil && s.tx.explicit && s.tx.local == nil {
		s.tx.local = s.set.clone()
	}
	if err := s.setVariable(name, value); err != nil {
		return "", err
	}
	shown, _ := s.set.get(strings.ToLower(name))
	return shown, nil
}

// BackendPID is pg_backend_pid().
func (s *session) BackendPID() int32 { return int32(s.info.PID) }
