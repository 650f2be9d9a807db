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

// splitter lists the rows of a batch by the part of their keys: for lanes, and because
// state that is touched part by part stays in the cache. Its lists are valid until
// the next call.
type splitter struct {
	keys rowenc.Keys
	part []int32 // of each row
	ends []int32 // where each part's rows end in rows
	rows []int32
}

// split lists the rows of each of n lanes, by part, then as they come.
func (x *splitter) split(space *arrange.Space, cols []*vec.Vec, rows, n int) [][]int32 {
	rowenc.EncodeKeys(&x.keys, cols, rows, rowenc.KeyOptions{Mode: rowenc.Canonical})
	parts := space.Parts()
	x.part, x.rows, x.ends = resize(x.part, rows), resize(x.rows, rows), resize(x.ends, parts)
	clear(x.ends)
	for i := range rows {
		p := space.Part(arrange.Hash(x.keys.Key(i)))
		x.part[i] = int32(p)
		x.ends[p]++
	}
	sum := int32(0)
	for p, count := range x.ends {
		x.ends[p], sum = sum, sum+count
	}
	for i, p := range x.part {
		x.rows[x.ends[p]] = int32(i)
		x.ends[p]++
	}
	out := make([][]int32, n)
	lo := int32(0)
	for l := range out {
		last := ((l+1)*parts+n-1)/n - 1 // part p belongs to lane p·n/parts
		hi := x.ends[last]
		out[l] = x.rows[lo:hi]
		lo = hi
	}
	return out
}
