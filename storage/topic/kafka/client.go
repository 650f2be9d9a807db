// Package kafka reads and writes topics of a Kafka cluster, as bytes: what they
// mean is exec/format's. A Reader takes assigned partitions from given offsets
// (Tarn keeps them, in its journal), a Sink writes transactions that carry their
// own position.
//
// Invariants
//   - Records are read_committed; a Reader never skips one silently: what is no
//     longer there is a *GapError, what cannot be read now is tried again.
//   - Record batches are walked straight into columns; no record is an object.
//   - A Sink that has written is fenced by the next one that is opened with its ID;
//     an error of Write says nothing about its outcome, OpenSink does.
package kafka

import (
	"context"
	"crypto/tls"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// Config says how to reach a cluster.
type Config struct {
	Brokers  []string    // host or host:port (9092), at least one
	ClientID string      // "": tarn
	TLS      *tls.Config // nil: none
	SASL     SASL
	// Compression of what is written: none, gzip, snappy, lz4 or zstd; "": the client's default.
	Compression string
}

// How long brokers may take. A hung broker is noticed after requestTime and what
// was asked for; a cluster that is away is reported after retryTime.
const (
	dialTime    = 5 * time.Second
	requestTime = 8 * time.Second
	retryTime   = 10 * time.Second
	produceTime = 60 * time.Second
)

// Client is connections to a cluster. Its methods may be called concurrently.
type Client struct {
	cfg Config
	cl  *kgo.Client
	adm *kadm.Client
}

// Open checks cfg; it does not yet connect.
func Open(cfg Config) (*Client, error) {
	opts, err := cfg.options()
	if err != nil {
		return nil, err
	}
	cl, err := producer(opts)
	if err != nil {
		return nil, err
	}
	return &Client{cfg: cfg, cl: cl, adm: kadm.NewClient(cl)}, nil
}

func producer(opts []kgo.Opt, more ...kgo.Opt) (*kgo.Client, error) {
	opts = append(opts[:len(opts):len(opts)], kgo.RecordPartitioner(partitioner{}), kgo.ProducerLinger(0), kgo.UnknownTopicRetries(2),
		kgo.AllowIdempotentProduceCancellation()) // ends with the context; RecordDeliveryTimeout counts from a record's timestamp
	cl, err := kgo.NewClient(append(opts, more...)...)
	if err != nil {
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "the settings of the Kafka connection are not usable: %v", err)
	}
	return cl, nil
}

// Close ends the connections. Readers of the client end on their own Close.
func (c *Client) Close() { c.cl.Close() }

// Ping says whether a broker answers.
func (c *Client) Ping(ctx context.Context) error { return c.cfg.wrap(c.cl.Ping(ctx), "") }

func (cfg Config) options() ([]kgo.Opt, error) {
	if len(cfg.Brokers) == 0 {
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "no Kafka broker is given").
			WithHint("Name at least one, as host:port.")
	}
	for _, b := range cfg.Brokers {
		if b == "" {
			return nil, sqlerr.New(sqlerr.InvalidParameterValue, "a Kafka broker's name is empty").
				WithHint("Brokers are given as host:port, separated by commas.")
		}
	}
	id := cfg.ClientID
	if id == "" {
		id = "tarn"
	}
	opts := []kgo.Opt{
		kgo.SeedBrokers(cfg.Brokers...), kgo.ClientID(id), kgo.SoftwareNameAndVersion("tarn", "1"), kgo.DisableClientMetrics(),
		kgo.DialTimeout(dialTime), kgo.RequestTimeoutOverhead(requestTime), kgo.RetryTimeout(retryTime),
		kgo.BrokerMaxReadBytes(256 << 20),         // a batch that is larger cannot be read
		kgo.MetadataMinAge(50 * time.Millisecond), // 5 s by default, which transactions would wait for
	}
	if cfg.TLS != nil {
		opts = append(opts, kgo.DialTLSConfig(cfg.TLS.Clone()))
	}
	mechanism, err := cfg.SASL.mechanism()
	if err != nil {
		return nil, err
	}
	if mechanism != nil {
		opts = append(opts, kgo.SASL(mechanism))
	}
	if cfg.Compression != "" {
		codec, ok := map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
			"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()}[cfg.Compression]
		if !ok {
			return nil, sqlerr.New(sqlerr.InvalidParameterValue, "unknown compression \"%s\"", cfg.Compression)
		}
		opts = append(opts, kgo.ProducerBatchCompression(codec))
	}
	return opts, nil
}
