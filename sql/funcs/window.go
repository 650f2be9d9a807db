package funcs

import (
	"sort"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// Window is a set of functions over the partitions of one window. It is computed
// as an aggregate over a partition (Agg): the value is an array with a record per
// row, the first Width columns of the row and then the functions' values.
type Window struct {
	Width   int
	OrderBy []WindowOrder
	Calls   []WindowCall
}

// WindowOrder is an item of the window's ORDER BY.
type WindowOrder struct {
	Col  int
	Type types.Type
	Desc bool
}

// WindowCall is one function. Columns are those of the aggregate's arguments, -1
// for one that is not given.
type WindowCall struct {
	Name   string // of a window function, used if Agg is nil
	Agg    *Agg
	Args   []int
	Filter int
	Ret    types.Type
	Frame  WindowFrame
}

// FrameMode is what a frame's bounds count.
type FrameMode uint8

// The modes.
const (
	FrameRange FrameMode = iota
	FrameRows
	FrameGroups
)

// WindowFrame says which rows of the partition a function sees from each row.
type WindowFrame struct {
	Mode       FrameMode
	Start, End WindowBound
	Exclude    string // "", CURRENT ROW, GROUP, TIES
}

// WindowBound is an end of a frame: unbounded, the current row (or its peers), or
// an offset from it.
type WindowBound struct {
	Unbounded, Offset, Following bool
	// Col holds the offset in rows or groups, an int8; in FrameRange the value
	// that Key is compared with.
	Col, Key int
}

// windowFuncs are the functions that need a window; the value is their number of arguments.
var windowFuncs = map[string][2]int{
	"row_number": {0, 0}, "rank": {0, 0}, "dense_rank": {0, 0}, "percent_rank": {0, 0}, "cume_dist": {0, 0},
	"ntile": {1, 1}, "lag": {1, 3}, "lead": {1, 3}, "first_value": {1, 1}, "last_value": {1, 1}, "nth_value": {2, 2},
}

// WindowArgs returns how many arguments, at least and at most, a function takes
// that exists only over a window.
func WindowArgs(name string) (least, most int, ok bool) {
	n, ok := windowFuncs[name]
	return n[0], n[1], ok
}

// Aggregate returns w as an aggregate over its arguments' types. name tells
// windows apart.
func (w *Window) Aggregate(name string, args []types.Type) *Agg {
	record := types.ArrayOf(types.Record)
	fields := append([]types.Type(nil), args[:w.Width]...)
	for _, c := range w.Calls {
		fields = append(fields, c.Ret)
	}
	return &Agg{Name: name, Args: args, Ret: record, Class: Holistic, Collect: func(rows *vec.Batch, out *vec.Builder) error {
		var sel []int32
		if err := eachRow(rows, func(i int) error { sel = append(sel, int32(i)); return nil }); err != nil {
			return err
		}
		rows = (&vec.Batch{N: rows.N, Cols: rows.Cols}).Select(sel)
		for i, c := range rows.Cols {
			rows.Cols[i] = vec.Flatten(c)
		}
		p := newWindowPartition(w, rows)
		results := make([][]types.Datum, len(w.Calls))
		for i := range w.Calls {
			var err error
			if results[i], err = p.compute(&w.Calls[i]); err != nil {
				return err
			}
		}
		a := types.Array{Elem: types.Record, Elems: make([]types.Datum, rows.N)}
		ds := make([]types.Datum, len(fields))
		size := 0
		for i := range a.Elems {
			for k := range w.Width {
				ds[k] = datumAt(rows.Cols[k], i)
			}
			for k, r := range results {
				ds[w.Width+k] = r[i]
			}
			a.Elems[i] = types.Datum{S: string(types.AppendRecord(nil, fields, ds))}
			if size += len(a.Elems[i].S); size > textBytesMax {
				return sqlerr.New(sqlerr.ProgramLimitExceeded, "a window's partition is larger than %d bytes", textBytesMax).
					WithHint("Divide it with PARTITION BY, or select fewer columns in a subquery.")
			}
		}
		a.Dims, a.Lower = []int32{int32(rows.N)}, []int32{1}
		out.Bytes(types.AppendArray(nil, &a))
		return nil
	}}
}

// windowPartition is one partition in the window's order.
type windowPartition struct {
	w    *Window
	rows *vec.Batch
	// peers[i] is the first row of row i's peers, after[i] the first behind them,
	// group[i] their number; starts has the first row of each group.
	peers, after, group []int
	starts              []int
}

func newWindowPartition(w *Window, rows *vec.Batch) *windowPartition {
	p := &windowPartition{w: w, rows: rows, peers: make([]int, rows.N), after: make([]int, rows.N), group: make([]int, rows.N)}
	for i := range rows.N {
		if i == 0 || !p.same(i-1, i) {
			p.starts = append(p.starts, i)
		}
		p.group[i] = len(p.starts) - 1
		p.peers[i] = p.starts[p.group[i]]
	}
	for i := range rows.N {
		p.after[i] = rows.N
		if g := p.group[i] + 1; g < len(p.starts) {
			p.after[i] = p.starts[g]
		}
	}
	return p
}

func (p *windowPartition) same(i, j int) bool {
	for _, o := range p.w.OrderBy {
		a, b := datumAt(p.rows.Cols[o.Col], i), datumAt(p.rows.Cols[o.Col], j)
		if a.Null != b.Null || !a.Null && types.Compare(a, b, o.Type) != 0 {
			return false
		}
	}
	return true
}

func (p *windowPartition) arg(c *WindowCall, k, i int) types.Datum {
	return datumAt(p.rows.Cols[c.Args[k]], i)
}

func (p *windowPartition) compute(c *WindowCall) ([]types.Datum, error) {
	out := make([]types.Datum, p.rows.N)
	if c.Agg != nil {
		return out, p.aggregate(c, out)
	}
	n := p.rows.N
	for i := range out {
		var err error
		switch c.Name {
		case "row_number":
			out[i] = types.Int(int64(i + 1))
		case "rank":
			out[i] = types.Int(int64(p.peers[i] + 1))
		case "dense_rank":
			out[i] = types.Int(int64(p.group[i] + 1))
		case "percent_rank":
			out[i] = types.Float(0)
			if n > 1 {
				out[i] = types.Float(float64(p.peers[i]) / float64(n-1))
			}
		case "cume_dist":
			out[i] = types.Float(float64(p.after[i]) / float64(n))
		case "ntile":
			out[i], err = ntile(p.arg(c, 0, 0), i, n)
		case "lag", "lead":
			out[i] = p.shifted(c, i)
		default:
			out[i], err = p.picked(c, i)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// ntile is the bucket of row i of n; the first buckets have the rows that are left over.
func ntile(buckets types.Datum, i, n int) (types.Datum, error) {
	if buckets.Null {
		return types.NullDatum, nil
	}
	if buckets.I <= 0 {
		return types.NullDatum, sqlerr.New(sqlerr.InvalidArgumentForNtile, "argument of ntile must be greater than zero")
	}
	size, rest := int64(n)/buckets.I, int64(n)%buckets.I
	at := int64(i)
	if big := rest * (size + 1); at >= big {
		return types.Int(rest + (at-big)/size + 1), nil
	}
	return types.Int(at/(size+1) + 1), nil
}

// shifted is lag or lead.
func (p *windowPartition) shifted(c *WindowCall, i int) types.Datum {
	by := int64(1)
	if len(c.Args) > 1 {
		d := p.arg(c, 1, i)
		if d.Null {
			return types.NullDatum
		}
		by = d.I
	}
	if c.Name == "lag" {
		by = -by
	}
	if at := int64(i) + by; at >= 0 && at < int64(p.rows.N) {
		return p.arg(c, 0, int(at))
	}
	if len(c.Args) > 2 {
		return p.arg(c, 2, i)
	}
	return types.NullDatum
}

// picked is first_value, last_value or nth_value.
func (p *windowPartition) picked(c *WindowCall, i int) (types.Datum, error) {
	nth := int64(1)
	if c.Name == "nth_value" {
		d := p.arg(c, 1, i)
		if d.Null {
			return types.NullDatum, nil
		}
		if nth = d.I; nth <= 0 {
			return types.NullDatum, sqlerr.New(sqlerr.InvalidArgumentForNthValue, "argument of nth_value must be greater than zero")
		}
	}
	ranges, err := p.frame(&c.Frame, i)
	if err != nil {
		return types.NullDatum, err
	}
	if c.Name == "last_value" {
		for k := len(ranges) - 1; k >= 0; k-- {
			if r := ranges[k]; r.lo < r.hi {
				return p.arg(c, 0, r.hi-1), nil
			}
		}
		return types.NullDatum, nil
	}
	for _, r := range ranges {
		if size := int64(r.hi - r.lo); size >= nth {
			return p.arg(c, 0, r.lo+int(nth)-1), nil
		} else if size > 0 {
			nth -= size
		}
	}
	return types.NullDatum, nil
}

// span is rows lo … hi-1.
type span struct{ lo, hi int }

// frame returns the rows that row i sees, in order.
func (p *windowPartition) frame(f *WindowFrame, i int) ([]span, error) {
	lo, err := p.bound(f, &f.Start, i, true)
	if err != nil {
		return nil, err
	}
	hi, err := p.bound(f, &f.End, i, false)
	if err != nil {
		return nil, err
	}
	hi = max(hi, lo)
	all := span{lo, hi}
	without := func(from, to int) []span {
		return []span{{all.lo, max(min(from, all.hi), all.lo)}, {min(max(to, all.lo), all.hi), all.hi}}
	}
	switch f.Exclude {
	case "CURRENT ROW":
		return without(i, i+1), nil
	case "GROUP":
		return without(p.peers[i], p.after[i]), nil
	case "TIES":
		out := without(p.peers[i], p.after[i])
		if i >= all.lo && i < all.hi {
			out = []span{out[0], {i, i + 1}, out[1]}
		}
		return out, nil
	}
	return []span{all}, nil
}

// bound is the first row of the frame (start), or the one behind its last.
func (p *windowPartition) bound(f *WindowFrame, b *WindowBound, i int, start bool) (int, error) {
	n := p.rows.N
	switch {
	case b.Unbounded && start:
		return 0, nil
	case b.Unbounded:
		return n, nil
	case !b.Offset && f.Mode == FrameRows && start:
		return i, nil
	case !b.Offset && f.Mode == FrameRows:
		return i + 1, nil
	case !b.Offset && start:
		return p.peers[i], nil
	case !b.Offset:
		return p.after[i], nil
	case f.Mode == FrameRange:
		return p.rangeBound(b, i, start), nil
	}
	word := "ending"
	if start {
		word = "starting"
	}
	d := datumAt(p.rows.Cols[b.Col], i)
	if d.Null {
		return 0, sqlerr.New(sqlerr.NullValueNotAllowed, "frame %s offset must not be null", word)
	}
	if d.I < 0 {
		return 0, sqlerr.New(sqlerr.InvalidPrecedingOrFollowingSize, "frame %s offset must not be negative", word)
	}
	by := int(min(d.I, int64(n)))
	if !b.Following {
		by = -by
	}
	if f.Mode == FrameRows {
		at := i + by
		if !start {
			at++
		}
		return min(max(at, 0), n), nil
	}
	g := p.group[i] + by
	if !start {
		g++
	}
	switch {
	case g < 0:
		return 0, nil
	case g >= len(p.starts):
		return n, nil
	}
	return p.starts[g], nil
}

// rangeBound finds the rows whose key is not beyond a value. The peers of a row
// whose key is NULL are its frame.
func (p *windowPartition) rangeBound(b *WindowBound, i int, start bool) int {
	limit := datumAt(p.rows.Cols[b.Col], i)
	if limit.Null {
		if start {
			return p.peers[i]
		}
		return p.after[i]
	}
	key := p.rows.Cols[b.Key]
	first, last := 0, p.rows.N // those that are not NULL
	for first < last && key.IsNull(first) {
		first++
	}
	for first < last && key.IsNull(last-1) {
		last--
	}
	desc := p.w.OrderBy[0].Desc
	return first + sort.Search(last-first, func(k int) bool {
		c := types.Compare(datumAt(key, first+k), limit, key.Type)
		if desc {
			c = -c
		}
		if start {
			return c >= 0
		}
		return c > 0
	})
}
