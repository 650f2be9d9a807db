package server

import (
	"github.com/tarndb/tarn/pgwire"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/vec"
)

// discard is a ResultWriter for rows that nobody wants to see (MOVE).
type discard struct{}

var _ pgwire.ResultWriter = discard{}

func (discard) Rows(*vec.Batch, int, int) error { return nil }
func (discard) Flush() error                    { return nil }

func (discard) CopyOut(pgwire.CopyFormat) (pgwire.CopyWriter, error) { return nil, errNoCopy() }
func (discard) CopyIn(pgwire.CopyFormat) (pgwire.CopyReader, error)  { return nil, errNoCopy() }

func errNoCopy() error { return sqlerr.New(sqlerr.FeatureNotSupported, "COPY is not possible here") }
