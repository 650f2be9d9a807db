package bind

import (
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/sqlerr"
)

// argNames are the names of arguments that calls may give, in order, of the
// functions that have some; make_interval fills up with 0.
var argNames = map[string][]string{
	"make_interval":    {"years", "months", "weeks", "days", "hours", "mins", "secs"},
	"make_date":        {"year", "month", "day"},
	"make_time":        {"hour", "min", "sec"},
	"make_timestamp":   {"year", "month", "mday", "hour", "min", "sec"},
	"make_timestamptz": {"year", "month", "mday", "hour", "min", "sec", "timezone"},
	"jsonb_set":        {"jsonb_in", "path", "replacement", "create_if_missing"},
	"jsonb_insert":     {"jsonb_in", "path", "replacement", "insert_after"},
}

// inOrder returns the call e with its named arguments where they stand in a call
// without names.
func (x *exprs) inOrder(e *ast.Func, name string) (*ast.Func, error) {
	first := -1
	for i, a := range e.Args {
		if a.Name != "" && first < 0 {
			first = i
		}
		if a.Name == "" && first >= 0 {
			return nil, sqlerr.New(sqlerr.SyntaxError, "positional argument cannot follow named argument").At(a.Pos)
		}
	}
	if first < 0 {
		return e, nil
	}
	names := argNames[name]
	placed := make([]*ast.Arg, max(len(names), first))
	last := first - 1
	for i := range e.Args {
		a, at := e.Args[i], i
		if a.Name != "" {
			at = -1
			for k, n := range names {
				if n == a.Name {
					at = k
				}
			}
		}
		if at >= 0 && placed[at] != nil && placed[at].Name != "" {
			return nil, sqlerr.New(sqlerr.SyntaxError, "argument name \"%s\" used more than once", a.Name).At(a.Pos)
		}
		if at < 0 || placed[at] != nil {
			return nil, x.noNamed(e, name)
		}
		placed[at], last = &e.Args[i], max(last, at)
	}
	out := *e
	out.Args = nil
	for _, a := range placed[:last+1] {
		if a == nil {
			if name != "make_interval" {
				return nil, x.noNamed(e, name)
			}
			a = &ast.Arg{Pos: e.Pos, Value: &ast.Number{Pos: e.Pos, Text: "0"}}
		}
		plain := *a
		plain.Name = ""
		out.Args = append(out.Args, plain)
	}
	return &out, nil
}

// noNamed is the error of a call whose names no function has.
func (x *exprs) noNamed(e *ast.Func, name string) error {
	sig := name + "("
	for i, a := range e.Args {
		if i > 0 {
			sig += ", "
		}
		if a.Name != "" {
			sig += a.Name + " => "
		}
		v, err := x.bind(a.Value)
		if err != nil {
			return err
		}
		sig += x.typeOf(v).String()
	}
	err := sqlerr.New(sqlerr.UndefinedFunction, "function %s) does not exist", sig).At(e.Pos)
	if len(argNames[name]) == 0 && len(funcs.Overloads(name)) > 0 {
		return err.WithHint("The arguments of %s have no names: give them in their order.", name)
	}
	return err.WithHint("No function matches the given name and argument types. You might need to add explicit type casts.")
}
