package journal

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"sort"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// Reader walks the durable frames in order, beside the appender.
type Reader struct {
	j      *Journal
	from   uint64 // lowest epoch still wanted
	file   vfs.File
	at     *logFile
	offset int64
	body   []byte
}

// ReadFrom returns a reader of the durable frames with epochs ≥ epoch (0: from
// the oldest there is). It is for one goroutine; Close it.
func (j *Journal) ReadFrom(epoch uint64) *Reader { return &Reader{j: j, from: epoch} }

// Next returns the next frame, nil if no more is durable yet (it may be asked
// again later). The frame's payloads are valid until the next call. Frames that
// were truncated away are an error (72000).
func (r *Reader) Next() (*Frame, error) {
	for {
		if ok, err := r.position(); err != nil || !ok {
			return nil, err
		}
		h, entries, err := readFrame(r.file, r.at, r.offset, &r.body)
		if err != nil {
			return nil, err
		}
		r.offset += frameHeader + int64(h.body)
		if h.kind != frameEpoch || h.epoch < r.from {
			continue
		}
		r.from = h.epoch + 1
		return &Frame{Epoch: h.epoch, Time: h.time, Entries: entries}, nil
	}
}

// Keep lets the payloads of the frame that Next has returned live on.
func (r *Reader) Keep() { r.body = nil }

// position makes file and offset point at a durable frame; false if there is none.
func (r *Reader) position() (bool, error) {
	r.j.mu.Lock()
	files := r.j.files
	var want *logFile
	end := int64(0)
	if r.at == nil {
		if r.from != 0 && r.from <= files[0].prevEpoch {
			r.j.mu.Unlock()
			return false, tooOld(r.from, firstEpoch(files))
		}
		// Begin in the last file whose first epoch is not above from.
		i := sort.Search(len(files), func(i int) bool {
			f := firstEpoch(files[i:])
			return f == 0 || f > r.from
		})
		want = files[max(i-1, 0)]
	} else if want = r.at; r.offset >= r.at.end {
		if want.number == files[len(files)-1].number {
			r.j.mu.Unlock()
			return false, nil
		}
		if want.number+1 < files[0].number {
			r.j.mu.Unlock()
			return false, tooOld(r.from, firstEpoch(files))
		}
		want = files[want.number+1-files[0].number]
	}
	end = want.end
	r.j.mu.Unlock()

	if want != r.at {
		f, err := r.j.cfg.FS.Open(want.name)
		if errors.Is(err, os.ErrNotExist) {
			return false, tooOld(r.from, r.j.FirstEpoch()) // truncated just now
		}
		if err != nil {
			return false, coded(err)
		}
		r.closeFile()
		r.at, r.file, r.offset = want, f, fileHeader
	}
	if r.offset < end {
		return true, nil
	}
	r.j.mu.Lock()
	last := r.at.number == r.j.current().number
	r.j.mu.Unlock()
	if last {
		return false, nil
	}
	return r.position()
}

// firstEpoch is the first epoch in files; 0 if there is none.
func firstEpoch(files []*logFile) uint64 {
	for _, lf := range files {
		if lf.first != 0 {
			return lf.first
		}
	}
	return 0
}

func tooOld(epoch, first uint64) error {
	if first == 0 {
		return sqlerr.New(sqlerr.SnapshotTooOld, "epoch %d is no longer in the journal", epoch)
	}
	return sqlerr.New(sqlerr.SnapshotTooOld, "epoch %d is no longer in the journal, which begins with epoch %d", epoch, first)
}

func (r *Reader) closeFile() {
	if r.file != nil {
		r.file.Close()
		r.file = nil
	}
}

// Close releases the reader.
func (r *Reader) Close() { r.closeFile() }

// readFrame reads and checks the frame at off.
func readFrame(f vfs.File, lf *logFile, off int64, body *[]byte) (h header, entries []Entry, err error) {
	var head [frameHeader]byte
	if _, err := f.ReadAt(head[:], off); err != nil {
		return h, nil, readFailed(lf, off, err)
	}
	h, reason := parseHeader(head[:])
	if reason != "" {
		return h, nil, lf.corrupt(off, "%s", reason)
	}
	sr := io.NewSectionReader(f, off+frameHeader, math.MaxInt64-off-frameHeader)
	if *body, err = readFull(sr, *body, int(h.body)); err != nil {
		return h, nil, readFailed(lf, off, err)
	}
	if frameCRC(head[:], *body, lf.salt) != h.crc {
		return h, nil, lf.corrupt(off, "checksum mismatch")
	}
	entries, err = parseEntries(*body, h.entries)
	return h, entries, err
}

func readFailed(lf *logFile, off int64, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return lf.corrupt(off, "cut off inside a frame")
	}
	return coded(fmt.Errorf("reading %s at offset %d: %w", lf.name, off, err))
}

// ReadTxn gives the entries of each chunk of a big transaction to visit, in the
// order they were appended, one chunk in memory at a time (payloads are valid
// during the call only). Only durable chunks are seen. A transaction without
// chunks, never there or truncated away, is an error (72000).
func (j *Journal) ReadTxn(txn uint64, visit func(entries []Entry) error) error {
	j.mu.Lock()
	var at []chunkAt
	if t := j.chunks[txn]; t != nil {
		at = t.chunks
	}
	files := j.files
	j.mu.Unlock()
	if len(at) == 0 {
		return txnTooOld(txn)
	}
	var f vfs.File
	var lf *logFile
	var body []byte
	defer func() {
		if f != nil {
			f.Close()
		}
	}()
	for _, c := range at {
		if lf == nil || lf.number != c.file {
			if f != nil {
				f.Close()
				f = nil
			}
			if c.file < files[0].number {
				return txnTooOld(txn)
			}
			lf = files[c.file-files[0].number]
			var err error
			if f, err = j.cfg.FS.Open(lf.name); errors.Is(err, os.ErrNotExist) {
				return txnTooOld(txn)
			} else if err != nil {
				return coded(err)
			}
		}
		_, entries, err := readFrame(f, lf, c.offset, &body)
		if err != nil {
			return err
		}
		if err := visit(entries); err != nil {
			return err
		}
	}
	return nil
}

func txnTooOld(txn uint64) error {
	return sqlerr.New(sqlerr.SnapshotTooOld, "the chunks of transaction %d are not in the journal", txn)
}
