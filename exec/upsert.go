package exec

import (
	"slices"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/rowenc"
)

// A source knows the new row of a key, not the old one. Its write is resolved on
// admission, against what stands, so that the journal, the step and the views see
// retractions and insertions like those of any other write.

// upserted is the changes of an upsert: of each key the last row counts.
type upserted struct {
	rows   *vec.Batch
	images []string
	last   map[string]int32 // key → row
	gone   placed           // what a TRUNCATE before it has removed
}

func (u *upserted) at(key string) (place, bool) {
	if i, ok := u.last[key]; ok {
		return u.place(i), true
	}
	_, ok := u.gone[key]
	return place{}, ok
}

func (u *upserted) place(i int32) place {
	if u.rows.Weight(int(i)) < 0 {
		return place{}
	}
	return place{u.images[i], u.rows, i}
}

func (u *upserted) all(into placed) {
	for k := range u.gone {
		into[k] = place{}
	}
	for k, i := range u.last {
		into[k] = u.place(i)
	}
}

// upsert resolves a write into the retractions and insertions that it comes to,
// nil where it changes nothing.
func (a *admission) upsert(rel *relation, w *Write, earlier []admitted) (*vec.Batch, changes, error) {
	if rel.kind != tableRelation || rel.bag {
		return nil, nil, sqlerr.New(sqlerr.FeatureNotSupported, "relation %q has no primary key: rows of it can be neither replaced nor deleted by key", rel.name)
	}
	rows := w.Rows
	if rows == nil {
		rows = &vec.Batch{Cols: make([]*vec.Vec, len(rel.types))}
		for c, t := range rel.types {
			rows.Cols[c] = vec.NewBuilder(t, 0).Finish()
		}
	}
	if err := rel.fits(rows); err != nil {
		return nil, nil, err
	}
	keyCols := pickColumns(rows.Cols, rel.key)
	if err := rel.noNulls(keyCols, rows.N); err != nil {
		return nil, nil, err
	}
	keys := keyStrings(keyCols, rows.N, rowenc.Canonical)
	u := &upserted{rows: rows, last: make(map[string]int32, rows.N)}
	for i, k := range keys {
		u.last[k] = int32(i)
	}
	sel := make([]int32, 0, len(u.last)) // the last rows of their keys, in order
	for i, k := range keys {
		if u.last[k] == int32(i) {
			sel = append(sel, int32(i))
		}
	}
	var standing placed
	var err error
	if w.Truncate {
		standing, err = a.everything(rel, earlier)
		u.gone = standing
	} else {
		distinct := (&vec.Batch{N: rows.N, Cols: keyCols}).Select(sel)
		standing, err = rel.standing(distinct.Cols, distinct.N, a.e.applied.Load())
	}
	if err != nil {
		return nil, nil, err
	}
	if w.Keep != nil {
		stands := func(key string) place { return a.current(rel, key, earlier, standing) }
		if w.Truncate {
			stands = func(string) place { return place{} }
		}
		if u.rows, err = rel.complete(w, rows, keys, stands); err != nil {
			return nil, nil, err
		}
	}
	u.images = keyStrings(u.rows.Cols, rows.N, rowenc.Exact)
	d := difference{rel: rel}
	for _, i := range sel {
		old, now := standing[keys[i]], u.place(i)
		if !w.Truncate {
			old = a.current(rel, keys[i], earlier, standing)
		}
		if old.image != now.image {
			d.add(old, -1)
			d.add(now, 1)
		}
	}
	for k, old := range u.gone {
		if _, replaced := u.last[k]; !replaced {
			d.add(old, -1)
		}
	}
	return d.batch(), u, nil
}

// noNulls fails if a key has a NULL in it.
func (r *relation) noNulls(keyCols []*vec.Vec, n int) error {
	for c, v := range keyCols {
		for i := range n {
			if v.IsNull(i) {
				name := r.columns[r.key[c]]
				e := sqlerr.New(sqlerr.NotNullViolation, "null value in column %q of relation %q violates not-null constraint", name, r.name)
				e.Table, e.Column = r.name, name
				return e
			}
		}
	}
	return nil
}

// everything is all rows of a table as the transaction sees it.
func (a *admission) everything(rel *relation, earlier []admitted) (placed, error) {
	all := placed{}
	err := rel.view.Scan(a.e.applied.Load(), nil, func(b *vec.Batch) error {
		rel.place(b, all)
		return nil
	})
	if err != nil {
		return nil, err
	}
	a.touched[rel.id].settled().all(all)
	for i := range earlier {
		if earlier[i].rel == rel && earlier[i].changes != nil {
			earlier[i].changes.all(all)
		}
	}
	for k, p := range all {
		if p.image == "" {
			delete(all, k)
		}
	}
	return all, nil
}

// difference gathers rows of several batches into one with weights.
type difference struct {
	rel       *relation
	srcs      []*vec.Batch
	at        map[*vec.Batch]int32
	from, row []int32
	weights   []int64
}

func (d *difference) add(p place, weight int64) {
	if p.image == "" {
		return
	}
	n, ok := d.at[p.batch]
	if !ok {
		if d.at == nil {
			d.at = map[*vec.Batch]int32{}
		}
		n = int32(len(d.srcs))
		d.at[p.batch] = n
		d.srcs = append(d.srcs, p.batch)
	}
	d.from, d.row, d.weights = append(d.from, n), append(d.row, p.row), append(d.weights, weight)
}

func (d *difference) batch() *vec.Batch {
	if len(d.from) == 0 {
		return nil
	}
	out := &vec.Batch{N: len(d.from), Cols: make([]*vec.Vec, len(d.rel.types))}
	if slices.Contains(d.weights, -1) {
		out.Weights = d.weights
	}
	srcs := make([]*vec.Vec, len(d.srcs))
	for c, t := range d.rel.types {
		for i, b := range d.srcs {
			srcs[i] = vec.Flatten(b.Cols[c])
		}
		out.Cols[c] = vec.Pick(t, srcs, d.from, d.row)
	}
	return out
}
