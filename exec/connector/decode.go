package connector

import (
	"context"
	"slices"

	"github.com/tarndb/tarn/exec/format"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/topic"
)

// verifying is a decoder that also looks at the relation's constraints.
type verifying struct {
	format.Decoder
	renew  func() (format.Decoder, error)
	spec   *format.Spec
	verify func(rows *vec.Batch) []BadRow
}

func newVerifying(def *SourceDef) (*verifying, error) {
	d, err := format.NewDecoder(def.Spec)
	if err != nil {
		return nil, err
	}
	renew := func() (format.Decoder, error) { return format.NewDecoder(def.Spec) }
	return &verifying{d, renew, &def.Spec, def.Verify}, nil
}

// decode decodes records; of a record with a row that breaks a constraint nothing
// remains but the reason.
func (v *verifying) decode(ctx context.Context, recs *topic.Records) (*format.Decoded, error) {
	d, err := v.guarded(ctx, recs)
	if err != nil || v.verify == nil || d.Rows == nil || d.Rows.N == 0 {
		return d, err
	}
	rows, at := d.Rows, func(row int) int { return row }
	if d.Ops != nil {
		puts := rowsThatPut(d)
		rows, at = rows.Select(puts), func(row int) int { return int(puts[row]) }
	}
	broken := v.verify(rows)
	if len(broken) == 0 {
		return d, nil
	}
	bad := map[int32]bool{}
	for _, b := range broken {
		if r := d.Record[at(b.Row)]; !bad[r] {
			bad[r] = true
			d.Bad = append(d.Bad, format.Bad{Record: int(r), Err: b.Err})
		}
	}
	slices.SortStableFunc(d.Bad, func(a, b format.Bad) int { return a.Record - b.Record })
	var keep []int32
	for i, r := range d.Record {
		if !bad[r] {
			keep = append(keep, int32(i))
		}
	}
	return pickRows(d, keep), nil
}

// rowsThatPut are the rows that constraints hold for: a deletion has a key only.
func rowsThatPut(d *format.Decoded) []int32 {
	out := make([]int32, 0, d.Rows.N)
	for i := range d.Rows.N {
		if d.Ops == nil || d.Ops[i] == format.Put {
			out = append(out, int32(i))
		}
	}
	return out
}

// pickRows is d with some of its rows.
func pickRows(d *format.Decoded, keep []int32) *format.Decoded {
	out := &format.Decoded{Rows: d.Rows.Select(keep), Bad: d.Bad, DDL: d.DDL, Record: make([]int32, len(keep))}
	for i, k := range keep {
		out.Record[i] = d.Record[k]
	}
	if d.Ops != nil {
		out.Ops = make([]format.Op, len(keep))
		for i, k := range keep {
			out.Ops[i] = d.Ops[k]
		}
	}
	if d.Keep != nil {
		out.Keep = make([][]int32, len(keep))
		for i, k := range keep {
			out.Keep[i] = d.Keep[k]
		}
	}
	return out
}

// guarded decodes records; where the decoder panics, the record that it cannot
// take is a bad one, like any other.
func (v *verifying) guarded(ctx context.Context, recs *topic.Records) (*format.Decoded, error) {
	var d *format.Decoded
	var err error
	fault := panicOf(func() { d, err = v.Decode(ctx, recs) })
	if fault == nil {
		return d, err
	}
	if v.Decoder, err = v.renew(); err != nil { // the old one may be in any state
		return nil, err
	}
	if recs.N() == 1 {
		bad := format.Bad{Err: sqlerr.New(sqlerr.InternalError, "the decoder failed: %v", fault)}
		return &format.Decoded{Rows: noRows(v.spec), Bad: []format.Bad{bad}}, nil
	}
	mid := recs.N() / 2
	first, err := v.guarded(ctx, recs.Slice(0, mid))
	if err != nil {
		return nil, err
	}
	second, err := v.guarded(ctx, recs.Slice(mid, recs.N()))
	if err != nil {
		return nil, err
	}
	return joined(first, second, mid), nil
}

func panicOf(f func()) (fault any) {
	defer func() { fault = recover() }()
	f()
	return nil
}

func noRows(s *format.Spec) *vec.Batch {
	b := &vec.Batch{}
	for _, c := range s.Columns {
		b.Cols = append(b.Cols, vec.NewBuilder(c.Type, 0).Finish())
	}
	return b
}

// joined is what records have become whose first ones became a, and whose others,
// from record mid on, b.
func joined(a, b *format.Decoded, mid int) *format.Decoded {
	out := &format.Decoded{Rows: vec.Concat([]*vec.Batch{a.Rows, b.Rows}), Record: a.Record, Bad: a.Bad, DDL: a.DDL}
	if a.Ops != nil || b.Ops != nil {
		out.Ops = append(opsOf(a), opsOf(b)...)
	}
	if a.Keep != nil || b.Keep != nil {
		out.Keep = append(append(make([][]int32, 0, out.Rows.N), keepOf(a)...), keepOf(b)...)
	}
	for _, r := range b.Record {
		out.Record = append(out.Record, r+int32(mid))
	}
	for _, x := range b.Bad {
		x.Record += mid
		out.Bad = append(out.Bad, x)
	}
	for _, x := range b.DDL {
		x.Record += mid
		out.DDL = append(out.DDL, x)
	}
	return out
}

func keepOf(d *format.Decoded) [][]int32 {
	if d.Keep != nil {
		return d.Keep
	}
	return make([][]int32, d.Rows.N)
}

func opsOf(d *format.Decoded) []format.Op {
	if d.Ops != nil {
		return d.Ops
	}
	return make([]format.Op, d.Rows.N) // all Put
}
