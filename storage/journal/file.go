package journal

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sort"
	"strconv"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// writeCategory only labels the file for pebble's disk statistics.
const writeCategory vfs.DiskWriteCategory = "tarn-journal"

const (
	fileMagic   = "TARNJRNL"
	fileVersion = 1
	fileHeader  = 56
)

// logFile is what is known about one file of the journal.
type logFile struct {
	number uint64
	name   string // full path
	salt   [8]byte
	chain  uint32 // crc of the last frame of the file before
	end    int64  // offset after the last whole frame

	first, last uint64 // epochs in it; 0 = none

	// The newest epoch and time before this file: they must be known even when
	// all older files are gone and no frame has been written here yet.
	prevEpoch uint64
	prevTime  int64
}

func (j *Journal) fileName(number uint64) string {
	return j.cfg.FS.PathJoin(j.cfg.Dir, fmt.Sprintf("%06d.log", number))
}

// listFiles returns the numbers of the journal's files in order.
func listFiles(fs vfs.FS, dir string) ([]uint64, error) {
	names, err := fs.List(dir)
	if err != nil {
		return nil, err
	}
	var out []uint64
	for _, name := range names {
		digits, ok := strings.CutSuffix(name, ".log")
		if !ok {
			continue
		}
		if n, err := strconv.ParseUint(digits, 10, 64); err == nil {
			out = append(out, n)
		}
	}
	sort.Slice(out, func(a, b int) bool { return out[a] < out[b] })
	for i := 1; i < len(out); i++ {
		if out[i] != out[i-1]+1 {
			return nil, sqlerr.New(sqlerr.DataCorrupted, "journal file %06d.log is missing", out[i-1]+1)
		}
	}
	return out, nil
}

// createFile makes a new file durable, header and directory entry, before any
// frame is written to it: what follows a whole header is then never mistaken
// for a file that was never begun.
func (j *Journal) createFile(number uint64, chain uint32) (*logFile, vfs.File, error) {
	lf := &logFile{number: number, name: j.fileName(number), chain: chain, end: fileHeader, prevEpoch: j.epoch, prevTime: j.time}
	if _, err := rand.Read(lf.salt[:]); err != nil {
		return nil, nil, err
	}
	f, err := j.cfg.FS.OpenReadWrite(lf.name, writeCategory)
	if err != nil {
		return nil, nil, err
	}
	_, err = f.WriteAt(lf.header(), 0)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = syncDir(j.cfg.FS, j.cfg.Dir)
	}
	if err != nil {
		f.Close()
		_ = j.cfg.FS.Remove(lf.name) // it holds nothing; recovery would drop it too
		return nil, nil, err
	}
	return lf, f, nil
}

func (lf *logFile) header() []byte {
	b := make([]byte, 0, fileHeader)
	b = append(b, fileMagic...)
	b = binary.LittleEndian.AppendUint32(b, fileVersion)
	b = binary.LittleEndian.AppendUint32(b, lf.chain)
	b = binary.LittleEndian.AppendUint64(b, lf.number)
	b = append(b, lf.salt[:]...)
	b = binary.LittleEndian.AppendUint64(b, lf.prevEpoch)
	b = binary.LittleEndian.AppendUint64(b, uint64(lf.prevTime))
	b = binary.LittleEndian.AppendUint32(b, 0)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// readFileHeader fills lf from f. ok is false if there is no whole header.
func (lf *logFile) readFileHeader(f io.ReaderAt) (ok bool, err error) {
	var b [fileHeader]byte
	if n, err := f.ReadAt(b[:], 0); n < len(b) {
		if err == nil || errors.Is(err, io.EOF) {
			return false, nil
		}
		return false, err
	}
	if string(b[:8]) != fileMagic || binary.LittleEndian.Uint32(b[52:]) != crc32.Checksum(b[:52], castagnoli) {
		return false, nil
	}
	if v := binary.LittleEndian.Uint32(b[8:]); v != fileVersion {
		return false, sqlerr.New(sqlerr.FeatureNotSupported, "journal file %s has format version %d, this program reads %d", lf.name, v, fileVersion)
	}
	if n := binary.LittleEndian.Uint64(b[16:]); n != lf.number {
		return false, lf.corrupt(16, "is the file of number %d", n)
	}
	lf.chain = binary.LittleEndian.Uint32(b[12:])
	copy(lf.salt[:], b[24:32])
	lf.prevEpoch = binary.LittleEndian.Uint64(b[32:])
	lf.prevTime = int64(binary.LittleEndian.Uint64(b[40:]))
	return true, nil
}

func (lf *logFile) corrupt(off int64, format string, args ...any) error {
	return sqlerr.New(sqlerr.DataCorrupted, "journal file %s is damaged at offset %d: %s", lf.name, off, fmt.Sprintf(format, args...))
}

func syncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	return err
}

// coded gives an I/O error its SQLSTATE.
func coded(err error) error {
	var e *sqlerr.Error
	switch {
	case err == nil || errors.As(err, &e):
		return err
	case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT):
		return sqlerr.New(sqlerr.DiskFull, "could not write to the journal: %v", err).
			WithHint("Free some disk space; writing resumes by itself.")
	}
	return sqlerr.New(sqlerr.IOError, "journal: %v", err)
}
