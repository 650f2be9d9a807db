package format

import (
	"strings"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// protoProgram decodes records of one message type into the wanted columns.
// Fields come in any order and the last of a field holds, so that a record is
// first walked into slots, one a column, which are then put into the columns.
type protoProgram struct {
	top   *protoStep
	slots []protoSlot
	depth int // of nested messages that are looked into
}

// protoStep is a message of which fields are wanted: those whose messages stand
// in others are looked into where they come.
type protoStep struct {
	msg     *protoMessage
	actions []protoAction
	small   [32]int32       // field number → index into actions + 1
	large   map[int32]int32 // the same for other numbers
	parent  int             // slot of presence, -1: the record itself
}

// protoAction is what is done with a field.
type protoAction struct {
	field    *protoField
	wireType uint64
	only     int32   // the slot, where nothing is to be done but to note a value; else -1
	direct   *cell   // values go to column only at once
	slots    []int32 // to keep it in
	sub      *protoStep
	clears   []int32 // slots of the other members of its oneof
}

// protoSlot is a column, or the presence of a message that is looked into.
type protoSlot struct {
	field  *protoField // nil: presence, or a column without field
	parent int         // slot of the presence of the message around it, -1: none
	col    int32       // -1: presence
	direct bool        // the column is filled while the record is walked
	how    protoHow
	cell   *cell
}

type protoHow uint8

const (
	protoPutNull   protoHow = iota // there is no such field
	protoPutScalar                 //
	protoPutJSON                   // messages, maps, repeated messages
	protoPutArray                  //
	protoPutWhole                  // the record as JSON
)

type protoCompiler struct {
	fields []field
	count  timeCount
	prog   *protoProgram
}

func compileProto(m *protoMessage, fields []field, count timeCount) (*protoProgram, error) {
	c := protoCompiler{fields: fields, count: count, prog: &protoProgram{slots: make([]protoSlot, len(fields))}}
	c.prog.top = c.step(m, -1)
	for i, f := range fields {
		if err := c.column(int32(i), m.path(f.Paths)); err != nil {
			return nil, err
		}
	}
	c.settle(c.prog.top)
	return c.prog, nil
}

// settle finds the fields that need no slot: plain values of the record itself
// that only one column wants.
func (c *protoCompiler) settle(s *protoStep) {
	for i := range s.actions {
		a := &s.actions[i]
		if a.sub != nil {
			c.settle(a.sub)
		}
		if len(a.slots) != 1 || a.sub != nil || len(a.clears) > 0 || a.field.repeated || a.field.msg != nil {
			continue
		}
		slot := &c.prog.slots[a.slots[0]]
		a.only = a.slots[0]
		if slot.parent < 0 && a.field.oneof < 0 && a.field.enum == nil {
			a.direct, slot.direct = slot.cell, true
		}
	}
}

// path is the first path that leads somewhere, else the first.
func (m *protoMessage) path(paths [][]string) []string {
	for _, p := range paths {
		at, ok := m, true
		for _, name := range p {
			if at == nil || at.find(name) == nil {
				ok = false
				break
			}
			at = at.find(name).inside()
		}
		if ok {
			return p
		}
	}
	if len(paths) == 0 {
		return nil
	}
	return paths[0]
}

// inside is the message that a path can go into.
func (f *protoField) inside() *protoMessage {
	if f.repeated || f.kind != kindNone {
		return nil
	}
	return f.msg
}

// find looks a field up by its exact name, then without case; the names that
// JSON has for it do as well.
func (m *protoMessage) find(name string) *protoField {
	for _, f := range m.fields {
		if f.name == name {
			return f
		}
	}
	bare := strings.ReplaceAll(name, "_", "")
	for _, f := range m.fields {
		if strings.EqualFold(f.name, name) {
			return f
		}
	}
	for _, f := range m.fields {
		if strings.EqualFold(strings.ReplaceAll(f.name, "_", ""), bare) {
			return f
		}
	}
	return nil
}

func (c *protoCompiler) step(m *protoMessage, parent int) *protoStep {
	return &protoStep{msg: m, parent: parent, large: map[int32]int32{}}
}

// column compiles one column.
func (c *protoCompiler) column(col int32, path []string) error {
	slot := &c.prog.slots[col]
	*slot = protoSlot{parent: -1, col: col}
	if len(path) == 0 {
		if slot.how = protoPutWhole; !isJSON(c.fields[col].Type) && c.fields[col].Type.OID != types.OIDText {
			return sqlerr.New(sqlerr.DatatypeMismatch, "field %q: a Protobuf message cannot become %s", c.fields[col].Name, c.fields[col].Type)
		}
		return nil
	}
	at := c.prog.top
	for i, name := range path {
		f := at.msg.find(name)
		if f == nil {
			if i > 0 {
				return sqlerr.New(sqlerr.UndefinedColumn, "field %q: message %s has no field %q", c.fields[col].Name, at.msg.name, name)
			}
			return nil // as for a schema that has it no more: NULL
		}
		if i == len(path)-1 {
			a := at.action(f)
			a.slots = append(a.slots, col)
			at.clear(f, col)
			// The slots may have moved.
			slot = &c.prog.slots[col]
			slot.field, slot.parent = f, at.parent
			return c.leaf(slot)
		}
		if f.inside() == nil {
			return sqlerr.New(sqlerr.DatatypeMismatch, "field %q: %s %q has no fields", c.fields[col].Name, f.what(), f.name)
		}
		a := at.action(f)
		if a.sub == nil {
			presence := len(c.prog.slots)
			c.prog.slots = append(c.prog.slots, protoSlot{parent: at.parent, col: -1})
			a.sub = c.step(f.msg, presence)
			at.clear(f, int32(presence))
			a = at.action(f)
		}
		at = a.sub
		c.prog.depth = max(c.prog.depth, i+1)
	}
	return nil
}

// action is that of a field, made where there is none. It holds until the next
// one is made.
func (s *protoStep) action(f *protoField) *protoAction {
	for i := range s.actions {
		if s.actions[i].field == f {
			return &s.actions[i]
		}
	}
	s.actions = append(s.actions, protoAction{field: f, only: -1, wireType: f.wire.wireType()})
	if uint32(f.number) < uint32(len(s.small)) {
		s.small[f.number] = int32(len(s.actions))
	} else {
		s.large[f.number] = int32(len(s.actions))
	}
	return &s.actions[len(s.actions)-1]
}

// clear makes the other members of f's oneof clear a slot.
func (s *protoStep) clear(f *protoField, slot int32) {
	if f.oneof < 0 {
		return
	}
	for _, other := range s.msg.fields {
		if other != f && other.oneof == f.oneof {
			a := s.action(other)
			a.clears = append(a.clears, slot)
		}
	}
}

func (s *protoStep) find(number int32) *protoAction {
	var at int32
	if uint32(number) < uint32(len(s.small)) {
		at = s.small[number]
	} else if len(s.large) > 0 {
		at = s.large[number]
	}
	if at == 0 {
		return nil
	}
	return &s.actions[at-1]
}

// leaf finds the way from a field to a column.
func (c *protoCompiler) leaf(s *protoSlot) error {
	f, to := s.field, c.fields[s.col].Type
	mismatch := sqlerr.New(sqlerr.DatatypeMismatch, "field %q: Protobuf %s cannot become %s", c.fields[s.col].Name, f.what(), to).
		WithHint("Its own type is %s.", f.natural())
	if f.isMap || f.kind == kindNone || f.repeated && !to.IsArray() {
		if s.how = protoPutJSON; !isJSON(to) && to.OID != types.OIDText {
			return mismatch
		}
		return nil
	}
	s.how = protoPutScalar
	if f.repeated {
		s.how = protoPutArray
		if to.IsVector() {
			return mismatch
		}
		to = types.ElemOf(to)
	}
	var ok bool
	if s.cell, ok = newCell(f.kindFor(to), 0, to, c.count); !ok {
		return mismatch
	}
	s.cell.unavailable = c.fields[s.col].unavailable
	return nil
}

// kindFor is the kind of a field's values for a column of a type: enums are
// names, but for integers numbers.
func (f *protoField) kindFor(to types.Type) wireKind {
	if f.enum != nil && (to.OID == types.OIDInt2 || to.OID == types.OIDInt4 || to.OID == types.OIDInt8) {
		return kindInt
	}
	return f.kind
}
