package vec

import (
	"math/bits"

	"github.com/cespare/xxhash/v2"

	"github.com/tarndb/tarn/sql/types"
)

// HashColumns returns one hash a row over the given columns, such that rows
// which SQL's grouping holds equal (NULL with NULL included) have equal hashes,
// however the values are represented (narrow or wide numeric, 1.0 or 1.00).
// Columns must be of the types that are compared: 1::int4 and 1.0 may differ.
func HashColumns(cols []*Vec, n int) []uint64 {
	out := make([]uint64, n)
	for _, v := range cols {
		hashColumn(out, v)
	}
	return out
}

const (
	hashNull = 0x9e3779b97f4a7c15
	hashMul  = 0xd6e8feb86659fd93
)

// mix folds x into the running hash h.
func mix(h, x uint64) uint64 {
	hi, lo := bits.Mul64((h+hashNull)^x, hashMul)
	return hi ^ lo
}

func hashColumn(out []uint64, v *Vec) {
	v = Flatten(v)
	if v.Type.Phys() == types.PhysInt && v.Valid == nil {
		for i, x := range v.Ints[:len(out)] {
			out[i] = mix(out[i], uint64(x)*hashMul)
		}
		return
	}
	for i := range out {
		out[i] = mix(out[i], hashValue(v, i))
	}
}

func hashValue(v *Vec, i int) uint64 {
	if v.IsNull(i) {
		return hashNull
	}
	switch v.Type.OID {
	case types.OIDText, types.OIDVarchar, types.OIDName, types.OIDBytea, types.OIDUUID:
		return xxhash.Sum64(v.Bytes(i))
	}
	switch v.Type.Phys() {
	case types.PhysInt:
		return uint64(v.Ints[i]) * hashMul
	case types.PhysBool:
		return uint64(types.Boolean(v.Bools[i]).I) + 1
	}
	return types.Hash(v.Datum(i), v.Type)
}
