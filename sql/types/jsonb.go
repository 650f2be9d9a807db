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

// JSONBConcat is a || b: objects merge, arrays join, a scalar counts as an array
// of one.
func JSONBConcat(a, b string) (string, error) {
	x, y := mustNode(a), mustNode(b)
	if x.kind == 'o' && y.kind == 'o' {
		x.keys, x.items = append(x.keys, y.keys...), append(x.items, y.items...)
		x.sortKeys()
		return x.String(), nil
	}
	wrap := func(n jsonNode) []jsonNode {
		if n.kind == 'a' {
			return n.items
		}
		return []jsonNode{n}
	}
	out := jsonNode{kind: 'a', items: append(wrap(x), wrap(y)...)}
	return out.String(), nil
}

// JSONBDeleteKeys is j - keys.
func JSONBDeleteKeys(j string, keys []string) (string, error) {
	n := mustNode(j)
	switch n.kind {
	case 'o':
		out := jsonNode{kind: 'o'}
		for i, k := range n.keys {
			if !slices.Contains(keys, k) {
				out.keys, out.items = append(out.keys, k), append(out.items, n.items[i])
			}
		}
		return out.String(), nil
	case 'a':
		n.items = slices.DeleteFunc(n.items, func(e jsonNode) bool { return e.kind == 's' && slices.Contains(keys, e.text) })
		return n.String(), nil
	}
	return "", sqlerr.New(sqlerr.InvalidParameterValue, "cannot delete from scalar")
}

// JSONBDeleteIndex is j - i.
func JSONBDeleteIndex(j string, i int) (string, error) {
	n := mustNode(j)
	switch n.kind {
	case 'o':
		return "", sqlerr.New(sqlerr.InvalidParameterValue, "cannot delete from object using integer index")
	case 'a':
	default:
		return "", sqlerr.New(sqlerr.InvalidParameterValue, "cannot delete from scalar")
	}
	if i < 0 {
		i += len(n.items)
	}
	if i < 0 || i >= len(n.items) {
		return j, nil
	}
	n.items = slices.Delete(n.items, i, i+1)
	return n.String(), nil
}

// JSONBDeletePath is j #- path.
func JSONBDeletePath(j string, path []string) (string, error) {
	n := mustNode(j)
	if n.kind != 'o' && n.kind != 'a' {
		return "", sqlerr.New(sqlerr.InvalidParameterValue, "cannot delete path in scalar")
	}
	if len(path) == 0 || len(n.items) == 0 {
		return j, nil
	}
	if err := editPath(&n, path, 0, jsonEdit{op: editDelete}); err != nil {
		return "", err
	}
	return n.String(), nil
}

// JSONBSet is jsonb_set.
func JSONBSet(j string, path []string, v string, create bool) (string, error) {
	return jsonbEdit(j, path, jsonEdit{op: editSet, value: v, create: create})
}

// JSONBInsert is jsonb_insert.
func JSONBInsert(j string, path []string, v string, after bool) (string, error) {
	return jsonbEdit(j, path, jsonEdit{op: editInsert, value: v, after: after})
}

const (
	editDelete = iota
	editSet
	editInsert
)

type jsonEdit struct {
	op            int
	value         string
	create, after bool
}

func jsonbEdit(j string, path []string, e jsonEdit) (string, error) {
	n := mustNode(j)
	if n.kind != 'o' && n.kind != 'a' {
		return "", sqlerr.New(sqlerr.InvalidParameterValue, "cannot set path in scalar")
	}
	if len(path) == 0 || len(n.items) == 0 && !e.create && e.op == editSet {
		return j, nil
	}
	if err := editPath(&n, path, 0, e); err != nil {
		return "", err
	}
	return n.String(), nil
}

func editPath(n *jsonNode, path []string, at int, e jsonEdit) error {
	last := at == len(path)-1
	switch n.kind {
	case 'o':
		i := n.find(path[at])
		switch {
		case i >= 0 && !last:
			return editPath(&n.items[i], path, at+1, e)
		case !last:
		case i >= 0 && e.op == editDelete:
			n.keys, n.items = slices.Delete(n.keys, i, i+1), slices.Delete(n.items, i, i+1)
		case i >= 0 && e.op == editInsert:
			return sqlerr.New(sqlerr.InvalidParameterValue, "cannot replace existing key").
				WithHint("Try using the function jsonb_set to replace key value.")
		case i >= 0:
			n.items[i] = mustNode(e.value)
		case e.op == editInsert || e.create:
			n.keys, n.items = append(n.keys, path[at]), append(n.items, mustNode(e.value))
			n.sortKeys()
		}
	case 'a':
		i, err := strconv.Atoi(strings.TrimSpace(path[at]))
		if err != nil {
			return sqlerr.New(sqlerr.InvalidTextRepresentation, "path element at position %d is not an integer: \"%s\"", at+1, path[at])
		}
		size := len(n.items)
		if i < 0 {
			i += size
		}
		before := i < 0
		i = max(i, 0)
		switch {
		case !last:
			if i < size && !before {
				return editPath(&n.items[i], path, at+1, e)
			}
		case e.op == editDelete:
			if i < size && !before {
				n.items = slices.Delete(n.items, i, i+1)
			}
		case e.op == editSet && i < size && !before:
			n.items[i] = mustNode(e.value)
		case e.op == editSet && !e.create:
		default:
			if e.op == editInsert && e.after && !before {
				i++
			}
			n.items = slices.Insert(n.items, min(i, size), mustNode(e.value))
		}
	}
	return nil
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
