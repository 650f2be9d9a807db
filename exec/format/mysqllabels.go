package format

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// mysqlLabels names the values of enum and set, which Canal writes as numbers: its
// messages tell the labels with the types of the columns (mysqlType). Types
// without labels, as TiCDC writes them unless it is told otherwise, leave numbers.
type mysqlLabels struct {
	columns []Column
	texts   []int32 // Spec columns that may be of an enum or a set
	seen    []byte  // the types of the message before
	of      map[int32]labels
}

// labels are those of one column.
type labels struct {
	names []string
	set   bool
}

func newMySQLLabels(columns []Column) *mysqlLabels {
	m := &mysqlLabels{columns: columns}
	for i, c := range columns {
		if c.From == FromValue && (c.Type.OID == types.OIDText || c.Type.OID == types.OIDVarchar && c.Type.Mod < 0) {
			m.texts = append(m.texts, int32(i))
		}
	}
	return m
}

// message reads the types that a message tells of its columns.
func (m *mysqlLabels) message(text []byte) {
	if bytes.Equal(text, m.seen) { // as those of one table are
		return
	}
	m.seen, m.of = append(m.seen[:0], text...), nil
	if !bytes.Contains(text, []byte("(")) {
		return
	}
	var byName map[string]string
	if json.Unmarshal(text, &byName) != nil {
		return
	}
	for _, i := range m.texts {
		name := m.columns[i].Path
		if name == "" {
			name = m.columns[i].Name
		}
		typ, ok := byName[name]
		for other, t := range byName {
			if !ok && strings.EqualFold(other, name) {
				typ = t
			}
		}
		if l, ok := labelsOf(typ); ok {
			if m.of == nil {
				m.of = map[int32]labels{}
			}
			m.of[i] = l
		}
	}
}

// labelsOf reads enum('a','b') and set('a','b').
func labelsOf(typ string) (labels, bool) {
	if strings.IndexByte(typ, 0) >= 0 { // no text could hold it
		return labels{}, false
	}
	word, rest, _ := strings.Cut(strings.TrimSpace(typ), "(")
	l := labels{set: strings.EqualFold(word, "set")}
	if !l.set && !strings.EqualFold(word, "enum") {
		return l, false
	}
	for rest = strings.TrimLeft(rest, " ,"); strings.HasPrefix(rest, "'"); rest = strings.TrimLeft(rest, " ,") {
		var b strings.Builder
		for rest = rest[1:]; rest != ""; rest = rest[1:] {
			if rest[0] == '\'' {
				if rest = rest[1:]; !strings.HasPrefix(rest, "'") {
					break
				}
			}
			b.WriteByte(rest[0])
		}
		l.names = append(l.names, b.String())
	}
	return l, len(l.names) > 0
}

// name is the text that a number stands for. What is no number of a label, is one
// already.
func (l labels) name(text []byte) (string, bool) {
	n, err := strconv.ParseUint(string(text), 10, 64)
	switch {
	case err != nil:
		return "", false
	case n == 0:
		return "", true
	case !l.set:
		if n > uint64(len(l.names)) {
			return "", false
		}
		return l.names[n-1], true
	}
	var names []string
	for i, name := range l.names {
		if i < 64 && n&(1<<i) != 0 {
			names, n = append(names, name), n&^(1<<i)
		}
	}
	return strings.Join(names, ","), n == 0
}

// apply replaces numbers by names in images: of[i] is where the rows of message i
// begin, mysqlTypes what it tells of its columns.
func (m *mysqlLabels) apply(mysqlTypes *vec.Vec, images [][]*vec.Vec, of [][]int) {
	made := make([]map[int32]*vec.Builder, len(images))
	for i := range mysqlTypes.N {
		if mysqlTypes.IsNull(i) {
			m.seen, m.of = m.seen[:0], nil
		} else {
			m.message(mysqlTypes.Bytes(i))
		}
		for k, image := range images {
			if m.of != nil && made[k] == nil {
				made[k] = map[int32]*vec.Builder{}
			}
			m.rows(image, made[k], of[k][i], of[k][i+1])
		}
	}
	for k, image := range images {
		for c, b := range made[k] {
			copyRows(b, image[c], b.Len(), image[c].N)
			image[c] = b.Finish()
		}
	}
}

// rows appends the rows from lo to hi to the columns that are being made anew.
func (m *mysqlLabels) rows(image []*vec.Vec, made map[int32]*vec.Builder, lo, hi int) {
	for c, l := range m.of {
		in := image[c]
		if in == nil {
			continue
		}
		b := made[c]
		if b == nil {
			b = vec.NewBuilder(in.Type, in.N)
			made[c] = b
		}
		copyRows(b, in, b.Len(), lo)
		for row := lo; row < hi; row++ {
			if in.IsNull(row) {
				b.Null()
			} else if name, ok := l.name(in.Bytes(row)); ok {
				b.String(name)
			} else {
				b.Append(in, row)
			}
		}
	}
}

func copyRows(b *vec.Builder, in *vec.Vec, lo, hi int) {
	for row := lo; row < hi; row++ {
		b.Append(in, row)
	}
}
