package connector

import (
	"context"
	"time"

	"github.com/tarndb/tarn/exec"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/vec"
)

// The rows that stand when a sink begins may be more than one transaction should
// hold. They are written in parts, each with its number beside the epoch; whoever
// goes on after a crash reads the rows as of that epoch again, which are kept
// until all parts are there, and leaves the parts out that are.

// snapshot writes the rows that stood. What it has not written when it fails is
// read again.
func (k *sink) snapshot(ctx context.Context, t target, u exec.Update) (err error) {
	defer func() {
		if err != nil {
			k.unsubscribe()
		}
	}()
	at := progress{epoch: u.Epoch, parts: 1}
	if u.Rows != nil {
		at.parts = int(batchBytes(u.Rows)/k.def.BatchBytes) + 1
	}
	if k.begins.parts > 0 {
		at = k.begins
	} else if err := k.holdSnapshot(u.Epoch); err != nil {
		if sqlerr.HasCode(err, sqlerr.SnapshotTooOld) {
			return errAgain // it took too long; what stands now is still there
		}
		return err
	}
	parts := []*vec.Batch{u.Rows}
	if at.parts > 1 && u.Rows != nil {
		parts = parts[:0]
		for _, sel := range parted(u.Rows, k.def.Spec.PK, at.parts) {
			parts = append(parts, u.Rows.Select(sel))
		}
	}
	for i, rows := range parts {
		n := int64(0)
		if rows != nil {
			n = int64(rows.N)
		}
		if i >= at.part {
			to := progress{epoch: u.Epoch, part: i + 1, parts: at.parts}
			if i+1 == len(parts) {
				to.part, to.parts = 0, 0
			}
			if err := k.put(ctx, t, []exec.Update{{Epoch: u.Epoch, Rows: rows, Snapshot: true}}, to); err != nil {
				return err
			}
		}
		k.feed.partly(n)
	}
	k.begins, k.written = progress{}, u.Epoch
	k.feed.wrote([]exec.Update{{Epoch: u.Epoch}})
	if err := k.hold(u.Epoch); err != nil {
		return err
	}
	k.noteAt(u.Epoch, true)
	return k.releaseSnapshot()
}

// put writes updates, within the time that they may take.
func (k *sink) put(ctx context.Context, t target, us []exec.Update, to progress) error {
	if err := k.m.cfg.stop("sink: before write"); err != nil {
		return err
	}
	began := time.Now()
	var bytes int64
	for i := range us {
		if us[i].Rows != nil {
			bytes += batchBytes(us[i].Rows)
		}
	}
	writeCtx, cancel := context.WithTimeout(ctx, k.m.cfg.WriteTimeout*time.Duration(1+bytes/largeBytes))
	err := k.writeTo(writeCtx, t, us, to)
	cancel()
	if err != nil {
		return terminal(err)
	}
	k.note(us, time.Since(began))
	k.works()
	return k.m.cfg.stop("sink: after write")
}

// largeBytes of changes get the time of one transaction more.
const largeBytes = 32 << 20

// holdSnapshot keeps what stands at an epoch, so that it can be read again.
func (k *sink) holdSnapshot(at exec.Epoch) error {
	for _, id := range scanned(k.def.Plan) {
		if err := k.m.engine.Hold(k.snapshotHold(id), id, at); err != nil {
			return err
		}
	}
	return nil
}

// releaseSnapshot ends what holdSnapshot keeps, if anything.
func (k *sink) releaseSnapshot() error {
	for _, id := range scanned(k.def.Plan) {
		if err := k.m.engine.Release(k.snapshotHold(id)); err != nil {
			return err
		}
	}
	return nil
}

func (k *sink) snapshotHold(object uint64) string { return k.holdName(object) + " snapshot" }
