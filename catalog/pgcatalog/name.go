package pgcatalog

import (
	"strings"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// splitName reads a qualified name as regclass and its relatives take it: parts
// between dots, folded to lower case unless quoted.
func splitName(text string) ([]string, error) {
	bad := sqlerr.New(sqlerr.InvalidName, "invalid name syntax")
	rest := strings.TrimSpace(text)
	var parts []string
	for {
		part, after, ok := nextPart(rest)
		if !ok {
			return nil, bad
		}
		parts = append(parts, part)
		after = strings.TrimLeft(after, " \t\r\n")
		if after == "" {
			return parts, nil
		}
		if after[0] != '.' {
			return nil, bad
		}
		rest = strings.TrimLeft(after[1:], " \t\r\n")
	}
}

func nextPart(s string) (part, rest string, ok bool) {
	if s == "" {
		return "", "", false
	}
	if s[0] == '"' {
		var b strings.Builder
		for i := 1; i < len(s); i++ {
			switch {
			case s[i] != '"':
				b.WriteByte(s[i])
			case i+1 < len(s) && s[i+1] == '"':
				b.WriteByte('"')
				i++
			default:
				return b.String(), s[i+1:], b.Len() > 0
			}
		}
		return "", "", false
	}
	end := 0
	for end < len(s) && isWord(s[end]) {
		end++
	}
	if end == 0 || s[0] >= '0' && s[0] <= '9' || s[0] == '$' {
		return "", "", false
	}
	return strings.ToLower(s[:end]), s[end:], true
}

// schemaAndName splits a name of a relation or a function: [database.][schema.]name.
func (l *Lookup) schemaAndName(text, what string) (schema, name string, err error) {
	parts, err := splitName(text)
	if err != nil {
		return "", "", err
	}
	switch len(parts) {
	case 1:
		return "", parts[0], nil
	case 3:
		if parts[0] != l.in.Database {
			return "", "", sqlerr.New(sqlerr.FeatureNotSupported, "cross-database references are not implemented: \"%s\"", text)
		}
		parts = parts[1:]
	case 2:
	default:
		return "", "", sqlerr.New(sqlerr.SyntaxError, "improper %s name (too many dotted names): %s", what, text)
	}
	if _, ok := l.schemas()[parts[0]]; !ok {
		return "", "", sqlerr.New(sqlerr.InvalidSchemaName, "schema \"%s\" does not exist", parts[0])
	}
	return parts[0], parts[1], nil
}
