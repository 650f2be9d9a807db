package server

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/sql/sqlerr"
)

func TestSealer(t *testing.T) {
	mine, err := newSealer([]byte("0123456789abcdef\n"))
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := mine.seal(7, "pa55")
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, []byte("pa55")) {
		t.Error("the value is there to be read")
	}
	if again, _ := mine.seal(7, "pa55"); bytes.Equal(again, sealed) {
		t.Error("the same value sealed twice is the same")
	}
	if v, err := mine.open(7, "s", sealed); err != nil || v != "pa55" {
		t.Errorf("got %q, %v", v, err)
	}
	other, _ := newSealer([]byte("fedcba9876543210"))
	none, _ := newSealer(nil)
	damaged := bytes.Clone(sealed)
	damaged[len(damaged)-1] ^= 1
	for name, c := range map[string]struct {
		s    *sealer
		id   uint64
		in   []byte
		code sqlerr.Code
	}{
		"another key":    {other, 7, sealed, sqlerr.InvalidAuthorization},
		"another object": {mine, 8, sealed, sqlerr.InvalidAuthorization},
		"a changed byte": {mine, 7, damaged, sqlerr.InvalidAuthorization},
		"cut":            {mine, 7, sealed[:5], sqlerr.DataCorrupted},
		"another layout": {mine, 7, append([]byte{9}, sealed[1:]...), sqlerr.DataCorrupted},
		"no key":         {none, 7, sealed, sqlerr.ObjectNotInPrerequisiteState},
	} {
		if v, err := c.s.open(c.id, "s", c.in); !sqlerr.HasCode(err, c.code) || v != "" {
			t.Errorf("%s: got %q, %v", name, v, err)
		}
	}
	if _, err := none.seal(7, "x"); !sqlerr.HasCode(err, sqlerr.ObjectNotInPrerequisiteState) {
		t.Errorf("sealing without a key: %v", err)
	}
	if _, err := newSealer([]byte("short")); err == nil {
		t.Error("a short key was taken")
	}
}

func TestReadSecretKey(t *testing.T) {
	t.Setenv("TARN_SECRET_KEY", "from the environment")
	if key, err := readSecretKey(""); err != nil || string(key) != "from the environment" {
		t.Errorf("got %q, %v", key, err)
	}
	file := filepath.Join(t.TempDir(), "key")
	if _, err := readSecretKey(file); err == nil {
		t.Error("a file that is not there was read")
	}
	if err := os.WriteFile(file, []byte("  \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readSecretKey(file); err == nil {
		t.Error("an empty file was taken")
	}
}

// TestPasswordsAtRest: a password in WITH is nowhere in the folder, is used, also
// after a restart, and is not shown; without a key it is kept as it is, with a warning.
func TestPasswordsAtRest(t *testing.T) {
	w := newWorld(t, "t")
	const password = "correct horse battery"
	w.exec("CREATE CONNECTION k TO KAFKA (BROKER '" + w.cfg.Kafka + "', SASL MECHANISM = 'PLAIN', SASL USERNAME = 'u', SASL PASSWORD = '" + password + "')")
	used := func() {
		t.Helper()
		snap := w.server.host.Snapshot()
		o := snap.FindKind(catalog.Connection, "public", "k", nil)
		cl, err := w.server.clusterOf(snap, o.Connector)
		if err != nil || cl.kafka.SASL.Password != password {
			t.Fatalf("the password is %q (%v)", cl.kafka.SASL.Password, err)
		}
	}
	used()
	w.restart()
	used()
	if err := w.server.Close(); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(w.cfg.Data, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(password)) {
			t.Errorf("the password is in %s", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("TARN_SECRET_KEY", "")
	w.start()
	w.exec("CREATE CONNECTION open TO KAFKA (BROKER 'b:1', SASL MECHANISM = 'PLAIN', SASL USERNAME = 'u', SASL PASSWORD = 'x')")
	if n := len(w.notices); n == 0 || w.notices[n-1] != "properties.sasl.password is kept as it was written" {
		t.Errorf("notices %q", w.notices)
	}
	w.fails("CREATE SOURCE s (id bigint) WITH (connection = k, topic = 't') FORMAT PLAIN ENCODE JSON", "55000")
}
