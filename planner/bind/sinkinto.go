package bind

import (
	"slices"
	"strings"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// into binds a sink to a relation of this database.
func (s *sinkDef) into(g *given) error {
	q, o := s.q, s.o
	if q.Format != nil {
		return sqlerr.New(sqlerr.SyntaxError, "a sink into a relation has no FORMAT").At(q.Format.Pos)
	}
	for _, opt := range q.Options {
		key, _, _ := findKeyword(strings.ToLower(opt.Name), []map[string]keyword{clusterKeywords, topicKeywords, sinkKeywords})
		if !slices.Contains(ofRelation, key) {
			return sqlerr.New(sqlerr.InvalidParameterValue, "%s has no effect on a sink into a relation", key).At(opt.Pos)
		}
	}
	t, err := s.target(q.Into, "insert into")
	if err != nil {
		return err
	}
	if t.IsSource() || t.ID < catalog.FirstUserID {
		return sqlerr.New(sqlerr.WrongObjectType, "cannot write to \"%s\", which is fed otherwise", t.Name).At(q.Into.Pos)
	}
	keyed, forced := t.Kind == catalog.Table && len(t.PrimaryKey) > 0, g.values["force_append_only"] == "true"
	if keyed && forced {
		return sqlerr.New(sqlerr.InvalidParameterValue, "force_append_only has no effect on a table with a primary key, which follows all changes").At(g.at["force_append_only"].Pos)
	}
	if word := g.take("type"); word != "" && (word == "upsert") != keyed || word == "debezium" {
		return sqlerr.New(sqlerr.InvalidParameterValue, "a sink into \"%s\" is not of type '%s'", t.Name, word).At(g.pos("type")).
			WithHint("A table with a primary key follows all changes; anything else takes rows that are only added. Leave type out.")
	}
	if t.Kind == catalog.Table && !keyed && !s.appendOnly && !forced {
		return sqlerr.New(sqlerr.InvalidTableDefinition, "table \"%s\" needs a primary key to follow rows that change or go", t.Name).At(q.Into.Pos).
			WithHint("Or use force_append_only = 'true' to leave retractions out.")
	}
	if t.Kind == catalog.Stream && !s.appendOnly && !forced {
		return sqlerr.New(sqlerr.InvalidParameterValue, "a stream cannot say that rows of \"%s\" change or go", s.source()).At(q.Into.Pos).
			WithHint("Write into a table with a primary key, or use force_append_only = 'true' to leave retractions out.")
	}
	if by := s.feeds(t.ID); by != "" {
		return sqlerr.New(sqlerr.InvalidObjectDefinition, "the sink would feed itself: \"%s\" already reads \"%s\"", by, t.Name).At(q.Into.Pos).
			WithHint("Write into another relation.")
	}
	if err := s.fits(t); err != nil {
		return err
	}
	o.Into = t.ID
	s.dependOn(t.ID)
	o.PrimaryKey = slices.Clone(t.PrimaryKey)
	o.Connector = &catalog.Connector{Options: map[string]string{}}
	if keyed {
		g.take("force_append_only") // false says nothing
	}
	return s.pace(g)
}

// feeds names the relation, if any, by which what the sink follows reads a
// relation: as a view does, or by being written by another sink.
func (s *sinkDef) feeds(target uint64) string {
	writers := map[uint64][]*catalog.Object{}
	for _, o := range s.cat.Objects() {
		if o.Into != 0 {
			writers[o.Into] = append(writers[o.Into], o)
		}
	}
	seen := map[uint64]bool{}
	var visit func(id uint64, by string) string
	visit = func(id uint64, by string) string {
		o := s.cat.ByID(id)
		switch {
		case id == target:
			return by
		case o == nil || seen[id]:
			return ""
		}
		seen[id] = true
		next := slices.Clone(o.DependsOn)
		for _, w := range writers[id] {
			for _, d := range w.DependsOn {
				if d != id {
					next = append(next, d)
				}
			}
		}
		for _, d := range next {
			if found := visit(d, o.Name); found != "" {
				return found
			}
		}
		return ""
	}
	for _, id := range s.dependencies() {
		if found := visit(id, s.o.Name); found != "" {
			return found
		}
	}
	return ""
}

// ofRelation are the options that mean something to a sink into a relation.
var ofRelation = []string{"commit_interval", "force_append_only", "snapshot", "max_lag", "on_backlog", "type"}

// fits: the sink's columns are the target's, in its order, or in that of the list.
func (s *sinkDef) fits(t *catalog.Object) error {
	cols := make([]int, 0, len(t.Columns))
	if len(s.q.IntoColumns) == 0 {
		cols = t.Visible()
	}
	for _, id := range s.q.IntoColumns {
		i := slices.IndexFunc(t.Columns, func(c catalog.Column) bool { return c.Name == id.Name })
		if i < 0 {
			return sqlerr.New(sqlerr.UndefinedColumn, "column \"%s\" of relation \"%s\" does not exist", id.Name, t.Name).At(id.Pos)
		}
		cols = append(cols, i)
	}
	if len(cols) != len(s.o.Columns) || len(cols) != len(t.Visible()) {
		return sqlerr.New(sqlerr.DatatypeMismatch, "the sink has %d columns, \"%s\" has %d", len(s.o.Columns), t.Name, len(t.Visible())).At(s.q.Into.Pos).
			WithHint("Give every column of the target with AS SELECT ….")
	}
	for k, i := range cols {
		if i != k {
			return unsupported(s.q.IntoColumns[k].Pos, "another order of columns than the target's")
		}
		if have, want := s.o.Columns[k], t.Columns[i]; !sameValues(have.Type, want.Type) {
			return sqlerr.New(sqlerr.DatatypeMismatch, "column \"%s\" is of type %s but the sink gives %s", want.Name, base(want.Type), base(have.Type)).At(s.q.Into.Pos).
				WithHint("Cast it in the sink's query.")
		}
		s.o.Columns[k].Name = t.Columns[i].Name
	}
	return nil
}

// sameValues reports types of which one's values are the other's as they are.
func sameValues(have, want types.Type) bool {
	text := func(t types.Type) bool { return t.OID == types.OIDText || t.OID == types.OIDVarchar }
	return have == want || want.Mod < 0 && (have.OID == want.OID || text(have) && text(want))
}
