package connector

import (
	"cmp"
	"context"
	"slices"

	"github.com/tarndb/tarn/exec"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/topic"
	"github.com/tarndb/tarn/storage/topic/kafka"
)

// Redriven is what a redrive has done.
type Redriven struct {
	Letters int // that are rows now, or have none to give
	Rows    int
	Failed  int // that are letters still
}

// lettersPerTxn bounds one transaction of a redrive.
const lettersPerTxn = 1000

// redriveTries is how often a redrive begins again that was overtaken: letters
// have gone meanwhile, or the relation was altered.
const redriveTries = 5

// Redrive decodes dead letters of a source again, as its definition is now. The
// rows of a letter and its removal are one transaction. A letter that fails again
// stays, with the new reason and one attempt more. keys nil: all of the source.
//
// The rows are rows of the epoch of that transaction, as if their records had come
// now: of a table a key that has been put since is put again, those of a stream are
// late if others would be. A stream that is read through keeps them itself, since
// reading their records again would give them at the epoch of their neighbours.
func (m *Manager) Redrive(ctx context.Context, id uint64, keys []LetterKey) (Redriven, error) {
	if err := m.openShelf(ctx); err != nil {
		return Redriven{}, err
	}
	m.redriveMu.Lock()
	defer m.redriveMu.Unlock()
	r := redrive{m: m, tried: map[LetterKey]bool{}}
	for tries := 1; ; tries++ {
		err := r.all(ctx, id, keys)
		if !sqlerr.HasCode(err, sqlerr.SerializationFailure) || tries == redriveTries {
			return r.done, err
		}
	}
}

// all redrives the letters with these keys that have not been tried.
func (r *redrive) all(ctx context.Context, id uint64, keys []LetterKey) error {
	r.m.mu.Lock()
	s := r.m.sources[id]
	r.m.mu.Unlock()
	if s == nil {
		return sqlerr.New(sqlerr.UndefinedObject, "the source is not running")
	}
	def := s.definition()
	r.def = &def
	var err error
	if r.dec, err = newVerifying(&def); err != nil {
		return err
	}
	letters, err := r.m.letters(ctx, id, keys)
	if err != nil {
		return err
	}
	letters = slices.DeleteFunc(letters, func(l letter) bool { return r.tried[l.at] })
	defer r.close()
	for len(letters) > 0 && err == nil {
		n := min(lettersPerTxn, len(letters))
		err = r.some(ctx, letters[:n])
		letters = letters[n:]
	}
	return err
}

// letters are the standing letters with these keys, in order of partition and offset.
func (m *Manager) letters(ctx context.Context, source uint64, keys []LetterKey) ([]letter, error) {
	var wanted map[LetterKey]bool
	if keys != nil {
		wanted = make(map[LetterKey]bool, len(keys))
		for _, k := range keys {
			wanted[k] = true
		}
	}
	var out []letter
	err := readLetters(ctx, m.engine, func(b *vec.Batch, i int) {
		if uint64(b.Cols[0].Ints[i]) != source {
			return
		}
		if wanted == nil || wanted[LetterKey{int32(b.Cols[1].Ints[i]), b.Cols[2].Ints[i]}] {
			out = append(out, letterAt(b, i))
		}
	})
	slices.SortFunc(out, func(a, b letter) int {
		return cmp.Or(cmp.Compare(a.at.Partition, b.at.Partition), cmp.Compare(a.at.Offset, b.at.Offset))
	})
	return out, err
}

type redrive struct {
	m      *Manager
	def    *SourceDef
	dec    *verifying
	client *kafka.Client
	tried  map[LetterKey]bool
	done   Redriven
}

func (r *redrive) close() {
	if r.client != nil {
		r.client.Close()
		r.client = nil
	}
}

// some redrives letters in one transaction; if the engine refuses it because of a
// row, in halves.
func (r *redrive) some(ctx context.Context, ls []letter) error {
	err := r.commit(ctx, ls, nil)
	switch {
	case err == nil || !ofRow(err):
		return err
	case len(ls) == 1:
		return r.commit(ctx, ls, sqlerr.From(err))
	}
	if err := r.some(ctx, ls[:len(ls)/2]); err != nil {
		return err
	}
	return r.some(ctx, ls[len(ls)/2:])
}

func (r *redrive) commit(ctx context.Context, ls []letter, refused *sqlerr.Error) error {
	var batches []*vec.Batch
	var done []deeds
	failed := map[LetterKey]*sqlerr.Error{}
	rows := 0
	for lo := 0; lo < len(ls); {
		hi := lo + 1
		for hi < len(ls) && ls[hi].at.Partition == ls[lo].at.Partition {
			hi++
		}
		part := ls[lo:hi]
		lo = hi
		if refused != nil {
			failed[part[0].at] = refused
			continue
		}
		recs, err := r.records(ctx, part)
		if err != nil {
			return err
		}
		dec, err := r.dec.decode(ctx, recs)
		if err != nil {
			return err
		}
		for _, b := range dec.Bad {
			failed[part[b.Record].at] = b.Err
		}
		if dec.Rows != nil && dec.Rows.N > 0 {
			batches, done, rows = append(batches, dec.Rows), append(done, deedsOf(dec)), rows+dec.Rows.N
		}
	}
	// The letters as they were read are retracted exactly: if one has been removed
	// in the meantime, the engine refuses all of it.
	change := letterRows(ls, func(int) int64 { return -1 })
	var again []letter
	var gone []LetterKey
	for _, l := range ls {
		if why := failed[l.at]; why != nil {
			cut := l.cut()
			l.attempts++
			l.because(why)
			if cut { // it still has no bytes of its own
				l.code = string(sqlerr.ProgramLimitExceeded)
			}
			again = append(again, l)
		} else {
			gone = append(gone, l.at)
		}
	}
	txn := &exec.Txn{}
	switch {
	case len(batches) == 0:
	case r.def.Table:
		txn.Writes = tableWrites(r.def.ID, batches, done)
	default:
		txn.Writes = []exec.Write{{Object: r.def.ID, Rows: vec.Concat(batches)}}
		if r.def.ReadThrough {
			txn.Cuts = []exec.Cut{{Object: r.def.ID, Partition: exec.KeptRows, Rows: rows}}
		}
	}
	if len(again) > 0 {
		change = vec.Concat([]*vec.Batch{change, letterRows(again, func(int) int64 { return 1 })})
	}
	txn.Writes = append(txn.Writes, exec.Write{Object: exec.DeadLettersID, Rows: change})
	if err := r.m.cfg.stop("redrive: before commit"); err != nil {
		return err
	}
	if _, err := r.m.engine.Commit(ctx, txn); err != nil {
		return err
	}
	r.m.shelf.gone(r.def.ID, gone)
	for i := range ls {
		r.tried[ls[i].at] = true
	}
	r.done.Letters, r.done.Failed, r.done.Rows = r.done.Letters+len(gone), r.done.Failed+len(again), r.done.Rows+rows
	return nil
}

// records makes records of letters of one partition.
func (r *redrive) records(ctx context.Context, ls []letter) (*topic.Records, error) {
	out := &topic.Records{Partition: ls[0].at.Partition}
	var cols [3]*vec.Builder
	for i := range cols {
		cols[i] = vec.NewBuilder(types.Bytea, len(ls))
	}
	for i := range ls {
		l := &ls[i]
		parts := [3][]byte{l.key, l.value, l.headers}
		if l.cut() {
			var err error
			if parts, err = r.fetch(ctx, l.at); err != nil {
				return nil, err
			}
		}
		out.Offset, out.Time = append(out.Offset, l.at.Offset), append(out.Time, l.time)
		for c, p := range parts {
			if p == nil {
				cols[c].Null()
			} else {
				cols[c].Bytes(p)
			}
		}
	}
	out.Key, out.Value, out.Headers = cols[0].Finish(), cols[1].Finish(), cols[2].Finish()
	out.Next = ls[len(ls)-1].at.Offset + 1
	return out, nil
}

// fetch reads a record that was too long for its letter.
func (r *redrive) fetch(ctx context.Context, at LetterKey) (parts [3][]byte, err error) {
	if r.client == nil {
		if r.client, err = kafka.Open(r.def.Kafka); err != nil {
			return parts, err
		}
	}
	found := false
	err = r.client.ReadRange(ctx, r.def.Topic, topicOf(r.m.engine.Offsets(r.def.ID)), at.Partition, at.Offset, at.Offset+1, true, func(recs *topic.Records) error {
		for i, o := range recs.Offset {
			if o == at.Offset {
				found, parts = true, [3][]byte{bytesAt(recs.Key, i), bytesAt(recs.Value, i), bytesAt(recs.Headers, i)}
			}
		}
		return nil
	})
	if err == nil && !found {
		err = sqlerr.New(sqlerr.SnapshotTooOld, "record %s is no longer in the topic", place(r.def.Topic, at.Partition, at.Offset))
	}
	return parts, err
}
