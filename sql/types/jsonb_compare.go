package types

import "strings"

// kindRank orders kinds: object > array > boolean > number > string > null.
func kindRank(k byte) int {
	switch k {
	case '0':
		return 0
	case 's':
		return 1
	case 'n':
		return 2
	case 't', 'f':
		return 3
	case 'a':
		return 4
	}
	return 5
}

func compareJSONB(a, b string) int {
	if a == b {
		return 0
	}
	x, y := mustNode(a), mustNode(b)
	// Scalars are held in a hidden array, so an empty array, having fewer
	// elements, comes before them: PostgreSQL keeps this for old indexes.
	ex, ey := x.kind == 'a' && len(x.items) == 0, y.kind == 'a' && len(y.items) == 0
	if ex && kindRank(y.kind) < 4 {
		return -1
	}
	if ey && kindRank(x.kind) < 4 {
		return 1
	}
	return compareNodes(&x, &y)
}

func compareNodes(a, b *jsonNode) int {
	if c := kindRank(a.kind) - kindRank(b.kind); c != 0 {
		return cmpInt(int64(c), 0)
	}
	switch a.kind {
	case 's':
		return strings.Compare(a.text, b.text)
	case 'n':
		x, _ := parseNumeric(a.text, Numeric)
		y, _ := parseNumeric(b.text, Numeric)
		return compareNumeric(x, y)
	case 't', 'f':
		return boolInt(a.kind == 't') - boolInt(b.kind == 't')
	case 'a', 'o':
		if c := cmpInt(int64(len(a.items)), int64(len(b.items))); c != 0 {
			return c
		}
		for i := range a.items {
			if a.kind == 'o' {
				// Keys go by bytes here, not by the order they are stored in.
				if c := strings.Compare(a.keys[i], b.keys[i]); c != 0 {
					return c
				}
			}
			if c := compareNodes(&a.items[i], &b.items[i]); c != 0 {
				return c
			}
		}
	}
	return 0
}

// hashJSONB hashes numbers by value, so that 1.0 and 1 agree.
func hashJSONB(s string) uint64 {
	n := mustNode(s)
	return hashNode(hashSeed, &n)
}

func hashNode(h uint64, n *jsonNode) uint64 {
	h = mix(h ^ uint64(n.kind))
	switch n.kind {
	case 's':
		return hashBytes(h, n.text)
	case 'n':
		d, _ := parseNumeric(n.text, Numeric)
		return mix(h ^ hashNumeric(d))
	}
	for i := range n.items {
		if n.kind == 'o' {
			h = hashBytes(h, n.keys[i])
		}
		h = hashNode(h, &n.items[i])
	}
	return h
}
