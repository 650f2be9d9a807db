package exec

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/storage/journal"
	"github.com/tarndb/tarn/storage/state"
	"github.com/tarndb/tarn/storage/topic/embedded"
)

// Report is what Check found.
type Report struct {
	Lines  []string
	Damage []error // each names file and offset
}

func (r *Report) say(format string, args ...any) {
	r.Lines = append(r.Lines, fmt.Sprintf(format, args...))
}

// Check reads everything in dir and verifies all checksums, changing nothing.
func Check(fs vfs.FS, dir string) (*Report, error) {
	r := &Report{}
	path := func(name string) string { return fs.PathJoin(dir, name) }
	epochs, entries := 0, 0
	rec, err := journal.Verify(journal.Config{FS: fs, Dir: path(journalDir)}, func(f *journal.Frame) error {
		epochs++
		entries += len(f.Entries)
		return nil
	})
	if err != nil {
		r.Damage = append(r.Damage, err)
	}
	r.say("journal: %d epochs with %d entries, newest epoch %s", epochs, entries, showEpoch(rec.LastEpoch))
	if rec.Cut != nil {
		r.say("journal: a torn tail of %d bytes in %s at offset %d; it was never acknowledged and will be cut", rec.Cut.Bytes, rec.Cut.File, rec.Cut.Offset)
	}
	topics, err := embedded.Verify(fs, path(topicsDir))
	if err != nil {
		return r, err
	}
	for _, t := range topics {
		rows, segments := int64(0), 0
		if t.Manifest != nil {
			segments = len(t.Manifest.Segments)
			rows = t.Manifest.End - t.Manifest.Start
		}
		r.say("topic %d: %d segments with %d rows", t.Topic, segments, rows)
		r.Damage = append(r.Damage, t.Damage...)
	}
	store, err := state.Open(path(stateDir), fs, state.Options{ReadOnly: true})
	if err != nil {
		r.Damage = append(r.Damage, err)
		return r, nil
	}
	defer store.Close()
	found, err := store.Verify(context.Background())
	if err != nil {
		return r, err
	}
	r.say("state: %d files, %d bytes, %d rows, %d superseded versions", found.Files, found.Bytes, found.Rows, found.History)
	for _, d := range found.Damaged {
		r.Damage = append(r.Damage, sqlerr.New(sqlerr.DataCorrupted, "state file %s is damaged: %v", d.File, d.Err))
	}
	b, ok, err := store.Meta(metaKey)
	if err != nil {
		r.Damage = append(r.Damage, err)
		return r, nil
	}
	if !ok {
		r.say("state: no checkpoint yet")
		return r, nil
	}
	var m meta
	if err := json.Unmarshal(b, &m); err != nil {
		r.Damage = append(r.Damage, sqlerr.New(sqlerr.DataCorrupted, "the checkpoint's description is damaged: %v", err))
		return r, nil
	}
	r.say("state: checkpoint of epoch %s with %d tables, %d streams, %d views; %d bytes", showEpoch(m.Epoch), len(m.Tables), len(m.Streams), len(m.Views), store.Metrics().Bytes)
	if m.Epoch > rec.LastEpoch && rec.LastEpoch != 0 {
		r.Damage = append(r.Damage, errAhead(m.Epoch, rec.LastEpoch))
	}
	return r, nil
}

// errAhead says that the journal has lost epochs that a checkpoint has seen.
func errAhead(checkpoint, last Epoch) error {
	return sqlerr.New(sqlerr.DataCorrupted, "the journal ends at epoch %d, but the checkpoint is of epoch %d: acknowledged epochs are missing", last, checkpoint)
}
