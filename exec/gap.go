package exec

import (
	"fmt"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/storage/journal"
)

// Journal, checkpoint and segments follow each other: a checkpoint is of an epoch that
// the journal has had, what it does not hold stands in the journal, and segments hold
// nothing that is newer. A file of one of them that is gone, or has lost its end, may
// look as if there had never been more: it shows where two of them do not meet.

// gap fails where acknowledged epochs are missing. m is the newest checkpoint, nil =
// none; settled is the newest epoch that is in segments.
func gap(m *meta, rec journal.Recovery, settled Epoch) error {
	checkpoint := Epoch(0)
	if m != nil {
		checkpoint = m.Epoch
	}
	var err *sqlerr.Error
	switch {
	case checkpoint > rec.LastEpoch:
		err = sqlerr.New(sqlerr.DataCorrupted, "folder %q is damaged: the journal ends at epoch %d, but the checkpoint is of epoch %d: acknowledged epochs are missing",
			journalDir, rec.LastEpoch, checkpoint)
	case rec.Before > checkpoint:
		err = sqlerr.New(sqlerr.DataCorrupted, "folder %q is damaged: its newest checkpoint is of epoch %d, but the journal begins after epoch %d: a later checkpoint is missing",
			stateDir, checkpoint, rec.Before)
	case settled > checkpoint:
		err = sqlerr.New(sqlerr.DataCorrupted, "folder %q is damaged: its newest checkpoint is of epoch %d, but segments hold epoch %d: a later checkpoint is missing",
			stateDir, checkpoint, settled)
	default:
		return nil
	}
	return err.WithHint("Restore the folder from a backup.")
}

// gapInStreams fails where a stream does not end where the checkpoint says that it
// did. It is asked when all that the checkpoint has seen is in, and nothing else.
func (e *Engine) gapInStreams() error {
	for _, r := range *e.rels.Load() {
		if r.kind != streamRelation || r.outside != nil {
			continue
		}
		b, err := r.log.Bounds(0)
		if err != nil {
			return err
		}
		if b.End != r.next {
			return errRecords(r.id, fmt.Sprintf("stream %q", r.name), b.End, r.next)
		}
	}
	return nil
}

func errRecords(id uint64, stream string, has, seen int64) error {
	return sqlerr.New(sqlerr.DataCorrupted, "folder \"topics/%d\" is damaged: %s has %d records, but the checkpoint has seen %d", id, stream, has, seen).
		WithHint("Restore the folder from a backup.")
}
