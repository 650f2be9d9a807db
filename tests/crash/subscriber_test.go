package crash

import (
	"bytes"
	"context"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
)

// subscriber keeps a copy of a relation by its changes. It resumes after each
// kill from the last epoch that it has whole, and remembers all it was given.
type subscriber struct {
	what string // SUBSCRIBE's object: a name, or a query in parentheses
	want string // query for what the copy must be

	mu      sync.Mutex
	moved   chan struct{}      // closed and replaced when whole moves
	first   int64              // epoch of the snapshot
	whole   int64              // newest epoch that has been given completely; -1 = none yet
	copy    map[string]int64   // row → how often
	history map[int64][]string // epoch → changes, sorted
	pending map[int64][]string // epochs that may be incomplete
	buf     bytes.Buffer       // a line that has not ended
}

func newSubscriber(what, want string) *subscriber {
	return &subscriber{what: what, want: want, whole: -1, moved: make(chan struct{}),
		copy: map[string]int64{}, history: map[int64][]string{}}
}

// run subscribes, or resumes, until the connection breaks.
func (s *subscriber) run(ctx context.Context, c *pgconn.PgConn) error {
	s.mu.Lock()
	s.pending = map[int64][]string{}
	s.buf.Reset()
	sql := fmt.Sprintf("COPY (SUBSCRIBE TO %s WITH (SNAPSHOT = true, PROGRESS = true)) TO STDOUT", s.what)
	if s.whole >= 0 {
		sql = fmt.Sprintf("COPY (SUBSCRIBE TO %s WITH (SNAPSHOT = false, PROGRESS = true) AS OF %d) TO STDOUT", s.what, s.whole)
	}
	s.mu.Unlock()
	_, err := c.CopyTo(ctx, s, sql)
	return wrongIfRefused(sql, err)
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
			return 0, fmt.Errorf("%w: subscription to %s: %w", errWrong, s.what, err)
		}
	}
}

// line takes one: epoch, progressed, diff, row.
func (s *subscriber) line(line string) error {
	f := strings.SplitN(line, "\t", 4)
	epoch, err := strconv.ParseInt(f[0], 10, 64)
	if err != nil || len(f) != 4 {
		return fmt.Errorf("what is %q?", line)
	}
	if f[1] == "t" {
		return s.progressed(epoch)
	}
	if epoch <= s.whole {
		return fmt.Errorf("a row of epoch %d after all of %d: %q", epoch, s.whole, line)
	}
	s.pending[epoch] = append(s.pending[epoch], f[2]+"\t"+f[3])
	return nil
}

// progressed: everything before the epoch has been given.
func (s *subscriber) progressed(before int64) error {
	if before <= s.whole {
		return fmt.Errorf("progress to %d after progress to %d", before, s.whole+1)
	}
	snapshot := s.whole < 0
	epochs := make([]int64, 0, len(s.pending))
	for e := range s.pending {
		epochs = append(epochs, e)
	}
	sort.Slice(epochs, func(i, j int) bool { return epochs[i] < epochs[j] })
	for _, e := range epochs {
		if e >= before {
			break
		}
		changes := s.pending[e]
		delete(s.pending, e)
		for _, ch := range changes {
			diff, row, _ := strings.Cut(ch, "\t")
			n, err := strconv.ParseInt(diff, 10, 64)
			if err != nil {
				return err
			}
			if s.copy[row] += n; s.copy[row] == 0 {
				delete(s.copy, row)
			}
		}
		for row, n := range s.copy {
			if n < 0 {
				return fmt.Errorf("epoch %d leaves row %q %d times", e, row, n)
			}
		}
		if !snapshot {
			sort.Strings(changes)
			s.history[e] = changes
		}
	}
	if snapshot {
		s.first = before - 1
	}
	s.whole = before - 1
	close(s.moved)
	s.moved = make(chan struct{})
	return nil
}

// rows is the copy, sorted.
func (s *subscriber) rows() []string {
	var out []string
	for row, n := range s.copy {
		for range n {
			out = append(out, row)
		}
	}
	sort.Strings(out)
	return out
}

// reach waits until everything up to an epoch has been given.
func (s *subscriber) reach(ctx context.Context, epoch int64) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		s.mu.Lock()
		whole, moved := s.whole, s.moved
		s.mu.Unlock()
		if whole >= epoch {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return fmt.Errorf("%w: subscription to %s is at epoch %d, not at %d, after %s", errWrong, s.what, whole, epoch, patience)
		}
	}
}

// replay asks for everything since the snapshot once more and compares it with
// what came over all the kills.
func (s *subscriber) replay(ctx context.Context, c *pgconn.PgConn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	sql := fmt.Sprintf("COPY (SUBSCRIBE TO %s WITH (SNAPSHOT = false) AS OF %d UP TO %d) TO STDOUT", s.what, s.first, s.whole+1)
	var out bytes.Buffer
	if _, err := c.CopyTo(ctx, &out, sql); err != nil {
		return fmt.Errorf("%s: %w", sql, err)
	}
	var got, want []string
	for _, line := range strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n") {
		if line != "" {
			got = append(got, line)
		}
	}
	for e, changes := range s.history {
		for _, ch := range changes {
			want = append(want, fmt.Sprintf("%d\t%s", e, ch))
		}
	}
	sort.Strings(got)
	sort.Strings(want)
	if d := differ(got, want); d != "" {
		return fmt.Errorf("%w: subscription to %s: the changes since epoch %d, given again, are others:%s", errWrong, s.what, s.first, d)
	}
	return nil
}
