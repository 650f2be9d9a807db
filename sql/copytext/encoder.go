package copytext

import (
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// Encoder writes the lines of a COPY TO.
type Encoder struct {
	o    Options
	cols []Column
	env  *types.Env
}

// NewEncoder makes the encoder of one COPY. o has been validated; env is read
// as long as the Encoder is used.
func NewEncoder(o Options, columns []Column, env *types.Env) *Encoder {
	return &Encoder{o: o, cols: columns, env: env}
}

// Header appends the header line, or nothing if HEADER is off.
func (e *Encoder) Header(dst []byte) []byte { return dst }

// AppendRow appends the line of one row, with its line end.
func (e *Encoder) AppendRow(dst []byte, b *vec.Batch, row int) []byte { return dst }
