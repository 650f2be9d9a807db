package bind

import (
	"strings"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// elsewhere are options of other systems that there are none of here, with what is
// there in their place. A name that ends in a dot stands for all that begin so.
var elsewhere = map[string]string{
	"commit_checkpoint_interval":                       "commit_interval = '100 ms' says how long a sink collects changes for one transaction.",
	"properties.linger.ms":                             "commit_interval = '100 ms' says how long a sink collects changes for one transaction.",
	"properties.queue.buffering.max.ms":                "commit_interval = '100 ms' says how long a sink collects changes for one transaction.",
	"properties.batch.size":                            "Batches are as large as the topic allows; commit_interval says how long changes are collected.",
	"properties.batch.num.messages":                    "Batches are as large as the topic allows; commit_interval says how long changes are collected.",
	"properties.message.max.bytes":                     "properties.max.request.size is the largest record of a sink.",
	"properties.transactional.id":                      "A sink has a transactional id of its own.",
	"sink.transactional-id-prefix":                     "A sink has a transactional id of its own.",
	"sink.delivery-guarantee":                          "A sink always writes each change exactly once.",
	"sink.parallelism":                                 "",
	"properties.isolation.level":                       "A source always reads what has been committed.",
	"properties.auto.offset.reset":                     "scan.startup.mode says where a source begins, on_gap what happens where records are gone.",
	"scan.topic-partition-discovery.interval":          "Partitions that are added later are found by themselves.",
	"scan.startup.timestamp_millis":                    "Write scan.startup.timestamp.millis.",
	"properties.fetch.":                                "A source fetches as fast as it is read; rate_limit bounds it.",
	"properties.queued.":                               "A source fetches as fast as it is read; rate_limit bounds it.",
	"properties.statistics.interval.ms":                "sys.sources and sys.sinks say what goes on.",
	"sourced_by_connector":                             "There is no Kafka Connect here.",
	"key.fields":                                       "Name the key's columns with KEY, INCLUDE KEY or, for a table, PRIMARY KEY.",
	"value.fields-include":                             "Columns from the key are those that KEY, INCLUDE KEY or PRIMARY KEY names.",
	"json.ignore-parse-errors":                         "on_error says what becomes of a record that cannot be read: dead_letter, null or stop.",
	"json.fail-on-missing-field":                       "A field that is missing is NULL; declare the column NOT NULL to make its record a dead letter.",
	"json.timestamp-format.standard":                   "Times are read in ISO 8601 and in SQL's form, both.",
	"key_protobuf_nullable_representation":             "",
	"value_protobuf_nullable_representation":           "",
	"avro-confluent.":                                  "schema.registry = 'http://…' names the registry; with it AVRO has its head.",
	"topic metadata refresh interval":                  "Partitions that are added later are found by themselves.",
	"progress group id prefix":                         "",
	"progress topic":                                   "How far a sink is lies in the offsets of a consumer group, and no topic of its own.",
	"transactional id prefix":                          "A sink has a transactional id of its own.",
	"legacy ids":                                       "",
	"partition by":                                     "A record's partition follows from its key: KEY (…).",
	"topic config":                                     "retention_ms and cleanup.policy are settings of the topic that a sink makes.",
	"timestamp interval":                               "",
	"privatelink.":                                     "",
	"aws.":                                             "",
	"properties.sasl.oauthbearer.config":               "properties.sasl.oauthbearer.token is the token.",
	"properties.sasl.jaas.config":                      "properties.sasl.username and properties.sasl.password are the credentials.",
	"properties.ssl.truststore.location":               "properties.ssl.ca.location is a file in PEM form.",
	"properties.ssl.keystore.location":                 "properties.ssl.certificate.location and properties.ssl.key.location are files in PEM form.",
	"properties.allow.auto.create.topics":              "partitions = n makes the topic if there is none.",
	"properties.enable.auto.commit":                    "A source keeps its offsets itself, and tells them to its group.",
	"max_rows_per_fetch":                               "rate_limit is records per second.",
	"properties.message.timeout.ms":                    "",
	"properties.retry.backoff.ms":                      "",
	"properties.retries":                               "",
	"properties.max.in.flight.requests.per.connection": "",
}

// foreign is the error for an option of another system, nil: it is of none.
func foreign(o ast.Option) *sqlerr.Error {
	name := strings.ToLower(o.Name)
	hint, ok := elsewhere[name]
	if !ok {
		hint, ok = elsewhere["properties."+name]
	}
	for prefix, h := range elsewhere {
		if !ok && strings.HasSuffix(prefix, ".") && strings.HasPrefix(name, prefix) {
			hint, ok = h, true
		}
	}
	if !ok {
		return nil
	}
	err := sqlerr.New(sqlerr.FeatureNotSupported, "parameter \"%s\" is not supported", o.Name).At(o.Pos)
	if hint != "" {
		return err.WithHint("%s", hint)
	}
	return err
}

// flinkFormats are Flink's words for an envelope with its encoding.
var flinkFormats = map[string][2]string{"debezium-json": {"debezium", "json"}, "maxwell-json": {"maxwell", "json"}, "canal-json": {"canal", "json"},
	"debezium-avro-confluent": {"debezium", "avro"}, "avro-confluent": {"plain", "avro"}, "raw": {"plain", "bytes"}}

// readable reports Java's patterns whose texts are read as they are: the forms of
// ISO 8601 and of SQL.
func readable(pattern string) bool {
	p := strings.NewReplacer("'T'", " ", "'Z'", "", "uuuu", "yyyy").Replace(pattern)
	rest, ok := strings.CutPrefix(p, "yyyy-MM-dd HH:mm")
	if !ok {
		return p == "yyyy-MM-dd"
	}
	rest, seconds := strings.CutPrefix(rest, ":ss")
	if fraction, ok := strings.CutPrefix(rest, "."); ok && seconds {
		if rest = strings.TrimLeft(fraction, "S"); len(fraction)-len(rest) > 6 || rest == fraction {
			return false
		}
	}
	switch strings.TrimSpace(rest) {
	case "", "X", "XX", "XXX", "Z":
		return true
	}
	return false
}

// ksqlTime makes a column that holds its time as a number of milliseconds, or as
// text in a pattern, the rowtime: the same field read once more, as a time.
func (s *sourceDef) ksqlTime(i, pos int) error {
	g, c := s.g, s.o.Columns[i]
	pattern, hasPattern := "", s.g.has("timestamp_format")
	at := g.at["timestamp_format"].ValuePos
	if hasPattern {
		pattern = g.take("timestamp_format")
	}
	text := c.Type.OID == types.OIDText || c.Type.OID == types.OIDVarchar
	switch {
	case hasPattern && !text:
		return sqlerr.New(sqlerr.InvalidParameterValue, "timestamp_format has no effect: column \"%s\" is no text", c.Name).At(at)
	case hasPattern && !readable(pattern):
		return unsupported(at, "the pattern '%s' of TIMESTAMP_FORMAT", pattern).
			WithHint("Patterns of ISO 8601 are: yyyy-MM-dd''T''HH:mm:ss.SSSX, yyyy-MM-dd HH:mm:ss. For others, read the text and compute the time in a view.")
	case text && !hasPattern:
		return sqlerr.New(sqlerr.InvalidParameterValue, "a column of text as TIMESTAMP needs TIMESTAMP_FORMAT").At(pos)
	case c.Type.OID == types.OIDTimestamptz, c.Type.OID == types.OIDTimestamp:
		s.o.Columns[i].NotNull = true
		s.o.Watermark = &catalog.Watermark{Column: i, IdleMicros: idleMicros}
		return nil
	case !text && c.Type.OID != types.OIDInt8:
		return sqlerr.New(sqlerr.DatatypeMismatch, "the column of TIMESTAMP must be of type bigint, timestamp, timestamptz or text, not %s", c.Type).At(pos)
	}
	switch format := s.o.Format.Value.Name; {
	case c.From != catalog.FromValue:
		return unsupported(pos, "a TIMESTAMP that is not in the value")
	case format != "json" && format != "avro" && format != "jsonschema" && format != "protobuf":
		return unsupported(pos, "TIMESTAMP of a %s in %s", c.Type, strings.ToUpper(format)).WithHint("Declare the column as timestamptz.")
	case s.index("rowtime") >= 0:
		return sqlerr.New(sqlerr.DuplicateColumn, "column \"rowtime\" specified more than once").At(pos)
	}
	path := c.Path
	if path == "" {
		path = c.Name
	}
	s.o.Columns = append(s.o.Columns, catalog.Column{Name: "rowtime", Path: path, Type: types.Timestamptz, NotNull: true, Hidden: true})
	s.o.Watermark = &catalog.Watermark{Column: len(s.o.Columns) - 1, IdleMicros: idleMicros}
	return nil
}
