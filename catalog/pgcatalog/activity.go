package pgcatalog

import "github.com/tarndb/tarn/sql/types"

// What the server's sessions are doing.

func activityRows(s *state, w *writer) {
	w.columns("datid", "datname", "pid", "usesysid", "usename", "application_name", "client_addr", "client_port", "backend_start", "xact_start",
		"query_start", "state_change", "wait_event_type", "wait_event", "state", "query", "backend_type")
	for _, a := range s.in.Sessions {
		datid, user, port, kind := null, null, null, a.WorkerKind
		if a.Database != "" {
			datid = oid(databaseOID)
		}
		if id, ok := s.roles[a.User]; ok && a.User != "" {
			user = oid(id)
		}
		if kind == "" {
			kind, port = "client backend", num(-1)
			if a.Client != "" {
				port = num(a.Port)
			}
		}
		w.row(datid, orNull(a.Database), num(a.PID), user, orNull(a.User), str(a.Application), orNull(a.Client), port, stamp(a.Started),
			stamp(a.TransactionStarted), stamp(a.QueryStarted), stamp(a.StateChanged), orNull(a.WaitEventType), orNull(a.WaitEvent), orNull(a.State),
			str(a.Query), str(kind))
	}
}

func cursorRows(s *state, w *writer) {
	w.columns("name", "statement", "is_holdable", "is_binary", "is_scrollable", "creation_time")
	for _, c := range s.in.Cursors {
		w.row(str(c.Name), str(c.Statement), yes(c.Hold), yes(c.Binary), yes(c.Scroll), stamp(c.Created))
	}
}

func preparedRows(s *state, w *writer) {
	w.columns("name", "statement", "prepare_time", "parameter_types", "from_sql", "generic_plans", "custom_plans")
	for _, p := range s.in.Prepared {
		w.row(str(p.Name), str(p.Statement), stamp(p.Created), array(types.Regtype, p.ParameterTypes, oid), yes(p.FromSQL), num(p.Plans), num(0))
	}
}
