package operator

import (
	"encoding/binary"

	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/rowenc"
)

// Finalizer turns keys and images of groups into output rows. It is made fresh
// for each goroutine by Clone.
type Finalizer struct {
	keyType []types.Type
	shown   []types.Type
	calls   []*aggCall
}

func newFinalizer(keyType, shown []types.Type, calls []*aggCall) *Finalizer {
	f := &Finalizer{keyType: keyType, shown: shown}
	for _, c := range calls {
		f.calls = append(f.calls, c.reader())
	}
	return f
}

// Clone returns a Finalizer for another goroutine.
func (f *Finalizer) Clone() *Finalizer { return newFinalizer(f.keyType, f.shown, f.calls) }

// Keys decodes group columns.
func (f *Finalizer) Keys(keys [][]byte) ([]*vec.Vec, error) {
	return readShown(keys, f.keyType, f.shown)
}

// readShown decodes canonical keys of columns ts as values of types shown.
func readShown(keys [][]byte, ts, shown []types.Type) ([]*vec.Vec, error) {
	cols, _, err := rowenc.DecodeKeys(keys, shown, rowenc.KeyOptions{Mode: rowenc.Canonical})
	for i := range cols {
		cols[i].Type = ts[i]
	}
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

// resetReader, read and finish are aggCall's side of Values.
func (a *aggCall) resetReader(n int) {
	if a.Fn.Class == funcs.Invertible {
		a.accum.Reset(n)
		return
	}
	a.out = vec.NewBuilder(a.Type, n)
	a.rd = resize(a.rd, n)
	clear(a.rd)
}

func (a *aggCall) read(g int, image []byte) (rest []byte) {
	switch a.Fn.Class {
	case funcs.Invertible:
		return a.accum.Load(g, image)
	case funcs.Ordered:
		a.rd[g], rest = readBytes(image)
		return rest
	}
	rest = skipValue(image, a.Type)
	a.rd[g] = image
	return rest
}

func (a *aggCall) finish(images [][]byte, errs []funcs.RowError) (*vec.Vec, []funcs.RowError) {
	if a.Fn.Class == funcs.Ordered {
		return a.finishOrdered(errs)
	}
	out := a.out
	if a.Fn.Class == funcs.Invertible {
		out = vec.NewBuilder(a.Type, len(images))
	}
	for g, image := range images {
		switch {
		case len(image) == 0:
			out.Null()
		case a.Fn.Class == funcs.Invertible:
			if err := a.accum.Final(g, out); err != nil {
				out.Null()
				errs = append(errs, funcs.RowError{Row: int32(g), Err: sqlerr.From(err)})
			}
		default:
			if _, failed := readValue(a.rd[g], out, a.Type); failed != nil {
				errs = append(errs, funcs.RowError{Row: int32(g), Err: failed})
			}
		}
	}
	return out.Finish(), errs
}

func (a *aggCall) finishOrdered(errs []funcs.RowError) (*vec.Vec, []funcs.RowError) {
	sel := make([]int32, len(a.rd))
	var keys [][]byte
	for g, key := range a.rd {
		sel[g] = -1
		if len(key) > 0 {
			sel[g] = int32(len(keys))
			keys = append(keys, key)
		}
	}
	cols, _, err := rowenc.DecodeKeys(keys, a.args[:1], rowenc.KeyOptions{Mode: rowenc.Exact})
	if err != nil {
		errs = append(errs, funcs.RowError{Err: sqlerr.From(err)})
		return vec.ConstVec(a.Type, types.NullDatum, len(a.rd)), errs
	}
	v := cols[0]
	if len(keys) < len(a.rd) {
		v = vec.Gather(v, sel)
	}
	if v.Type != a.Type {
		c := *v
		c.Type = a.Type
		v = &c
	}
	return v, errs
}
