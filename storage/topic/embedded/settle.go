package embedded

import (
	"github.com/tarndb/tarn/storage/segment"
	"github.com/tarndb/tarn/storage/topic"
)

// settle moves the topic's rows of epochs ≤ upTo into one new segment.
// log.work is held.
func (t *Topic) settle(upTo uint64) error {
	man, tail := t.acquire()
	defer t.release()
	n := 0
	for n < len(tail) && tail[n].epoch <= upTo {
		n++
	}
	if n == 0 {
		return nil
	}
	next := *man
	number := t.takeNumber(man)
	info, err := t.write(number, func(add func(*topic.Rows) error) error {
		return t.readTail(tail[:n], &topic.Scan{Rowtime: true}, add)
	})
	if err != nil {
		return err
	}
	next.Next, next.Settled, next.End = number+1, tail[n-1].epoch, info.End
	next.Segments = append(append([]segment.Info(nil), man.Segments...), info)
	if err := next.Store(t.log.cfg.FS, t.dir, t.log.cfg.Stop); err != nil {
		return err
	}
	if err := t.log.cfg.Stop("settle: manifest stored"); err != nil {
		return err
	}
	t.log.mu.Lock()
	defer t.log.mu.Unlock()
	for i := range t.tail[:n] {
		t.log.inMemory -= int64(len(t.tail[i].payload))
	}
	t.tail = append([]piece(nil), t.tail[n:]...)
	t.man = &next
	return nil
}

func (t *Topic) takeNumber(man *segment.Manifest) uint64 {
	n := max(t.numbers, man.Next)
	t.numbers = n + 1
	return n
}

// write makes segment file number of the rows that fill adds, durable under its name.
func (t *Topic) write(number uint64, fill func(add func(*topic.Rows) error) error) (segment.Info, error) {
	cfg := &t.log.cfg
	if err := cfg.Stop("segment: before write"); err != nil {
		return segment.Info{}, err
	}
	w, err := segment.Create(cfg.FS, t.file(number), cfg.BlockRows)
	if err != nil {
		return segment.Info{}, err
	}
	if err := fill(w.Add); err != nil {
		w.Abort()
		return segment.Info{}, err
	}
	if err := cfg.Stop("segment: before sync"); err != nil {
		w.Abort()
		return segment.Info{}, err
	}
	info, err := w.Finish()
	if err != nil {
		_ = cfg.FS.Remove(t.file(number))
		return segment.Info{}, err
	}
	if err := cfg.Stop("segment: before folder sync"); err != nil {
		return segment.Info{}, err
	}
	info.Number = number
	return info, segment.SyncDir(cfg.FS, t.dir)
}

// mergeFanIn is how many neighbours of about one size become one segment: each
// row is written again once per factor of mergeFanIn.
const mergeFanIn = 8

// merge joins neighbouring small segments until no run of mergeFanIn of one size
// class is left. log.work is held.
func (t *Topic) merge() error {
	for {
		man, _ := t.acquire()
		lo, hi := mergeRange(man.Segments, t.log.cfg.SegmentRows)
		if lo == hi {
			t.release()
			return nil
		}
		err := t.mergeSegments(man, lo, hi)
		t.release()
		if err != nil {
			return err
		}
	}
}

// mergeRange picks the newest run of neighbours to merge; lo = hi: none.
func mergeRange(ss []segment.Info, rowsMax int64) (lo, hi int) {
	class := func(s segment.Info) int {
		c := 0
		for n := s.End - s.First; n >= mergeFanIn*1024; n /= mergeFanIn {
			c++
		}
		return c
	}
	for hi = len(ss); hi > 0; hi = lo {
		lo = hi - 1
		rows := ss[lo].End - ss[lo].First
		for lo > 0 && hi-lo < mergeFanIn && class(ss[lo-1]) <= class(ss[hi-1]) {
			if rows += ss[lo-1].End - ss[lo-1].First; rows > rowsMax {
				break
			}
			lo--
		}
		if hi-lo == mergeFanIn {
			return lo, hi
		}
	}
	return 0, 0
}

func (t *Topic) mergeSegments(man *segment.Manifest, lo, hi int) error {
	number := t.takeNumber(man)
	info, err := t.write(number, func(add func(*topic.Rows) error) error {
		for _, s := range man.Segments[lo:hi] {
			if err := t.scanSegment(s.Number, &topic.Scan{Rowtime: true}, add); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	next := *man
	next.Next = number + 1
	next.Segments = append(append(append([]segment.Info(nil), man.Segments[:lo]...), info), man.Segments[hi:]...)
	return t.replace(&next, man.Segments[lo:hi])
}

// replace stores a manifest and gives up the files that it no longer names.
func (t *Topic) replace(next *segment.Manifest, gone []segment.Info) error {
	if err := next.Store(t.log.cfg.FS, t.dir, t.log.cfg.Stop); err != nil {
		return err
	}
	t.log.mu.Lock()
	t.man = next
	for _, s := range gone {
		t.dead = append(t.dead, s.Number)
	}
	dead := t.takeDead()
	t.log.mu.Unlock()
	t.removeFiles(dead)
	return t.log.cfg.Stop("segments: removed")
}

// Retain drops whole segments from the front as long as drop says so of them,
// oldest first; it may look at age (RowtimeMax) or add up sizes. It reports how
// many it dropped.
func (t *Topic) Retain(drop func(segment.Info) bool) (int, error) {
	t.log.work.Lock()
	defer t.log.work.Unlock()
	man, _ := t.acquire()
	defer t.release()
	n := 0
	for n < len(man.Segments) && drop(man.Segments[n]) {
		n++
	}
	if n == 0 {
		return 0, nil
	}
	next := *man
	last := man.Segments[n-1]
	next.Start, next.CompleteFrom = last.End, last.LastEpoch+1
	next.Segments = append([]segment.Info(nil), man.Segments[n:]...)
	return n, t.replace(&next, man.Segments[:n])
}
