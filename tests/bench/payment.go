package main

import (
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

const paymentColumns = "id bigint, account text, amount bigint, currency text, country text, at timestamptz, note text"

// paymentFormats are the ways in which record i is written; as JSON it has some 250
// bytes. The schemas stand in the statement: without a registry records have no head.
var paymentFormats = map[string]struct {
	encoding string
	encode   func(dst []byte, i, account, amount int64) []byte
}{
	"json": {"JSON", paymentJSON},
	"avro": {`AVRO (schema = '{"type":"record","name":"payment","fields":[{"name":"id","type":"long"},{"name":"account","type":"string"},` +
		`{"name":"amount","type":"long"},{"name":"currency","type":"string"},{"name":"country","type":"string"},` +
		`{"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},{"name":"note","type":"string"}]}')`, paymentAvro},
	"protobuf": {`PROTOBUF (schema = 'syntax = "proto3"; import "google/protobuf/timestamp.proto"; message payment { int64 id = 1; string account = 2; ` +
		`int64 amount = 3; string currency = 4; string country = 5; google.protobuf.Timestamp at = 6; string note = 7; }')`, paymentProtobuf},
}

var paymentNote = strings.Repeat("0123456789", 11)

func paymentJSON(dst []byte, i, account, amount int64) []byte {
	return fmt.Appendf(dst, `{"id":%d,"account":"a%07d","amount":%d,"currency":"EUR","country":"NL","at":"2026-03-01T%02d:%02d:%02d.%03dZ","note":"%s"}`,
		i, account, amount, i/3600%24, i/60%60, i%60, i%1000, paymentNote)
}

// paymentAt is the milliseconds of record i.
func paymentAt(i int64) int64 {
	return time.Date(2026, 3, 1, int(i/3600%24), int(i/60%60), int(i%60), int(i%1000)*1e6, time.UTC).UnixMilli()
}

func paymentAvro(dst []byte, i, account, amount int64) []byte {
	text := func(dst []byte, s string) []byte { return append(binary.AppendVarint(dst, int64(len(s))), s...) }
	dst = text(binary.AppendVarint(dst, i), fmt.Sprintf("a%07d", account))
	dst = text(text(binary.AppendVarint(dst, amount), "EUR"), "NL")
	return text(binary.AppendVarint(dst, paymentAt(i)), paymentNote)
}

func paymentProtobuf(dst []byte, i, account, amount int64) []byte {
	number := func(dst []byte, field byte, n int64) []byte {
		return binary.AppendUvarint(append(dst, field<<3), uint64(n))
	}
	text := func(dst []byte, field byte, s string) []byte {
		return append(binary.AppendUvarint(append(dst, field<<3|2), uint64(len(s))), s...)
	}
	dst = text(number(dst, 1, i), 2, fmt.Sprintf("a%07d", account))
	dst = text(text(number(dst, 3, amount), 4, "EUR"), 5, "NL")
	ms := paymentAt(i)
	dst = text(dst, 6, string(number(number(nil, 1, ms/1000), 2, ms%1000*1e6)))
	return text(dst, 7, paymentNote)
}
