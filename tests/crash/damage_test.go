package crash

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// harm is what is done to a file.
type harm struct {
	name string
	do   func(t *testing.T, file string)
}

var harms = []harm{
	{"a byte flipped near its begin", func(t *testing.T, file string) { flip(t, file, 0.1) }},
	{"a byte flipped near its end", func(t *testing.T, file string) { flip(t, file, 0.9) }},
	{"cut in two", func(t *testing.T, file string) {
		info, err := os.Stat(file)
		if err == nil {
			err = os.Truncate(file, info.Size()/2)
		}
		if err != nil {
			t.Fatal(err)
		}
	}},
	{"gone", func(t *testing.T, file string) {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}},
}

// TestDamagedFolder harms one file after the other. The server refuses to start with
// XX001, or it starts and each answer is right or XX001: no file is missed in silence,
// none makes it panic, and `tarn check` sees whatever the server sees.
func TestDamagedFolder(t *testing.T) {
	dir := grown(t, "--journal-file", "16KiB")
	questions := []string{"SELECT * FROM event", "SELECT * FROM log", "SELECT * FROM account", "SELECT * FROM by_k", "SELECT * FROM log_parts"}
	want, err := answersOf(t, dir, questions)
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, pattern := range []string{"journal/*", "topics/*/*", "state/*"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("no %s: %v", pattern, err)
		}
		files = append(files, found...)
	}
	seen := 0
	newest := "" // file of the journal
	for _, file := range files {
		if filepath.Base(filepath.Dir(file)) == "journal" {
			newest = max(newest, file)
		}
	}
	for _, file := range files {
		name, err := filepath.Rel(dir, file)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if info.IsDir() {
			continue
		}
		for _, h := range harms {
			if info.Size() == 0 && h.name != "gone" {
				continue
			}
			where := name + ", " + h.name
			copied := filepath.Join(t.TempDir(), "data")
			if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			h.do(t, filepath.Join(copied, name))
			checked, exit := tarn(t, "check", "--data", copied)
			got, err := answersOf(t, copied, questions)
			switch {
			case strings.Contains(checked, "panic") || strings.Contains(logTail(copied), "panic"):
				t.Errorf("%s: a panic\n%s\n%s", where, checked, logTail(copied))
			case err != nil && !strings.Contains(err.Error(), "XX001"):
				t.Errorf("%s: %v", where, err)
			case err != nil && exit == 0:
				t.Errorf("%s: check found nothing, but: %v", where, err)
			case err != nil:
				seen++
			case file == newest && h.name != "a byte flipped near its begin":
				// What a journal loses at its end looks like what was never written.
			case !slices.Equal(got, want):
				t.Errorf("%s: other answers\n%s", where, differ(got, want))
			}
		}
	}
	t.Logf("%d harms were noticed", seen)
	if seen < len(files) {
		t.Error("there was no harm in most of the harms")
	}
}

// answersOf starts a server on a folder and asks it.
func answersOf(t *testing.T, dir string, questions []string) (out []string, err error) {
	p, err := start(dir, "--checkpoint-every", "1h")
	if err != nil {
		return nil, err
	}
	defer p.kill()
	c, err := p.connect(t.Context())
	if err != nil {
		return nil, err
	}
	defer c.Close(context.Background())
	for _, q := range questions {
		got, err := rows(t.Context(), c, q)
		var pe *pgconn.PgError
		if errors.As(err, &pe) {
			return nil, fmt.Errorf("%s: %s (%s)", q, pe.Message, pe.Code)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, got...)
	}
	return out, nil
}
