package server

import (
	"context"
	"errors"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/exec/connector"
	"github.com/tarndb/tarn/pgwire"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/topic/kafka"
)

// produceRows bounds how many rows are encoded and sent at a time.
const produceRows = 10_000

// produce writes rows to the topic that a stream or table is fed by, and waits
// until they have come back, so that the session reads what it has written.
func (s *session) produce(ctx context.Context, o *catalog.Object, rows *vec.Batch) error {
	if s.tx != nil && s.tx.explicit {
		return sqlerr.New(sqlerr.ActiveSQLTransaction, "INSERT into %q cannot run inside a transaction block", o.Name).
			WithHint("Its rows go to topic %q at once, and cannot be taken back.", o.Connector.Topic)
	}
	if e := o.Format.Envelope; e != "plain" && e != "upsert" {
		return sqlerr.New(sqlerr.WrongObjectType, "cannot insert into %q: its topic carries the changes of another database", o.Name)
	}
	w, err := s.srv.workers.writer(s.catalog(), o)
	if err != nil {
		return err
	}
	at := map[int32]int64{}
	for lo := 0; lo < rows.N; lo += produceRows {
		part := rows.Slice(lo, min(lo+produceRows, rows.N))
		records, err := w.records(ctx, o, part)
		if err != nil {
			return err
		}
		after, err := w.client.Produce(ctx, o.Connector.Topic, records)
		if err != nil {
			return err
		}
		for p, offset := range after {
			at[p] = max(at[p], offset)
		}
	}
	return s.awaitOffsets(ctx, o, at)
}

func (w *writer) records(ctx context.Context, o *catalog.Object, rows *vec.Batch) ([]kafka.Out, error) {
	w.mu.Lock()
	encoded, err := w.enc.Encode(ctx, rows, nil, nil)
	w.mu.Unlock()
	if err != nil {
		return nil, err
	}
	out := make([]kafka.Out, rows.N)
	for i := range out {
		out[i] = kafka.Out{Partition: -1, Key: bytesOf(encoded.Key, i), Value: bytesOf(encoded.Value, i)}
		for c, col := range o.Columns {
			if v := rows.Cols[c]; col.From == catalog.FromTimestamp && col.Type.OID == types.OIDTimestamptz && !v.IsNull(i) {
				out[i].Time = v.Datum(i).I
			}
		}
	}
	return out, nil
}

// written is o for the checks of rows that are to be written to its topic: what
// the topic gives a record is not there yet.
func written(o *catalog.Object) *catalog.Object {
	if !o.IsSource() {
		return o
	}
	out := *o
	out.Columns = append([]catalog.Column(nil), o.Columns...)
	for i, c := range o.Columns {
		if c.Hidden && c.From == catalog.FromValue { // another column has the field
			c.From, out.Columns[i].From = catalog.FromOffset, catalog.FromOffset
		}
		if c.From != catalog.FromValue && c.From != catalog.FromKey {
			out.Columns[i].NotNull = false
			if i == o.Rowtime() {
				out.Watermark = nil
			}
		}
	}
	return &out
}

// bytesOf is value i of a bytea column; nil = NULL.
func bytesOf(v *vec.Vec, i int) []byte {
	if v == nil || v.IsNull(i) {
		return nil
	}
	if b := v.Bytes(i); b != nil {
		return b
	}
	return []byte{}
}

// awaitOffsets waits until the records before the given offsets have been read
// back. They are in the topic whatever comes of it, so that not having seen them
// is a warning and no error.
func (s *session) awaitOffsets(ctx context.Context, o *catalog.Object, at map[int32]int64) error {
	unread := sqlerr.New(sqlerr.Warning, "the rows are in topic %q, but have not been read back yet", o.Connector.Topic)
	if s.set.readWait > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, s.set.readWait, unread)
		defer cancel()
	}
	for {
		applied := s.srv.engine.Applied() // before looking, so that nothing is missed
		if s.reached(o, at) {
			break
		}
		if st, ok := s.srv.workers.manager.Source(o.ID); !ok || waits(st.State) {
			s.notice(pgwire.Warning, unread.WithHint("The source does not run: SELECT state, error FROM sys.sources WHERE name = '%s'.", o.Name))
			return nil
		}
		_, err := s.srv.engine.WaitApplied(ctx, applied+1)
		if err != nil && errors.Is(context.Cause(ctx), unread) {
			s.notice(pgwire.Warning, unread.WithHint("read_wait_timeout says how long is waited."))
			return nil
		}
		if err != nil {
			return err
		}
	}
	ep, err := s.srv.engine.WaitFresh(ctx)
	if err == nil {
		s.seen = max(s.seen, ep)
	}
	return err
}

// waits reports a state that only a user ends.
func waits(state connector.State) bool {
	switch state {
	case connector.Paused, connector.AtGap, connector.Stopped, connector.Failed:
		return true
	}
	return false
}

func (s *session) reached(o *catalog.Object, at map[int32]int64) bool {
	next := s.srv.engine.Offsets(o.ID)
	for p, offset := range at {
		if next[p] < offset {
			return false
		}
	}
	return true
}
