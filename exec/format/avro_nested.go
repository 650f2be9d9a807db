package format

import (
	"math"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// Values inside of values: skipped, written as JSON, or as an array's image.

func (r *avroReader) enter() error {
	if r.depth++; r.depth > avroDepthMax {
		return sqlerr.New(sqlerr.StatementTooComplex, "the Avro value is nested more than %d deep", avroDepthMax)
	}
	return nil
}

// block reads the head of a block of items of at least the given size: how many
// there are (0: no more blocks), and the bytes they take if they say so, else -1.
func (r *avroReader) block(least int) (n int, size int64, err error) {
	c, err := r.long()
	if err != nil {
		return 0, -1, err
	}
	size = -1
	if c < 0 {
		if c == math.MinInt64 {
			return 0, -1, r.bad("the count of a block is %d", c)
		}
		c = -c
		if size, err = r.long(); err != nil {
			return 0, -1, err
		}
		if size < 0 || size > int64(len(r.src)-r.pos) {
			return 0, -1, r.bad("a block of %d bytes where %d are left", size, len(r.src)-r.pos)
		}
	}
	if least == 0 {
		if c > int64(r.free) {
			return 0, -1, r.bad("%d items that take no bytes", c)
		}
		r.free -= int(c)
	} else if c > int64((len(r.src)-r.pos)/least) {
		return 0, -1, r.bad("%d items in %d bytes", c, len(r.src)-r.pos)
	}
	return int(c), size, nil
}

func (r *avroReader) skip(n *avroNode) (err error) {
	switch n.typ {
	case avroNull:
		return nil
	case avroArray, avroMap, avroRecord, avroUnion:
		if err = r.enter(); err == nil {
			err = r.skipInside(n)
			r.depth--
		}
		return err
	}
	_, err = r.scalar(n)
	return err
}

func (r *avroReader) skipInside(n *avroNode) error {
	switch n.typ {
	case avroRecord:
		for i := range n.fields {
			if err := r.skip(n.fields[i].node); err != nil {
				return err
			}
		}
		return nil
	case avroUnion:
		b, err := r.branch(len(n.branches))
		if err != nil {
			return err
		}
		return r.skip(n.branches[b])
	}
	return r.items(n, func() error { return r.skip(n.items) })
}

// items calls one for each item of an array or map.
func (r *avroReader) items(n *avroNode, one func() error) error {
	least := n.items.least
	if n.typ == avroMap {
		least++
	}
	for {
		c, _, err := r.block(least)
		if err != nil || c == 0 {
			return err
		}
		for range c {
			if n.typ == avroMap {
				key, err := r.blob()
				if err != nil {
					return err
				}
				if !validText(key) {
					return errText(key)
				}
				r.key = key
			}
			if err := one(); err != nil {
				return err
			}
		}
	}
}

// putJSON stores a nested value as its JSON text.
func (r *avroReader) putJSON(s *avroStep) error {
	r.json.reset(len(r.src))
	if err := r.writeJSON(s.node); err != nil {
		return err
	}
	out := &r.rows.cols[s.col]
	if s.node.typ == avroUnion && string(r.json.buf) == "null" {
		out.Null()
		return nil
	}
	out.Bytes(r.json.buf)
	return nil
}

func (r *avroReader) writeJSON(n *avroNode) (err error) {
	j := &r.json
	switch n.typ {
	case avroNull:
		j.null()
		return nil
	case avroArray, avroMap, avroRecord, avroUnion:
		if err = r.enter(); err == nil {
			err = r.writeInside(n)
			r.depth--
		}
		return err
	}
	v, err := r.scalar(n)
	if err != nil {
		return err
	}
	return j.scalar(n.kind, int32(n.scale), v)
}

func (r *avroReader) writeInside(n *avroNode) error {
	j := &r.json
	mark, at := j.begin(), len(j.buf)
	switch n.typ {
	case avroUnion:
		b, err := r.branch(len(n.branches))
		if err != nil {
			return err
		}
		return r.writeJSON(n.branches[b])
	case avroArray:
		j.buf = append(j.buf, '[')
		first := true
		err := r.items(n, func() error {
			if !first {
				j.buf = append(j.buf, ", "...)
			}
			first = false
			if err := r.writeJSON(n.items); err != nil {
				return err
			}
			return j.check()
		})
		j.buf = append(j.buf, ']')
		return err
	case avroMap:
		err := r.items(n, func() error {
			seg := len(j.segs)
			j.member(r.key)
			if err := r.writeJSON(n.items); err != nil {
				return err
			}
			j.done(seg)
			return j.check()
		})
		if err != nil {
			return err
		}
	case avroRecord:
		for i := range n.fields {
			seg := len(j.segs)
			j.member(n.fields[i].key)
			if err := r.writeJSON(n.fields[i].node); err != nil {
				return err
			}
			j.done(seg)
		}
	}
	return j.end(mark, at)
}

// putArray stores an array; an item that does not fit makes the whole a misfit.
func (r *avroReader) putArray(s *avroStep) error {
	to := r.rows.fields[s.col].Type
	a := &r.array
	a.reset(types.ElemOf(to).Base())
	item := s.node.items
	inner, null, nullable := item.nullable()
	if nullable {
		item = inner
	}
	var misfit error
	err := r.items(s.node, func() error {
		if nullable {
			b, err := r.branch(2)
			if err != nil {
				return err
			}
			if b == null {
				a.null()
				return nil
			}
		}
		d, err := r.element(s, item, &misfit)
		if err == nil && misfit == nil {
			a.value(d)
		}
		return err
	})
	if err != nil {
		return err
	}
	if misfit != nil {
		r.rows.misfit(int(s.col), r.record, misfit)
		return nil
	}
	r.rows.cols[s.col].Bytes(a.bytes())
	return nil
}

func (r *avroReader) element(s *avroStep, item *avroNode, misfit *error) (types.Datum, error) {
	if s.cell == nil {
		r.json.reset(len(r.src))
		err := r.writeJSON(item)
		return types.String(string(r.json.buf)), err
	}
	v, err := r.scalar(item)
	if err != nil {
		return types.NullDatum, err
	}
	d, wrong := s.cell.datum(v)
	if wrong != nil {
		*misfit = wrong
	}
	return d, nil
}
