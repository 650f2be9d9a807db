package server

import (
	"sync"
	"sync/atomic"
)

// registry is the sessions that are connected, for pg_stat_activity.
type registry struct {
	mu  sync.Mutex
	all map[*session]bool
	// version changes whenever all does.
	version atomic.Uint64
}

func (r *registry) add(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil {
		r.all = map[*session]bool{}
	}
	r.all[s] = true
	r.version.Add(1)
}

func (r *registry) remove(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.all, s)
	r.version.Add(1)
}
