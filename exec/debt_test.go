package exec

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// openIndebted opens a database whose writers wait at a debt of most.
func openIndebted(t *testing.T, most time.Duration) *db {
	d := &db{t: t, host: &fakeHost{}, fs: vfs.NewCrashableMem()}
	d.clock.Store(1_000_000)
	e, err := Open(Config{FS: d.fs, Dir: "db", Host: d.host, Now: func() int64 { return d.clock.Add(1000) }, CheckpointEvery: time.Hour, DebtMost: most, Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	d.e = e
	d.create("stream 16401")
	d.create("view 16402 over 16401")
	return d
}

// muchRows are rows of more bytes than debtSmall.
func muchRows() *Txn {
	var kvw []int64
	for k := range int64(debtSmall / 8) {
		kvw = append(kvw, k, 1, 1)
	}
	return &Txn{Writes: []Write{{Object: streamID, Rows: rows(kvw...)}}}
}

// until waits for a condition.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for began := time.Now(); !is(); time.Sleep(time.Millisecond) {
		if time.Since(began) > 20*time.Second {
			t.Fatal("waited in vain until " + what)
		}
	}
}

// TestDebt: while a start would take too long, a writer of much waits, one of little
// does not; a checkpoint, a failed one, its context or the end of the engine let it go.
func TestDebt(t *testing.T) {
	const most = time.Hour
	d := openIndebted(t, most)
	until(t, "the first checkpoint is over", func() bool { st := d.e.Status(); return st.Checkpoint == st.Applied })
	closed := make(chan error, 1)
	for _, ends := range []struct {
		how  string
		end  func(cancel func())
		code sqlerr.Code // of the writer's error
	}{
		{"a checkpoint", func(func()) { d.e.debt.end(nil) }, ""},
		{"a checkpoint that fails", func(func()) { d.e.debt.end(errors.New("broken")) }, ""},
		{"the writer's context", func(cancel func()) { cancel() }, sqlerr.QueryCanceled},
		{"the engine's end", func(func()) { go func() { closed <- d.e.Close() }() }, sqlerr.AdminShutdown},
	} {
		d.e.debt.end(nil)
		d.e.debt.older.Store(int64(most) * 3 / 2)
		d.insert(streamID, 1, 1, 1)
		ctx, cancel := context.WithCancelCause(context.Background())
		before := d.e.Applied()
		done := make(chan error, 1)
		go func() {
			_, err := d.e.Commit(ctx, muchRows())
			done <- err
		}()
		until(t, "a writer waits", func() bool { return d.e.Status().Waiting == 1 })
		if st := d.e.Status(); st.Debt < most || st.Applied < before {
			t.Errorf("%+v", st)
		}
		ends.end(func() { cancel(sqlerr.New(sqlerr.QueryCanceled, "enough")) })
		err := <-done
		if ends.code == "" && err != nil || ends.code != "" && !sqlerr.HasCode(err, ends.code) {
			t.Errorf("ended by %s: %v", ends.how, err)
		}
		if st := d.e.Status(); st.Waiting != 0 || st.Waited == 0 {
			t.Errorf("ended by %s: %+v", ends.how, st)
		}
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

// TestDebtBegins: checkpoints begin by what there is to be stepped again, long before
// their time, and writers who wait for them go on.
func TestDebtBegins(t *testing.T) {
	d := openIndebted(t, 2*time.Nanosecond)
	defer d.close()
	for range 2 { // the first checkpoint has its time as well
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				for range 10 {
					if _, err := d.e.Commit(context.Background(), muchRows()); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		until(t, "all is in a checkpoint", func() bool { st := d.e.Status(); return st.Checkpoint == st.Applied && st.Debt == 0 })
	}
	if st := d.e.Status(); st.Checkpoints < 2 {
		t.Errorf("%+v", st)
	}
}
