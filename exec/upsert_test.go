package exec

import (
	"context"
	"fmt"
	"math/rand"
	"sort"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/vec"
)

func upsert(kvw ...int64) Write { return Write{Object: tableID, Rows: rows(kvw...), Upsert: true} }

// TestUpsert: what an upsert makes of a table, and the change that views and
// subscriptions see.
func TestUpsert(t *testing.T) {
	truncate := Write{Object: tableID, Truncate: true}
	replace := Write{Object: tableID, Rows: rows(1, 10, 1, 5, 50, 1), Truncate: true}
	plain := Write{Object: tableID, Rows: rows(9, 90, 1)}
	for _, c := range []struct {
		name        string
		writes      []Write
		want, delta string
	}{
		{"a new key", []Write{upsert(3, 30, 1)}, "1 10; 2 20; 3 30", "3 30"},
		{"another row of a key", []Write{upsert(1, 11, 1)}, "1 11; 2 20", "-1 1 10; +1 1 11"},
		{"the row that stands", []Write{upsert(1, 10, 1)}, "1 10; 2 20", ""},
		{"a key goes", []Write{upsert(2, 999, -1)}, "1 10", "-1 2 20"},
		{"a key that is not there goes", []Write{upsert(7, 0, -1)}, "1 10; 2 20", ""},
		{"of one key the last counts", []Write{upsert(1, 11, 1, 1, 12, 1, 2, 0, -1, 2, 22, 1, 3, 30, 1, 3, 0, -1)}, "1 12; 2 22", "-1 1 10; -1 2 20; +1 1 12; +1 2 22"},
		{"back to what it was", []Write{upsert(1, 11, 1, 1, 10, 1)}, "1 10; 2 20", ""},
		{"over two writes", []Write{upsert(1, 11, 1, 3, 30, 1), upsert(1, 12, 1, 3, 0, -1)}, "1 12; 2 20", "-1 1 10; +1 1 12"},
		{"after a plain write", []Write{plain, upsert(9, 91, 1)}, "1 10; 2 20; 9 91", "9 91"},
		{"all goes", []Write{truncate}, "", "-1 1 10; -1 2 20"},
		{"all goes, and some comes again", []Write{replace}, "1 10; 5 50", "-1 2 20; +1 5 50"},
		{"what came before in the transaction goes, too", []Write{upsert(3, 30, 1), truncate, upsert(4, 40, 1)}, "4 40", "-1 1 10; -1 2 20; +1 4 40"},
		{"what went comes again as a new row", []Write{truncate, {Object: tableID, Rows: rows(1, 15, 1)}}, "1 15", "-1 1 10; -1 2 20; +1 1 15"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := openDB(t, vfs.NewMem())
			defer d.close()
			d.create("table 16400")
			d.create("view 16403 over 16400")
			d.insert(tableID, 1, 10, 1, 2, 20, 1)
			ctx := context.Background()
			s, err := d.e.Subscribe(ctx, scanPlan(tableID), SubscribeOptions{Ctx: &funcs.Ctx{}, Progress: true})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			ep := d.commit(&Txn{Writes: c.writes})
			d.want(d.read(scanPlan(tableID), 0), c.want)
			d.want(strings.ReplaceAll(d.read(viewScan(tviewID), 0), " 1 ", " "), c.want)
			var delta []string
			for at := Epoch(0); at < ep; {
				us, _, err := s.Next(ctx)
				if err != nil {
					t.Fatal(err)
				}
				for _, u := range us {
					at = u.Epoch
					if u.Rows != nil {
						delta = append(delta, show(u.Rows)...)
					}
				}
			}
			sort.Slice(delta, func(i, j int) bool {
				return delta[i][0] != delta[j][0] && delta[i][0] == '-' || delta[i][0] == delta[j][0] && delta[i] < delta[j]
			})
			d.want(strings.Join(delta, "; "), c.delta)
		})
	}
}

// TestUpsertRefused: what has no key cannot be replaced by key, and a failed write
// leaves nothing of its transaction.
func TestUpsertRefused(t *testing.T) {
	d := openDB(t, vfs.NewMem())
	defer d.close()
	d.create("table 16400")
	d.create("bag 16398")
	d.create("stream 16401")
	null := rows(1, 1, 1)
	null.Cols[0].Valid = vec.NewBitmap(1, false)
	for code, w := range map[string]Write{
		"0A000": {Object: crashBag, Rows: rows(1, 1, 1), Upsert: true},
		"23502": {Object: tableID, Rows: null, Upsert: true},
		"XX000": {Object: tableID, Rows: &vec.Batch{N: 1, Cols: rows(1, 1, 1).Cols[:1]}, Upsert: true},
		"42P01": {Object: 99, Truncate: true},
	} {
		txn := &Txn{Writes: []Write{upsert(5, 50, 1), w}, Cuts: []Cut{{Object: tableID, From: 0, To: 1, Rows: 1}}}
		if _, err := d.e.Commit(context.Background(), txn); !sqlerr.HasCode(err, sqlerr.Code(code)) {
			t.Fatalf("%v, want %s", err, code)
		}
	}
	if _, err := d.e.Commit(context.Background(), &Txn{Writes: []Write{{Object: streamID, Truncate: true}}}); !sqlerr.HasCode(err, sqlerr.FeatureNotSupported) {
		t.Fatal(err)
	}
	d.want(d.read(scanPlan(tableID), 0), "")
	if got := d.e.Offsets(tableID); len(got) != 0 {
		t.Fatal("a transaction that failed has moved its source", got)
	}
}

// TestUpsertMany: one epoch of many transactions of each sort comes to what they
// come to one after the other.
func TestUpsertMany(t *testing.T) {
	for seed := range seeds(20) {
		rng := rand.New(rand.NewSource(seed))
		d := openDB(t, vfs.NewMem())
		d.create("table 16400")
		d.create("view 16403 over 16400")
		model := map[int64]int64{}
		for range 6 {
			// They are admitted into one epoch: the loop is held up meanwhile.
			hold, held := make(chan struct{}), make(chan error, 1)
			go func() {
				held <- d.e.onLoop(context.Background(), func() error { <-hold; return nil })
			}()
			var done []chan error
			for range 1 + rng.Intn(8) {
				w := Write{Object: tableID, Upsert: true, Truncate: rng.Intn(8) == 0}
				if w.Truncate {
					clear(model)
				}
				var kvw []int64
				for range rng.Intn(5) {
					k, v := rng.Int63n(8), rng.Int63n(3)
					if rng.Intn(3) == 0 {
						kvw = append(kvw, k, v, -1)
						delete(model, k)
					} else {
						kvw = append(kvw, k, v, 1)
						model[k] = v
					}
				}
				w.Rows = rows(kvw...)
				p := &pending{txn: &Txn{Writes: []Write{w}}, done: make(chan outcome, 1)}
				d.e.submit <- p
				errs := make(chan error, 1)
				done = append(done, errs)
				go func() { o := <-p.done; errs <- o.err }()
			}
			close(hold)
			if err := <-held; err != nil {
				t.Fatal(err)
			}
			for _, errs := range done {
				if err := <-errs; err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
			}
			var table, view []string
			for k, v := range model {
				table, view = append(table, fmt.Sprintf("%d %d", k, v)), append(view, fmt.Sprintf("%d 1 %d", k, v))
			}
			sort.Strings(table)
			sort.Strings(view)
			d.want(d.read(scanPlan(tableID), 0), strings.Join(table, "; "))
			d.want(d.read(viewScan(tviewID), 0), strings.Join(view, "; "))
		}
		d.close()
	}
}
