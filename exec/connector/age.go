package connector

import (
	"context"
	"slices"

	"github.com/tarndb/tarn/exec/format"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/topic"
)

// Age is how records were read before their source got more columns. Reading them
// again must give what it gave then.
type Age struct {
	Columns int             // the first ones of Spec.Columns
	Until   map[int32]int64 // the engine's offsets behind the last records of the age
}

// agesOf are the ages of the topic that is read now: of one that was made anew all
// records are of the last.
func agesOf(ages []Age, at map[int32]int64) []Age {
	return slices.DeleteFunc(slices.Clone(ages), func(a Age) bool { return topicOf(a.Until) != topicOf(at) })
}

// aged decodes each record with the columns that its source had when it was read
// first; those that came later are NULL.
type aged struct {
	ages []Age // oldest first
	decs []*verifying
	now  *verifying
	cols []format.Column
}

func newAged(def *SourceDef) (*aged, error) {
	a := &aged{ages: def.Ages, cols: def.Spec.Columns}
	var err error
	for _, age := range def.Ages {
		old := *def
		old.Spec.Columns = old.Spec.Columns[:age.Columns]
		old.Verify = nil // a constraint may name what was not there
		if def.Verify != nil {
			old.Verify = func(rows *vec.Batch) []BadRow { return def.Verify(a.whole(rows)) }
		}
		d, err := newVerifying(&old)
		if err != nil {
			return nil, err
		}
		a.decs = append(a.decs, d)
	}
	a.now, err = newVerifying(def)
	return a, err
}

// decode gives the rows of records of one partition, age by age.
func (a *aged) decode(ctx context.Context, r *topic.Records, yield func(part *topic.Records, d *format.Decoded) error) error {
	for lo, i := 0, 0; lo < r.N(); i++ {
		hi, dec := r.N(), a.now
		if i < len(a.ages) {
			hi, _ = slices.BinarySearch(r.Offset, a.ages[i].Until[r.Partition])
			dec = a.decs[i]
		}
		if hi <= lo {
			continue
		}
		part := r.Slice(lo, hi)
		d, err := dec.decode(ctx, part)
		if err != nil {
			return err
		}
		if d.Rows != nil {
			d.Rows = a.whole(d.Rows)
		}
		if err := yield(part, d); err != nil {
			return err
		}
		lo = hi
	}
	return nil
}

// whole gives rows of an earlier age the columns that came later.
func (a *aged) whole(rows *vec.Batch) *vec.Batch {
	if len(rows.Cols) == len(a.cols) {
		return rows
	}
	out := *rows
	out.Cols = slices.Clone(rows.Cols)
	for _, c := range a.cols[len(rows.Cols):] {
		out.Cols = append(out.Cols, vec.Flatten(vec.ConstVec(c.Type, types.NullDatum, rows.N)))
	}
	return &out
}
