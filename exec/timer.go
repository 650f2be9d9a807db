package exec

import (
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/journal"
	"github.com/tarndb/tarn/storage/rowenc"
)

// stats are figures that anyone may read.
type stats struct {
	epochs, checkpoints              atomic.Int64
	checkpointPause, checkpointNanos atomic.Int64
}

func (e *Engine) needCheckpoint() bool {
	if e.space.NeedCheckpoint() {
		return true
	}
	if e.cfg.CheckpointEvery <= 0 {
		return false
	}
	e.countDebt()
	return time.Since(e.ck.last) >= e.cfg.CheckpointEvery || time.Duration(e.debt.newer.Load()) >= e.debtBegins()
}

// onTimer is what the loop does by the clock alone.
func (e *Engine) onTimer() {
	if e.needCheckpoint() {
		e.checkpoint()
	}
	e.space.Relieve()
	e.settleViews()
	e.idle()
	e.ring()
}

// idle seals an epoch without rows where a stream with IDLE TIMEOUT has had no
// input for so long: its event time then follows the wall clock.
func (e *Engine) idle() {
	now := e.cfg.Now()
	for _, r := range *e.rels.Load() {
		if r.kind != streamRelation || r.idle == 0 || r.rowtime < 0 || now-r.lastIn < r.idle {
			continue
		}
		if mark := now - r.idle - r.mark.delay; mark > r.mark.value && e.waitsForTime(r.id) {
			kept, err := e.markEntry(r, mark)
			if err == nil {
				_, err = e.seal([]journal.Entry{{Kind: journal.KindWatermark, Object: r.id, Payload: encodeMark(mark)}, kept})
			}
			if err != nil {
				e.log.Warn("could not seal an idle epoch", "err", err)
			}
			return
		}
	}
}

// waitsForTime reports whether any view reads the stream.
func (e *Engine) waitsForTime(id uint64) bool {
	for _, run := range e.runners {
		for _, s := range run.scans {
			if s.Object == id {
				return true
			}
		}
	}
	return false
}

// cutJournal cuts the journal where a checkpoint has asked for it.
func (e *Engine) cutJournal() {
	select {
	case ep := <-e.truncate:
		e.cutJournalAt(ep)
	default:
	}
}

func (e *Engine) cutJournalAt(ep Epoch) {
	if err := e.journal.Truncate(min(ep, e.topics.Settled()) + 1); err != nil {
		e.log.Warn("could not cut the journal", "err", err)
	}
}

// showEpoch is an epoch as a time.
func showEpoch(ep Epoch) string {
	return time.UnixMicro(int64(ep) + unixOfZero).UTC().Format("2006-01-02 15:04:05.999999Z07")
}

// unixOfZero is 2000-01-01 in µs since 1970.
const unixOfZero = 946684800 * 1_000_000

func keysOf(b *vec.Batch, cols []int) *rowenc.Keys {
	var k rowenc.Keys
	rowenc.EncodeKeys(&k, pickColumns(b.Cols, cols), b.N, rowenc.KeyOptions{Mode: rowenc.Canonical})
	return &k
}

func encodeMark(mark int64) []byte { return fmt.Appendf(nil, "%d", mark) }

func decodeMark(b []byte) (int64, error) {
	mark, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil {
		return 0, sqlerr.New(sqlerr.DataCorrupted, "a journalled watermark is damaged: %v", err)
	}
	return mark, nil
}
