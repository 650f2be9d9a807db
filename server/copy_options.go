package server

import (
	"strings"

	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/copytext"
	"github.com/tarndb/tarn/sql/sqlerr"
)

// notInBinary are the options that the binary format refuses; those of csv are
// refused for not being csv.
var notInBinary = map[string]sqlerr.Code{
	"delimiter": sqlerr.SyntaxError, "null": sqlerr.SyntaxError, "header": sqlerr.FeatureNotSupported,
}

// copyOptions reads COPY's options; names are the columns, for FORCE_….
func copyOptions(c *ast.Copy, names []string) (copytext.Options, error) {
	csv, binary := false, false
	for _, opt := range c.Options {
		if strings.EqualFold(opt.Name, "format") {
			switch strings.ToLower(optionText(opt.Value)) {
			case "csv":
				csv = true
			case "text":
			case "binary":
				binary = true
			default:
				return copytext.Options{}, sqlerr.New(sqlerr.InvalidParameterValue, "COPY format %q not recognized", optionText(opt.Value)).At(opt.Pos)
			}
		}
	}
	o := copytext.Defaults(csv)
	o.Binary = binary
	escape := false
	given := map[string]bool{}
	for _, opt := range c.Options {
		if name := strings.ToLower(opt.Name); given[name] {
			return o, sqlerr.New(sqlerr.SyntaxError, "conflicting or redundant options").At(opt.Pos)
		} else {
			given[name] = true
		}
		text := optionText(opt.Value)
		one := func(what string) (byte, error) {
			return copytext.OneByte(what, text)
		}
		if code, ok := notInBinary[strings.ToLower(opt.Name)]; ok && binary {
			return o, sqlerr.New(code, "cannot specify %s in BINARY mode", strings.ToUpper(opt.Name)).At(opt.Pos)
		}
		var err error
		switch strings.ToLower(opt.Name) {
		case "format":
		case "delimiter":
			o.Delimiter, err = one("delimiter")
		case "null":
			o.Null = text
		case "header":
			switch strings.ToLower(text) {
			case "", "true", "on", "1":
				o.Header = copytext.HeaderOn
			case "match":
				o.Header = copytext.HeaderMatch
			case "false", "off", "0":
			default:
				err = sqlerr.New(sqlerr.SyntaxError, "header requires a Boolean value or \"match\"").At(opt.Pos)
			}
		case "quote":
			if o.Quote, err = one("quote"); !escape {
				o.Escape = o.Quote
			}
		case "escape":
			o.Escape, err = one("escape")
			escape = true
		case "force_quote":
			o.ForceQuote, err = optionColumns(opt, names)
		case "force_not_null":
			o.ForceNotNull, err = optionColumns(opt, names)
		case "force_null":
			o.ForceNull, err = optionColumns(opt, names)
		case "encoding":
			if _, cerr := checkEncoding(text); cerr != nil {
				err = sqlerr.New(sqlerr.FeatureNotSupported, "COPY encoding %q is not supported", text).WithHint("Only UTF8 is.").At(opt.Pos)
			}
		case "freeze":
		default:
			err = sqlerr.New(sqlerr.SyntaxError, "option %q not recognized", opt.Name).At(opt.Pos)
		}
		if err != nil {
			return o, err
		}
	}
	return o, o.Validate(c.From)
}

// optionText is an option's value as text; "" if only the key was given.
func optionText(v ast.Expr) string {
	switch v := v.(type) {
	case *ast.String:
		return v.Value
	case *ast.Number:
		return v.Text
	case *ast.Bool:
		if v.Value {
			return "true"
		}
		return "false"
	case *ast.ColumnRef:
		return strings.Join(v.Parts, ".")
	}
	return ""
}

func optionColumns(opt ast.Option, names []string) ([]int, error) {
	var exprs []ast.Expr
	switch v := opt.Value.(type) {
	case *ast.Row:
		exprs = v.Fields
	case *ast.ColumnRef:
		if v.Star && len(v.Parts) == 0 {
			all := make([]int, len(names))
			for i := range all {
				all[i] = i
			}
			return all, nil
		}
		exprs = []ast.Expr{v}
	default:
		exprs = []ast.Expr{v}
	}
	var out []int
	for _, x := range exprs {
		name := optionText(x)
		at := -1
		for i, n := range names {
			if n == name {
				at = i
			}
		}
		if at < 0 {
			return nil, sqlerr.New(sqlerr.UndefinedColumn, "column %q does not exist", name).At(opt.Pos)
		}
		out = append(out, at)
	}
	return out, nil
}
