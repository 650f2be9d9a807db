package journal

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/tarndb/tarn/sql/sqlerr"
)

func testFrame(epoch uint64, payload string) *Frame {
	return &Frame{Epoch: epoch, Time: int64(epoch) * 10, Entries: []Entry{
		{Kind: KindData, Object: epoch % 3, Payload: []byte(payload)},
		{Kind: KindWatermark, Object: 7, Txn: epoch, Payload: nil},
	}}
}

func sameFrame(a, b *Frame) bool {
	if a.Epoch != b.Epoch || a.Time != b.Time || len(a.Entries) != len(b.Entries) {
		return false
	}
	for i, e := range a.Entries {
		o := b.Entries[i]
		if e.Kind != o.Kind || e.Object != o.Object || e.Txn != o.Txn || !bytes.Equal(e.Payload, o.Payload) {
			return false
		}
	}
	return true
}

// epochs opens the journal, returning the epochs replayed.
func epochs(t *testing.T, cfg Config, from uint64) ([]uint64, Recovery, error) {
	t.Helper()
	var got []uint64
	j, rec, err := Open(cfg, from, func(f *Frame) error {
		got = append(got, f.Epoch)
		return nil
	})
	if err == nil {
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return got, rec, err
}

func mustOpen(t *testing.T, cfg Config) *Journal {
	t.Helper()
	j, _, err := Open(cfg, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func TestAppendRollReadTruncate(t *testing.T) {
	cfg := Config{FS: vfs.NewMem(), Dir: "journal", FileBytes: 1000}
	j := mustOpen(t, cfg)
	var want []*Frame
	r := j.ReadFrom(0)
	for e := uint64(5); e < 105; e++ {
		f := testFrame(e, fmt.Sprintf("%0*d", e, e))
		want = append(want, f)
		if e%4 == 0 {
			if err := j.Append(f); err != nil {
				t.Fatal(err)
			}
		} else if err := j.AppendNoSync(f); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Sync(); err != nil {
		t.Fatal(err)
	}
	for _, w := range want {
		g, err := r.Next()
		if err != nil || g == nil || !sameFrame(g, w) {
			t.Fatalf("got %v, %v, want epoch %d", g, err, w.Epoch)
		}
	}
	if g, err := r.Next(); g != nil || err != nil {
		t.Fatal(g, err)
	}
	for from := uint64(1); from < 110; from++ {
		r := j.ReadFrom(from)
		g, err := r.Next()
		if err != nil || (g == nil) != (from > 104) || g != nil && g.Epoch != max(from, 5) {
			t.Fatalf("from %d: %v, %v", from, g, err)
		}
		r.Close()
	}
	if j.FirstEpoch() != 5 || j.LastEpoch() != 104 {
		t.Fatal(j.FirstEpoch(), j.LastEpoch())
	}
	before := j.Bytes()
	if err := j.Truncate(60); err != nil {
		t.Fatal(err)
	}
	first := j.FirstEpoch()
	if first > 60 || first < 50 || j.Bytes() >= before {
		t.Fatal(first)
	}
	old := j.ReadFrom(6)
	if _, err := old.Next(); !sqlerr.HasCode(err, sqlerr.SnapshotTooOld) {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	got, rec, err := epochs(t, cfg, 90)
	if err != nil || len(got) != 15 || got[0] != 90 || rec.FirstEpoch != first || rec.LastEpoch != 104 || rec.LastTime != 1040 || rec.Cut != nil {
		t.Fatal(got, rec, err)
	}
	if rec, err := Verify(cfg, nil); err != nil || rec.LastEpoch != 104 {
		t.Fatal(rec, err)
	}
}

func TestEpochSurvivesTruncatingAll(t *testing.T) {
	cfg := Config{FS: vfs.NewMem(), Dir: "journal", FileBytes: 100}
	j := mustOpen(t, cfg)
	for e := uint64(1); e < 10; e++ {
		if err := j.Append(testFrame(e, "x")); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.roll(); err != nil {
		t.Fatal(err)
	}
	if err := j.Truncate(10); err != nil {
		t.Fatal(err)
	}
	j.Close()
	_, rec, err := epochs(t, cfg, 0)
	if err != nil || rec.LastEpoch != 9 || rec.LastTime != 90 || rec.FirstEpoch != 0 {
		t.Fatal(rec, err)
	}
	j = mustOpen(t, cfg)
	if err := j.Append(testFrame(9, "")); err == nil {
		t.Fatal("an epoch twice")
	}
	if err := j.Append(testFrame(10, "")); err != nil {
		t.Fatal(err)
	}
}

func TestChunks(t *testing.T) {
	fs := vfs.NewMem()
	cfg := Config{FS: fs, Dir: "journal", FileBytes: 2000}
	j := mustOpen(t, cfg)
	for i := range 50 {
		for txn := uint64(1); txn <= 3; txn++ {
			if err := j.AppendChunk(txn, []Entry{{Kind: KindData, Object: 9, Payload: fmt.Appendf(nil, "%d/%d", txn, i)}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	commit := &Frame{Epoch: 1, Time: 1, Entries: []Entry{{Kind: KindCommit, Object: 9, Txn: 2}}}
	if err := j.Append(commit); err != nil {
		t.Fatal(err)
	}
	check := func(txn uint64, want int) {
		t.Helper()
		n := 0
		err := j.ReadTxn(txn, func(es []Entry) error {
			if string(es[0].Payload) != fmt.Sprintf("%d/%d", txn, n) {
				t.Fatalf("%s at %d", es[0].Payload, n)
			}
			n++
			return nil
		})
		if n != want || want > 0 && err != nil || want == 0 && !sqlerr.HasCode(err, sqlerr.SnapshotTooOld) {
			t.Fatal(n, err)
		}
	}
	check(2, 50)
	check(1, 50) // open, but readable by its own transaction
	j.Forget(1)
	check(1, 0)
	j.Close()

	j, rec, err := Open(cfg, 0, nil)
	if err != nil || rec.LastTxn != 3 {
		t.Fatal(rec, err)
	}
	check(2, 50)
	check(3, 0)
	for e := uint64(2); e < 40; e++ {
		if err := j.Append(testFrame(e, "0123456789012345678901234567890123456789")); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Truncate(1); err != nil || j.FirstEpoch() != 1 {
		t.Fatal(err)
	}
	check(2, 50)
	if err := j.Truncate(30); err != nil || j.FirstEpoch() < 2 {
		t.Fatal(err)
	}
	check(2, 0)
}

// image makes the bytes of a journal of one file with frames 1 … n, and the
// offsets at which frames end.
func image(t *testing.T, n int) (data []byte, ends []int64) {
	fs := vfs.NewMem()
	j := mustOpen(t, Config{FS: fs, Dir: "journal"})
	ends = []int64{j.offset}
	for e := 1; e <= n; e++ {
		if err := j.Append(testFrame(uint64(e), fmt.Sprintf("payload %d", e))); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, j.offset)
	}
	j.Close()
	return readFile(t, fs, "journal/000001.log")[:ends[n]], ends // without the zeros
}

// Small frames are written over zeros that a frame before them has brought, also
// after the journal has been opened again, and no file gets too long by them.
func TestFilledAhead(t *testing.T) {
	fs := vfs.NewMem()
	cfg := Config{FS: fs, Dir: "journal", FileBytes: fillBytes + 1000}
	size := func() int { return len(readFile(t, fs, "journal/000001.log")) }
	j := mustOpen(t, cfg)
	add := func(e uint64, n int) {
		t.Helper()
		if err := j.Append(testFrame(e, string(make([]byte, n)))); err != nil {
			t.Fatal(err)
		}
	}
	add(1, fillFrameMost)
	if size() != int(j.offset) {
		t.Errorf("a large frame has brought zeros: %d bytes, frames end at %d", size(), j.offset)
	}
	add(2, 10)
	filled := size()
	if filled <= int(j.offset) || filled > int(cfg.FileBytes) {
		t.Errorf("%d bytes after a small frame, frames end at %d", filled, j.offset)
	}
	add(3, 10)
	j.Close()
	j = mustOpen(t, cfg)
	for e := uint64(4); e < 50; e++ {
		add(e, 10)
	}
	if size() != filled {
		t.Errorf("small frames have made a file of %d bytes one of %d", filled, size())
	}
	j.Close()
	if got, rec, err := epochs(t, cfg, 0); err != nil || len(got) != 49 || rec.Cut != nil {
		t.Errorf("%d epochs, cut %v, %v", len(got), rec.Cut, err)
	}
}

func readFile(t testing.TB, fs vfs.FS, name string) []byte {
	f, err := fs.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	st, _ := f.Stat()
	b := make([]byte, st.Size())
	if len(b) > 0 {
		if _, err := f.ReadAt(b, 0); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func withFile(t testing.TB, name string, data []byte) Config {
	fs := vfs.NewMem()
	if err := fs.MkdirAll("journal", 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, fs, name, data)
	return Config{FS: fs, Dir: "journal"}
}

func writeFile(t testing.TB, fs vfs.FS, name string, data []byte) {
	f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(bytes.Clone(data)); err != nil {
		t.Fatal(err)
	}
	f.Close()
}

// A journal cut at any byte opens with all frames that are whole, says what it
// cut, and takes new frames.
func TestTornTailAtEveryByte(t *testing.T) {
	data, ends := image(t, 6)
	for _, fill := range []int{0, 100} { // file ends there; or zeros follow
		for n := range len(data) + 1 {
			cfg := withFile(t, "journal/000001.log", append(bytes.Clone(data[:n]), make([]byte, fill)...))
			whole := 0
			for whole+1 < len(ends) && int64(n) >= ends[whole+1] {
				whole++
			}
			// Zeros after the cut may restore what was cut, if that was zeros.
			got, rec, err := epochs(t, cfg, 0)
			if fill > 0 && err != nil && n < fileHeader {
				continue
			}
			if err != nil || len(got) < whole || fill == 0 && len(got) != whole {
				t.Fatalf("cut at %d: %v, %v", n, got, err)
			}
			if fill == 0 && (rec.Cut != nil) != (int64(n) != ends[whole] || n < fileHeader) {
				t.Fatalf("cut at %d: reported %v", n, rec.Cut)
			}
			j := mustOpen(t, cfg)
			if err := j.Append(testFrame(uint64(len(got)+1), "again")); err != nil {
				t.Fatal(err)
			}
			j.Close()
			again, rec, err := epochs(t, cfg, 0)
			if err != nil || len(again) != len(got)+1 || rec.Cut != nil {
				t.Fatalf("cut at %d, then written: %v, %v, %v", n, again, rec.Cut, err)
			}
		}
	}
}

// A flipped bit anywhere is an error, or, in the last frame, a reported cut.
func TestFlippedBits(t *testing.T) {
	data, ends := image(t, 4)
	for bit := range len(data) * 8 {
		bad := bytes.Clone(data)
		bad[bit/8] ^= 1 << (bit % 8)
		got, rec, err := epochs(t, withFile(t, "journal/000001.log", bad), 0)
		at := int64(bit / 8)
		switch {
		case at < ends[3]:
			if !sqlerr.HasCode(err, sqlerr.DataCorrupted) && !sqlerr.HasCode(err, sqlerr.FeatureNotSupported) {
				t.Fatalf("bit %d: %v, %v", bit, got, err)
			}
		case at == ends[3]+4 && bad[at] != 0: // says that a newer program wrote it
			if !sqlerr.HasCode(err, sqlerr.FeatureNotSupported) {
				t.Fatalf("bit %d: %v, %v", bit, got, err)
			}
		case err != nil || len(got) != 3 || rec.Cut == nil || rec.Cut.Offset != ends[3]:
			t.Fatalf("bit %d in the last frame: %v, %v, %v", bit, got, rec.Cut, err)
		}
	}
}

// In a file that is not the last, even a clean cut between frames is noticed.
func TestOlderFileDamaged(t *testing.T) {
	fs := vfs.NewMem()
	cfg := Config{FS: fs, Dir: "journal", FileBytes: 500}
	j := mustOpen(t, cfg)
	var end int64
	for e := uint64(1); len(j.files) < 3; e++ {
		if len(j.files) == 1 {
			end = j.offset
		}
		if err := j.Append(testFrame(e, "0123456789")); err != nil {
			t.Fatal(err)
		}
	}
	j.Close()
	data := readFile(t, fs, "journal/000001.log")
	for n := range end {
		writeFile(t, fs, "journal/000001.log", data[:n])
		if _, _, err := epochs(t, cfg, 0); !sqlerr.HasCode(err, sqlerr.DataCorrupted) {
			t.Fatalf("cut at %d of %d: %v", n, end, err)
		}
	}
	writeFile(t, fs, "journal/000001.log", data)
	if err := fs.Remove("journal/000002.log"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := epochs(t, cfg, 0); !sqlerr.HasCode(err, sqlerr.DataCorrupted) {
		t.Fatal(err)
	}
}

// Bytes that a client stored, looking like a frame, are no frame: a torn write
// of them is still a torn tail.
func TestPayloadThatLooksLikeAFrame(t *testing.T) {
	other, ends := image(t, 1)
	inner := other[ends[0]:]
	fs := vfs.NewMem()
	cfg := Config{FS: fs, Dir: "journal"}
	j := mustOpen(t, cfg)
	if err := j.Append(testFrame(1, string(inner)+"tail")); err != nil {
		t.Fatal(err)
	}
	j.Close()
	data := readFile(t, fs, "journal/000001.log")[:j.offset]
	writeFile(t, fs, "journal/000001.log", data[:len(data)-2])
	got, rec, err := epochs(t, cfg, 0)
	if err != nil || len(got) != 0 || rec.Cut == nil {
		t.Fatal(got, rec, err)
	}
}

// shortFS writes only part of a frame and then says that the disk is full.
type shortFS struct {
	vfs.FS
	room int // bytes; < 0 = unlimited
}

type shortFile struct {
	vfs.File
	fs *shortFS
}

func (s *shortFS) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	f, err := s.FS.OpenReadWrite(name, c, o...)
	return shortFile{f, s}, err
}

func (f shortFile) WriteAt(p []byte, off int64) (int, error) {
	st, err := f.Stat()
	if err != nil {
		return 0, err
	}
	grow := int(off) + len(p) - int(st.Size())
	if f.fs.room < 0 || grow <= f.fs.room {
		if f.fs.room >= 0 && grow > 0 {
			f.fs.room -= grow
		}
		return f.File.WriteAt(p, off)
	}
	part := max(len(p)-grow+f.fs.room, 0)
	f.fs.room = 0
	n, _ := f.File.WriteAt(p[:part], off)
	return n, &errorPath{syscall.ENOSPC}
}

type errorPath struct{ err error }

func (e *errorPath) Error() string { return "write: " + e.err.Error() }
func (e *errorPath) Unwrap() error { return e.err }

func TestDiskFull(t *testing.T) {
	fs := &shortFS{FS: vfs.NewMem(), room: -1}
	cfg := Config{FS: fs, Dir: "journal", FileBytes: 600}
	j := mustOpen(t, cfg)
	rng := rand.New(rand.NewPCG(1, 2))
	epoch, fails := uint64(1), 0
	for epoch < 60 {
		if rng.IntN(2) == 0 {
			fs.room = rng.IntN(300)
		}
		err := j.Append(testFrame(epoch, fmt.Sprintf("%0*d", rng.IntN(200), 7)))
		fs.room = -1
		if err == nil {
			epoch++
			continue
		}
		fails++
		if !sqlerr.HasCode(err, sqlerr.DiskFull) {
			t.Fatal(err)
		}
		if rng.IntN(4) == 0 { // a crash while the disk is full
			j.Close()
			j = mustOpen(t, cfg)
		}
		if j.LastEpoch() != epoch-1 {
			t.Fatal(j.LastEpoch(), epoch)
		}
	}
	j.Close()
	got, rec, err := epochs(t, cfg, 0)
	if err != nil || len(got) != 59 || rec.Cut != nil || fails == 0 {
		t.Fatal(got, rec, err, fails)
	}
}

func TestFailedSyncPoisons(t *testing.T) {
	mem := vfs.NewCrashableMem()
	fail := false
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if fail && (op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData) {
			return errors.New("disk on fire")
		}
		return nil
	}))
	cfg := Config{FS: fs, Dir: "journal"}
	j := mustOpen(t, cfg)
	if err := j.Append(testFrame(1, "a")); err != nil {
		t.Fatal(err)
	}
	fail = true
	if err := j.Append(testFrame(2, "b")); !sqlerr.HasCode(err, sqlerr.IOError) {
		t.Fatal(err)
	}
	fail = false
	if err := j.Append(testFrame(3, "c")); !sqlerr.HasCode(err, sqlerr.IOError) {
		t.Fatal("a poisoned journal took a frame", err)
	}
	if j.LastEpoch() != 1 {
		t.Fatal("an epoch that was not synced is shown")
	}
	r := j.ReadFrom(1)
	r.Next()
	if f, err := r.Next(); f != nil || err != nil {
		t.Fatal(f, err)
	}
	cfg.FS = mem.CrashClone(vfs.CrashCloneCfg{})
	if got, _, err := epochs(t, cfg, 0); err != nil || len(got) != 1 {
		t.Fatal(got, err)
	}
}

// After a crash at any point everything acknowledged is there, and at most what
// was being written besides.
func TestCrashClones(t *testing.T) {
	for seed := range uint64(150) {
		rng := rand.New(rand.NewPCG(seed, 1))
		mem := vfs.NewCrashableMem()
		cfg := Config{FS: mem, Dir: "journal", FileBytes: 700}
		stops := rng.IntN(60)
		cfg.Stop = func(step string) error {
			if stops--; stops <= 0 {
				return fmt.Errorf("stopped %s", step)
			}
			return nil
		}
		j, _, err := Open(cfg, 0, nil)
		if err != nil {
			t.Fatal(err)
		}
		acked, e := uint64(0), uint64(1)
		for ; e < 200; e++ {
			f := testFrame(e, fmt.Sprintf("%0*d", rng.IntN(300), e))
			if rng.IntN(3) == 0 {
				err = j.AppendNoSync(f)
			} else if err = j.Append(f); err == nil {
				acked = e
			}
			if err == nil && rng.IntN(10) == 0 {
				err = j.Truncate(e / 2)
			}
			if err != nil {
				break
			}
		}
		clone := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng})
		got, rec, err := epochs(t, Config{FS: clone, Dir: "journal"}, 0)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if rec.LastEpoch < acked || rec.LastEpoch > e {
			t.Fatalf("seed %d: last epoch %d, acknowledged %d, tried %d", seed, rec.LastEpoch, acked, e)
		}
		for i := 1; i < len(got); i++ {
			if got[i] != got[i-1]+1 {
				t.Fatalf("seed %d: gap %v", seed, got)
			}
		}
	}
}

func FuzzOpen(f *testing.F) {
	fs := vfs.NewMem()
	j, _, _ := Open(Config{FS: fs, Dir: "journal"}, 0, nil)
	for e := uint64(1); e < 4; e++ {
		_ = j.AppendChunk(e, []Entry{{Kind: KindData, Payload: []byte("c")}})
		_ = j.Append(testFrame(e, "x"))
	}
	j.Close()
	f.Add(readFile(f, fs, "journal/000001.log"), true)
	f.Fuzz(func(t *testing.T, data []byte, _ bool) {
		// Give the fuzzer a right header now and then, so that it gets to frames.
		if len(data) > fileHeader {
			lf := &logFile{number: 1}
			copy(data, lf.header())
		}
		cfg := withFile(t, "journal/000001.log", data)
		j, _, err := Open(cfg, 0, func(*Frame) error { return nil })
		if err != nil {
			if !sqlerr.HasCode(err, sqlerr.DataCorrupted) && !sqlerr.HasCode(err, sqlerr.FeatureNotSupported) {
				t.Fatal(err)
			}
			return
		}
		j.Close()
	})
}

// disk is a real folder for benchmarks.
func disk(b *testing.B) Config {
	return Config{FS: vfs.Default, Dir: filepath.Join(b.TempDir(), "journal")}
}

func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{100, 100_000, 1_000_000} {
		for _, sync := range []bool{true, false} {
			b.Run(fmt.Sprintf("bytes=%d/sync=%t", size, sync), func(b *testing.B) {
				j, _, err := Open(disk(b), 0, nil)
				if err != nil {
					b.Fatal(err)
				}
				defer j.Close()
				f := &Frame{Entries: []Entry{{Kind: KindData, Payload: make([]byte, size)}}}
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					f.Epoch++
					f.Time++
					if err = j.AppendNoSync(f); err == nil && sync {
						err = j.Sync()
					}
					if err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
