package connector

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/tarndb/tarn/exec/format"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/topic"
)

// A pipeline is what lies between the reader of a topic and the committer:
//
//	Poll ─► pieces, in order of arrival ─────────────────► committer
//	          └─► decoders beside each other, ─► decoded ─┘
//
// The committer waits for the pieces in the order in which they were read, so the
// order of each partition is kept however many decoders there are. The memory of
// all pieces together is bounded: while it is used up nothing is polled, and the
// reader's fetches pause by themselves.

// piece is consecutive records of one partition on their way.
type piece struct {
	recs *topic.Records
	of   *polled
	size int64
	// decoded is closed when dec or err is set.
	decoded chan struct{}
	dec     *format.Decoded
	err     error
}

// polled is records as they came, of which there are pieces on their way.
type polled struct {
	recs *topic.Records
	left atomic.Int32 // pieces, and one while more are being made
	kept atomic.Bool  // something still looks at them after they are committed
}

// leave is for each piece that is committed; the last gives the memory back.
func (o *polled) leave(recycle func(*topic.Records)) {
	if o.left.Add(-1) == 0 && !o.kept.Load() && recycle != nil {
		recycle(o.recs)
	}
}

// looksAt reports whether what records were decoded to shares their memory, or
// whatever is made of what could not be decoded may.
func looksAt(d *format.Decoded, recs *topic.Records) bool {
	if d == nil || len(d.Bad) > 0 || len(d.DDL) > 0 {
		return true
	}
	if d.Rows == nil {
		return false
	}
	times := &vec.Vec{Ints: recs.Time}
	offsets := &vec.Vec{Ints: recs.Offset}
	for _, c := range d.Rows.Cols {
		if c.Shares(recs.Key) || c.Shares(recs.Value) || c.Shares(times) || c.Shares(offsets) {
			return true
		}
	}
	return false
}

// gate bounds bytes. It is for one who acquires and one who releases.
type gate struct {
	mu   sync.Mutex
	free int64
	room chan struct{} // has a token when something was released
}

func newGate(max int64) *gate { return &gate{free: max, room: make(chan struct{}, 1)} }

// acquire waits until there is any room and takes n, which may be more than all:
// one record must always be able to pass.
func (g *gate) acquire(ctx context.Context, n int64) error {
	for {
		g.mu.Lock()
		if g.free > 0 {
			g.free -= n
			g.mu.Unlock()
			return nil
		}
		g.mu.Unlock()
		select {
		case <-g.room:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (g *gate) release(n int64) {
	g.mu.Lock()
	g.free += n
	g.mu.Unlock()
	wake(g.room)
}

// crew is goroutines that end together: the first error ends all.
type crew struct {
	ctx  context.Context
	end  context.CancelCauseFunc
	wait sync.WaitGroup
}

func newCrew(ctx context.Context) *crew {
	c := &crew{}
	c.ctx, c.end = context.WithCancelCause(ctx)
	return c
}

func (c *crew) start(f func(ctx context.Context) error) {
	c.wait.Go(func() {
		if err := guard(func() error { return f(c.ctx) }); err != nil {
			c.end(err)
		}
	})
}

// finish ends the crew and waits for it; it returns what ended it first.
func (c *crew) finish(err error) error {
	c.end(err)
	c.wait.Wait()
	return context.Cause(c.ctx)
}

const (
	// piecesMax is how many pieces may be on their way.
	piecesMax = 256
	// decoders work beside each other, per source.
	decoders = 2
)

// pipeline decodes pieces beside the one who reads and the one who commits.
type pipeline struct {
	gate  *gate
	order chan *piece // to the committer
	work  chan *piece // to the decoders, who take what is still in the cache
	next  *piece      // the committer's: taken from order, not given yet
	// recycle takes the memory of records back that nobody looks at any more; nil:
	// nobody does.
	recycle func(*topic.Records)
}

func newPipeline(bytesMax int64) *pipeline {
	return &pipeline{gate: newGate(bytesMax), order: make(chan *piece, piecesMax), work: make(chan *piece, decoders)}
}

// put sends records on their way, in slices that decoders can share.
func (p *pipeline) put(ctx context.Context, recs *topic.Records, rowsMax int, paced func(rows int) error) error {
	of := &polled{recs: recs}
	of.left.Store(1)
	defer of.leave(p.recycle)
	for lo := 0; ; {
		hi := min(lo+min(vec.BatchRows, rowsMax), recs.N())
		if err := paced(hi - lo); err != nil {
			return err
		}
		part := recs.Slice(lo, hi)
		pc := &piece{recs: part, of: of, size: recordBytes(part), decoded: make(chan struct{})}
		of.left.Add(1)
		if err := p.gate.acquire(ctx, pc.size); err != nil {
			return err
		}
		if err := send(ctx, p.order, pc); err != nil {
			return err
		}
		if err := send(ctx, p.work, pc); err != nil {
			return err
		}
		if lo = hi; lo == recs.N() {
			return nil
		}
	}
}

// fail sends an error on its way: it takes effect behind what was read before it.
func (p *pipeline) fail(ctx context.Context, err error) error {
	pc := &piece{err: err, decoded: make(chan struct{})}
	close(pc.decoded)
	return send(ctx, p.order, pc)
}

func send(ctx context.Context, to chan<- *piece, pc *piece) error {
	select {
	case to <- pc:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// decode is a decoder's goroutine.
func (p *pipeline) decode(ctx context.Context, d *verifying) error {
	for {
		select {
		case pc := <-p.work:
			pc.dec, pc.err = d.decode(ctx, pc.recs)
			if pc.err != nil || looksAt(pc.dec, pc.recs) {
				pc.of.kept.Store(true)
			}
			close(pc.decoded)
		case <-ctx.Done():
			return nil
		}
	}
}

// take waits for a piece and returns it with all that are ready behind it, up to
// the bounds of one transaction. An error comes when all before it has been taken.
func (p *pipeline) take(ctx context.Context, rowsMax int, bytesMax int64) ([]*piece, error) {
	var out []*piece
	rows, bytes := 0, int64(0)
	for len(out) == 0 || rows < rowsMax && bytes < bytesMax {
		if p.next == nil {
			if len(out) > 0 {
				select {
				case p.next = <-p.order:
				default:
					return out, nil
				}
			} else {
				select {
				case p.next = <-p.order:
				case <-ctx.Done():
					return nil, context.Cause(ctx)
				}
			}
		}
		if len(out) > 0 {
			select {
			case <-p.next.decoded:
			default:
				return out, nil
			}
		} else {
			select {
			case <-p.next.decoded:
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			}
		}
		if p.next.err != nil {
			if len(out) > 0 {
				return out, nil
			}
			return nil, p.next.err
		}
		out = append(out, p.next)
		rows, bytes = rows+p.next.recs.N(), bytes+p.next.size
		p.next = nil
	}
	return out, nil
}

// done gives the memory of pieces back.
func (p *pipeline) done(ps []*piece) {
	var n int64
	for _, pc := range ps {
		n += pc.size
		pc.of.leave(p.recycle)
	}
	p.gate.release(n)
}

// recordBytes is the memory that records and the rows made of them take, roughly.
func recordBytes(r *topic.Records) int64 {
	n := int64(r.N()) * 64
	for _, v := range []*vec.Vec{r.Key, r.Value, r.Headers} {
		if v != nil && v.N > 0 {
			n += 2 * int64(v.Off[v.N]-v.Off[0])
		}
	}
	return n
}
