package ast

func (p *printer) createTable(s *CreateTable) {
	p.put("CREATE")
	p.when(s.OrReplace, "OR REPLACE")
	p.put(s.Persistence)
	p.when(s.Source, "SOURCE")
	p.put(s.Kind)
	p.when(s.IfNotExists, "IF NOT EXISTS")
	p.name(s.Name)
	p.optName("OF", s.OfType)
	if s.PartitionOf != nil {
		p.partitionOf(s.PartitionOf)
	}
	if s.MySQL != nil {
		p.put("LIKE MYSQL")
		p.expr(s.MySQL)
	}
	p.tableElements(s)
	p.optIdents("", s.Names)
	p.tableClauses(s)
	if s.Query != nil {
		p.put("AS")
		p.node(s.Query)
		p.when(s.NoData, "WITH NO DATA")
	}
}

func (p *printer) tableElements(s *CreateTable) {
	if !s.HasColumns {
		return
	}
	p.put("(")
	n := 0
	sep := func() {
		if n > 0 {
			p.raw(",")
		}
		n++
	}
	if s.Star {
		sep()
		p.put("*")
	}
	for _, c := range s.Columns {
		sep()
		p.columnDef(c)
	}
	for _, l := range s.Likes {
		sep()
		p.optName("LIKE", l.Name)
		p.put(l.Options...)
	}
	for _, w := range s.Watermarks {
		sep()
		p.watermark(w)
	}
	for _, c := range s.Constraints {
		sep()
		p.constraint(c, true)
	}
	p.raw(")")
}

func (p *printer) tableClauses(s *CreateTable) {
	if len(s.Inherits) > 0 {
		p.put("INHERITS (")
		p.names(s.Inherits)
		p.raw(")")
	}
	if b := s.PartitionBy; b != nil {
		p.put("PARTITION BY")
		p.word(b.Strategy)
		parens(p, b.Elems, p.indexElem)
	}
	p.opt("USING", s.Using)
	p.when(s.AppendOnly, "APPEND ONLY")
	p.when(s.OnConflict != "", "ON CONFLICT "+s.OnConflict)
	p.optIdents("WITH VERSION COLUMN", s.VersionColumn)
	for _, n := range s.Include {
		p.include(n)
	}
	p.optOptions("WITH", s.Options)
	if s.Format != nil {
		p.format(s.Format)
	}
	p.when(s.OnCommit != "", "ON COMMIT "+s.OnCommit)
	p.opt("TABLESPACE", s.Tablespace)
}

func (p *printer) partitionOf(o *PartitionOf) {
	p.optName("PARTITION OF", o.Parent)
	if len(o.Options) > 0 {
		parens(p, o.Options, p.columnDef)
	}
	p.partitionBound(o.Bound)
}

func (p *printer) partitionBound(b *PartitionBound) {
	switch {
	case b == nil:
	case b.In != nil:
		p.put("FOR VALUES IN")
		parens(p, b.In, p.expr)
	case b.From != nil:
		p.put("FOR VALUES FROM")
		parens(p, b.From, p.expr)
		p.put("TO")
		parens(p, b.To, p.expr)
	case b.Modulus != nil:
		p.put("FOR VALUES WITH (")
		p.optExpr("MODULUS", b.Modulus)
		p.raw(",")
		p.optExpr("REMAINDER", b.Remainder)
		p.raw(")")
	default:
		p.put("DEFAULT")
	}
}

func (p *printer) columnDef(c *ColumnDef) {
	p.ident(c.Name)
	p.typeName(c.Type)
	p.when(c.Storage != "", "STORAGE "+c.Storage)
	p.opt("COMPRESSION", c.Compression)
	p.optName("COLLATE", c.Collate)
	for _, k := range c.Constraints {
		p.constraint(k, false)
	}
}

func (p *printer) constraint(k *Constraint, table bool) {
	p.opt("CONSTRAINT", k.Name)
	p.constraintBody(k)
	if table || len(k.Columns) > 0 {
		p.optIdents("INCLUDE", k.Include)
	}
	p.optOptions("WITH", k.Options)
	p.opt("USING INDEX TABLESPACE", k.Tablespace)
	p.opt("USING INDEX", k.UsingIndex)
	if k.Kind == ConstraintExclude && k.Where != nil {
		p.put("WHERE (")
		p.expr(k.Where)
		p.raw(")")
	}
	p.constraintTail(k)
}

func (p *printer) constraintTail(k *Constraint) {
	p.put(k.Deferrable)
	p.when(k.Initially != "", "INITIALLY "+k.Initially)
	p.when(k.NoInherit, "NO INHERIT")
	p.when(k.NotValid, "NOT VALID")
	p.when(k.NotEnforced, "NOT ENFORCED")
}

func (p *printer) constraintBody(k *Constraint) {
	switch k.Kind {
	case ConstraintNotNull:
		p.put("NOT NULL")
	case ConstraintNull:
		p.put("NULL")
	case ConstraintDefault:
		p.put("DEFAULT")
		p.operand(k.X)
	case ConstraintCheck:
		p.put("CHECK (")
		p.expr(k.X)
		p.raw(")")
	case ConstraintPrimary:
		p.put("PRIMARY KEY")
		p.optIdents("", k.Columns)
	case ConstraintUnique:
		p.put("UNIQUE")
		p.when(k.NullsDistinct != "", "NULLS "+k.NullsDistinct)
		p.optIdents("", k.Columns)
	case ConstraintForeign:
		p.optIdents("FOREIGN KEY", k.Columns)
		p.references(k.References)
	case ConstraintGenerated:
		p.put("GENERATED", always(k.Always), "AS (")
		p.expr(k.X)
		p.raw(")")
		if k.Virtual {
			p.put("VIRTUAL")
		} else {
			p.put("STORED")
		}
	case ConstraintIdentity:
		p.put("GENERATED", always(k.Always), "AS IDENTITY")
		if len(k.Sequence) > 0 {
			p.put("(")
			p.sequenceOptions(k.Sequence)
			p.raw(")")
		}
	case ConstraintExclude:
		p.put("EXCLUDE")
		p.opt("USING", k.Method)
		parens(p, k.Elems, func(e ExcludeElem) {
			p.indexElem(e.Elem)
			p.put("WITH")
			p.operator(e.With)
		})
	case ConstraintKey:
		p.put("KEY")
	case ConstraintHeaders:
		p.headers(k)
	case ConstraintComputed:
		p.put("AS")
		p.operand(k.X)
	case ConstraintMetadata:
		p.put("METADATA")
		p.optExpr("FROM", k.X)
		p.when(k.Virtual, "VIRTUAL")
	}
}

func (p *printer) headers(k *Constraint) {
	if k.X == nil {
		p.put("HEADERS")
		return
	}
	p.put("HEADER(")
	p.expr(k.X)
	p.raw(")")
}

func always(a bool) string {
	if a {
		return "ALWAYS"
	}
	return "BY DEFAULT"
}

func (p *printer) references(r *References) {
	p.optName("REFERENCES", r.Table)
	p.optIdents("", r.Columns)
	p.when(r.Match != "", "MATCH "+r.Match)
	p.when(r.OnDelete != "", "ON DELETE "+r.OnDelete)
	p.when(r.OnUpdate != "", "ON UPDATE "+r.OnUpdate)
}

func (p *printer) indexElem(e IndexElem) {
	switch x := e.X.(type) {
	case *ColumnRef:
		p.expr(x)
	case *Func:
		if x.Form == FormPlain && x.Filter == nil && x.Over == nil {
			p.expr(x)
			break
		}
		p.put("(")
		p.expr(x)
		p.raw(")")
	default:
		p.put("(")
		p.expr(x)
		p.raw(")")
	}
	p.optName("COLLATE", e.Collate)
	p.optName("", e.OpClass)
	p.optOptions("", e.OpOptions)
	p.when(e.Asc, "ASC")
	p.when(e.Desc, "DESC")
	p.nulls(e.NullsFirst, e.NullsLast)
}

func (p *printer) createView(s *CreateView) {
	p.put("CREATE")
	p.when(s.OrReplace, "OR REPLACE")
	p.put(s.Persistence)
	p.when(s.Replacement, "REPLACEMENT")
	p.when(s.Recursive, "RECURSIVE")
	p.when(s.Materialized, "MATERIALIZED")
	p.put("VIEW")
	p.when(s.IfNotExists, "IF NOT EXISTS")
	p.name(s.Name)
	p.optName("FOR", s.For)
	p.optIdents("", s.Columns)
	p.opt("IN CLUSTER", s.Cluster)
	p.opt("USING", s.Using)
	p.optOptions("WITH", s.Options)
	p.opt("TABLESPACE", s.Tablespace)
	p.put("AS")
	p.node(s.Query)
	p.when(s.LateData != "", "LATE DATA "+s.LateData)
	p.optName("", s.LateTo)
	p.when(s.NoData, "WITH NO DATA")
	p.when(s.Check != "", "WITH "+s.Check+" CHECK OPTION")
}

func (p *printer) createIndex(s *CreateIndex) {
	p.put("CREATE")
	p.when(s.Unique, "UNIQUE")
	p.put("INDEX")
	p.when(s.Concurrently, "CONCURRENTLY")
	p.when(s.IfNotExists, "IF NOT EXISTS")
	p.opt("", s.Name)
	p.put("ON")
	p.when(s.Only, "ONLY")
	p.name(s.Table)
	p.opt("USING", s.Method)
	parens(p, s.Elems, p.indexElem)
	p.optIdents("INCLUDE", s.Include)
	p.when(s.NullsDistinct != "", "NULLS "+s.NullsDistinct)
	p.optOptions("WITH", s.Options)
	p.opt("TABLESPACE", s.Tablespace)
	p.optExpr("WHERE", s.Where)
}

func (p *printer) createSchema(s *CreateSchema) {
	p.put("CREATE SCHEMA")
	p.when(s.IfNotExists, "IF NOT EXISTS")
	p.opt("", s.Name)
	p.roleName("AUTHORIZATION", s.Authorization)
}

// roleName prints a role; the keywords that stand for one are not quoted.
func (p *printer) roleName(keyword, name string) {
	switch name {
	case "":
	case "current_user", "session_user", "current_role":
		p.put(keyword, name)
	default:
		p.opt(keyword, name)
	}
}

func (p *printer) createSequence(s *CreateSequence) {
	if s.Alter {
		p.put("ALTER SEQUENCE")
		p.when(s.IfNotExists, "IF EXISTS")
	} else {
		p.put("CREATE", s.Persistence, "SEQUENCE")
		p.when(s.IfNotExists, "IF NOT EXISTS")
	}
	p.name(s.Name)
	p.sequenceOptions(s.Options)
}

func (p *printer) sequenceOptions(list []SequenceOption) {
	for _, o := range list {
		p.when(o.No, "NO")
		p.put(o.Name)
		p.typeName(o.Type)
		p.optExpr("", o.Value)
		p.optName("", o.Owner)
		p.when(o.Name == "OWNED BY" && o.Owner.IsZero(), "NONE")
	}
}

func (p *printer) createType(s *CreateType) {
	p.optName("CREATE TYPE", s.Name)
	switch {
	case s.Enum:
		p.put("AS ENUM")
		parens(p, s.Labels, func(l String) { p.str(l.Value) })
	case s.As != nil:
		p.put("AS")
		p.typeName(s.As)
	case s.Fields != nil:
		p.put("AS")
		p.aliasDefs(s.Fields)
	}
}

func (p *printer) createExtension(s *CreateExtension) {
	p.put("CREATE EXTENSION")
	p.when(s.IfNotExists, "IF NOT EXISTS")
	p.ident(s.Name)
	p.opt("SCHEMA", s.Schema)
	if s.Version != "" {
		p.put("VERSION")
		p.str(s.Version)
	}
}

func (p *printer) wordOptions(list []Option, sep string) {
	for _, o := range list {
		p.option(o, sep)
	}
}

func (p *printer) createRole(s *CreateRole) {
	if s.Alter {
		p.put("ALTER", s.Kind)
	} else {
		p.put("CREATE", s.Kind)
	}
	p.roleName("", s.Name)
	p.wordOptions(s.Options, "")
}

func (p *printer) drop(s *Drop) {
	p.put("DROP", s.Kind)
	p.when(s.Concurrently, "CONCURRENTLY")
	p.when(s.IfExists, "IF EXISTS")
	for i, n := range s.Names {
		if i > 0 {
			p.raw(",")
		}
		p.name(n)
		if i < len(s.Args) {
			p.signature(s.Args[i])
		}
	}
	p.optName("ON", s.On)
	p.when(s.DeleteTopic, "DELETE TOPIC")
	p.put(s.Behavior)
}

func (p *printer) signature(f FuncSignature) {
	if f.Given {
		p.raw("(")
		comma(p, f.Types, p.typeName)
		p.raw(")")
	}
}

func (p *printer) comment(s *Comment) {
	p.put("COMMENT ON", s.Kind)
	p.name(s.Name)
	p.signature(s.Args)
	p.optName("ON", s.On)
	p.put("IS")
	if s.Text == nil {
		p.put("NULL")
		return
	}
	p.str(s.Text.Value)
}

func (p *printer) grant(s *Grant) {
	if s.Revoke {
		p.put("REVOKE")
		p.when(s.OptionFor != "", s.OptionFor+" OPTION FOR")
	} else {
		p.put("GRANT")
	}
	comma(p, s.Privileges, func(v Privilege) {
		if s.Kind == "" {
			p.ident(v.Name)
		} else {
			p.word(v.Name)
		}
		p.optIdents("", v.Columns)
	})
	if s.Kind != "" {
		p.put("ON", s.Kind)
		for i, n := range s.Names {
			if i > 0 {
				p.raw(",")
			}
			p.name(n)
			if i < len(s.Args) {
				p.signature(s.Args[i])
			}
		}
	}
	if s.Revoke {
		p.put("FROM")
	} else {
		p.put("TO")
	}
	comma(p, s.Grantees, func(g string) { p.roleName("", g) })
	p.when(s.GrantOption && s.Kind != "", "WITH GRANT OPTION")
	p.when(s.GrantOption && s.Kind == "", "WITH ADMIN OPTION")
	p.roleName("GRANTED BY", s.By)
	p.put(s.Behavior)
}
