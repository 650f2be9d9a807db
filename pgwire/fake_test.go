package pgwire

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// fake is a Handler whose statements are words:
//
//	ints N            N rows (i int4, t text)
//	echo              its parameters, as a row
//	lookup            row (k int8, v text) for parameter int8
//	begin | commit | rollback | insert N | ddl
//	fail CODE words   an error at Run, position 3
//	syntax            an error in Split, at the word
//	panic | sleep     sleep waits for its cancellation
//	push              rows with Flush until cancelled
//	flood             rows with Flush, as fast as the client takes them
//	copyin | copyout N
//	notice | set NAME VALUE
type fake struct {
	mu      sync.Mutex
	copied  []byte // what the last copyin has read
	running chan string

	idle, idleInBlock time.Duration // how long sessions let their clients be silent
}

func (h *fake) NewSession(_ context.Context, info StartupInfo, client Client) (Session, error) {
	if info.Database != info.User && info.Database != "tarn" {
		return nil, sqlerr.New(sqlerr.InvalidCatalogName, "database %q does not exist", info.Database)
	}
	return &fakeSession{h: h, client: client, names: info.Names, env: types.NewEnv()}, nil
}

type fakeSession struct {
	h      *fake
	client Client
	names  *Names
	env    *types.Env
	block  bool
	failed bool
	closed bool
}

func (s *fakeSession) Split(_ context.Context, sql string) ([]Statement, error) {
	var out []Statement
	at := 0
	for part := range strings.SplitSeq(sql, ";") {
		if text := strings.TrimSpace(part); text != "" && !strings.HasPrefix(text, "--") {
			if text == "syntax" {
				return nil, sqlerr.New(sqlerr.SyntaxError, "syntax error at or near %q", text).At(at + strings.Index(part, text) + 1)
			}
			out = append(out, &fakeStatement{s: s, words: strings.Fields(text)})
		}
		at += len(part) + 1
	}
	return out, nil
}

func (s *fakeSession) Sync(context.Context) error {
	if !s.block {
		s.names.EndTransaction()
	}
	return nil
}

func (s *fakeSession) Abort() {
	if s.block {
		s.failed = true
	} else {
		s.names.EndTransaction()
	}
}

func (s *fakeSession) TxStatus() TxStatus {
	switch {
	case s.failed:
		return TxFailed
	case s.block:
		return TxBlock
	}
	return TxIdle
}

func (s *fakeSession) IdleTimeout() time.Duration {
	if s.block {
		return s.h.idleInBlock
	}
	return s.h.idle
}

func (s *fakeSession) Env() *types.Env { return s.env }

func (s *fakeSession) Close() { s.closed = true }

type fakeStatement struct {
	s      *fakeSession
	words  []string
	params []types.Type
	cols   []Column
	portal fakePortal
}

func (st *fakeStatement) Prepare(_ context.Context, oids []uint32) (Prepared, error) {
	switch st.words[0] {
	case "ints":
		st.cols = []Column{{Name: "i", Type: types.Int4}, {Name: "t", Type: types.Text}}
	case "echo":
		for i, oid := range oids {
			t := types.Type{OID: oid, Mod: -1}
			if oid == 0 {
				t = types.Text
			}
			st.params = append(st.params, t)
			st.cols = append(st.cols, Column{Name: fmt.Sprintf("p%d", i+1), Type: t})
		}
	case "lookup":
		st.params = []types.Type{types.Int8}
		st.cols = []Column{{Name: "k", Type: types.Int8}, {Name: "v", Type: types.Text}}
	case "push", "flood":
		st.cols = []Column{{Name: "n", Type: types.Int8}}
	case "begin", "commit", "rollback", "insert", "ddl", "fail", "panic", "sleep", "copyin", "copyout", "notice", "set":
	default:
		return nil, sqlerr.New(sqlerr.SyntaxError, "syntax error at or near %q", st.words[0]).At(1)
	}
	if st.s.failed && st.words[0] != "rollback" && st.words[0] != "commit" {
		return nil, sqlerr.New(sqlerr.InFailedSQLTransaction,
			"current transaction is aborted, commands ignored until end of transaction block")
	}
	return st, nil
}

func (st *fakeStatement) ParamTypes() []types.Type { return st.params }
func (st *fakeStatement) Columns() []Column        { return st.cols }
func (st *fakeStatement) Close()                   {}

func (st *fakeStatement) Bind(_ context.Context, args []types.Datum) (Portal, error) {
	p := &st.portal // as a server would for the portals of a look-up
	if p.open {
		p = &fakePortal{}
	}
	k, v, b := p.k, p.v, p.b
	*p = fakePortal{st: st, args: args, open: true, k: k, v: v, b: b}
	return p, nil
}

type fakePortal struct {
	st   *fakeStatement
	args []types.Datum
	at   int
	open bool
	k, v *vec.Vec
	b    vec.Batch
}

func (p *fakePortal) Columns() []Column { return p.st.cols }

func (p *fakePortal) Close() {
	if !p.open {
		panic("portal closed twice")
	}
	p.open = false
}

func (p *fakePortal) Run(ctx context.Context, maxRows int, out ResultWriter) (Outcome, error) {
	s, words := p.st.s, p.st.words
	if r := s.h.running; r != nil {
		r <- words[0]
	}
	n := 0
	if len(words) > 1 {
		n, _ = strconv.Atoi(words[1])
	}
	switch words[0] {
	case "ints":
		return p.ints(n, maxRows, out)
	case "echo":
		b := &vec.Batch{N: 1}
		for i, t := range p.st.params {
			b.Cols = append(b.Cols, vec.FromDatums(t, p.args[i:i+1]))
		}
		return Outcome{Verb: "SELECT", Rows: 1}, out.Rows(b, 0, 1)
	case "lookup":
		return p.lookup(out)
	case "begin":
		s.block = true
		return Outcome{Verb: "BEGIN", Rows: -1}, nil
	case "commit", "rollback":
		verb := strings.ToUpper(words[0])
		if s.failed {
			verb = "ROLLBACK"
		}
		s.block, s.failed = false, false
		s.names.EndTransaction()
		return Outcome{Verb: verb, Rows: -1}, nil
	case "insert":
		return Outcome{Verb: "INSERT", Rows: int64(n)}, nil
	case "ddl":
		return Outcome{Verb: "CREATE TABLE", Rows: -1}, nil
	case "fail":
		return Outcome{}, fmt.Errorf("outer: %w", sqlerr.New(sqlerr.Code(words[1]), "%s", strings.Join(words[2:], " ")).
			At(3).WithHint("a hint").WithDetail("a detail"))
	case "panic":
		panic("as asked")
	case "sleep":
		<-ctx.Done()
		return Outcome{}, ctx.Err()
	case "push", "flood":
		return p.push(ctx, words[0] == "flood", out)
	case "copyin":
		return p.copyIn(out)
	case "copyout":
		w, err := out.CopyOut(CopyFormat{Columns: 2})
		for i := 0; err == nil && i < n; i++ {
			err = w.Row(fmt.Appendf(nil, "%d\tx\n", i))
		}
		return Outcome{Verb: "COPY", Rows: int64(n)}, err
	case "notice":
		s.client.Notice(Notice, sqlerr.New("00000", "a notice").WithHint("nothing to do"))
		return Outcome{Verb: "DO", Rows: -1}, nil
	case "set":
		s.client.Parameter(words[1], words[2])
		return Outcome{Verb: "SET", Rows: -1}, nil
	}
	panic("unreachable")
}

func (p *fakePortal) ints(n, maxRows int, out ResultWriter) (Outcome, error) {
	hi := n
	if maxRows > 0 {
		hi = min(n, p.at+maxRows)
	}
	lo := p.at
	for p.at < hi {
		k := min(hi-p.at, vec.BatchRows)
		i, t := vec.NewBuilder(types.Int4, k), vec.NewBuilder(types.Text, k)
		for r := p.at; r < p.at+k; r++ {
			i.Int(int64(r))
			if r%3 == 2 {
				t.Null()
			} else {
				t.String(fmt.Sprint("row ", r))
			}
		}
		if err := out.Rows(&vec.Batch{N: k, Cols: []*vec.Vec{i.Finish(), t.Finish()}}, 0, k); err != nil {
			return Outcome{}, err
		}
		p.at += k
	}
	return Outcome{Suspended: maxRows > 0 && hi-lo == maxRows, Verb: "SELECT", Rows: int64(hi - lo)}, nil
}

func (p *fakePortal) lookup(out ResultWriter) (Outcome, error) {
	if p.k == nil {
		p.k = &vec.Vec{Type: types.Int8, N: 1, Ints: make([]int64, 1)}
		p.v = &vec.Vec{Type: types.Text, N: 1, Off: []uint32{0, 16}, Data: []byte("sixteen bytes: v")}
	}
	if p.b.Cols == nil {
		p.b = vec.Batch{N: 1, Cols: append(p.b.Cols, p.k, p.v)}
	}
	p.k.Ints[0] = p.args[0].I
	return Outcome{Verb: "SELECT", Rows: 1}, out.Rows(&p.b, 0, 1)
}

func (p *fakePortal) push(ctx context.Context, flood bool, out ResultWriter) (Outcome, error) {
	rows := 1
	if flood {
		rows = vec.BatchRows
	}
	for n := int64(0); ; n++ {
		v := vec.FromDatums(types.Int8, slices.Repeat([]types.Datum{types.Int(n)}, rows))
		if err := out.Rows(&vec.Batch{N: rows, Cols: []*vec.Vec{v}}, 0, rows); err != nil {
			return Outcome{}, err
		}
		if err := out.Flush(); err != nil {
			return Outcome{}, err
		}
		if !flood && n == 2 {
			<-ctx.Done()
			return Outcome{}, context.Cause(ctx)
		}
	}
}

func (p *fakePortal) copyIn(out ResultWriter) (Outcome, error) {
	in, err := out.CopyIn(CopyFormat{Columns: 2})
	if err != nil {
		return Outcome{}, err
	}
	var got []byte
	for {
		chunk, err := in.Next()
		got = append(got, chunk...)
		if err == io.EOF {
			break
		}
		if err != nil {
			return Outcome{}, err
		}
		if strings.Contains(string(got), "bad") {
			return Outcome{}, sqlerr.New(sqlerr.BadCopyFileFormat, "missing data for column %q", "b").WithWhere("COPY t, line 1")
		}
	}
	h := p.st.s.h
	h.mu.Lock()
	h.copied = got
	h.mu.Unlock()
	return Outcome{Verb: "COPY", Rows: int64(strings.Count(string(got), "\n"))}, nil
}

// startServer serves h on a TCP port of its own until the test ends.
func startServer(t testing.TB, h Handler, cfg Config) (*Server, string) {
	t.Helper()
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s, err := New(h, cfg)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		_ = s.Shutdown(ctx)
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return s, l.Addr().String()
}
