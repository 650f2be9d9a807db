package connector

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/tarndb/tarn/exec"
	"github.com/tarndb/tarn/sql/sqlerr"
)

// SourceStatus is what sys.sources says of a source. Counts are since it was
// started.
type SourceStatus struct {
	ID    uint64
	Name  string
	Topic string
	State State
	Error string // why, where the state is not a healthy one
	Hint  string // what to do about it, if anybody has to
	Since int64  // of the state, µs since 2000-01-01 UTC

	Partitions []PartitionStatus
	Lag        int64 // records, over all partitions
	LagKnown   bool  // the cluster has said where the topic ends
	Records    int64
	Rows       int64
	Bytes      int64
	Txns       int64
	CommitTime time.Duration // in all
	Epoch      exec.Epoch    // of the newest transaction, 0 = none yet
	Newest     int64         // timestamp of the newest record, µs; 0 = none yet

	Letters        int64 // records that became dead letters
	LettersNow     int64 // that stand
	LettersExpired int64 // that a bound has removed
	// LetterTopicError is why the newest letters are not in dead_letter_topic.
	LetterTopicError string
}

// PartitionStatus is how far a partition of a source is.
type PartitionStatus struct {
	ID   int32
	Next int64 // the records before it are in the engine
	End  int64 // as far as is known
	Lag  int64
}

// SinkStatus is what sys.sinks says of a sink. Counts are since it was started.
type SinkStatus struct {
	ID       uint64
	Name     string
	Topic    string // "" for a sink into a relation
	Into     uint64
	State    State
	Error    string // why, where the state is not a healthy one
	Since    int64
	Position exec.Epoch // the target has everything up to it, 0 = nothing yet

	// The lag is of what is not in the target: of changes that the sink has taken in,
	// and of rows of what it follows that it has still to look at. LagKnown is false
	// where nobody has counted them, because the sink does not run.
	LagKnown   bool
	LagEpochs  int64
	LagRows    int64
	LagSeconds float64 // age of the oldest, or of the position
	Rows       int64
	Bytes      int64
	Txns       int64
	WriteTime  time.Duration // in all
	Errors     int64
	LastError  string // of the last attempt, "" once it has gone on
}

// Sources are the sources that run, by id.
func (m *Manager) Sources() []SourceStatus {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([]SourceStatus, 0, len(m.sources))
	for _, s := range m.sources {
		out = append(out, s.status())
	}
	slices.SortFunc(out, func(a, b SourceStatus) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// Source is the status of one source.
func (m *Manager) Source(id uint64) (SourceStatus, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.sources[id]; s != nil {
		return s.status(), true
	}
	return SourceStatus{}, false
}

// Sinks are the sinks that run, by id.
func (m *Manager) Sinks() []SinkStatus {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([]SinkStatus, 0, len(m.sinks))
	for _, k := range m.sinks {
		out = append(out, k.status())
	}
	slices.SortFunc(out, func(a, b SinkStatus) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// Sink is the status of one sink.
func (m *Manager) Sink(id uint64) (SinkStatus, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if k := m.sinks[id]; k != nil {
		return k.status(), true
	}
	return SinkStatus{}, false
}

func (s *source) status() SourceStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &s.counts
	st := SourceStatus{ID: s.def.ID, Name: s.def.Name, Topic: s.def.Topic, Records: c.records, Rows: c.rows, Bytes: c.bytes,
		Txns: c.txns, CommitTime: time.Duration(c.commitNanos), Epoch: c.epoch, Newest: c.newest, Letters: c.letters, LetterTopicError: c.letterTopicErr}
	st.State, st.Error, st.Since = s.condition()
	st.Hint = s.advice()
	ends := map[int32]int64{}
	if s.reader != nil {
		state := s.reader.State()
		for _, p := range state.Partitions {
			ends[p.ID] = p.End
		}
		// What the reader tries again by itself is no end of the life, but it is news.
		if state.Err != nil && st.State == Running {
			st.State, st.Error = Retrying, sqlerr.From(state.Err).Message
		}
	}
	st.LagKnown = len(s.parts) > 0
	for id, p := range s.parts {
		end := max(p.end, ends[id])
		lag := max(end-p.next, 0)
		st.Partitions = append(st.Partitions, PartitionStatus{ID: id, Next: p.next, End: end, Lag: lag})
		st.Lag += lag
	}
	slices.SortFunc(st.Partitions, func(a, b PartitionStatus) int { return cmp.Compare(a.ID, b.ID) })
	now, expired := s.m.shelf.standing(s.def.ID)
	st.LettersNow, st.LettersExpired = int64(now), expired
	return st
}

func (k *sink) status() SinkStatus {
	k.mu.Lock()
	defer k.mu.Unlock()
	c := &k.counts
	st := SinkStatus{ID: k.def.ID, Name: k.def.Name, Topic: k.def.Topic, Into: k.def.Into, Position: c.position, Rows: c.rows, Bytes: c.bytes,
		Txns: c.txns, WriteTime: time.Duration(c.writeNanos), Errors: c.errors, LastError: c.lastError}
	st.State, st.Error, st.Since = k.condition()
	var oldest exec.Epoch
	if k.backlog == nil {
		k.unfollowed(&st)
	} else {
		st.LagKnown = true
		if st.LagEpochs, st.LagRows, oldest = k.backlog.lag(); oldest != 0 {
			st.LagSeconds = max(0, float64(k.m.cfg.Now()-int64(oldest))/1e6)
		}
	}
	if applied := k.m.engine.Applied(); oldest == 0 && c.begun && applied > c.position && (k.backlog == nil || k.backlog.unseen()) {
		st.LagSeconds = float64(applied-c.position) / 1e6 // at most: what there is has not been seen
	}
	return st
}

// unfollowed is the lag of a sink that follows nothing now: it has not begun yet,
// or has stopped.
func (k *sink) unfollowed(st *SinkStatus) {
	stream, ok := k.ofOneStream()
	switch {
	case ok:
		after := k.counts.position
		if !k.counts.begun {
			after = max(k.m.engine.Since(stream), 1)
		}
		st.LagEpochs, st.LagRows, st.LagKnown = k.m.engine.Unread(stream, after)
	case !k.counts.begun && !k.def.NoSnapshot: // all that stands
		for _, id := range scanned(k.def.Plan) {
			rows, _ := k.m.engine.Size(id)
			st.LagRows += rows
		}
		st.LagEpochs, st.LagKnown = int64(min(st.LagRows, 1)), true
	}
}

func itoa(n uint64) string { return strconv.FormatUint(n, 10) }
