package copytext

import (
	"bytes"

	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// Decoder turns the data of a COPY FROM into batches.
type Decoder struct {
	batching
	o     Options
	scan  scanner
	split splitter
	carry []byte // the line that goes over the edge of the chunks

	started bool
	header  bool // still to come
	ended   bool // the end marker was seen
	err     error

	// nullPlain: a line without special bytes may have NULLs that are not empty
	// fields, so that each field must be compared.
	nullPlain bool
	nullEmpty bool // an empty plain field is NULL
	delim     byte
}

// NewDecoder makes the decoder of one COPY. o has been validated; table is the
// name that errors show; env is read until Finish.
func NewDecoder(o Options, table string, columns []Column, env *types.Env) *Decoder {
	d := &Decoder{batching: newBatching(table, columns, env), o: o, header: o.Header != HeaderOff, delim: o.Delimiter}
	d.scan = scanner{csv: o.CSV, special: '\\', quote: o.Quote, escape: o.Escape}
	if o.CSV {
		d.scan.special = o.Quote
		if o.Escape == o.Quote {
			d.scan.escape = 0
		}
	}
	d.split = splitter{o: o, fieldsN: len(columns), scratch: make([]byte, 0, 64)}
	d.nullEmpty = o.Null == ""
	d.nullPlain = !d.nullEmpty && (o.CSV || bytes.IndexByte([]byte(o.Null), '\\') < 0)
	for _, i := range o.ForceNotNull {
		d.cols[i].forceNotNull = true
	}
	for _, i := range o.ForceNull {
		d.cols[i].forceNull = true
	}
	return d
}

// Feed decodes the next bytes, cut anywhere. Full batches are given to emit,
// which owns them; its error is returned as it is. The chunk is not kept.
func (d *Decoder) Feed(chunk []byte, emit func(*vec.Batch) error) error {
	if d.err != nil || d.ended || len(chunk) == 0 {
		return d.err
	}
	if !d.started {
		d.started = true
		d.begin(len(chunk))
	}
	if len(d.carry) > 0 {
		d.carry = append(d.carry, chunk...)
		chunk = d.carry
	}
	d.scan.load(chunk)
	d.err = d.lines(false, emit)
	rest := d.scan.unload()
	if len(rest) < len(d.carry) || len(d.carry) == 0 {
		d.carry = append(d.carry[:0], rest...)
	}
	return d.err
}

// Finish decodes the last line if it has no line end, emits the last batch and
// returns the number of rows.
func (d *Decoder) Finish(emit func(*vec.Batch) error) (rows int64, err error) {
	if d.err == nil && !d.ended {
		d.scan.load(d.carry)
		d.err = d.lines(true, emit)
	}
	if d.err == nil && d.batchN > 0 {
		d.err = d.flush(emit)
	}
	return d.rows, d.err
}

// lines decodes the lines whose ends are in the buffer.
func (d *Decoder) lines(final bool, emit func(*vec.Batch) error) error {
	for !d.ended {
		line, f, err := d.scan.next(final)
		if err != nil {
			return where(err, "COPY %s, line %d", d.table, d.scan.no)
		}
		switch f {
		case foundMore:
			if d.scan.bad || final && d.scan.valid < len(d.scan.buf) {
				return where(types.UTF8Error(d.scan.buf[d.scan.valid:]), "COPY %s, line %d", d.table, d.scan.no)
			}
			if !final || !d.header {
				return nil
			}
			d.ended = true // without a header, which is an error if it must match
		case foundEnd:
			d.ended = true // what follows the marker is ignored
		}
		if d.header {
			d.header = false
			if err := d.headerLine(line); err != nil {
				return err
			}
			continue
		}
		if d.ended && len(line) == 0 {
			return nil
		}
		if f == foundPlain && !d.nullPlain {
			err = d.plainRow(line)
		} else {
			err = d.row(line)
		}
		if err == nil && d.nullAt >= 0 {
			err = d.errLine(d.errNull(), line)
		}
		if err == nil {
			err = d.rowDone(len(line), emit)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// plainRow decodes a line without escapes or quotes, each field as it is found.
func (d *Decoder) plainRow(line []byte) error {
	p, last := 0, len(d.cols)-1
	if last < 0 {
		return d.row(line)
	}
	for i := range d.cols {
		c := &d.cols[i]
		n := c.scanField(line[p:], d.delim)
		if n < 0 {
			if n = bytes.IndexByte(line[p:], d.delim); n < 0 {
				n = len(line) - p
			}
			var err error
			if n == 0 && d.nullEmpty {
				err = d.null(i, line)
			} else if !c.value(line[p : p+n]) {
				err = d.parse(i, line[p:p+n], line)
			}
			if err != nil {
				// PostgreSQL counts the fields before it reads the first.
				if bytes.Count(line, []byte{d.delim}) > last {
					return d.errCount(last+1, line)
				}
				return err
			}
		}
		if p += n; (p < len(line)) != (i < last) {
			return d.errCount(i+1, line)
		}
		p++
	}
	return nil
}

// row decodes any line.
func (d *Decoder) row(line []byte) error {
	if len(d.cols) == 0 {
		if len(line) > 0 {
			return d.errLine(errFormat("extra data after last expected column"), line)
		}
		return nil
	}
	if err := d.split.split(line); err != nil {
		return d.errLine(err, line)
	}
	if d.split.n > len(d.cols) {
		return d.errLine(errFormat("extra data after last expected column"), line)
	}
	for i := range d.cols {
		if i >= d.split.n {
			return d.errCount(i, line)
		}
		c, field := &d.cols[i], d.split.fields[i]
		var err error
		switch {
		case field == nil:
			err = d.null(i, line)
		case c.forceNull && string(field) == d.o.Null:
			d.setNull(i)
		case !c.value(field):
			err = d.parse(i, field, line)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// null takes a NULL marker for column i.
func (d *Decoder) null(i int, line []byte) error {
	if d.cols[i].forceNotNull {
		return d.parse(i, []byte(d.o.Null), line)
	}
	d.setNull(i)
	return nil
}

// parse takes a value that column.value has left.
func (d *Decoder) parse(i int, field, line []byte) error {
	c := &d.cols[i]
	v, err := types.ParseText(string(field), c.Type, d.env)
	if err != nil {
		return where(err, "COPY %s, line %d, column %s: \"%s\"", d.table, d.scan.no, c.Name, clip(field, contextBytesMax))
	}
	c.b.Datum(v)
	return nil
}

// headerLine checks the names, if it shall.
func (d *Decoder) headerLine(line []byte) error {
	if d.o.Header != HeaderMatch {
		return nil
	}
	if err := d.split.split(line); err != nil {
		return d.errLine(err, line)
	}
	if d.split.n != len(d.cols) {
		return d.errLine(errFormat("wrong number of fields in header line: got %d, expected %d", d.split.n, len(d.cols)), line)
	}
	for i, f := range d.split.fields {
		switch want := d.cols[i].Name; {
		case f == nil:
			return d.errLine(errFormat("column name mismatch in header line field %d: got null value (\"%s\"), expected \"%s\"", i+1, d.o.Null, want), line)
		case string(f) != want:
			return d.errLine(errFormat("column name mismatch in header line field %d: got \"%s\", expected \"%s\"", i+1, f, want), line)
		}
	}
	return nil
}

func (d *Decoder) errLine(err error, line []byte) error {
	return where(err, "COPY %s, line %d: \"%s\"", d.table, d.scan.no, clip(line, contextBytesMax))
}

// errCount is the error of a line with too many fields, or with only n of those
// it should have.
func (d *Decoder) errCount(n int, line []byte) error {
	if n >= len(d.cols) {
		return d.errLine(errFormat("extra data after last expected column"), line)
	}
	return d.errLine(errFormat("missing data for column \"%s\"", d.cols[n].Name), line)
}
