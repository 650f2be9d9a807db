package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// moment is a time between two writes and what key 0 said then.
type moment struct {
	at string
	n  int64
}

// benchAsOf compares look-ups AS OF SYSTEM TIME with look-ups of the latest:
// first with very many versions of one key, then with one superseded version of
// each of many keys. The folder is in memory where there is such a file system:
// a million epochs are a million fsyncs, and only reads are measured. Last, of keys
// that change early and late while very many checkpoints write the history of others.
func benchAsOf(ctx context.Context, r *run) error {
	versions := r.size(200, 20_000, 1_000_000)
	keys := r.size(1000, 100_000, 1_000_000)
	dir := ""
	if _, err := os.Stat("/dev/shm"); err == nil {
		if dir, err = os.MkdirTemp("/dev/shm", "tarn-bench"); err != nil {
			return err
		}
		defer os.RemoveAll(dir)          // of the folder above the data
		dir = filepath.Join(dir, "data") // the server's log goes beside it
	}
	t, err := r.startTarn(ctx, dir)
	if err != nil {
		return err
	}
	defer t.stop()
	c, err := t.connect(ctx)
	if err != nil {
		return err
	}
	defer c.close()
	if err := createEvents(ctx, c, "retain_history = 'forever'"); err != nil {
		return err
	}
	moments, err := manyVersions(ctx, c, versions)
	if err != nil {
		return err
	}
	if err := r.compareAsOf(ctx, c, fmt.Sprintf("%s versions of one key", short(float64(versions))), 1, moments); err != nil {
		return err
	}
	// Key 0 has its versions; two rounds give each of the other keys two.
	l := newRounds(keys)
	if err := l.sendRows(ctx, c, keys); err != nil {
		return err
	}
	time.Sleep(2 * time.Millisecond)
	between := now()
	time.Sleep(2 * time.Millisecond)
	if err := l.sendRows(ctx, c, keys); err != nil {
		return err
	}
	if err := r.compareAsOf(ctx, c, fmt.Sprintf("two versions of %s keys", short(float64(keys))), keys, []moment{{between, 1}}); err != nil {
		return err
	}
	t.stop()
	return r.asOfSlices(ctx)
}

// asOfSlices looks keys up whose two versions have very many slices of history between
// them, all in packs, and scans the view as of then.
func (r *run) asOfSlices(ctx context.Context) error {
	const busy = 5000
	slices, quiet := r.size(10, 60, 360), r.size(1000, 20_000, 1_000_000)
	t, err := r.startTarn(ctx, "", "--checkpoint-every", "50ms", "--pack-versions", "1")
	if err != nil {
		return err
	}
	defer t.stop()
	c, err := t.connect(ctx)
	if err != nil {
		return err
	}
	defer c.close()
	if err := createEvents(ctx, c, "retain_history = 'forever'"); err != nil {
		return err
	}
	all := newRounds(quiet)
	if err := all.sendRows(ctx, c, quiet); err != nil {
		return err
	}
	between := now()
	time.Sleep(2 * time.Millisecond)
	others := &load{keys: quiet + busy}
	ks, amts := make([]int32, busy), make([]int32, busy)
	for i := range ks {
		ks[i] = int32(quiet + int64(i))
	}
	others.add(quiet, ks, amts)
	for range slices {
		if err := others.sendRows(ctx, c, busy); err != nil {
			return err
		}
		time.Sleep(60 * time.Millisecond) // a checkpoint
	}
	if err := all.sendRows(ctx, c, quiet); err != nil {
		return err
	}
	time.Sleep(200 * time.Millisecond)
	what := fmt.Sprintf("two versions with %d checkpoints between", slices)
	if err := r.compareAsOf(ctx, c, what, quiet, []moment{{between, 1}}); err != nil {
		return err
	}
	began := time.Now()
	if err := c.expect(ctx, fmt.Sprintf("SELECT count(*), sum(n) FROM stats AS OF SYSTEM TIME '%s'", between), fmt.Sprintf("%d|%d", quiet, quiet)); err != nil {
		return err
	}
	then := time.Since(began)
	began = time.Now()
	if err := c.expect(ctx, "SELECT count(*), sum(n) FROM stats", fmt.Sprintf("%d|%d", quiet+busy, 2*quiet+slices*busy)); err != nil {
		return err
	}
	r.note("a scan of %s keys as of then: %s, of the latest: %s", short(float64(quiet)), then.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
	return nil
}

func now() string { return time.Now().UTC().Format("2006-01-02 15:04:05.999999+00") }

// manyVersions writes rows of key 0, each in an epoch of its own.
func manyVersions(ctx context.Context, c *client, versions int64) ([]moment, error) {
	if _, err := c.Prepare(ctx, "one", "INSERT INTO ev VALUES ($1, 0, 1, '2026-03-01 09:00+00')", nil); err != nil {
		return nil, err
	}
	const batch = 100
	var out []moment
	for done := int64(0); done < versions; done += batch {
		p := c.StartPipeline(ctx)
		for i := range int64(batch) {
			p.SendQueryPrepared("one", [][]byte{strconv.AppendInt(nil, done+i, 10)}, nil, nil)
			if err := p.Sync(); err != nil {
				return nil, err
			}
		}
		if err := p.Close(); err != nil {
			return nil, err
		}
		time.Sleep(20 * time.Microsecond)
		out = append(out, moment{now(), done + batch})
		time.Sleep(20 * time.Microsecond)
	}
	return out, nil
}

// compareAsOf measures both look-ups over one connection.
func (r *run) compareAsOf(ctx context.Context, c *client, what string, keys int64, moments []moment) error {
	const latest, past = "SELECT n FROM stats WHERE k = $1", "SELECT n FROM stats WHERE k = $1 AS OF SYSTEM TIME $2"
	for name, sql := range map[string]string{"latest" + what: latest, "past" + what: past} {
		if _, err := c.Prepare(ctx, name, sql, nil); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	var now, then series
	n := pick(r, 50, 1000, 5000)
	for range max(r.pairs, 3) {
		for _, old := range []bool{false, true} {
			began := time.Now()
			for range n {
				k := int64(0)
				if keys > 1 {
					k = 1 + rand.Int64N(keys-1)
				}
				name, args := "latest"+what, [][]byte{strconv.AppendInt(nil, k, 10)}
				m := moments[rand.IntN(len(moments))]
				if old {
					name, args = "past"+what, append(args, []byte(m.at))
				}
				res := c.ExecPrepared(ctx, name, args, nil, nil).Read()
				if res.Err != nil {
					return res.Err
				}
				if len(res.Rows) != 1 {
					return fmt.Errorf("%w: key %d at %s has %d rows", errWrong, k, m.at, len(res.Rows))
				}
				if got := string(res.Rows[0][0]); old && got != strconv.FormatInt(m.n, 10) {
					return fmt.Errorf("%w: key %d at %s has n = %s, expected %d", errWrong, k, m.at, got, m.n)
				}
			}
			us := time.Since(began).Seconds() * 1e6 / float64(n)
			if old {
				then.add(us)
			} else {
				now.add(us)
			}
		}
	}
	ratio := then.median() / now.median()
	r.alone("AS OF, "+what, then, fmt.Sprintf("µs   the latest %s   %.2fx", strings.TrimSpace(now.String()), ratio), "≤ 3x", ratio <= 3)
	return nil
}
