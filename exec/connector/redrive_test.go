package connector

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	randv2 "math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tarndb/tarn/exec"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/vec"
)

// throughWorld is a world with a source of a stream that is read through; its id may
// be NULL, and strict says whether what does not fit is a letter or NULL.
func throughWorld(t *testing.T) (w *world, source func(strict bool) SourceDef) {
	w = newWorld(t, map[string]int32{"in": 2, "out": 1})
	source = func(strict bool) SourceDef {
		w.change = func(def *SourceDef) {
			def.Spec.Columns[0].NotNull, def.Spec.NullOnError = false, !strict
		}
		def := w.source("in")
		def.ID, def.Name, def.ReadThrough = outsideID, "o", true
		w.change(&def)
		return def
	}
	source(true)
	w.crash() // its history knows the definition
	w.commit(&exec.Txn{Catalog: []byte(fmt.Sprint("outside ", outsideID))})
	return w, source
}

func (w *world) rowsAt(ep exec.Epoch) string {
	w.t.Helper()
	rows := w.readAll(ep, outsideID)
	slices.Sort(rows)
	return strings.Join(rows, "; ")
}

// TestRedriveReadThrough: a dead letter of a stream that is read through is no row of
// it, whatever the definition would make of it later; redriven, it is one from that
// epoch on.
func TestRedriveReadThrough(t *testing.T) {
	w, source := throughWorld(t)
	w.produce("in", 0, `{"id":"no","v":"zero"}`, value(1, "a"), `{"id":"no","v":"two"}`, `{"id":"no","v":"three"}`, value(2, "b"), "nonsense")
	w.produce("in", 1, value(3, "c"), `{"id":"no","v":"one"}`)
	w.start(source(true))
	w.wantRows(outsideID, "1 a", "2 b", "3 c")
	w.until("letters", func() bool { return strings.Count(w.letters(), "/") == 5 })
	redrive := func(want Redriven, keys ...LetterKey) exec.Epoch {
		t.Helper()
		r, err := w.m.Redrive(context.Background(), outsideID, keys)
		if err != nil || r != want {
			t.Fatalf("%+v, %v; want %+v", r, err, want)
		}
		ep, err := w.e.WaitFresh(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return ep
	}
	none := redrive(Redriven{Failed: 1}, LetterKey{1, 1})
	redrive(Redriven{}, []LetterKey{}...) // a WHERE that nothing meets
	w.m.StopSource(outsideID)
	w.start(source(false))
	w.crash() // the history is read by the new definition, too
	w.start(source(false))
	w.wantRows(outsideID, "1 a", "2 b", "3 c")
	one := redrive(Redriven{Letters: 2, Rows: 2}, LetterKey{0, 2}, LetterKey{1, 1})
	w.produce("in", 0, `{"id":"no","v":"null"}`)
	w.wantRows(outsideID, "- null", "- one", "- two", "1 a", "2 b", "3 c")
	w.m.StopSource(outsideID)
	w.start(source(true))
	w.crash()
	w.start(source(true))
	w.wantRows(outsideID, "- null", "- one", "- two", "1 a", "2 b", "3 c")
	redrive(Redriven{Failed: 1}, LetterKey{0, 3})
	if got := w.letters(); got != "0/0 22P02 1; 0/3 22P02 2; 0/5 22P02 1" {
		t.Errorf("letters %s", got)
	}
	w.until("the counts", func() bool { st, _ := w.m.Source(outsideID); return st.LettersNow == 3 })
	for _, c := range []struct {
		ep   exec.Epoch
		want string
	}{{none, "1 a; 2 b; 3 c"}, {one - 1, "1 a; 2 b; 3 c"}, {one, "- one; - two; 1 a; 2 b; 3 c"}} {
		if got := w.rowsAt(c.ep); got != c.want {
			t.Errorf("as of %d: %s, want %s", c.ep, got, c.want)
		}
	}

	// A record that the topic no longer has can be redriven: the letter has it.
	w.m.StopSource(outsideID)
	sink := w.appendSink("out")
	sink.Plan, sink.NoSnapshot = scan(outsideID), true
	w.startSink(sink)
	w.state(sinkA, Running)
	w.until("the sink's beginning", func() bool { return len(w.e.Holds()) > 0 })
	if err := w.kafka.DeleteRecords("in", 0, 7); err != nil {
		t.Fatal(err)
	}
	w.start(source(false))
	redrive(Redriven{Letters: 2, Rows: 2, Failed: 1})
	w.until("the rows", func() bool { return len(w.readBack("out")) == 2 })
	w.m.StopSink(sinkA)
	if got := w.readBack("out"); got[0].V != "zero" || got[1].V != "three" {
		t.Errorf("the sink has %+v", got)
	}
	if err := w.readAt(one, outsideID); !sqlerr.HasCode(err, sqlerr.SnapshotTooOld) {
		t.Errorf("what the topic has lost: %v", err)
	}
}

// TestRedriveOvertaken: letters that go while they are redriven are no error.
func TestRedriveOvertaken(t *testing.T) {
	w, source := throughWorld(t)
	for i := range 40 {
		w.produce("in", 0, fmt.Sprintf(`{"id":"no","v":"%d"}`, i))
	}
	w.start(source(true))
	w.until("letters", func() bool { return strings.Count(w.letters(), "/") == 40 })
	w.m.StopSource(outsideID)
	w.start(source(false))
	var all []letter
	if err := readLetters(context.Background(), w.e, func(b *vec.Batch, i int) { all = append(all, letterAt(b, i)) }); err != nil {
		t.Fatal(err)
	}
	// The first transaction of the redrive waits for its turn while one goes.
	var once sync.Once
	stop := func(p string) error {
		if p == "redrive: before commit" {
			once.Do(func() {
				w.commit(&exec.Txn{Writes: []exec.Write{{Object: exec.DeadLettersID, Rows: letterRows(all[7:8], func(int) int64 { return -1 })}}})
			})
		}
		return nil
	}
	w.stop.Store(&stop)
	r, err := w.m.Redrive(context.Background(), outsideID, nil)
	if err != nil || r != (Redriven{Letters: 39, Rows: 39}) {
		t.Fatalf("%+v, %v", r, err)
	}
	if n := len(w.rows(outsideID)); n != 39 {
		t.Errorf("%d rows", n)
	}
}

// TestRedriveExactlyOnce kills the engine at random steps while letters come, are
// redriven, and the definition changes. In the end each record is a row or a letter,
// once; what the stream held at an epoch stays what it held then; and a sink that
// followed it has the same rows in the same order.
func TestRedriveExactlyOnce(t *testing.T) {
	for seed := range seeds(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { redriveRun(t, seed) })
	}
}

func redriveRun(t *testing.T, seed int64) {
	w, source := throughWorld(t)
	rng := rand.New(rand.NewSource(seed))
	sink := w.appendSink("out")
	sink.Plan = scan(outsideID)
	held := map[exec.Epoch]string{} // what the stream held
	count, strict, redriven := 0, true, 0
	for life := range 8 {
		last := life == 7
		var killed atomic.Bool
		if !last {
			countdown := int64(5 + rng.Intn(100))
			stop := func(p string) error {
				if killed.Load() || atomic.AddInt64(&countdown, -1) == 0 {
					killed.Store(true)
					return errors.New("killed")
				}
				return nil
			}
			w.stop.Store(&stop)
		}
		w.start(source(strict))
		w.startSink(sink)
		for range 4 {
			for range 2 + rng.Intn(12) {
				v := value(count, fmt.Sprint("r", count))
				switch rng.Intn(4) {
				case 0:
					v = fmt.Sprintf(`{"id":"no","v":"r%d"}`, count)
				case 1:
					if rng.Intn(3) == 0 {
						v = fmt.Sprintf(`nonsense {"v":"r%d"}`, count)
					}
				}
				w.produce("in", int32(rng.Intn(2)), v)
				count++
			}
			if rng.Intn(2) == 0 {
				strict = !strict
				w.m.StopSource(outsideID)
				w.start(source(strict))
			}
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			if ep, err := w.e.WaitFresh(ctx); err == nil && !killed.Load() {
				if rows, err := w.tryRead(ep, outsideID); err == nil {
					held[ep] = strings.Join(rows, "; ")
				}
			}
			var keys []LetterKey
			if rng.Intn(2) == 0 {
				keys = []LetterKey{}
				for range 10 {
					keys = append(keys, LetterKey{int32(rng.Intn(2)), int64(rng.Intn(count))})
				}
			}
			r, err := w.m.Redrive(ctx, outsideID, keys)
			redriven += r.Letters
			if err != nil && !killed.Load() {
				t.Fatal(err)
			}
			cancel()
		}
		if last {
			break
		}
		killed.Store(true) // nothing goes out any more that the image would not know of
		image := w.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: randv2.New(randv2.NewPCG(uint64(seed), uint64(life)))})
		w.m.Close()
		_ = w.e.Close()
		w.fs = image
		w.stop.Store(nil)
		source(strict)
		w.open()
		for ep, want := range held {
			if got := strings.Join(w.readAll(ep, outsideID), "; "); got != want {
				t.Fatalf("life %d: as of %d the stream held\n%s, now it is\n%s", life, ep, want, got)
			}
		}
	}
	letters := func() int { return strings.Count(w.letters(), "/") }
	w.until("each record is a row or a letter", func() bool { return len(w.rows(outsideID))+letters() == count })
	ep, err := w.e.WaitFresh(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	rows := w.readAll(ep, outsideID)
	seen := map[string]bool{}
	for _, r := range rows {
		_, v, _ := strings.Cut(r, " ")
		if seen[v] {
			t.Errorf("%s is there twice", v)
		}
		seen[v] = true
	}
	if redriven == 0 {
		t.Error("nothing was redriven")
	}
	w.until("the topic", func() bool { return len(w.readBack("out")) >= len(rows) })
	out := w.readBack("out")
	if len(out) != len(rows) {
		times := map[string]int{}
		for _, o := range out {
			times[o.V]++
		}
		for i, o := range out {
			if times[o.V] != 1 || !seen[o.V] {
				t.Logf("record %d: %+v, %d times, a row: %v", i, o, times[o.V], seen[o.V])
			}
		}
		t.Fatalf("%d records in the topic, want %d", len(out), len(rows))
	}
	for i, r := range rows {
		if _, v, _ := strings.Cut(r, " "); out[i].V != v {
			t.Fatalf("record %d is %s, want %s", i, out[i].V, v)
		}
	}
}
