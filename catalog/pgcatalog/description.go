package pgcatalog

func descriptionRows(s *state, w *writer) {
	w.columns("objoid", "classoid", "objsubid", "description")
	for _, r := range s.relations {
		if r.isIndex() {
			continue
		}
		if c := r.object.Comment; c != "" {
			w.row(oid(r.oid), oid(classPgClass), num(0), str(c))
		}
		for i, c := range r.object.Columns {
			if c.Comment != "" {
				w.row(oid(r.oid), oid(classPgClass), num(i+1), str(c.Comment))
			}
		}
	}
	for i := range theFunctions().list {
		if p := &theFunctions().list[i]; p.doc != "" {
			w.row(oid(p.oid), oid(classPgProc), num(0), str(p.doc))
		}
	}
}
