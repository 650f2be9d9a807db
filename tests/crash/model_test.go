package crash

import (
	"fmt"
	"sort"
	"sync"
)

// fate is what is known of a transaction.
type fate uint8

const (
	unknown  fate = iota // sent, no answer
	kept                 // acknowledged, or found after a kill: there for ever
	notThere             // refused, or not found after a kill: never to come
)

// model is what the writers know. They tell it before and after each transaction.
type model struct {
	mu  sync.Mutex
	txs map[txID]*tx
	// kv is what each key holds, as far as acknowledged; open, for each writer, what
	// its transaction without answer would make of its keys.
	kv   map[int]string
	open map[int]map[int]string
	next map[int]int // writer → number of its next transaction
	// extra is the query of the view that comes and goes.
	extra string
}

type txID struct{ w, tx int }

// tx is a transaction with so many rows in event, log and note.
type tx struct {
	event, log, note int
	fate             fate
}

func newModel() *model {
	return &model{txs: map[txID]*tx{}, kv: map[int]string{}, open: map[int]map[int]string{}, next: map[int]int{}}
}

// begin notes that writer w is about to send a transaction, and numbers it.
func (m *model) begin(w int, t tx) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.next[w]++
	n := m.next[w]
	m.txs[txID{w, n}] = &t
	return n
}

func (m *model) end(w, n int, f fate) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.txs[txID{w, n}].fate = f
}

// beginKV notes what a transaction would make of keys; "" is no row.
func (m *model) beginKV(w int, changes map[int]string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.open[w] = changes
}

func (m *model) endKV(w int, f fate) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f == unknown {
		return
	}
	if f == kept {
		for id, v := range m.open[w] {
			m.set(id, v)
		}
	}
	delete(m.open, w)
}

func (m *model) set(id int, v string) {
	if v == "" {
		delete(m.kv, id)
	} else {
		m.kv[id] = v
	}
}

func (m *model) value(id int) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.kv[id]
}

func (m *model) define(query string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.extra = query
}

// found are the rows of each transaction as a query found them after a restart.
type found struct{ event, log, note map[txID]int }

// settle compares what was found with what is known, and decides the fate of
// what was unknown. Nobody writes meanwhile.
func (m *model) settle(f found) error {
	for id, t := range m.txs {
		have := [3]int{f.event[id], f.log[id], f.note[id]}
		whole := have == [3]int{t.event, t.log, t.note}
		absent := have == [3]int{}
		switch {
		case t.fate == kept && !whole:
			return fmt.Errorf("transaction %v was acknowledged: it has %v rows in event, log, note, wanted [%d %d %d]", id, have, t.event, t.log, t.note)
		case t.fate == notThere && !absent:
			return fmt.Errorf("transaction %v was refused: it has %v rows in event, log, note", id, have)
		case !whole && !absent:
			return fmt.Errorf("transaction %v is there in part: %v rows in event, log, note of [%d %d %d]", id, have, t.event, t.log, t.note)
		case whole:
			t.fate = kept
		default:
			t.fate = notThere
		}
		delete(f.event, id)
		delete(f.log, id)
		delete(f.note, id)
	}
	for _, rest := range []map[txID]int{f.event, f.log, f.note} {
		for id := range rest {
			return fmt.Errorf("rows of transaction %v, which nobody has sent", id)
		}
	}
	return nil
}

// settleKV does the same for the table kv.
func (m *model) settleKV(have map[int]string) error {
	for w, changes := range m.open {
		then, now := 0, 0
		for id, v := range changes {
			if have[id] == v {
				now++
			}
			if have[id] == m.kv[id] {
				then++
			}
		}
		switch len(changes) {
		case now:
			for id, v := range changes {
				m.set(id, v)
			}
		case then:
		default:
			return fmt.Errorf("writer %d's transaction over keys %v of kv is there in part", w, changes)
		}
		delete(m.open, w)
	}
	var got, want []string
	for id, v := range have {
		got = append(got, fmt.Sprintf("%d\t%s", id, v))
	}
	for id, v := range m.kv {
		want = append(want, fmt.Sprintf("%d\t%s", id, v))
	}
	sort.Strings(got)
	sort.Strings(want)
	if d := differ(got, want); d != "" {
		return fmt.Errorf("table kv is not what was acknowledged:%s", d)
	}
	return nil
}

// rows is how many rows transactions have brought that may be there.
func (m *model) rows() (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.txs {
		if t.fate != notThere {
			n += t.event + t.log
		}
	}
	return n
}

// size counts the transactions that are known to be kept.
func (m *model) size() (n int) {
	for _, t := range m.txs {
		if t.fate == kept {
			n++
		}
	}
	return n
}
