package server

import (
	"context"
	"strings"

	"github.com/tarndb/tarn/pgwire"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// ksqlSettings map ksqlDB's properties to what they are here.
var ksqlSettings = map[string]string{
	"processing.guarantee":               "Processing is always exactly once.",
	"ksql.query.pull.table.scan.enabled": "Table scans are always possible.",
}

var _ = on[*ast.Set](verb{tag: "SET", reads: true, bare: true, run: func(_ context.Context, s *session, stmt ast.Statement, _ pgwire.ResultWriter) (pgwire.Outcome, error) {
	set := stmt.(*ast.Set)
	if note, ok := ksqlSettings[set.Name]; set.Quoted && ok {
		s.notice(pgwire.Notice, sqlerr.New("00000", "%q has no effect", set.Name).WithDetail("%s", note))
		return done("SET")
	}
	if set.Current {
		return done("SET")
	}
	if set.Scope == "LOCAL" && (s.tx == nil || !s.tx.explicit) {
		s.notice(pgwire.Warning, sqlerr.New(sqlerr.NoActiveSQLTransaction, "SET LOCAL can only be used in transaction blocks"))
		return done("SET")
	}
	if set.Scope == "LOCAL" && s.tx.local == nil {
		s.tx.local = s.set.clone()
	}
	if set.Default {
		return pgwire.Outcome{Verb: "SET", Rows: -1}, s.resetVariable(set.Name)
	}
	value, err := settingText(set)
	if err != nil {
		return pgwire.Outcome{}, err
	}
	if err := s.setVariable(set.Name, value); err != nil {
		return pgwire.Outcome{}, err
	}
	if v := variableByName[strings.ToLower(set.Name)]; v != nil && v.inert && value2(s.set, v.name) != v.initial {
		s.notice(pgwire.Notice, sqlerr.New("00000", "%q has no effect here", v.name).WithDetail("%s", v.doc))
	}
	if s.tx != nil && s.tx.local != nil && set.Scope != "LOCAL" {
		_, _ = s.tx.local.set(set.Name, value)
	}
	return done("SET")
}})

// settingText is the value of SET as text; lists are joined by commas.
func settingText(set *ast.Set) (string, error) {
	var parts []string
	for _, v := range set.Values {
		switch v := v.(type) {
		case *ast.String:
			if len(set.Values) > 1 || strings.EqualFold(set.Name, "search_path") {
				parts = append(parts, quoteIfNeeded(v.Value))
			} else {
				parts = append(parts, v.Value)
			}
		case *ast.Number:
			parts = append(parts, v.Text)
		case *ast.Bool:
			if v.Value {
				parts = append(parts, "on")
			} else {
				parts = append(parts, "off")
			}
		case *ast.ColumnRef:
			parts = append(parts, strings.Join(v.Parts, "."))
		default:
			return "", sqlerr.New(sqlerr.SyntaxError, "a constant is expected").At(v.Position())
		}
	}
	return strings.Join(parts, ", "), nil
}

func quoteIfNeeded(s string) string {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && c != '_' && (i == 0 || c < '0' || c > '9') && c != '$' {
			return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
		}
	}
	return s
}

func (s *session) resetVariable(name string) error {
	s.keepSettings()
	canonical, value, err := s.set.reset(name)
	if err != nil {
		return err
	}
	s.generation++
	s.client.Parameter(canonical, value)
	return nil
}

var _ = on[*ast.Reset](verb{tag: "RESET", reads: true, bare: true, run: func(_ context.Context, s *session, stmt ast.Statement, _ pgwire.ResultWriter) (pgwire.Outcome, error) {
	r := stmt.(*ast.Reset)
	if !r.All {
		return pgwire.Outcome{Verb: "RESET", Rows: -1}, s.resetVariable(r.Name)
	}
	s.resetAll()
	return done("RESET")
}})

func (s *session) resetAll() {
	for _, name := range variableNames() {
		if v := variableByName[name]; !v.fixed {
			_ = s.resetVariable(name)
		}
	}
}

var _ = on[*ast.Show](verb{tag: "SHOW", reads: true, bare: true, prepareFn: func(p *prepared) error {
	name := p.stmt.(*ast.Show).Name
	if strings.EqualFold(name, "all") {
		p.cols = []pgwire.Column{{Name: "name", Type: types.Text}, {Name: "setting", Type: types.Text}, {Name: "description", Type: types.Text}}
	} else {
		v := variableByName[strings.ToLower(name)]
		if v == nil {
			if _, ok := p.s.set.get(name); !ok {
				return unknownSetting(name)
			}
			v = &variable{name: name}
		}
		p.cols = []pgwire.Column{{Name: v.name, Type: types.Text}}
	}
	p.open = func(context.Context, []types.Datum) (cursor, error) {
		if len(p.cols) == 1 {
			v, _ := p.s.set.get(name)
			return textCursor(1, v), nil
		}
		var cells []string
		for _, n := range variableNames() {
			v, _ := p.s.set.get(n)
			cells = append(cells, variableByName[n].name, v, variableByName[n].doc)
		}
		return textCursor(3, cells...), nil
	}
	return nil
}})

var _ = on[*ast.Discard](verb{tag: "DISCARD", reads: true, block: noBlock, bare: true, run: func(_ context.Context, s *session, stmt ast.Statement, _ pgwire.ResultWriter) (pgwire.Outcome, error) {
	what := stmt.(*ast.Discard).What
	if what == "ALL" {
		s.resetAll()
		s.names.DropStatements()
		s.names.DropPortals()
	}
	return done("DISCARD " + what)
}})

// listCursor is a result that is there already.
type listCursor struct{ batches []*vec.Batch }

func (c *listCursor) next(context.Context) (*vec.Batch, error) {
	if len(c.batches) == 0 {
		return nil, nil
	}
	b := c.batches[0]
	c.batches = c.batches[1:]
	return b, nil
}

func (c *listCursor) close() {}

// textCursor is rows of width text columns.
func textCursor(width int, cells ...string) cursor {
	b := &vec.Batch{N: len(cells) / width, Cols: make([]*vec.Vec, width)}
	for c := range width {
		vb := vec.NewBuilder(types.Text, b.N)
		for r := range b.N {
			vb.String(cells[r*width+c])
		}
		b.Cols[c] = vb.Finish()
	}
	if b.N == 0 {
		return &listCursor{}
	}
	return &listCursor{batches: []*vec.Batch{b}}
}
