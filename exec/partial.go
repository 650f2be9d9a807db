package exec

import (
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/vec"
)

// A feed may leave out what a change has not touched (PostgreSQL does so with long
// values). Such a row takes these values from the one whose place it takes.

// complete returns the rows of an upsert with the values that they leave as they
// stand: those of the last row of the key before them in the write, or of the one
// that stands.
func (rel *relation) complete(w *Write, rows *vec.Batch, keys []string, standing func(key string) place) (*vec.Batch, error) {
	p := patches{rel: rel, at: map[*vec.Batch]int32{rows: 0}, srcs: []*vec.Batch{rows}, n: rows.N}
	last := make(map[string]int32, rows.N)
	for i, key := range keys {
		if rows.Weight(i) > 0 && w.Keep[i] != nil {
			var err error
			if before, ok := last[key]; !ok {
				err = p.take(i, w.Keep[i], standing(key))
			} else if rows.Weight(int(before)) > 0 {
				err = p.repeat(i, w.Keep[i], before)
			} else {
				err = p.take(i, w.Keep[i], place{})
			}
			if err != nil {
				return nil, err
			}
		}
		last[key] = int32(i)
	}
	return p.batch(rows), nil
}

// patches are where the values of columns come from that are not all of the rows
// themselves: a batch and a row of it for each row, nil for the other columns.
type patches struct {
	rel  *relation
	n    int
	srcs []*vec.Batch
	at   map[*vec.Batch]int32
	from map[int32][]int32
	row  map[int32][]int32
}

func (p *patches) column(c int32) (from, row []int32) {
	if p.from[c] == nil {
		if p.from == nil {
			p.from, p.row = map[int32][]int32{}, map[int32][]int32{}
		}
		p.from[c], p.row[c] = make([]int32, p.n), make([]int32, p.n)
		for i := range p.row[c] {
			p.row[c][i] = int32(i)
		}
	}
	return p.from[c], p.row[c]
}

// take takes columns of row i from one that stands.
func (p *patches) take(i int, columns []int32, old place) error {
	if old.image == "" {
		name := p.rel.columns[columns[0]]
		e := sqlerr.New(sqlerr.DataException, "the value of column \"%s\" is not in the record, and relation \"%s\" has no row of its key to take it from", name, p.rel.name).
			WithHint("PostgreSQL sends it with ALTER TABLE … REPLICA IDENTITY FULL.")
		e.Table, e.Column = p.rel.name, name
		return e
	}
	src, ok := p.at[old.batch]
	if !ok {
		src = int32(len(p.srcs))
		p.at[old.batch], p.srcs = src, append(p.srcs, old.batch)
	}
	for _, c := range columns {
		from, row := p.column(c)
		from[i], row[i] = src, old.row
	}
	return nil
}

// repeat takes columns of row i from an earlier row of the write.
func (p *patches) repeat(i int, columns []int32, before int32) error {
	for _, c := range columns {
		from, row := p.column(c)
		from[i], row[i] = from[before], row[before]
	}
	return nil
}

func (p *patches) batch(rows *vec.Batch) *vec.Batch {
	out := *rows
	out.Cols = append([]*vec.Vec(nil), rows.Cols...)
	srcs := make([]*vec.Vec, len(p.srcs))
	for c := range p.from {
		for k, b := range p.srcs {
			srcs[k] = vec.Flatten(b.Cols[c])
		}
		out.Cols[c] = vec.Pick(p.rel.types[c], srcs, p.from[c], p.row[c])
	}
	return &out
}
