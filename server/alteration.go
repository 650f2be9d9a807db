package server

import (
	"maps"
	"slices"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/exec"
	"github.com/tarndb/tarn/planner"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/parser"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/storage/rowenc"
)

// An alteration gives a table or stream other columns and keeps what depends on it
// as it is: queries over it are bound to the columns that they were made with
// (catalog.Object.Seen), so that their plans and their state stay the same.

// alteration is the catalog changes that make now of old.
func alteration(snap *catalog.Snapshot, old, now *catalog.Object) []catalog.Change {
	out := []catalog.Change{{Op: catalog.Put, Object: now}}
	for _, d := range dependentsOf(snap, old.ID) {
		if d.SQL == "" && d.Follows != old.ID {
			continue
		}
		seen := d.Seen[old.ID]
		if seen == nil {
			seen = old.Columns
		}
		wider := writesWider(d, seen, now)
		if d.Seen[old.ID] != nil && wider == nil {
			continue
		}
		c := *d
		if c.Seen = maps.Clone(d.Seen); c.Seen == nil {
			c.Seen = map[uint64][]catalog.Column{}
		}
		c.Seen[old.ID] = seen
		if wider != nil {
			c.Seen[old.ID], c.Columns = wider, slices.Clone(d.Columns)
			for i := range c.Columns {
				for _, w := range wider {
					if w.Name == c.Columns[i].Name {
						c.Columns[i].Type = w.Type
					}
				}
			}
		}
		out = append(out, catalog.Change{Op: catalog.Put, Object: &c})
	}
	return out
}

// writesWider are the columns that a sink saw, with the types that have become wider,
// where its records show values as text and no schema says otherwise; nil: it goes on
// as it is.
func writesWider(d *catalog.Object, seen []catalog.Column, now *catalog.Object) []catalog.Column {
	asText := func(e catalog.Encoding) bool { return slices.Contains([]string{"", "json", "csv", "text"}, e.Name) }
	if d.Kind != catalog.Sink || d.Follows != now.ID || d.Format == nil || !asText(d.Format.Value) || !asText(d.Format.Key) {
		return nil
	}
	var out []catalog.Column
	for i, c := range seen {
		if to := now.Columns[i].Type; rowenc.Widens(c.Type, to) {
			if out == nil {
				out = slices.Clone(seen)
			}
			out[i].Type = to
		}
	}
	return out
}

// dependentsOf are all that name id, directly or not.
func dependentsOf(snap *catalog.Snapshot, id uint64) []*catalog.Object {
	seen := map[uint64]bool{}
	var out []*catalog.Object
	var visit func(uint64)
	visit = func(id uint64) {
		for _, d := range snap.Dependents(id) {
			if !seen[d.ID] {
				seen[d.ID] = true
				out = append(out, d)
				visit(d.ID)
			}
		}
	}
	visit(id)
	return out
}

// altered is a copy of o whose columns can be changed.
func altered(o *catalog.Object) *catalog.Object {
	c := *o
	c.Columns = slices.Clone(o.Columns)
	return &c
}

// addColumn adds a column at the end.
func addColumn(o *catalog.Object, c catalog.Column) {
	c.Added, c.NotNull = true, false
	o.Columns = append(o.Columns, c)
}

// retype gives column i another type that holds all its values.
func retype(o *catalog.Object, i int, to types.Type) {
	if was := o.Columns[i].Type; rowenc.Widens(was, to) {
		o.Grown = append(slices.Clone(o.Grown), catalog.Grown{Column: i, Was: was, Columns: len(o.Columns)})
	}
	o.Columns[i].Type = to
}

// readAgain reports that records of the past would read differently when a column of
// a type becomes wider: what was NULL because it did not fit could be a value, and
// what was rounded has more digits.
func readAgain(o *catalog.Object, was types.Type) bool {
	return o.ReadThrough() && (o.Connector.Options["on_error"] == "null" || was.OID == types.OIDFloat4)
}

// widens reports whether all values of a column stay what they are when its type
// becomes another, and can be read as they lie.
func widens(from, to types.Type) bool {
	chars := func(t types.Type) bool { return t.OID == types.OIDVarchar || t.OID == types.OIDText }
	switch {
	case from == to, rowenc.Widens(from, to):
		return true
	case chars(from) && chars(to):
		return to.Mod < 0 || from.Mod >= 0 && from.Mod <= to.Mod
	case from.OID != to.OID:
		return false
	case to.Mod < 0:
		return true
	case from.Mod < 0:
		return false
	case from.OID == types.OIDNumeric:
		fp, fs, _ := types.NumericMod(from)
		tp, ts, _ := types.NumericMod(to)
		return ts >= fs && tp-ts >= fp-fs
	case from.OID == types.OIDTime || from.OID == types.OIDTimestamp || from.OID == types.OIDTimestamptz:
		return from.Mod <= to.Mod
	}
	return false
}

// usedBy says what of the relation itself an expression names column i in, "" = none.
func usedBy(snap *catalog.Snapshot, o *catalog.Object, i int) (string, error) {
	opt := planner.Options{Catalog: snap, SearchPath: []string{o.Schema}, Env: types.NewEnv()}
	names := func(text string) (bool, error) {
		x, err := parser.ParseExpr(text)
		if err != nil {
			return false, err
		}
		bound, err := planner.BindExpr(x, o, types.Type{}, "column", opt)
		return err == nil && slices.Contains(expr.ColumnsUsed(bound), i), err
	}
	for _, c := range o.Columns {
		if c.Generated == "" {
			continue
		}
		if used, err := names(c.Generated); used || err != nil {
			return "column \"" + c.Name + "\"", err
		}
	}
	for _, k := range o.Checks {
		if used, err := names(k.Expr); used || err != nil {
			return "constraint \"" + k.Name + "\"", err
		}
	}
	return "", nil
}

// noDependents refuses a change that what names the relation could not bear.
func noDependents(snap *catalog.Snapshot, o *catalog.Object, what string) error {
	deps := snap.Dependents(o.ID)
	if len(deps) == 0 {
		return nil
	}
	d := deps[0]
	return sqlerr.New(sqlerr.DependentObjectsStillExist, "cannot %s of %s %s because other objects depend on it", what, o.Kind, o.Name).
		WithDetail("%s %s depends on %s %s", d.Kind, d.Name, o.Kind, o.Name).
		WithHint("Drop %s %s first.", d.Kind, d.Name)
}

// sameRelation reports whether the engine's relation need not change.
func sameRelation(a, b *catalog.Object) bool {
	return slices.EqualFunc(a.Columns, b.Columns, func(x, y catalog.Column) bool { return x.Name == y.Name && x.Type == y.Type && x.Path == y.Path })
}

// alter makes the columns of a relation those of o, on the engine's loop. Which
// records of a source were read without a new column is part of its definition.
func (h *host) alter(setup *exec.Setup, snap *catalog.Snapshot, old, o *catalog.Object) error {
	if o.IsSource() {
		for i := len(old.Columns); i < len(o.Columns); i++ {
			o.Columns[i].Until = setup.Offsets(o.ID)
		}
	}
	switch o.Kind {
	case catalog.Table:
		def, err := tableDef(o)
		if err != nil {
			return err
		}
		return setup.AlterTable(def)
	case catalog.Stream:
		def, err := streamDef(o)
		if err != nil {
			return err
		}
		if o.ReadThrough() {
			var commit func()
			def.Outside, commit = h.history.again(snap, o)
			setup.OnCommit(commit)
		}
		return setup.AlterStream(def)
	}
	return nil
}

// oneWidth refuses a transaction that has written to a relation before and after
// somebody has added columns to it.
func (t *txn) oneWidth() error {
	for _, batches := range t.own {
		for _, b := range batches {
			if len(b.Cols) != len(batches[0].Cols) {
				return sqlerr.New(sqlerr.SerializationFailure, "could not serialize access: a relation has been altered").
					WithHint("Retry the transaction.")
			}
		}
	}
	return nil
}
