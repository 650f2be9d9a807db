package embedded

import (
	"errors"
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/storage/journal"
	"github.com/tarndb/tarn/storage/segment"
	"github.com/tarndb/tarn/storage/topic"
)

// Topic is one embedded topic. It has one order, so one partition.
type Topic struct {
	log *Log
	id  uint64
	dir string

	// Under log.mu. The manifest and the tail are replaced, never changed in
	// place (the tail grows at its end), so a read takes both and goes on alone.
	man     *segment.Manifest
	tail    []piece
	end     int64 // position after the last piece; man.End if there is none
	readers int
	dead    []uint64 // segment files out of the manifest that a reader may have

	// Under log.work. A file number is used once, even if storing the manifest
	// failed: the disk may have the manifest that this process gave up on, and the
	// file that it names must stay as it was.
	numbers uint64
}

var _ topic.Topic = (*Topic)(nil)

// piece is unsettled rows of one entry, or of one committed transaction.
type piece struct {
	epoch   uint64
	entry   int // index in its frame
	txn     uint64
	first   int64
	rows    int
	payload []byte // nil: to be read from the journal
}

func (l *Log) load(id uint64) (*Topic, error) {
	t := &Topic{log: l, id: id, dir: l.dir(id)}
	man, err := segment.LoadManifest(l.cfg.FS, t.dir)
	if err != nil {
		return nil, err
	}
	if man == nil {
		man = &segment.Manifest{Topic: id, Next: 1}
	}
	if man.Topic != id {
		return nil, sqlerr.New(sqlerr.DataCorrupted, "the manifest in %s is that of topic %d", t.dir, man.Topic)
	}
	t.man, t.end = man, man.End
	return t, t.sweep()
}

// sweep removes segment files that the manifest does not name, and reports those
// that it names and are not there.
func (t *Topic) sweep() error {
	named := map[string]bool{}
	for _, s := range t.man.Segments {
		named[fmt.Sprintf("%06d.seg", s.Number)] = true
	}
	names, err := t.log.cfg.FS.List(t.dir)
	if err != nil {
		return segment.Coded(err)
	}
	for _, name := range names {
		digits, ok := strings.CutSuffix(name, ".seg")
		if _, err := strconv.ParseUint(digits, 10, 64); !ok || err != nil {
			continue
		}
		if named[name] {
			delete(named, name)
			continue
		}
		t.log.cfg.Log.Info("topic: removing a segment file left by a crash", "topic", t.id, "file", name)
		if err := t.log.cfg.FS.Remove(t.log.cfg.FS.PathJoin(t.dir, name)); err != nil {
			return segment.Coded(err)
		}
	}
	for name := range named {
		return sqlerr.New(sqlerr.DataCorrupted, "segment file %s is missing", t.log.cfg.FS.PathJoin(t.dir, name))
	}
	return nil
}

func (t *Topic) file(number uint64) string {
	return t.log.cfg.FS.PathJoin(t.dir, fmt.Sprintf("%06d.seg", number))
}

// push adds a piece at the end; log.mu is held.
func (t *Topic) push(p piece) {
	if p.rows == 0 {
		return
	}
	p.first = t.end
	t.end += int64(p.rows)
	t.tail = append(t.tail, p)
}

func (t *Topic) inMemory() (n int64) {
	for i := range t.tail {
		n += int64(len(t.tail[i].payload))
	}
	return n
}

// shed forgets the oldest payloads, about n bytes; log.mu is held. Readers may
// hold the slice, so it is replaced.
func (t *Topic) shed(n int64) (freed int64) {
	tail := append([]piece(nil), t.tail...)
	for i := range tail {
		if freed >= n {
			break
		}
		freed += int64(len(tail[i].payload))
		tail[i].payload = nil
	}
	t.tail = tail
	return freed
}

// Partitions is 1.
func (t *Topic) Partitions() int { return 1 }

// Bounds says what the topic holds now.
func (t *Topic) Bounds(int) (topic.Bounds, error) {
	t.log.mu.RLock()
	defer t.log.mu.RUnlock()
	b := topic.Bounds{Start: t.man.Start, End: t.end, CompleteFrom: t.man.CompleteFrom}
	if n := len(t.tail); n > 0 {
		b.LastEpoch = t.tail[n-1].epoch
	} else if n := len(t.man.Segments); n > 0 {
		b.LastEpoch = t.man.Segments[n-1].LastEpoch
	}
	return b, nil
}

// Segments lists the settled segments.
func (t *Topic) Segments() []segment.Info {
	t.log.mu.RLock()
	defer t.log.mu.RUnlock()
	return t.man.Segments
}

// acquire takes what a read needs; release must follow.
func (t *Topic) acquire() (*segment.Manifest, []piece) {
	t.log.mu.Lock()
	defer t.log.mu.Unlock()
	t.readers++
	return t.man, t.tail
}

func (t *Topic) release() {
	t.log.mu.Lock()
	t.readers--
	dead := t.takeDead()
	t.log.mu.Unlock()
	t.removeFiles(dead)
}

// takeDead is what may be removed now; log.mu is held.
func (t *Topic) takeDead() []uint64 {
	if t.readers > 0 {
		return nil
	}
	dead := t.dead
	t.dead = nil
	return dead
}

// removeFiles removes files that no manifest names. What cannot be removed is
// swept at the next start.
func (t *Topic) removeFiles(numbers []uint64) {
	for _, n := range numbers {
		if err := t.log.cfg.FS.Remove(t.file(n)); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.log.cfg.Log.Warn("topic: could not remove a segment file", "file", t.file(n), "error", err)
		}
	}
}

// Read implements topic.Topic.
func (t *Topic) Read(_ int, o topic.Scan, yield func(*topic.Rows) error) error {
	for first := true; ; first = false {
		at, err := t.read(&o, first, yield)
		// While this read walked the journal, what it had not reached yet may have
		// been settled and truncated: it is in a segment now.
		if at < 0 || !sqlerr.HasCode(err, sqlerr.SnapshotTooOld) || !first && at == o.From {
			return err
		}
		o.From = at
	}
}

// read is one attempt at Read. at is the position to go on from after an error
// of the journal, -1 after any other end. The first attempt fixes where to end.
func (t *Topic) read(o *topic.Scan, first bool, yield func(*topic.Rows) error) (at int64, err error) {
	man, tail := t.acquire()
	defer t.release()
	if o.From < man.Start && o.After+1 < man.CompleteFrom {
		return -1, topic.TooOld(fmt.Sprintf("topic %d", t.id), man.Start)
	}
	end := man.End
	if n := len(tail); n > 0 {
		end = tail[n-1].first + int64(tail[n-1].rows)
	}
	if first && (o.Until <= 0 || o.Until > end) {
		if o.Until = end; end == 0 {
			return -1, nil // 0 would mean no bound
		}
	}
	for _, s := range man.Segments {
		if s.End <= o.From || s.LastEpoch <= o.After {
			continue
		}
		if s.First >= o.Until || o.UpTo > 0 && s.FirstEpoch > o.UpTo {
			return -1, nil
		}
		if err := t.scanSegment(s.Number, o, yield); err != nil {
			return -1, err
		}
	}
	at = max(o.From, man.End)
	yielding := false
	err = t.readTail(tail, o, func(r *topic.Rows) error {
		at, yielding = r.End(), true
		if err := yield(r); err != nil {
			return err
		}
		yielding = false
		return nil
	})
	if err != nil && yielding {
		return -1, err
	}
	return at, err
}

func (t *Topic) scanSegment(number uint64, o *topic.Scan, yield func(*topic.Rows) error) error {
	r, err := segment.Open(t.log.cfg.FS, t.file(number))
	if err != nil {
		return err
	}
	defer r.Close()
	return r.Scan(o, yield)
}

// readTail gives the wanted rows of pieces, from memory or from the journal.
func (t *Topic) readTail(tail []piece, o *topic.Scan, yield func(*topic.Rows) error) error {
	var jr *journal.Reader
	var frame *journal.Frame
	defer func() {
		if jr != nil {
			jr.Close()
		}
	}()
	for i := range tail {
		p := &tail[i]
		if p.epoch <= o.After || p.first+int64(p.rows) <= o.From {
			continue
		}
		if o.UpTo > 0 && p.epoch > o.UpTo || o.Until > 0 && p.first >= o.Until {
			return nil
		}
		if p.txn != 0 {
			if err := t.readTxn(p, o, yield); err != nil {
				return err
			}
			continue
		}
		payload := p.payload
		if payload == nil {
			if jr == nil {
				jr = t.log.journal.ReadFrom(p.epoch)
			}
			for frame == nil || frame.Epoch < p.epoch {
				f, err := jr.Next()
				if err != nil {
					return err
				}
				if f == nil {
					return sqlerr.New(sqlerr.InternalError, "epoch %d is not in the journal", p.epoch)
				}
				frame = f
			}
			if frame.Epoch != p.epoch || p.entry >= len(frame.Entries) {
				return sqlerr.New(sqlerr.InternalError, "epoch %d is not in the journal", p.epoch)
			}
			payload = frame.Entries[p.entry].Payload
		}
		if err := give(payload, p.epoch, p.first, o, yield); err != nil {
			return err
		}
	}
	return nil
}

func (t *Topic) readTxn(p *piece, o *topic.Scan, yield func(*topic.Rows) error) error {
	at := p.first
	return t.log.journal.ReadTxn(p.txn, func(es []journal.Entry) error {
		for i := range es {
			if es[i].Kind != journal.KindData || es[i].Object != t.id {
				continue
			}
			n, err := payloadRows(es[i].Payload)
			if err != nil {
				return err
			}
			if err := give(es[i].Payload, p.epoch, at, o, yield); err != nil {
				return err
			}
			at += int64(n)
		}
		return nil
	})
}

// give decodes a payload and yields what o wants of it.
func give(payload []byte, epoch uint64, first int64, o *topic.Scan, yield func(*topic.Rows) error) error {
	r, err := DecodePayload(payload, o)
	if err != nil {
		return err
	}
	r.First = first
	r.Epochs = []topic.Run{{Epoch: epoch, Rows: r.Batch.N}}
	if r = o.Cut(r); r == nil {
		return nil
	}
	return yield(r)
}

// PositionAt implements topic.Topic. Rowtimes need not be in order: it is the
// first position at which one is reached.
func (t *Topic) PositionAt(_ int, µs int64) (int64, error) {
	man, tail := t.acquire()
	defer t.release()
	o := topic.Scan{Columns: []int{}, Rowtime: true, RowtimeFrom: µs}
	at := int64(-1)
	find := func(r *topic.Rows) error {
		for i, x := range r.Rowtime {
			if x >= µs {
				at = r.First + int64(i)
				return errFound
			}
		}
		return nil
	}
	i := sort.Search(len(man.Segments), func(i int) bool {
		for _, s := range man.Segments[:i+1] {
			if s.RowtimeMax >= µs {
				return true
			}
		}
		return false
	})
	for _, s := range man.Segments[i:] {
		if err := t.scanSegment(s.Number, &o, find); err != nil && !errors.Is(err, errFound) {
			return 0, err
		}
		if at >= 0 {
			return at, nil
		}
	}
	if err := t.readTail(tail, &o, find); err != nil && !errors.Is(err, errFound) {
		return 0, err
	}
	if at >= 0 {
		return at, nil
	}
	end := man.End
	if n := len(tail); n > 0 {
		end = tail[n-1].first + int64(tail[n-1].rows)
	}
	return end, nil
}

var errFound = errors.New("found")
