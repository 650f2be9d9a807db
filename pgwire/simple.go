package pgwire

import (
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// query serves Query: all statements of one string, as one implicit transaction.
func (c *conn) query(body []byte) {
	// What came in a pipeline before, without Sync, is part of the transaction.
	c.inPipeline = false
	_ = c.names.DropStatement("")
	_ = c.names.DropPortal("")
	if err := c.runString(body); err != nil {
		c.fail(err)
	}
	c.ready()
}

func (c *conn) runString(body []byte) error {
	if len(body) == 0 || body[len(body)-1] != 0 {
		return errFormat
	}
	sql, err := queryText(body[:len(body)-1])
	if err != nil {
		return err
	}
	c.sql = sql
	stmts, err := c.session.Split(c.ctx, sql)
	if err != nil {
		return err
	}
	if len(stmts) == 0 {
		if err := c.session.Sync(c.ctx); err != nil {
			return err
		}
		c.out.bare('I')
		return nil
	}
	for i, stmt := range stmts {
		if err := c.runStatement(stmt, i == len(stmts)-1); err != nil {
			return err
		}
	}
	return nil
}

func (c *conn) runStatement(stmt Statement, last bool) error {
	prepared, err := stmt.Prepare(c.ctx, nil)
	if err != nil {
		return err
	}
	defer prepared.Close()
	if len(prepared.ParamTypes()) > 0 {
		return sqlerr.New(sqlerr.UndefinedParameter, "there is no parameter $1")
	}
	portal, err := prepared.Bind(c.ctx, nil)
	if err != nil {
		return err
	}
	defer portal.Close()
	if cols := portal.Columns(); cols != nil {
		c.out.rowDescription(cols, nil)
	}
	out, err := c.run(portal, nil, 0)
	if err != nil {
		return err
	}
	if last {
		// The transaction is durable before anyone reads that it is done.
		if err := c.session.Sync(c.ctx); err != nil {
			return err
		}
	}
	c.out.complete(out)
	return nil
}

// run runs p, with its columns in the given formats, and ends a COPY that it has
// begun.
func (c *conn) run(p Portal, formats []int16, maxRows int) (Outcome, error) {
	c.result.begin(c.session.Env(), formats)
	c.inRun = true
	out, err := p.Run(c.ctx, maxRows, &c.result)
	if err == nil {
		err = c.result.endCopy()
	}
	c.inRun = false
	if err == nil {
		err = c.ioErr
	}
	c.result.stop()
	return out, err
}

// queryText checks that a statement's text is UTF-8 without NUL.
func queryText(b []byte) (string, error) {
	if err := types.CheckUTF8(b); err != nil {
		return "", err
	}
	return string(b), nil
}
