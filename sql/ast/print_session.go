package ast

func (p *printer) txModes(m TxModes) {
	sep := ""
	mode := func(prefix, s string) {
		if s == "" {
			return
		}
		p.raw(sep)
		p.put(prefix, s)
		sep = ","
	}
	mode("ISOLATION LEVEL", m.Isolation)
	mode("", m.Access)
	mode("", m.Deferrable)
	if m.Snapshot != "" {
		p.put("SNAPSHOT")
		p.str(m.Snapshot)
	}
}

func (p *printer) begin(s *Begin) {
	if s.Start {
		p.put("START TRANSACTION")
	} else {
		p.put("BEGIN")
	}
	p.txModes(s.Modes)
}

func (p *printer) rollback(s *Rollback) {
	if s.Savepoint != "" {
		p.opt("ROLLBACK TO SAVEPOINT", s.Savepoint)
		return
	}
	p.put("ROLLBACK")
	p.when(s.Chain, "AND CHAIN")
}

func (p *printer) setConstraints(s *SetConstraints) {
	p.put("SET CONSTRAINTS")
	if len(s.Names) == 0 {
		p.put("ALL")
	} else {
		p.names(s.Names)
	}
	if s.Deferred {
		p.put("DEFERRED")
	} else {
		p.put("IMMEDIATE")
	}
}

func (p *printer) set(s *Set) {
	if s.Scope == "SYSTEM" {
		p.put("ALTER SYSTEM")
	} else {
		p.put("SET", s.Scope)
	}
	if s.Quoted {
		p.str(s.Name)
	} else {
		p.varName(s.Name)
	}
	switch {
	case s.Current:
		p.put("FROM CURRENT")
	case s.Default:
		p.put("= DEFAULT")
	default:
		p.put("=")
		p.exprs(s.Values)
	}
}

// varName prints the name of a setting; its parts are joined by dots.
func (p *printer) varName(name string) {
	from := 0
	out := ""
	for i := 0; i <= len(name); i++ {
		if i == len(name) || name[i] == '.' && i > from {
			out += QuoteIdent(name[from:i])
			if i < len(name) {
				out += "."
			}
			from = i + 1
		}
	}
	p.put(out)
}

func (p *printer) reset(s *Reset) {
	switch {
	case s.All:
		p.put("RESET ALL")
	case s.Quoted:
		p.put("UNSET")
		p.str(s.Name)
	default:
		p.put("RESET")
		p.varName(s.Name)
	}
}

func (p *printer) show(s *Show) {
	p.put("SHOW")
	if s.Name == "all" {
		p.put("ALL")
		return
	}
	p.varName(s.Name)
}

func (p *printer) prepare(s *Prepare) {
	p.opt("PREPARE", s.Name)
	if len(s.Types) > 0 {
		parens(p, s.Types, p.typeName)
	}
	p.put("AS")
	p.node(s.Stmt)
}

func (p *printer) execute(s *Execute) {
	p.opt("EXECUTE", s.Name)
	if len(s.Args) > 0 {
		parens(p, s.Args, p.expr)
	}
}

func (p *printer) declare(s *Declare) {
	p.opt("DECLARE", s.Name)
	if !s.Subscription.IsZero() {
		p.optName("SUBSCRIPTION CURSOR FOR", s.Subscription)
		p.optExpr("SINCE", s.Since)
		p.when(s.Full, "FULL")
		return
	}
	p.when(s.Binary, "BINARY")
	p.put(s.Sensitive, s.Scroll, "CURSOR")
	p.when(s.Hold, "WITH HOLD")
	p.put("FOR")
	p.node(s.Stmt)
}

func (p *printer) fetch(s *Fetch) {
	if s.Move {
		p.put("MOVE")
	} else {
		p.put("FETCH")
	}
	p.put(s.Direction)
	p.when(s.All, "ALL")
	p.optExpr("", s.Count)
	p.opt("FROM", s.Cursor)
	p.optOptions("WITH", s.Options)
}

func (p *printer) explain(s *Explain) {
	p.put("EXPLAIN")
	p.utilityOptions(s.Options)
	if s.Stmt != nil {
		p.node(s.Stmt)
		return
	}
	if s.Kind != "QUERY" {
		p.put(s.Kind)
	}
	p.name(s.Name)
}

func (p *printer) lockTable(s *LockTable) {
	p.put("LOCK TABLE")
	p.relations(s.Tables)
	p.when(s.Mode != "", "IN "+s.Mode+" MODE")
	p.when(s.NoWait, "NOWAIT")
}

func (p *printer) vacuum(s *Vacuum) {
	if s.Analyze {
		p.put("ANALYZE")
	} else {
		p.put("VACUUM")
	}
	p.utilityOptions(s.Options)
	comma(p, s.Tables, func(t VacuumTable) {
		p.name(t.Name)
		p.optIdents("", t.Columns)
	})
}

func (p *printer) maintain(s *Maintain) {
	p.put(s.Verb)
	p.utilityOptions(s.Options)
	p.put(s.Kind)
	p.when(s.Concurrently, "CONCURRENTLY")
	p.optName("", s.Name)
	p.opt("USING", s.Using)
}

func (p *printer) do(s *Do) {
	p.put("DO")
	p.opt("LANGUAGE", s.Language)
	p.str(s.Body.Value)
}

func (p *printer) notify(s *Notify) {
	p.opt("NOTIFY", s.Channel)
	if s.Payload != nil {
		p.raw(",")
		p.str(s.Payload.Value)
	}
}
