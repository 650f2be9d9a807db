package exec

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/storage/journal"
	"github.com/tarndb/tarn/storage/state"
	"github.com/tarndb/tarn/storage/topic"
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
	var streamed []streamEntry
	rec, err := journal.Verify(journal.Config{FS: fs, Dir: path(journalDir)}, func(f *journal.Frame) error {
		epochs++
		entries += len(f.Entries)
		for i := range f.Entries {
			streamed = append(streamed, streamEntry{f.Epoch, f.Entries[i].Object, f.Entries[i].Kind == journal.KindCommit, rowsOf(&f.Entries[i])})
		}
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
	settled := Epoch(0)
	for _, t := range topics {
		rows, segments := int64(0), 0
		if t.Manifest != nil {
			settled = max(settled, t.Manifest.Settled)
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
		if err := gap(nil, rec, settled); err != nil {
			r.Damage = append(r.Damage, err)
		}
		return r, nil
	}
	var m meta
	if err := json.Unmarshal(b, &m); err != nil {
		r.Damage = append(r.Damage, sqlerr.New(sqlerr.DataCorrupted, "the checkpoint's description is damaged: %v", err))
		return r, nil
	}
	r.say("state: checkpoint of epoch %s with %d tables, %d streams, %d views; %d bytes", showEpoch(m.Epoch), len(m.Tables), len(m.Streams), len(m.Views), store.Metrics().Bytes)
	if err := gap(&m, rec, settled); err != nil {
		r.Damage = append(r.Damage, err)
	}
	for _, t := range topics {
		if err := gapInTopic(&m, t, streamed); err != nil {
			r.Damage = append(r.Damage, err)
		}
	}
	return r, nil
}

// streamEntry is an entry of the journal.
type streamEntry struct {
	epoch  Epoch
	object uint64
	commit bool // of what stands in chunks
	rows   int64
}

func rowsOf(en *journal.Entry) int64 {
	if en.Kind != journal.KindData {
		return 0
	}
	rows, err := embedded.DecodePayload(en.Payload, &topic.Scan{Columns: []int{}})
	if err != nil {
		return 0 // a table's
	}
	return int64(rows.Batch.N)
}

// gapInTopic is gapInStreams for one who looks at files alone.
func gapInTopic(m *meta, t embedded.TopicReport, journalled []streamEntry) error {
	s, ok := m.Streams[t.Topic]
	if !ok || s.Outside {
		return nil
	}
	rows, settled := int64(0), Epoch(0)
	if t.Manifest != nil {
		rows, settled = t.Manifest.End, t.Manifest.Settled
	}
	for _, x := range journalled {
		switch {
		case x.epoch <= settled || x.epoch > m.Epoch:
		case x.commit:
			return nil
		case x.object == t.Topic:
			rows += x.rows
		}
	}
	if rows == s.Next {
		return nil
	}
	return errRecords(t.Topic, "its stream", rows, s.Next)
}
