package state

import (
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// scheduler says when Pebble may compact: at most as many times at once as the
// options allow, and not at all while it is held. Recovery holds it, which wants the
// cores for itself: the compaction that a crash has cut short would begin again with
// it, and the rows that are sought meanwhile are a few.
type scheduler struct {
	db pebble.DBForCompaction

	mu       sync.Mutex
	turn     sync.Cond // granting has ended
	running  int
	held     bool
	ended    bool
	granting bool
}

func newScheduler(held bool) *scheduler {
	s := &scheduler{held: held}
	s.turn.L = &s.mu
	return s
}

// Register implements pebble.CompactionScheduler.
func (s *scheduler) Register(_ int, db pebble.DBForCompaction) { s.db = db }

// Unregister implements pebble.CompactionScheduler: it ends all scheduling.
func (s *scheduler) Unregister() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	for s.granting {
		s.turn.Wait()
	}
}

// free reports that one more may run; s.mu is held.
func (s *scheduler) free() bool {
	return !s.ended && !s.held && s.running < s.db.GetAllowedWithoutPermission()
}

// TrySchedule implements pebble.CompactionScheduler.
func (s *scheduler) TrySchedule() (bool, pebble.CompactionGrantHandle) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.free() {
		return false, nil
	}
	s.running++
	return true, s
}

// UpdateGetAllowedWithoutPermission implements pebble.CompactionScheduler. How many
// may run does not change.
func (s *scheduler) UpdateGetAllowedWithoutPermission() {}

// Started, MeasureCPU, CumulativeStats and Done implement pebble.CompactionGrantHandle.
func (s *scheduler) Started()                                          {}
func (s *scheduler) MeasureCPU(pebble.CompactionGoroutineKind)         {}
func (s *scheduler) CumulativeStats(pebble.CompactionGrantHandleStats) {}

// Done ends a compaction and lets the next one that waits begin.
func (s *scheduler) Done() {
	s.mu.Lock()
	s.running--
	s.mu.Unlock()
	s.grant()
}

// release ends the holding.
func (s *scheduler) release() {
	s.mu.Lock()
	s.held = false
	s.mu.Unlock()
	s.grant()
}

// grant lets the compactions that wait begin. Pebble is asked without the lock: it
// takes locks of its own that it holds when it calls TrySchedule.
func (s *scheduler) grant() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.granting {
		s.turn.Wait()
	}
	for s.free() {
		s.granting = true
		s.mu.Unlock()
		waits, _ := s.db.GetWaitingCompaction()
		begun := waits && s.db.Schedule(s)
		s.mu.Lock()
		s.granting = false
		s.turn.Broadcast()
		if !begun {
			return
		}
		s.running++
	}
}
