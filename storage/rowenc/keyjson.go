package rowenc

import (
	"github.com/tarndb/tarn/sql/types"
)

func appendJSON(dst, s []byte, m Mode) []byte {
	return appendBytesKey(append(dst, opaque), s)
}

func readJSON(key []byte, m Mode, mask byte) (d types.Datum, rest []byte, err error) {
	return d, nil, corrupt("bad marker %#x in key", key[0])
}
