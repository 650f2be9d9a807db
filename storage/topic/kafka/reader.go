package kafka

import (
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tarndb/tarn/storage/topic"
)

// ReaderOptions says what to read.
type ReaderOptions struct {
	// Start is the partitions to read and the offset of the first record wanted of
	// each. Offsets are of TopicID's topic; zero: of whichever has the name now.
	Start   map[int32]int64
	TopicID TopicID
	// Epochs are the leader epochs of the records before Start, where they are known
	// (PartitionState.Epoch): records that were lost since are then found out even if
	// others have taken their offsets.
	Epochs  map[int32]int32
	Headers bool // fill Records.Headers
	// BytesMax bounds what has been fetched and not polled; 0: 16 MB. What Poll
	// returns comes on top, some pollBytes.
	BytesMax int
}

const (
	// fetchBytes is what one request asks a broker for: enough to make its cost small,
	// little enough that its memory is soon used again.
	fetchBytes     = 4 << 20
	fetchBytesMin  = 256 << 10
	partitionBytes = 1 << 20                // of a partition, where a request asks for many
	fetchWait      = 250 * time.Millisecond // also what Add may wait behind a request under way
	bytesMax       = 16 << 20
	// One Poll returns about so much at most, decompressed: what is decoded is then
	// still in the cache.
	pollBytes   = 1 << 20
	pollRecords = 64 << 10
)

// Reader reads partitions of a topic. Poll is for one goroutine; the other methods
// may be called beside it.
type Reader struct {
	cfg   Config
	cl    *kgo.Client // of its own: its fetches wait at the brokers, which serve a connection in turn
	topic string
	opts  ReaderOptions
	walk  *walker
	spare spare
	stop  context.CancelFunc
	done  sync.WaitGroup

	mu      sync.Mutex
	changed chan struct{} // closed and replaced whenever something below changes
	parts   map[int32]*part
	queue   []*chunk
	queued  int  // bytes of queue
	asked   int  // bytes that requests under way may bring
	brokers int  // that are fetched from
	gaps    bool // there may be gaps that Poll has not told
	paused  bool
	closed  bool
	id      TopicID
	other   time.Time // since when the topic's id has been another one
	err     error     // why the topic's metadata cannot be had
}

// part is one partition. A request that was sent before gen changed is forgotten.
type part struct {
	id       int32
	gen      int
	next     int64 // to be fetched
	polled   int64 // returned by Poll, before it
	end      int64 // last stable offset, when it was last heard of; -1: not yet
	epoch    int32 // of the last batch fetched, -1: not known
	leader   int32 // -1: to be found
	leaderAt int32 // leader's epoch
	validate bool  // the leader changed: see first that it has what was read
	empty    empties
	unknown  empties // answers that the leader does not know the epoch of what was read
	fails    int
	retryAt  time.Time
	err      error
	gap      *GapError
	told     bool // Poll has returned gap
}

// NewReader starts to read. It always succeeds: what hinders it is in State.
func (c *Client) NewReader(topicName string, o ReaderOptions) *Reader {
	if o.BytesMax <= 0 {
		o.BytesMax = bytesMax
	}
	ctx, stop := context.WithCancel(context.Background())
	r := &Reader{cfg: c.cfg, topic: topicName, opts: o, walk: newWalker(), stop: stop, changed: make(chan struct{}), parts: map[int32]*part{}, id: o.TopicID}
	for p, at := range o.Start {
		r.parts[p] = newPart(p, at)
		if e, ok := o.Epochs[p]; ok {
			r.parts[p].epoch = e
		}
	}
	opts, err := c.cfg.options()
	if err == nil {
		r.cl, err = kgo.NewClient(opts...)
	}
	if err != nil { // Open has checked the same settings
		r.err = err
		return r
	}
	r.done.Go(func() { r.run(ctx) })
	return r
}

func newPart(id int32, at int64) *part {
	return &part{id: id, next: at, polled: at, end: -1, epoch: -1, leader: -1, leaderAt: -1}
}

// Close ends the reader.
func (r *Reader) Close() {
	r.mu.Lock()
	r.closed = true
	r.queue = nil
	r.tell()
	r.mu.Unlock()
	r.stop()
	r.done.Wait()
	if r.cl != nil {
		r.cl.Close()
	}
}

// tell wakes all who wait for a change; r.mu is held.
func (r *Reader) tell() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// Add begins with a partition at an offset, or goes on there with one that is
// being read: after a gap, or to read again.
func (r *Reader) Add(partition int32, offset int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.parts[partition]
	p := newPart(partition, offset)
	if old != nil {
		r.forget(old)
		p.gen, p.leader, p.leaderAt = old.gen, old.leader, old.leaderAt
	}
	r.parts[partition] = p
	r.tell()
}

// forget drops what has been fetched of p and not polled; r.mu is held.
func (r *Reader) forget(p *part) {
	p.gen++
	r.queue = slices.DeleteFunc(r.queue, func(c *chunk) bool {
		if c.partition == p.id {
			r.queued -= len(c.raw)
			return true
		}
		return false
	})
}

// Pause stops fetching until Resume. What has been fetched can be polled.
func (r *Reader) Pause() { r.setPaused(true) }

// Resume ends Pause.
func (r *Reader) Resume() { r.setPaused(false) }

func (r *Reader) setPaused(p bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.paused = p
	r.tell()
}

// ReaderState is how a Reader is doing.
type ReaderState struct {
	TopicID    TopicID // zero until it is known
	Err        error   // what hinders it now, nil: nothing. It is tried again.
	Paused     bool
	Buffered   int // bytes fetched and not polled
	Partitions []PartitionState
}

// PartitionState is how far a partition is.
type PartitionState struct {
	ID    int32
	Next  int64 // Poll has returned all before it
	End   int64 // last stable offset; -1: not known yet
	Epoch int32 // leader epoch of the last record fetched; -1: not known
	Err   error // a *GapError, or what is tried again
}

// State says how the reader is doing.
func (r *Reader) State() ReaderState {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := ReaderState{TopicID: r.id, Err: r.err, Paused: r.paused, Buffered: r.queued}
	for _, id := range slices.Sorted(maps.Keys(r.parts)) {
		p := r.parts[id]
		ps := PartitionState{ID: id, Next: p.polled, End: p.end, Epoch: p.epoch, Err: p.err}
		if p.gap != nil {
			ps.Err = p.gap
		}
		if s.Err == nil {
			s.Err = ps.Err
		}
		s.Partitions = append(s.Partitions, ps)
	}
	return s
}

// Poll returns what there is, waiting for something until ctx ends; then it
// returns nothing. Records of a partition follow each other without a gap; N may
// be 0 where only Next moves. A *GapError is returned once, when all before the
// gap has been; the partition then rests until Add, the others go on. Other
// errors are ErrClosed and those of the settings.
func (r *Reader) Poll(ctx context.Context) ([]*topic.Records, error) {
	for {
		out, changed, err := r.take()
		if len(out) > 0 || err != nil {
			return out, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, nil
		}
	}
}

// take returns what is there now, or a channel that is closed when that changes.
func (r *Reader) take() ([]*topic.Records, <-chan struct{}, error) {
	b := poll{cols: map[int32]*columns{}, next: map[int32]int64{}}
	for b.bytes < pollBytes && b.records < pollRecords {
		r.mu.Lock()
		if r.closed || r.cl == nil {
			defer r.mu.Unlock()
			return nil, nil, errors.Join(r.err, ErrClosed)
		}
		if len(b.order) == 0 {
			if gap := r.gap(); gap != nil {
				r.mu.Unlock()
				return nil, nil, gap
			}
		}
		if len(r.queue) == 0 {
			defer r.mu.Unlock()
			return b.out(), r.changed, nil
		}
		c := r.queue[0]
		r.queue = r.queue[1:]
		size := len(c.raw) // stays in queued
		gen := r.parts[c.partition].gen
		r.mu.Unlock()

		err := b.walk(r.walk, c, r)
		r.walked(c, gen, size, err, &b)
	}
	return b.out(), nil, nil
}

// walked takes in that b has walked c, which had size bytes, or the first of it.
func (r *Reader) walked(c *chunk, gen, size int, err error, b *poll) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.tell()
	r.queued -= size
	p := r.parts[c.partition]
	switch {
	case r.closed || p.gen != gen: // it was forgotten meanwhile
		b.drop(c.partition)
		return
	case err != nil: // fetch it again: it may come whole
		r.forget(p)
		p.next = c.next
		r.failed(p, r.cfg.wrapDamage(err, r.topic, p.id))
	case len(c.raw) > 0:
		r.queue = slices.Insert(r.queue, 0, c)
		r.queued += len(c.raw)
	}
	p.polled = c.next
}

// gap is a gap that Poll has yet to tell, and has told all before it; r.mu is held.
func (r *Reader) gap() *GapError {
	if !r.gaps {
		return nil
	}
	r.gaps = false
	for _, id := range slices.Sorted(maps.Keys(r.parts)) {
		p := r.parts[id]
		if p.gap == nil || p.told {
			continue
		}
		r.gaps = true // this one, or more of them
		if !slices.ContainsFunc(r.queue, func(c *chunk) bool { return c.partition == id }) {
			p.told = true
			return p.gap
		}
	}
	return nil
}

// poll is what one Poll gathers.
type poll struct {
	order   []int32
	cols    map[int32]*columns
	next    map[int32]int64
	bytes   int
	records int
}

// walk appends batches of c until it is empty or there is enough.
func (b *poll) walk(w *walker, c *chunk, r *Reader) error {
	cols := b.cols[c.partition]
	n, size := w.expect(c, pollBytes)
	if cols == nil {
		cols = r.spare.take(c.partition, r.opts.Headers, size)
		b.cols[c.partition] = cols
		b.order = append(b.order, c.partition)
	}
	cols.grow(n, size)
	bytes, records := cols.bytes(), len(cols.offset)
	defer func() {
		b.next[c.partition] = c.next
		b.bytes += cols.bytes() - bytes
		b.records += len(cols.offset) - records
	}()
	for len(c.raw) > 0 && b.bytes+cols.bytes()-bytes < pollBytes && b.records+len(cols.offset)-records < pollRecords {
		n := len(cols.offset)
		if err := w.step(c, cols); err != nil {
			cols.cutTo(n)
			return err
		}
	}
	if len(c.raw) == 0 {
		c.next = c.after
	}
	return nil
}

// drop forgets a partition.
func (b *poll) drop(partition int32) {
	delete(b.cols, partition)
	b.order = slices.DeleteFunc(b.order, func(p int32) bool { return p == partition })
}

func (b *poll) out() []*topic.Records {
	out := make([]*topic.Records, 0, len(b.order))
	for _, p := range b.order {
		out = append(out, b.cols[p].records(b.next[p]))
	}
	return out
}

const noLimit = math.MaxInt64
