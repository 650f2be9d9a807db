package format

import (
	"fmt"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/vec"
)

const (
	// valueBytesMax bounds a key or value: what is decoded is held in memory several
	// times over.
	valueBytesMax = 64 << 20
	// rowsMax bounds the rows that one record may give, since a row may be one
	// "{}" long.
	rowsMax = 1 << 20
)

// rows is where a partDecoder puts what it finds, a builder a field. A row is
// complete, and counts, once done, fail or absent has been called for it.
type rows struct {
	fields      []field
	cols        []vec.Builder
	record      []int32 // the record of each complete row, never falling
	nullOnError bool
	// bad is nil, or has an entry for each record.
	bad     []*sqlerr.Error
	records int
}

func newRows(fields []field, records int, nullOnError bool) *rows {
	r := &rows{fields: fields, cols: make([]vec.Builder, len(fields)), nullOnError: nullOnError, records: records}
	r.record = make([]int32, 0, records)
	for i, f := range fields {
		r.cols[i].Reset(f.Type, records)
	}
	return r
}

// done completes a row of record, to which each column has had a value appended.
func (r *rows) done(record int) { r.record = append(r.record, int32(record)) }

// absent is the row of a record whose part is NULL.
func (r *rows) absent(record int) {
	for i := range r.cols {
		r.cols[i].Null()
	}
	r.done(record)
}

// fail makes a record bad. The row that was under way is completed with NULLs;
// rows of bad records are dropped in the end. The first error of a record stays.
func (r *rows) fail(record int, err *sqlerr.Error) {
	for i := range r.cols {
		if r.cols[i].Len() == len(r.record) {
			r.cols[i].Null()
		}
	}
	r.done(record)
	r.mark(record, err)
}

// misfit stands for a value of column c that could not be had: NULL, and its
// record is bad unless on_error = 'null'.
func (r *rows) misfit(c, record int, err error) {
	r.cols[c].Null()
	if r.nullOnError {
		return
	}
	e := *sqlerr.From(err)
	e.Message = fmt.Sprintf("field %q: %s", r.fields[c].Name, e.Message)
	e.Column = r.fields[c].Name
	r.mark(record, &e)
}

func (r *rows) mark(record int, err *sqlerr.Error) {
	if r.bad == nil {
		r.bad = make([]*sqlerr.Error, r.records)
	}
	if r.bad[record] == nil {
		r.bad[record] = err
	}
}

// isBad reports whether a record has failed already.
func (r *rows) isBad(record int) bool { return r.bad != nil && r.bad[record] != nil }
