package exec

import (
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/storage/topic/topictest"
)

// Records is a topic outside that a test can write: rows of (bigint, text, bigint).
type Records interface {
	Outside
	// Next is the offset of a partition's next record.
	Next(p int32) int64
	// Add appends a row (nil: a record that gives none) after gap offsets without one.
	Add(p int32, gap int64, row []types.Datum)
}

// Next is Records'.
func (f *fakeOutside) Next(p int32) int64 { return f.next(p) }

// Add is Records'.
func (f *fakeOutside) Add(p int32, gap int64, row []types.Datum) { f.add(p, gap, row) }

// RunRecords is the conformance test of topics over a stream that is read through;
// open makes an empty topic outside.
func RunRecords(t *testing.T, seeds int, open func(t *testing.T) Records) {
	seed := uint64(0)
	topictest.Run(t, seeds, func(t *testing.T) topictest.Harness {
		seed++
		s := &cutStore{fs: vfs.NewMem(), foreign: open(t), rng: rand.New(rand.NewPCG(seed, 3)), rel: &relation{rowtime: 2, mark: watermark{value: noWatermark}}}
		if err := s.open(); err != nil {
			t.Fatal(err)
		}
		return s
	})
}
