package catalog

// From says which part of a record a column is taken from.
type From string

// The parts of a record; FromValue is the default.
const (
	FromValue     From = ""
	FromKey       From = "key"
	FromTimestamp From = "timestamp"
	FromPartition From = "partition"
	FromOffset    From = "offset"
	FromTopic     From = "topic"
	FromHeaders   From = "headers" // all of them, as jsonb
	FromHeader    From = "header"  // the last one named Path
)

// Carried reports whether the part is something that a writer of a record gives;
// the others are given by the broker, or are not written.
func (f From) Carried() bool { return f == FromValue || f == FromKey || f == FromTimestamp }

// Connector is where the records of a source come from, those of a sink go to, or
// how a Connection reaches its cluster.
type Connector struct {
	Type string // "kafka", or of a connection SchemaRegistry
	// Connection is the Connection object named, 0 = none; Options win over its.
	Connection uint64 `json:",omitempty"`
	// Registry is the Connection object that the schema registry is reached by, 0 = as
	// Options and Connection say.
	Registry uint64 `json:",omitempty"`
	Topic    string `json:",omitempty"`
	// Options are in canonical spelling, without those that have a field of their
	// own. A value that is a secret is in Secrets instead.
	Options map[string]string `json:",omitempty"`
	// Secrets are the options whose value is a Secret: key → its ID.
	Secrets map[string]uint64 `json:",omitempty"`
	// Sealed are options that are not to be shown, encrypted as a Secret of the number
	// SealedFor is.
	Sealed    map[string][]byte `json:",omitempty"`
	SealedFor uint64            `json:",omitempty"`
	// Default: the server's own cluster (--kafka) is meant.
	Default bool `json:",omitempty"`
	// Start is the offset that each partition begins at, as it was resolved when the
	// source was made; partitions that are found later begin at their start.
	Start map[int32]int64 `json:",omitempty"`
	// Paused by PAUSE.
	Paused bool `json:",omitempty"`
	// Told are the newest schema changes of a feed that were not followed, oldest first.
	Told []Told `json:",omitempty"`
}

// SchemaRegistry is the type of a connection to a schema registry alone.
const SchemaRegistry = "schema_registry"

// Told is a schema change that was not followed, and why.
type Told struct {
	At            int64 // µs since 2000-01-01 UTC
	Code, Message string
}

// Format is how records are read and written.
type Format struct {
	Envelope string // "plain", "upsert", "debezium", …
	Key      Encoding
	Value    Encoding
}

// Encoding is how bytes stand for values.
type Encoding struct {
	Name    string            `json:",omitempty"` // "json", "avro", …; "" = not looked at
	Options map[string]string `json:",omitempty"`
}

// PassedOn are the headers of a record that the records made of it get, too: those
// of W3C's trace context.
var PassedOn = []string{"traceparent", "tracestate"}
