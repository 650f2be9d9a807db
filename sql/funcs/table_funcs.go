package funcs

import "github.com/tarndb/tarn/sql/types"

// TableFunc is a function that gives rows: its names and types. The operators
// that compute it live in exec.
type TableFunc struct {
	Name string
	Args []types.Type
	// Cols are the names of the result's columns; Ret their types. For
	// polymorphic results Ret holds the polymorphic type.
	Cols    []string
	Ret     []types.Type
	Doc     string
	Example string
}

var tableFuncs = []TableFunc{
	{Name: "generate_series", Args: ts(types.Int4, types.Int4), Cols: []string{"generate_series"}, Ret: ts(types.Int4), Doc: "Numbers from the first to the second."},
	{Name: "generate_series", Args: ts(types.Int4, types.Int4, types.Int4), Cols: []string{"generate_series"}, Ret: ts(types.Int4), Doc: "Numbers from the first to the second by a step."},
	{Name: "generate_series", Args: ts(types.Int8, types.Int8), Cols: []string{"generate_series"}, Ret: ts(types.Int8), Doc: "Numbers from the first to the second."},
	{Name: "generate_series", Args: ts(types.Int8, types.Int8, types.Int8), Cols: []string{"generate_series"}, Ret: ts(types.Int8), Doc: "Numbers from the first to the second by a step."},
	{Name: "generate_series", Args: ts(types.Numeric, types.Numeric), Cols: []string{"generate_series"}, Ret: ts(types.Numeric), Doc: "Numbers from the first to the second."},
	{Name: "generate_series", Args: ts(types.Numeric, types.Numeric, types.Numeric), Cols: []string{"generate_series"}, Ret: ts(types.Numeric), Doc: "Numbers from the first to the second by a step."},
	{Name: "generate_series", Args: ts(types.Timestamp, types.Timestamp, types.Interval), Cols: []string{"generate_series"}, Ret: ts(types.Timestamp), Doc: "Times from the first to the second by a step."},
	{Name: "generate_series", Args: ts(types.Timestamptz, types.Timestamptz, types.Interval), Cols: []string{"generate_series"}, Ret: ts(types.Timestamptz), Doc: "Times from the first to the second by a step."},
	{Name: "unnest", Args: ts(anyArray), Cols: []string{"unnest"}, Ret: ts(anyElement), Doc: "Elements of an array, a row each."},
	{Name: "regexp_split_to_table", Args: ts(types.Text, types.Text), Cols: []string{"regexp_split_to_table"}, Ret: ts(types.Text), Doc: "Pieces between matches, a row each."},
	{Name: "regexp_split_to_table", Args: ts(types.Text, types.Text, types.Text), Cols: []string{"regexp_split_to_table"}, Ret: ts(types.Text), Doc: "Pieces between matches with flags, a row each."},
	{Name: "jsonb_array_elements", Args: ts(types.JSONB), Cols: []string{"value"}, Ret: ts(types.JSONB), Doc: "Elements of a JSON array, a row each."},
	{Name: "jsonb_array_elements_text", Args: ts(types.JSONB), Cols: []string{"value"}, Ret: ts(types.Text), Doc: "Elements of a JSON array as text, a row each."},
	{Name: "jsonb_each", Args: ts(types.JSONB), Cols: []string{"key", "value"}, Ret: ts(types.Text, types.JSONB), Doc: "Fields of a JSON object, a row each."},
	{Name: "jsonb_each_text", Args: ts(types.JSONB), Cols: []string{"key", "value"}, Ret: ts(types.Text, types.Text), Doc: "Fields of a JSON object as text, a row each."},
	{Name: "json_array_elements", Args: ts(types.JSON), Cols: []string{"value"}, Ret: ts(types.JSON), Doc: "Elements of a JSON array, a row each."},
	{Name: "json_array_elements_text", Args: ts(types.JSON), Cols: []string{"value"}, Ret: ts(types.Text), Doc: "Elements of a JSON array as text, a row each."},
	{Name: "regexp_matches", Args: ts(types.Text, types.Text), Cols: []string{"regexp_matches"}, Ret: ts(textArray), Doc: "Groups of the first match."},
	{Name: "regexp_matches", Args: ts(types.Text, types.Text, types.Text), Cols: []string{"regexp_matches"}, Ret: ts(textArray), Doc: "Groups of the first match, of each with flag g."},
	{Name: "generate_subscripts", Args: ts(anyArray, types.Int4), Cols: []string{"generate_subscripts"}, Ret: ts(types.Int4), Doc: "Indexes of a dimension of an array."},
	{Name: "string_to_table", Args: ts(types.Text, types.Text), Cols: []string{"string_to_table"}, Ret: ts(types.Text), Doc: "Pieces between separators, a row each."},
	{Name: "string_to_table", Args: ts(types.Text, types.Text, types.Text), Cols: []string{"string_to_table"}, Ret: ts(types.Text), Doc: "Pieces between separators, those like the third argument NULL, a row each."},
	{Name: "jsonb_object_keys", Args: ts(types.JSONB), Cols: []string{"jsonb_object_keys"}, Ret: ts(types.Text), Doc: "Keys of a JSON object, a row each."},
}

// ResolvedTable is the table function that a call means.
type ResolvedTable struct {
	*TableFunc
	ArgTypes []types.Type
	Ret      []types.Type // concrete
}

// IsTableFunc reports whether name gives rows.
func IsTableFunc(name string) bool {
	for _, f := range tableFuncs {
		if f.Name == name {
			return true
		}
	}
	return false
}

// ResolveAmong finds which of overloads the call name(args) means.
func ResolveAmong(name string, overloads []*Overload, args []types.Type) (*Overload, error) {
	args = plain(args)
	best, ambiguous := choose(expand(overloads, len(args)), args)
	if best == nil {
		return nil, noFunction(name, args, ambiguous)
	}
	return best.o, nil
}

// ResolveTable finds the table function name(args), as ResolveFunc does.
func ResolveTable(name string, args []types.Type) (ResolvedTable, error) {
	args = plain(args)
	var os []*Overload
	by := map[*Overload]*TableFunc{}
	for i := range tableFuncs {
		if f := &tableFuncs[i]; f.Name == name {
			o := &Overload{Name: name, Args: f.Args, Ret: f.Ret[0]}
			by[o] = f
			os = append(os, o)
		}
	}
	best, ambiguous := choose(expand(os, len(args)), args)
	if best == nil {
		return ResolvedTable{}, noFunction(name, args, ambiguous)
	}
	r, err := best.resolve(args)
	if err != nil {
		return ResolvedTable{}, err
	}
	f := by[best.o]
	ret := append([]types.Type{r.Ret}, f.Ret[1:]...)
	return ResolvedTable{TableFunc: f, ArgTypes: r.ArgTypes, Ret: ret}, nil
}
