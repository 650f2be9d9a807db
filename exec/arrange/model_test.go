package arrange

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand"
	"sort"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tarndb/tarn/storage/state"
)

// model is the naive truth: all versions of everything.
type model struct {
	rows  map[string][]Version // Val nil = absent
	plain map[string]string
	multi map[string]map[string]int64
	order map[string]map[string]ordVW
	epoch uint64
}

type ordVW struct {
	v string
	w int64
}

func newModel() *model {
	return &model{rows: map[string][]Version{}, plain: map[string]string{}, multi: map[string]map[string]int64{}, order: map[string]map[string]ordVW{}}
}

func (m *model) clone() *model {
	c := newModel()
	c.epoch = m.epoch
	for k, v := range m.rows {
		c.rows[k] = append([]Version{}, v...)
	}
	for k, v := range m.plain {
		c.plain[k] = v
	}
	for k, v := range m.multi {
		x := map[string]int64{}
		for a, b := range v {
			x[a] = b
		}
		c.multi[k] = x
	}
	for k, v := range m.order {
		x := map[string]ordVW{}
		for a, b := range v {
			x[a] = b
		}
		c.order[k] = x
	}
	return c
}

func (m *model) set(key string, val []byte) {
	vs := m.rows[key]
	if n := len(vs); n > 0 && vs[n-1].From == m.epoch {
		vs[n-1].Val = val
	} else {
		vs = append(vs, Version{From: m.epoch, Val: val})
	}
	m.rows[key] = vs
}

func (m *model) at(key string, e uint64) []byte {
	var out []byte
	for _, v := range m.rows[key] {
		if v.From <= e {
			out = v.Val
		}
	}
	return out
}

type world struct {
	t      *testing.T
	rng    *rand.Rand
	fs     vfs.FS
	store  *state.Store
	budget *Budget
	parts  int
	s      *Space
	hist   *Table
	plain  *Table
	multi  *Multi
	order  *Ordered
	m      *model
}

func (w *world) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) open() {
	store, err := state.Open("db", w.fs, state.Options{})
	w.check(err)
	w.store = store
	epoch := uint64(0)
	if v, ok, err := store.Meta("epoch"); err != nil {
		w.t.Fatal(err)
	} else if ok {
		epoch = binary.BigEndian.Uint64(v)
	}
	if epoch != w.m.epoch {
		w.t.Fatalf("store is at epoch %d, want %d", epoch, w.m.epoch)
	}
	w.use(store)
}

func (w *world) use(store *state.Store) {
	w.s = NewSpace(Options{Store: store, Budget: w.budget, Parts: w.parts, heap: raceEnabled,
		EpochTime: func(e uint64) int64 { return int64(e) * 1e6 }, sliceBytes: 256 << w.rng.Intn(8), PackVersions: 16 << w.rng.Intn(8)})
	w.hist = w.s.Table(1, TableOptions{History: HistoryKeep, RetainMicros: -1})
	w.plain = w.s.Table(2, TableOptions{})
	w.multi = w.s.Multi(3)
	w.order = w.s.Ordered(4)
}

func (w *world) close() {
	w.s.Close()
	if used := w.budget.Used(); used != 0 {
		w.t.Fatalf("%d bytes are still accounted after Close", used)
	}
	if w.store != nil {
		w.check(w.store.Close())
	}
}

func (w *world) key() string { return fmt.Sprintf("k%03d", w.rng.Intn(150)) }

func (w *world) val() []byte {
	n := w.rng.Intn(40)
	switch w.rng.Intn(200) {
	case 0:
		n = 3000
	case 1:
		n = 600_000
	}
	b := make([]byte, n)
	w.rng.Read(b)
	return b
}

// batch of distinct keys.
func (w *world) keys(n int) *Keys {
	k := &Keys{}
	k.Reset()
	seen := map[string]bool{}
	for range n {
		if x := w.key(); !seen[x] {
			seen[x] = true
			k.Append([]byte(x))
		}
	}
	return k
}

func (w *world) step() {
	if w.rng.Intn(3) == 0 {
		k := w.keys(1 + w.rng.Intn(300))
		w.check(w.hist.Expect(k, 2))
		w.check(w.plain.Expect(k, 2))
	}
	w.m.epoch++
	w.s.Begin(w.m.epoch)
	for range 1 + w.rng.Intn(3) {
		w.tables()
		w.multis()
		w.ordered()
	}
}

func (w *world) tables() {
	k := w.keys(1 + w.rng.Intn(30))
	refs, refs2 := make([]Ref, k.Len()), make([]Ref, k.Len())
	w.check(w.hist.Lookup(k, nil, refs))
	w.check(w.plain.Lookup(k, nil, refs2))
	for i := range k.Len() {
		key := string(k.Key(i))
		want := w.m.at(key, w.m.epoch)
		if (refs[i] != 0) != (want != nil) || refs[i] != 0 && !bytes.Equal(w.hist.Value(refs[i]), want) {
			w.t.Fatalf("epoch %d: history table has %v for %q, want %d bytes", w.m.epoch, refs[i], key, len(want))
		}
		p, ok := w.m.plain[key]
		if (refs2[i] != 0) != ok || ok && string(w.plain.Value(refs2[i])) != p {
			w.t.Fatalf("epoch %d: table has %v for %q, want %v", w.m.epoch, refs2[i], key, ok)
		}
		if w.rng.Intn(3) == 0 {
			w.check(w.hist.Delete(k, i, refs[i]))
			w.check(w.plain.Delete(k, i, refs2[i]))
			if want != nil {
				w.m.set(key, nil)
			}
			delete(w.m.plain, key)
			continue
		}
		v := w.val()
		r, err := w.hist.Put(k, i, refs[i], v)
		w.check(err)
		if !bytes.Equal(w.hist.Value(r), v) {
			w.t.Fatal("put is not read back")
		}
		w.m.set(key, v)
		_, err = w.plain.Put(k, i, refs2[i], v)
		w.check(err)
		w.m.plain[key] = string(v)
	}
}

func (w *world) multis() {
	k := w.keys(1 + w.rng.Intn(6))
	heads := make([]Ref, k.Len())
	w.check(w.multi.Lookup(k, nil, heads))
	for i := range k.Len() {
		key := string(k.Key(i))
		for range w.rng.Intn(8) {
			val, n := fmt.Sprintf("v%d", w.rng.Intn(60)), int64(w.rng.Intn(5)-2)
			head, before, after, err := w.multi.Add(k, i, heads[i], []byte(val), n)
			w.check(err)
			heads[i] = head
			x := w.m.multi[key]
			if x == nil {
				x = map[string]int64{}
				w.m.multi[key] = x
			}
			if before != x[val] || after != x[val]+n {
				w.t.Fatalf("epoch %d: %q %q: %d→%d, want %d→%d", w.m.epoch, key, val, before, after, x[val], x[val]+n)
			}
			if x[val] += n; x[val] == 0 {
				delete(x, val)
			}
		}
		got := map[string]int64{}
		w.multi.Each(heads[i], func(v []byte, n int64) bool { got[string(v)] = n; return true })
		if fmt.Sprint(got) != fmt.Sprint(w.m.multi[key]) {
			w.t.Fatalf("epoch %d: %q has %v, want %v", w.m.epoch, key, got, w.m.multi[key])
		}
	}
}

func (w *world) ordered() {
	for range 1 + w.rng.Intn(4) {
		group := fmt.Sprintf("g%d", w.rng.Intn(12))
		g, h := []byte(group), Hash([]byte(group))
		x := w.m.order[group]
		if x == nil {
			x = map[string]ordVW{}
			w.m.order[group] = x
		}
		for range w.rng.Intn(12) {
			key := fmt.Sprintf("%0*d", 1+w.rng.Intn(12), w.rng.Intn(300))
			n, v := int64(w.rng.Intn(4)-1), "val"+key
			before, after, err := w.order.Add(g, h, []byte(key), []byte(v), n)
			w.check(err)
			if before != x[key].w || after != x[key].w+n {
				w.t.Fatalf("epoch %d: %q %q: %d→%d, want %d→%d", w.m.epoch, group, key, before, after, x[key].w, x[key].w+n)
			}
			if after == 0 {
				delete(x, key)
			} else {
				x[key] = ordVW{v, after}
			}
		}
		keys := make([]string, 0, len(x))
		for k := range x {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		from := fmt.Sprintf("%03d", w.rng.Intn(300))
		if w.rng.Intn(8) == 0 {
			to := from + "5"
			n, err := w.order.DeleteRange(g, h, []byte(from), []byte(to))
			w.check(err)
			want := 0
			for _, k := range keys {
				if k >= from && k < to {
					delete(x, k)
					want++
				}
			}
			if n != want {
				w.t.Fatalf("epoch %d: %d entries removed, want %d", w.m.epoch, n, want)
			}
			continue
		}
		var got, want []string
		w.check(w.order.Ascend(g, h, []byte(from), func(k, v []byte, n int64) bool {
			got = append(got, fmt.Sprint(string(k), string(v), n))
			return true
		}))
		for _, k := range keys {
			if k >= from {
				want = append(want, fmt.Sprint(k, x[k].v, x[k].w))
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			w.t.Fatalf("epoch %d: %q from %q: %v, want %v", w.m.epoch, group, from, got, want)
		}
		got, want = nil, nil
		w.check(w.order.Descend(g, h, []byte(from), func(k, v []byte, n int64) bool {
			got = append(got, string(k))
			return true
		}))
		for i := len(keys) - 1; i >= 0; i-- {
			if keys[i] <= from {
				want = append(want, keys[i])
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			w.t.Fatalf("epoch %d: %q down from %q: %v, want %v", w.m.epoch, group, from, got, want)
		}
		k, _, _, ok, err := w.order.Last(g, h)
		w.check(err)
		if ok != (len(keys) > 0) || ok && string(k) != keys[len(keys)-1] {
			w.t.Fatalf("epoch %d: last of %q is %q", w.m.epoch, group, k)
		}
	}
}

// read checks what any epoch shows.
func (w *world) read() {
	e := uint64(w.rng.Int63n(int64(w.m.epoch + 1)))
	if w.rng.Intn(2) == 0 {
		e = w.m.epoch
	}
	for range 5 {
		key := w.key()
		got, ok, err := w.hist.Get([]byte(key), Hash([]byte(key)), e, nil)
		w.check(err)
		if want := w.m.at(key, e); ok != (want != nil) || !bytes.Equal(got, want) {
			w.t.Fatalf("epoch %d: %q as of %d: %v %d bytes, want %v %d bytes", w.m.epoch, key, e, ok, len(got), want != nil, len(want))
		}
	}
	prefix := []string{"", "k0", "k12"}[w.rng.Intn(3)]
	got := map[string]string{}
	w.check(w.hist.Scan(e, []byte(prefix), func(k, v []byte) error {
		if _, dup := got[string(k)]; dup {
			w.t.Fatalf("epoch %d: scan as of %d gives %q twice", w.m.epoch, e, k)
		}
		got[string(k)] = string(v)
		return nil
	}))
	n := 0
	for key := range w.m.rows {
		if v := w.m.at(key, e); v != nil && key[:len(prefix)] == prefix {
			n++
			if g, ok := got[key]; !ok || g != string(v) {
				w.t.Fatalf("epoch %d: scan as of %d: %q is %v, %d bytes; want %d", w.m.epoch, e, key, ok, len(g), len(v))
			}
		}
	}
	if n != len(got) {
		w.t.Fatalf("epoch %d: scan as of %d gives %d rows, want %d", w.m.epoch, e, len(got), n)
	}
	if w.rng.Intn(4) == 0 {
		w.changes(e)
	}
}

func (w *world) changes(from uint64) {
	to := from + uint64(w.rng.Int63n(int64(w.m.epoch-from+1)))
	type c struct {
		e   uint64
		key string
	}
	got := map[c]string{}
	last := uint64(0)
	w.check(w.hist.Changes(from, to, func(e uint64, key, old, new []byte) error {
		if e < last {
			w.t.Fatal("changes are out of order")
		}
		last = e
		got[c{e, string(key)}] = fmt.Sprint(old == nil, string(old), new == nil, string(new))
		return nil
	}))
	n := 0
	for key, vs := range w.m.rows {
		for _, v := range vs {
			if v.From <= from || v.From > to {
				continue
			}
			old := w.m.at(key, v.From-1)
			if old == nil && v.Val == nil || old != nil && v.Val != nil && bytes.Equal(old, v.Val) {
				continue
			}
			n++
			if g := got[c{v.From, key}]; g != fmt.Sprint(old == nil, string(old), v.Val == nil, string(v.Val)) {
				w.t.Fatalf("changes %d-%d: %d %q: %.40q", from, to, v.From, key, g)
			}
		}
	}
	if n != len(got) {
		w.t.Fatalf("changes %d-%d: %d, want %d", from, to, len(got), n)
	}
}

func (w *world) versions() {
	key := w.key()
	got, err := w.hist.Versions([]byte(key))
	w.check(err)
	var want []Version
	vs := w.m.rows[key]
	for i, v := range vs {
		if v.Val == nil {
			continue
		}
		x := Version{From: v.From, Val: v.Val}
		if i+1 < len(vs) {
			x.To = vs[i+1].From
		}
		want = append(want, x)
	}
	if len(got) != len(want) {
		w.t.Fatalf("epoch %d: %q has %d versions, want %d", w.m.epoch, key, len(got), len(want))
	}
	for i := range want {
		if got[i].From != want[i].From || got[i].To != want[i].To || !bytes.Equal(got[i].Val, want[i].Val) {
			w.t.Fatalf("epoch %d: version %d of %q is %d-%d, want %d-%d", w.m.epoch, i, key, got[i].From, got[i].To, want[i].From, want[i].To)
		}
	}
}

func (w *world) counts() {
	n := 0
	for k := range w.m.rows {
		if w.m.at(k, w.m.epoch) != nil {
			n++
		}
	}
	if int(w.hist.Len()) != n || int(w.plain.Len()) != len(w.m.plain) {
		w.t.Fatalf("epoch %d: lengths %d, %d, want %d, %d", w.m.epoch, w.hist.Len(), w.plain.Len(), n, len(w.m.plain))
	}
	got := map[string]string{}
	w.check(w.plain.Scan(w.m.epoch, nil, func(k, v []byte) error { got[string(k)] = string(v); return nil }))
	if fmt.Sprint(len(got)) != fmt.Sprint(len(w.m.plain)) {
		w.t.Fatalf("table scan has %d rows, want %d", len(got), len(w.m.plain))
	}
	for k, v := range w.m.plain {
		if got[k] != v {
			w.t.Fatalf("table scan: %q", k)
		}
	}
}

func TestAgainstModel(t *testing.T) {
	seeds := 12
	if testing.Short() {
		seeds = 3
	}
	if raceEnabled { // it takes ten times as long
		seeds = 1
	}
	for _, limit := range []int64{1 << 30, 300 << 10} {
		for seed := range int64(seeds) {
			t.Run(fmt.Sprintf("budget=%d/seed=%d", limit, seed), func(t *testing.T) {
				w := &world{t: t, rng: rand.New(rand.NewSource(seed)), fs: vfs.NewMem(), budget: NewBudget(limit), parts: 4, m: newModel()}
				w.open()
				defer func() { w.close() }()
				durable := w.m.clone()
				var frozen *model
				var done chan error
				finish := func() {
					if done == nil {
						return
					}
					w.check(<-done)
					durable, frozen, done = frozen, nil, nil
				}
				for i := range 150 {
					w.step()
					if w.rng.Intn(4) == 0 {
						w.s.Relieve()
					}
					for range w.rng.Intn(4) {
						w.read()
					}
					w.versions()
					switch w.rng.Intn(12) {
					case 0, 1, 2:
						finish()
						frozen = w.m.clone()
						f := w.s.Freeze()
						meta := map[string][]byte{"epoch": binary.BigEndian.AppendUint64(nil, w.m.epoch)}
						done = make(chan error, 1)
						go func(done chan error) { done <- f.Write(context.Background(), meta) }(done)
					case 3:
						finish()
					case 4:
						w.counts()
					case 5:
						if i%3 == 0 {
							finish()
							w.close()
							w.m = durable.clone()
							w.open()
							w.counts()
						}
					}
				}
				finish()
			})
		}
	}
}

func TestMemoryOnly(t *testing.T) {
	for seed := range int64(4) {
		w := &world{t: t, rng: rand.New(rand.NewSource(seed)), budget: NewBudget(1 << 30), parts: 4, m: newModel()}
		w.use(nil)
		for range 60 {
			w.step()
			w.read()
			w.versions()
		}
		w.counts()
		w.close()
	}
}
