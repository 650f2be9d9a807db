package server

import (
	"context"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/pgwire"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/sqlerr"
)

// control is PAUSE, RESUME and TERMINATE of sources and sinks. A pause lasts over
// restarts. TERMINATE of a sink drops it, as ksqlDB's ends a query for good.
func control(ctx context.Context, s *session, stmt ast.Statement, out pgwire.ResultWriter) (pgwire.Outcome, error) {
	c := stmt.(*ast.Control)
	if err := s.alone(ctx); err != nil {
		return pgwire.Outcome{}, err
	}
	var all []*catalog.Object
	if c.All {
		for _, o := range s.catalog().Objects() {
			if o.Kind == catalog.Sink || o.IsSource() && c.Verb != "TERMINATE" {
				all = append(all, o)
			}
		}
	} else {
		o, err := s.relation(c.Name)
		if err != nil {
			return pgwire.Outcome{}, err
		}
		if o.Kind != catalog.Sink && !o.IsSource() {
			return pgwire.Outcome{}, sqlerr.New(sqlerr.FeatureNotSupported, "%s of a %s is not supported", c.Verb, o.Kind).At(c.Name.Pos).
				WithHint("Sources and sinks can be paused. A materialized view ends with DROP.")
		}
		all = append(all, o)
	}
	if c.Verb == "TERMINATE" {
		return s.terminate(ctx, c, all)
	}
	for _, o := range all {
		if paused := c.Verb == "PAUSE"; o.Connector.Paused != paused {
			now, conn := *o, *o.Connector
			conn.Paused, now.Connector = paused, &conn
			s.change(catalog.Change{Op: catalog.Put, Object: &now})
		} else if !paused {
			// What waits for somebody, at a gap or because it failed, tries again.
			if err := s.srv.workers.resume(o); err != nil {
				return pgwire.Outcome{}, err
			}
		}
	}
	return pgwire.Outcome{Verb: c.Verb, Rows: -1}, s.settleConnector(ctx)
}

func (s *session) terminate(ctx context.Context, c *ast.Control, all []*catalog.Object) (pgwire.Outcome, error) {
	for _, o := range all {
		if o.Kind != catalog.Sink {
			return pgwire.Outcome{}, sqlerr.New(sqlerr.FeatureNotSupported, "TERMINATE of a source is not supported").At(c.Name.Pos).
				WithHint("PAUSE stops it for a time, DROP for good.")
		}
	}
	if err := s.dropAll(all, false); err != nil {
		return pgwire.Outcome{}, err
	}
	return pgwire.Outcome{Verb: c.Verb, Rows: -1}, s.settleConnector(ctx)
}
