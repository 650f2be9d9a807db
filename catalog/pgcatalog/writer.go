package pgcatalog

import (
	"time"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// writer collects the rows of one relation. A family names the columns it fills
// (columns), then gives their values row by row (row); all other columns are
// NULL, or, where that is not allowed, the type's zero.
type writer struct {
	relation *catalog.Object
	at       []int // position of each value of row in the relation
	builders []*vec.Builder
	blank    []types.Datum // what a column that is not named holds
	values   []types.Datum
	done     []*vec.Batch
	n        int // rows in builders
}

// columns names the columns that rows fill, in the order of their values.
func (w *writer) columns(names ...string) {
	w.at = make([]int, len(names))
	for i, name := range names {
		w.at[i] = -1
		for k, c := range w.relation.Columns {
			if c.Name == name {
				w.at[i] = k
			}
		}
		if w.at[i] < 0 {
			panic("pgcatalog: " + w.relation.Name + " has no column " + name)
		}
	}
	w.blank = make([]types.Datum, len(w.relation.Columns))
	for i, c := range w.relation.Columns {
		w.blank[i] = types.NullDatum
		if c.NotNull {
			w.blank[i] = zeroOf(c.Type)
		}
	}
	w.values = make([]types.Datum, len(w.blank))
}

// row adds a row.
func (w *writer) row(values ...types.Datum) {
	if len(values) != len(w.at) {
		panic("pgcatalog: " + w.relation.Name + ": number of values")
	}
	if w.builders == nil {
		w.builders = make([]*vec.Builder, len(w.blank))
		for i, c := range w.relation.Columns {
			w.builders[i] = vec.NewBuilder(c.Type, 64)
		}
	}
	copy(w.values, w.blank)
	for i, v := range values {
		w.values[w.at[i]] = v
	}
	for i, b := range w.builders {
		b.Datum(w.values[i])
	}
	if w.n++; w.n == vec.BatchRows {
		w.flush()
	}
}

func (w *writer) flush() {
	b := &vec.Batch{N: w.n, Cols: make([]*vec.Vec, len(w.builders))}
	for i, builder := range w.builders {
		b.Cols[i] = builder.Finish()
	}
	w.done, w.n = append(w.done, b), 0
}

func (w *writer) batches() []*vec.Batch {
	if w.n > 0 {
		w.flush()
	}
	return w.done
}

// zeroOf is what a NOT NULL column holds that nobody fills.
func zeroOf(t types.Type) types.Datum {
	if t.IsArray() {
		a := types.Array{Elem: types.ElemOf(t).Base()}
		if t.IsVector() {
			a.Dims, a.Lower = []int32{0}, []int32{0}
		}
		return types.ArrayDatum(&a)
	}
	return types.Datum{}
}

var null = types.NullDatum

// str, num, oid, yes and char make the Datum of a column.
func str(s string) types.Datum { return types.String(s) }

// orNull is s, or NULL if it is empty.
func orNull(s string) types.Datum {
	if s == "" {
		return null
	}
	return types.String(s)
}

func num[I int | int16 | int32 | int64](n I) types.Datum { return types.Int(int64(n)) }

func oid(id uint32) types.Datum { return types.Int(int64(id)) }

func yes(b bool) types.Datum { return types.Boolean(b) }

// yesNo is information_schema's boolean.
func yesNo(b bool) types.Datum {
	if b {
		return types.String("YES")
	}
	return types.String("NO")
}

func char(c byte) types.Datum { return types.Int(int64(int8(c))) }

// postgresEpoch is 2000-01-01, from which timestamps count, in Unix µs.
const postgresEpoch = 946684800 * 1000 * 1000

func stamp(t time.Time) types.Datum {
	if t.IsZero() {
		return null
	}
	return types.Int(t.UnixMicro() - postgresEpoch)
}

func array[T any](elem types.Type, values []T, datum func(T) types.Datum) types.Datum {
	ds := make([]types.Datum, len(values))
	for i, v := range values {
		ds[i] = datum(v)
	}
	return types.ArrayDatum(types.NewArray(elem, ds))
}

func texts(values []string) types.Datum { return array(types.Text, values, str) }

// vector makes an int2vector or oidvector, whose indexes start at 0.
func vector[T any](elem types.Type, values []T, datum func(T) types.Datum) types.Datum {
	a := types.Array{Elem: elem, Dims: []int32{int32(len(values))}, Lower: []int32{0}}
	for _, v := range values {
		a.Elems = append(a.Elems, datum(v))
	}
	return types.ArrayDatum(&a)
}
