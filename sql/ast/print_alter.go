package ast

import "strings"

func (p *printer) alterTable(s *AlterTable) {
	p.put("ALTER", s.Kind)
	p.when(s.IfExists, "IF EXISTS")
	p.when(s.Only, "ONLY")
	p.name(s.Name)
	comma(p, s.Actions, p.alterAction)
}

// alterWords are the actions that are their words and one name.
var alterWords = map[AlterKind][2]string{
	AlterDropColumn:   {"DROP COLUMN", ""},
	AlterDropDefault:  {"ALTER COLUMN", "DROP DEFAULT"},
	AlterSetNotNull:   {"ALTER COLUMN", "SET NOT NULL"},
	AlterDropNotNull:  {"ALTER COLUMN", "DROP NOT NULL"},
	AlterDropIdentity: {"ALTER COLUMN", "DROP IDENTITY"},
	AlterDropExpr:     {"ALTER COLUMN", "DROP EXPRESSION"},
	AlterDropConstr:   {"DROP CONSTRAINT", ""},
	AlterValidate:     {"VALIDATE CONSTRAINT", ""},
	AlterRenameColumn: {"RENAME COLUMN", "TO"},
	AlterRenameConstr: {"RENAME CONSTRAINT", "TO"},
	AlterSetDefault:   {"ALTER COLUMN", "SET DEFAULT"},
	AlterSetStats:     {"ALTER COLUMN", "SET STATISTICS"},
}

func (p *printer) alterAction(a AlterAction) {
	if w, ok := alterWords[a.Kind]; ok {
		p.put(w[0])
		p.when(a.IfExists && w[1] == "", "IF EXISTS")
		p.ident(a.Name)
		p.put(w[1])
		p.when(a.IfExists && w[1] != "", "IF EXISTS")
		p.opt("", a.To)
		p.optExpr("", a.X)
		p.put(a.Behavior)
		return
	}
	switch a.Kind {
	case AlterAddColumn:
		p.put("ADD COLUMN")
		p.when(a.IfNotExists, "IF NOT EXISTS")
		p.columnDef(a.Column)
	case AlterColumnType:
		p.opt("ALTER COLUMN", a.Name)
		p.put("TYPE")
		p.typeName(a.Type)
		p.optName("COLLATE", a.Collate)
		p.optExpr("USING", a.X)
	case AlterAddIdentity:
		p.opt("ALTER COLUMN", a.Name)
		p.put("ADD")
		p.constraintBody(a.Constraint)
	case AlterSetStorage:
		p.opt("ALTER COLUMN", a.Name)
		p.put("SET STORAGE", a.To)
	case AlterAddConstr:
		p.put("ADD")
		p.constraint(a.Constraint, true)
	case AlterConstr:
		p.opt("ALTER CONSTRAINT", a.Constraint.Name)
		p.constraintTail(a.Constraint)
	case AlterRename:
		p.opt("RENAME TO", a.To)
	case AlterOwner:
		p.roleName("OWNER TO", a.To)
	case AlterSchema:
		p.opt("SET SCHEMA", a.To)
	case AlterTablespace:
		p.opt("SET TABLESPACE", a.To)
	case AlterSetOptions:
		p.put("SET")
		p.options(a.Options)
	case AlterReset:
		p.put("RESET")
		p.options(a.Options)
	case AlterSetVar:
		p.put("SET")
		p.varName(a.Name)
		p.optExpr("=", a.X)
	default:
		p.alterOther(a)
	}
}

func (p *printer) alterOther(a AlterAction) {
	switch a.Kind {
	case AlterTrigger:
		p.put(a.Text)
		p.opt("", a.Name)
	case AlterRowSecurity:
		p.put(a.Text)
	case AlterLogged:
		p.put("SET", a.Text)
	case AlterReplica:
		p.put("REPLICA IDENTITY", a.Text)
		p.opt("USING INDEX", a.Name)
	case AlterAttach:
		p.optName("ATTACH PARTITION", a.Table)
		p.partitionBound(a.Bound)
	case AlterDetach:
		p.optName("DETACH PARTITION", a.Table)
		p.put(strings.ToUpper(a.Text))
	case AlterInherit:
		p.optName("INHERIT", a.Table)
	case AlterNoInherit:
		p.optName("NO INHERIT", a.Table)
	case AlterCluster:
		p.opt("CLUSTER ON", a.Name)
		p.when(a.Name == "", "SET WITHOUT CLUSTER")
	case AlterSwap:
		p.optName("SWAP WITH", a.Table)
	case AlterReplace:
		p.optName("APPLY REPLACEMENT", a.Table)
	case AlterAddWatermark:
		p.put("ADD")
		p.watermark(a.Watermark)
	case AlterFormat:
		p.format(a.Format)
	case AlterRefreshSchema:
		p.put("REFRESH SCHEMA")
	case AlterRedrive:
		p.put("REDRIVE DEAD LETTERS")
		p.optExpr("WHERE", a.X)
	}
}
