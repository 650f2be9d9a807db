package exec

import (
	"github.com/tarndb/tarn/storage/topic"
)

// Unread counts what came into a stream after an epoch: epochs and records. It
// reads no record. ok is false where that is not known: of tables and views, and
// of what the stream no longer has.
func (e *Engine) Unread(id uint64, after Epoch) (epochs, rows int64, ok bool) {
	rel := e.relation(id)
	if rel == nil || rel.topic == nil {
		return 0, 0, false
	}
	epochs, rows, err := rel.count(after, e.applied.Load())
	return epochs, rows, err == nil
}

// count counts the epochs of a stream in (after, upTo] and their records.
func (r *relation) count(after, upTo Epoch) (epochs, rows int64, err error) {
	if after >= upTo {
		return 0, 0, nil
	}
	last := Epoch(0)
	add := func(ep Epoch, n int64) {
		if n > 0 && ep != last {
			epochs, last = epochs+1, ep
		}
		rows += n
	}
	read := topic.Scan{After: after, UpTo: upTo, Columns: []int{}, Types: r.types}
	if r.outside != nil {
		err = r.outside.eachCut(&read, func(cuts []cutRow) error {
			for _, c := range cuts {
				add(c.epoch, c.rows)
			}
			return nil
		})
		return epochs, rows, err
	}
	err = r.topic.Read(0, read, func(rows *topic.Rows) error {
		for _, run := range rows.Epochs {
			add(run.Epoch, int64(run.Rows))
		}
		return nil
	})
	return epochs, rows, err
}

// Behind is what the subscription has still to give, besides what a Next under way
// is about to: epochs and rows of the relations that it reads, whatever the query
// will make of them. Any goroutine may ask.
func (s *Subscription) Behind() (epochs, rows int64) {
	epochs, rows = s.unread.epochs.Load(), s.unread.rows.Load()
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	for i := range s.feed.queue {
		n := int64(0)
		for _, d := range s.feed.queue[i].Deltas {
			if d == nil {
				continue
			}
			for _, b := range d.batches {
				n += int64(b.N)
			}
		}
		if n > 0 {
			epochs, rows = epochs+1, rows+n
		}
	}
	return epochs, rows
}
