package pgwire

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// benchClient repeats one prepared look-up, pipeline of them at a time, and reads
// answers of a known length, so that the client costs as little as it can.
type benchClient struct {
	nc      net.Conn
	request []byte
	answer  []byte
}

func newBenchClient(t testing.TB, addr string, pipeline int) *benchClient {
	w := dial(t, addr)
	w.login()
	w.fe.Send(&pgproto3.Parse{Name: "s1", Query: "lookup"})
	w.fe.Send(&pgproto3.Sync{})
	w.until(1, "ReadyForQuery")
	_ = w.nc.SetDeadline(time.Time{})
	var b []byte
	for range pipeline {
		// As libpq's PQsendQueryPrepared.
		b, _ = (&pgproto3.Bind{PreparedStatement: "s1", Parameters: [][]byte{[]byte("1234567")}}).Encode(b)
		b, _ = (&pgproto3.Describe{ObjectType: 'P'}).Encode(b)
		b, _ = (&pgproto3.Execute{}).Encode(b)
		b, _ = (&pgproto3.Sync{}).Encode(b)
	}
	c := &benchClient{nc: w.nc, request: b}
	// The first answer tells the length of all.
	if _, err := c.nc.Write(b); err != nil {
		t.Fatal(err)
	}
	ready := "Z\x00\x00\x00\x05I"
	buf := make([]byte, 64<<10)
	for strings.Count(string(c.answer), ready) < pipeline {
		n, err := c.nc.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		c.answer = append(c.answer, buf[:n]...)
	}
	if !strings.Contains(string(c.answer), "sixteen bytes: v") {
		t.Fatalf("answer %q", c.answer)
	}
	return c
}

func (c *benchClient) round() error {
	if _, err := c.nc.Write(c.request); err != nil {
		return err
	}
	_, err := io.ReadFull(c.nc, c.answer)
	return err
}

// BenchmarkLookup answers prepared look-ups over TCP from a handler that does
// nothing. Client and server are one process, so cpu-µs/op is that of both.
func BenchmarkLookup(b *testing.B) {
	for _, clients := range []int{1, 8, 64} {
		for _, pipeline := range []int{1, 16} {
			b.Run(fmt.Sprintf("clients=%d/pipeline=%d", clients, pipeline), func(b *testing.B) {
				benchLookup(b, clients, pipeline)
			})
		}
	}
}

func benchLookup(b *testing.B, clients, pipeline int) {
	_, addr := startServer(b, &fake{}, Config{})
	cs := make([]*benchClient, clients)
	for i := range cs {
		cs[i] = newBenchClient(b, addr, pipeline)
	}
	b.ReportAllocs()
	b.ResetTimer()
	cpu := cpuTime()
	var wg sync.WaitGroup
	for i, c := range cs {
		wg.Go(func() {
			for n := i * pipeline; n < b.N; n += clients * pipeline {
				if err := c.round(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64((cpuTime()-cpu).Nanoseconds())/1e3/float64(b.N), "cpu-µs/op")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "queries/s")
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkMessages is the same without sockets: decoding, binding, encoding.
func BenchmarkMessages(b *testing.B) {
	c, request := messageLoop(b)
	b.ReportAllocs()
	for b.Loop() {
		if err := c.feed(request); err != nil {
			b.Fatal(err)
		}
	}
}

// TestNoAllocations holds Bind, Describe, Execute, Sync to what the parameters
// need: nothing for integers.
func TestNoAllocations(t *testing.T) {
	c, request := messageLoop(t)
	if n := testing.AllocsPerRun(200, func() {
		if err := c.feed(request); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations for a look-up", n)
	}
}

// nullConn is a socket that swallows all output.
type nullConn struct{ net.Conn }

func (nullConn) Write(b []byte) (int, error) { return len(b), nil }
func (nullConn) Read([]byte) (int, error)    { return 0, io.EOF }

type loop struct{ *conn }

// messageLoop is a connection past its startup, fed by hand.
func messageLoop(t testing.TB) (loop, []byte) {
	s, err := New(&fake{}, Config{WatchInterval: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	c := newConn(s, nullConn{})
	c.session, _ = s.handler.NewSession(t.Context(), StartupInfo{Names: c.names}, c)
	l := loop{c}
	b, _ := (&pgproto3.Parse{Name: "s1", Query: "lookup"}).Encode(nil)
	if err := l.feed(b); err != nil {
		t.Fatal(err)
	}
	b, _ = (&pgproto3.Bind{PreparedStatement: "s1", Parameters: [][]byte{[]byte("1234567")}}).Encode(nil)
	b, _ = (&pgproto3.Describe{ObjectType: 'P'}).Encode(b)
	b, _ = (&pgproto3.Execute{}).Encode(b)
	b, _ = (&pgproto3.Sync{}).Encode(b)
	return l, b
}

func (l loop) feed(b []byte) error {
	l.in.buf, l.in.r, l.in.w = b, 0, len(b)
	for l.in.r < l.in.w {
		typ, body, err := l.in.message()
		if err != nil {
			return err
		}
		if err := l.handle(typ, body); err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkRows encodes batches of five columns into DataRows.
func BenchmarkRows(b *testing.B) {
	const rows = vec.BatchRows
	cols := []types.Type{types.Int8, types.Text, types.NumericOf(18, 2), types.Timestamptz, types.Bool}
	batch := &vec.Batch{N: rows}
	for _, t := range cols {
		v := vec.NewBuilder(t, rows)
		for i := range rows {
			switch t.Phys() {
			case types.PhysInt:
				v.Int(int64(i) * 1_000_003)
			case types.PhysNumeric:
				v.Numeric(int64(i)*101, 2)
			case types.PhysBool:
				v.Bool(i%2 == 0)
			default:
				v.String("some text")
			}
		}
		batch.Cols = append(batch.Cols, v.Finish())
	}
	for _, format := range []int16{formatText, formatBinary} {
		b.Run(fmt.Sprintf("format=%d", format), func(b *testing.B) {
			c, _ := messageLoop(b)
			c.begin()
			c.result.begin(types.NewEnv(), []int16{format})
			b.ReportAllocs()
			for b.Loop() {
				if err := c.result.Rows(batch, 0, rows); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// BenchmarkCopyIn reads CopyData messages of one line each, as psql sends them.
func BenchmarkCopyIn(b *testing.B) {
	c, _ := messageLoop(b)
	line := []byte("1234567\tsome text\t2026-03-01 09:00:00+00\t12.50\n")
	msg, _ := (&pgproto3.CopyData{Data: line}).Encode(nil)
	var input []byte
	for len(input) < bulkReadBytes {
		input = append(input, msg...)
	}
	lines := len(input) / len(msg)
	c.begin()
	c.result.begin(types.NewEnv(), nil)
	in, _ := c.result.CopyIn(CopyFormat{Columns: 4})
	c.in.buf = make([]byte, len(input))
	b.ReportAllocs()
	for b.Loop() {
		copy(c.in.buf, input) // what the read system call would do
		c.in.r, c.in.w = 0, len(input)
		for c.in.r < c.in.w {
			if _, err := in.Next(); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(lines*b.N)/b.Elapsed().Seconds(), "lines/s")
}
