package operator

import (
	"encoding/binary"

	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/rowenc"
)

// Finalizer turns keys and images of groups into output rows. It is made fresh
// for each goroutine by Clone.
type Finalizer struct {
	keyType []types.Type
	calls   []*aggCall
}

func newFinalizer(keyType []types.Type, calls []*aggCall) *Finalizer {
	f := &Finalizer{keyType: keyType}
	for _, c := range calls {
		f.calls = append(f.calls, c.reader())
	}
	return f
}

// Clone returns a Finalizer for another goroutine.
func (f *Finalizer) Clone() *Finalizer { return newFinalizer(f.keyType, f.calls) }

// Keys decodes group columns.
func (f *Finalizer) Keys(keys [][]byte) ([]*vec.Vec, error) {
	cols, _, err := rowenc.DecodeKeys(keys, f.keyType, rowenc.KeyOptions{Mode: rowenc.Canonical})
	return cols, err
}

// Values returns the aggregate columns of the groups with the given images; an
// empty image gives NULLs. A failing value is NULL and has an error.
func (f *Finalizer) Values(images [][]byte) ([]*vec.Vec, []funcs.RowError) {
	for _, c := range f.calls {
		c.resetReader(len(images))
	}
	for g, image := range images {
		if len(image) == 0 {
			continue
		}
		_, w := binary.Varint(image)
		rest := image[w:]
		for _, c := range f.calls {
			rest = c.read(g, rest)
		}
	}
	var errs []funcs.RowError
	cols := make([]*vec.Vec, len(f.calls))
	for i, c := range f.calls {
		cols[i], errs = c.finish(images, errs)
	}
	return cols, errs
}
