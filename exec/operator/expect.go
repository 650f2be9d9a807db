package operator

import (
	"github.com/tarndb/tarn/exec/arrange"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/rowenc"
)

// Expecter is an operator that can be told of batches before their step, so that it
// has what it will look up read into memory all at once. It is called between epochs.
type Expecter interface {
	Expect(s *Step, port int, bs []*vec.Batch) error
}

// Through reports that an operator is a function of its batch alone: what it makes
// of one may be computed twice.
func Through(op Operator) bool {
	switch op.(type) {
	case *Map, Union, *Tumble, *Unnest:
		return true
	}
	return false
}

// Expect has the groups of rows to come read.
func (a *Aggregate) Expect(s *Step, _ int, bs []*vec.Batch) error {
	if a.global {
		return nil
	}
	return ExpectRows(a.Groups, bs, a.groupBy, s.Workers)
}

// ExpectRows has the rows of a table read whose keys are in columns cols of batches.
func ExpectRows(t *arrange.Table, bs []*vec.Batch, cols []int, workers int) error {
	if !t.Cold() {
		return nil
	}
	var all arrange.Keys
	var keys rowenc.Keys
	all.Reset()
	for _, b := range bs {
		rowenc.EncodeKeys(&keys, columns(b, cols), b.N, rowenc.KeyOptions{Mode: rowenc.Canonical})
		at := uint32(len(all.Data))
		all.Data = append(all.Data, keys.Data...)
		for _, off := range keys.Off[1:] {
			all.Off = append(all.Off, at+off)
		}
	}
	all.HashAll()
	return t.Expect(&all, workers)
}
