package exec

import (
	"context"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/journal"
	"github.com/tarndb/tarn/storage/topic"
	"github.com/tarndb/tarn/storage/topic/embedded"
)

// A stream that is read through keeps a row itself where reading its record again
// would not give the row at the epoch at which it came: a dead letter that has been
// redriven. Such rows are an embedded topic of their own. Their place among all rows
// of the stream is a cut of KeptRows, whose offsets are positions in that topic; it
// stands in the frame of the rows, so that one is never there without the other.

// KeptRows is the partition of a cut whose rows Tarn keeps itself. Its From and To
// are the engine's to fill in, and it is the only cut of its object in a
// transaction.
const KeptRows int32 = -1 << 31

// keptBit tells the topic of the rows that a stream keeps from the stream's own.
const keptBit = 1 << 49

// checkKept checks a cut of kept rows of a transaction, and sees that there is where
// to keep them.
func (a *admission) checkKept(r *relation, txn *Txn, c *Cut) error {
	alone := true
	for i := range txn.Cuts {
		if d := &txn.Cuts[i]; d != c && d.Object == c.Object {
			alone = false
		}
	}
	if r.outside == nil || !alone || c.Rows <= 0 {
		return sqlerr.New(sqlerr.InternalError, "relation %q cannot keep %d rows beside its source", r.name, c.Rows)
	}
	_, err := a.e.topics.Create(r.id | keptBit)
	return err
}

// keepRows makes the rows of a transaction those that a stream keeps, and gives
// their cut its positions.
func (a *admission) keepRows(rel *relation, c *Cut, in []input) {
	at, ok := a.kept[rel.id]
	if !ok {
		b, _ := a.e.topics.Topic(rel.id | keptBit).Bounds(0) // it has no error
		at = b.End
	}
	c.From, c.To = at, at+int64(c.Rows)
	a.kept[rel.id] = c.To
	for _, x := range in {
		a.entries = append(a.entries, journal.Entry{Kind: journal.KindData, Object: rel.id | keptBit, Payload: embedded.AppendPayload(nil, &topic.Rows{Batch: x.rows})})
	}
}

// fetchKept reads the rows of cuts that the stream keeps itself.
func (w *window) fetchKept(ctx context.Context, cuts []int, found [][]*vec.Batch) error {
	t := w.t.log.Topic(w.t.id | keptBit)
	if t == nil {
		return sqlerr.New(sqlerr.DataCorrupted, "stream %q has lost the rows that it kept", w.t.name)
	}
	columns := make([]int, len(w.t.types))
	for i := range columns {
		columns[i] = i
	}
	for _, i := range cuts {
		c := &w.cuts[i]
		n := int64(0)
		err := t.Read(0, topic.Scan{From: c.from, Until: c.to, Columns: columns, Types: w.t.types}, func(r *topic.Rows) error {
			found[i] = append(found[i], r.Batch)
			n += int64(r.Batch.N)
			return context.Cause(ctx)
		})
		if err != nil {
			return err
		}
		if n != c.rows {
			return sqlerr.New(sqlerr.DataCorrupted, "stream %q kept %d rows and now has %d of them", w.t.name, c.rows, n)
		}
	}
	return nil
}

// retainKept drops the kept rows whose cuts are gone.
func (e *Engine) retainKept(r *relation) error {
	t := e.topics.Topic(r.id | keptBit)
	if t == nil {
		return nil
	}
	b, err := r.log.Bounds(0)
	if err != nil || b.CompleteFrom == 0 {
		return err
	}
	// Of the epoch right before, some cuts may stand.
	return retainBefore(t, b.CompleteFrom-1)
}
