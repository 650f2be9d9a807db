// Package wire plays the same messages of the PostgreSQL protocol to Tarn and to a
// PostgreSQL, and compares what they answer, message by message.
package wire

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// patience is how long an answer may take.
const patience = 20 * time.Second

// marker ends a script: what is read up to its answer is the script's.
const marker = "the script has ended"

// Script is what one connection sends, in one go; the marker follows it.
type Script struct {
	Name     string
	Startup  map[string]string // parameters beside user and database
	Protocol uint32            // 0: 3.0
	Messages []pgproto3.FrontendMessage
	Differs  string // why Tarn may answer otherwise; "" = it may not
}

// Play plays the script to the server at dsn and returns a line for each message of
// its answer, without what may differ between two servers: numbers of relations,
// process numbers, source lines.
func Play(ctx context.Context, dsn string, s Script) ([]string, error) {
	config, err := pgconn.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	network, addr := pgconn.NetworkAddress(config.Host, config.Port)
	var dialer net.Dialer
	nc, err := dialer.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	if err := nc.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	f := pgproto3.NewFrontend(nc, nc)
	if s.Protocol == 0 {
		s.Protocol = pgproto3.ProtocolVersion30
	}
	start := &pgproto3.StartupMessage{ProtocolVersion: s.Protocol, Parameters: map[string]string{"user": config.User, "database": config.Database}}
	for k, v := range s.Startup {
		start.Parameters[k] = v
	}
	f.Send(start)
	if err := f.Flush(); err != nil {
		return nil, err
	}
	lines, err := login(f)
	if err != nil || len(lines) > 0 && strings.HasPrefix(lines[len(lines)-1], "FATAL") {
		return lines, err
	}
	for _, m := range s.Messages {
		f.Send(m)
	}
	f.Send(&pgproto3.Sync{})
	f.Send(&pgproto3.Query{String: "SELECT '" + marker + "'"})
	// A server that has ended the connection takes no more; its answer is read all the same.
	_ = f.Flush()
	answer, err := receive(f)
	return append(lines, answer...), err
}

// login reads up to the first ReadyForQuery. Settings reported are not compared.
func login(f *pgproto3.Frontend) ([]string, error) {
	var lines []string
	for {
		m, err := f.Receive()
		if err != nil {
			return lines, fmt.Errorf("login: %w", err)
		}
		switch m := m.(type) {
		case *pgproto3.ReadyForQuery:
			return lines, nil
		case *pgproto3.ParameterStatus, *pgproto3.BackendKeyData, *pgproto3.AuthenticationOk:
		case *pgproto3.ErrorResponse:
			return append(lines, line(m)), nil
		default:
			lines = append(lines, line(m))
		}
	}
}

// receive reads the answer up to the marker's, or to the end of the connection.
func receive(f *pgproto3.Frontend) ([]string, error) {
	var lines []string
	for ended := false; ; {
		m, err := f.Receive()
		var timeout net.Error
		switch {
		case errors.As(err, &timeout) && timeout.Timeout():
			return append(lines, "hangs"), nil
		case err != nil:
			return append(lines, "closed"), nil
		}
		l := line(m)
		lines = append(lines, l)
		ended = ended || strings.Contains(l, marker)
		if _, ready := m.(*pgproto3.ReadyForQuery); ready && ended {
			return lines[:len(lines)-4], nil // RowDescription, DataRow, CommandComplete, ReadyForQuery
		}
	}
}

// line is a message for comparison.
func line(m pgproto3.BackendMessage) string {
	switch m := m.(type) {
	case *pgproto3.ErrorResponse:
		return fault(m)
	case *pgproto3.NoticeResponse:
		return fault((*pgproto3.ErrorResponse)(m))
	case *pgproto3.RowDescription:
		var b strings.Builder
		b.WriteString("RowDescription")
		for _, c := range m.Fields {
			fmt.Fprintf(&b, " %s:%d/%d/%d format %d", c.Name, c.DataTypeOID, c.DataTypeSize, c.TypeModifier, c.Format)
			if c.TableOID != 0 {
				fmt.Fprintf(&b, " column %d", c.TableAttributeNumber)
			}
		}
		return b.String()
	case *pgproto3.DataRow:
		return "DataRow" + values(m.Values)
	case *pgproto3.CommandComplete:
		return "CommandComplete " + string(m.CommandTag)
	case *pgproto3.ReadyForQuery:
		return "ReadyForQuery " + string(m.TxStatus)
	case *pgproto3.ParameterStatus:
		return "ParameterStatus " + m.Name + "=" + m.Value
	case *pgproto3.CopyData:
		return fmt.Sprintf("CopyData %q", m.Data)
	case *pgproto3.ParameterDescription:
		return fmt.Sprintf("ParameterDescription %v", m.ParameterOIDs)
	case *pgproto3.CopyInResponse:
		return fmt.Sprintf("CopyInResponse %d %v", m.OverallFormat, m.ColumnFormatCodes)
	case *pgproto3.CopyOutResponse:
		return fmt.Sprintf("CopyOutResponse %d %v", m.OverallFormat, m.ColumnFormatCodes)
	case *pgproto3.FunctionCallResponse:
		return fmt.Sprintf("FunctionCallResponse %q", m.Result)
	case *pgproto3.NegotiateProtocolVersion:
		return fmt.Sprintf("NegotiateProtocolVersion %d %v", m.NewestMinorProtocol, m.UnrecognizedOptions)
	}
	return strings.TrimPrefix(fmt.Sprintf("%T", m), "*pgproto3.")
}

func fault(e *pgproto3.ErrorResponse) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %q", e.SeverityUnlocalized, e.Code, e.Message)
	if e.Severity != e.SeverityUnlocalized {
		fmt.Fprintf(&b, " shown as %s", e.Severity)
	}
	if e.Position != 0 {
		fmt.Fprintf(&b, " at %d", e.Position)
	}
	for _, part := range []struct{ name, value string }{
		{"detail", e.Detail}, {"where", whereOf(e)}, {"schema", e.SchemaName}, {"table", e.TableName},
		{"column", e.ColumnName}, {"type", e.DataTypeName}, {"constraint", e.ConstraintName},
	} {
		if part.value != "" {
			fmt.Fprintf(&b, " %s %q", part.name, part.value)
		}
	}
	return b.String()
}

// whereOf is an error's context. That of COPY is not compared: what is found after a
// row has been read does not know the row's line.
func whereOf(e *pgproto3.ErrorResponse) string {
	if strings.HasPrefix(e.Where, "COPY ") {
		return ""
	}
	return e.Where
}

func values(row [][]byte) string {
	var b strings.Builder
	for _, v := range row {
		if v == nil {
			b.WriteString(" NULL")
			continue
		}
		fmt.Fprintf(&b, " %q", v)
	}
	return b.String()
}
