package format

import (
	"slices"
	"strconv"
)

// Messages as JSON: the members of jsonb in its order, absent ones too, so that
// each message of a type has the same shape. What a column of the field would
// hold is written as to_jsonb writes it.

// protoOcc is an occurrence of a field in a message.
type protoOcc struct {
	field  *protoField
	v      raw
	packed bool // v.b is several values
}

func (r *protoReader) enter() error {
	if r.depth++; r.depth > protoDepthMax {
		return errProtoDeep
	}
	return nil
}

// writeHeld writes what a slot holds of a message, a map or a repeated field.
func (r *protoReader) writeHeld(f *protoField, h *protoHeld, src []byte) error {
	if !f.repeated {
		return r.writeValue(f, h.raw(f, src))
	}
	base := len(r.occs)
	for _, v := range h.items {
		r.occs = append(r.occs, protoOcc{field: f, v: v})
	}
	err := r.writeField(f, base, len(r.occs))
	r.occs = r.occs[:base]
	return err
}

// writeMessage writes a message.
func (r *protoReader) writeMessage(m *protoMessage, src []byte) error {
	if err := r.enter(); err != nil {
		return err
	}
	defer func() { r.depth-- }()
	if m.well >= wellStruct {
		return r.writeStruct(m, src)
	}
	base := len(r.occs)
	defer func() { r.occs = r.occs[:base] }()
	if err := r.gather(m, src); err != nil {
		return err
	}
	j := &r.json
	j.buf = append(j.buf, '{')
	at := base
	end := len(r.occs)
	for i, f := range m.fields {
		if i > 0 {
			j.buf = append(j.buf, ", "...)
		}
		j.buf = append(j.buf, f.key...)
		from := at
		for at < end && r.occs[at].field == f {
			at++
		}
		if err := r.writeField(f, from, at); err != nil {
			return err
		}
	}
	j.buf = append(j.buf, '}')
	return j.check()
}

// gather notes the occurrences of the fields of a message, in the order of the
// fields; of the members of a oneof the last one is left.
func (r *protoReader) gather(m *protoMessage, src []byte) error {
	base := len(r.occs)
	oneofs := false
	for pos := 0; pos < len(src); {
		tag, next := uvarintAt(src, pos)
		if next < 0 || tag>>3 == 0 || tag>>3 > 1<<29-1 {
			return errProtoTag
		}
		f := m.field(int32(tag >> 3))
		switch {
		case f != nil && tag&7 == f.wire.wireType():
			var v raw
			v, pos = f.value(src, next, tag)
			r.occs = append(r.occs, protoOcc{field: f, v: v})
			oneofs = oneofs || f.oneof >= 0
		case f != nil && tag&7 == wireBlob && f.repeated && f.wire < protoBlob:
			var v raw
			v.b, pos = protoBlobAt(src, next)
			r.occs = append(r.occs, protoOcc{field: f, v: v, packed: true})
		default:
			pos = protoSkip(src, next, tag, 0)
		}
		if pos < 0 {
			return protoSkipError(pos)
		}
	}
	if oneofs {
		r.lastOfOneofs(base)
	}
	slices.SortStableFunc(r.occs[base:], func(a, b protoOcc) int { return a.field.rank - b.field.rank })
	return nil
}

// lastOfOneofs drops what later members of the same oneof have replaced.
func (r *protoReader) lastOfOneofs(base int) {
	type end struct {
		field *protoField
		over  bool // another member stood before
	}
	last := map[int]end{}
	for i := len(r.occs) - 1; i >= base; i-- {
		f := r.occs[i].field
		if f.oneof < 0 {
			continue
		}
		e := last[f.oneof]
		if e.field == nil {
			e.field = f
		}
		if e.over = e.over || e.field != f; e.over {
			r.occs[i].field = nil
		}
		last[f.oneof] = e
	}
	r.occs = slices.DeleteFunc(r.occs, func(o protoOcc) bool { return o.field == nil })
}

// writeField writes occurrences [from, to) of a field.
func (r *protoReader) writeField(f *protoField, from, to int) error {
	switch {
	case f.isMap:
		return r.writeMap(f, from, to)
	case f.repeated:
		return r.writeList(f, from, to)
	case from == to && f.presence:
		r.json.null()
		return nil
	case from == to:
		return r.writeValue(f, f.zero)
	}
	v := r.occs[to-1].v
	if f.msg != nil && to-from > 1 { // they are one message
		var all []byte
		for _, o := range r.occs[from:to] {
			all = append(all, o.v.b...)
		}
		v.b = all
	}
	return r.writeValue(f, v)
}

func (r *protoReader) writeValue(f *protoField, v raw) error {
	if f.kind == kindNone {
		return r.writeMessage(f.msg, v.b)
	}
	v, err := r.resolve(f, f.kind, v)
	if err != nil {
		return err
	}
	return r.json.scalar(f.kind, 0, v)
}

func (r *protoReader) writeList(f *protoField, from, to int) error {
	j := &r.json
	j.buf = append(j.buf, '[')
	first := true
	one := func(v raw) error {
		if !first {
			j.buf = append(j.buf, ", "...)
		}
		first = false
		if err := r.writeValue(f, v); err != nil {
			return err
		}
		return j.check()
	}
	for i := from; i < to; i++ {
		o := r.occs[i]
		if !o.packed {
			if err := one(o.v); err != nil {
				return err
			}
			continue
		}
		for pos := 0; pos < len(o.v.b); {
			v, next := f.value(o.v.b, pos, f.wire.wireType())
			if next < 0 {
				return errProtoShort
			}
			pos = next
			if err := one(v); err != nil {
				return err
			}
		}
	}
	j.buf = append(j.buf, ']')
	return nil
}

// writeMap writes the entries of a map; of equal keys the last holds.
func (r *protoReader) writeMap(f *protoField, from, to int) error {
	j := &r.json
	mark, at := j.begin(), len(j.buf)
	var keyField, valueField *protoField
	for _, e := range f.msg.fields {
		if e.number == 1 {
			keyField = e
		} else {
			valueField = e
		}
	}
	for i := from; i < to; i++ {
		base := len(r.occs)
		if err := r.gather(f.msg, r.occs[i].v.b); err != nil {
			return err
		}
		key, values := keyField.zero, base
		end := len(r.occs)
		for k := base; k < end; k++ {
			if r.occs[k].field == keyField {
				key = r.occs[k].v
			}
		}
		for values < end && r.occs[values].field != valueField {
			values++
		}
		last := values
		for last < end && r.occs[last].field == valueField {
			last++
		}
		name, err := protoKey(keyField, key)
		if err != nil {
			return err
		}
		seg := len(j.segs)
		j.member(name)
		if values == last && valueField.msg != nil {
			err = r.writeValue(valueField, raw{}) // an absent message is an empty one
		} else {
			err = r.writeField(valueField, values, last)
		}
		if err != nil {
			return err
		}
		j.done(seg)
		r.occs = r.occs[:base]
		if err := j.check(); err != nil {
			return err
		}
	}
	return j.end(mark, at)
}

// protoKey is a map's key as a member's name.
func protoKey(f *protoField, v raw) ([]byte, error) {
	switch f.kind {
	case kindText:
		if !validText(v.b) {
			return nil, errText(v.b)
		}
		return v.b, nil
	case kindBool:
		return strconv.AppendBool(nil, v.i != 0), nil
	case kindUint:
		return strconv.AppendUint(nil, uint64(v.i), 10), nil
	}
	return strconv.AppendInt(nil, v.i, 10), nil
}

// writeStruct writes google.protobuf's own JSON values as what they stand for.
func (r *protoReader) writeStruct(m *protoMessage, src []byte) error {
	base := len(r.occs)
	defer func() { r.occs = r.occs[:base] }()
	if err := r.gather(m, src); err != nil {
		return err
	}
	end := len(r.occs)
	if m.well != wellValue {
		return r.writeField(m.fields[0], base, end)
	}
	if base == end || r.occs[base].field.name == "null_value" {
		r.json.null()
		return nil
	}
	return r.writeField(r.occs[base].field, base, end)
}
