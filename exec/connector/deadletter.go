package connector

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/tarndb/tarn/exec"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/topic"
)

// A record that cannot be read is a row of one table, exec.DeadLettersID, written
// in the transaction that passes over it. The table is bounded: per source by
// count, bytes and age; the transaction that goes over a bound removes the oldest.

// LetterColumns are the columns of the table of dead letters; the first three are
// its key.
var LetterColumns = []plan.Column{
	{Name: "source_id", Type: types.Int8}, {Name: "partition", Type: types.Int4}, {Name: "offset", Type: types.Int8},
	{Name: "source", Type: types.Text}, {Name: "topic", Type: types.Text}, {Name: "timestamp", Type: types.Timestamptz},
	{Name: "key", Type: types.Bytea}, {Name: "value", Type: types.Bytea}, {Name: "headers", Type: types.Bytea},
	{Name: "error", Type: types.Text}, {Name: "code", Type: types.Text},
	{Name: "first_seen", Type: types.Timestamptz}, {Name: "attempts", Type: types.Int4},
}

// LetterKey names a dead letter of a source.
type LetterKey struct {
	Partition int32
	Offset    int64
}

// letter is one dead letter. Nil bytes are NULL.
type letter struct {
	source              uint64
	at                  LetterKey
	name, topic         string
	time                int64
	key, value, headers []byte
	code, reason        string
	firstSeen           int64
	attempts            int32
}

func (l *letter) bytes() int64 {
	return int64(len(l.key)+len(l.value)+len(l.headers)+len(l.reason)+len(l.name)+len(l.topic)) + 128
}

// cut reports whether the record was too long to be kept in the letter.
func (l *letter) cut() bool { return l.code == string(sqlerr.ProgramLimitExceeded) && l.value == nil }

// letter makes a letter of record i. A record that is too long to be kept is known
// by its place only; redriving reads it from its topic.
func (m *Manager) letter(def *SourceDef, r *topic.Records, i int, why *sqlerr.Error) letter {
	l := letter{source: def.ID, at: LetterKey{r.Partition, r.Offset[i]}, name: def.Name, topic: def.Topic, time: r.Time[i],
		key: bytesAt(r.Key, i), value: bytesAt(r.Value, i), firstSeen: m.cfg.Now(), attempts: 1}
	if r.Headers != nil {
		l.headers = bytesAt(r.Headers, i)
	}
	l.because(why)
	if n := len(l.key) + len(l.value) + len(l.headers); int64(n) > m.cfg.LetterRecordBytes {
		l.key, l.value, l.headers = nil, nil, nil
		l.code = string(sqlerr.ProgramLimitExceeded)
		l.reason = fmt.Sprintf("%s (the record has %d bytes and is not kept here)", l.reason, n)
	}
	return l
}

// because sets the reason; its text is valid and bounded whatever was in the record.
func (l *letter) because(why *sqlerr.Error) {
	text := why.Message
	if why.Detail != "" {
		text += ": " + why.Detail
	}
	if len(text) > 2000 {
		text = text[:2000] + "…"
	}
	l.reason = string(bytes.ReplaceAll(bytes.ToValidUTF8([]byte(text), []byte("\uFFFD")), []byte{0}, []byte("\uFFFD")))
	l.code = string(why.Code)
}

func bytesAt(v *vec.Vec, i int) []byte {
	if v == nil || v.IsNull(i) {
		return nil
	}
	if b := v.Bytes(i); b != nil {
		return b
	}
	return []byte{}
}

// letterRows makes rows of letters, each with a weight.
func letterRows(ls []letter, weight func(i int) int64) *vec.Batch {
	b := make([]*vec.Builder, len(LetterColumns))
	for c := range b {
		b[c] = vec.NewBuilder(LetterColumns[c].Type, len(ls))
	}
	optional := func(b *vec.Builder, x []byte) {
		if x == nil {
			b.Null()
		} else {
			b.Bytes(x)
		}
	}
	out := &vec.Batch{N: len(ls), Cols: make([]*vec.Vec, len(b)), Weights: make([]int64, len(ls))}
	for i := range ls {
		l := &ls[i]
		b[0].Int(int64(l.source))
		b[1].Int(int64(l.at.Partition))
		b[2].Int(l.at.Offset)
		b[3].String(l.name)
		b[4].String(l.topic)
		b[5].Int(l.time)
		optional(b[6], l.key)
		optional(b[7], l.value)
		optional(b[8], l.headers)
		b[9].String(l.reason)
		b[10].String(l.code)
		b[11].Int(l.firstSeen)
		b[12].Int(int64(l.attempts))
		out.Weights[i] = weight(i)
	}
	for c := range b {
		out.Cols[c] = b[c].Finish()
	}
	return out
}

// letterAt is row i of the table.
func letterAt(b *vec.Batch, i int) letter {
	c := b.Cols
	return letter{source: uint64(c[0].Ints[i]), at: LetterKey{int32(c[1].Ints[i]), c[2].Ints[i]}, name: c[3].Datum(i).S, topic: c[4].Datum(i).S,
		time: c[5].Ints[i], key: bytes.Clone(bytesAt(c[6], i)), value: bytes.Clone(bytesAt(c[7], i)), headers: bytes.Clone(bytesAt(c[8], i)),
		reason: c[9].Datum(i).S, code: c[10].Datum(i).S, firstSeen: c[11].Ints[i], attempts: int32(c[12].Ints[i])}
}

// readLetters gives all standing letters to yield.
func readLetters(ctx context.Context, e Engine, yield func(b *vec.Batch, i int)) error {
	ep, err := e.WaitFresh(ctx)
	if err != nil {
		return err
	}
	scan := &plan.Scan{Object: exec.DeadLettersID, Kind: plan.Table, Name: "sys.dead_letters", RowtimeCol: -1, Keyed: true}
	for i := range LetterColumns {
		scan.Fields = append(scan.Fields, i)
	}
	scan.Cols = LetterColumns
	return e.Read(ctx, scan, exec.ReadOptions{Epoch: ep, Ctx: &funcs.Ctx{}}, func(b *vec.Batch) error {
		for i := range b.N {
			yield(b, i)
		}
		return nil
	})
}

// shelf knows which letters stand, oldest first, so that the bounds can be held
// without reading the table.
type shelf struct {
	count     int
	bytes     int64
	ageMicros int64
	mu        sync.Mutex
	bySource  map[uint64]*shelved
	version   int64 // of bySource
	odd       int64 // version at which the table was found to hold another number of letters, -1 = none
}

type shelved struct {
	order   []slot // oldest first; those that have gone in between are not in standing
	live    map[LetterKey]slot
	bytes   int64
	expired int64 // removed because of a bound, since the start
}

type slot struct {
	at    LetterKey
	bytes int64
	seen  int64 // µs
}

func (s *shelf) of(source uint64) *shelved {
	if s.bySource == nil {
		s.bySource = map[uint64]*shelved{}
	}
	if s.bySource[source] == nil {
		s.bySource[source] = &shelved{live: map[LetterKey]slot{}}
	}
	return s.bySource[source]
}

func (x *shelved) add(n slot) {
	x.remove(n.at)
	x.live[n.at] = n
	x.order = append(x.order, n)
	x.bytes += n.bytes
}

func (x *shelved) remove(at LetterKey) {
	if old, ok := x.live[at]; ok {
		x.bytes -= old.bytes
		delete(x.live, at)
	}
}

// tidy drops from order what no longer stands.
func (x *shelved) tidy() {
	if len(x.order) < 64 || len(x.order) < 2*len(x.live) {
		return
	}
	keep := make([]slot, 0, len(x.live))
	for _, n := range x.order {
		if x.live[n.at] == n {
			keep = append(keep, n)
		}
	}
	x.order = keep
}

// kept is what a transaction does to the letters of a source.
type kept struct {
	source  uint64
	in      []letter
	expired []letter // only their keys
}

// plan says which letters have to go when those are added. It changes nothing.
func (s *shelf) plan(source uint64, in []letter, now int64) kept {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.of(source)
	k := kept{source: source, in: in}
	count, bytes := len(x.live)+len(in), x.bytes
	for i := range in {
		bytes += in[i].bytes()
		if old, ok := x.live[in[i].at]; ok {
			count, bytes = count-1, bytes-old.bytes
		}
	}
	for _, n := range x.order {
		over := s.count > 0 && count > s.count || s.bytes > 0 && bytes > s.bytes
		if !over && (s.ageMicros <= 0 || n.seen > now-s.ageMicros) {
			break
		}
		if x.live[n.at] == n {
			k.expired = append(k.expired, letter{source: source, at: n.at})
			count, bytes = count-1, bytes-n.bytes
		}
	}
	return k
}

// write is the change as the engine takes it, nil if there is none. Removals come
// first: a letter may come again where an old one stood.
func (k *kept) write() *exec.Write {
	if len(k.in)+len(k.expired) == 0 {
		return nil
	}
	all := append(append([]letter(nil), k.expired...), k.in...)
	return &exec.Write{Object: exec.DeadLettersID, Upsert: true, Rows: letterRows(all, func(i int) int64 {
		if i < len(k.expired) {
			return -1
		}
		return 1
	})}
}

// done notes that the change is durable.
func (s *shelf) done(k kept) {
	if len(k.in)+len(k.expired) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	x := s.of(k.source)
	for i := range k.expired {
		x.remove(k.expired[i].at)
	}
	x.expired += int64(len(k.expired))
	for i := range k.in {
		x.add(slot{k.in[i].at, k.in[i].bytes(), k.in[i].firstSeen})
	}
	x.tidy()
}

// gone notes that letters have been removed by other means.
func (s *shelf) gone(source uint64, keys []LetterKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	for _, k := range keys {
		s.of(source).remove(k)
	}
}

// standing is how many letters of a source there are, and how many a bound has
// removed since the start.
func (s *shelf) standing(source uint64) (n int, expired int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.of(source)
	return len(x.live), x.expired
}

// check fills the shelf anew if the table holds another number of letters, since
// users may delete some. Twice in a row: what is on its way is no difference.
func (s *shelf) check(ctx context.Context, e Engine) error {
	rows, _ := e.Size(exec.DeadLettersID)
	s.mu.Lock()
	known := 0
	for _, x := range s.bySource {
		known += len(x.live)
	}
	again := s.odd == s.version
	if s.odd = -1; int64(known) != rows {
		s.odd = s.version
	}
	differs := int64(known) != rows
	s.mu.Unlock()
	if !differs || !again {
		return nil
	}
	return s.load(ctx, e)
}

// load fills the shelf from the table, unless letters come or go meanwhile.
func (s *shelf) load(ctx context.Context, e Engine) error {
	s.mu.Lock()
	version := s.version
	s.mu.Unlock()
	type found struct {
		source uint64
		slot
	}
	var all []found
	err := readLetters(ctx, e, func(b *vec.Batch, i int) {
		size := int64(128)
		for _, c := range []int{3, 4, 6, 7, 8, 9} {
			size += int64(len(bytesAt(b.Cols[c], i)))
		}
		all = append(all, found{uint64(b.Cols[0].Ints[i]),
			slot{LetterKey{int32(b.Cols[1].Ints[i]), b.Cols[2].Ints[i]}, size, b.Cols[11].Ints[i]}})
	})
	if err != nil {
		return err
	}
	slices.SortStableFunc(all, func(a, b found) int { return cmp.Compare(a.seen, b.seen) })
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.version != version {
		return nil
	}
	expired := map[uint64]int64{}
	for id, x := range s.bySource {
		expired[id] = x.expired
	}
	s.bySource = nil
	for id, n := range expired {
		s.of(id).expired = n
	}
	for _, f := range all {
		s.of(f.source).add(f.slot)
	}
	return nil
}

// place names a record.
func place(topic string, partition int32, offset int64) string {
	return topic + "[" + strconv.Itoa(int(partition)) + "]@" + strconv.FormatInt(offset, 10)
}
