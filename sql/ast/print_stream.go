package ast

func (p *printer) subscribe(s *Subscribe) {
	p.put("SUBSCRIBE TO")
	if s.Query != nil {
		p.paren(s.Query)
	} else {
		p.name(s.Name)
	}
	if s.Envelope != "" {
		p.put("ENVELOPE", s.Envelope, "(")
		p.optIdents("KEY", s.Key)
		p.raw(")")
	}
	p.sortItems("WITHIN TIMESTAMP ORDER BY", s.OrderBy)
	p.optOptions("WITH", s.Options)
	if s.AsOfLeast {
		p.optExpr("AS OF AT LEAST", s.AsOf)
	} else {
		p.optExpr("AS OF", s.AsOf)
	}
	p.optExpr("UP TO", s.UpTo)
}

func (p *printer) watermark(w *Watermark) {
	p.opt("WATERMARK FOR", w.Column.Name)
	p.optExpr("AS", w.X)
	p.optExpr("IDLE TIMEOUT", w.Idle)
	p.when(w.TTL, "WITH TTL")
}

func (p *printer) format(f *Format) {
	p.put("FORMAT")
	p.word(f.Name)
	if f.Encode != "" {
		p.put("ENCODE")
		p.word(f.Encode)
	}
	p.optOptions("", f.Options)
	if f.Key != "" {
		p.put("KEY ENCODE")
		p.word(f.Key)
	}
}

// word prints a word of ours, which may be any label.
func (p *printer) word(s string) {
	for _, c := range []byte(s) {
		if c != '_' && (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			p.ident(s)
			return
		}
	}
	p.put(s)
}

func (p *printer) include(n Include) {
	p.put("INCLUDE")
	p.word(n.What)
	p.optExpr("", n.Field)
	p.typeName(n.Type)
	p.opt("AS", n.Alias)
}

func (p *printer) createSink(s *CreateSink) {
	p.put("CREATE")
	p.when(s.OrReplace, "OR REPLACE")
	p.put("SINK")
	p.when(s.IfNotExists, "IF NOT EXISTS")
	p.name(s.Name)
	p.optName("INTO", s.Into)
	p.optIdents("", s.IntoColumns)
	if s.Query != nil {
		p.put("AS")
		p.node(s.Query)
	} else {
		p.optName("FROM", s.From)
	}
	p.optOptions("WITH", s.Options)
	if s.Format != nil {
		p.format(s.Format)
	}
}

func (p *printer) createConnection(s *CreateConnection) {
	p.put("CREATE", s.Kind)
	p.when(s.IfNotExists, "IF NOT EXISTS")
	p.name(s.Name)
	if s.Target != "" {
		p.put("TO", s.Target)
		p.options(s.Options)
	} else {
		p.optOptions("WITH", s.Options)
	}
	p.optExpr("AS", s.As)
}

func (p *printer) createSubscription(s *CreateSubscription) {
	p.put("CREATE")
	p.when(s.Durable, "DURABLE")
	p.put("SUBSCRIPTION")
	p.when(s.IfNotExists, "IF NOT EXISTS")
	p.name(s.Name)
	p.optName("FROM", s.From)
	p.optOptions("WITH", s.Options)
}

func (p *printer) control(s *Control) {
	p.put(s.Verb)
	if s.All {
		p.put("ALL")
		return
	}
	p.name(s.Name)
}

func (p *printer) showObjects(s *ShowObjects) {
	p.put("SHOW", s.Kind)
	p.optName("FROM", s.From)
	if s.HasLike {
		p.put("LIKE")
		p.str(s.Like)
	}
	p.optExpr("WHERE", s.Where)
	p.when(s.Extended, "EXTENDED")
}

func (p *printer) describe(s *Describe) {
	p.put("DESCRIBE", s.Kind)
	p.name(s.Name)
	p.when(s.Extended, "EXTENDED")
}

func (p *printer) printTopic(s *Print) {
	p.optName("PRINT", s.Topic)
	p.when(s.FromBeginning, "FROM BEGINNING")
	p.optExpr("INTERVAL", s.Interval)
	p.optExpr("LIMIT", s.Limit)
}

func (p *printer) define(s *Define) {
	if s.Value == nil {
		p.opt("UNDEFINE", s.Name)
		return
	}
	p.opt("DEFINE", s.Name)
	p.optExpr("=", s.Value)
}
