package pgcatalog

import (
	"sort"

	"github.com/tarndb/tarn/sql/types"
)

func classRows(s *state, w *writer) {
	w.columns("oid", "relname", "relnamespace", "relowner", "relam", "relfilenode", "relpages", "reltuples", "relhasindex", "relpersistence",
		"relkind", "relnatts", "relchecks", "relhasrules", "relispopulated", "relreplident", "reloptions")
	for _, r := range s.relations {
		o := r.object
		pages, tuples := s.pages(r)
		filenode := uint32(0)
		if r.stored() {
			filenode = r.oid
		}
		checks, ruled, replident := 0, false, byte('n')
		switch {
		case r.kind == 'r' && r.isUser():
			checks, replident = len(o.Checks), 'd'
		case r.kind == 'm':
			ruled, replident = true, 'd'
		case r.kind == 'v':
			ruled = true
		}
		w.row(oid(r.oid), str(r.name), oid(s.schemas[r.schema]), s.owner(o.Owner), oid(accessMethod(r.kind)), oid(filenode), num(pages), tuples,
			yes(!r.isIndex() && indexOf(o) != nil), char('p'),
			char(r.kind), num(len(r.columns())), num(checks), yes(ruled), yes(true), char(replident), reloptions(r))
	}
}

func accessMethod(kind byte) uint32 {
	switch kind {
	case 'r', 'm':
		return amHeap
	case 'i':
		return amBtree
	}
	return 0
}

// pages is the size in PostgreSQL's pages of 8 KiB and the number of rows, -1
// where it is not known.
func (s *state) pages(r *relation) (pages int, tuples types.Datum) {
	switch {
	case r.isIndex():
		return 0, types.Float(0)
	case s.in.Size == nil || !r.isUser() || r.kind == 'v':
		return 0, types.Float(-1)
	}
	rows, bytes := s.in.Size(r.object.ID)
	return int((bytes + 8191) / 8192), types.Float(float64(float32(rows)))
}

func reloptions(r *relation) types.Datum {
	o := r.object
	if r.isIndex() || len(o.Options) == 0 {
		return null
	}
	var out []string
	for k, v := range o.Options {
		out = append(out, k+"="+v)
	}
	sort.Strings(out)
	return texts(out)
}

func amRows(_ *state, w *writer) {
	w.columns("oid", "amname", "amhandler", "amtype")
	w.row(oid(amHeap), str("heap"), oid(3), char('t'))
	w.row(oid(amBtree), str("btree"), oid(330), char('i'))
}
