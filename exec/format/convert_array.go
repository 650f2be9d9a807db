package format

import (
	"strings"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// array converts a JSON array of scalars, or of arrays of the same length.
func (c *converter) array(data []byte, t token) (types.Datum, error) {
	a := types.Array{Elem: c.elem.t.Base()}
	s := jsonScan{data: data, pos: int(t.start), end: int(t.end)}
	if err := c.elements(&s, &a, 0); err != nil {
		return types.NullDatum, err
	}
	if len(a.Elems) == 0 {
		a.Dims, a.Lower = nil, nil
	}
	for range a.Dims {
		a.Lower = append(a.Lower, 1)
	}
	return types.ArrayDatum(&a), nil
}

const (
	arrayDimsMax = 6
	// arrayElemsMax bounds the elements of an array, each of which takes much more
	// room than its text.
	arrayElemsMax = 1 << 18
)

// elements reads the array at s, which has been checked, into dimension dim.
func (c *converter) elements(s *jsonScan, a *types.Array, dim int) error {
	start := s.pos
	first := dim == len(a.Dims)
	if first {
		if dim == arrayDimsMax || dim > 0 && len(a.Elems) > 0 {
			return c.wrong(s.data[start:s.end])
		}
		a.Dims = append(a.Dims, 0)
	}
	n, leaf := int32(0), true
	s.pos++
	for s.space(); s.data[s.pos] != ']'; s.space() {
		if s.data[s.pos] == ',' {
			s.pos++
			s.space()
		}
		n++
		if s.data[s.pos] == '[' && c.elem.t.OID != types.OIDJSON && c.elem.t.OID != types.OIDJSONB {
			if n > 1 && leaf {
				return c.wrong(s.data[start:s.end])
			}
			leaf = false
			if err := c.elements(s, a, dim+1); err != nil {
				return err
			}
			continue
		}
		if !leaf || len(a.Dims) > dim+1 {
			return c.wrong(s.data[start:s.end])
		}
		tok := s.token()
		d, err := c.elem.datum(s.data, tok)
		if err != nil {
			return err
		}
		if tok.kind == tokEscaped || c.elem.t.OID == types.OIDBytea || c.elem.t.OID == types.OIDJSONB { // it is in a buffer that the next one needs
			d.S = strings.Clone(d.S)
		}
		if a.Elems = append(a.Elems, d); len(a.Elems) > arrayElemsMax {
			return sqlerr.New(sqlerr.ProgramLimitExceeded, "an array has more than %d elements", arrayElemsMax)
		}
	}
	s.pos++
	if first {
		a.Dims[dim] = n
	} else if a.Dims[dim] != n {
		return c.wrong(s.data[start:s.end])
	}
	return nil
}

// token reads one value that has been checked.
func (s *jsonScan) token() token {
	node := jsonNode{cols: []int32{0}}
	s.row = make([]token, 1)
	s.value(&node, false)
	return s.row[0]
}
