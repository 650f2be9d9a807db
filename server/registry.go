package server

import "sync"

// registry is the sessions that are connected, for pg_stat_activity.
type registry struct {
	mu  sync.Mutex
	all map[*session]bool
}

func (r *registry) add(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil {
		r.all = map[*session]bool{}
	}
	r.all[s] = true
}

func (r *registry) remove(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.all, s)
}
