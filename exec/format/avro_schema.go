package format

import (
	"strings"

	"github.com/twmb/avro"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// Avro schemas are parsed and checked by github.com/twmb/avro: it is maintained
// together with the Kafka client, depends on nothing, knows the whole
// specification with its logical types, cross-schema references and
// compatibility rules, and is tested against the Java implementation. The two
// other maintained ones are larger (hamba) or parse into Go values only
// (goavro). Its decoder is the oracle of the tests; rows are decoded by
// avroProgram.

type avroType uint8

const (
	avroNull avroType = iota
	avroBool
	avroInt
	avroLong
	avroFloat
	avroDouble
	avroBytes
	avroString
	avroFixed
	avroEnum
	avroArray
	avroMap
	avroRecord
	avroUnion
)

var avroTypes = map[string]avroType{
	"null": avroNull, "boolean": avroBool, "int": avroInt, "long": avroLong, "float": avroFloat, "double": avroDouble,
	"bytes": avroBytes, "string": avroString, "fixed": avroFixed, "enum": avroEnum, "array": avroArray, "map": avroMap,
	"record": avroRecord, "error": avroRecord, "union": avroUnion,
}

// avroUnit is what a number of a time counts.
type avroUnit uint8

const (
	unitNone avroUnit = iota
	unitMilli
	unitNano
)

// avroNode is a schema with its references resolved; recursive types are cycles.
type avroNode struct {
	typ       avroType
	kind      wireKind // of scalars
	unit      avroUnit
	precision int
	scale     int
	size      int    // fixed
	name      string // of records, enums, fixed: the full name
	symbols   [][]byte
	items     *avroNode // of arrays and maps
	branches  []*avroNode
	fields    []avroField
	least     int // bytes of the shortest encoded value, or fewer
	duration  bool
}

type avroField struct {
	name       string
	key        []byte // name
	aliases    []string
	node       *avroNode
	def        any
	hasDefault bool
}

// what names a node in messages.
func (n *avroNode) what() string {
	for name, t := range avroTypes {
		if t == n.typ && name != "error" {
			return name
		}
	}
	return ""
}

// nullable returns the other branch of a union of null and one type, and the
// index of null.
func (n *avroNode) nullable() (inner *avroNode, null int, ok bool) {
	if n.typ != avroUnion || len(n.branches) != 2 {
		return nil, 0, false
	}
	for i, b := range n.branches {
		if b.typ == avroNull && n.branches[1-i].typ != avroNull {
			return n.branches[1-i], i, true
		}
	}
	return nil, 0, false
}

// parseAvro parses a schema and those it refers to.
func parseAvro(s *Schema) (*avro.Schema, error) {
	var cache avro.SchemaCache
	seen := map[*Schema]bool{}
	var add func(s *Schema, depth int) (*avro.Schema, error)
	add = func(s *Schema, depth int) (*avro.Schema, error) {
		if depth > referenceDepthMax {
			return nil, errReferenceDepth
		}
		for _, name := range referenceNames(s) {
			if ref := s.References[name]; !seen[ref] {
				seen[ref] = true
				if _, err := add(ref, depth+1); err != nil {
					return nil, err
				}
			}
		}
		parsed, err := cache.Parse(s.Text)
		if err != nil {
			return nil, sqlerr.New(sqlerr.InvalidParameterValue, "invalid Avro schema: %s", strings.TrimPrefix(err.Error(), "avro: "))
		}
		return parsed, nil
	}
	return add(s, 0)
}

// avroTree is the tree of a parsed schema.
func avroTree(s *avro.Schema) (*avroNode, error) {
	root := s.Root()
	b := avroBuilder{defs: map[string]*avro.SchemaNode{}, made: map[string]*avroNode{}}
	b.define(root, 0)
	n, err := b.node(root, "", 0)
	if err != nil {
		return nil, err
	}
	return n, nil
}

type avroBuilder struct {
	defs map[string]*avro.SchemaNode
	made map[string]*avroNode
}

const avroSchemaDepthMax = 512

func avroFullName(n *avro.SchemaNode) string {
	if n.Namespace == "" || strings.Contains(n.Name, ".") {
		return n.Name
	}
	return n.Namespace + "." + n.Name
}

// define collects the named types, wherever they stand.
func (b *avroBuilder) define(n *avro.SchemaNode, depth int) {
	if n == nil || depth > avroSchemaDepthMax {
		return
	}
	if n.Name != "" {
		b.defs[avroFullName(n)] = n
	}
	for i := range n.Fields {
		b.define(&n.Fields[i].Type, depth+1)
	}
	for i := range n.Branches {
		b.define(&n.Branches[i], depth+1)
	}
	b.define(n.Items, depth+1)
	b.define(n.Values, depth+1)
}

func (b *avroBuilder) node(n *avro.SchemaNode, space string, depth int) (*avroNode, error) {
	if depth > avroSchemaDepthMax {
		return nil, sqlerr.New(sqlerr.ProgramLimitExceeded, "the Avro schema is nested too deeply")
	}
	t, known := avroTypes[n.Type]
	if !known {
		return b.reference(n.Type, space, depth)
	}
	out := &avroNode{typ: t, size: n.Size}
	if n.Name != "" {
		out.name = avroFullName(n)
		b.made[out.name] = out
		space = ""
		if i := strings.LastIndexByte(out.name, '.'); i >= 0 {
			space = out.name[:i]
		}
	}
	if err := b.children(out, n, space, depth); err != nil {
		return nil, err
	}
	out.scalar(n)
	out.least = out.leastBytes()
	return out, nil
}

// reference resolves a type's name: a full one, or one of the namespace around it.
func (b *avroBuilder) reference(name, space string, depth int) (*avroNode, error) {
	full := name
	if space != "" && !strings.Contains(name, ".") {
		if _, ok := b.defs[space+"."+name]; ok {
			full = space + "." + name
		}
	}
	if n, ok := b.made[full]; ok {
		return n, nil
	}
	if def, ok := b.defs[full]; ok {
		return b.node(def, space, depth+1)
	}
	return nil, sqlerr.New(sqlerr.InvalidParameterValue, "invalid Avro schema: unknown type %q", name)
}

func (b *avroBuilder) children(out *avroNode, n *avro.SchemaNode, space string, depth int) (err error) {
	switch out.typ {
	case avroArray:
		out.items, err = b.node(n.Items, space, depth+1)
	case avroMap:
		out.items, err = b.node(n.Values, space, depth+1)
	case avroEnum:
		for _, s := range n.Symbols {
			out.symbols = append(out.symbols, []byte(s))
		}
	case avroUnion:
		for i := range n.Branches {
			child, err := b.node(&n.Branches[i], space, depth+1)
			if err != nil {
				return err
			}
			out.branches = append(out.branches, child)
		}
	case avroRecord:
		for i := range n.Fields {
			f := &n.Fields[i]
			child, err := b.node(&f.Type, space, depth+1)
			if err != nil {
				return err
			}
			out.fields = append(out.fields, avroField{name: f.Name, key: []byte(f.Name), aliases: f.Aliases, node: child, def: f.Default, hasDefault: f.HasDefault})
		}
	}
	return err
}

// scalar sets what a value is; a logical type that does not fit its type is none,
// as the specification has it.
func (out *avroNode) scalar(n *avro.SchemaNode) {
	switch out.typ {
	case avroBool:
		out.kind = kindBool
	case avroInt:
		out.kind = kindInt
	case avroLong:
		out.kind = kindLong
	case avroFloat:
		out.kind = kindFloat
	case avroDouble:
		out.kind = kindDouble
	case avroBytes, avroFixed:
		out.kind = kindBytes
	case avroString, avroEnum:
		out.kind = kindText
	}
	switch l := n.LogicalType; {
	case l == "decimal" && out.kind == kindBytes && n.Precision > 0:
		out.kind, out.precision, out.scale = kindDecimal, n.Precision, n.Scale
	case l == "date" && out.typ == avroInt:
		out.kind = kindDate
	case l == "time-millis" && out.typ == avroInt:
		out.kind, out.unit = kindTime, unitMilli
	case l == "time-micros" && out.typ == avroLong:
		out.kind = kindTime
	case strings.HasPrefix(l, "timestamp-") && out.typ == avroLong:
		out.stamp(kindInstant, strings.TrimPrefix(l, "timestamp-"))
	case strings.HasPrefix(l, "local-timestamp-") && out.typ == avroLong:
		out.stamp(kindStamp, strings.TrimPrefix(l, "local-timestamp-"))
	case l == "uuid" && out.typ == avroString:
		out.kind = kindUUIDText
	case l == "uuid" && out.typ == avroFixed && out.size == 16:
		out.kind = kindUUID
	case l == "duration" && out.typ == avroFixed && out.size == 12:
		out.kind, out.duration = kindInterval, true
	case l == "":
		out.connect(n)
	}
}

func (out *avroNode) stamp(k wireKind, unit string) {
	switch unit {
	case "millis":
		out.kind, out.unit = k, unitMilli
	case "micros":
		out.kind = k
	case "nanos":
		out.kind, out.unit = k, unitNano
	}
}

// connect knows the names by which Kafka Connect and Debezium mark times that
// have no logical type of Avro's.
func (out *avroNode) connect(n *avro.SchemaNode) {
	name, _ := n.Props["connect.name"].(string)
	switch {
	case out.typ == avroInt && name == "io.debezium.time.Date":
		out.kind = kindDate
	case out.typ == avroInt && name == "io.debezium.time.Time":
		out.kind, out.unit = kindTime, unitMilli
	case out.typ == avroLong:
		switch name {
		case "io.debezium.time.MicroTime":
			out.kind = kindTime
		case "io.debezium.time.NanoTime":
			out.kind, out.unit = kindTime, unitNano
		case "io.debezium.time.Timestamp":
			out.kind, out.unit = kindStamp, unitMilli
		case "io.debezium.time.MicroTimestamp":
			out.kind = kindStamp
		case "io.debezium.time.NanoTimestamp":
			out.kind, out.unit = kindStamp, unitNano
		}
	}
}

// natural is the SQL type of the columns that a schema proposes.
func (n *avroNode) natural() types.Type {
	if inner, _, ok := n.nullable(); ok {
		n = inner
	}
	if n.kind != kindNone {
		return naturalType(n.kind, n.precision, n.scale)
	}
	if n.typ == avroArray {
		item := n.items
		if inner, _, ok := item.nullable(); ok {
			item = inner
		}
		if item.kind != kindNone {
			return types.ArrayOf(naturalType(item.kind, item.precision, item.scale))
		}
	}
	return types.JSONB
}

// leastBytes is a lower bound of the size of an encoded value, so that counts can
// be held against the bytes that are left. In a recursive type the inner one
// counts nothing.
func (n *avroNode) leastBytes() int {
	switch n.typ {
	case avroNull:
		return 0
	case avroFloat:
		return 4
	case avroDouble:
		return 8
	case avroFixed:
		return n.size
	case avroRecord:
		sum := 0
		for _, f := range n.fields {
			sum = min(sum+f.node.least, 1<<20)
		}
		return sum
	}
	return 1
}
