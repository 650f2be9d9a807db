package operator

import (
	"errors"
	"sync"

	"github.com/tarndb/tarn/exec/arrange"
	"github.com/tarndb/tarn/exec/zset"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/rowenc"
)

// A large batch is split by the part that its keys belong to, so that several
// goroutines work on one operator's state without a lock: a key's state belongs
// to one of them. Each has a lane: the operator's scratch over the same
// arrangements. The lanes' outputs are passed on one lane after the other, so
// which goroutine was faster never shows.

// laneRows is the least number of rows that pays for waking other goroutines.
const laneRows = 1024

// laneQueue bounds the output batches that wait for a lane's turn.
const laneQueue = 16

var errLaneStopped = errors.New("another lane has failed")

// lane is the Emit of one goroutine.
type lane struct {
	queue chan laneItem
	stop  <-chan struct{}
}

type laneItem struct {
	b    *vec.Batch
	errs []zset.Error
}

func (l *lane) send(i laneItem) error {
	select {
	case l.queue <- i:
		return nil
	case <-l.stop:
		return errLaneStopped
	}
}

func (l *lane) Batch(b *vec.Batch) error       { return l.send(laneItem{b: b}) }
func (l *lane) Errors(errs []zset.Error) error { return l.send(laneItem{errs: errs}) }

// inLanes runs run(0 … n-1) beside each other and passes their outputs to out in
// the order of lanes. It returns when all have ended, with the first lane's error.
func inLanes(n int, out Emit, run func(i int, out Emit) error) error {
	stop := make(chan struct{})
	lanes := make([]*lane, n)
	failed := make([]error, n)
	var wg sync.WaitGroup
	for i := range lanes {
		lanes[i] = &lane{queue: make(chan laneItem, laneQueue), stop: stop}
		wg.Add(1)
		go func() {
			defer wg.Done()
			defer close(lanes[i].queue)
			failed[i] = run(i, lanes[i])
		}()
	}
	var err error
	for i, l := range lanes {
		for item := range l.queue {
			if err != nil {
				continue
			}
			if item.b != nil {
				err = out.Batch(item.b)
			} else {
				err = out.Errors(item.errs)
			}
			if err != nil {
				close(stop)
			}
		}
		if err == nil && failed[i] != nil {
			err = failed[i]
			close(stop)
		}
	}
	wg.Wait()
	return err
}

// split lists the rows of each of n lanes, by the part of their keys.
func split(space *arrange.Space, cols []*vec.Vec, rows, n int) [][]int32 {
	var keys rowenc.Keys
	rowenc.EncodeKeys(&keys, cols, rows, rowenc.KeyOptions{Mode: rowenc.Canonical})
	out := make([][]int32, n)
	parts := space.Parts()
	for i := range rows {
		l := space.Part(arrange.Hash(keys.Key(i))) * n / parts
		out[l] = append(out[l], int32(i))
	}
	return out
}
