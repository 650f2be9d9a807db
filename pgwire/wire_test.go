package pgwire

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/cockroachdb/datadriven"
	"github.com/jackc/pgx/v5/pgproto3"
)

// wire is a raw client.
type wire struct {
	t  testing.TB
	nc net.Conn
	fe *pgproto3.Frontend
}

func dial(t testing.TB, addr string) *wire {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(20 * time.Second))
	return &wire{t: t, nc: nc, fe: pgproto3.NewFrontend(nc, nc)}
}

// login starts up as user tarn and returns the answer up to ReadyForQuery.
func (w *wire) login(params ...string) string {
	w.t.Helper()
	m := &pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30, Parameters: map[string]string{"user": "tarn"}}
	for i := 0; i+1 < len(params); i += 2 {
		m.Parameters[params[i]] = params[i+1]
	}
	w.fe.Send(m)
	return w.until(1, "ReadyForQuery")
}

func (w *wire) query(sql string) string {
	w.t.Helper()
	w.fe.SendQuery(&pgproto3.Query{String: sql})
	return w.until(1, "ReadyForQuery")
}

// until flushes and returns what comes up to the n-th message of that name, or
// the end of the connection.
func (w *wire) until(n int, name string) string {
	w.t.Helper()
	var b strings.Builder
	if err := w.fe.Flush(); err != nil {
		return fmt.Sprintf("flush: %v\n", err)
	}
	for n > 0 {
		m, err := w.fe.Receive()
		if err != nil {
			if err != io.ErrUnexpectedEOF && !strings.Contains(err.Error(), "reset by peer") {
				w.t.Fatalf("after %q: %v", b.String(), err)
			}
			b.WriteString("(closed)\n")
			break
		}
		line := show(m)
		b.WriteString(line + "\n")
		if strings.HasPrefix(line, name) {
			n--
		}
	}
	return b.String()
}

// show prints a server message on one line.
func show(m pgproto3.BackendMessage) string {
	name := strings.TrimPrefix(fmt.Sprintf("%T", m), "*pgproto3.")
	switch m := m.(type) {
	case *pgproto3.RowDescription:
		for _, f := range m.Fields {
			name += fmt.Sprintf(" %s:%d/%d/%d/%d", f.Name, f.DataTypeOID, f.DataTypeSize, f.TypeModifier, f.Format)
		}
	case *pgproto3.DataRow:
		for _, v := range m.Values {
			name += " " + showValue(v)
		}
	case *pgproto3.ErrorResponse:
		return name + " " + showReport(m)
	case *pgproto3.NoticeResponse:
		return name + " " + showReport((*pgproto3.ErrorResponse)(m))
	case *pgproto3.CommandComplete:
		name += " " + string(m.CommandTag)
	case *pgproto3.ReadyForQuery:
		name += " " + string(m.TxStatus)
	case *pgproto3.ParameterStatus:
		name += " " + m.Name + "=" + m.Value
	case *pgproto3.ParameterDescription:
		name += fmt.Sprint(" ", m.ParameterOIDs)
	case *pgproto3.CopyData:
		name += " " + showValue(m.Data)
	case *pgproto3.CopyInResponse:
		name += fmt.Sprint(" ", m.OverallFormat, m.ColumnFormatCodes)
	case *pgproto3.CopyOutResponse:
		name += fmt.Sprint(" ", m.OverallFormat, m.ColumnFormatCodes)
	case *pgproto3.NegotiateProtocolVersion:
		name += fmt.Sprint(" ", m.NewestMinorProtocol, m.UnrecognizedOptions)
	}
	return name
}

func showValue(v []byte) string {
	if v == nil {
		return "NULL"
	}
	for _, r := range string(v) {
		if !unicode.IsPrint(r) && r != '\n' && r != '\t' || r == unicode.ReplacementChar {
			return "x" + hex.EncodeToString(v)
		}
	}
	return fmt.Sprintf("%q", v)
}

func showReport(e *pgproto3.ErrorResponse) string {
	s := fmt.Sprintf("%s %s %s", e.Severity, e.Code, e.Message)
	for _, f := range []struct{ name, value string }{{"detail", e.Detail}, {"hint", e.Hint}, {"where", e.Where}} {
		if f.value != "" {
			s += " | " + f.name + ": " + f.value
		}
	}
	if e.Position != 0 {
		s += fmt.Sprintf(" | position: %d", e.Position)
	}
	return s
}

var clientMessages = map[string]func() pgproto3.FrontendMessage{
	"Query":    func() pgproto3.FrontendMessage { return &pgproto3.Query{} },
	"Parse":    func() pgproto3.FrontendMessage { return &pgproto3.Parse{} },
	"Bind":     func() pgproto3.FrontendMessage { return &pgproto3.Bind{} },
	"Describe": func() pgproto3.FrontendMessage { return &pgproto3.Describe{} },
	"Execute":  func() pgproto3.FrontendMessage { return &pgproto3.Execute{} },
	"Close":    func() pgproto3.FrontendMessage { return &pgproto3.Close{} },
	"Sync":     func() pgproto3.FrontendMessage { return &pgproto3.Sync{} },
	"Flush":    func() pgproto3.FrontendMessage { return &pgproto3.Flush{} },
	"CopyData": func() pgproto3.FrontendMessage { return &pgproto3.CopyData{} },
	"CopyDone": func() pgproto3.FrontendMessage { return &pgproto3.CopyDone{} },
	"CopyFail": func() pgproto3.FrontendMessage { return &pgproto3.CopyFail{} },
}

// parseClient reads one line of a script: a message's name and its fields as
// JSON, with strings in place of bytes where pgproto3 wants {"text": …}.
func parseClient(t testing.TB, line string) (m pgproto3.FrontendMessage, raw []byte) {
	t.Helper()
	name, args, _ := strings.Cut(strings.TrimSpace(line), " ")
	if name == "raw" { // type, then the body in hex
		body, err := hex.DecodeString(strings.ReplaceAll(args[1:], " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		raw = binary.BigEndian.AppendUint32([]byte{args[0]}, uint32(len(body)+4))
		return nil, append(raw, body...)
	}
	if name == "bytes" {
		body, err := hex.DecodeString(strings.ReplaceAll(args, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		return nil, body
	}
	mk := clientMessages[name]
	if mk == nil {
		t.Fatalf("no client message %q", name)
	}
	m = mk()
	switch m := m.(type) {
	case *pgproto3.CopyData:
		if err := json.Unmarshal([]byte(args), (*jsonBytes)(&m.Data)); err != nil {
			t.Fatal(err)
		}
		return m, nil
	case *pgproto3.Describe:
		m.ObjectType, m.Name = args[0], strings.TrimSpace(args[1:])
		return m, nil
	case *pgproto3.Close:
		m.ObjectType, m.Name = args[0], strings.TrimSpace(args[1:])
		return m, nil
	}
	if args != "" {
		if err := json.Unmarshal([]byte(args), m); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	return m, nil
}

type jsonBytes []byte

func (b *jsonBytes) UnmarshalJSON(text []byte) error {
	var s string
	err := json.Unmarshal(text, &s)
	*b = jsonBytes(s)
	return err
}

// TestTranscripts plays the client messages of testdata and compares what the
// server answers.
//
//	startup [until=M] [version=N]   a new connection; the input is name=value lines
//	send [until=M] [n=N]            messages; answers up to the N-th M, by default
//	                                one ReadyForQuery for each Sync and Query
//	copied                          what the last copyin has read
func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		h := &fake{}
		_, addr := startServer(t, h, Config{MessageBytesMax: 1 << 20})
		var w *wire
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			until, n := "ReadyForQuery", 0
			d.MaybeScanArgs(t, "until", &until)
			d.MaybeScanArgs(t, "n", &n)
			switch d.Cmd {
			case "startup":
				w = dial(t, addr)
				version := pgproto3.ProtocolVersion30
				d.MaybeScanArgs(t, "version", &version)
				b := binary.BigEndian.AppendUint32(nil, uint32(version))
				for line := range strings.Lines(d.Input) {
					if code, ok := strings.CutPrefix(strings.TrimSpace(line), "request "); ok {
						var v uint32
						fmt.Sscan(code, &v)
						_, _ = w.nc.Write(binary.BigEndian.AppendUint32([]byte{0, 0, 0, 8}, v))
						answer := make([]byte, 1)
						if _, err := io.ReadFull(w.nc, answer); err != nil || answer[0] != 'N' {
							t.Fatalf("answer %q, %v", answer, err)
						}
						continue
					}
					name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
					b = append(b, name+"\x00"+value+"\x00"...)
				}
				b = append(b, 0)
				_, _ = w.nc.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(b)+4)), b...))
				return w.until(1, until)
			case "send":
				for line := range strings.Lines(d.Input) {
					m, raw := parseClient(t, line)
					if m == nil {
						_ = w.fe.Flush()
						_, _ = w.nc.Write(raw)
						continue
					}
					w.fe.Send(m)
					switch m.(type) {
					case *pgproto3.Sync, *pgproto3.Query:
						if !d.HasArg("n") {
							n++
						}
					}
				}
				if d.HasArg("until") && !d.HasArg("n") {
					n = 1
				}
				return w.until(n, until)
			case "copied":
				h.mu.Lock()
				defer h.mu.Unlock()
				return string(h.copied)
			}
			t.Fatalf("no command %q", d.Cmd)
			return ""
		})
	})
}
