package server

import (
	"context"
	"slices"
	"strings"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/exec/connector"
	"github.com/tarndb/tarn/pgwire"
	"github.com/tarndb/tarn/planner"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/sqlerr"
)

// ofColumns are the actions of ALTER that are about columns.
var ofColumns = []ast.AlterKind{ast.AlterAddColumn, ast.AlterDropColumn, ast.AlterRenameColumn, ast.AlterColumnType, ast.AlterDropNotNull}

func isOfColumns(a ast.AlterAction) bool { return slices.Contains(ofColumns, a.Kind) }

// alterColumns is ALTER TABLE, STREAM and SOURCE where it is about columns.
func (s *session) alterColumns(ctx context.Context, a *ast.AlterTable, kind catalog.Kind) (pgwire.Outcome, error) {
	tag := "ALTER " + a.Kind
	if err := s.streaming(tag); err != nil {
		return pgwire.Outcome{}, err
	}
	if err := s.alone(ctx); err != nil {
		return pgwire.Outcome{}, err
	}
	o := s.catalog().Find(a.Name.Schema(), a.Name.Base(), s.set.searchPath)
	switch fits := o != nil && (o.Kind == kind || a.Kind == "SOURCE" && o.IsSource()); {
	case o == nil && a.IfExists:
		s.notice(pgwire.Notice, sqlerr.New("00000", "%s %q does not exist, skipping", kind, a.Name.Base()))
		return done(tag)
	case o == nil:
		_, err := s.ofKind(kind, a.Name)
		return pgwire.Outcome{}, err
	case o.ID < catalog.FirstUserID:
		return pgwire.Outcome{}, sqlerr.New(sqlerr.InsufficientPrivilege, "permission denied: %q is a system catalog", o.Name).At(a.Name.Pos)
	case !fits:
		return pgwire.Outcome{}, sqlerr.New(sqlerr.WrongObjectType, "%q is not a %s", o.Name, kind).At(a.Name.Pos)
	}
	now := altered(o)
	for _, x := range a.Actions {
		if err := s.alterColumn(now, x); err != nil {
			return pgwire.Outcome{}, placed(err, x.Pos)
		}
	}
	if now.IsSource() {
		def, err := s.srv.sourceDef(s.catalog(), now)
		if err == nil {
			err = placed(connector.CheckSource(def), a.Pos)
		}
		if err != nil {
			return pgwire.Outcome{}, err
		}
	}
	s.change(alteration(s.catalog(), o, now)...)
	if now.IsSource() {
		return pgwire.Outcome{Verb: tag, Rows: -1}, s.settleConnector(ctx)
	}
	return pgwire.Outcome{Verb: tag, Rows: -1}, s.settle(ctx)
}

// alterColumn makes one action take effect on a copy of the relation.
func (s *session) alterColumn(o *catalog.Object, x ast.AlterAction) error {
	if x.Kind == ast.AlterAddColumn {
		if slices.ContainsFunc(o.Columns, func(c catalog.Column) bool { return c.Name == x.Column.Name }) {
			e := sqlerr.New(sqlerr.DuplicateColumn, "column %q of relation %q already exists", x.Column.Name, o.Name)
			if !x.IfNotExists {
				return e.At(x.Column.Pos)
			}
			e.Message += ", skipping"
			s.notice(pgwire.Notice, e)
			return nil
		}
		c, err := planner.BindAddColumn(o, x.Column, s.options(nil))
		if err == nil {
			addColumn(o, c)
		}
		return err
	}
	i := slices.IndexFunc(o.Columns, func(c catalog.Column) bool { return c.Name == x.Name && !c.Hidden })
	if i < 0 && isOfColumns(x) {
		e := sqlerr.New(sqlerr.UndefinedColumn, "column %q of relation %q does not exist", x.Name, o.Name)
		if !x.IfExists {
			return e
		}
		e.Message += ", skipping"
		s.notice(pgwire.Notice, e)
		return nil
	}
	switch x.Kind {
	case ast.AlterRenameColumn:
		return s.renameColumn(o, i, x)
	case ast.AlterColumnType:
		return s.retypeColumn(o, i, x)
	case ast.AlterDropNotNull:
		if slices.Contains(o.PrimaryKey, i) {
			return sqlerr.New(sqlerr.InvalidTableDefinition, "column %q is in a primary key", x.Name)
		}
		if o.Rowtime() == i {
			return sqlerr.New(sqlerr.InvalidTableDefinition, "column %q is the event time of %q", x.Name, o.Name)
		}
		o.Columns[i].NotNull = false
		return nil
	case ast.AlterDropColumn:
		return sqlerr.New(sqlerr.FeatureNotSupported, "DROP COLUMN is not supported").
			WithHint("Leave the column NULL, or create a view without it.")
	}
	return sqlerr.New(sqlerr.FeatureNotSupported, "this action cannot stand beside others").
		WithHint("Alter columns in a statement of their own.")
}

func (s *session) renameColumn(o *catalog.Object, i int, x ast.AlterAction) error {
	if slices.ContainsFunc(o.Columns, func(c catalog.Column) bool { return c.Name == x.To }) {
		return sqlerr.New(sqlerr.DuplicateColumn, "column %q of relation %q already exists", x.To, o.Name)
	}
	if err := noDependents(s.catalog(), o, "rename column \""+x.Name+"\""); err != nil {
		return err
	}
	by, err := usedBy(s.catalog(), o, i)
	if err == nil && by != "" {
		err = sqlerr.New(sqlerr.DependentObjectsStillExist, "cannot rename column %q of %s %s because its %s names it", x.Name, o.Kind, o.Name, by)
	}
	if err != nil {
		return err
	}
	c := &o.Columns[i]
	if o.IsSource() && c.Path == "" && (c.From == catalog.FromValue || c.From == catalog.FromKey) {
		c.Path = c.Name // records call it so
	}
	c.Name = x.To
	return nil
}

func (s *session) retypeColumn(o *catalog.Object, i int, x ast.AlterAction) error {
	to, err := planner.BindTypeName(x.Type, s.options(nil))
	if err != nil {
		return err
	}
	if x.X != nil {
		return sqlerr.New(sqlerr.FeatureNotSupported, "ALTER COLUMN … TYPE … USING is not supported").At(x.X.Position())
	}
	c := &o.Columns[i]
	if !widens(c.Type, to) {
		return sqlerr.New(sqlerr.FeatureNotSupported, "column %q cannot be changed from %s to %s in place", c.Name, c.Type, to).
			WithHint("Types can become wider: smallint to integer to bigint, real to double precision, text and numeric longer. For others, add a column, or make the table anew.")
	}
	if readAgain(o, c.Type) && c.Type != to {
		return sqlerr.New(sqlerr.FeatureNotSupported, "column %q cannot become %s: records of the past, which are read again, would read differently", c.Name, to).
			WithHint("DROP %s and create it again.", fullName(o))
	}
	by, err := usedBy(s.catalog(), o, i)
	if err == nil && strings.HasPrefix(by, "column ") {
		err = sqlerr.New(sqlerr.FeatureNotSupported, "cannot alter type of a column used by a generated column").WithDetail("Column %q is used by %s.", c.Name, by)
	}
	if err == nil {
		retype(o, i, to)
	}
	return err
}
