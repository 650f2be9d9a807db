package operator

import (
	"bytes"
	"math"

	"github.com/tarndb/tarn/exec/arrange"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/rowenc"
)

// takeDue emits the rows that lie in an arrangement of time ++ row up to a time, µs,
// with their weights, if keep wants those, and removes them. Rows of the last
// possible time are never due.
func takeDue(timers *arrange.Ordered, ts []types.Type, through int64, keep func(weight int64) bool, out Emit) error {
	through = min(through, math.MaxInt64-1)
	var keys [][]byte
	var weights []int64
	var failed error
	emit := func() error {
		if len(keys) == 0 {
			return nil
		}
		cols, _, err := rowenc.DecodeKeys(keys, ts, rowenc.KeyOptions{Mode: rowenc.Exact})
		if err != nil {
			return err
		}
		b := &vec.Batch{N: len(keys), Cols: cols, Weights: weights}
		keys, weights = nil, nil
		return out.Batch(b)
	}
	err := timers.Ascend(nil, noGroupHash, nil, func(key, _ []byte, w int64) bool {
		if timeOf(key) > through {
			return false
		}
		if keep(w) {
			keys, weights = append(keys, bytes.Clone(key[8:])), append(weights, w)
		}
		if len(keys) >= vec.BatchRows {
			failed = emit()
		}
		return failed == nil
	})
	if err == nil {
		err = failed
	}
	if err == nil {
		err = emit()
	}
	if err != nil {
		return err
	}
	_, err = timers.DeleteRange(nil, noGroupHash, nil, appendTime(nil, through+1))
	return err
}
