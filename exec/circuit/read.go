package circuit

import (
	"encoding/binary"
	"fmt"

	"github.com/tarndb/tarn/exec/arrange"
	"github.com/tarndb/tarn/exec/operator"
	"github.com/tarndb/tarn/exec/zset"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/rowenc"
)

// Get returns the rows, as of an epoch, with the given keys: columns in the order
// of KeyCols. Keys without a row give none; the rows come in the order of keys. nil if
// there are none.
func (v *View) Get(keys *vec.Batch, epoch uint64, fields []int) (*vec.Batch, error) {
	if !v.HasKey() {
		return nil, errNoKey
	}
	if err := v.check(epoch); err != nil {
		return nil, err
	}
	r := v.readers.Get().(*reader)
	defer v.readers.Put(r)
	r.skip = v.skip.Load()
	rowenc.EncodeKeys(&r.keys, keys.Cols, keys.N, rowenc.KeyOptions{Mode: rowenc.Canonical})
	r.rows.reset()
	for i := range keys.N {
		key := r.keys.Key(i)
		at := len(r.rows.data)
		r.rows.data = append(r.rows.data, key...)
		mid := len(r.rows.data)
		data, ok, err := v.table.Get(key, arrange.Hash(key), epoch, r.rows.data)
		if err != nil {
			return nil, err
		}
		if !ok {
			r.rows.data = r.rows.data[:at]
			continue
		}
		r.rows.data = data
		r.rows.ends = append(r.rows.ends, mid, len(data))
	}
	b, err := r.decode(fields)
	return b, v.context(err)
}

// Scan emits all rows as of an epoch, in no particular order, duplicates as
// weights. The batches are the callee's to keep.
func (v *View) Scan(epoch uint64, fields []int, emit func(*vec.Batch) error) error {
	if err := v.check(epoch); err != nil {
		return err
	}
	return v.scan(epoch, fields, v.skip.Load(), emit)
}

// Take is Scan for a standing query: it takes the view's errors along as data, unless
// reads go past them.
func (v *View) Take(epoch uint64, fields []int, out operator.Emit) error {
	if err := v.TakeErrors(epoch, out); err != nil {
		return err
	}
	return v.scan(epoch, fields, true, out.Batch)
}

// TakeErrors is Take without the rows.
func (v *View) TakeErrors(epoch uint64, out operator.Emit) error {
	if !v.mayFail(epoch) {
		return nil
	}
	errs, err := v.ErrorsAt(epoch, 0)
	if err != nil || len(errs) == 0 {
		return err
	}
	return out.Errors(errs)
}

func (v *View) scan(epoch uint64, fields []int, skip bool, emit func(*vec.Batch) error) error {
	r := v.readers.Get().(*reader)
	defer v.readers.Put(r)
	r.skip = skip
	r.rows.reset()
	flush := func() error {
		b, err := r.decode(fields)
		if err != nil || b == nil {
			return v.context(err)
		}
		return emit(b)
	}
	err := v.table.Scan(epoch, nil, func(key, val []byte) error {
		r.rows.add(key, val)
		if r.rows.len() >= vec.BatchRows {
			return flush()
		}
		return nil
	})
	if err != nil {
		return err
	}
	return flush()
}

// Changes emits the delta of each epoch with from < epoch ≤ to that had one, in
// order; retractions first. Rows that are errors are no rows: see ErrorChanges.
func (v *View) Changes(from, to uint64, emit func(epoch uint64, b *vec.Batch) error) error {
	r := v.readers.Get().(*reader)
	defer v.readers.Put(r)
	r.skip = true
	var old, now stored
	at := uint64(0)
	flush := func() error {
		if old.len()+now.len() == 0 {
			return nil
		}
		var parts []*vec.Batch
		for i, rows := range []*stored{&old, &now} {
			r.rows = *rows
			b, err := r.decode(nil)
			*rows = r.rows
			r.rows = stored{}
			if err != nil {
				return v.context(err)
			}
			if b == nil {
				continue
			}
			if i == 0 {
				b = zset.Negate(b)
			}
			parts = append(parts, b)
		}
		old.reset()
		now.reset()
		if b := zset.RetractionsFirst(zset.ConsolidateAll(parts)); b != nil {
			return emit(at, b)
		}
		return nil
	}
	err := v.table.Changes(from, to, func(epoch uint64, key, before, after []byte) error {
		if epoch != at {
			if err := flush(); err != nil {
				return err
			}
			at = epoch
		}
		if before != nil {
			old.add(key, before)
		}
		if after != nil {
			now.add(key, after)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return flush()
}

// Rows is the number of rows as of the last step, counting duplicates. Where a
// filter stands over the groups that are the view, it is that of the groups.
func (v *View) Rows() int64 {
	if v.l.kind == bag {
		return v.weight.Load()
	}
	return v.table.Len()
}

// Bytes is the memory that the rows take.
func (v *View) Bytes() int64 { return v.table.Bytes() }

// Horizon is the earliest epoch that reads may ask for.
func (v *View) Horizon() uint64 { return v.table.Horizon() }

// ErrorsAt returns the live errors as of an epoch, at most limit of them (0 = all).
func (v *View) ErrorsAt(epoch uint64, limit int) ([]zset.Error, error) {
	if v.errs == nil {
		return nil, nil
	}
	var out []zset.Error
	err := v.errs.Scan(epoch, nil, func(key, val []byte) error {
		e := readError(key)
		e.Weight, _ = binary.Varint(val)
		out = append(out, e)
		return nil
	})
	out = zset.ConsolidateErrors(out)
	if limit > 0 && len(out) > limit {
		out = out[:limit]
	}
	return out, err
}

// ErrorChanges emits what each epoch with from < epoch ≤ to did to the live errors, as
// a standing query takes them; nothing where reads go past them.
func (v *View) ErrorChanges(from, to uint64, emit func(epoch uint64, errs []zset.Error) error) error {
	if v.errs == nil || v.skip.Load() {
		return nil
	}
	var errs []zset.Error
	at := uint64(0)
	flush := func() error {
		if errs = zset.ConsolidateErrors(errs); len(errs) == 0 {
			return nil
		}
		out := errs
		errs = nil
		return emit(at, out)
	}
	err := v.errs.Changes(from, to, func(epoch uint64, key, before, after []byte) error {
		if epoch != at {
			if err := flush(); err != nil {
				return err
			}
			at = epoch
		}
		e := readError(key)
		was, _ := binary.Varint(before) // nil is 0
		is, _ := binary.Varint(after)
		e.Weight = is - was
		errs = append(errs, e)
		return nil
	})
	if err != nil {
		return err
	}
	return flush()
}

// mayFail is false where the view cannot have had a live error that reads look at.
func (v *View) mayFail(epoch uint64) bool {
	return v.errs != nil && !v.skip.Load() && (v.failed.Load() || epoch < v.epoch.Load())
}

// check fails if the view has live errors at the epoch. The common case, a view
// that has none now, costs two loads.
func (v *View) check(epoch uint64) error {
	if !v.mayFail(epoch) {
		return nil
	}
	errs, err := v.ErrorsAt(epoch, 1)
	if err != nil || len(errs) == 0 {
		return err
	}
	return v.context(errs[0].Err)
}

func (v *View) context(err error) error {
	if err == nil {
		return nil
	}
	if v.errs == nil {
		return err
	}
	return fmt.Errorf("view %q: %w", v.name, err)
}
