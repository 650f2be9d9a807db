package types

import (
	"slices"
	"strconv"
	"strings"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// Operations on jsonb, whose values are normalised texts (see ParseJSONB).
// Look-ups scan the text without building anything; changes go through nodes.

// skipJSON returns the end of the value at i in a normalised text.
func skipJSON(j string, i int) int {
	depth := 0
	for i < len(j) {
		switch c := j[i]; c {
		case '"':
			i = skipString(j, i)
			if depth == 0 {
				return i
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
			if depth <= 0 {
				if depth < 0 {
					return i
				}
				return i + 1
			}
		case ',':
			if depth == 0 {
				return i
			}
		}
		i++
	}
	return i
}

func skipString(j string, i int) int {
	for i++; i < len(j); i++ {
		switch j[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(j)
}

// unquote decodes a string token of a normalised text.
func unquote(tok string) string {
	if len(tok) >= 2 && strings.IndexByte(tok, '\\') < 0 {
		return tok[1 : len(tok)-1]
	}
	r := jsonReader{in: tok, keep: true}
	s, _ := r.str()
	return s
}

// members walks the members of an object text.
func members(j string, yield func(key, value string) bool) {
	if len(j) < 2 || j[0] != '{' {
		return
	}
	for i := 1; i < len(j) && j[i] == '"'; {
		k := skipString(j, i)
		v := k + 2
		if v >= len(j) {
			return
		}
		end := skipJSON(j, v)
		if !yield(unquote(j[i:k]), j[v:end]) {
			return
		}
		i = end + 2
	}
}

func elements(j string, yield func(elem string) bool) {
	if len(j) <= 2 || j[0] != '[' {
		return
	}
	for i := 1; i < len(j); {
		end := skipJSON(j, i)
		if !yield(j[i:end]) {
			return
		}
		i = end + 2
	}
}

// JSONBTypeof names the kind of a value: object, array, string, number, boolean, null.
func JSONBTypeof(j string) string {
	if j == "" {
		return "null"
	}
	switch j[0] {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	}
	return "number"
}

// JSONBGet is j -> key; ok = false stands for NULL.
func JSONBGet(j, key string) (v string, ok bool) {
	members(j, func(k, value string) bool {
		if k == key {
			v, ok = value, true
		}
		return !ok
	})
	return v, ok
}

// JSONBIndex is j -> i; a negative i counts from the end. A scalar is held as an
// array of one.
func JSONBIndex(j string, i int) (v string, ok bool) {
	if j != "" && j[0] != '[' && j[0] != '{' {
		return j, i == 0 || i == -1
	}
	if i < 0 {
		n, err := JSONBArrayLen(j)
		if err != nil {
			return "", false
		}
		if i += n; i < 0 {
			return "", false
		}
	}
	elements(j, func(e string) bool {
		if i == 0 {
			v, ok = e, true
		}
		i--
		return !ok
	})
	return v, ok
}

// JSONBPath is j #> path.
func JSONBPath(j string, path []string) (string, bool) {
	ok := true
	for _, p := range path {
		switch JSONBTypeof(j) {
		case "object":
			j, ok = JSONBGet(j, p)
		case "array":
			i, err := strconv.Atoi(p)
			if err != nil {
				return "", false
			}
			j, ok = JSONBIndex(j, i)
		default:
			return "", false
		}
		if !ok {
			return "", false
		}
	}
	return j, true
}

// JSONBText is what ->> gives for a value found: strings without quotes, NULL for
// null.
func JSONBText(j string) (text string, null bool) {
	switch JSONBTypeof(j) {
	case "null":
		return "", true
	case "string":
		return unquote(j), false
	}
	return j, false
}

// JSONBArrayLen is jsonb_array_length.
func JSONBArrayLen(j string) (int, error) {
	switch JSONBTypeof(j) {
	case "array":
	case "object":
		return 0, sqlerr.New(sqlerr.InvalidParameterValue, "cannot get array length of a non-array")
	default:
		return 0, sqlerr.New(sqlerr.InvalidParameterValue, "cannot get array length of a scalar")
	}
	n := 0
	elements(j, func(string) bool { n++; return true })
	return n, nil
}

// JSONBElements calls yield for each element of an array until it returns false.
func JSONBElements(j string, yield func(elem string) bool) { elements(j, yield) }

// JSONBEach calls yield for each member of an object, in key order.
func JSONBEach(j string, yield func(key, value string) bool) { members(j, yield) }

// JSONBExists is j ? key: an object's key or a string element of an array.
func JSONBExists(j, key string) bool {
	switch JSONBTypeof(j) {
	case "object":
		_, ok := JSONBGet(j, key)
		return ok
	case "array":
		found := false
		elements(j, func(e string) bool {
			found = e[0] == '"' && unquote(e) == key
			return !found
		})
		return found
	case "string":
		return unquote(j) == key
	}
	return false
}

// JSONBContains is a @> b.
func JSONBContains(a, b string) bool {
	x, y := mustNode(a), mustNode(b)
	// An array may contain a bare scalar, at the top only.
	if x.kind == 'a' && y.kind != 'a' && y.kind != 'o' {
		y = jsonNode{kind: 'a', items: []jsonNode{y}}
	}
	return containsNode(&x, &y)
}

func containsNode(a, b *jsonNode) bool {
	if a.kind != b.kind {
		return false
	}
	switch b.kind {
	case 'o':
		for i, k := range b.keys {
			at := a.find(k)
			if at < 0 || !containsNode(&a.items[at], &b.items[i]) {
				return false
			}
		}
		return true
	case 'a':
		for i := range b.items {
			if !slices.ContainsFunc(a.items, func(e jsonNode) bool { return containsNode(&e, &b.items[i]) }) {
				return false
			}
		}
		return true
	}
	return compareNodes(a, b) == 0
}

// JSONBStripNulls drops object members that are null, at any depth.
func JSONBStripNulls(j string) string {
	n := mustNode(j)
	stripNulls(&n)
	return n.String()
}

func stripNulls(n *jsonNode) {
	out := 0
	for i := range n.items {
		if n.kind == 'o' {
			if n.items[i].kind == '0' {
				continue
			}
			n.keys[out] = n.keys[i]
		}
		n.items[out] = n.items[i]
		stripNulls(&n.items[out])
		out++
	}
	n.items = n.items[:out]
	if n.kind == 'o' {
		n.keys = n.keys[:out]
	}
}

// JSONBPretty is jsonb_pretty.
func JSONBPretty(j string) string {
	n := mustNode(j)
	return string(prettyNode(nil, &n, 0))
}

func prettyNode(dst []byte, n *jsonNode, depth int) []byte {
	if n.kind != 'o' && n.kind != 'a' {
		return appendNode(dst, n)
	}
	open, end := byte('{'), byte('}')
	if n.kind == 'a' {
		open, end = '[', ']'
	}
	indent := func(d int) {
		dst = append(dst, '\n')
		for range d {
			dst = append(dst, "    "...)
		}
	}
	dst = append(dst, open)
	for i := range n.items {
		if i > 0 {
			dst = append(dst, ',')
		}
		indent(depth + 1)
		if n.kind == 'o' {
			dst = AppendJSONString(dst, n.keys[i])
			dst = append(dst, ": "...)
		}
		dst = prettyNode(dst, &n.items[i], depth+1)
	}
	indent(depth)
	return append(dst, end)
}
