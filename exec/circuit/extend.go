package circuit

import "github.com/tarndb/tarn/sql/types"

// Extended is a base table with more columns at the end, or with types that lie as
// the old ones did: the same rows, read and written with the new columns. keyCols
// is the key's place among them; the first base columns (of those that are stored
// in the order of ts) were there when the table began. v stays good for reading
// what it held; it must not be written any more.
func (v *View) Extended(ts []types.Type, keyCols []int, base int) *View {
	out := &View{name: v.name, l: extendedLayout(ts, keyCols, base), table: v.table}
	out.epoch.Store(v.epoch.Load())
	out.readers.New = func() any { return out.l.reader(out.ctx) }
	return out
}
