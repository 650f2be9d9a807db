package segment

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// Manifest says which segments a topic has. It is replaced as a whole (write
// aside, sync, rename, sync the folder): merging keeps the list short, so a log
// of edits would only add a torn tail to think about.
type Manifest struct {
	Topic   uint64
	Next    uint64 // number of the next segment file
	Settled uint64 // all rows of epochs ≤ Settled are in segments
	Start   int64  // first position that is kept
	End     int64  // position after the last settled row
	// CompleteFrom is the first epoch of which all rows are kept; it moves when
	// retention drops segments.
	CompleteFrom uint64
	Segments     []Info // in order of position, without gaps
}

const (
	manifestName    = "MANIFEST"
	manifestTemp    = "MANIFEST.tmp"
	manifestMagic   = "TARNMAN\x00"
	manifestVersion = 1
	manifestMax     = 64 << 20
	segmentsMax     = 1 << 20
)

func (m *Manifest) encode() []byte {
	b := append([]byte(nil), manifestMagic...)
	b = binary.LittleEndian.AppendUint32(b, manifestVersion)
	for _, x := range []uint64{m.Topic, m.Next, m.Settled, uint64(m.Start), uint64(m.End), m.CompleteFrom, uint64(len(m.Segments))} {
		b = binary.AppendUvarint(b, x)
	}
	for _, s := range m.Segments {
		for _, x := range []uint64{s.Number, uint64(s.First), uint64(s.End), s.FirstEpoch, s.LastEpoch, uint64(s.Bytes)} {
			b = binary.AppendUvarint(b, x)
		}
		b = binary.AppendVarint(b, s.RowtimeMin)
		b = binary.AppendVarint(b, s.RowtimeMax)
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func decodeManifest(name string, b []byte) (*Manifest, error) {
	head := len(manifestMagic) + 4
	if len(b) < head+4 || string(b[:8]) != manifestMagic {
		return nil, corrupt(name, 0, "it is no manifest")
	}
	body := b[:len(b)-4]
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(b[len(body):]) {
		return nil, corrupt(name, int64(len(body)), "the manifest's checksum does not match")
	}
	if v := binary.LittleEndian.Uint32(b[8:]); v != manifestVersion {
		return nil, sqlerr.New(sqlerr.FeatureNotSupported, "%s has format version %d, this program reads %d", name, v, manifestVersion)
	}
	p := parser{b: body[head:], ok: true}
	m := &Manifest{}
	var start, end, n uint64
	for _, x := range []*uint64{&m.Topic, &m.Next, &m.Settled, &start, &end, &m.CompleteFrom, &n} {
		*x = p.uvarint(math.MaxUint64)
	}
	m.Start, m.End = int64(start), int64(end)
	if n > segmentsMax {
		p.ok = false
	}
	for i := uint64(0); i < n && p.ok; i++ {
		var s Info
		var first, end, size uint64
		for _, x := range []*uint64{&s.Number, &first, &end, &s.FirstEpoch, &s.LastEpoch, &size} {
			*x = p.uvarint(math.MaxUint64)
		}
		s.First, s.End, s.Bytes = int64(first), int64(end), int64(size)
		s.RowtimeMin, s.RowtimeMax = p.varint(), p.varint()
		m.Segments = append(m.Segments, s)
	}
	if !p.ok || len(p.b) != 0 {
		return nil, corrupt(name, int64(head), "bad manifest")
	}
	return m, nil
}

// LoadManifest reads dir's manifest; nil if there is none.
func LoadManifest(fs vfs.FS, dir string) (*Manifest, error) {
	name := fs.PathJoin(dir, manifestName)
	b, err := readAll(fs, name, manifestMax)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, coded(err)
	}
	return decodeManifest(name, b)
}

// Store makes m dir's manifest, durably. stop, if not nil, is called before each
// step.
func (m *Manifest) Store(fs vfs.FS, dir string, stop func(step string) error) error {
	if stop == nil {
		stop = func(string) error { return nil }
	}
	temp := fs.PathJoin(dir, manifestTemp)
	if err := stop("manifest: before write"); err != nil {
		return err
	}
	f, err := fs.Create(temp, writeCategory)
	if err != nil {
		return coded(err)
	}
	_, err = f.Write(m.encode())
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		if err := stop("manifest: before rename"); err != nil {
			return err
		}
		err = fs.Rename(temp, fs.PathJoin(dir, manifestName))
	}
	if err == nil {
		if err := stop("manifest: before folder sync"); err != nil {
			return err
		}
		err = SyncDir(fs, dir)
	}
	return coded(err)
}

// SyncDir makes the names in dir durable.
func SyncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return coded(err)
	}
	err = d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	return coded(err)
}
