package kafka

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// ErrFenced: another Sink was opened with the same ID, or the transaction took so
// long that the cluster gave it up.
var ErrFenced = errors.New("the sink's transactions were taken over")

// ErrClosed is what a closed Reader or Sink gives.
var ErrClosed = errors.New("closed")

// GapKind says why records cannot be read.
type GapKind uint8

const (
	// OutOfRange: retention has removed the records from Asked to Start.
	OutOfRange GapKind = iota
	// Recreated: the topic was deleted, and another one has its name. A Reader with
	// such a gap is of no more use; offsets of the old topic mean nothing in the new.
	Recreated
	// Truncated: the partition lost records that had been read: it ends, or has ended
	// in the meantime, at Start, before Asked (an unclean leader election, or a
	// cluster set back to an older state).
	Truncated
)

// GapError says that a partition cannot be read on without a gap: records from
// Asked on are not, or no longer, there. Start is where reading can go on.
type GapError struct {
	Topic     string
	Partition int32
	Asked     int64
	Start     int64
	Kind      GapKind
}

func (e *GapError) Error() string {
	switch e.Kind {
	case OutOfRange:
		return fmt.Sprintf("topic \"%s\" partition %d no longer has offset %d: it starts at %d", e.Topic, e.Partition, e.Asked, e.Start)
	case Truncated:
		return fmt.Sprintf("topic \"%s\" partition %d lost records: offset %d was reached, but it ends at %d", e.Topic, e.Partition, e.Asked, e.Start)
	}
	return fmt.Sprintf("topic \"%s\" is not the one that was read: it was deleted and created again (partition %d, offset %d)", e.Topic, e.Partition, e.Asked)
}

// Unwrap gives the SQLSTATE, 72000, for statements that end with the error.
func (e *GapError) Unwrap() error {
	return sqlerr.New(sqlerr.SnapshotTooOld, "%s", e.Error()).WithHint("Kafka keeps records as long as the topic's retention says.")
}

// wrap gives an error of the client library its SQLSTATE. topic is the one it is
// about, if any. Errors that have one, GapErrors and cancellation stay as they are.
func (cfg Config) wrap(err error, topic string) error {
	if err == nil {
		return nil
	}
	var coded *sqlerr.Error
	if errors.As(err, &coded) || errors.Is(err, context.Canceled) || errors.Is(err, ErrFenced) || errors.Is(err, ErrClosed) {
		return err
	}
	var shards *kadm.ShardErrors
	if errors.As(err, &shards) && len(shards.Errs) > 0 {
		return cfg.wrap(shards.Errs[0].Err, topic)
	}
	var k *kerr.Error
	if errors.As(err, &k) {
		return kafkaError(k, topic)
	}
	return cfg.connectionError(err)
}

// kafkaError is what a broker answered.
func kafkaError(k *kerr.Error, topic string) error {
	for _, e := range answers {
		if e.is != k {
			continue
		}
		words := e.words
		if strings.Contains(words, "%q") {
			words = strings.ReplaceAll(words, "%q", `"`+topic+`"`)
		}
		out := sqlerr.New(e.code, "%s", words)
		if e.hint != "" {
			out.Hint = strings.ReplaceAll(e.hint, "%q", `"`+topic+`"`)
		}
		return out
	}
	about := ""
	if topic != "" {
		about = fmt.Sprintf(" (topic \"%s\")", topic)
	}
	if k.Retriable {
		return sqlerr.New(sqlerr.ConnectionFailure, "the Kafka cluster cannot serve the request now%s: %s", about, k.Message).WithHint("%s", k.Description)
	}
	return sqlerr.New(sqlerr.SystemError, "the Kafka broker refuses%s: %s", about, k.Message).WithHint("%s", k.Description)
}

// answers are the answers of brokers that users can do something about; %q is the
// topic.
var answers = []struct {
	is          *kerr.Error
	code        sqlerr.Code
	words, hint string
}{
	{kerr.UnknownTopicOrPartition, sqlerr.UndefinedObject, "topic %q does not exist", "SHOW TOPICS lists the topics of the cluster."},
	{kerr.UnknownTopicID, sqlerr.UndefinedObject, "topic %q does not exist", "It was deleted, and perhaps created again, while it was in use."},
	{kerr.TopicAlreadyExists, sqlerr.DuplicateObject, "topic %q already exists", ""},
	{kerr.InvalidTopicException, sqlerr.InvalidName, "%q is not a valid name of a topic", "Letters, digits, dots, underscores and hyphens are allowed, at most 249 of them."},
	{kerr.InvalidPartitions, sqlerr.InvalidParameterValue, "the number of partitions for topic %q is not valid", ""},
	{kerr.InvalidReplicationFactor, sqlerr.InvalidParameterValue, "the replication factor for topic %q is not valid", "It cannot be greater than the number of brokers."},
	{kerr.InvalidConfig, sqlerr.InvalidParameterValue, "a setting for topic %q is not valid", ""},
	{kerr.PolicyViolation, sqlerr.InvalidParameterValue, "the cluster's policy does not allow topic %q as described", ""},
	{kerr.TopicDeletionDisabled, sqlerr.ObjectNotInPrerequisiteState, "the cluster does not allow topics to be deleted", ""},
	{kerr.MessageTooLarge, sqlerr.ProgramLimitExceeded, "a record is larger than topic %q takes", "The topic's setting max.message.bytes says how large a record may be."},
	{kerr.RecordListTooLarge, sqlerr.ProgramLimitExceeded, "a record is larger than topic %q takes", "The topic's setting segment.bytes is the limit."},
	{kerr.SaslAuthenticationFailed, sqlerr.InvalidPassword, "Kafka refuses the user name or password", "Check the connection's SASL user, password and mechanism."},
	{kerr.UnsupportedSaslMechanism, sqlerr.InvalidAuthorization, "the Kafka broker does not offer this SASL mechanism", "Ask its operator which it does, or try PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512."},
	{kerr.IllegalSaslState, sqlerr.InvalidAuthorization, "the Kafka broker expects a different way of logging in", "Check the connection's SASL mechanism and the port."},
	{kerr.TopicAuthorizationFailed, sqlerr.InsufficientPrivilege, "permission denied for topic %q", "The Kafka user needs READ and DESCRIBE to read it, WRITE and DESCRIBE to write it, CREATE to create it."},
	{kerr.GroupAuthorizationFailed, sqlerr.InsufficientPrivilege, "permission denied for the consumer group of topic %q", "The Kafka user needs READ on groups with the prefix tarn-."},
	{kerr.TransactionalIDAuthorizationFailed, sqlerr.InsufficientPrivilege, "permission denied for the transactions to topic %q", "The Kafka user needs WRITE and DESCRIBE on transactional ids with the prefix tarn-sink-."},
	{kerr.ClusterAuthorizationFailed, sqlerr.InsufficientPrivilege, "permission denied for the Kafka cluster", "The Kafka user needs more rights; for idempotent writing on old clusters IDEMPOTENT_WRITE."},
}

// connectionError is what happened on the way to a broker.
func (cfg Config) connectionError(err error) error {
	e := sqlerr.New(sqlerr.ConnectionFailure, "could not reach Kafka at %s: %v", strings.Join(cfg.Brokers, ", "), err)
	var first *kgo.ErrFirstReadEOF
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	switch {
	case errors.As(err, &authority):
		e.Hint = "The brokers' certificate is signed by an authority that is not known here; give its certificate to the connection."
	case errors.As(err, &name):
		e.Hint = "The brokers' certificate is for another name than the one they are reached by."
	case errors.As(err, &first) && cfg.TLS != nil:
		e.Hint = "The port may not speak TLS, or the broker may want a client certificate."
	case errors.As(err, &first) && cfg.SASL.Mechanism == "":
		e.Hint = "The port may want SASL or TLS."
	case errors.As(err, &first):
		e.Hint = "The port may want TLS, or another SASL mechanism."
	case errors.Is(err, io.EOF) && cfg.SASL.Mechanism != "":
		e.Hint = "The broker hung up, as some do when the user name or password is wrong."
	case strings.Contains(err.Error(), "speaking to a tls endpoint"):
		e.Hint = "The port wants TLS."
	case strings.Contains(err.Error(), "first record does not look like a TLS handshake"):
		e.Hint = "The port does not speak TLS."
	default:
		e.Hint = "Is a broker running there, and do the names that brokers advertise resolve from here?"
	}
	return e
}
