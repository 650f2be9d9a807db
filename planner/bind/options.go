package bind

import (
	"slices"
	"strconv"
	"strings"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// option is what a WITH key may hold.
type option struct {
	kind  byte // 'd' duration, 'i' integer, 'n' integer from 0, 'b' bool, 'e' one of words, 't' text
	words []string
}

func tableOptions(k catalog.Kind) map[string]option {
	o := map[string]option{
		"retain_history": {kind: 'd'},
		"retention":      {kind: 'd'},
	}
	if k == catalog.Stream {
		o["partitions"] = option{kind: 'i'}
	}
	return o
}

// ViewOptions are the WITH keys of a materialized view.
func viewOptions() map[string]option {
	return map[string]option{
		"retain_history": {kind: 'd'},
		"on_error":       {kind: 'e', words: []string{"fail", "skip"}},
	}
}

// options checks WITH against the known keys and returns canonical texts.
func options(list []ast.Option, known map[string]option) (map[string]string, error) {
	if len(list) == 0 {
		return nil, nil
	}
	out := map[string]string{}
	var keys []string
	for k := range known {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, o := range list {
		name := strings.ToLower(o.Name)
		spec, ok := known[name]
		if !ok {
			err := sqlerr.New(sqlerr.InvalidParameterValue, "unrecognized parameter \"%s\"", o.Name).At(o.Pos)
			if best := nearest(name, keys); best != "" {
				return nil, err.WithHint("Perhaps you meant \"%s\".", best)
			}
			return nil, err.WithHint("Known here: %s.", strings.Join(keys, ", "))
		}
		if _, dup := out[name]; dup {
			return nil, sqlerr.New(sqlerr.SyntaxError, "parameter \"%s\" specified more than once", name).At(o.Pos)
		}
		text, err := optionValue(o, name, spec)
		if err != nil {
			return nil, err
		}
		out[name] = text
	}
	return out, nil
}

func optionValue(o ast.Option, name string, spec option) (string, error) {
	text := ""
	switch v := o.Value.(type) {
	case nil:
		if spec.kind != 'b' {
			return "", sqlerr.New(sqlerr.SyntaxError, "parameter \"%s\" needs a value", name).At(o.Pos)
		}
		text = "true"
	case *ast.String:
		text = v.Value
	case *ast.Number:
		text = v.Text
	case *ast.Bool:
		text = strconv.FormatBool(v.Value)
	case *ast.ColumnRef:
		text = quoted(v.Parts)
	default:
		text = sqlText(o.Value)
	}
	bad := func(want string) error {
		return sqlerr.New(sqlerr.InvalidParameterValue, "invalid value for parameter \"%s\": \"%s\"", name, text).At(o.ValuePos).WithHint("It must be %s.", want)
	}
	switch spec.kind {
	case 'i':
		if n, err := strconv.Atoi(text); err != nil || n < 1 {
			return "", bad("a whole number of at least 1")
		}
	case 'n':
		if n, err := strconv.ParseInt(text, 10, 64); err != nil || n < 0 {
			return "", bad("a whole number of at least 0")
		}
	case 'b':
		on, ok := map[string]bool{"true": true, "on": true, "yes": true, "1": true, "false": false, "off": false, "no": false, "0": false}[strings.ToLower(text)]
		if !ok {
			return "", bad("true or false")
		}
		text = strconv.FormatBool(on)
	case 't':
		if text == "" {
			return "", bad("not empty")
		}
	case 'e':
		if !slices.Contains(spec.words, strings.ToLower(text)) {
			return "", bad("one of " + strings.Join(spec.words, ", "))
		}
		text = strings.ToLower(text)
	case 'd':
		if strings.EqualFold(text, "forever") {
			return "forever", nil
		}
		d, err := types.ParseText(text, types.Interval, nil)
		if err != nil {
			return "", bad("an interval such as '7 days', or 'forever'")
		}
		if iv := types.DecodeInterval(d.S); iv.Months < 0 || iv.Days < 0 || iv.Micros < 0 {
			return "", bad("an interval that is not negative, or 'forever'")
		}
	}
	return text, nil
}
