package parser

import (
	"strings"

	"github.com/tarndb/tarn/sql/ast"
)

// builtinTypes are the type names that are keywords, with PostgreSQL's
// internal names.
var builtinTypes = map[string]string{
	"int": "int4", "integer": "int4", "smallint": "int2", "bigint": "int8", "real": "float4",
	"boolean": "bool", "decimal": "numeric", "dec": "numeric", "numeric": "numeric",
	"float": "float8", "bit": "bit", "char": "bpchar", "character": "bpchar", "nchar": "bpchar",
	"national": "bpchar", "varchar": "varchar", "time": "time", "timestamp": "timestamp",
	"interval": "interval", "double": "float8",
}

// typeName parses a type with its array bounds.
func (p *parser) typeName() *ast.TypeName {
	p.enter()
	defer p.leave()
	t := &ast.TypeName{Pos: p.pos()}
	t.SetOf = p.accept("setof")
	p.simpleType(t)
	for {
		switch {
		case p.isOp("[") && (p.ahead(1).op("]") || p.ahead(1).kind == tInt && p.ahead(2).op("]")):
			p.i++
			t.ArrayDims = append(t.ArrayDims, p.arrayBound())
		case len(t.ArrayDims) == 0 && p.isWord("array"):
			p.i++
			if p.acceptOp("[") {
				t.ArrayDims = append(t.ArrayDims, p.arrayBound())
			} else {
				t.ArrayDims = append(t.ArrayDims, -1)
			}
		default:
			return t
		}
	}
}

func (p *parser) arrayBound() int {
	n := -1
	if p.at().kind == tInt {
		n = p.integer()
	}
	p.expectOp("]")
	return n
}

func (p *parser) simpleType(t *ast.TypeName) {
	tok := p.at()
	if tok.kind == tWord {
		if p.nestedType(t, tok.text) {
			return
		}
		if internal, ok := builtinTypes[tok.text]; ok && !p.ahead(1).op(".") && (tok.text != "double" || p.ahead(1).word("precision")) {
			p.i++
			t.Name = ast.Name{Pos: t.Pos, Parts: []string{internal}}
			p.builtinType(t, tok.text)
			return
		}
	}
	if !tok.isFuncName() {
		p.unexpected()
	}
	t.Name = ast.Name{Pos: t.Pos, Parts: []string{p.advance().text}}
	t.Name = p.nameRest(t.Name)
	if p.isOp("%") && p.ahead(1).word("type") {
		p.i += 2
		t.PctType = true
		return
	}
	t.Mods = p.typeMods()
}

func (p *parser) typeMods() []ast.Expr {
	if !p.isOp("(") || p.ahead(1).op(")") {
		return nil
	}
	return parenList(p, p.expr)
}

// builtinType parses what follows a type keyword.
func (p *parser) builtinType(t *ast.TypeName, word string) {
	switch word {
	case "double":
		p.expect("precision")
	case "float":
		if p.isOp("(") {
			pos := p.ahead(1).pos
			p.i++
			n := p.integer()
			p.expectOp(")")
			if n < 1 || n > 53 {
				p.errorAt(int(pos)+1, "precision for type float must be between 1 and 53 bits")
			}
			if n <= 24 {
				t.Name.Parts[0] = "float4"
			}
		}
	case "national":
		if p.acceptAny("char", "character") == "" {
			p.unexpected()
		}
		p.charType(t)
	case "char", "character", "nchar":
		p.charType(t)
	case "bit":
		if p.accept("varying") {
			t.Name.Parts[0] = "varbit"
		}
		t.Mods = p.typeMods()
	case "time", "timestamp":
		t.Mods = p.typeMods()
		if p.accept("with", "time", "zone") {
			t.Name.Parts[0] += "tz"
		} else {
			p.accept("without", "time", "zone")
		}
	case "interval":
		t.Mods = p.typeMods()
		if t.Mods == nil {
			p.intervalFields(t)
		}
	default:
		t.Mods = p.typeMods()
	}
}

func (p *parser) charType(t *ast.TypeName) {
	if p.accept("varying") {
		t.Name.Parts[0] = "varchar"
	}
	t.Mods = p.typeMods()
	if t.Name.Parts[0] == "bpchar" && t.Mods == nil {
		t.Mods = []ast.Expr{&ast.Number{Pos: t.Pos, Text: "1"}}
	}
}

var intervalUnits = []string{"year", "month", "day", "hour", "minute", "second"}

// intervalFields parses [unit [TO unit]] with a precision after SECOND.
func (p *parser) intervalFields(t *ast.TypeName) {
	unit := p.acceptAny(intervalUnits...)
	if unit == "" {
		return
	}
	t.Fields = unit
	if p.isWord("to") && p.ahead(1).oneOf(intervalUnits...) {
		p.i++
		to := p.acceptAny(intervalUnits...)
		t.Fields += " TO " + to
		unit = to
	}
	if unit == "SECOND" {
		t.Mods = p.typeMods()
	}
}

// nestedType parses array<t>, map<k, v>, map(k, v), struct<a t, …>, list<t>.
func (p *parser) nestedType(t *ast.TypeName, word string) bool {
	next := p.ahead(1)
	angle := next.kind == tOp && strings.HasPrefix(next.text, "<")
	switch {
	case (word == "array" || word == "list") && angle:
		p.i++
		p.openAngle()
		t.Name = ast.Name{Pos: t.Pos, Parts: []string{"array"}}
		t.Elem = p.typeName()
		p.closeAngle()
	case word == "map" && (angle || next.op("(")):
		p.i++
		paren := p.acceptOp("(")
		if !paren {
			p.openAngle()
		}
		t.Name = ast.Name{Pos: t.Pos, Parts: []string{"map"}}
		t.Key = p.typeName()
		p.expectOp(",")
		t.Value = p.typeName()
		if paren {
			p.expectOp(")")
		} else {
			p.closeAngle()
		}
	case (word == "struct" || word == "row") && (angle || word == "row" && next.op("(")):
		p.i++
		paren := p.acceptOp("(")
		if !paren && p.isOp("<>") {
			p.i++
			t.Name = ast.Name{Pos: t.Pos, Parts: []string{"struct"}}
			return true
		}
		if !paren {
			p.openAngle()
		}
		t.Name = ast.Name{Pos: t.Pos, Parts: []string{"struct"}}
		t.Struct = list(p, func() ast.StructField {
			f := ast.StructField{Name: ast.Ident{Pos: p.pos(), Name: p.label()}}
			p.acceptOp(":")
			f.Type = p.typeName()
			return f
		})
		if paren {
			p.expectOp(")")
		} else {
			p.closeAngle()
		}
	default:
		return false
	}
	return true
}

// openAngle and closeAngle take one < or > off an operator such as >>.
func (p *parser) openAngle()  { p.takeAngle('<') }
func (p *parser) closeAngle() { p.takeAngle('>') }

func (p *parser) takeAngle(c byte) {
	t := p.at()
	if t.kind != tOp || t.text[0] != c {
		p.unexpected()
	}
	if len(t.text) == 1 {
		p.i++
		return
	}
	t.text = t.text[1:]
	t.pos++
}
