package format

import (
	"encoding/binary"
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
	only   int32 // the field that the value is for, if it is exactly one, else -1
	// The first and the last eight bytes of raw, or all of it where it has fewer.
	head, mask, tail uint64
}

// mark notes what stands compares.
func (m *jsonMember) mark() {
	if n := len(m.raw); n >= 8 {
		m.mask = ^uint64(0)
		m.head = binary.LittleEndian.Uint64([]byte(m.raw[:8]))
		m.tail = binary.LittleEndian.Uint64([]byte(m.raw[n-8:]))
		return
	}
	var b [8]byte
	copy(b[:], m.raw)
	m.mask = 1<<(8*len(m.raw)) - 1
	m.head = binary.LittleEndian.Uint64(b[:])
}

// stands reports whether the name is data[pos:end]; false where data end soon after pos.
func (m *jsonMember) stands(data []byte, pos, end int) bool {
	if pos+8 > len(data) || binary.LittleEndian.Uint64(data[pos:])&m.mask != m.head {
		return false
	}
	n := end - pos
	return n <= 8 || binary.LittleEndian.Uint64(data[end-8:]) == m.tail && (n <= 16 || string(data[pos:end]) == m.raw)
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
	m = jsonMember{next: -1, only: -1}
	m.child, m.folded = n.find(name)
	if m.child >= 0 && len(n.children[m.child].cols) == 1 {
		m.only = n.children[m.child].cols[0]
	}
	if len(n.members) >= membersMax || len(raw) > memberBytesMax {
		return m, -1
	}
	m.raw = "\"" + string(raw) + "\":"
	m.mark()
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
