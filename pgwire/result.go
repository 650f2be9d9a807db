package pgwire

import (
	"context"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// result is the ResultWriter of a connection, one for all statements.
type result struct {
	c       *conn
	env     *types.Env
	formats []int16
	enc     rowEncoder
	copying copyState
	binary  bool  // COPY OUT in binary format
	headed  bool  // whose header has been written
	copyEnd error // how the input of COPY FROM ended: io.EOF or the client's failure
	on      bool  // between begin and stop
}

var (
	_ ResultWriter = (*result)(nil)
	_ CopyReader   = (*result)(nil)
)

func (r *result) begin(env *types.Env, formats []int16) {
	r.env, r.formats, r.copying, r.copyEnd, r.on = env, formats, copyNone, nil, true
}

// stop makes the writer refuse what a session sends after its Run has ended.
func (r *result) stop() {
	r.on = false
	r.copying = copyNone
	r.c.in.bulk = false
}

// alive reports why no more may be written.
func (r *result) alive() error {
	switch {
	case !r.on:
		return sqlerr.New(sqlerr.InternalError, "result written outside of its statement")
	case r.c.ioErr != nil:
		return r.c.ioErr
	case r.c.ctx.Err() != nil:
		return context.Cause(r.c.ctx)
	}
	return nil
}

// Rows implements ResultWriter.
func (r *result) Rows(b *vec.Batch, lo, hi int) error {
	if err := r.alive(); err != nil {
		return err
	}
	if r.copying != copyNone {
		return sqlerr.New(sqlerr.InternalError, "rows written into COPY data")
	}
	out := &r.c.out
	r.enc.prepare(b, r.formats, r.env)
	for row := lo; row < hi; row++ {
		out.start('D')
		out.buf = r.enc.appendRow(out.buf, b, row, r.env)
		if err := r.finish(); err != nil {
			return err
		}
	}
	return nil
}

// finish ends a data message and writes the buffer when it is large.
func (r *result) finish() error {
	out := &r.c.out
	if len(out.buf)-out.open > dataBytesMax {
		out.abandon()
		return sqlerr.New(sqlerr.ProgramLimitExceeded, "a row of the result is longer than %d bytes", dataBytesMax)
	}
	out.finish()
	if len(out.buf) < flushBytes {
		return nil
	}
	if err := r.c.flush(); err != nil {
		return err
	}
	return r.alive()
}

// Flush implements ResultWriter and CopyWriter.
func (r *result) Flush() error {
	if err := r.alive(); err != nil {
		return err
	}
	r.c.push.Store(true)
	if err := r.c.flush(); err != nil {
		return err
	}
	return r.alive()
}
