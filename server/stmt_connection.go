package server

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/pgwire"
	"github.com/tarndb/tarn/planner"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/sqlerr"
)

var _ = on[*ast.CreateConnection](verb{tag: "CREATE CONNECTION", run: createConnection})

// createConnection is CREATE CONNECTION and CREATE SECRET. A connection is not
// tried: its cluster may be away.
func createConnection(ctx context.Context, s *session, stmt ast.Statement, _ pgwire.ResultWriter) (pgwire.Outcome, error) {
	cc := stmt.(*ast.CreateConnection)
	kind := catalog.Connection
	if cc.Kind == "SECRET" {
		kind = catalog.Secret
	}
	out := pgwire.Outcome{Verb: "CREATE " + cc.Kind, Rows: -1}
	if err := s.streaming(out.Verb); err != nil {
		return out, err
	}
	if err := s.alone(ctx); err != nil {
		return out, err
	}
	schema, exists, err := s.place(cc.Name, kind, cc.IfNotExists)
	if err != nil || exists {
		return out, err
	}
	id := s.catalog().NextID
	var o *catalog.Object
	if kind == catalog.Secret {
		var value string
		if o, value, err = planner.BindSecret(cc, s.options(nil)); err != nil {
			return out, err
		}
		if o.Sealed, err = s.srv.sealer.seal(id, value); err != nil {
			return out, err
		}
	} else {
		if o, err = planner.BindConnection(cc, s.options(nil)); err != nil {
			return out, err
		}
		if o.Connector.Type != catalog.SchemaRegistry {
			if _, err := s.srv.clusterOf(s.catalog(), o.Connector); err != nil {
				return out, err
			}
		}
		s.warnOfPasswords(o.Connector)
	}
	o.ID, o.Schema, o.Owner = id, schema, s.info.User
	s.change(catalog.Change{Op: catalog.Put, Object: o})
	return out, s.settle(ctx)
}

// ofKind finds an object of a kind, or what shares its name space.
func (s *session) ofKind(kind catalog.Kind, n ast.Name) (*catalog.Object, error) {
	o := s.catalog().FindKind(kind, n.Schema(), n.Base(), s.set.searchPath)
	if o == nil {
		code := sqlerr.UndefinedTable
		if !kind.IsRelation() {
			code = sqlerr.UndefinedObject
		}
		return nil, sqlerr.New(code, "%s %q does not exist", kind, n.Base()).At(n.Pos)
	}
	return o, nil
}

// warnOfPasswords tells of a password that is kept as it was written, for want of a
// key to encrypt it with.
func (s *session) warnOfPasswords(c *catalog.Connector) {
	if s.srv.sealer.aead != nil {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(c.Options)) {
		if confidential(key) {
			s.notice(pgwire.Warning, sqlerr.New(sqlerr.Warning, "%s is kept as it was written", key).
				WithHint("With --secret-key-file FILE, or the key in TARN_SECRET_KEY, the server keeps it encrypted."))
		}
	}
}

// confidential reports options whose value is not shown.
func confidential(key string) bool {
	return strings.HasSuffix(key, ".password") || strings.HasSuffix(key, ".token") || strings.HasSuffix(key, ".key.pem")
}
