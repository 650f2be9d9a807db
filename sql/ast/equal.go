package ast

import (
	"reflect"
	"strings"
)

// Equal reports whether two trees are the same, positions aside. It uses
// reflection: a comparison per node would be a thousand lines that a new field
// silently escapes.
func Equal(a, b Node) bool {
	return equalValues(reflect.ValueOf(a), reflect.ValueOf(b), 0)
}

func equalValues(a, b reflect.Value, depth int) bool {
	if depth > printDepthMax {
		return false
	}
	if a.IsValid() != b.IsValid() {
		return false
	}
	if !a.IsValid() {
		return true
	}
	if a.Type() != b.Type() {
		return false
	}
	switch a.Kind() {
	case reflect.Pointer, reflect.Interface:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() == b.IsNil()
		}
		return equalValues(a.Elem(), b.Elem(), depth+1)
	case reflect.Slice:
		if a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !equalValues(a.Index(i), b.Index(i), depth+1) {
				return false
			}
		}
		return true
	case reflect.Struct:
		for i := range a.NumField() {
			if isPosition(a.Type().Field(i)) {
				continue
			}
			if !equalValues(a.Field(i), b.Field(i), depth+1) {
				return false
			}
		}
		return true
	}
	return a.Equal(b)
}

func isPosition(f reflect.StructField) bool {
	return f.Type.Kind() == reflect.Int && strings.HasSuffix(f.Name, "Pos")
}

// Walk calls visit for n and all nodes below it, parents first and in the
// order of the fields; it does not go below a node for which visit is false.
func Walk(n Node, visit func(Node) bool) {
	if n != nil {
		walkValue(reflect.ValueOf(n), visit, 0)
	}
}

func walkValue(v reflect.Value, visit func(Node) bool, depth int) {
	if depth > printDepthMax {
		return
	}
	switch v.Kind() {
	case reflect.Interface:
		if !v.IsNil() {
			walkValue(v.Elem(), visit, depth)
		}
	case reflect.Pointer:
		if v.IsNil() {
			return
		}
		if n, ok := v.Interface().(Node); ok && !visit(n) {
			return
		}
		walkValue(v.Elem(), visit, depth+1)
	case reflect.Slice:
		if k := v.Type().Elem().Kind(); k == reflect.String || k == reflect.Int {
			return
		}
		for i := range v.Len() {
			walkValue(v.Index(i), visit, depth+1)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			walkValue(v.Field(i), visit, depth+1)
		}
	}
}
