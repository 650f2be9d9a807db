package pgcatalog

import "github.com/tarndb/tarn/catalog"

// dependRows says what depends on what, as far as the catalog knows it: a view
// depends on relations as a whole, through its rule.
func dependRows(s *state, w *writer) {
	w.columns("classid", "objid", "objsubid", "refclassid", "refobjid", "refobjsubid", "deptype")
	add := func(class, id, refClass, ref uint32, column int, kind byte) {
		w.row(oid(class), oid(id), num(0), oid(refClass), oid(ref), num(column), char(kind))
	}
	for _, r := range s.relations {
		if !r.isUser() {
			continue
		}
		o := r.object
		if r.isIndex() {
			if hasPrimaryKey(o) {
				add(classPgClass, r.oid, classPgConstraint, constraintOID(uint32(o.ID), 0), 0, 'i')
				continue
			}
			for _, k := range r.key {
				add(classPgClass, r.oid, classPgClass, uint32(o.ID), k+1, 'a')
			}
			continue
		}
		add(classPgClass, r.oid, classPgNamespace, s.schemas[r.schema], 0, 'n')
		for i, c := range o.Columns {
			if defaultText(c) != "" {
				add(classPgAttrdef, attrdefOID(r.oid, i+1), classPgClass, r.oid, i+1, 'a')
			}
		}
		for _, c := range constraints(o) {
			for _, k := range c.key {
				add(classPgConstraint, c.oid, classPgClass, r.oid, k+1, 'a')
			}
		}
		if o.Kind == catalog.View || o.Kind == catalog.MatView {
			add(classPgRewrite, rewriteOID(r.oid), classPgClass, r.oid, 0, 'i')
			for _, id := range o.DependsOn {
				if id >= catalog.FirstUserID {
					add(classPgRewrite, rewriteOID(r.oid), classPgClass, uint32(id), 0, 'n')
				}
			}
		}
	}
}

// rewriteRows has the rule that every view is.
func rewriteRows(s *state, w *writer) {
	w.columns("oid", "rulename", "ev_class", "ev_type", "ev_enabled", "is_instead", "ev_qual", "ev_action")
	for _, r := range s.relations {
		if r.object.Kind == catalog.View || r.object.Kind == catalog.MatView && !r.isIndex() {
			w.row(oid(rewriteOID(r.oid)), str("_RETURN"), oid(r.oid), char('1'), char('O'), yes(true), str("<>"), str(r.object.SQL))
		}
	}
}
