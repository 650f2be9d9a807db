package metamorphic

import (
	"bytes"
	"context"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// subscribers are standing readers of random views and queries.
type subscribers struct {
	w    *world
	list []*subscriber
}

// subscriber adds up what it is given, and keeps what the rows were at each epoch
// at which they were looked at.
type subscriber struct {
	what  string // of SUBSCRIBE TO
	query string // whose rows they must be
	reads []*relation
	since int64 // epoch of the first look
	old   map[int64][]string

	conn   *pgconn.PgConn
	cancel context.CancelFunc
	ended  chan error // of COPY; nil: a cursor
	mu     sync.Mutex
	buf    bytes.Buffer
	whole  int64 // everything up to this epoch has been given; -1 = nothing
	rows   map[string]int
	later  map[int64][]string // epochs that may not be complete: diff and row
	moved  chan struct{}
}

// begin subscribes to a relation, or to a query.
func (ss *subscribers) begin() {
	w := ss.w
	if len(ss.list) >= 5 {
		return
	}
	v := w.pick(4)
	s := &subscriber{what: v.name, query: "SELECT * FROM " + v.name, reads: []*relation{v}, whole: -1}
	if w.rng.Intn(3) == 0 {
		q := w.query(4)
		s.what, s.query, s.reads = "("+plain(q.sql)+")", plain(q.sql), q.reads
	}
	ss.watch(s)
}

// watch opens a new subscription.
func (ss *subscribers) watch(s *subscriber) {
	s.old = map[int64][]string{}
	s.reset()
	ss.open(s, ss.w.rng.Intn(3) == 0)
	ss.list = append(ss.list, s)
}

func (s *subscriber) reset() {
	s.buf.Reset()
	s.later, s.moved = map[int64][]string{}, make(chan struct{})
	if s.whole < 0 {
		s.rows = map[string]int{}
	}
}

// open begins, or goes on after the last epoch that is whole.
func (ss *subscribers) open(s *subscriber, cursor bool) {
	w := ss.w
	w.t.Helper()
	s.conn = w.dial(w.srv)
	snapshot, from := "true", ""
	if s.whole >= 0 {
		snapshot, from = "false", fmt.Sprintf(" AS OF %d", s.whole)
	}
	sql := fmt.Sprintf("SUBSCRIBE TO %s WITH (SNAPSHOT = %s, PROGRESS = true)%s", s.what, snapshot, from)
	w.script = append(w.script, "-- subscribed: "+sql)
	if s.ended = nil; cursor {
		if _, err := ask(s.conn, "BEGIN; DECLARE c CURSOR FOR "+sql); err != nil {
			w.fatal("%s\n%v", sql, err)
		}
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel, s.ended = cancel, make(chan error, 1)
	conn, ended := s.conn, s.ended
	go func() {
		_, err := conn.CopyTo(ctx, s, "COPY ("+sql+") TO STDOUT")
		ended <- err
	}()
}

// Write takes the lines of COPY.
func (s *subscriber) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buf.Write(b)
	for {
		line, err := s.buf.ReadString('\n')
		if err != nil {
			s.buf.WriteString(line)
			return len(b), nil
		}
		if err := s.line(strings.TrimSuffix(line, "\n")); err != nil {
			return 0, err
		}
	}
}

// line takes one: epoch, progressed, diff, row.
func (s *subscriber) line(line string) error {
	f := strings.SplitN(line, "\t", 4)
	epoch, err := strconv.ParseInt(f[0], 10, 64)
	if err != nil || len(f) != 4 {
		return fmt.Errorf("a line %q", line)
	}
	if f[1] != "t" {
		if epoch <= s.whole {
			return fmt.Errorf("%q is of an epoch that was complete: %d", line, s.whole)
		}
		s.later[epoch] = append(s.later[epoch], f[2]+"\t"+f[3])
		return nil
	}
	if epoch <= s.whole {
		return fmt.Errorf("progress goes back from %d to %d", s.whole, epoch)
	}
	for e, changes := range s.later {
		if e < epoch {
			delete(s.later, e)
			for _, ch := range changes {
				diff, row, _ := strings.Cut(ch, "\t")
				n, err := strconv.Atoi(diff)
				if err != nil {
					return err
				}
				s.rows[row] += n
			}
		}
	}
	s.whole = epoch - 1
	close(s.moved)
	s.moved = make(chan struct{})
	return nil
}

// have are the rows that the changes add up to.
func (s *subscriber) have() ([]string, error) {
	var out []string
	for row, n := range s.rows {
		if n < 0 {
			return nil, fmt.Errorf("row %q is there %d times", row, n)
		}
		row = canonicalRow(row)
		for range n {
			out = append(out, row)
		}
	}
	sort.Strings(out)
	return out, nil
}

// reach waits until everything up to an epoch is there.
func (s *subscriber) reach(epoch int64) error {
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		s.mu.Lock()
		whole, moved := s.whole, s.moved
		s.mu.Unlock()
		if whole >= epoch {
			return nil
		}
		if s.ended == nil {
			if err := s.fetch(); err != nil {
				return err
			}
			continue
		}
		select {
		case <-moved:
		case err := <-s.ended:
			s.ended <- err
			return fmt.Errorf("it ended: %w", err)
		case <-limit.C:
			return fmt.Errorf("it is at epoch %d, not at %d", whole, epoch)
		}
	}
}

// fetch takes what the cursor has.
func (s *subscriber) fetch() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	results, err := s.conn.Exec(ctx, "FETCH 100 c WITH (timeout = '10ms')").ReadAll()
	if err != nil {
		return err
	}
	for _, row := range results[0].Rows {
		cells := make([]string, len(row))
		for i, c := range row {
			if cells[i] = string(c); c == nil {
				cells[i] = `\N`
			}
		}
		if err := s.line(strings.Join(cells, "\t")); err != nil {
			return err
		}
	}
	return nil
}

// compare looks at all subscriptions at the newest epoch.
func (ss *subscribers) compare() {
	w := ss.w
	w.t.Helper()
	epoch := w.epoch()
	for _, s := range ss.list {
		if err := s.reach(epoch); err != nil {
			w.fatal("subscription to %s: %v", s.what, err)
		}
		s.mu.Lock()
		got, err := s.have()
		s.mu.Unlock()
		want := w.rows(s.query)
		if d := differ(got, want); err != nil || d != "" {
			w.fatal("subscription to %s (cursor: %v) at epoch %d: %v\n%s", s.what, s.ended == nil, epoch, err, d)
		}
		if s.since == 0 {
			s.since = epoch
		}
		s.old[epoch] = want
	}
	if len(ss.list) > 0 && w.rng.Intn(3) == 0 {
		ss.again(ss.list[w.rng.Intn(len(ss.list))], epoch)
	}
}

// again asks for what came after an epoch of the past up to a later one.
func (ss *subscribers) again(s *subscriber, newest int64) {
	w := ss.w
	w.t.Helper()
	var epochs []int64
	for e := range s.old {
		epochs = append(epochs, e)
	}
	sort.Slice(epochs, func(i, j int) bool { return epochs[i] < epochs[j] })
	i := w.rng.Intn(len(epochs))
	j := i + w.rng.Intn(len(epochs)-i)
	sql := fmt.Sprintf("COPY (SUBSCRIBE TO %s WITH (SNAPSHOT = false) AS OF %d UP TO %d) TO STDOUT", s.what, epochs[i], epochs[j]+1)
	var out bytes.Buffer
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := w.conn.CopyTo(ctx, &out, sql); err != nil {
		w.fatal("%s\n%v", sql, err)
	}
	at := &subscriber{rows: map[string]int{}}
	for _, row := range s.old[epochs[i]] {
		at.rows[row]++
	}
	k := i
	check := func(before int64) {
		for ; k <= j && epochs[k] < before; k++ {
			got, err := at.have()
			if d := differ(got, s.old[epochs[k]]); err != nil || d != "" {
				w.fatal("%s\nadded up to epoch %d: %v\n%s", sql, epochs[k], err, d)
			}
		}
	}
	last := int64(0)
	for _, line := range strings.SplitAfter(out.String(), "\n") {
		if line == "" {
			continue
		}
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), "\t", 3)
		epoch, _ := strconv.ParseInt(f[0], 10, 64)
		diff, err := strconv.Atoi(f[1])
		if err != nil || epoch <= epochs[i] || epoch > epochs[j] || epoch < last {
			w.fatal("%s\ngives %q after epoch %d", sql, line, last)
		}
		last = epoch
		check(epoch)
		at.rows[canonicalRow(f[2])] += diff
	}
	check(epochs[j] + 1)
}

// pause ends all connections; resume goes on where they were, some with a cursor.
func (ss *subscribers) pause() {
	for _, s := range ss.list {
		s.close()
	}
}

func (ss *subscribers) resume() {
	for _, s := range ss.list {
		s.reset()
		ss.open(s, ss.w.rng.Intn(3) == 0)
	}
}

func (s *subscriber) close() {
	if s.ended != nil {
		_ = s.conn.CancelRequest(context.Background())
		limit := time.AfterFunc(patience, s.cancel)
		<-s.ended
		limit.Stop()
		s.cancel()
	}
	_ = s.conn.Close(context.Background())
}

// end closes all.
func (ss *subscribers) end() {
	ss.pause()
	ss.list = nil
}

// dropView drops a view; subscriptions that read what goes are closed before.
func (ss *subscribers) dropView(v *relation) {
	ss.w.dropView(v)
	stay := map[*relation]bool{}
	for _, x := range append(append([]*relation(nil), ss.w.bases...), ss.w.views...) {
		stay[x] = true
	}
	var list []*subscriber
	for _, s := range ss.list {
		all := true
		for _, r := range s.reads {
			all = all && stay[r]
		}
		if all {
			list = append(list, s)
		} else {
			s.close()
		}
	}
	ss.list = list
}
