package examples

import (
	"fmt"
	"regexp"
	"strings"
)

// statement is one piece of a script: SQL, perhaps with \gset after it, or a
// \copy.
type statement struct {
	sql  string
	gset bool
	file string // of \copy: the file whose bytes are sent
	gzip bool
}

// \copy TABLE [(COLUMNS)] from ['FILE' | program 'gzip -dc FILE'] [with (…)]
var copyLine = regexp.MustCompile(`^\\copy\s+(.+?)\s+from\s+(program\s+)?'([^']*)'(.*)$`)

// split cuts a script into statements.
func split(script string) ([]statement, error) {
	var out []statement
	for script = strings.TrimSpace(script); script != ""; script = strings.TrimSpace(script) {
		if strings.HasPrefix(script, `\`) {
			line, rest, _ := strings.Cut(script, "\n")
			script = rest
			m := copyLine.FindStringSubmatch(strings.TrimSpace(line))
			if m == nil {
				return nil, fmt.Errorf("not understood: %s", line)
			}
			file, packed := strings.CutPrefix(m[3], "gzip -dc ")
			if packed != (m[2] != "") {
				return nil, fmt.Errorf("the only program is gzip -dc: %s", line)
			}
			out = append(out, statement{sql: "COPY " + m[1] + " FROM STDIN" + m[4], file: file, gzip: packed})
			continue
		}
		n, gset, err := end(script)
		if err != nil {
			return nil, err
		}
		out = append(out, statement{sql: script[:n], gset: gset})
		script = script[n:]
		if gset {
			script = strings.TrimPrefix(script, `\gset`)
		} else {
			script = strings.TrimPrefix(script, ";")
		}
	}
	return out, nil
}

// end is the place of the semicolon or \gset that ends the first statement.
func end(script string) (n int, gset bool, err error) {
	for i := 0; i < len(script); i++ {
		switch c := script[i]; {
		case c == '\'' || c == '"':
			j := strings.IndexByte(script[i+1:], c)
			if j < 0 {
				return 0, false, fmt.Errorf("open quote: %s", script[i:])
			}
			i += j + 1
		case strings.HasPrefix(script[i:], "--"):
			if j := strings.IndexByte(script[i:], '\n'); j >= 0 {
				i += j
			} else {
				return 0, false, fmt.Errorf("no statement after: %s", script[i:])
			}
		case strings.HasPrefix(script[i:], `\gset`):
			return i, true, nil
		case c == ';':
			return i, false, nil
		}
	}
	return 0, false, fmt.Errorf("no semicolon: %s", script)
}

var variable = regexp.MustCompile(`:'([a-z0-9_]+)'`)

// fill puts the variables of \gset into a statement.
func fill(sql string, vars map[string]string) (string, error) {
	var missing string
	sql = variable.ReplaceAllStringFunc(sql, func(m string) string {
		name := m[2 : len(m)-1]
		v, ok := vars[name]
		if !ok {
			missing = name
		}
		return "'" + strings.ReplaceAll(v, "'", "''") + "'"
	})
	if missing != "" {
		return "", fmt.Errorf("variable %q has no value", missing)
	}
	return sql, nil
}
