package exec

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	randv2 "math/rand/v2"
	"os"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/vec"
)

// crashDB is an engine with a model beside it: what each relation held at each
// epoch. The relations are a table, a bag, a stream, sums over each, and a sum over a
// sum.
type crashDB struct {
	*db
	rng   *rand.Rand
	stop  func(point string) error
	state contents             // as of the newest epoch
	past  map[Epoch]contents   // by epoch that was acknowledged
	order []Epoch              // of past, ascending
	subs  map[uint64]*follower // by relation
	// inFlight is the state after the first transaction that failed: it may be there.
	inFlight *contents
	acked    atomic.Int64 // epochs acknowledged
	out      *fakeOutside // nil: the stream is Tarn's own
	found    Epoch        // with out: the newest epoch that was there when it was opened
}

// contents is the base relations: rows of stream and bag in order, table by key.
type contents struct {
	stream [][2]int64
	bag    [][2]int64
	table  map[int64]int64
	// Where the source of the table stands.
	offset int64
}

func (c contents) clone() contents {
	t := make(map[int64]int64, len(c.table))
	for k, v := range c.table {
		t[k] = v
	}
	return contents{append([][2]int64(nil), c.stream...), append([][2]int64(nil), c.bag...), t, c.offset}
}

// Relations of a crashDB.
const (
	crashStream, crashTable, crashBag     = streamID, tableID, 16398
	overStream, overTable, twice, overBag = 16410, 16411, 16412, 16413
)

func crashPlan(id uint64) plan.Node {
	if id == crashStream || id == crashTable || id == crashBag {
		return scanPlan(id)
	}
	return viewScan(id)
}

// rows is what a relation holds, computed from the base.
func (c contents) rows(id uint64) string {
	var out []string
	sums := func(each func(add func(k, v int64))) map[int64][2]int64 {
		m := map[int64][2]int64{}
		each(func(k, v int64) { m[k] = [2]int64{m[k][0] + 1, m[k][1] + v} })
		return m
	}
	list := func(rows [][2]int64) func(add func(k, v int64)) {
		return func(add func(k, v int64)) {
			for _, r := range rows {
				add(r[0], r[1])
			}
		}
	}
	stream, bag := list(c.stream), list(c.bag)
	table := func(add func(k, v int64)) {
		for k, v := range c.table {
			add(k, v)
		}
	}
	var groups map[int64][2]int64
	switch id {
	case crashStream:
		stream(func(k, v int64) { out = append(out, fmt.Sprintf("%d %d", k, v)) })
	case crashTable:
		table(func(k, v int64) { out = append(out, fmt.Sprintf("%d %d", k, v)) })
	case crashBag:
		bag(func(k, v int64) { out = append(out, fmt.Sprintf("%d %d", k, v)) })
	case overBag:
		groups = sums(bag)
	case overStream:
		groups = sums(stream)
	case overTable:
		groups = sums(table)
	case twice: // k, n of overStream: one row a group
		groups = sums(func(add func(k, v int64)) {
			for k, g := range sums(stream) {
				add(k, g[0])
			}
		})
	}
	for k, g := range groups {
		out = append(out, fmt.Sprintf("%d %d %d", k, g[0], g[1]))
	}
	sort.Strings(out)
	return strings.Join(out, "; ")
}

var crashRelations = []uint64{crashStream, crashTable, crashBag, overStream, overTable, overBag, twice}

func newCrashDB(t *testing.T, seed int64, fs vfs.FS) *crashDB {
	return newCrashDBOver(t, seed, fs, nil)
}

// newCrashDBOver has the stream read through out.
func newCrashDBOver(t *testing.T, seed int64, fs vfs.FS, out *fakeOutside) *crashDB {
	c := &crashDB{out: out, db: &db{t: t, host: &fakeHost{}, fs: fs}, rng: rand.New(rand.NewSource(seed)),
		state: contents{table: map[int64]int64{}}, past: map[Epoch]contents{}, subs: map[uint64]*follower{}}
	c.clock.Store(1_000_000)
	c.open()
	c.create(fmt.Sprintf("table %d", crashTable))
	if out != nil {
		c.create(fmt.Sprintf("outside %d", crashStream))
	} else {
		c.create(fmt.Sprintf("stream %d", crashStream))
	}
	c.create(fmt.Sprintf("bag %d", crashBag))
	for view, over := range map[uint64]uint64{overStream: crashStream, overTable: crashTable, overBag: crashBag} {
		c.create(fmt.Sprintf("view %d over %d", view, over))
	}
	c.create(fmt.Sprintf("view %d over %d", twice, overStream))
	return c
}

func (c *crashDB) open() {
	c.t.Helper()
	if err := c.tryOpen(); err != nil {
		c.t.Fatalf("open: %v", err)
	}
}

func (c *crashDB) tryOpen() (err error) {
	c.host = &fakeHost{}
	if c.out != nil {
		c.host.out = c.out
	}
	c.e, err = Open(Config{FS: c.fs, Dir: "db", Host: c.host, Now: func() int64 { return c.clock.Add(1000) },
		CheckpointEvery: -1, Workers: 2, MemoryBytes: 64 << 20, JournalFileBytes: 2 << 10, ChunkBytes: 80, PackVersions: 2,
		Stop: func(p string) error {
			if c.stop == nil {
				return nil
			}
			return c.stop(p)
		}})
	return err
}

// next is a random transaction over a state, and the state after it.
func (c *crashDB) next() (*Txn, contents) {
	after := c.state.clone()
	txn := &Txn{}
	if c.rng.Intn(3) > 0 {
		var kvw []int64
		for range 1 + c.rng.Intn(8) {
			k, v := c.rng.Int63n(12), c.rng.Int63n(100)
			kvw = append(kvw, k, v, 1)
			after.stream = append(after.stream, [2]int64{k, v})
		}
		b := rows(kvw...)
		b.Weights = nil
		txn.Writes = append(txn.Writes, Write{Object: crashStream, Rows: b})
		if c.out != nil {
			txn.Cuts = c.out.produce(c.rng, crashStream, b)
		}
	}
	if c.rng.Intn(2) == 0 {
		var kvw []int64
		for range 1 + c.rng.Intn(4) {
			k, v := c.rng.Int63n(12), c.rng.Int63n(3)
			kvw = append(kvw, k, v, 1)
			after.bag = append(after.bag, [2]int64{k, v})
		}
		b := rows(kvw...)
		b.Weights = nil
		txn.Writes = append(txn.Writes, Write{Object: crashBag, Rows: b})
	}
	if len(txn.Writes) == 0 || c.rng.Intn(2) == 0 {
		var kvw []int64
		for _, k := range c.rng.Perm(20)[:1+c.rng.Intn(6)] {
			k := int64(k)
			old, there := after.table[k]
			if there {
				kvw = append(kvw, k, old, -1)
				delete(after.table, k)
			}
			if !there || c.rng.Intn(3) > 0 {
				v := old + 1 + c.rng.Int63n(50)
				kvw = append(kvw, k, v, 1)
				after.table[k] = v
			}
		}
		txn.Writes = append(txn.Writes, Write{Object: crashTable, Rows: rows(kvw...)})
	}
	if c.rng.Intn(2) == 0 {
		c.fromSource(txn, &after)
	}
	return txn, after
}

// fromSource adds rows of the table's source, as its next records.
func (c *crashDB) fromSource(txn *Txn, after *contents) {
	w := Write{Object: crashTable, Upsert: true, Truncate: c.rng.Intn(10) == 0}
	if w.Truncate {
		clear(after.table)
	}
	var kvw []int64
	for range c.rng.Intn(6) {
		if k := c.rng.Int63n(20); c.rng.Intn(4) == 0 {
			kvw = append(kvw, k, 0, -1)
			delete(after.table, k)
		} else {
			kvw = append(kvw, k, c.rng.Int63n(4), 1)
			after.table[k] = kvw[len(kvw)-2]
		}
	}
	w.Rows = rows(kvw...)
	n := int64(w.Rows.N) + 1 // one record gave no row
	txn.Writes = append(txn.Writes, w)
	txn.Cuts = append(txn.Cuts, Cut{Object: crashTable, Partition: 3, From: after.offset, To: after.offset + n, Rows: w.Rows.N})
	after.offset += n
}

func (c *crashDB) note(ep Epoch, s contents) {
	c.state = s
	c.past[ep] = s
	c.order = append(c.order, ep)
	c.acked.Store(int64(len(c.order)))
}

// step commits a random transaction.
func (c *crashDB) step() error {
	txn, after := c.next()
	ep, err := c.e.Commit(context.Background(), txn)
	switch {
	case err == nil:
		c.note(ep, after)
	case c.inFlight == nil:
		c.inFlight = &after
	}
	return err
}

// begin begins a checkpoint.
func (c *crashDB) begin() (running chan struct{}, err error) {
	err = c.e.onLoop(context.Background(), func() error {
		c.e.checkpoint()
		running = c.e.ck.running
		return nil
	})
	return running, err
}

// checkpoint runs a whole checkpoint, with settling and the cut of the journal.
func (c *crashDB) checkpoint() error {
	running, err := c.begin()
	if err != nil {
		return err
	}
	for done := running == nil; !done; {
		select {
		case <-running:
			done = true
		case <-time.After(time.Millisecond):
			if c.e.store.Full() {
				return sqlerr.New(sqlerr.DiskFull, "the checkpoint waits for room")
			}
		}
	}
	if err := c.e.onLoop(context.Background(), func() error { c.e.cutJournal(); return nil }); err != nil {
		return err
	}
	c.e.ck.mu.Lock()
	defer c.e.ck.mu.Unlock()
	return c.e.ck.err
}

// check compares every relation, now and as of some epochs, with the model.
func (c *crashDB) check(where string) {
	c.t.Helper()
	if got := c.e.Offsets(crashTable)[3]; got != c.state.offset {
		c.t.Fatalf("%s: the source stands at %d, wanted %d", where, got, c.state.offset)
	}
	for _, id := range crashRelations {
		if got, want := c.read(crashPlan(id), 0), c.state.rows(id); got != want {
			c.t.Fatalf("%s: relation %d holds\n  %s\nwanted\n  %s", where, id, got, want)
		}
		for _, i := range c.rng.Perm(len(c.order))[:min(6, len(c.order))] {
			ep := c.order[i]
			if got, want := c.read(crashPlan(id), ep), c.past[ep].rows(id); got != want {
				c.t.Fatalf("%s: relation %d held as of epoch %d\n  %s\nwanted\n  %s", where, id, ep, got, want)
			}
		}
	}
}

// recovered finds out where an engine that was opened again stands: every epoch
// acknowledged up to acked is there, and at most the one in flight after it.
func (c *crashDB) recovered(where string, acked int) {
	c.t.Helper()
	inFlight := c.inFlight
	c.inFlight = nil
	at := c.e.Applied()
	if c.out != nil {
		at = c.found // it may have made epochs of its own since
	}
	n := sort.Search(len(c.order), func(i int) bool { return c.order[i] > at })
	if n < acked {
		c.t.Fatalf("%s: only %d epochs of %d acknowledged are there", where, n, acked)
	}
	for _, ep := range c.order[n:] {
		delete(c.past, ep)
	}
	c.order = c.order[:n]
	c.acked.Store(int64(n))
	if n > 0 {
		c.state = c.past[c.order[n-1]]
	}
	if inFlight != nil && (n == 0 || c.order[n-1] != at) && c.read(crashPlan(crashStream), 0)+c.read(crashPlan(crashBag), 0)+c.read(crashPlan(crashTable), 0) ==
		inFlight.rows(crashStream)+inFlight.rows(crashBag)+inFlight.rows(crashTable) && c.e.Offsets(crashTable)[3] == inFlight.offset {
		c.note(at, *inFlight)
	}
}

// follower is a client of a subscription that comes back after each crash.
type follower struct {
	at   Epoch
	copy map[string]int64
}

// follow brings the copies of all relations up to date through subscriptions that
// resume, and compares them with the model.
func (c *crashDB) follow(where string) {
	c.t.Helper()
	newest := c.e.Applied()
	for _, id := range crashRelations {
		f := c.subs[id]
		o := SubscribeOptions{Ctx: &funcs.Ctx{}, Progress: true}
		if f == nil {
			f = &follower{copy: map[string]int64{}}
			c.subs[id], o.Snapshot = f, true
		} else {
			after := f.at
			o.After = &after
		}
		s, err := c.e.Subscribe(context.Background(), crashPlan(id), o)
		if err != nil {
			c.t.Fatalf("%s: subscription to %d after %d: %v", where, id, f.at, err)
		}
		for f.at < newest {
			us, _, err := s.Next(context.Background())
			if err != nil {
				c.t.Fatalf("%s: subscription to %d: %v", where, id, err)
			}
			for _, u := range us {
				if u.Epoch <= f.at {
					c.t.Fatalf("%s: subscription to %d gives epoch %d after %d", where, id, u.Epoch, f.at)
				}
				f.at = u.Epoch
				f.add(u.Rows)
			}
		}
		s.Close()
		if got, want := f.String(), c.state.rows(id); got != want {
			c.t.Fatalf("%s: the copy of relation %d by subscription is\n  %s\nwanted\n  %s", where, id, got, want)
		}
	}
}

func (f *follower) add(b *vec.Batch) {
	if b == nil {
		return
	}
	plain := *b
	plain.Weights = nil
	for i, row := range show(&plain) {
		if f.copy[row] += b.Weight(i); f.copy[row] == 0 {
			delete(f.copy, row)
		}
	}
}

func (f *follower) String() string {
	var out []string
	for row, n := range f.copy {
		for range n {
			out = append(out, row)
		}
	}
	sort.Strings(out)
	return strings.Join(out, "; ")
}

// TestCrashAtSteps takes the disk as it would be after a loss of power at steps of
// checkpoint, settling, journal append and journal truncation, keeping a random
// part of what was not synced, and goes on from there.
func TestCrashAtSteps(t *testing.T) {
	stopped := errors.New("stopped here")
	seen := map[string]bool{}
	for seed := range seeds(25) {
		c := newCrashDB(t, seed, vfs.NewCrashableMem())
		for life := range 6 {
			where := fmt.Sprintf("seed %d, life %d", seed, life)
			c.follow(where)
			image, point, acked := c.untilStop(stopped)
			seen[point] = true
			c.e.Close()
			c.stop = nil
			c.fs = image
			c.open()
			c.recovered(where+", "+point, acked)
			c.check(where + ", " + point)
			c.follow(where + ", " + point)
		}
		c.close()
	}
	var points []string
	for p := range seen {
		points = append(points, p)
	}
	sort.Strings(points)
	t.Logf("crashed at: %s", strings.Join(points, ", "))
	for _, p := range []string{"journal: before sync", "journal: after sync", "journal: before roll", "journal: after roll", "journal: before remove",
		"segment: before write", "segment: before sync", "segment: before folder sync", "settle: manifest stored", "written", "ingested"} {
		if !seen[p] {
			t.Errorf("no crash at %q", p)
		}
	}
}

// untilStop works until a random stop point, and returns the disk as it was there
// with the number of epochs that had been acknowledged. At some points the step
// itself fails, too.
func (c *crashDB) untilStop(failure error) (image *vfs.MemFS, point string, acked int) {
	var mu sync.Mutex // points come from the loop and from the checkpoint
	n := 1 + c.rng.Intn(80)
	fails := c.rng.Intn(4) == 0
	chosen := stopPoints[c.rng.Intn(len(stopPoints))]
	keep := []int{0, 30, 100}[c.rng.Intn(3)]
	source := randOf(int64(n))
	c.stop = func(p string) error {
		mu.Lock()
		defer mu.Unlock()
		if image != nil {
			return nil
		}
		if n--; n > 0 || chosen != "" && p != chosen && n > -600 {
			return nil
		}
		point, acked = p, int(c.acked.Load())
		image = c.fs.(*vfs.MemFS).CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: keep, RNG: source})
		if fails {
			return failure
		}
		return nil
	}
	taken := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return image != nil
	}
	for {
		if taken() {
			return image, point, acked
		}
		for range 1 + c.rng.Intn(6) {
			if err := c.step(); err != nil && !taken() {
				c.t.Fatalf("commit: %v", err)
			}
		}
		switch c.rng.Intn(4) {
		case 0: // beside the writes that follow
			if _, err := c.begin(); err != nil {
				c.t.Fatalf("checkpoint: %v", err)
			}
		case 1:
			if err := c.checkpoint(); err != nil && !errors.Is(err, failure) && !taken() {
				c.t.Fatalf("checkpoint: %v", err)
			}
		}
	}
}

// seeds is how many random histories are run: twenty times n with TARN_FULL.
func seeds(n int64) int64 {
	if os.Getenv("TARN_FULL") != "" {
		return 20 * n
	}
	return n
}

// randOf is a source for CrashClone.
func randOf(seed int64) *randv2.Rand { return randv2.New(randv2.NewPCG(uint64(seed), 1)) }

// stopPoints are those aimed at; "" is whichever comes.
var stopPoints = []string{"", "journal: before sync", "journal: after sync", "journal: before roll", "journal: after roll", "journal: before remove",
	"segment: before write", "segment: before sync", "segment: before folder sync", "settle: manifest stored", "segments: removed",
	"arrangement", "sorted", "written", "ingested", "released"}
