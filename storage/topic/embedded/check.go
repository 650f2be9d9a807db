package embedded

import (
	"fmt"
	"sort"
	"strconv"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/storage/segment"
)

// TopicReport is what Verify found of one topic.
type TopicReport struct {
	Topic    uint64
	Manifest *segment.Manifest // nil: nothing settled yet, or damaged
	Damage   []error           // each names file and offset
}

// Verify reads every settled byte of all topics in dir and checks it, changing
// nothing. It goes on after damage. The journal has a Verify of its own.
func Verify(fs vfs.FS, dir string) ([]TopicReport, error) {
	names, err := fs.List(dir)
	if err != nil {
		return nil, err
	}
	var out []TopicReport
	for _, name := range names {
		id, err := strconv.ParseUint(name, 10, 64)
		if err != nil {
			continue
		}
		r := TopicReport{Topic: id}
		folder := fs.PathJoin(dir, name)
		if r.Manifest, err = segment.LoadManifest(fs, folder); err != nil {
			r.Damage = append(r.Damage, err)
		}
		if r.Manifest != nil {
			for _, s := range r.Manifest.Segments {
				if err := verifySegment(fs, fs.PathJoin(folder, fmt.Sprintf("%06d.seg", s.Number)), s); err != nil {
					r.Damage = append(r.Damage, err)
				}
			}
		}
		out = append(out, r)
	}
	sort.Slice(out, func(a, b int) bool { return out[a].Topic < out[b].Topic })
	return out, nil
}

func verifySegment(fs vfs.FS, name string, want segment.Info) error {
	r, err := segment.Open(fs, name)
	if err != nil {
		return err
	}
	defer r.Close()
	got := r.Info()
	got.Number = want.Number
	if got != want {
		return sqlerr.New(sqlerr.DataCorrupted, "segment file %s is not the one that the manifest names", name)
	}
	return r.Verify()
}
