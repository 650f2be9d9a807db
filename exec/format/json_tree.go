package format

import (
	"strings"
)

// jsonNode is a name that some field is at or below, or the root. It knows the
// members that its objects have had, and which came after which: most likely the
// next one is found by one comparison.
type jsonNode struct {
	cols     []int32 // fields that are this value
	children []*jsonNode
	exact    map[string]int32
	folded   map[string]int32 // by lower-case name: 1 + the first child of that name

	members []jsonMember
	byName  map[string]int32 // members by their names as written
	first   int32            // the member that objects begin with, -1: not known
}

// jsonMember is a name as it was written.
type jsonMember struct {
	raw    string // in quotes, with colon
	child  int32  // -1: nobody wants it
	next   int32  // the member that came after it last, -1: none yet
	folded bool
}

// What a node remembers is bounded, for objects whose names are data.
const (
	membersMax     = 256
	memberBytesMax = 256
)

// newJSONTree makes the tree of the fields' paths.
func newJSONTree(fields []field) *jsonNode {
	root := &jsonNode{first: -1}
	for i, f := range fields {
		for _, path := range f.Paths {
			n := root
			for _, name := range path {
				n = n.child(name)
			}
			n.cols = append(n.cols, int32(i))
		}
	}
	return root
}

func (n *jsonNode) child(name string) *jsonNode {
	if i, ok := n.exact[name]; ok {
		return n.children[i]
	}
	if n.exact == nil {
		n.exact, n.folded = map[string]int32{}, map[string]int32{}
	}
	at := int32(len(n.children))
	n.children = append(n.children, &jsonNode{first: -1})
	n.exact[name] = at
	if lower := strings.ToLower(name); n.folded[lower] == 0 {
		n.folded[lower] = at + 1
	}
	return n.children[at]
}

// find looks a name up: -1 if there is none, folded if only its case was wrong.
func (n *jsonNode) find(name []byte) (at int32, folded bool) {
	if at, ok := n.exact[string(name)]; ok {
		return at, false
	}
	if at := n.folded[strings.ToLower(string(name))]; at > 0 {
		return at - 1, true
	}
	return -1, false
}

// member finds the member of a name as written (without quotes), and learns it.
// at is -1 where the node knows too many already.
func (n *jsonNode) member(raw []byte, escaped bool) (m jsonMember, at int32) {
	if at, ok := n.byName[string(raw)]; ok {
		return n.members[at], at
	}
	name := raw
	if escaped {
		name, _ = unescape(nil, raw)
	}
	m = jsonMember{next: -1}
	m.child, m.folded = n.find(name)
	if len(n.members) >= membersMax || len(raw) > memberBytesMax {
		return m, -1
	}
	m.raw = "\"" + string(raw) + "\":"
	at = int32(len(n.members))
	if n.byName == nil {
		n.byName = map[string]int32{}
	}
	n.byName[string(raw)] = at
	n.members = append(n.members, m)
	return m, at
}

// follow notes that member at came after prev, -1: at the beginning.
func (n *jsonNode) follow(prev, at int32) {
	if prev < 0 {
		n.first = at
	} else {
		n.members[prev].next = at
	}
}
