package server

import (
	"context"
	"errors"
	"strings"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/pgwire"
	"github.com/tarndb/tarn/planner"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

var (
	_ = on[*ast.CreateTable](verb{tag: "CREATE TABLE", run: createTable})
	_ = on[*ast.CreateView](verb{tag: "CREATE VIEW", run: createView})
	_ = on[*ast.CreateSchema](verb{tag: "CREATE SCHEMA", run: createSchema})
	_ = on[*ast.Drop](verb{tag: "DROP", run: drop})
)

// streaming refuses DDL that makes or ends standing queries inside a block: it
// takes effect at an epoch of its own.
func (s *session) streaming(tag string) error {
	if s.tx != nil && s.tx.explicit {
		return sqlerr.New(sqlerr.ActiveSQLTransaction, "%s cannot run inside a transaction block", tag)
	}
	return nil
}

// alone commits what the implicit transaction has done so far, so that a change
// of the catalog is an epoch of its own; at its end commitAlone makes it so.
func (s *session) alone(ctx context.Context) error {
	if s.tx != nil && !s.tx.explicit && (len(s.tx.order) > 0 || len(s.tx.changes) > 0) {
		if err := s.commit(ctx); err != nil {
			return err
		}
	}
	s.lockDDL()
	return nil
}

// settle makes a catalog change take effect now unless a block holds it.
func (s *session) settle(ctx context.Context) error {
	if s.tx != nil && s.tx.explicit {
		return nil
	}
	return s.commit(ctx)
}

// place resolves the schema of a new object and refuses a name that is taken;
// exists is true if it is taken and IF NOT EXISTS was said.
func (s *session) place(n ast.Name, kind catalog.Kind, ifNotExists bool) (schema string, exists bool, err error) {
	if len(n.Parts) > 2 && n.Parts[0] != databaseName {
		return "", false, sqlerr.New(sqlerr.FeatureNotSupported, "cross-database references are not implemented: %q", strings.Join(n.Parts, ".")).At(n.Pos)
	}
	cat := s.catalog()
	schema = n.Schema()
	if schema == "" {
		path := s.SearchPath()
		if len(path) == 0 {
			return "", false, sqlerr.New(sqlerr.InvalidSchemaName, "no schema has been selected to create in").At(n.Pos)
		}
		schema = path[0]
	}
	switch schema {
	case "pg_catalog", "information_schema", "sys":
		return "", false, sqlerr.New(sqlerr.InsufficientPrivilege, "permission denied for schema %s", schema).At(n.Pos)
	}
	if !cat.HasSchema(schema) {
		return "", false, sqlerr.New(sqlerr.InvalidSchemaName, "schema %q does not exist", schema).At(n.Pos)
	}
	if cat.InKind(kind, schema, n.Base()) != nil {
		e := sqlerr.New(sqlerr.DuplicateTable, "relation %q already exists", n.Base())
		if !kind.IsRelation() {
			e = sqlerr.New(sqlerr.DuplicateObject, "%s %q already exists", kind, n.Base())
		}
		if ifNotExists {
			e.Message += ", skipping"
			s.notice(pgwire.Notice, e)
			return schema, true, nil
		}
		return "", false, e
	}
	return schema, false, nil
}

func createTable(ctx context.Context, s *session, stmt ast.Statement, out pgwire.ResultWriter) (pgwire.Outcome, error) {
	ct, err := likeMySQL(stmt.(*ast.CreateTable))
	if err != nil {
		return pgwire.Outcome{}, err
	}
	tag := "CREATE " + ct.Kind
	kind := catalog.Table
	switch q, _ := ct.Query.(*ast.Query); {
	case q != nil && ct.Kind == "STREAM":
		return s.createStreamAs(ctx, ct, tag)
	case q != nil:
		if yes, topic := planner.IsContinuousTable(ct); yes {
			return s.createContinuousTable(ctx, ct, topic)
		}
	case q == nil && planner.IsSource(ct):
		return s.createSource(ctx, ct, tag)
	}
	if ct.Kind != "TABLE" {
		kind = catalog.Stream
		if err := s.streaming(tag); err != nil {
			return pgwire.Outcome{}, err
		}
	}
	if err := s.alone(ctx); err != nil {
		return pgwire.Outcome{}, err
	}
	schema, exists, err := s.place(ct.Name, kind, ct.IfNotExists)
	if err != nil || exists {
		return pgwire.Outcome{Verb: tag, Rows: -1}, err
	}
	if ct.Query != nil {
		return s.createTableAs(ctx, ct, schema)
	}
	o, err := planner.BindTableDef(ct, s.options(nil))
	if err != nil {
		return pgwire.Outcome{}, err
	}
	if o.Options["partitions"] != "" {
		s.notice(pgwire.Notice, sqlerr.New("00000", "partitions has no effect on an embedded stream: it has one order"))
	}
	o.ID, o.Schema, o.Owner = s.catalog().NextID, schema, s.info.User
	s.change(catalog.Change{Op: catalog.Put, Object: o})
	return pgwire.Outcome{Verb: tag, Rows: -1}, s.settle(ctx)
}

// createTableAs is CREATE TABLE … AS SELECT, a copy made once (PostgreSQL's
// meaning); EMIT CHANGES asks for a standing one, which is a materialized view.
func (s *session) createTableAs(ctx context.Context, ct *ast.CreateTable, schema string) (pgwire.Outcome, error) {
	q, ok := ct.Query.(*ast.Query)
	if !ok {
		return pgwire.Outcome{}, sqlerr.New(sqlerr.FeatureNotSupported, "CREATE TABLE AS EXECUTE is not supported").At(ct.Pos)
	}
	if ct.Kind != "TABLE" {
		return pgwire.Outcome{}, sqlerr.New(sqlerr.FeatureNotSupported, "CREATE %s … AS is not supported", ct.Kind).At(ct.Pos).
			WithHint("Use CREATE STREAM … AS SELECT … EMIT CHANGES, or CREATE MATERIALIZED VIEW.")
	}
	bound, err := s.plan(q, nil)
	if err != nil {
		return pgwire.Outcome{}, err
	}
	o := &catalog.Object{ID: s.catalog().NextID, Schema: schema, Name: ct.Name.Base(), Kind: catalog.Table, Owner: s.info.User}
	seen := map[string]bool{}
	for i, c := range bound.Columns {
		name := c.Name
		if i < len(ct.Names) {
			name = ct.Names[i].Name
		}
		if seen[name] {
			return pgwire.Outcome{}, sqlerr.New(sqlerr.DuplicateColumn, "column %q specified more than once", name)
		}
		seen[name] = true
		t := c.Type
		if t.OID == types.OIDUnknown {
			t = types.Text
		}
		o.Columns = append(o.Columns, catalog.Column{Name: name, Type: t})
	}
	cur, err := s.openQuery(ctx, bound, nil)
	if err != nil {
		return pgwire.Outcome{}, err
	}
	defer cur.close()
	s.change(catalog.Change{Op: catalog.Put, Object: o})
	rows := int64(0)
	for !ct.NoData {
		b, err := cur.next(ctx)
		if err != nil {
			return pgwire.Outcome{}, err
		}
		if b == nil {
			break
		}
		rows += int64(b.N)
		if err := s.write(o.ID, s.tx.numbers(b)); err != nil {
			return pgwire.Outcome{}, err
		}
	}
	s.notice(pgwire.Notice, sqlerr.New("00000", "table %q is a copy made once", o.Name).
		WithHint("For a table that follows its query, use CREATE MATERIALIZED VIEW."))
	return pgwire.Outcome{Verb: "SELECT", Rows: rows}, s.settle(ctx)
}

func createView(ctx context.Context, s *session, stmt ast.Statement, _ pgwire.ResultWriter) (pgwire.Outcome, error) {
	cv := stmt.(*ast.CreateView)
	tag, kind := "CREATE VIEW", catalog.View
	if cv.Materialized {
		tag, kind = "CREATE MATERIALIZED VIEW", catalog.MatView
		if err := s.streaming(tag); err != nil {
			return pgwire.Outcome{}, err
		}
	}
	if cv.OrReplace && cv.Materialized || cv.Replacement {
		return pgwire.Outcome{}, sqlerr.New(sqlerr.FeatureNotSupported, "replacing a materialized view is not supported").At(cv.Pos).
			WithHint("DROP the view and create it again.")
	}
	if err := s.alone(ctx); err != nil {
		return pgwire.Outcome{}, err
	}
	var old *catalog.Object
	if cv.OrReplace {
		old = s.catalog().Find(cv.Name.Schema(), cv.Name.Base(), s.set.searchPath)
	}
	var schema string
	if old != nil {
		if old.Kind != catalog.View {
			return pgwire.Outcome{}, sqlerr.New(sqlerr.WrongObjectType, "%q is not a view", old.Name).At(cv.Name.Pos)
		}
		schema = old.Schema
	} else {
		var exists bool
		var err error
		schema, exists, err = s.place(cv.Name, kind, cv.IfNotExists)
		if err != nil || exists {
			return pgwire.Outcome{Verb: tag, Rows: -1}, err
		}
	}
	v, err := planner.BindView(cv, s.options(nil))
	if err != nil {
		return pgwire.Outcome{}, err
	}
	s.notices(v.Query.Notices)
	o := v.Object
	o.ID, o.Schema, o.Owner, o.Settings = s.catalog().NextID, schema, s.info.User, captureSettings(s.set)
	if old != nil {
		if err := s.replaceable(old, o); err != nil {
			return pgwire.Outcome{}, err
		}
		o.ID, o.CreatedEpoch = old.ID, old.CreatedEpoch
	}
	s.change(catalog.Change{Op: catalog.Put, Object: o})
	if err := s.settle(ctx); err != nil || kind == catalog.View {
		return pgwire.Outcome{Verb: tag, Rows: -1}, err
	}
	return pgwire.Outcome{Verb: tag, Rows: -1}, s.awaitView(ctx, o)
}

// awaitView waits until a new view is live. If the statement is cancelled, or the
// view cannot be built, the view goes.
func (s *session) awaitView(ctx context.Context, o *catalog.Object) error {
	err := s.srv.engine.WaitView(ctx, o.ID, func(done, total int64) {
		s.notice(pgwire.Notice, sqlerr.New("00000", "materialized view %q: %d of %d rows", o.Name, done, total))
	})
	if err == nil {
		s.seen = max(s.seen, s.srv.engine.Applied())
		return nil
	}
	s.lockDDL()
	if s.catalog().ByID(o.ID) != nil {
		s.change(catalog.Change{Op: catalog.Drop, ID: o.ID})
	}
	return errors.Join(err, s.commit(context.WithoutCancel(ctx)))
}

// replaceable: a view that others use keeps its columns (PostgreSQL's rule), and
// standing queries over it keep the definition they were made with.
func (s *session) replaceable(old, now *catalog.Object) error {
	for i, c := range old.Columns {
		if i >= len(now.Columns) {
			return sqlerr.New(sqlerr.InvalidTableDefinition, "cannot drop columns from view")
		}
		if n := now.Columns[i]; n.Name != c.Name {
			return sqlerr.New(sqlerr.InvalidTableDefinition, "cannot change name of view column %q to %q", c.Name, n.Name)
		} else if n.Type != c.Type {
			return sqlerr.New(sqlerr.InvalidTableDefinition, "cannot change data type of view column %q from %s to %s", c.Name, c.Type, n.Type)
		}
	}
	for _, d := range s.dependents(old.ID) {
		if d.Kind == catalog.MatView {
			return sqlerr.New(sqlerr.DependentObjectsStillExist, "cannot replace view %q because materialized view %q depends on it", old.Name, d.Name).
				WithHint("Drop the materialized view first.")
		}
	}
	return nil
}

// dependents are all relations that name id, directly or not, those last that
// others depend on.
func (s *session) dependents(id uint64) []*catalog.Object {
	var out []*catalog.Object
	seen := map[uint64]bool{}
	var visit func(uint64)
	visit = func(id uint64) {
		for _, d := range s.catalog().Dependents(id) {
			if !seen[d.ID] {
				seen[d.ID] = true
				visit(d.ID)
				out = append(out, d)
			}
		}
	}
	visit(id)
	return out
}

func createSchema(ctx context.Context, s *session, stmt ast.Statement, _ pgwire.ResultWriter) (pgwire.Outcome, error) {
	cs := stmt.(*ast.CreateSchema)
	if err := s.alone(ctx); err != nil {
		return pgwire.Outcome{}, err
	}
	if s.catalog().HasSchema(cs.Name) {
		e := sqlerr.New(sqlerr.DuplicateSchema, "schema %q already exists", cs.Name)
		if !cs.IfNotExists {
			return pgwire.Outcome{}, e
		}
		e.Message += ", skipping"
		s.notice(pgwire.Notice, e)
		return done("CREATE SCHEMA")
	}
	s.change(catalog.Change{Op: catalog.PutSchema, Name: cs.Name})
	return pgwire.Outcome{Verb: "CREATE SCHEMA", Rows: -1}, s.settle(ctx)
}

// dropKinds are the words of DROP that name relations.
var dropKinds = map[string]catalog.Kind{"TABLE": catalog.Table, "STREAM": catalog.Stream, "SOURCE": catalog.Stream,
	"VIEW": catalog.View, "MATERIALIZED VIEW": catalog.MatView, "SINK": catalog.Sink, "CONNECTION": catalog.Connection, "SECRET": catalog.Secret}

func drop(ctx context.Context, s *session, stmt ast.Statement, _ pgwire.ResultWriter) (pgwire.Outcome, error) {
	d := stmt.(*ast.Drop)
	tag := "DROP " + d.Kind
	if d.Kind == "SCHEMA" {
		return s.dropSchema(ctx, d)
	}
	kind, ok := dropKinds[d.Kind]
	if !ok {
		return pgwire.Outcome{}, sqlerr.New(sqlerr.FeatureNotSupported, "%s is not supported", tag).At(d.Pos)
	}
	if kind != catalog.Table && kind != catalog.View {
		if err := s.streaming(tag); err != nil {
			return pgwire.Outcome{}, err
		}
	}
	if err := s.alone(ctx); err != nil {
		return pgwire.Outcome{}, err
	}
	var targets []*catalog.Object
	for _, n := range d.Names {
		o := s.catalog().FindKind(kind, n.Schema(), n.Base(), s.set.searchPath)
		fits := o != nil && (o.Kind == kind || d.Kind == "SOURCE" && o.IsSource())
		switch {
		case o == nil && d.IfExists:
			s.notice(pgwire.Notice, sqlerr.New("00000", "%s %q does not exist, skipping", kind, n.Base()))
			continue
		case o == nil:
			_, err := s.ofKind(kind, n)
			return pgwire.Outcome{}, err
		case o.ID < catalog.FirstUserID:
			return pgwire.Outcome{}, sqlerr.New(sqlerr.InsufficientPrivilege, "permission denied: %q is a system catalog", n.Base())
		case !fits:
			e := sqlerr.New(sqlerr.WrongObjectType, "%q is not a %s", n.Base(), kind)
			return pgwire.Outcome{}, e.WithHint("Use DROP %s to remove it.", words(o.Kind))
		}
		targets = append(targets, o)
	}
	topics, err := s.topicsOf(targets, d)
	if err != nil {
		return pgwire.Outcome{}, err
	}
	if err := s.dropAll(targets, d.Behavior == "CASCADE"); err != nil {
		return pgwire.Outcome{}, err
	}
	if err := s.settle(ctx); err != nil || len(topics) == 0 {
		return pgwire.Outcome{Verb: tag, Rows: -1}, err
	}
	return pgwire.Outcome{Verb: tag, Rows: -1}, s.deleteTopics(ctx, topics)
}

func words(k catalog.Kind) string {
	return [...]string{"TABLE", "STREAM", "VIEW", "MATERIALIZED VIEW", "RELATION", "SINK", "CONNECTION", "SECRET"}[k]
}

// dropAll removes relations and, with cascade, what depends on them.
func (s *session) dropAll(targets []*catalog.Object, cascade bool) error {
	going := map[uint64]bool{}
	var owned func(o *catalog.Object)
	owned = func(o *catalog.Object) {
		going[o.ID] = true
		for _, x := range s.catalog().Objects() {
			if x.Owned == o.ID && !going[x.ID] {
				targets = append(targets, x)
				owned(x)
			}
		}
	}
	for _, o := range append([]*catalog.Object(nil), targets...) {
		owned(o)
	}
	var order []*catalog.Object
	added := map[uint64]bool{}
	for _, o := range targets {
		for _, dep := range s.dependents(o.ID) {
			if !going[dep.ID] && !cascade {
				return sqlerr.New(sqlerr.DependentObjectsStillExist, "cannot drop %s %s because other objects depend on it", o.Kind, o.Name).
					WithDetail("%s %s depends on %s %s", dep.Kind, dep.Name, o.Kind, o.Name).
					WithHint("Use DROP ... CASCADE to drop the dependent objects too.")
			}
			if !going[dep.ID] {
				s.notice(pgwire.Notice, sqlerr.New("00000", "drop cascades to %s %s", dep.Kind, dep.Name))
				going[dep.ID] = true
			}
			if !added[dep.ID] {
				added[dep.ID] = true
				order = append(order, dep)
			}
		}
		if !added[o.ID] {
			added[o.ID] = true
			order = append(order, o)
		}
	}
	for _, o := range order {
		if o.Kind != catalog.View && o.Kind != catalog.Table || o.IsSource() {
			if err := s.streaming("DROP " + words(o.Kind)); err != nil {
				return err
			}
		}
	}
	for _, o := range order {
		s.change(catalog.Change{Op: catalog.Drop, ID: o.ID})
		delete(s.tx.own, o.ID)
	}
	return nil
}

func (s *session) dropSchema(ctx context.Context, d *ast.Drop) (pgwire.Outcome, error) {
	if err := s.alone(ctx); err != nil {
		return pgwire.Outcome{}, err
	}
	for _, n := range d.Names {
		name := n.Base()
		if !s.catalog().Schemas[name] {
			if d.IfExists {
				s.notice(pgwire.Notice, sqlerr.New("00000", "schema %q does not exist, skipping", name))
				continue
			}
			return pgwire.Outcome{}, sqlerr.New(sqlerr.InvalidSchemaName, "schema %q does not exist", name)
		}
		var inside []*catalog.Object
		for _, o := range s.catalog().Objects() {
			if o.Schema == name {
				inside = append(inside, o)
			}
		}
		if len(inside) > 0 && d.Behavior != "CASCADE" {
			return pgwire.Outcome{}, sqlerr.New(sqlerr.DependentObjectsStillExist, "cannot drop schema %s because other objects depend on it", name).
				WithHint("Use DROP ... CASCADE to drop the dependent objects too.")
		}
		if err := s.dropAll(inside, true); err != nil {
			return pgwire.Outcome{}, err
		}
		s.change(catalog.Change{Op: catalog.DropSchema, Name: name})
	}
	return pgwire.Outcome{Verb: "DROP SCHEMA", Rows: -1}, s.settle(ctx)
}

var _ = on[*ast.Truncate](verb{tag: "TRUNCATE TABLE", run: func(ctx context.Context, s *session, stmt ast.Statement, out pgwire.ResultWriter) (pgwire.Outcome, error) {
	t := stmt.(*ast.Truncate)
	for _, r := range t.Tables {
		p, err := s.prepare(&ast.Delete{Pos: t.Pos, Table: r}, nil)
		if err != nil {
			return pgwire.Outcome{}, err
		}
		if _, err := p.run(ctx, nil, out); err != nil {
			return pgwire.Outcome{}, err
		}
	}
	return done("TRUNCATE TABLE")
}})
