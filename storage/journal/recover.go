package journal

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// Recovery is what Open found.
type Recovery struct {
	Frames     int    // epochs given to replay
	FirstEpoch uint64 // oldest epoch still there; 0 = none
	Before     uint64 // newest epoch before the oldest file; 0 = nothing is gone
	LastEpoch  uint64 // newest epoch, whose frame may be gone (truncated); 0 = never any
	LastTime   int64
	LastTxn    uint64 // highest transaction id seen
	Cut        *Cut   // the torn tail, if there was one
}

// Cut is a torn tail: bytes after the last whole frame that were never
// acknowledged. They are overwritten with zeros.
type Cut struct {
	File   string
	Offset int64
	Bytes  int64
	Reason string
}

// Open opens or creates the journal in cfg.Dir and gives every frame with an
// epoch ≥ from to replay, in order (payloads are valid during the call only).
// Chunks of transactions that no frame commits are dropped.
func Open(cfg Config, from uint64, replay func(*Frame) error) (*Journal, Recovery, error) {
	j := &Journal{cfg: cfg.withDefaults(), chunks: map[uint64]*txn{}}
	var rec Recovery
	if err := j.cfg.FS.MkdirAll(j.cfg.Dir, 0o755); err != nil {
		return nil, rec, coded(err)
	}
	// A new folder must be as durable as what is acknowledged inside it.
	if err := syncDir(j.cfg.FS, j.cfg.FS.PathDir(j.cfg.Dir)); err != nil {
		return nil, rec, coded(err)
	}
	numbers, err := listFiles(j.cfg.FS, j.cfg.Dir)
	if err != nil {
		return nil, rec, coded(err)
	}
	s := scanner{cfg: &j.cfg, rec: &rec, chunks: j.chunks, from: from, replay: replay, cut: true}
	if err := s.files(numbers, j.fileName); err != nil {
		return nil, rec, coded(err)
	}
	for id, t := range j.chunks {
		if t.commit == 0 {
			delete(j.chunks, id)
		}
	}
	j.files, j.chain = s.done, s.chain
	j.epoch, j.time, j.synced = rec.LastEpoch, rec.LastTime, rec.LastEpoch
	if rec.Cut != nil {
		j.cfg.Log.Warn("journal: cut a torn tail", "file", rec.Cut.File, "offset", rec.Cut.Offset, "bytes", rec.Cut.Bytes, "reason", rec.Cut.Reason)
	}
	if err := j.openLast(s.next); err != nil {
		return nil, rec, coded(err)
	}
	return j, rec, nil
}

// openLast opens the newest file for writing, or creates it.
func (j *Journal) openLast(next uint64) error {
	if len(j.files) == 0 {
		lf, f, err := j.createFile(next, 0)
		if err != nil {
			return err
		}
		j.files, j.file, j.offset, j.filled = []*logFile{lf}, f, fileHeader, fileHeader
		return nil
	}
	cur := j.current()
	f, err := j.cfg.FS.OpenReadWrite(cur.name, writeCategory)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return err
	}
	j.file, j.offset, j.filled = f, cur.end, info.Size()
	return nil
}

// Verify reads all files in cfg.Dir and checks everything there is to check,
// changing nothing. It gives what Open would find.
func Verify(cfg Config, visit func(*Frame) error) (Recovery, error) {
	cfg = cfg.withDefaults()
	var rec Recovery
	numbers, err := listFiles(cfg.FS, cfg.Dir)
	if err != nil {
		return rec, coded(err)
	}
	j := &Journal{cfg: cfg}
	s := scanner{cfg: &cfg, rec: &rec, chunks: map[uint64]*txn{}, replay: visit}
	return rec, coded(s.files(numbers, j.fileName))
}

// scanner walks all frames of all files.
type scanner struct {
	cfg    *Config
	rec    *Recovery
	chunks map[uint64]*txn
	from   uint64
	replay func(*Frame) error
	cut    bool // wipe the torn tail

	done  []*logFile
	chain uint32
	next  uint64 // number of the file to create if there is none
	body  []byte
}

func (s *scanner) files(numbers []uint64, name func(uint64) string) error {
	s.next = 1
	for i, n := range numbers {
		last := i == len(numbers)-1
		lf := &logFile{number: n, name: name(n), end: fileHeader}
		s.next = n
		keep, err := s.file(lf, last)
		if err != nil {
			return err
		}
		if keep {
			s.done = append(s.done, lf)
		}
	}
	return nil
}

// file scans one file; keep is false for one that was never begun.
func (s *scanner) file(lf *logFile, last bool) (keep bool, err error) {
	f, err := s.cfg.FS.Open(lf.name)
	if err != nil {
		return false, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	size := info.Size()
	ok, err := lf.readFileHeader(f)
	if err != nil {
		return false, err
	}
	if !ok {
		return false, s.headless(lf, f, size, last)
	}
	if len(s.done) > 0 {
		prev := s.done[len(s.done)-1]
		if lf.chain != s.chain {
			return false, prev.corrupt(prev.end, "its end is missing (%s does not follow)", lf.name)
		}
	} else {
		s.rec.Before, s.rec.LastEpoch, s.rec.LastTime = lf.prevEpoch, lf.prevEpoch, lf.prevTime
	}
	s.chain = lf.chain
	reason, err := s.frames(lf, f, size)
	if err != nil || reason == "" {
		return err == nil, err
	}
	if !last {
		return false, lf.corrupt(lf.end, "%s", reason)
	}
	return true, s.tail(lf, f, size, reason)
}

// headless deals with a file without a whole header: the newest one, if it
// holds nothing else, was being created when the crash came.
func (s *scanner) headless(lf *logFile, f vfs.File, size int64, last bool) error {
	zero, err := zeros(f, fileHeader, size)
	if err != nil {
		return err
	}
	if !last || !zero {
		return lf.corrupt(0, "no valid file header")
	}
	s.rec.Cut = &Cut{File: lf.name, Offset: 0, Bytes: size, Reason: "file header was not written"}
	if !s.cut {
		return nil
	}
	if err := s.cfg.FS.Remove(lf.name); err != nil {
		return err
	}
	return syncDir(s.cfg.FS, s.cfg.Dir)
}

// frames reads whole frames until the end of the file or the first that is
// none; reason says why it is none, "" for a clean end (zeros or end of file).
func (s *scanner) frames(lf *logFile, f vfs.File, size int64) (reason string, err error) {
	r := bufio.NewReaderSize(io.NewSectionReader(f, lf.end, size-lf.end), 256<<10)
	var head [frameHeader]byte
	for {
		if left := size - lf.end; left < frameHeader {
			zero, err := zeros(f, lf.end, size)
			if err != nil || zero {
				return "", err
			}
			return "cut off inside a frame header", nil
		}
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return "", err
		}
		h, reason := parseHeader(head[:])
		if reason == unknownVersion && head[4] > frameVersion {
			// Written by a newer program: to cut it would be to lose it.
			return "", sqlerr.New(sqlerr.FeatureNotSupported, "journal file %s has a frame of version %d at offset %d, this program reads %d",
				lf.name, head[4], lf.end, frameVersion)
		}
		if reason != "" {
			zero, err := zeros(f, lf.end, size)
			if err != nil || zero {
				return "", err
			}
			return reason, nil
		}
		if int64(h.body) > size-lf.end-frameHeader {
			return "cut off inside a frame", nil
		}
		if s.body, err = readFull(r, s.body, int(h.body)); err != nil {
			return "", err
		}
		if frameCRC(head[:], s.body, lf.salt) != h.crc {
			return "checksum mismatch", nil
		}
		if h.chain != s.chain {
			return "", lf.corrupt(lf.end, "a frame before it is missing")
		}
		if h.kind != frameEpoch && h.kind != frameChunk {
			return "", sqlerr.New(sqlerr.FeatureNotSupported, "journal file %s has a frame of unknown kind %d at offset %d", lf.name, h.kind, lf.end)
		}
		if err := s.frame(lf, &h); err != nil {
			return "", err
		}
		s.chain = h.crc
		lf.end += frameHeader + int64(h.body)
	}
}

// frame takes in one whole frame, whose body is s.body.
func (s *scanner) frame(lf *logFile, h *header) error {
	entries, err := parseEntries(s.body, h.entries)
	if err != nil {
		return lf.corrupt(lf.end, "%v", err)
	}
	if h.kind == frameChunk {
		s.rec.LastTxn = max(s.rec.LastTxn, h.epoch)
		t := s.chunks[h.epoch]
		if t == nil {
			t = &txn{}
			s.chunks[h.epoch] = t
		}
		t.chunks = append(t.chunks, chunkAt{h.epoch, lf.number, lf.end})
		return nil
	}
	if h.epoch <= s.rec.LastEpoch || (h.time <= s.rec.LastTime && s.rec.LastEpoch != 0) {
		return lf.corrupt(lf.end, "epoch %d after epoch %d", h.epoch, s.rec.LastEpoch)
	}
	if lf.first == 0 {
		lf.first = h.epoch
	}
	if s.rec.FirstEpoch == 0 {
		s.rec.FirstEpoch = h.epoch
	}
	lf.last, s.rec.LastEpoch, s.rec.LastTime = h.epoch, h.epoch, h.time
	for i := range entries {
		s.rec.LastTxn = max(s.rec.LastTxn, entries[i].Txn)
		if t := s.chunks[entries[i].Txn]; t != nil && entries[i].Kind == KindCommit {
			t.commit = h.epoch
		}
	}
	if s.replay == nil || h.epoch < s.from {
		return nil
	}
	s.rec.Frames++
	return s.replay(&Frame{Epoch: h.epoch, Time: h.time, Entries: entries})
}

// tail deals with bytes that are no frame at the end of the newest file: a torn
// write, unless a whole frame follows, for then something durable was damaged.
func (s *scanner) tail(lf *logFile, f vfs.File, size int64, reason string) error {
	at, err := findFrame(lf, f, lf.end+1, size)
	if err != nil {
		return err
	}
	if at >= 0 {
		return lf.corrupt(lf.end, "%s, and a whole frame follows at offset %d", reason, at)
	}
	s.rec.Cut = &Cut{File: lf.name, Offset: lf.end, Bytes: size - lf.end, Reason: reason}
	if !s.cut {
		return nil
	}
	w, err := s.cfg.FS.OpenReadWrite(lf.name, writeCategory)
	if err != nil {
		return err
	}
	defer w.Close()
	// The seam has no truncate; zeros say "no frame" as well.
	zero := make([]byte, 64<<10)
	for at := lf.end; at < size; at += int64(len(zero)) {
		clear(zero)
		if _, err := w.WriteAt(zero[:min(int64(len(zero)), size-at)], at); err != nil {
			return err
		}
	}
	return w.Sync()
}

// findFrame looks for a whole frame anywhere in [from, size); -1 if there is none.
func findFrame(lf *logFile, f vfs.File, from, size int64) (int64, error) {
	const window = 1 << 20
	buf := make([]byte, window+frameHeader)
	for at := from; at+frameHeader <= size; at += window {
		n, err := f.ReadAt(buf[:min(int64(len(buf)), size-at)], at)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		for i := 0; i+frameHeader <= n && i < window; i++ {
			if binary.LittleEndian.Uint32(buf[i:]) != frameMagic {
				continue
			}
			head := buf[i : i+frameHeader]
			h, reason := parseHeader(head)
			off := at + int64(i)
			if reason != "" || int64(h.body) > size-off-frameHeader {
				continue
			}
			body := make([]byte, h.body)
			if _, err := f.ReadAt(body, off+frameHeader); err != nil && !errors.Is(err, io.EOF) {
				return 0, err
			}
			if frameCRC(head, body, lf.salt) == h.crc {
				return off, nil
			}
		}
	}
	return -1, nil
}

// zeros reports whether all bytes in [from, size) are zero.
func zeros(f io.ReaderAt, from, size int64) (bool, error) {
	buf := make([]byte, 64<<10)
	for from < size {
		n, err := f.ReadAt(buf[:min(int64(len(buf)), size-from)], from)
		if err != nil && !errors.Is(err, io.EOF) {
			return false, err
		}
		if n == 0 {
			break
		}
		for _, b := range buf[:n] {
			if b != 0 {
				return false, nil
			}
		}
		from += int64(n)
	}
	return true, nil
}

// readFull reads n bytes into buf's memory, growing it as data arrives rather
// than by what a header claims.
func readFull(r io.Reader, buf []byte, n int) ([]byte, error) {
	const step = 16 << 20
	buf = buf[:0]
	for len(buf) < n {
		k := min(n-len(buf), step)
		at := len(buf)
		if cap(buf) < at+k {
			grown := make([]byte, at, max(at+k, min(n, 2*cap(buf))))
			copy(grown, buf)
			buf = grown
		}
		buf = buf[:at+k]
		if _, err := io.ReadFull(r, buf[at:]); err != nil {
			return buf, err
		}
	}
	return buf, nil
}
