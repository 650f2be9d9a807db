package beside

import (
	"regexp"
	"strings"
)

// Statement is a piece of a psql script.
type Statement struct {
	SQL  string
	Line int
	Data string // of COPY FROM STDIN
	Copy bool   // Data counts
}

var copyIn = regexp.MustCompile(`(?is)^\s*copy\b.*\bfrom\s+stdin\b`)

// Split cuts a psql script into statements. psql's own commands are left out.
func Split(script string) []Statement {
	var out []Statement
	i, start, line, depth := 0, 0, 1, 0
	skip := func(to int) { // to the end of a token
		line += strings.Count(script[i:to], "\n")
		i = to
	}
	startLine := 1
	for i < len(script) {
		rest := script[i:]
		blank := strings.TrimSpace(WithoutComments(script[start:i])) == ""
		switch c := script[i]; {
		case c == '\\' && (blank || strings.HasPrefix(rest, `\g`) || strings.HasPrefix(rest, `\crosstab`) || strings.HasPrefix(rest, `\;`)):
			end := endOf(script, i, "\n")
			if !blank && strings.HasPrefix(rest, `\;`) {
				skip(i + 2)
				continue
			}
			if !blank && !strings.HasPrefix(rest, `\gset`) && !strings.HasPrefix(rest, `\gexec`) {
				out = append(out, Statement{SQL: strings.TrimSpace(script[start:i]), Line: startLine})
			}
			skip(end)
			start, startLine, depth = i, line, 0
		case strings.HasPrefix(rest, "--"):
			skip(endOf(script, i, "\n"))
		case strings.HasPrefix(rest, "/*"):
			skip(endOf(script, i+2, "*/"))
		case c == '\'':
			escapes := i > 0 && (script[i-1] == 'E' || script[i-1] == 'e') && (i < 2 || !isWord(script[i-2]))
			j := i + 1
			for j < len(script) && script[j] != '\'' {
				if escapes && script[j] == '\\' {
					j++
				}
				j++
			}
			skip(min(j+1, len(script)))
		case c == '"':
			skip(endOf(script, i+1, `"`))
		case c == '$' && (i == 0 || !isWord(script[i-1])):
			tag := dollarTag.FindString(rest)
			if tag == "" {
				skip(i + 1)
				continue
			}
			skip(endOf(script, i+len(tag), tag))
		case c == '(':
			depth++
			skip(i + 1)
		case c == ')':
			depth--
			skip(i + 1)
		case c == ';' && depth <= 0:
			s := Statement{SQL: strings.TrimSpace(script[start:i]), Line: startLine}
			skip(i + 1)
			if copyIn.MatchString(WithoutComments(s.SQL)) {
				from := endOf(script, i, "\n")
				end := strings.Index(script[from:], "\n\\.")
				switch {
				case strings.HasPrefix(script[from:], "\\."):
					skip(endOf(script, from, "\n"))
				case end >= 0:
					s.Data = script[from : from+end+1]
					skip(endOf(script, from+end+1, "\n"))
				}
				s.Copy = true
			}
			if strings.TrimSpace(WithoutComments(s.SQL)) != "" {
				out = append(out, s)
			}
			start, startLine, depth = i, line, 0
		default:
			if blank && c == '\n' {
				startLine = line + 1
			}
			skip(i + 1)
		}
	}
	return out
}

var (
	dollarTag = regexp.MustCompile(`^\$([A-Za-z_][A-Za-z_0-9]*)?\$`)
	comments  = regexp.MustCompile(`(?s)--[^\n]*|/\*.*?\*/`)
)

// WithoutComments is SQL without its comments, by a look that does not mind strings.
func WithoutComments(sql string) string { return comments.ReplaceAllString(sql, "") }

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// endOf is the position after the next mark.
func endOf(s string, from int, mark string) int {
	if from > len(s) {
		return len(s)
	}
	if i := strings.Index(s[from:], mark); i >= 0 {
		return from + i + len(mark)
	}
	return len(s)
}
