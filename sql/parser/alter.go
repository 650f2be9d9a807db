package parser

import (
	"strings"

	"github.com/tarndb/tarn/sql/ast"
)

func (p *parser) drop() ast.Statement {
	s := &ast.Drop{Pos: p.pos()}
	start := p.i
	p.expect("drop")
	if p.accept("owned") || p.isWord("cast") || p.isWord("operator") || p.isWords("user", "mapping") {
		p.i = start
		return p.unsupported(2)
	}
	s.Kind = p.objectKind()
	s.Concurrently = p.accept("concurrently")
	s.IfExists = p.ifExists()
	s.Names = list(p, func() ast.Name {
		n := p.name()
		s.Args = append(s.Args, p.signature(s.Kind))
		return n
	})
	if !hasSignature(s.Kind) {
		s.Args = nil
	}
	if p.accept("on") {
		s.On = p.name()
	}
	s.DeleteTopic = p.accept("delete", "topic")
	s.Behavior = p.behavior()
	if s.Kind == "DATABASE" && (p.isWord("with") || p.isOp("(")) {
		p.accept("with")
		p.utilityOptions()
	}
	return s
}

func hasSignature(kind string) bool {
	switch kind {
	case "FUNCTION", "PROCEDURE", "ROUTINE", "AGGREGATE":
		return true
	}
	return false
}

// signature parses the argument types of a function: (int, text) or nothing.
func (p *parser) signature(kind string) ast.FuncSignature {
	var f ast.FuncSignature
	if !hasSignature(kind) || !p.acceptOp("(") {
		return f
	}
	f.Given = true
	if p.acceptOp("*") {
		p.expectOp(")")
		return f
	}
	if !p.isOp(")") {
		f.Types = list(p, func() *ast.TypeName {
			p.acceptAny("in", "out", "inout", "variadic")
			if n := p.ahead(1); p.at().isFuncName() && n.kind == tWord && !n.oneOf("precision", "varying", "with", "without", "array", "order") {
				p.i++ // the name of the argument
			}
			return p.typeName()
		})
	}
	p.expectOp(")")
	return f
}

func (p *parser) alter() ast.Statement {
	start, pos := p.i, p.pos()
	p.expect("alter")
	switch t := p.at(); {
	case t.word("sequence") && !p.isRenameOrOwner():
		p.i++
		s := &ast.CreateSequence{Pos: pos, Alter: true, IfNotExists: p.ifExists(), Name: p.name()}
		s.Options = p.sequenceOptions()
		return s
	case t.oneOf("role", "user", "group") && !p.isWords("user", "mapping") && !p.ahead(2).oneOf("set", "reset", "in", "rename", "add", "drop"):
		return p.role(pos, true)
	case t.word("system") && p.ahead(1).kind == tString:
		p.i++
		s := &ast.Set{Pos: pos, Scope: "SYSTEM", Quoted: true, Name: p.stringLit()}
		p.expectOp("=")
		s.Values = []ast.Expr{p.setValue()}
		return s
	case t.oneOf("default", "system", "role", "user", "group", "database", "operator", "function", "procedure", "routine", "aggregate",
		"event", "foreign", "text", "extension", "language", "server", "large", "publication", "policy", "rule", "trigger", "statistics",
		"tablespace", "collation", "conversion", "domain", "cluster"):
		p.i = start
		n := 2
		if t.oneOf("default", "event", "foreign", "large") {
			n = 3
		}
		return p.unsupported(n)
	}
	s := &ast.AlterTable{Pos: pos, Kind: p.objectKind()}
	if s.Kind == "TYPE" && p.isTypeChange() {
		p.i = start
		return p.unsupported(2)
	}
	s.IfExists = p.ifExists()
	s.Only = p.accept("only")
	s.Name = p.name()
	p.acceptOp("*")
	s.Actions = list(p, p.alterAction)
	return s
}

// isRenameOrOwner looks past ALTER SEQUENCE [IF EXISTS] name.
func (p *parser) isRenameOrOwner() bool {
	n := 1
	if p.ahead(1).word("if") {
		n = 3
	}
	n++
	for p.ahead(n).op(".") {
		n += 2
	}
	return p.ahead(n).oneOf("rename", "owner", "set")
}

// isTypeChange: ALTER TYPE t ADD VALUE, and others that change a type.
func (p *parser) isTypeChange() bool {
	n := 1
	for p.ahead(n).op(".") {
		n += 2
	}
	return p.ahead(n).word("add") && p.ahead(n+1).word("value") || p.ahead(n).word("rename") && p.ahead(n+1).oneOf("value", "attribute") ||
		p.ahead(n+1).word("attribute")
}

func (p *parser) alterAction() ast.AlterAction {
	a := ast.AlterAction{Pos: p.pos()}
	switch p.at().text {
	case "add":
		p.alterAdd(&a)
	case "drop":
		p.alterDrop(&a)
	case "alter":
		p.alterColumn(&a)
	case "rename":
		p.alterRename(&a)
	case "set":
		p.alterSet(&a)
	default:
		p.alterOther(&a)
	}
	return a
}

func (p *parser) alterAdd(a *ast.AlterAction) {
	p.expect("add")
	switch {
	case p.startsTableConstraint():
		a.Kind, a.Constraint = ast.AlterAddConstr, p.tableConstraint()
	case p.isWords("watermark", "for"):
		a.Kind, a.Watermark = ast.AlterAddWatermark, p.watermark()
	default:
		p.accept("column")
		a.IfNotExists = p.ifNotExists()
		a.Kind, a.Column = ast.AlterAddColumn, p.columnDef()
	}
}

func (p *parser) alterDrop(a *ast.AlterAction) {
	p.expect("drop")
	a.Kind = ast.AlterDropColumn
	if p.accept("constraint") {
		a.Kind = ast.AlterDropConstr
	} else {
		p.accept("column")
	}
	a.IfExists = p.ifExists()
	a.Name = p.colID()
	a.Behavior = p.behavior()
}

func (p *parser) alterColumn(a *ast.AlterAction) {
	p.expect("alter")
	if p.accept("constraint") {
		a.Kind = ast.AlterConstr
		a.Constraint = &ast.Constraint{Pos: p.pos(), Name: p.colID()}
		p.constraintTail(a.Constraint)
		return
	}
	p.accept("column")
	a.Name = p.colID()
	switch {
	case p.accept("set", "default"):
		a.Kind, a.X = ast.AlterSetDefault, p.expr()
	case p.accept("drop", "default"):
		a.Kind = ast.AlterDropDefault
	case p.accept("set", "not", "null"):
		a.Kind = ast.AlterSetNotNull
	case p.accept("drop", "not", "null"):
		a.Kind = ast.AlterDropNotNull
	case p.accept("drop", "identity"):
		a.Kind, a.IfExists = ast.AlterDropIdentity, p.ifExists()
	case p.accept("drop", "expression"):
		a.Kind, a.IfExists = ast.AlterDropExpr, p.ifExists()
	case p.isWords("add", "generated"):
		a.Kind = ast.AlterAddIdentity
		a.Constraint = &ast.Constraint{Pos: p.pos()}
		p.i += 2
		p.generated(a.Constraint)
	case p.accept("set", "storage"):
		a.Kind, a.To = ast.AlterSetStorage, p.upperWord()
	case p.accept("set", "statistics"):
		a.Kind, a.X = ast.AlterSetStats, p.signedInt()
	case p.accept("set", "data", "type"), p.accept("type"):
		a.Kind, a.Type = ast.AlterColumnType, p.typeName()
		if p.accept("collate") {
			a.Collate = p.anyName()
		}
		if p.accept("using") {
			a.X = p.expr()
		}
	default:
		p.unexpected()
	}
}

func (p *parser) alterRename(a *ast.AlterAction) {
	p.expect("rename")
	switch {
	case p.accept("to"):
		a.Kind, a.To = ast.AlterRename, p.colID()
		return
	case p.accept("constraint"):
		a.Kind = ast.AlterRenameConstr
	default:
		p.accept("column")
		a.Kind = ast.AlterRenameColumn
	}
	a.Name = p.colID()
	p.expect("to")
	a.To = p.colID()
}

func (p *parser) alterSet(a *ast.AlterAction) {
	p.expect("set")
	switch {
	case p.isOp("("):
		a.Kind, a.Options = ast.AlterSetOptions, p.options()
	case p.accept("schema"):
		a.Kind, a.To = ast.AlterSchema, p.colID()
	case p.accept("tablespace"):
		a.Kind, a.To = ast.AlterTablespace, p.colID()
	case p.at().oneOf("logged", "unlogged"):
		a.Kind, a.Text = ast.AlterLogged, p.upperWord()
	case p.accept("without", "cluster"):
		a.Kind = ast.AlterCluster
	default:
		a.Kind, a.Name = ast.AlterSetVar, p.varName()
		if !p.acceptOp("=") {
			p.expect("to")
		}
		if p.isWord("default") {
			a.X = p.primary()
			return
		}
		a.X = p.setValue()
	}
}

func (p *parser) alterOther(a *ast.AlterAction) {
	switch {
	case p.accept("owner", "to"):
		a.Kind, a.To = ast.AlterOwner, p.roleName()
	case p.accept("reset"):
		a.Kind, a.Options = ast.AlterReset, p.options()
	case p.accept("validate", "constraint"):
		a.Kind, a.Name = ast.AlterValidate, p.colID()
	case p.accept("attach", "partition"):
		a.Kind, a.Table = ast.AlterAttach, p.name()
		if p.isWord("for") || p.isWord("default") {
			a.Bound = p.partitionBound()
		}
	case p.accept("detach", "partition"):
		a.Kind, a.Table = ast.AlterDetach, p.name()
		a.Text = p.acceptAny("concurrently", "finalize")
	case p.accept("inherit"):
		a.Kind, a.Table = ast.AlterInherit, p.name()
	case p.accept("no", "inherit"):
		a.Kind, a.Table = ast.AlterNoInherit, p.name()
	case p.accept("cluster", "on"):
		a.Kind, a.Name = ast.AlterCluster, p.colID()
	case p.accept("swap", "with"):
		a.Kind, a.Table = ast.AlterSwap, p.name()
	case p.accept("apply", "replacement"):
		a.Kind, a.Table = ast.AlterReplace, p.name()
	case p.accept("refresh", "schema"):
		a.Kind = ast.AlterRefreshSchema
	case p.accept("redrive", "dead", "letters"):
		a.Kind = ast.AlterRedrive
		if p.accept("where") {
			a.X = p.expr()
		}
	case p.isWord("format"):
		a.Kind, a.Format = ast.AlterFormat, p.format()
	case p.accept("replica", "identity"):
		a.Kind = ast.AlterReplica
		if p.accept("using", "index") {
			a.Name = p.colID()
		} else {
			a.Text = p.expectAny("full", "nothing", "default")
		}
	default:
		p.alterSwitch(a)
	}
}

// alterSwitch parses ENABLE, DISABLE, FORCE of triggers, rules, row security.
func (p *parser) alterSwitch(a *ast.AlterAction) {
	a.Text = p.expectAny("enable", "disable", "force", "no")
	if a.Text == "NO" {
		p.expect("force")
		a.Text = "NO FORCE"
	}
	if w := p.acceptAny("always", "replica"); w != "" {
		a.Text += " " + w
	}
	if p.accept("row", "level", "security") {
		a.Kind, a.Text = ast.AlterRowSecurity, a.Text+" ROW LEVEL SECURITY"
		return
	}
	a.Kind = ast.AlterTrigger
	a.Text += " " + p.expectAny("trigger", "rule")
	if w := p.acceptAny("all", "user"); w != "" {
		a.Text += " " + w
		return
	}
	a.Name = p.colID()
}

func (p *parser) refresh() ast.Statement {
	s := &ast.Refresh{Pos: p.pos()}
	p.expect("refresh", "materialized", "view")
	s.Concurrently = p.accept("concurrently")
	s.Name = p.name()
	if s.NoData = p.accept("with", "no", "data"); !s.NoData {
		p.accept("with", "data")
	}
	return s
}

func (p *parser) comment() ast.Statement {
	s := &ast.Comment{Pos: p.pos()}
	start := p.i
	p.expect("comment", "on")
	if p.at().oneOf("cast", "operator", "large", "transform", "text", "access") {
		p.i = start
		return p.unsupported(2)
	}
	s.Kind = p.objectKind()
	s.Name = p.name()
	s.Args = p.signature(s.Kind)
	if p.accept("on") {
		p.accept("domain")
		s.On = p.name()
	}
	p.expect("is")
	if p.accept("null") {
		return s
	}
	s.Text = &ast.String{Pos: p.pos(), Value: p.stringLit()}
	return s
}

// grant parses GRANT and REVOKE of privileges and roles.
func (p *parser) grant() ast.Statement {
	s := &ast.Grant{Pos: p.pos(), Revoke: p.isWord("revoke")}
	p.i++
	if s.Revoke && p.isWord("grant") || s.Revoke && p.isWords("admin", "option") {
		s.OptionFor = p.upperWord()
		p.expect("option", "for")
	}
	s.Privileges = list(p, p.privilege)
	if p.accept("on") {
		for i := range s.Privileges {
			s.Privileges[i].Name = strings.ToUpper(s.Privileges[i].Name)
		}
		p.grantObjects(s)
	}
	if s.Revoke {
		p.expect("from")
	} else {
		p.expect("to")
	}
	s.Grantees = list(p, func() string {
		p.accept("group")
		return p.roleName()
	})
	if p.accept("with", "grant", "option") || p.accept("with", "admin", "option") {
		s.GrantOption = true
	}
	if p.accept("granted", "by") {
		s.By = p.roleName()
	}
	s.Behavior = p.behavior()
	return s
}

func (p *parser) privilege() ast.Privilege {
	v := ast.Privilege{Pos: p.pos()}
	quoted := p.at().kind == tQuoted
	v.Name = p.label()
	if v.Name == "all" && !quoted {
		p.accept("privileges")
	}
	if p.isOp("(") {
		v.Columns = p.identList()
	}
	return v
}

func (p *parser) grantObjects(s *ast.Grant) {
	s.Kind = "TABLE"
	switch t := p.at(); {
	case t.word("all") && p.ahead(2).word("in"):
		p.i++
		s.Kind = "ALL " + p.upperWord() + " IN SCHEMA"
		p.expect("in", "schema")
	case p.accept("foreign", "data", "wrapper"):
		s.Kind = "FOREIGN DATA WRAPPER"
	case p.accept("foreign", "server"):
		s.Kind = "FOREIGN SERVER"
	case t.oneOf("table", "schema", "sequence", "database", "function", "procedure", "routine", "type", "domain", "language", "tablespace",
		"parameter", "connection", "secret", "stream", "source") && p.ahead(1).isColID():
		s.Kind = p.upperWord()
	}
	s.Names = list(p, func() ast.Name {
		n := p.name()
		s.Args = append(s.Args, p.signature(s.Kind))
		return n
	})
	if !hasSignature(s.Kind) {
		s.Args = nil
	}
}
