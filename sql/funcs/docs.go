package funcs

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tarndb/tarn/sql/types"
)

// families are all scalar tables, and the chapters of the function reference.
// They are functions so that nothing is built before it is asked for.
var families = []struct {
	title string
	rows  []func() []Overload
}{
	{"Comparison", []func() []Overload{compareRows}},
	{"Numbers", []func() []Overload{arithRows, numericRows, numericWholeRows, mathRows}},
	{"Strings", []func() []Overload{stringRows, likeRows, regexRows, regexNthRows, byteRows}},
	{"Dates and times", []func() []Overload{timeRows, overlapsRows}},
	{"JSON", []func() []Overload{jsonRows, jsonNamedRows}},
	{"Arrays", []func() []Overload{arrayRows, arrayShapeRows}},
	{"Session and system", []func() []Overload{sessionRows, catalogRows, privilegeRows, serverRows}},
}

// Markdown renders docs/sql/functions.md.
func Markdown() string {
	var b strings.Builder
	b.WriteString("# Functions, operators and aggregates\n\n" +
		"Rendered from the tables in `sql/funcs` (`TARN_REWRITE=1 go test ./sql/funcs -run Reference`). " +
		"Names, types and results are PostgreSQL's. " +
		"An example shows an expression and the text of its value; tests run every one.\n")
	for _, f := range families {
		fmt.Fprintf(&b, "\n## %s\n\n| call | result | what it is | example |\n|---|---|---|---|\n", f.title)
		for _, t := range f.rows {
			for _, group := range groupRows(t()) {
				writeRow(&b, group)
			}
		}
	}
	b.WriteString("\n## Aggregates\n\n| call | result | what it is | example |\n|---|---|---|---|\n")
	writeAggs(&b)
	b.WriteString("\n## Functions that give rows\n\n| call | columns | what it is |\n|---|---|---|\n")
	for i := range tableFuncs {
		f := &tableFuncs[i]
		cols := make([]string, len(f.Cols))
		for k, c := range f.Cols {
			cols[k] = c + " " + typeName(f.Ret[k])
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", cell(signatureOf(f.Name, f.Args, false)), strings.Join(cols, ", "), f.Doc)
	}
	return b.String()
}

// groupRows brings overloads of one name and meaning together.
func groupRows(rows []Overload) [][]Overload {
	var out [][]Overload
	at := map[string]int{}
	for _, o := range rows {
		key := o.Name + "\x00" + o.Doc
		if i, ok := at[key]; ok {
			out[i] = append(out[i], o)
			continue
		}
		at[key] = len(out)
		out = append(out, []Overload{o})
	}
	return out
}

// callsMax is how many overloads a row spells out.
const callsMax = 6

func writeRow(b *strings.Builder, rows []Overload) {
	var calls, rets []string
	example := ""
	for _, o := range rows {
		if len(calls) < callsMax {
			calls = append(calls, cell(signatureOf(o.Name, o.Args, o.Variadic)))
		}
		ret := "by its arguments"
		if o.RetType == nil {
			ret = typeName(o.Ret)
		}
		if len(rets) == 0 || !slices.Contains(rets, ret) {
			rets = append(rets, ret)
		}
		if example == "" {
			example = o.Example
		}
	}
	if len(rows) > callsMax {
		calls = append(calls, fmt.Sprintf("and %d more", len(rows)-callsMax))
	}
	doc := rows[0].Doc
	if rows[0].Volatility == Volatile {
		doc += " Volatile."
	}
	fmt.Fprintf(b, "| %s | %s | %s | %s |\n", strings.Join(calls, "<br>"), strings.Join(rets, ", "), doc, exampleCell(example))
}

func writeAggs(b *strings.Builder) {
	type key struct{ name, doc string }
	var order []key
	args, example := map[key][]string{}, map[key]string{}
	rets := map[key][]string{}
	for _, a := range AllAggregates() {
		k := key{a.Name, a.Doc}
		if args[k] == nil {
			order = append(order, k)
		}
		sig := signatureOf(a.Name, a.Args, false)
		if n := len(a.Args) - 1; a.Within {
			sig = signatureOf(a.Name, a.Args[:n], false) + " WITHIN GROUP (ORDER BY " + typeName(a.Args[n]) + ")"
		}
		if len(a.Args) == 0 {
			sig = a.Name + "(*)"
		}
		args[k] = append(args[k], cell(sig))
		ret := "array"
		if a.RetType == nil {
			ret = typeName(a.Ret)
		}
		if !slices.Contains(rets[k], ret) {
			rets[k] = append(rets[k], ret)
		}
		if example[k] == "" {
			example[k] = a.Example
		}
	}
	for _, k := range order {
		calls := args[k]
		if len(calls) > callsMax {
			calls = append(calls[:callsMax:callsMax], fmt.Sprintf("and %d more", len(calls)-callsMax))
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", strings.Join(calls, "<br>"), strings.Join(rets[k], ", "), k.doc, exampleCell(example[k]))
	}
}

// cell is code inside a table, where a bar would end the cell.
func cell(s string) string {
	if strings.Contains(s, "|") {
		return "<code>" + strings.NewReplacer("|", "&#124;", "<", "&lt;", ">", "&gt;").Replace(s) + "</code>"
	}
	return "`" + s + "`"
}

func exampleCell(e string) string {
	text, want, ok := strings.Cut(e, " → ")
	if !ok {
		return ""
	}
	return cell(text) + " → " + cell(want)
}

func signatureOf(name string, args []types.Type, variadic bool) string {
	names := make([]string, len(args))
	for i, a := range args {
		names[i] = typeName(a)
	}
	if isOperator(name) {
		if len(names) == 1 {
			return name + " " + names[0]
		}
		return names[0] + " " + name + " " + names[1]
	}
	s := name + "(" + strings.Join(names, ", ")
	if variadic {
		s += ", …"
	}
	return s + ")"
}

func typeName(t types.Type) string {
	switch t.OID {
	case types.OIDAny:
		return "any"
	case types.OIDAnyElement, oidAnyCompatible:
		return "element"
	case types.OIDAnyArray, oidAnyCompatibleArray:
		return "array"
	case oidAnyNonArray:
		return "value"
	}
	return t.String()
}
