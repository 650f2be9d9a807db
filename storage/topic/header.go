package topic

import (
	"encoding/binary"
	"errors"
)

// AppendHeader appends one header to a value of Records.Headers: the key, then the
// value, each with its length before it as a zigzag varint, -1 for a value that is
// absent. It is how Kafka keeps headers in a record, so that they are copied as
// they are.
func AppendHeader(dst []byte, key string, value []byte) []byte {
	dst = binary.AppendVarint(dst, int64(len(key)))
	dst = append(dst, key...)
	if value == nil {
		return binary.AppendVarint(dst, -1)
	}
	dst = binary.AppendVarint(dst, int64(len(value)))
	return append(dst, value...)
}

// NextHeader takes the first header off raw, which must not be empty. A nil value
// is an absent one. Key and value are parts of raw.
func NextHeader(raw []byte) (key, value, rest []byte, err error) {
	key, rest, err = sized(raw)
	if err != nil || key == nil {
		return nil, nil, nil, errHeader
	}
	value, rest, err = sized(rest)
	return key, value, rest, err
}

var errHeader = errors.New("a record's headers are malformed")

// sized takes a length and that many bytes off raw; -1 gives nil.
func sized(raw []byte) (b, rest []byte, err error) {
	n, k := binary.Varint(raw)
	switch {
	case k <= 0 || n < -1 || n > int64(len(raw)-k):
		return nil, nil, errHeader
	case n == -1:
		return nil, raw[k:], nil
	}
	end := k + int(n)
	return raw[k:end:end], raw[end:], nil
}
