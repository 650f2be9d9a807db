// Package format turns the bytes of records into rows and rows into bytes: JSON,
// Avro, Protobuf, CSV and the others, each in a file of its own that adds itself
// to encodings; an envelope (upsert, Debezium, Maxwell, Canal, Open Protocol) says what a
// decoded record does to a table.
//
// Invariants
//   - Decoding is a function of the bytes and the Spec: the same records give the
//     same rows whenever they are decoded (schemas have immutable ids).
//   - A record that does not fit is a Bad with a reason; it never stops the others,
//     panics, or takes memory out of proportion to its size.
package format

import (
	"context"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/topic"
)

// From says which part of a record a column is taken from.
type From uint8

const (
	FromValue     From = iota
	FromKey            // by name out of the decoded key, or the whole key where it is one value
	FromTimestamp      // the record's timestamp
	FromPartition
	FromOffset
	FromTopic
	FromHeaders // jsonb: an array of {"key": …, "value": base64 or null}
	FromHeader  // bytea or text: the last header named Path
)

// Column is one column of the rows.
type Column struct {
	Name    string
	Type    types.Type
	NotNull bool
	From    From
	// Path is the field's name where it is not Name, or the header's.
	Path string
	// Key, of what Infer proposes: the record's key has it.
	Key bool
}

// Encoding names how bytes stand for values, with its options in canonical
// lower-case spelling (each encoding documents and checks its own).
type Encoding struct {
	Name    string // "json", "avro", "protobuf", "csv", "text", "bytes", "jsonschema", "kafka" (primitives), "none"
	Options map[string]string
}

// Envelope says what records do.
type Envelope string

const (
	Plain    Envelope = "plain"  // each record is a row more
	Upsert   Envelope = "upsert" // the row of its key; an absent value deletes it
	Debezium Envelope = "debezium"
	Maxwell  Envelope = "maxwell"
	Canal    Envelope = "canal"
	// OpenProtocol is TiCDC's.
	OpenProtocol Envelope = "open_protocol"
)

// Spec describes what to decode records to, or rows to encode.
type Spec struct {
	Topic    string
	Columns  []Column
	PK       []int // of a table: indexes into Columns
	Key      Encoding
	Value    Encoding
	Envelope Envelope
	// NullOnError: a value that does not fit its column is NULL instead of making
	// its record bad (on_error = 'null').
	NullOnError bool
	// Registry is nil where no schema registry is configured.
	Registry Registry
	// Origin is what an encoder's records say of where they are from, if anything.
	Origin Origin
	// Only, if not nil, are the columns of a plain envelope that are of interest: others
	// may be NULL in all rows, and whether their values fit is not looked at.
	Only []int
}

// Registry is a Confluent-compatible schema registry. Errors of SchemaByID are
// those of the registry being away; an unknown id is a nil Schema.
type Registry interface {
	SchemaByID(ctx context.Context, id int) (*Schema, error)
	// Latest is the newest schema of a subject, nil if there is none.
	Latest(ctx context.Context, subject string) (*Schema, error)
	// Register makes a schema known under a subject and returns its id. An
	// incompatible one is an error (22023) with the registry's words.
	Register(ctx context.Context, subject string, s *Schema) (int, error)
}

// Schema is a registered schema; References are resolved by name.
type Schema struct {
	ID         int
	Type       string // "AVRO", "PROTOBUF", "JSON"
	Text       string
	References map[string]*Schema
}

// Op is what a row does to a table.
type Op uint8

const (
	Put      Op = iota // insert, or replace the row of its key
	Delete             // remove the row of its key; only key columns are set
	Truncate           // remove all rows; no column is set
	Read               // of an encoder: a Put of a row that stood when the writing began
)

// Bad is a record that could not be decoded, or whose row breaks NOT NULL.
type Bad struct {
	Record int // index into the Records
	Err    *sqlerr.Error
}

// Decoded is what records have become.
type Decoded struct {
	Rows *vec.Batch // Spec.Columns; weights absent
	// Ops is what each row does; nil: all Put (a plain envelope knows nothing else).
	Ops []Op
	// Record is the record that row i came from, never falling. A record may give
	// no row (a tombstone after a Debezium delete) or several.
	Record []int32
	// Keep is the columns of each row whose values the record does not tell: they
	// are NULL here, and what stands in the table is to stay. nil: there are none.
	Keep [][]int32
	Bad  []Bad
	// DDL are schema changes found among the records, in order.
	DDL []DDL
}

// DDL is the text of a schema change that a feed carries (Canal, Maxwell,
// Debezium's schema-change topics).
type DDL struct {
	Record   int
	Database string
	Text     string
	// Apart: it comes from a topic of its own, so that it has no place among the rows.
	Apart bool
}

// Decoder turns records into rows. It is for one goroutine at a time.
type Decoder interface {
	// Decode decodes all of r. The error is of the surroundings (the registry is
	// away), so that trying again may help; what is wrong with a record is a Bad.
	Decode(ctx context.Context, r *topic.Records) (*Decoded, error)
}

// Encoder turns rows into keys and values. It is for one goroutine at a time.
type Encoder interface {
	// Encode appends one record a row: for op Put its key and value, for Delete its
	// key and no value (upsert), or what the envelope says. ops nil: all Put.
	// before is the old rows of Puts and Deletes where the envelope wants them
	// (Debezium), else nil.
	Encode(ctx context.Context, rows, before *vec.Batch, ops []Op) (Encoded, error)
	// EncodeChanges is Encode for those who also know the time of each change.
	EncodeChanges(ctx context.Context, c Changes) (Encoded, error)
}

// Changes are rows and what they do.
type Changes struct {
	Rows, Before *vec.Batch
	Ops          []Op
	Time         []int64 // of each change, µs since 2000-01-01 UTC; nil: not known
}

// Encoded is a key and a value for each row: bytea columns, NULL where there is
// none.
type Encoded struct {
	Key, Value *vec.Vec
}
