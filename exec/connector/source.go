package connector

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/tarndb/tarn/exec"
	"github.com/tarndb/tarn/exec/format"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/storage/topic/kafka"
)

// A source reads one topic into one relation. All that must last is the engine's:
// a life begins at the engine's offsets, and anything unsure ends it.

// errAgain ends a life that has to begin again at once.
var errAgain = errors.New("begin again")

type source struct {
	*runner
	m *Manager

	mu     sync.Mutex
	def    SourceDef
	parts  map[int32]*partitionStatus
	reader *kafka.Reader // of the current life
	counts sourceCounts
}

type sourceCounts struct {
	records, rows, bytes, letters, txns int64
	commitNanos                         int64
	newest                              int64 // timestamp of the newest record, µs
	epoch                               exec.Epoch
	letterTopicErr                      string
}

type partitionStatus struct{ next, end int64 }

func newSource(m *Manager, def SourceDef) *source {
	return &source{runner: newRunner(m.cfg.Log.With("source", def.Name), m.cfg.Now, def.Paused), m: m, def: def, parts: map[int32]*partitionStatus{}}
}

func (s *source) definition() SourceDef {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.def
}

func (s *source) setSpec(spec format.Spec) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.def.Spec = spec
}

func (s *source) setReader(r *kafka.Reader) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reader = r
}

// sourceLife is a source between two beginnings.
type sourceLife struct {
	s      *source
	def    *SourceDef
	client *kafka.Client
	pipe   *pipeline
	topic  kafka.TopicID
	at     map[int32]int64 // the committer's: where the engine stands
}

// live is one life: from the engine's offsets until something goes wrong.
func (s *source) live(ctx context.Context) error {
	for {
		err := s.attempt(ctx)
		switch {
		case errors.Is(err, errAgain) && ctx.Err() == nil:
			continue
		case sqlerr.HasCode(err, sqlerr.UndefinedTable):
			return &halt{Stopped, err}
		}
		return err
	}
}

func (s *source) attempt(ctx context.Context) error {
	def := s.definition()
	l := &sourceLife{s: s, def: &def, pipe: newPipeline(s.m.cfg.SourceBytes)}
	if err := s.m.openShelf(ctx); err != nil {
		return err
	}
	decs := make([]*verifying, decoders)
	for i := range decs {
		var err error
		if decs[i], err = newVerifying(&def); err != nil {
			return terminal(err)
		}
	}
	var err error
	if l.client, err = kafka.Open(def.Kafka); err != nil {
		return &halt{Failed, err}
	}
	defer l.client.Close()
	if err := l.begin(ctx); err != nil {
		return err
	}
	from := l.readFrom()
	reader := l.client.NewReader(def.Topic, kafka.ReaderOptions{Start: from, TopicID: l.topic, Headers: true})
	defer reader.Close()
	l.pipe.recycle = reader.Recycle
	s.setReader(reader)
	defer s.setReader(nil)
	s.works()
	c := newCrew(ctx)
	for _, d := range decs {
		c.start(func(ctx context.Context) error { return l.pipe.decode(ctx, d) })
	}
	schema, err := l.openSchemaTopic(ctx)
	if err != nil {
		return err
	}
	defer schema.close()
	read := maps.Clone(from)
	c.start(func(ctx context.Context) error { return l.read(ctx, reader) })
	c.start(func(ctx context.Context) error { return l.look(ctx, reader, read) })
	c.start(func(ctx context.Context) error { return l.tell(ctx) })
	return c.finish(l.commitLoop(c.ctx, schema))
}

// read polls and sends what comes on its way.
func (l *sourceLife) read(ctx context.Context, reader *kafka.Reader) error {
	b := bucket{perSecond: l.def.RowsPerSecond}
	paced := func(rows int) error {
		if d := b.take(time.Now(), rows); d > 0 {
			return wait(ctx, d)
		}
		return nil
	}
	for {
		recs, err := reader.Poll(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		for _, r := range recs {
			if err := l.pipe.put(ctx, r, b.chunk(), paced); err != nil {
				return err
			}
		}
		if err != nil {
			if err := l.pipe.fail(ctx, err); err != nil {
				return err
			}
			<-ctx.Done() // the committer ends the life when it gets there
			return nil
		}
	}
}

// commitLoop commits what is ready; while it does so the next collects.
func (l *sourceLife) commitLoop(ctx context.Context, schema *schemaTopic) error {
	for {
		pieces, err := l.pipe.take(ctx, txnRowsMax, txnBytesMax)
		var gap *kafka.GapError
		switch {
		case errors.As(err, &gap):
			if err := l.gap(gap); err != nil {
				return err
			}
			if err := l.skip(ctx, gap); err != nil {
				return err
			}
			return errAgain
		case err != nil:
			return err
		}
		if changed, err := schema.catchUp(ctx); err != nil {
			return err
		} else if changed {
			return errAgain // the pieces must be decoded anew
		}
		if err := l.commitAll(ctx, pieces); err != nil {
			return err
		}
		l.pipe.done(pieces)
	}
}

// look looks for partitions that are not read yet, and asks where the topic ends.
func (l *sourceLife) look(ctx context.Context, reader *kafka.Reader, read map[int32]int64) error {
	for {
		if wait(ctx, l.s.m.cfg.PartitionsEvery) != nil {
			return nil
		}
		parts, _, err := l.client.Partitions(ctx, l.def.Topic)
		if err != nil {
			continue // the reader says what is wrong
		}
		for _, p := range parts {
			if _, ok := read[p.ID]; !ok {
				read[p.ID] = l.s.m.engine.Offsets(l.def.ID)[p.ID]
				reader.Add(p.ID, read[p.ID])
			}
		}
		l.s.learn(parts, nil)
	}
}

// tell commits to the group tarn-<source> and removes letters that are too old.
func (l *sourceLife) tell(ctx context.Context) error {
	var told map[int32]int64
	for {
		if wait(ctx, l.s.m.cfg.GroupEvery) != nil {
			return nil
		}
		if err := l.s.m.expire(ctx, l.def.ID); err != nil && ctx.Err() == nil {
			l.s.log.Debug("dead letters were not removed", "err", err)
		}
		at := withoutIdentities(l.s.m.engine.Offsets(l.def.ID))
		if len(at) == 0 || maps.Equal(at, told) {
			continue
		}
		callCtx, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := l.client.CommitGroup(callCtx, l.def.group(), l.def.Topic, at)
		cancel()
		if err != nil {
			l.s.log.Debug("group offsets were not committed", "err", err)
			continue
		}
		told = at
	}
}

// forget drops what was known of the topic's partitions; another topic of the
// name may have fewer.
func (s *source) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.parts)
}

// learn takes in what brokers say of partitions, and where the engine stands.
func (s *source) learn(parts []kafka.PartitionInfo, at map[int32]int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range parts {
		st := s.parts[p.ID]
		if st == nil {
			st = &partitionStatus{}
			s.parts[p.ID] = st
		}
		st.end = p.End
	}
	for p, next := range at {
		if st := s.parts[p]; st != nil {
			st.next = next
		}
	}
}

func (s *source) partitions() []int32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]int32, 0, len(s.parts))
	for p := range s.parts {
		out = append(out, p)
	}
	return out
}

// count notes a transaction that is durable.
func (s *source) count(t *txnOf, epoch exec.Epoch, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &s.counts
	c.records, c.rows, c.bytes = c.records+int64(t.records), c.rows+int64(t.rows), c.bytes+t.bytes
	c.letters, c.txns, c.commitNanos = c.letters+int64(len(t.letters)), c.txns+1, c.commitNanos+int64(took)
	c.newest, c.epoch = max(c.newest, t.newest), epoch
	for _, cut := range t.cuts {
		st := s.parts[cut.Partition]
		if st == nil {
			st = &partitionStatus{}
			s.parts[cut.Partition] = st
		}
		st.next, st.end = cut.To, max(st.end, cut.To)
	}
}
