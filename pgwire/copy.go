package pgwire

import (
	"io"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/vec"
)

// copyState is whether a COPY is going on in the running statement.
type copyState uint8

const (
	copyNone copyState = iota
	copyOut
	copyIn
)

func (f CopyFormat) codes() (overall byte, columns []uint16) {
	columns = make([]uint16, f.Columns)
	if f.Binary {
		overall = formatBinary
		for i := range columns {
			columns[i] = formatBinary
		}
	}
	return overall, columns
}

func (r *result) startCopy(s copyState) error {
	if err := r.alive(); err != nil {
		return err
	}
	if r.copying != copyNone {
		return sqlerr.New(sqlerr.InternalError, "COPY started twice")
	}
	r.copying = s
	return nil
}

// CopyOut implements ResultWriter.
func (r *result) CopyOut(f CopyFormat) (CopyWriter, error) {
	if err := r.startCopy(copyOut); err != nil {
		return nil, err
	}
	overall, columns := f.codes()
	r.c.out.message(&pgproto3.CopyOutResponse{OverallFormat: overall, ColumnFormatCodes: columns})
	r.binary, r.headed = f.Binary, false
	return copyWriter{r}, nil
}

// copyWriter is a result that COPY TO STDOUT writes to.
type copyWriter struct{ *result }

var _ CopyWriter = copyWriter{}

// The binary format's signature, flags and length of an extension; a row is what a
// DataRow's body is. The header goes with the first row, or with the trailer if
// there is none: clients expect nothing but whole rows in the messages.
const (
	copyHeader  = "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	copyTrailer = "\xff\xff"
)

// startRow begins a message of COPY data.
func (r *result) startRow() {
	r.c.out.start('d')
	if r.binary && !r.headed {
		r.headed = true
		r.c.out.buf = append(r.c.out.buf, copyHeader...)
	}
}

// Rows implements CopyWriter.
func (w copyWriter) Rows(b *vec.Batch, lo, hi int) error {
	r := w.result
	if r.copying != copyOut || !r.binary {
		return sqlerr.New(sqlerr.InternalError, "binary COPY data written outside of its COPY")
	}
	out := &r.c.out
	r.enc.prepare(b, []int16{formatBinary}, r.env)
	for row := lo; row < hi; row++ {
		r.startRow()
		out.buf = r.enc.appendRow(out.buf, b, row, r.env)
		if err := r.finish(); err != nil {
			return err
		}
	}
	return nil
}

// Row implements CopyWriter.
func (r *result) Row(data []byte) error {
	if r.copying != copyOut {
		return sqlerr.New(sqlerr.InternalError, "COPY data written outside of COPY")
	}
	out := &r.c.out
	r.startRow()
	out.buf = append(out.buf, data...)
	return r.finish()
}

// CopyIn implements ResultWriter.
func (r *result) CopyIn(f CopyFormat) (CopyReader, error) {
	if err := r.startCopy(copyIn); err != nil {
		return nil, err
	}
	overall, columns := f.codes()
	r.c.out.message(&pgproto3.CopyInResponse{OverallFormat: overall, ColumnFormatCodes: columns})
	r.c.in.bulk = true
	return r, nil
}

// Next implements CopyReader.
func (r *result) Next() ([]byte, error) {
	if r.copying != copyIn {
		return nil, sqlerr.New(sqlerr.InternalError, "COPY data read outside of COPY")
	}
	if r.copyEnd != nil {
		return nil, r.copyEnd
	}
	for {
		if err := r.alive(); err != nil {
			return nil, err
		}
		typ, body, err := r.c.in.message()
		if err != nil {
			return nil, r.lost(err)
		}
		switch typ {
		case 'd':
			if body = r.c.in.mergeCopyData(body); len(body) > 0 {
				return body, nil
			}
		case 'c':
			r.copyEnd = io.EOF
			return nil, r.copyEnd
		case 'f':
			f := fields{b: body}
			r.copyEnd = sqlerr.New(sqlerr.QueryCanceled, "COPY from stdin failed: %s", f.cstring())
			return nil, r.copyEnd
		case 'H', 'S':
			// Sent ahead by clients that could not know that this is a COPY.
		default:
			return nil, r.lost(sqlerr.New(sqlerr.ProtocolViolation, "unexpected message type 0x%02X during COPY from stdin", typ))
		}
	}
}

// lost passes on why the COPY cannot be read. Unless it is a cancel, the
// connection is at its end: nothing says where the next message begins, or that
// the client knows of the COPY at all.
func (r *result) lost(err error) error {
	r.copyEnd = err
	if r.c.ctx.Err() == nil && r.c.ioErr == nil {
		r.c.terminate(err)
	}
	return err
}

// endCopy ends a COPY that Run has begun.
func (r *result) endCopy() error {
	switch r.copying {
	case copyOut:
		if r.binary {
			r.startRow()
			r.c.out.buf = append(r.c.out.buf, copyTrailer...)
			r.c.out.finish()
		}
		r.c.out.bare('c')
	case copyIn:
		for {
			if _, err := r.Next(); err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
		}
	}
	return nil
}
