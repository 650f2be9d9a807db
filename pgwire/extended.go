package pgwire

import (
	"context"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// parse serves Parse.
func (c *conn) parse(body []byte) error {
	f := fields{b: body}
	name, text := f.cstring(), f.cstring()
	c.oids = c.oids[:0]
	for range f.int16() {
		if f.bad {
			break
		}
		c.oids = append(c.oids, uint32(f.int32()))
	}
	if err := f.end(); err != nil {
		return err
	}
	if len(name) == 0 {
		_ = c.names.DropStatement("")
	} else if err := types.CheckUTF8(name); err != nil {
		return err
	}
	sql, err := queryText(text)
	if err != nil {
		return err
	}
	c.sql = sql
	prepared, err := c.prepare(sql)
	c.sql = ""
	if err != nil {
		return err
	}
	if err := c.names.AddStatement(string(name), prepared); err != nil {
		prepared.Close()
		return err
	}
	c.out.bare('1')
	return nil
}

func (c *conn) prepare(sql string) (Prepared, error) {
	stmts, err := c.session.Split(c.ctx, sql)
	if err != nil {
		return nil, c.flat(err) // while the text is known
	}
	switch len(stmts) {
	case 0:
		return emptyStatement{}, nil
	case 1:
		p, err := stmts[0].Prepare(c.ctx, c.oids)
		if err != nil {
			return nil, c.flat(err)
		}
		return p, nil
	}
	return nil, sqlerr.New(sqlerr.SyntaxError, "cannot insert multiple commands into a prepared statement")
}

// bind serves Bind. It is the hot path of look-ups: names are looked up without
// being copied, and the unnamed portal's place is used again and again.
func (c *conn) bind(body []byte) error {
	f := fields{b: body}
	portalName, stmtName := f.cstring(), f.cstring()
	stmt, ok := c.names.statements[string(stmtName)]
	if !ok {
		if f.bad {
			return errFormat
		}
		return noStatement(string(stmtName))
	}
	e, err := c.names.place(string(portalName))
	if err != nil {
		return err
	}
	if err := c.bindParams(&f, e, stmt.ParamTypes(), portalName, stmtName); err != nil {
		return err
	}
	e.formats = e.formats[:0]
	for range f.int16() {
		code := int16(f.int16())
		if f.bad {
			break
		}
		if code != formatText && code != formatBinary {
			return sqlerr.New(sqlerr.InvalidParameterValue, "unsupported format code: %d", code)
		}
		e.formats = append(e.formats, code)
	}
	if err := f.end(); err != nil {
		return err
	}
	p, err := stmt.Bind(c.ctx, e.args)
	if err != nil {
		return err
	}
	if n := len(p.Columns()); n > 0 && len(e.formats) > 1 && len(e.formats) != n {
		p.Close()
		return sqlerr.New(sqlerr.ProtocolViolation, "bind message has %d result formats but query has %d columns", len(e.formats), n)
	}
	e.Portal = p
	if len(portalName) == 0 {
		c.names.portals[""] = e
	} else {
		c.names.portals[string(portalName)] = e
	}
	c.out.bare('2')
	return nil
}

// bindParams decodes the parameter part of Bind into e.args.
func (c *conn) bindParams(f *fields, e *portal, ts []types.Type, portalName, stmtName []byte) error {
	nFormats := f.int16()
	formats := fields{b: f.bytes(2 * nFormats)}
	n := f.int16()
	if f.bad {
		return errFormat
	}
	if nFormats > 1 && nFormats != n {
		return sqlerr.New(sqlerr.ProtocolViolation, "bind message has %d parameter formats but %d parameters", nFormats, n)
	}
	if n != len(ts) {
		return sqlerr.New(sqlerr.ProtocolViolation, "bind message supplies %d parameters, but prepared statement \"%s\" requires %d",
			n, stmtName, len(ts))
	}
	env := c.session.Env()
	e.args = e.args[:0]
	format := formatText
	for i := range n {
		if i == 0 && nFormats > 0 || nFormats > 1 {
			format = formats.int16()
		}
		size := f.int32()
		if size == -1 {
			e.args = append(e.args, types.NullDatum)
			continue
		}
		value := f.bytes(int(size))
		if f.bad {
			return errFormat
		}
		d, err := decodeParam(value, format, ts[i], env)
		if err != nil {
			return inParam(err, portalName, i, format)
		}
		e.args = append(e.args, d)
	}
	return nil
}

// describe serves Describe of a statement or portal.
func (c *conn) describe(body []byte) error {
	f := fields{b: body}
	kind, name := f.byte(), f.cstring()
	if err := f.end(); err != nil {
		return err
	}
	switch kind {
	case 'S':
		stmt, ok := c.names.statements[string(name)]
		if !ok {
			return noStatement(string(name))
		}
		c.describeParams(stmt.ParamTypes())
		c.describeColumns(stmt.Columns(), nil)
	case 'P':
		e, ok := c.names.portals[string(name)]
		if !ok {
			return noPortal(string(name))
		}
		c.describeColumns(e.Columns(), e.formats)
	default:
		return sqlerr.New(sqlerr.ProtocolViolation, "invalid DESCRIBE message subtype %d", kind)
	}
	return nil
}

func (c *conn) describeParams(ts []types.Type) {
	oids := make([]uint32, len(ts))
	for i, t := range ts {
		oids[i] = t.OID
	}
	c.out.message(&pgproto3.ParameterDescription{ParameterOIDs: oids})
}

func (c *conn) describeColumns(cols []Column, formats []int16) {
	if cols == nil {
		c.out.bare('n')
		return
	}
	c.out.rowDescription(cols, formats)
}

// execute serves Execute.
func (c *conn) execute(body []byte) error {
	f := fields{b: body}
	name, maxRows := f.cstring(), max(f.int32(), 0)
	if err := f.end(); err != nil {
		return err
	}
	e, ok := c.names.portals[string(name)]
	if !ok {
		return noPortal(string(name))
	}
	if e.done {
		return c.again(e, name)
	}
	c.names.running = e
	out, err := c.run(e.Portal, e.formats, int(maxRows))
	if err != nil {
		return err
	}
	if out.Suspended {
		c.out.bare('s')
	} else {
		e.done, e.last = true, out
		c.out.complete(out)
	}
	c.names.ranOut()
	return nil
}

// again answers Execute of a portal that has run to its end: a query has no more
// rows, anything else must not happen twice.
func (c *conn) again(e *portal, name []byte) error {
	if e.Columns() == nil && e.last.Verb != "" {
		return sqlerr.New(sqlerr.ObjectNotInPrerequisiteState, "portal \"%s\" cannot be run", name)
	}
	c.out.complete(Outcome{Verb: e.last.Verb, Rows: min(e.last.Rows, 0)})
	return nil
}

// closeNamed serves Close; what does not exist is as good as closed.
func (c *conn) closeNamed(body []byte) error {
	f := fields{b: body}
	kind, name := f.byte(), f.cstring()
	if err := f.end(); err != nil {
		return err
	}
	switch kind {
	case 'S':
		_ = c.names.DropStatement(string(name))
	case 'P':
		_ = c.names.DropPortal(string(name))
	default:
		return sqlerr.New(sqlerr.ProtocolViolation, "invalid CLOSE message subtype %d", kind)
	}
	c.out.bare('3')
	return nil
}

// sync serves Sync: the end of a pipeline and of its transaction.
func (c *conn) sync() {
	if c.skipping {
		// The cancel that may have failed the pipeline is not meant for its end.
		c.end()
		c.begin()
	}
	c.inPipeline, c.skipping = false, false
	if err := c.session.Sync(c.ctx); err != nil {
		c.fail(err)
	}
	c.ready()
}

// emptyStatement is a prepared statement without a statement in it.
type emptyStatement struct{}

var (
	_ Prepared = emptyStatement{}
	_ Portal   = emptyStatement{}
)

func (emptyStatement) ParamTypes() []types.Type { return nil }
func (emptyStatement) Columns() []Column        { return nil }
func (emptyStatement) Close()                   {}

func (e emptyStatement) Bind(context.Context, []types.Datum) (Portal, error) { return e, nil }

func (emptyStatement) Run(context.Context, int, ResultWriter) (Outcome, error) {
	return Outcome{}, nil
}
