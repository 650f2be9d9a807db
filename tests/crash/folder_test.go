package crash

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// tarn runs a command to its end.
func tarn(t *testing.T, args ...string) (out string, exit int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	b, err := exec.CommandContext(ctx, binary, args...).CombinedOutput()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatalf("tarn %v: %v", args, err)
	}
	if ended != nil {
		exit = ended.ExitCode()
	}
	return string(b), exit
}

func TestVersion(t *testing.T) {
	if out, exit := tarn(t, "version"); exit != 0 || !strings.HasPrefix(out, "tarn ") {
		t.Errorf("exit %d: %s", exit, out)
	}
}

func TestDemo(t *testing.T) {
	if out, exit := tarn(t, "demo", "--seconds", "5"); exit != 0 || !strings.Contains(out, "psql") {
		t.Errorf("exit %d: %s", exit, out)
	}
}

func TestRefused(t *testing.T) {
	dir := dataFolder(t)
	for _, listen := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "[::]:0"} {
		out, exit := tarn(t, "serve", "--listen", listen, "--http", "", "--data", dir)
		if exit == 0 || !strings.Contains(out, "loopback") {
			t.Errorf("--listen %s: exit %d: %s", listen, exit, out)
		}
	}
	if out, exit := tarn(t, "serve", "--listen", "127.0.0.1:0", "--http", "0.0.0.0:0", "--data", dir); exit == 0 || !strings.Contains(out, "loopback") {
		t.Errorf("--http: exit %d: %s", exit, out)
	}
	p, err := start(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer p.kill()
	for _, args := range [][]string{{"serve", "--listen", "127.0.0.1:0", "--http", "", "--data", dir}, {"check", "--data", dir}} {
		if out, exit := tarn(t, args...); exit == 0 || !strings.Contains(out, "in use by another tarn server") {
			t.Errorf("%s beside a server: exit %d: %s", args[0], exit, out)
		}
	}
	if out, exit := tarn(t, "check", "--data", filepath.Join(dir, "nothing")); exit == 0 {
		t.Errorf("check of no folder: exit %d: %s", exit, out)
	}
}

// TestStop: SIGTERM ends the server in good time, whatever its clients do, and
// what was acknowledged is there.
func TestStop(t *testing.T) {
	dir := dataFolder(t)
	p, err := start(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { p.kill() }()
	r := &round{dir: dir, model: newModel(), answers: &answers{}}
	if err := r.create(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	busy := newCrew(t.Context(), p)
	defer busy.cancel()
	busy.subscribe(r.subscribers)
	working := make(chan struct{}, 1)
	acked := 0
	busy.hire(func(ctx context.Context, c *pgconn.PgConn) error {
		for i := 1; ; i++ {
			if _, err := do(ctx, c, fmt.Sprintf("INSERT INTO log VALUES (1, %d, 1, 1)", i), "INSERT"); err != nil {
				return nil
			}
			acked = i
			select {
			case working <- struct{}{}:
			default:
			}
		}
	})
	// One runs a query without end, one idles in a transaction, one does nothing.
	busy.hire(func(ctx context.Context, c *pgconn.PgConn) error {
		_, err := rows(ctx, c, "SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b")
		if err == nil {
			return errors.New("the query was to be endless")
		}
		return nil
	})
	busy.hire(func(ctx context.Context, c *pgconn.PgConn) error {
		_, err := do(ctx, c, "BEGIN; UPDATE account SET balance = 7 WHERE id = 1", "UPDATE")
		<-ctx.Done()
		return err
	})
	busy.hire(func(ctx context.Context, c *pgconn.PgConn) error { <-ctx.Done(); return nil })
	for range 20 {
		select {
		case <-working:
		case <-time.After(patience):
			t.Fatal("nothing is written")
		}
	}
	took, err := p.stop()
	if err != nil || took > 5*time.Second {
		t.Fatalf("ended after %s: %v\n%s", took, err, logTail(dir))
	}
	busy.cancel()
	busy.wg.Wait()
	t.Logf("ended after %s", took)
	if p, err = start(dir); err != nil {
		t.Fatal(err)
	}
	c, err := p.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	n, err := one(t.Context(), c, fmt.Sprintf("SELECT count(*) FROM log WHERE tx <= %d", acked))
	if err != nil || n != fmt.Sprint(acked) {
		t.Errorf("%s rows of %d acknowledged: %v", n, acked, err)
	}
	if s, err := one(t.Context(), c, "SELECT sum(balance) FROM account"); err != nil || s != "0" {
		t.Errorf("what was not committed is there: %s, %v", s, err)
	}
}

// grown makes a folder with journal, segments and state, and ends its server by
// kill, so that the journal holds frames that no checkpoint has.
func grown(t *testing.T, flags ...string) string {
	t.Helper()
	dir := dataFolder(t)
	p, err := start(dir, append(flags, "--checkpoint-every", "1h")...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { p.kill() }()
	r := &round{dir: dir, model: newModel(), answers: &answers{}}
	if err := r.create(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	fill := func() {
		c, err := p.connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close(t.Context())
		for i := range 20 {
			for _, sql := range []string{
				fmt.Sprintf("INSERT INTO event SELECT 1, %d, 50, g, g * 10, now() FROM generate_series(1, 50) g", i),
				fmt.Sprintf("INSERT INTO log SELECT 1, %d, 50, g FROM generate_series(1, 50) g", i)} {
				if _, err := do(t.Context(), c, sql, "INSERT"); err != nil {
					t.Fatalf("%s: %v", sql, err)
				}
			}
		}
	}
	fill()
	if _, err := p.stop(); err != nil { // with a checkpoint
		t.Fatal(err)
	}
	if p, err = start(dir, append(flags, "--checkpoint-every", "1h")...); err != nil {
		t.Fatal(err)
	}
	fill()
	return dir
}

// TestCheck: tarn check finds nothing in a good folder, and names each file that
// has a flipped byte.
func TestCheck(t *testing.T) {
	dir := grown(t)
	out, exit := tarn(t, "check", "--data", dir)
	if exit != 0 || !strings.Contains(out, "no damage found") {
		t.Fatalf("a good folder: exit %d: %s", exit, out)
	}
	for _, pattern := range []string{"journal/*.log", "topics/*/*.seg", "topics/*/MANIFEST*", "state/*.sst"} {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(files) == 0 {
			t.Errorf("no %s: %v", pattern, err)
			continue
		}
		sort.Strings(files)
		for _, at := range []float64{0.1, 0.5, 0.9} {
			file := files[len(files)/2]
			undo := flip(t, file, at)
			out, exit := tarn(t, "check", "--data", dir)
			if exit == 0 || !strings.Contains(out, filepath.Base(file)) {
				t.Errorf("byte flipped at %.0f %% of %s: exit %d: %s", at*100, file, exit, out)
			}
			undo()
		}
	}
	if out, exit := tarn(t, "check", "--data", dir); exit != 0 {
		t.Errorf("the folder was changed: exit %d: %s", exit, out)
	}
}

// TestDamagedJournal: with damage in the middle of the journal the server refuses
// to start, and says where the damage is.
func TestDamagedJournal(t *testing.T) {
	dir := grown(t)
	files, _ := filepath.Glob(filepath.Join(dir, "journal", "*.log"))
	if len(files) == 0 {
		t.Fatal("no journal")
	}
	sort.Strings(files)
	undo := flip(t, files[0], 0.5)
	out, exit := tarn(t, "serve", "--listen", "127.0.0.1:0", "--http", "", "--data", dir)
	if exit == 0 || !strings.Contains(out, filepath.Base(files[0])) || !strings.Contains(out, "offset") || !strings.Contains(out, "XX001") {
		t.Errorf("exit %d: %s", exit, out)
	}
	undo()
	p, err := start(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.stop(); err != nil {
		t.Error(err)
	}
}

// flip inverts a byte at a fraction of a file, not counting the zeros at its end,
// which are no part of a journal; undo puts it back.
func flip(t *testing.T, file string, at float64) (undo func()) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	i := int(float64(len(bytes.TrimRight(b, "\x00"))) * at)
	write := func() {
		b[i] ^= 0xff
		if err := os.WriteFile(file, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write()
	return write
}
