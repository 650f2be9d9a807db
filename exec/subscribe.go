package exec

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/tarndb/tarn/exec/arrange"
	"github.com/tarndb/tarn/exec/circuit"
	"github.com/tarndb/tarn/exec/operator"
	"github.com/tarndb/tarn/exec/zset"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/vec"
)

// SubscribeOptions say what a subscription gives.
type SubscribeOptions struct {
	Ctx      *funcs.Ctx
	Snapshot bool   // begin with the rows as they stand
	Progress bool   // also tell of epochs without changes
	After    *Epoch // resume: the changes of epochs after this one, no snapshot
	From     *Epoch // the snapshot as of this epoch, then what came after
	UpTo     *Epoch // end before this epoch
	AsIs     bool   // an epoch that only adds rows need not be consolidated
}

// Update is one epoch's change of the subscribed query: consolidated,
// retractions first. Rows is nil for a mere sign of progress. The updates of the
// past, too, end with one if Progress is asked for.
type Update struct {
	Epoch    Epoch
	Rows     *vec.Batch
	Snapshot bool
}

// Subscription runs a query over the changes of the relations it names, in the
// goroutine that reads it: the loop only queues references.
type Subscription struct {
	e     *Engine
	o     SubscribeOptions
	circ  *circuit.Circuit
	space *arrange.Space
	scans []*plan.Scan
	feed  *Feed
	line  timeline // of the watermark up to the cut, where a window depends on it
	// forgets: no operator keeps anything, and the rows of the beginning are not wanted.
	forgets bool
	older   Epoch                               // what is stored up to here is still to be read, bit by bit; 0 = nothing
	unread  struct{ epochs, rows atomic.Int64 } // of that
	at      Epoch                               // everything up to here has been given

	out    []*vec.Batch
	errs   []zset.Error
	ready  []Update
	last   int64
	step   operator.Step
	ended  bool
	passed bool // no epoch before UP TO is still to come
}

// Subscribe begins a subscription. The first updates are those of its past: the
// snapshot, or what came after the epoch to resume from.
func (e *Engine) Subscribe(ctx context.Context, root plan.Node, o SubscribeOptions) (s *Subscription, err error) {
	s = &Subscription{e: e, o: o, last: noWatermark}
	s.space = arrange.NewSpace(arrange.Options{Budget: e.budget})
	s.circ, err = circuit.Build(root, circuit.Env{Space: s.space, StateID: func(n int) uint64 { return uint64(n + 1) }})
	if err != nil {
		return nil, err
	}
	s.scans = s.circ.Sources()
	s.forgets = (o.After != nil || !o.Snapshot) && forgets(root)
	if s.circ.Clocked() && (o.After != nil || o.From != nil) {
		return nil, sqlerr.New(sqlerr.FeatureNotSupported, "a subscription to a query with now() cannot begin in the past").
			WithHint("CREATE MATERIALIZED VIEW of the query and subscribe to that: it keeps its history.")
	}
	s.feed = newFeed(s.scans, o.Progress || o.UpTo != nil || s.circ.Clocked(), e.cfg.FeedBytesMax)
	s.step = operator.Step{Ctx: o.Ctx, Workers: 1, Done: ctx.Done()}
	for _, at := range []**Epoch{&s.o.After, &s.o.From} {
		if *at, err = e.known(ctx, *at); err != nil {
			return nil, err
		}
	}
	o = s.o
	// The feed begins at an epoch boundary; everything up to it is read from the
	// stored relations, everything after it comes through the feed.
	var cut Epoch
	var release func()
	err = e.onLoop(ctx, func() error {
		cut = e.applied.Load()
		start := cut
		if o.After != nil {
			start = min(start, *o.After)
		}
		if o.From != nil {
			start = min(start, *o.From)
		}
		release = e.space.Pin(start)
		e.feedMu.Lock()
		e.feeds = append(e.feeds, s.feed)
		e.wanted = nil
		e.feedMu.Unlock()
		return nil
	})
	if _, closes, _ := scansOf(root); closes && err == nil {
		s.line, err = e.moves(s.scans, cut)
	}
	if err == nil {
		err = guard("subscribe", func() error { return s.past(ctx, cut) })
	}
	if release != nil {
		release()
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// known makes a time that lies after the newest epoch, but not after now, that of the
// newest epoch: no epoch will lie between them.
func (e *Engine) known(ctx context.Context, at *Epoch) (*Epoch, error) {
	if at == nil || *at <= e.applied.Load() || int64(*at) > e.cfg.Now() {
		return at, nil
	}
	newest, err := e.Pass(ctx, *at)
	newest = min(*at, newest)
	return &newest, err
}

// past brings the circuit to the cut.
func (s *Subscription) past(ctx context.Context, cut Epoch) error {
	base := cut
	switch {
	case s.o.After != nil:
		base = *s.o.After
	case s.o.From != nil:
		base = *s.o.From
	}
	if base > cut {
		return sqlerr.New(sqlerr.InvalidParameterValue, "AS OF lies in the future").
			WithHint("The newest epoch is %d.", cut)
	}
	for _, scan := range s.scans {
		rel := s.e.relation(scan.Object)
		if rel != nil && (rel.view != nil || s.o.After != nil) {
			if err := rel.keeps(base); err != nil {
				return err
			}
		}
	}
	s.begin(base)
	for i, scan := range s.scans {
		if err := s.e.takeAt(ctx, scan, base, !s.forgets, &subscribed{s, i}); err != nil { // else what came before has no part in what comes
			return err
		}
	}
	snapshot, err := s.end(base)
	if err != nil {
		return err
	}
	if s.o.After == nil {
		if err := s.standing(); err != nil {
			return err
		}
		if s.o.Snapshot && (s.o.UpTo == nil || base < *s.o.UpTo) {
			s.ready = append(s.ready, Update{Epoch: base, Rows: snapshot, Snapshot: true})
		}
	}
	s.at = base
	if s.bitByBit() {
		s.older = cut
		epochs, rows, err := s.e.relation(s.scans[0].Object).count(s.at, cut)
		s.unread.epochs.Store(epochs)
		s.unread.rows.Store(rows)
		return err
	}
	if err := s.replay(ctx, base, cut); err != nil {
		return err
	}
	// Up to the cut everything has been given: where nothing has changed lately, or
	// nothing at all, that is news.
	if n := len(s.ready); s.o.Progress && (n == 0 || s.ready[n-1].Epoch < cut) && (s.o.UpTo == nil || cut < *s.o.UpTo) {
		s.ready = append(s.ready, Update{Epoch: cut})
	}
	return nil
}

// subscribed is a subscription as the Emit of one of its scans.
type subscribed struct {
	s    *Subscription
	scan int
}

func (x *subscribed) Batch(b *vec.Batch) error { return x.s.circ.Push(&x.s.step, x.scan, b, x.s) }

func (x *subscribed) Errors(errs []zset.Error) error { return x.s.Errors(errs) }

// replay gives the epochs in (from, to] from the stored relations.
func (s *Subscription) replay(ctx context.Context, from, to Epoch) error {
	if from >= to {
		return nil
	}
	// All changes of the span are put in order of epoch; a resumed subscription is
	// as long as what it missed.
	byEpoch := map[Epoch][]piece{}
	var epochs []Epoch
	add := func(ep Epoch, p piece) error {
		if byEpoch[ep] == nil {
			epochs = append(epochs, ep)
		}
		byEpoch[ep] = append(byEpoch[ep], p)
		return nil
	}
	for i, scan := range s.scans {
		rel := s.e.relation(scan.Object)
		if rel == nil {
			return errGone()
		}
		var err error
		if rel.kind == streamRelation {
			err = rel.scanStream(ctx, scan, from, to, func(ep Epoch, b *vec.Batch) error { return add(ep, piece{scan: i, b: b}) })
		} else {
			err = rel.eachChange(scan, i, from, to, add)
		}
		if err != nil {
			return err
		}
	}
	for _, moves := range s.line { // a window may close where nothing else happens
		for _, m := range moves {
			if m.epoch > from && m.epoch <= to && byEpoch[m.epoch] == nil {
				byEpoch[m.epoch] = []piece{}
				epochs = append(epochs, m.epoch)
			}
		}
	}
	slices.Sort(epochs)
	for _, ep := range epochs {
		s.begin(ep)
		for _, p := range byEpoch[ep] {
			s.errs = append(s.errs, p.errs...)
			if err := s.circ.Push(&s.step, p.scan, p.b, s); err != nil {
				return err
			}
		}
		if err := s.give(ep, false); err != nil {
			return err
		}
	}
	s.at = to
	return s.standing()
}

// olderRows is how many rows of the past are read at a time.
const olderRows = 64 << 10

// bitByBit reports whether the past is records of one stream that are taken one
// by one: those need not be in memory together, however many they are.
func (s *Subscription) bitByBit() bool {
	if !s.forgets || s.o.After == nil || len(s.scans) != 1 || s.line != nil {
		return false
	}
	rel := s.e.relation(s.scans[0].Object)
	return rel != nil && rel.kind == streamRelation && s.at > 0 && s.at < s.e.applied.Load()
}

// readOlder gives the next epochs of the past.
func (s *Subscription) readOlder(ctx context.Context) error {
	rel := s.e.relation(s.scans[0].Object)
	if rel == nil {
		return errGone()
	}
	var ep Epoch
	var parts []*vec.Batch
	rows := 0
	step := func() error {
		if ep == 0 {
			return nil
		}
		s.unread.epochs.Add(-1)
		for _, b := range parts {
			s.unread.rows.Add(-int64(b.N))
		}
		s.begin(ep)
		for _, b := range parts {
			if err := s.circ.Push(&s.step, 0, b, s); err != nil {
				return err
			}
		}
		parts, s.at = nil, ep
		if err := s.give(ep, false); err != nil {
			return err
		}
		return s.standing() // of a stream nothing is taken back
	}
	end := s.older
	if s.o.UpTo != nil {
		end = min(end, *s.o.UpTo-1)
	}
	upTo := end
	if rel.outside != nil { // no more than is read at a time
		var err error
		if upTo, err = rel.outside.epochAfter(s.at, end); err != nil {
			return err
		}
	}
	err := rel.scanStream(ctx, s.scans[0], s.at, upTo, func(next Epoch, b *vec.Batch) error {
		if next != ep {
			if err := step(); err != nil {
				return err
			}
			if ep = next; rows >= olderRows && rel.outside == nil {
				return errEnough
			}
		}
		parts, rows = append(parts, b), rows+b.N
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	if err == nil {
		err = step()
	}
	if err != nil {
		return err
	}
	if upTo < end {
		s.at = max(s.at, upTo)
		return nil
	}
	// The last epoch may have had rows of which the query took none.
	if n := len(s.ready); s.o.Progress && (n == 0 || s.ready[n-1].Epoch < end) {
		s.ready = append(s.ready, Update{Epoch: end})
	}
	s.at, s.older = max(s.at, end), 0
	s.unread.epochs.Store(0)
	s.unread.rows.Store(0)
	return nil
}

// Next waits for updates. An error ends the subscription; io.EOF is not used: an
// UP TO that has been reached gives done.
func (s *Subscription) Next(ctx context.Context) (updates []Update, done bool, err error) {
	for {
		if len(s.ready) > 0 {
			updates, s.ready = s.ready, nil
			return updates, false, nil
		}
		if s.older != 0 {
			if err := guard("subscribe", func() error { return s.readOlder(ctx) }); err != nil {
				return nil, true, err
			}
			continue
		}
		if s.ended || s.o.UpTo != nil && s.at+1 >= *s.o.UpTo {
			return nil, true, nil
		}
		changes, err := s.wait(ctx)
		for i := range changes {
			if cerr := s.change(&changes[i]); cerr != nil {
				return nil, true, cerr
			}
		}
		if err != nil && len(s.ready) == 0 {
			return nil, true, err
		}
		if s.passed && !s.ended {
			if s.ended = true; s.o.Progress && s.at+1 < *s.o.UpTo {
				s.ready = append(s.ready, Update{Epoch: *s.o.UpTo - 1})
			}
		}
	}
}

// wait waits for changes, or until UP TO has passed: epochs come only with something to
// do, so none may ever tell of that.
func (s *Subscription) wait(ctx context.Context) ([]Change, error) {
	if s.o.UpTo == nil {
		return s.feed.Next(ctx)
	}
	last := *s.o.UpTo - 1
	if left := int64(min(last, math.MaxInt64)) - s.e.cfg.Now(); left >= 0 {
		soon, cancel := context.WithTimeout(ctx, time.Duration(min(left+1, upToLook))*time.Microsecond)
		defer cancel()
		changes, err := s.feed.Next(soon)
		if err != nil && soon.Err() != nil && ctx.Err() == nil {
			err = nil
		}
		return changes, err
	}
	if _, err := s.e.Pass(ctx, last); err != nil {
		return nil, err
	}
	s.passed = true
	changes, err := s.feed.take()
	if err != nil { // the feed has failed, and says how
		return s.feed.Next(ctx)
	}
	return changes, nil
}

// upToLook is after how long one who waits looks at the clock again, µs.
const upToLook = 60_000_000

func (s *Subscription) change(c *Change) error {
	if c.Epoch <= s.at {
		return nil
	}
	if s.o.UpTo != nil && c.Epoch >= *s.o.UpTo {
		s.ended = true
		return nil
	}
	s.begin(c.Epoch)
	s.step.Watermark = c.Watermark
	for i, d := range c.Deltas {
		if d == nil {
			continue
		}
		s.errs = append(s.errs, d.errs...)
		for j := range d.batches {
			if b := d.cut(s.scans[i], j, c.Epoch); b.N > 0 {
				if err := s.circ.Push(&s.step, i, b, s); err != nil {
					return err
				}
			}
		}
	}
	s.at = c.Epoch
	if err := s.give(c.Epoch, s.o.Progress); err != nil {
		return err
	}
	return s.standing()
}

func (s *Subscription) begin(ep Epoch) {
	s.space.Begin(max(ep, 1))
	s.step.Epoch, s.step.Time = ep, int64(ep)
	s.step.Watermark = s.line.at(ep) // of live epochs it comes with the change
}

// give ends a step and queues what it gave.
func (s *Subscription) give(ep Epoch, always bool) error {
	b, err := s.end(ep)
	if err != nil {
		return err
	}
	if s.o.UpTo != nil && ep >= *s.o.UpTo {
		return nil
	}
	if b != nil || always {
		s.ready = append(s.ready, Update{Epoch: ep, Rows: b})
	}
	return nil
}

func (s *Subscription) end(Epoch) (*vec.Batch, error) {
	if err := s.circ.Flush(&s.step, s); err != nil {
		return nil, err
	}
	if s.circ.Clocked() {
		next, err := s.circ.Next()
		if err != nil {
			return nil, err
		}
		s.feed.due.Store(next)
	}
	b := s.total()
	s.out = nil
	return b, nil
}

// standing is the error that stands, if one does. Of the past only what has not been
// taken back since is one: it would keep a reader from ever going on.
func (s *Subscription) standing() error {
	s.errs = zset.ConsolidateErrors(s.errs)
	for _, e := range s.errs {
		if e.Weight > 0 {
			return e.Err
		}
	}
	return nil
}

// total is what a step has given.
func (s *Subscription) total() *vec.Batch {
	if s.o.AsIs && !slices.ContainsFunc(s.out, func(b *vec.Batch) bool { return b.Weights != nil }) {
		if b := vec.Concat(s.out); b != nil && b.N > 0 {
			return b
		}
		return nil
	}
	return zset.RetractionsFirst(zset.ConsolidateAll(s.out))
}

// Batch and Errors make a Subscription the Emit of its circuit.
func (s *Subscription) Batch(b *vec.Batch) error { s.out = append(s.out, b); return nil }

// Errors keeps run-time errors, also those of the views that it reads; those that
// stand at the end of an epoch end the subscription.
func (s *Subscription) Errors(errs []zset.Error) error { s.errs = append(s.errs, errs...); return nil }

// At is the epoch up to which everything has been given.
func (s *Subscription) At() Epoch { return s.at }

// Idle is an epoch up to which everything has been given, while the reader waits
// in Next for more; it is newer than At where nothing changes. Any goroutine may ask.
func (s *Subscription) Idle() (Epoch, bool) {
	ep := s.e.applied.Load() // what it changed is in the feed already
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	return ep, s.feed.empty && !s.feed.closed
}

// Close ends the subscription and frees its state.
func (s *Subscription) Close() {
	if s.feed != nil {
		s.feed.Close()
	}
	s.space.Close()
}

// forgets reports whether no operator of a plan keeps anything between epochs.
func forgets(root plan.Node) bool {
	yes := true
	plan.Walk(root, func(n plan.Node) { yes = yes && plan.State(n) == "" })
	return yes
}

// failFeeds ends the subscriptions that read a dropped relation.
func (e *Engine) failFeeds(id uint64, name string) {
	e.feedMu.Lock()
	defer e.feedMu.Unlock()
	for _, f := range e.feeds {
		for _, s := range f.scans {
			if s.Object == id {
				f.fail(sqlerr.New(sqlerr.UndefinedTable, "relation %q has been dropped", name))
			}
		}
	}
}

func errGone() error {
	return sqlerr.New(sqlerr.UndefinedTable, "the relation has been dropped")
}
