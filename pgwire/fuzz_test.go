package pgwire

import (
	"bytes"
	"encoding/binary"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// FuzzConnection sends arbitrary bytes after a login. The connection must end by
// itself once its input has, and everything that it says must be whole messages.
func FuzzConnection(f *testing.F) {
	seed := func(ms ...pgproto3.FrontendMessage) {
		var b []byte
		for _, m := range ms {
			b, _ = m.Encode(b)
		}
		f.Add(b)
	}
	seed(&pgproto3.Query{String: "ints 3; insert 1; notice"})
	seed(&pgproto3.Query{String: "copyin"}, &pgproto3.CopyData{Data: []byte("1\n")}, &pgproto3.CopyData{}, &pgproto3.CopyDone{})
	seed(&pgproto3.Query{String: "begin"}, &pgproto3.Query{String: "panic"}, &pgproto3.CopyFail{Message: "x"})
	seed(&pgproto3.Parse{Name: "s", Query: "lookup", ParameterOIDs: []uint32{20}}, &pgproto3.Describe{ObjectType: 'S', Name: "s"},
		&pgproto3.Bind{PreparedStatement: "s", Parameters: [][]byte{[]byte("1")}, ResultFormatCodes: []int16{1}},
		&pgproto3.Describe{ObjectType: 'P'}, &pgproto3.Execute{MaxRows: 1}, &pgproto3.Close{ObjectType: 'S', Name: "s"},
		&pgproto3.Flush{}, &pgproto3.Sync{}, &pgproto3.Terminate{})
	f.Add([]byte("Q\xff\xff\xff\xff"))

	s, err := New(&fake{}, Config{MessageBytesMax: 4096, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		if bytes.Contains(input, []byte("sleep")) || bytes.Contains(input, []byte("push")) || bytes.Contains(input, []byte("flood")) {
			t.Skip("would wait for a cancel")
		}
		nc := newScript(input)
		c := newConn(s, nc)
		c.session, _ = s.handler.NewSession(t.Context(), StartupInfo{User: "u", Database: "u", Names: c.names}, c)
		c.serveMessages()
		for out := nc.out.Bytes(); len(out) > 0; {
			if len(out) < 5 || len(out) < 1+int(binary.BigEndian.Uint32(out[1:])) {
				t.Fatalf("output ends within a message: %q", out)
			}
			out = out[1+binary.BigEndian.Uint32(out[1:]):]
		}
	})
}

// FuzzStartup sends arbitrary bytes in place of a startup packet.
func FuzzStartup(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x08\x04\xd2\x16\x2f\x00\x00\x00\x10\x00\x03\x00\x00user\x00a\x00\x00"))
	f.Add([]byte("\x00\x00\x00\x10\x04\xd2\x16\x2e\x00\x00\x00\x01\x00\x00\x00\x01"))
	f.Add([]byte("\x00\x00\x00\x1f\x00\x03\x00\x02user\x00a\x00options\x00-c a=b\\\x00\x00"))
	s, err := New(&fake{}, Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		c := newConn(s, newScript(input))
		defer s.forget(c)
		c.serve()
	})
}

// script is a socket whose input is fixed.
type script struct {
	net.Conn
	in  *bytes.Reader
	out bytes.Buffer
}

func newScript(input []byte) *script { return &script{in: bytes.NewReader(input)} }

func (s *script) Read(b []byte) (int, error)       { return s.in.Read(b) }
func (s *script) Write(b []byte) (int, error)      { return s.out.Write(b) }
func (s *script) Close() error                     { return nil }
func (s *script) SetDeadline(time.Time) error      { return nil }
func (s *script) SetReadDeadline(time.Time) error  { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }
func (s *script) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
