package format

import (
	"strings"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// avroProgram decodes records written with one schema into the wanted columns.
// It is made once for a schema; a record is then a walk over its steps.
type avroProgram struct {
	steps []avroStep
}

type avroOp uint8

const (
	avroSkipBytes avroOp = iota // n bytes
	avroSkipBlob                // length, bytes
	avroSkipValue               // a value of node
	avroPutLong                 // numbers of variable length
	avroPutBool
	avroPutFloat
	avroPutDouble
	avroPutBytes // length, bytes
	avroPutFixed // n bytes
	avroPutDuration
	avroPutEnum
	avroPutJSON  // a value of node as its JSON text
	avroPutArray // an array of node's items as an array
	avroChoose   // a branch, then the steps of subs[branch]
	avroPutNull  // NULL into cols
	avroPutConst // the value of def, row 0, into col
	avroMisfit   // the value of node fits no column of cols
	avroMark     // remember where the value begins,
	avroBack     // go back there, to read it again
)

// avroStep is one step. Of a nullable union, the branch comes first: null is the
// index of the null branch, or -1 where there is no union.
type avroStep struct {
	op   avroOp
	unit avroUnit
	null int8
	int  bool // the number has 32 bits
	col  int32
	n    int
	cell *cell
	node *avroNode
	subs [][]avroStep
	cols []int32
	def  *vec.Vec
	err  *sqlerr.Error
}

// avroWant is a column that is wanted, and the rest of the path to it.
type avroWant struct {
	col  int32
	path []string
}

type avroCompiler struct {
	fields []field
	count  timeCount
	depth  int
}

// compileAvro makes the program for records written with writer. reader, or nil,
// gives the aliases and defaults of the fields by which columns are found.
func compileAvro(writer, reader *avroNode, fields []field, count timeCount) (*avroProgram, error) {
	c := avroCompiler{fields: fields, count: count}
	wants := make([]avroWant, len(fields))
	for i, f := range fields {
		wants[i] = avroWant{int32(i), avroPath(writer, reader, f.Paths)}
	}
	steps, err := c.value(writer, reader, wants)
	if err != nil {
		return nil, err
	}
	return &avroProgram{steps: steps}, nil
}

// avroPath is the first path that leads somewhere, else the first.
func avroPath(writer, reader *avroNode, paths [][]string) []string {
	for _, p := range paths {
		if writer.reaches(p) || reader != nil && reader.reaches(p) {
			return p
		}
	}
	// A value that is no record has no names: the one column is all of it.
	if len(paths) == 0 || writer.record() == nil && len(paths[0]) == 1 {
		return nil
	}
	return paths[0]
}

// record is n, or its only branch that is not null, if that is a record.
func (n *avroNode) record() *avroNode {
	if inner, _, ok := n.nullable(); ok {
		n = inner
	}
	if n.typ != avroRecord {
		return nil
	}
	return n
}

func (n *avroNode) reaches(path []string) bool { return n.at(path) != nil }

// at is the node at a path, or nil.
func (n *avroNode) at(path []string) *avroNode {
	for _, name := range path {
		r := n.record()
		if r == nil {
			return nil
		}
		i := r.find(name)
		if i < 0 {
			return nil
		}
		n = r.fields[i].node
	}
	return n
}

// find looks a field up by its exact name, then without case, then by the names
// it had before.
func (n *avroNode) find(name string) int {
	for i := range n.fields {
		if n.fields[i].name == name {
			return i
		}
	}
	for i := range n.fields {
		if strings.EqualFold(n.fields[i].name, name) {
			return i
		}
	}
	for i := range n.fields {
		for _, a := range n.fields[i].aliases {
			if strings.EqualFold(a, name) {
				return i
			}
		}
	}
	return -1
}

// value compiles the reading of one value, of which wants are taken.
func (c *avroCompiler) value(n, reader *avroNode, wants []avroWant) ([]avroStep, error) {
	if len(wants) == 0 {
		return []avroStep{{op: avroSkipValue, node: n, null: -1}}, nil
	}
	if c.depth++; c.depth > avroSchemaDepthMax {
		return nil, sqlerr.New(sqlerr.ProgramLimitExceeded, "a path into the Avro schema is too deep")
	}
	defer func() { c.depth-- }()
	var steps []avroStep
	var deep []avroWant
	again := false
	read := func(s []avroStep) {
		if !again {
			steps = append(steps, avroStep{op: avroMark, null: -1})
		} else {
			steps = append(steps, avroStep{op: avroBack, null: -1})
		}
		again = true
		steps = append(steps, s...)
	}
	for _, w := range wants {
		if len(w.path) > 0 {
			deep = append(deep, w)
			continue
		}
		s, err := c.leaf(n, w.col)
		if err != nil {
			return nil, err
		}
		if len(wants) == 1 {
			return s, nil
		}
		read(s)
	}
	if len(deep) == 0 {
		return steps, nil
	}
	s, err := c.inside(n, reader, deep)
	if err != nil || !again {
		return s, err
	}
	read(s)
	return steps, nil
}

// inside compiles the reading of a value of which only parts are wanted.
func (c *avroCompiler) inside(n, reader *avroNode, wants []avroWant) ([]avroStep, error) {
	if reader != nil {
		reader = reader.record()
	}
	switch n.typ {
	case avroRecord:
		return c.recordSteps(n, reader, wants)
	case avroUnion:
		s := avroStep{op: avroChoose, null: -1}
		for _, b := range n.branches {
			sub, err := c.inside(b, reader, wants)
			if err != nil {
				return nil, err
			}
			s.subs = append(s.subs, sub)
		}
		return []avroStep{s}, nil
	case avroNull:
		return []avroStep{{op: avroPutNull, null: -1, cols: wantedColumns(wants)}}, nil
	}
	return []avroStep{{op: avroMisfit, null: -1, node: n, cols: wantedColumns(wants),
		err: sqlerr.New(sqlerr.DatatypeMismatch, "Avro %s has no field %q", n.what(), wants[0].path[0])}}, nil
}

func wantedColumns(wants []avroWant) []int32 {
	cols := make([]int32, len(wants))
	for i, w := range wants {
		cols[i] = w.col
	}
	return cols
}

func (c *avroCompiler) recordSteps(n, reader *avroNode, wants []avroWant) ([]avroStep, error) {
	of := make([][]avroWant, len(n.fields))
	readers := make([]*avroNode, len(n.fields))
	var missing []avroStep
	for _, w := range wants {
		at, from, err := c.resolve(n, reader, w)
		if err != nil {
			return nil, err
		}
		switch {
		case at >= 0:
			of[at] = append(of[at], avroWant{w.col, w.path[1:]})
			if from != nil {
				readers[at] = from.node
			}
		case from != nil && from.hasDefault && len(w.path) == 1:
			s, err := c.constant(from, w.col)
			if err != nil {
				return nil, err
			}
			missing = append(missing, s)
		default:
			missing = append(missing, avroStep{op: avroPutNull, null: -1, cols: []int32{w.col}})
		}
	}
	var steps []avroStep
	for i, f := range n.fields {
		if len(of[i]) == 0 {
			steps = appendSkip(steps, f.node)
			continue
		}
		s, err := c.value(f.node, readers[i], of[i])
		if err != nil {
			return nil, err
		}
		steps = append(steps, s...)
	}
	return append(steps, missing...), nil
}

// resolve finds the writer's field of a column: that which the reader's field of
// its name was called, else the writer's of that name.
func (c *avroCompiler) resolve(n, reader *avroNode, w avroWant) (at int, from *avroField, err error) {
	name := w.path[0]
	if reader == nil {
		return n.find(name), nil, nil
	}
	i := reader.find(name)
	if i < 0 {
		return n.find(name), nil, nil
	}
	from = &reader.fields[i]
	for _, name := range append([]string{from.name}, from.aliases...) {
		for j := range n.fields {
			if n.fields[j].name == name {
				return j, from, nil
			}
		}
	}
	return -1, from, nil
}

// constant is a column that gets the reader's default.
func (c *avroCompiler) constant(f *avroField, col int32) (avroStep, error) {
	image, err := avroDefault(nil, f.node, f.def)
	if err != nil {
		return avroStep{}, err
	}
	one := newRows(c.fields[col:col+1], 1, false)
	sub := avroCompiler{fields: c.fields[col : col+1], count: c.count}
	steps, err := sub.leaf(f.node, 0)
	if err != nil {
		return avroStep{}, err
	}
	r := avroReader{}
	r.decode(&avroProgram{steps: steps}, image, one, 0)
	if one.bad != nil && one.bad[0] != nil {
		return avroStep{}, one.bad[0]
	}
	return avroStep{op: avroPutConst, null: -1, col: col, def: one.cols[0].Finish()}, nil
}

// appendSkip skips a value; neighbours of fixed size become one step.
func appendSkip(steps []avroStep, n *avroNode) []avroStep {
	size := 0
	switch n.typ {
	case avroNull:
		return steps
	case avroBool:
		size = 1
	case avroFloat:
		size = 4
	case avroDouble:
		size = 8
	case avroFixed:
		size = n.size
	case avroBytes, avroString:
		return append(steps, avroStep{op: avroSkipBlob, null: -1, col: -1})
	default:
		if inner, null, ok := n.nullable(); ok {
			if at := len(steps); inner.kind != kindNone {
				steps = append(steps, appendSkip(nil, inner)...)
				steps[at].null = int8(null)
				return steps
			}
		}
		return append(steps, avroStep{op: avroSkipValue, node: n, null: -1, col: -1})
	}
	if last := len(steps) - 1; last >= 0 && steps[last].op == avroSkipBytes && steps[last].null < 0 {
		steps[last].n += size
		return steps
	}
	return append(steps, avroStep{op: avroSkipBytes, n: size, null: -1, col: -1})
}

// leaf compiles the reading of a whole value into a column.
func (c *avroCompiler) leaf(n *avroNode, col int32) ([]avroStep, error) {
	if inner, null, ok := n.nullable(); ok {
		if s, ok, err := c.simple(inner, col); err != nil || ok {
			s.null = int8(null)
			return []avroStep{s}, err
		}
	}
	if s, ok, err := c.simple(n, col); err != nil || ok {
		return []avroStep{s}, err
	}
	if isJSON(c.fields[col].Type) {
		return []avroStep{{op: avroPutJSON, null: -1, node: n, col: col}}, nil
	}
	if n.typ == avroUnion {
		return c.branches(n, col)
	}
	return nil, c.mismatch(n, col)
}

func isJSON(t types.Type) bool { return t.OID == types.OIDJSONB || t.OID == types.OIDJSON }

func (c *avroCompiler) mismatch(n *avroNode, col int32) *sqlerr.Error {
	f := c.fields[col]
	return sqlerr.New(sqlerr.DatatypeMismatch, "field %q: Avro type %s cannot become %s", f.Name, n.what(), f.Type).
		WithHint("Its own type is %s.", n.natural())
}

// branches compiles a union into a column: each branch as it can, a branch that
// cannot is a misfit when it comes.
func (c *avroCompiler) branches(n *avroNode, col int32) ([]avroStep, error) {
	s := avroStep{op: avroChoose, null: -1}
	fits := 0
	for _, b := range n.branches {
		var sub []avroStep
		one, ok, err := c.simple(b, col)
		switch {
		case ok:
			sub = []avroStep{one}
			fits++
		case b.typ == avroNull:
			sub = []avroStep{{op: avroPutNull, null: -1, cols: []int32{col}}}
		default:
			if err == nil {
				err = c.mismatch(b, col)
			}
			sub = []avroStep{{op: avroMisfit, null: -1, node: b, cols: []int32{col},
				err: sqlerr.New(sqlerr.DatatypeMismatch, "Avro type %s cannot become %s", b.what(), c.fields[col].Type)}}
		}
		s.subs = append(s.subs, sub)
	}
	if fits == 0 {
		return nil, c.mismatch(n, col)
	}
	return []avroStep{s}, nil
}

// simple is the one step that reads n, if there is one.
func (c *avroCompiler) simple(n *avroNode, col int32) (avroStep, bool, error) {
	s := avroStep{null: -1, col: col, node: n, unit: n.unit, n: n.size, int: n.typ == avroInt}
	to := c.fields[col].Type
	switch n.typ {
	case avroNull:
		s.op, s.cols = avroPutNull, []int32{col}
		return s, true, nil
	case avroUnion:
		return s, false, nil
	case avroRecord, avroMap:
		if s.op = avroPutJSON; isJSON(to) || to.OID == types.OIDText {
			return s, true, nil
		}
		return s, false, c.mismatch(n, col)
	case avroArray:
		return c.array(n, col)
	}
	cell, ok := newCell(n.kind, n.scale, to, c.count)
	if !ok {
		return s, false, c.mismatch(n, col)
	}
	cell.unavailable = c.fields[col].unavailable
	s.cell = cell
	s.op = avroScalarOp(n)
	return s, true, nil
}

func avroScalarOp(n *avroNode) avroOp {
	switch n.typ {
	case avroBool:
		return avroPutBool
	case avroFloat:
		return avroPutFloat
	case avroDouble:
		return avroPutDouble
	case avroBytes, avroString:
		return avroPutBytes
	case avroEnum:
		return avroPutEnum
	case avroFixed:
		if n.duration {
			return avroPutDuration
		}
		return avroPutFixed
	}
	return avroPutLong
}

func (c *avroCompiler) array(n *avroNode, col int32) (avroStep, bool, error) {
	s := avroStep{op: avroPutJSON, null: -1, col: col, node: n}
	to := c.fields[col].Type
	if isJSON(to) || to.OID == types.OIDText {
		return s, true, nil
	}
	elem := types.ElemOf(to)
	if !to.IsArray() || to.IsVector() {
		return s, false, c.mismatch(n, col)
	}
	s.op = avroPutArray
	item := n.items
	if inner, _, ok := item.nullable(); ok {
		item = inner
	}
	if item.kind == kindNone {
		return s, isJSON(elem), c.mismatchUnless(isJSON(elem), n, col)
	}
	cell, ok := newCell(item.kind, item.scale, elem, c.count)
	s.cell = cell
	return s, ok, c.mismatchUnless(ok, n, col)
}

func (c *avroCompiler) mismatchUnless(ok bool, n *avroNode, col int32) error {
	if ok {
		return nil
	}
	return c.mismatch(n, col)
}
