package connector

import (
	"context"
	"errors"
	"slices"
	"sort"
	"time"

	"github.com/tarndb/tarn/exec"
	"github.com/tarndb/tarn/exec/format"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/vec"
)

// The committer makes transactions of decoded pieces: the rows, the cut of each
// partition, and the letters of what could not be read. A transaction that the
// engine refuses because of a row is halved until the record is found; it becomes
// a letter and all others are rows.

const (
	// txnRowsMax and txnBytesMax bound one transaction of a source.
	txnRowsMax  = 64 << 10
	txnBytesMax = 8 << 20
)

// span is records [lo, hi) of a piece.
type span struct {
	*piece
	lo, hi int
}

func whole(pc *piece) span { return span{pc, 0, pc.recs.N()} }

// next is the offset behind the span.
func (s span) next() int64 {
	if s.hi < s.recs.N() {
		return s.recs.Offset[s.hi]
	}
	return s.recs.Next
}

// rows are the rows [lo, hi) of the decoded ones that the span gave.
func (s span) rows() (lo, hi int) {
	at := func(record int) int {
		return sort.Search(len(s.dec.Record), func(i int) bool { return int(s.dec.Record[i]) >= record })
	}
	return at(s.lo), at(s.hi)
}

func (s span) rowCount() int {
	lo, hi := s.rows()
	return hi - lo
}

// bad are the records of the span that could not be read.
func (s span) bad() []format.Bad {
	at := func(record int) int {
		return sort.Search(len(s.dec.Bad), func(i int) bool { return s.dec.Bad[i].Record >= record })
	}
	return s.dec.Bad[at(s.lo):at(s.hi)]
}

// commitAll commits pieces that were taken together, and what their schema
// changes ask for in between.
func (l *sourceLife) commitAll(ctx context.Context, pieces []*piece) error {
	var spans []span
	for _, pc := range pieces {
		rest := whole(pc)
		for changes := l.changesIn(pc); len(changes) > 0; {
			r, n := changes[0].Record, 1
			for n < len(changes) && changes[n].Record == r {
				n++
			}
			before, at := rest, rest
			before.hi, at.lo, at.hi = r, r, r+1
			if err := l.commitSpans(ctx, append(spans, before)); err != nil {
				return err
			}
			changed, err := l.change(ctx, changes[:n])
			if err != nil {
				return err
			}
			if err := l.commitSpans(ctx, []span{at}); err != nil {
				return err
			}
			if changed {
				return errAgain // what is behind it must be decoded anew
			}
			spans, changes, rest.lo = spans[:0], changes[n:], r+1
		}
		spans = append(spans, rest)
	}
	return l.commitSpans(ctx, spans)
}

// changesIn are the schema changes that a piece carries, if they mean anything.
func (l *sourceLife) changesIn(pc *piece) []format.DDL {
	if l.def.OnDDL == nil {
		return nil
	}
	return pc.dec.DDL
}

// change makes the schema changes of one record.
func (l *sourceLife) change(ctx context.Context, changes []format.DDL) (changed bool, err error) {
	for _, c := range changes {
		spec, err := l.def.OnDDL(ctx, c)
		if errors.As(terminal(err), new(*halt)) {
			return false, &halt{Stopped, err}
		}
		if err != nil {
			return false, err
		}
		if spec != nil {
			l.s.setSpec(*spec)
			changed = true
		}
	}
	return changed, nil
}

// commitSpans commits spans in order, as one transaction if the engine takes it.
func (l *sourceLife) commitSpans(ctx context.Context, spans []span) error {
	if l.def.OnError == StopSource {
		if i, bad := firstBad(spans); bad != nil {
			at := spans[i].recs.Offset[bad.Record]
			spans = append(slices.Clone(spans[:i]), span{spans[i].piece, spans[i].lo, bad.Record})
			if err := l.commitSpans(ctx, spans); err != nil {
				return err
			}
			return l.stopAt(spans[i].recs.Partition, at, bad.Err)
		}
	}
	err := l.commit(ctx, spans, nil)
	if err == nil || !ofRow(err) {
		return err
	}
	if len(spans) > 1 {
		mid := len(spans) / 2
		if err := l.commitSpans(ctx, spans[:mid]); err != nil {
			return err
		}
		return l.commitSpans(ctx, spans[mid:])
	}
	s := spans[0]
	if s.hi-s.lo > 1 {
		mid := s.lo + (s.hi-s.lo)/2
		if err := l.commitSpans(ctx, []span{{s.piece, s.lo, mid}}); err != nil {
			return err
		}
		return l.commitSpans(ctx, []span{{s.piece, mid, s.hi}})
	}
	if s.hi == s.lo {
		return err // no record is to blame
	}
	if l.def.OnError == StopSource {
		return l.stopAt(s.recs.Partition, s.recs.Offset[s.lo], sqlerr.From(err))
	}
	return l.commit(ctx, spans, sqlerr.From(err))
}

func firstBad(spans []span) (int, *format.Bad) {
	for i, s := range spans {
		if b := s.bad(); len(b) > 0 {
			return i, &b[0]
		}
	}
	return 0, nil
}

func (l *sourceLife) stopAt(partition int32, offset int64, why *sqlerr.Error) error {
	e := *why
	e.Message = "record " + place(l.def.Topic, partition, offset) + ": " + why.Message
	e.Hint = "Correct the source's definition, or ALTER SOURCE … SET (on_error = 'dead_letter')."
	return &halt{Stopped, &e}
}

// ofRow reports whether the engine has refused a transaction because of what is
// in a row: data exceptions, integrity violations, limits.
func ofRow(err error) bool {
	switch sqlerr.CodeOf(err)[:2] {
	case "22", "23", "54":
		return true
	}
	return false
}

// commit makes one transaction of spans. refused, if set, is why the engine does
// not take the one record that they are: it becomes a letter.
func (l *sourceLife) commit(ctx context.Context, spans []span, refused *sqlerr.Error) error {
	t := txnOf{l: l}
	for _, s := range spans {
		t.add(s, refused)
	}
	if len(t.cuts) == 0 {
		return nil
	}
	txn := &exec.Txn{Writes: t.writes(), Cuts: t.cuts}
	kept := l.s.m.shelf.plan(l.def.ID, t.letters, l.s.m.cfg.Now())
	if w := kept.write(); w != nil {
		txn.Writes = append(txn.Writes, *w)
	}
	if len(t.letters) > 0 {
		l.s.produceLetters(ctx, l.client, t.letters)
	}
	began := time.Now()
	epoch, err := l.s.m.engine.Commit(ctx, txn)
	if err != nil {
		return err
	}
	l.s.m.shelf.done(kept)
	for _, c := range t.cuts {
		l.at[c.Partition] = c.To
	}
	l.s.works()
	l.s.count(&t, epoch, time.Since(began))
	return nil
}

// txnOf gathers what one transaction holds.
type txnOf struct {
	l       *sourceLife
	batches []*vec.Batch
	deeds   []deeds // beside batches
	cuts    []exec.Cut
	dead    []bool // beside cuts: it is records that became letters
	letters []letter
	rows    int
	records int
	bytes   int64
	newest  int64 // timestamp of the newest record, µs
}

func (t *txnOf) add(s span, refused *sqlerr.Error) {
	from, ok := t.l.at[s.recs.Partition]
	if n := len(t.cuts); n > 0 {
		for i := n - 1; i >= 0; i-- {
			if t.cuts[i].Partition == s.recs.Partition {
				from, ok = t.cuts[i].To, true
				break
			}
		}
	}
	if !ok {
		from = s.recs.Next
		if s.recs.N() > 0 {
			from = s.recs.Offset[0]
		}
	}
	if s.next() == from {
		return
	}
	rows := 0
	if refused != nil {
		t.letters = append(t.letters, t.l.s.m.letter(t.l.def, s.recs, s.lo, refused))
		t.cut(s.recs.Partition, from, s.next(), 0, true)
	} else {
		rows = t.addRows(s)
		t.addCuts(s, from)
	}
	t.rows, t.records, t.bytes = t.rows+rows, t.records+s.hi-s.lo, t.bytes+recordBytes(s.recs)
	if s.hi > s.lo {
		t.newest = max(t.newest, s.recs.Time[s.hi-1])
	}
}

// addRows takes the rows and letters of a span.
func (t *txnOf) addRows(s span) int {
	lo, hi := s.rows()
	if hi > lo {
		t.batches = append(t.batches, s.dec.Rows.Slice(lo, hi))
		t.deeds = append(t.deeds, deedsOf(s.dec).slice(lo, hi))
	}
	for _, b := range s.bad() {
		t.letters = append(t.letters, t.l.s.m.letter(t.l.def, s.recs, b.Record, b.Err))
	}
	return hi - lo
}

// addCuts takes the cuts of a span that begins at an offset. A stream that is read
// through finds its rows again by its cuts: records that became letters have cuts of
// their own, without rows, so that no later definition makes rows of them.
func (t *txnOf) addCuts(s span, from int64) {
	p, lo := s.recs.Partition, s.lo
	if t.l.def.ReadThrough {
		for _, b := range s.bad() {
			if b.Record < lo { // it is bad in two ways
				continue
			}
			at := s.recs.Offset[b.Record]
			t.cut(p, from, at, span{s.piece, lo, b.Record}.rowCount(), false)
			t.cut(p, at, at+1, 0, true)
			from, lo = at+1, b.Record+1
		}
	}
	t.cut(p, from, s.next(), span{s.piece, lo, s.hi}.rowCount(), false)
}

// cut adds a cut, or makes the last one longer.
func (t *txnOf) cut(partition int32, from, to int64, rows int, dead bool) {
	if from == to {
		return
	}
	if n := len(t.cuts); n > 0 && t.cuts[n-1].Partition == partition && t.dead[n-1] == dead {
		t.cuts[n-1].To, t.cuts[n-1].Rows = to, t.cuts[n-1].Rows+rows
		return
	}
	t.cuts = append(t.cuts, exec.Cut{Object: t.l.def.ID, Partition: partition, From: from, To: to, Rows: rows})
	t.dead = append(t.dead, dead)
}

// writes are the rows as the engine wants them: those of a stream as they came,
// in the order of the cuts; those of a table as puts and deletes by key.
func (t *txnOf) writes() []exec.Write {
	if !t.l.def.Table {
		if len(t.batches) == 0 {
			return nil
		}
		return streamWrites(t.l.def.ID, t.batches)
	}
	return tableWrites(t.l.def.ID, t.batches, t.deeds)
}
