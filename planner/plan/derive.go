package plan

import (
	"slices"

	"github.com/tarndb/tarn/sql/expr"
)

// maxKeys bounds the unique keys kept per node; joins multiply them.
const maxKeys = 8

// Derive computes n's properties from those of its inputs. A Scan's are set by
// whoever makes it and stay.
func Derive(n Node) {
	p := Props{Watermark: -1}
	switch n := n.(type) {
	case *Scan:
		return
	case *Values:
		p.AppendOnly = true
		if len(n.Rows) <= 1 {
			p.Keys = [][]int{{}}
		}
	case *Series:
		p = Props{AppendOnly: true, Keys: [][]int{{0}}, Watermark: -1}
	case *Filter:
		p = *n.In.Props()
	case *Sort:
		p = *n.In.Props()
	case *Temporal:
		in := n.In.Props()
		p = Props{AppendOnly: in.AppendOnly && !n.ends(), Keys: in.Keys, Watermark: -1}
	case *Project:
		p = deriveProject(n)
	case *Recursive:
		p.AppendOnly = true
		if !n.All {
			p.Keys = [][]int{upTo(len(n.Cols))}
		}
	case *Working:
		p.AppendOnly = true
	case *Tumble:
		p = deriveTumble(n)
	case *Join:
		p = deriveJoin(n)
	case *Aggregate:
		p = deriveAggregate(n)
	case *Distinct:
		in := n.In.Props()
		p = Props{AppendOnly: in.AppendOnly, Watermark: in.Watermark, Keys: addKey(in.Keys, upTo(len(n.Cols)))}
	case *SetOp:
		p = deriveSetOp(n)
	case *TopN:
		p = deriveTopN(n)
	case *Final:
		in := n.In.Props()
		p = Props{AppendOnly: true, Keys: in.Keys, Watermark: n.WindowEnd}
	case *Unnest:
		in := n.In.Props()
		p = Props{AppendOnly: in.AppendOnly, Watermark: in.Watermark}
		if n.Ordinality {
			for _, k := range in.Keys {
				p.Keys = addKey(p.Keys, append(slices.Clone(k), len(n.Cols)-1))
			}
		}
	}
	*n.Props() = p
}

func upTo(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// addKey adds a unique key unless one that says as much is there.
func addKey(keys [][]int, k []int) [][]int {
	k = slices.Clone(k)
	slices.Sort(k)
	k = slices.Compact(k)
	for _, have := range keys {
		if subset(have, k) {
			return keys
		}
	}
	if len(keys) >= maxKeys {
		return keys
	}
	return append(slices.Clip(keys), k)
}

func subset(a, b []int) bool {
	for _, x := range a {
		if !slices.Contains(b, x) {
			return false
		}
	}
	return true
}

// Unique reports whether columns cols hold a unique key of n.
func Unique(n Node, cols []int) bool {
	for _, k := range n.Props().Keys {
		if subset(k, cols) {
			return true
		}
	}
	return false
}

// remap moves column positions: to[i] is where column i is found, -1 nowhere.
func remapProps(p *Props, to []int) Props {
	out := Props{AppendOnly: p.AppendOnly, Watermark: -1}
	if p.Watermark >= 0 {
		out.Watermark = to[p.Watermark]
	}
	for _, k := range p.Keys {
		m := make([]int, 0, len(k))
		for _, c := range k {
			if to[c] < 0 {
				break
			}
			m = append(m, to[c])
		}
		if len(m) == len(k) {
			out.Keys = addKey(out.Keys, m)
		}
	}
	return out
}

// Remap returns p for columns moved from i to to[i], -1 = dropped.
func (p *Props) Remap(to []int) Props { return remapProps(p, to) }

func deriveProject(n *Project) Props {
	to := make([]int, len(n.In.Columns()))
	for i := range to {
		to[i] = -1
	}
	for i, e := range n.Exprs {
		if c, ok := e.(*expr.Column); ok && to[c.Idx] < 0 {
			to[c.Idx] = i
		}
	}
	return remapProps(n.In.Props(), to)
}

func deriveTumble(n *Tumble) Props {
	in := n.In.Props()
	p := Props{AppendOnly: in.AppendOnly, Watermark: in.Watermark}
	for _, k := range in.Keys {
		if n.Slide != n.Size { // a row stands in several windows
			k = append(slices.Clone(k), len(n.Cols)-1)
		}
		p.Keys = addKey(p.Keys, k)
	}
	return p
}

func deriveJoin(n *Join) Props {
	l, r := n.Left.Props(), n.Right.Props()
	if n.Kind == Semi || n.Kind == Anti {
		return Props{AppendOnly: l.AppendOnly && r.AppendOnly && n.Kind == Semi, Keys: l.Keys, Watermark: l.Watermark}
	}
	p := Props{Watermark: -1, AppendOnly: l.AppendOnly && r.AppendOnly && n.Kind == Inner}
	if n.Kind == Inner || n.Kind == Left {
		p.Watermark = l.Watermark
	}
	shift := func(k []int) []int {
		out := make([]int, len(k))
		for i, c := range k {
			out[i] = c + len(n.Left.Columns())
		}
		return out
	}
	rightOnce := n.Single || Unique(n.Right, n.RightKeys)
	leftOnce := Unique(n.Left, n.LeftKeys)
	if rightOnce && (n.Kind == Inner || n.Kind == Left) {
		for _, k := range l.Keys {
			p.Keys = addKey(p.Keys, k)
		}
	}
	if leftOnce && (n.Kind == Inner || n.Kind == Right) {
		for _, k := range r.Keys {
			p.Keys = addKey(p.Keys, shift(k))
		}
	}
	// Not for Full: an unmatched left row with a NULL key and an unmatched right
	// row with one are both all NULL there.
	for _, a := range l.Keys {
		for _, b := range r.Keys {
			if n.Kind == Inner || n.Kind != Full && len(a) > 0 && len(b) > 0 {
				p.Keys = addKey(p.Keys, append(slices.Clone(a), shift(b)...))
			}
		}
	}
	return p
}

func deriveAggregate(n *Aggregate) Props {
	p := Props{Watermark: -1, Keys: [][]int{upTo(len(n.GroupBy))}}
	// Groups whose columns hold a key of the input: smaller keys carry over.
	in := n.In.Props()
	for _, k := range in.Keys {
		m := make([]int, 0, len(k))
		for _, c := range k {
			if i := slices.Index(n.GroupBy, c); i >= 0 {
				m = append(m, i)
			}
		}
		if len(m) == len(k) && len(k) < len(n.GroupBy) {
			p.Keys = append([][]int{m}, p.Keys...)
		}
	}
	// A window of fixed size has one end: grouped by start and end, the start will do.
	if end := windowEnd(n); end >= 0 {
		k := slices.DeleteFunc(upTo(len(n.GroupBy)), func(c int) bool { return c == end })
		p.Keys = append([][]int{k}, p.Keys...)
	}
	if len(n.Aggs) == 0 && len(n.GroupBy) > 0 {
		p.AppendOnly = in.AppendOnly
	}
	if in.Watermark >= 0 {
		p.Watermark = slices.Index(n.GroupBy, in.Watermark)
	}
	if n.WindowEnd >= 0 {
		p.Watermark = n.WindowEnd
	}
	return p
}

func deriveSetOp(n *SetOp) Props {
	p := Props{AppendOnly: true, Watermark: n.Ins[0].Props().Watermark}
	for _, in := range n.Ins {
		p.AppendOnly = p.AppendOnly && in.Props().AppendOnly
		if in.Props().Watermark != p.Watermark {
			p.Watermark = -1
		}
	}
	switch {
	case n.Kind == Union:
	case n.Kind == Except:
		p.AppendOnly = false
		p.Keys = n.Ins[0].Props().Keys
	default:
		p.Keys = n.Ins[0].Props().Keys
	}
	if n.Kind != Union && !n.All {
		p.Keys = addKey(p.Keys, upTo(len(n.Cols)))
	}
	return p
}

func deriveTopN(n *TopN) Props {
	in := n.In.Props()
	p := Props{Keys: in.Keys, Watermark: in.Watermark}
	if n.RankCol && n.RankKind == 0 {
		p.Keys = addKey(p.Keys, append(slices.Clone(n.Partition), len(n.Cols)-1))
	}
	if !n.RankCol && n.Limit == 1 && n.RankKind == 0 {
		p.Keys = append([][]int{slices.Clone(n.Partition)}, p.Keys...)
	}
	return p
}

// windowEnd is the place in GroupBy of the end of a window whose start is grouped
// by as well, -1 = none.
func windowEnd(n *Aggregate) int {
	for i, g := range n.GroupBy {
		t, end := WindowColumn(n.In, g)
		if !end {
			continue
		}
		for _, o := range n.GroupBy {
			if t2, isEnd := WindowColumn(n.In, o); t2 == t && !isEnd {
				return i
			}
		}
	}
	return -1
}
