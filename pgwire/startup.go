package pgwire

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// Request codes that stand where a protocol version would.
const (
	cancelRequest = 80877102
	sslRequest    = 80877103
	gssEncRequest = 80877104
)

// startup brings the connection to its first ReadyForQuery. A returned error is
// sent as FATAL; errBye closes without a word.
func (c *conn) startup() error {
	// One deadline for all of it: a client that sends a byte a second must not
	// hold a place for ever.
	_ = c.nc.SetDeadline(time.Now().Add(c.srv.cfg.StartupTimeout))
	info, err := c.startupPacket()
	if err != nil {
		return err
	}
	if err := c.authenticate(info); err != nil {
		return err
	}
	if _, err := rand.Read(c.secret[:]); err != nil { // before a CancelRequest can look at it
		return err
	}
	if err := c.srv.admit(c); err != nil {
		return err
	}
	info.PID = c.pid
	info.Names = c.names
	info.Remote = c.nc.RemoteAddr()
	c.params.init(info, c.srv.cfg.ServerVersion)
	if c.session, err = c.newSession(info); err != nil {
		return err
	}
	_ = c.nc.SetDeadline(time.Time{})
	c.params.send(&c.out)
	c.out.message(&pgproto3.BackendKeyData{ProcessID: c.pid, SecretKey: c.secret[:]})
	return nil
}

func (c *conn) newSession(info StartupInfo) (s Session, err error) {
	defer func() {
		if r := recover(); r != nil {
			c.srv.cfg.Logger.Error("panic while opening a session", "panic", r)
			s, err = nil, sqlerr.New(sqlerr.InternalError, "internal error: %v", r)
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), c.srv.cfg.StartupTimeout)
	defer cancel()
	if s, err = c.srv.handler.NewSession(ctx, info, c); err != nil {
		return nil, sqlerr.From(err)
	}
	return s, nil
}

// errBye ends a connection that is owed no answer.
var errBye = errorString("bye")

type errorString string

func (e errorString) Error() string { return string(e) }

// startupPacket answers requests for encryption until the StartupMessage comes,
// or serves a CancelRequest.
func (c *conn) startupPacket() (info StartupInfo, err error) {
	for asked := 0; ; {
		if err := c.in.need(4); err != nil {
			return info, err
		}
		size := int64(int32(binary.BigEndian.Uint32(c.in.take(4)))) - 4
		if size < 4 || size > startupBytes {
			return info, sqlerr.New(sqlerr.ProtocolViolation, "invalid length of startup packet")
		}
		if err := c.in.need(int(size)); err != nil {
			return info, err
		}
		f := fields{b: c.in.take(int(size))}
		switch version := uint32(f.int32()); {
		case version == cancelRequest:
			pid, key := uint32(f.int32()), f.b
			if !f.bad {
				c.srv.cancelByKey(pid, key)
			}
			return info, errBye
		case version == sslRequest || version == gssEncRequest:
			if asked++; asked > 4 {
				return info, sqlerr.New(sqlerr.ProtocolViolation, "too many requests for encryption")
			}
			c.out.buf = append(c.out.buf, 'N')
		case version>>16 == 3:
			return c.startupParams(version&0xffff, f)
		default:
			return info, sqlerr.New(sqlerr.FeatureNotSupported,
				"unsupported frontend protocol %d.%d: server supports 3.0 to 3.0", version>>16, version&0xffff)
		}
	}
}

// startupParams reads the name/value pairs of a StartupMessage.
func (c *conn) startupParams(minor uint32, f fields) (info StartupInfo, err error) {
	var unknown []string // options of protocol versions to come
	var options string
	for {
		name := f.cstring()
		if f.bad {
			return info, sqlerr.New(sqlerr.ProtocolViolation, "invalid startup packet layout: expected terminator as last byte")
		}
		if len(name) == 0 {
			break
		}
		if value := f.cstring(); utf8.Valid(name) && utf8.Valid(value) {
			switch name, value := string(name), string(value); {
			case name == "user":
				info.User = value
			case name == "database":
				info.Database = value
			case name == "options":
				options = value
			case name == "replication":
				if value != "false" && value != "off" && value != "no" && value != "0" {
					return info, sqlerr.New(sqlerr.FeatureNotSupported, "replication connections are not supported")
				}
			case strings.HasPrefix(name, "_pq_."):
				unknown = append(unknown, name)
			default:
				info.Params = append(info.Params, Param{name, value})
			}
		} else {
			return info, sqlerr.New(sqlerr.CharacterNotInRepertoire, `invalid byte sequence for encoding "UTF8"`)
		}
	}
	if len(f.b) > 0 {
		return info, sqlerr.New(sqlerr.ProtocolViolation, "invalid startup packet layout: expected terminator as last byte")
	}
	if minor > 0 || len(unknown) > 0 {
		c.out.message(&pgproto3.NegotiateProtocolVersion{
			NewestMinorProtocol: pgproto3.ProtocolVersion30, // the whole number, as PostgreSQL sends it
			UnrecognizedOptions: unknown,
		})
	}
	if info.User == "" {
		return info, sqlerr.New(sqlerr.InvalidAuthorization, "no PostgreSQL user name specified in startup packet")
	}
	if info.Database == "" {
		info.Database = info.User
	}
	fromOptions, err := splitOptions(options)
	info.Params = append(fromOptions, info.Params...)
	return info, err
}

// splitOptions reads the settings out of the "options" parameter: -c name=value
// and --name=value, with blanks quoted by backslashes.
func splitOptions(s string) ([]Param, error) {
	var params []Param
	words := splitWords(s)
	for i := 0; i < len(words); i++ {
		word := words[i]
		switch {
		case word == "-c" && i+1 < len(words):
			i++
			word = words[i]
		case strings.HasPrefix(word, "-c"):
			word = word[2:]
		case strings.HasPrefix(word, "--"):
			word = word[2:]
		default:
			return nil, sqlerr.New(sqlerr.SyntaxError, "invalid command-line argument for server process: %s", word)
		}
		name, value, ok := strings.Cut(word, "=")
		if !ok {
			return nil, sqlerr.New(sqlerr.SyntaxError, "-c %s requires a value", word)
		}
		params = append(params, Param{strings.ReplaceAll(name, "-", "_"), value})
	}
	return params, nil
}

func splitWords(s string) []string {
	var words []string
	var word []byte
	in := false
	for i := 0; i < len(s); i++ {
		switch ch := s[i]; {
		case ch == ' ' || ch >= '\t' && ch <= '\r':
			if in {
				words = append(words, string(word))
			}
			word, in = word[:0], false
		case ch == '\\' && i+1 < len(s):
			i++
			word, in = append(word, s[i]), true
		default:
			word, in = append(word, ch), true
		}
	}
	if in {
		words = append(words, string(word))
	}
	return words
}
