package state

import (
	"errors"
	"path"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// roomFS makes writes to the files that describe the store (MANIFEST and its
// marker) wait while the disk is full. Pebble ends the process when one of them
// fails, as it cannot know what the file holds; that the disk has refused to grow a
// file leaves no doubt. Nobody but the checkpoint or compaction in question waits.
// Syncs are not tried again: after a failed one nobody knows what the disk holds.
//
// And it ends compactions when the store is to be closed, which otherwise waits for
// those that run, seconds for a large one: their writes fail.
type roomFS struct {
	vfs.FS
	waiting *atomic.Int32
	ending  *atomic.Bool
}

// compacts is Pebble's name for what compactions write.
const compacts = vfs.DiskWriteCategory("pebble-compaction")

var errEnding = errors.New("the store is being closed")

// roomEvery is how often a waiting write is tried again.
const roomEvery = 20 * time.Millisecond

func describes(name string) bool {
	base := path.Base(name)
	return strings.HasPrefix(base, "MANIFEST") || strings.HasPrefix(base, "marker.")
}

// wait calls try until it fails for another reason than a full disk.
func (f *roomFS) wait(try func() error) error {
	err := try()
	if !errors.Is(err, syscall.ENOSPC) {
		return err
	}
	f.waiting.Add(1)
	defer f.waiting.Add(-1)
	for errors.Is(err, syscall.ENOSPC) {
		time.Sleep(roomEvery)
		err = try()
	}
	return err
}

// Create makes a file.
func (f *roomFS) Create(name string, c vfs.DiskWriteCategory) (file vfs.File, err error) {
	if c == compacts {
		if file, err = f.FS.Create(name, c); err != nil {
			return nil, err
		}
		return &endingFile{file, f.ending}, nil
	}
	if !describes(name) {
		return f.FS.Create(name, c)
	}
	err = f.wait(func() error {
		file, err = f.FS.Create(name, c)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &roomFile{file, f}, nil
}

// Unwrap is the file system below.
func (f *roomFS) Unwrap() vfs.FS { return f.FS }

type roomFile struct {
	vfs.File
	fs *roomFS
}

func (f *roomFile) Write(p []byte) (n int, err error) {
	err = f.fs.wait(func() error {
		m, err := f.File.Write(p[n:])
		n += m
		return err
	})
	return n, err
}

// endingFile is what a compaction writes.
type endingFile struct {
	vfs.File
	ending *atomic.Bool
}

func (f *endingFile) Write(p []byte) (int, error) {
	if f.ending.Load() {
		return 0, errEnding
	}
	return f.File.Write(p)
}

// roomBytes is the room that a MANIFEST may want for one checkpoint.
const roomBytes = 1 << 20

// probeRoom is an error (53100) if the disk is full.
func (s *Store) probeRoom() error {
	name := s.fs.PathJoin(s.dir, stagingDir, "room")
	f, err := s.fs.Create(name, "tarn-checkpoint")
	if err != nil {
		return fail(err)
	}
	_, err = f.Write(make([]byte, roomBytes))
	return fail(errors.Join(err, f.Close(), s.fs.Remove(name)))
}
