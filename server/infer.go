package server

import (
	"context"

	"github.com/tarndb/tarn/exec/format"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/storage/topic"
)

// inferColumns finds the columns of the value in the registry or in the first records.
func inferColumns(context.Context, format.Spec, *topic.Records) ([]format.Column, error) {
	return nil, sqlerr.New(sqlerr.FeatureNotSupported, "finding columns is not supported yet").WithHint("Write the columns.")
}
