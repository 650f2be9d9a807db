package connector

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tarndb/tarn/exec"
	"github.com/tarndb/tarn/exec/format"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/storage/topic/kafka"
)

// Config configures a Manager. Now is required.
type Config struct {
	// Now is the wall clock, µs since 2000-01-01 UTC.
	Now func() int64
	Log *slog.Logger // nil = discard
	// Metrics gets tarn_connector_*; nil = none.
	Metrics prometheus.Registerer
	// SourceBytes bounds the records of one source that are on their way; 0 = 24 MiB.
	SourceBytes int64
	// SinkBytes bounds the changes that wait in memory for one sink; 0 = 32 MiB. What
	// is more is read again from the engine.
	SinkBytes int64
	// LettersMax, LetterBytes and LetterAge bound the dead letters of a source; 0 =
	// 100,000, 256 MiB, 30 days.
	LettersMax  int
	LetterBytes int64
	LetterAge   time.Duration
	// LetterRecordBytes is the longest record that a letter keeps; 0 = 16 MiB.
	LetterRecordBytes int64
	// PartitionsEvery is how often new partitions are looked for; 0 = 15 s.
	PartitionsEvery time.Duration
	// GroupEvery is how often the group tarn-<source> is told how far a source is; 0 = 5 s.
	GroupEvery time.Duration
	// WriteTimeout is how long one transaction outside may take; 0 = one minute.
	WriteTimeout time.Duration
	// LateTimeout is how long one may take of a sink that is behind by more than it is
	// allowed to; 0 = 10 s.
	LateTimeout time.Duration
	// RenewEvery is how often a sink with nothing to write renews its position, if
	// the engine has moved; 0 = 10 minutes.
	RenewEvery time.Duration
	// Stop is called at each step of what must survive a crash. For tests.
	Stop func(point string) error
}

func (c Config) withDefaults() Config {
	setDefault(&c.Log, slog.New(slog.DiscardHandler))
	setDefault(&c.SourceBytes, 24<<20)
	setDefault(&c.SinkBytes, 32<<20)
	setDefault(&c.LettersMax, 100_000)
	setDefault(&c.LetterBytes, 256<<20)
	setDefault(&c.LetterRecordBytes, 16<<20)
	setDefault(&c.LetterAge, 30*24*time.Hour)
	setDefault(&c.PartitionsEvery, 15*time.Second)
	setDefault(&c.GroupEvery, 5*time.Second)
	setDefault(&c.WriteTimeout, time.Minute)
	setDefault(&c.LateTimeout, 10*time.Second)
	setDefault(&c.RenewEvery, 10*time.Minute)
	return c
}

func setDefault[T comparable](v *T, to T) {
	var zero T
	if *v == zero {
		*v = to
	}
}

// stop is the Stop hook.
func (c *Config) stop(point string) error {
	if c.Stop == nil {
		return nil
	}
	return c.Stop(point)
}

// Manager runs the connectors of one engine. Its methods may be called
// concurrently, those about one connector one after the other.
type Manager struct {
	engine Engine
	cfg    Config
	ctx    context.Context
	end    context.CancelFunc
	shelf  shelf
	begun  exec.Epoch // the engine's when the manager was made

	mu      sync.Mutex
	sources map[uint64]*source
	sinks   map[uint64]*sink
	owners  map[uint64]*owner // of sinks that have run

	shelfMu     sync.Mutex
	shelfLoaded bool
	redriveMu   sync.Mutex
}

// NewManager makes a manager without connectors.
func NewManager(e Engine, cfg Config) *Manager {
	m := &Manager{engine: e, cfg: cfg.withDefaults(), begun: e.Applied(),
		sources: map[uint64]*source{}, sinks: map[uint64]*sink{}, owners: map[uint64]*owner{}}
	m.ctx, m.end = context.WithCancel(context.Background())
	m.shelf = shelf{odd: -1, count: m.cfg.LettersMax, bytes: m.cfg.LetterBytes, ageMicros: m.cfg.LetterAge.Microseconds()}
	if m.cfg.Metrics != nil {
		m.cfg.Metrics.MustRegister(collector{m})
	}
	return m
}

// Close stops all connectors and waits for them.
func (m *Manager) Close() {
	m.end()
	m.mu.Lock()
	sources, sinks := m.sources, m.sinks
	m.sources, m.sinks = map[uint64]*source{}, map[uint64]*sink{}
	m.mu.Unlock()
	for _, s := range sources {
		s.stop()
	}
	for _, k := range sinks {
		k.stop()
	}
	if m.cfg.Metrics != nil {
		m.cfg.Metrics.Unregister(collector{m})
	}
}

// CheckSource returns the error of the user that def has, if any. It does not
// connect.
func CheckSource(def SourceDef) error {
	if _, err := newVerifying(&def); err != nil {
		return err
	}
	return checkKafka(def.Kafka)
}

func checkKafka(cfg kafka.Config) error {
	c, err := kafka.Open(cfg)
	if err == nil {
		c.Close()
	}
	return err
}

// StartSource starts a source. Everything that may pass by itself, like a broker
// that is away, is a state of the source and no error here.
func (m *Manager) StartSource(def SourceDef) error {
	if err := CheckSource(def); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sources[def.ID] != nil || m.ctx.Err() != nil {
		return sqlerr.New(sqlerr.ObjectInUse, "source %q is running", def.Name)
	}
	s := newSource(m, def)
	m.sources[def.ID] = s
	s.start(m.ctx, s.live)
	return nil
}

// StopSource stops a source and waits until it has. What it has committed stays;
// started again, it goes on behind it.
func (m *Manager) StopSource(id uint64) {
	m.mu.Lock()
	s := m.sources[id]
	delete(m.sources, id)
	m.mu.Unlock()
	if s != nil {
		s.stop()
	}
}

// StartSink starts a sink.
func (m *Manager) StartSink(def SinkDef) error {
	if err := CheckSink(def); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sinks[def.ID] != nil || m.ctx.Err() != nil {
		return sqlerr.New(sqlerr.ObjectInUse, "sink %q is running", def.Name)
	}
	k := newSink(m, def)
	if k.owner = m.owners[def.ID]; k.owner == nil {
		k.owner = &owner{}
		m.owners[def.ID] = k.owner
	}
	m.sinks[def.ID] = k
	k.start(m.ctx, k.live)
	return nil
}

// CheckSink returns the error of the user that def has, if any. It does not
// connect.
func CheckSink(def SinkDef) error {
	if def.Into != 0 {
		return nil
	}
	if def.Spec.Envelope != "" && def.Spec.Envelope != format.Plain && len(def.Spec.PK) == 0 && def.Spec.Envelope != format.Debezium {
		return sqlerr.New(sqlerr.InvalidTableDefinition, "a sink of format %s needs a primary key", def.Spec.Envelope).
			WithHint("Name its columns with primary_key = '…'.")
	}
	return checkKafka(def.Kafka)
}

// StopSink stops a sink and waits until it has. What it needs is still kept for
// it; DropSink gives it free.
func (m *Manager) StopSink(id uint64) {
	m.mu.Lock()
	k := m.sinks[id]
	delete(m.sinks, id)
	m.mu.Unlock()
	if k != nil {
		k.stop()
		m.holdSources(k.def.Sources, k.def.ID, false)
	}
}

// DropSink stops a sink for good, whether it runs or not, and gives free what was
// kept for it.
func (m *Manager) DropSink(id uint64) error {
	m.StopSink(id)
	m.mu.Lock()
	delete(m.owners, id)
	m.mu.Unlock()
	return m.release(id)
}

// release ends all that is held for a sink.
func (m *Manager) release(id uint64) error {
	for _, h := range m.engine.Holds() {
		if strings.HasPrefix(h.Name, holdPrefix(id)) {
			if err := m.engine.Release(h.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

// HeldFor are the sinks that something is held for. One of them may be gone: the
// server died between dropping it and giving free what it held.
func (m *Manager) HeldFor() []uint64 {
	var out []uint64
	for _, h := range m.engine.Holds() {
		var id uint64
		if n, _ := fmt.Sscanf(h.Name, "sink %d ", &id); n == 1 && strings.HasPrefix(h.Name, holdPrefix(id)+itoa(h.Object)) && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}

// Pause holds a source or sink until Resume.
func (m *Manager) Pause(id uint64) error {
	return m.with(id, func(r *runner) { r.hold(byUser) })
}

// Resume ends a Pause; a connector that waits for somebody, at a gap or because
// it has failed, tries again.
func (m *Manager) Resume(id uint64) error {
	return m.with(id, func(r *runner) { r.release(byUser) })
}

func (m *Manager) with(id uint64, f func(*runner)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.sources[id] != nil:
		f(m.sources[id].runner)
	case m.sinks[id] != nil:
		f(m.sinks[id].runner)
	default:
		return sqlerr.New(sqlerr.UndefinedObject, "the connector is not running")
	}
	return nil
}

// holdSources holds the sources of a sink, or lets them go.
func (m *Manager) holdSources(ids []uint64, sink uint64, hold bool) {
	if len(ids) == 0 {
		return
	}
	reason := "sink " + itoa(sink)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range ids {
		switch s := m.sources[id]; {
		case s == nil:
		case hold:
			s.hold(reason)
		default:
			s.release(reason)
		}
	}
}

// openShelf reads which dead letters stand, once.
func (m *Manager) openShelf(ctx context.Context) error {
	m.shelfMu.Lock()
	defer m.shelfMu.Unlock()
	if m.shelfLoaded {
		return nil
	}
	err := m.shelf.load(ctx, m.engine)
	m.shelfLoaded = err == nil
	return err
}

// expire removes the letters of a source that are beyond a bound.
func (m *Manager) expire(ctx context.Context, source uint64) error {
	if err := m.shelf.check(ctx, m.engine); err != nil {
		return err
	}
	k := m.shelf.plan(source, nil, m.cfg.Now())
	w := k.write()
	if w == nil {
		return nil
	}
	if _, err := m.engine.Commit(ctx, &exec.Txn{Writes: []exec.Write{*w}}); err != nil {
		return err
	}
	m.shelf.done(k)
	return nil
}
