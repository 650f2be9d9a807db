package types

import (
	"slices"
	"strconv"
	"strings"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// Changes to jsonb values: parse, change the nodes, write again.

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
