package parser

// parenMap tells for each opening parenthesis where it closes and whether it
// encloses a query. It is made once per source, on first demand, in one pass
// from the right, so that ((SELECT … costs no back-tracking.
type parenMap struct {
	match []int32 // index of the closing token, or of the last one
	query []bool
}

func (p *parser) parenMap() *parenMap {
	if p.parens != nil {
		return p.parens
	}
	m := &parenMap{match: make([]int32, len(p.toks)), query: make([]bool, len(p.toks))}
	var closing []int32
	last := int32(len(p.toks) - 1)
	for i := last; i >= 0; i-- {
		switch t := &p.toks[i]; {
		case t.op(")"):
			closing = append(closing, i)
		case t.op("("):
			m.match[i] = last
			if n := len(closing); n > 0 {
				m.match[i] = closing[n-1]
				closing = closing[:n-1]
			}
			m.query[i] = p.opensQuery(m, int(i))
		}
	}
	p.parens = m
	return m
}

// opensQuery decides for the parenthesis at i when all behind it are decided.
func (p *parser) opensQuery(m *parenMap, i int) bool {
	if i+1 >= len(p.toks) {
		return false
	}
	next := &p.toks[i+1]
	if next.op("(") && m.query[i+1] {
		after := &p.toks[min(int(m.match[i+1])+1, len(p.toks)-1)]
		return after.op(")") || after.oneOf("union", "intersect", "except", "order", "limit", "offset", "fetch", "for")
	}
	return next.oneOf("select", "with", "table") ||
		next.word("values") && i+2 < len(p.toks) && p.toks[i+2].op("(")
}

// parenQuery reports whether the current token opens a query in parentheses.
func (p *parser) parenQuery() bool {
	if !p.isOp("(") {
		return false
	}
	if n := p.ahead(1); !n.op("(") {
		return n.oneOf("select", "with", "table") || n.word("values") && p.ahead(2).op("(")
	}
	return p.parenMap().query[p.i]
}
