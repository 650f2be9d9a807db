package exec

import (
	"errors"
	"fmt"
	"sort"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// TestDiskFull fills the disk and makes room again, many times: writes are refused
// with 53100 and nothing of them is kept, reads go on, and writing resumes.
func TestDiskFull(t *testing.T) {
	refused, failed := 0, 0
	for seed := range seeds(8) {
		mem := vfs.NewCrashableMem()
		disk := &fullFS{FS: mem}
		c := newCrashDB(t, seed, disk)
		for round := range 12 {
			where := fmt.Sprintf("seed %d, round %d", seed, round)
			for range 1 + c.rng.Intn(5) {
				if err := c.step(); err != nil {
					t.Fatalf("%s: with room: %v", where, err)
				}
			}
			if c.rng.Intn(2) == 0 {
				for began := time.Now(); c.e.store.Full() && time.Since(began) < 10*time.Second; time.Sleep(time.Millisecond) {
					// it has not seen yet that there is room
				}
				err := c.checkpoint()
				if err != nil { // one that began on the full disk
					err = c.checkpoint()
				}
				if err != nil {
					t.Fatalf("%s: checkpoint with room: %v", where, err)
				}
			}
			disk.room.Store(c.rng.Int63n(4 << 10))
			disk.full.Store(true)
			for range 6 {
				if err := c.step(); err != nil {
					refused++
					if !sqlerr.HasCode(err, sqlerr.DiskFull) {
						t.Fatalf("%s: on a full disk: %v", where, err)
					}
					c.inFlight = nil // refused for good
				}
				if c.rng.Intn(3) == 0 {
					if err := c.checkpoint(); err != nil {
						failed++
						if !sqlerr.HasCode(err, sqlerr.DiskFull) {
							t.Fatalf("%s: checkpoint on a full disk: %v", where, err)
						}
					}
				}
				c.check(where + ", full")
			}
			image := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: randOf(seed)})
			disk.full.Store(false)
			if c.rng.Intn(4) == 0 { // a crash while it is full
				c.e.Close()
				mem = image
				disk = &fullFS{FS: mem}
				c.fs = disk
				c.open()
				c.recovered(where, len(c.order))
			}
			c.check(where + ", room again")
		}
		c.follow(fmt.Sprintf("seed %d", seed))
		c.close()
		c.open()
		c.check(fmt.Sprintf("seed %d, opened again", seed))
		c.close()
	}
	t.Logf("%d writes and %d checkpoints refused", refused, failed)
	if refused == 0 || failed == 0 {
		t.Error("the disk was never full when it mattered")
	}
}

// TestBrokenDisk lets single writes and syncs fail. What the engine says of them
// must be true after it is opened again.
func TestBrokenDisk(t *testing.T) {
	kinds := map[string]int{}
	for seed := range seeds(25) {
		mem := vfs.NewCrashableMem()
		var countdown atomic.Int64
		var what atomic.Pointer[string]
		inject := errorfs.InjectorFunc(func(op errorfs.Op) error {
			if op.Kind.ReadOrWrite() != errorfs.OpIsWrite || pebbles(op.Path) || countdown.Add(-1) != 0 {
				return nil
			}
			s := fmt.Sprintf("%d of %s", op.Kind, area(op.Path))
			what.Store(&s)
			return syscall.EIO
		})
		c := newCrashDB(t, seed, errorfs.Wrap(mem, inject))
		c.follow("start")
		for life := range 4 {
			where := func() string {
				if w := what.Load(); w != nil {
					return fmt.Sprintf("seed %d, life %d, op %s", seed, life, *w)
				}
				return fmt.Sprintf("seed %d, life %d", seed, life)
			}
			what.Store(nil)
			countdown.Store(1 + c.rng.Int63n(400))
			acked := len(c.order)
			for i := 0; i < 60 && c.inFlight == nil; i++ {
				if err := c.step(); err != nil {
					if what.Load() == nil {
						t.Fatalf("%s: %v", where(), err)
					}
					break
				}
				acked = len(c.order)
				if c.rng.Intn(5) == 0 {
					if err := c.checkpoint(); err != nil && what.Load() == nil {
						t.Fatalf("%s: checkpoint: %v", where(), err)
					}
				}
			}
			countdown.Store(0)
			if w := what.Load(); w != nil {
				kinds[*w]++
			}
			image := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: c.rng.Intn(101), RNG: randOf(seed)})
			_ = c.e.Close()
			mem = image
			c.fs = errorfs.Wrap(mem, inject)
			if err := c.tryOpen(); err != nil {
				t.Fatalf("%s: open: %v", where(), err)
			}
			c.recovered(where(), acked)
			c.check(where())
			c.follow(where())
		}
		c.close()
	}
	var list []string
	for k, n := range kinds {
		list = append(list, fmt.Sprintf("%s: %d", k, n))
	}
	sort.Strings(list)
	t.Logf("failed: %s", strings.Join(list, ", "))
}

// pebbles are the files with which Pebble ends the process when they fail.
func pebbles(path string) bool {
	return strings.Contains(path, "MANIFEST") || strings.Contains(path, "marker.")
}

// area is the part of the folder that a path lies in.
func area(path string) string {
	for _, a := range []string{"journal", "state/staging", "state", "topics"} {
		if strings.Contains(path, "db/"+a) {
			return a
		}
	}
	return path
}

// fullFS is a disk that, while full, has room for so many bytes more: the write
// that does not fit gets in by half.
type fullFS struct {
	vfs.FS
	full atomic.Bool
	room atomic.Int64
}

type fullFile struct {
	vfs.File
	fs *fullFS
}

var errNoSpace = fmt.Errorf("write: %w", syscall.ENOSPC)

func (f *fullFS) wrap(file vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &fullFile{file, f}, nil
}

// fits takes n bytes of the room, and says how many of them there was room for.
func (f *fullFS) fits(n int) int {
	if !f.full.Load() {
		return n
	}
	left := f.room.Add(-int64(n)) + int64(n)
	return int(min(max(left, 0), int64(n)))
}

// Create makes a file; a full disk has no room for one.
func (f *fullFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if f.fits(100) < 100 {
		return nil, errNoSpace
	}
	return f.wrap(f.FS.Create(name, c))
}

// OpenReadWrite opens a file whose writes need room.
func (f *fullFS) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	return f.wrap(f.FS.OpenReadWrite(name, c, o...))
}

// ReuseForWrite renames a file and opens it for writing.
func (f *fullFS) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.wrap(f.FS.ReuseForWrite(from, to, c))
}

// Unwrap is the disk without the limit.
func (f *fullFS) Unwrap() vfs.FS { return f.FS }

func (f *fullFile) Write(p []byte) (int, error) {
	n := f.fs.fits(len(p))
	if n == len(p) {
		return f.File.Write(p)
	}
	n, err := f.File.Write(p[:n])
	return n, errors.Join(err, errNoSpace)
}

// WriteAt that stays within the file needs no room.
func (f *fullFile) WriteAt(p []byte, at int64) (int, error) {
	info, err := f.File.Stat()
	if err != nil {
		return 0, err
	}
	grows := int(min(max(at+int64(len(p))-info.Size(), 0), int64(len(p))))
	n := len(p) - grows + f.fs.fits(grows)
	if n == len(p) {
		return f.File.WriteAt(p, at)
	}
	n, err = f.File.WriteAt(p[:n], at)
	return n, errors.Join(err, errNoSpace)
}
