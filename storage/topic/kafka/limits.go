package kafka

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// How large records may be, and how long a transaction may take, is fixed when a
// client is made. A Sink begins with what suits small ones, and connects anew when
// a write needs more: batches of many megabytes would only make others wait, and an
// open transaction whose owner died holds readers back as long as it may take.

const (
	// batchBytes is what a batch of records is kept under while no record is larger.
	batchBytes = 1_000_000
	// batchBytesMost is what brokers take as one request, less what is around a batch.
	batchBytesMost = 100<<20 - 64<<10
	// recordOverhead is more than what is around the key, value and headers of a
	// record that is alone in its batch.
	recordOverhead = 128
	// txnTime is how long a transaction of a Sink may take before the cluster aborts
	// it; txnTimeMost is the longest that brokers allow unless they are told otherwise.
	txnTime     = 60 * time.Second
	txnTimeMost = 15 * time.Minute
	// txnRate is the bytes a second for which time is allowed in larger transactions.
	txnRate = 1 << 20
)

// TxnTime is how long a transaction of so many bytes may take.
func TxnTime(bytes int64) time.Duration {
	return min(max(txnTime, time.Duration(bytes/txnRate)*time.Second), txnTimeMost)
}

// TooLargeError says that a record is larger than its topic takes.
type TooLargeError struct {
	Topic string
	Index int   // of the record among those that were to be written
	Bytes int64 // about, with what is around it
	Limit int64 // 0: not known
}

func (e *TooLargeError) Error() string {
	if e.Limit == 0 {
		return fmt.Sprintf("a record of %d bytes is larger than topic \"%s\" takes", e.Bytes, e.Topic)
	}
	return fmt.Sprintf("a record of %d bytes is larger than topic \"%s\" takes, which is %d", e.Bytes, e.Topic, e.Limit)
}

// Unwrap gives the SQLSTATE.
func (e *TooLargeError) Unwrap() error {
	return sqlerr.New(sqlerr.ProgramLimitExceeded, "%s", e.Error()).
		WithHint("Raise the topic's max.message.bytes, then RESUME the sink.")
}

// size is about what a record takes in a batch.
func (o *Out) size() int64 { return recordSize(o.Key, o.Value, o.Headers) }

func recordSize(key, value []byte, headers []kgo.RecordHeader) int64 {
	n := len(key) + len(value) + recordOverhead
	for _, h := range headers {
		n += len(h.Key) + len(h.Value) + 10
	}
	return int64(n)
}

// fit makes the client one that can write out, if it is not.
func (s *Sink) fit(ctx context.Context, out []Out) error {
	var total, most int64
	at := 0
	for i := range out {
		n := out[i].size()
		total += n
		if n > most {
			most, at = n, i
		}
	}
	if most > s.limit {
		if err := s.askLimit(ctx); err != nil { // it may have been raised
			return err
		}
	}
	if most > s.limit {
		return &TooLargeError{Topic: s.cfg.Topic, Index: at, Bytes: most, Limit: s.limit}
	}
	batch := min(batchBytes, s.limit)
	if most > batch {
		batch = s.limit
	}
	if batch == s.batch && TxnTime(total) == s.time {
		return nil
	}
	s.cl.Close()
	s.batch, s.time, s.begun = batch, TxnTime(total), false
	err := s.connect(ctx)
	if errors.Is(err, kerr.InvalidTransactionTimeout) {
		s.time, s.broken = txnTime, nil
		err = s.connect(ctx)
	}
	return err
}

// askLimit finds out how large a record may be. Who may not ask is left with what
// brokers take by default, or what the configuration says.
func (s *Sink) askLimit(ctx context.Context) error {
	s.limit = batchBytes
	if s.cfg.RecordBytesMax > 0 {
		s.limit = s.cfg.RecordBytesMax
	}
	rs, err := kadm.NewClient(s.cl).DescribeTopicConfigs(ctx, s.cfg.Topic)
	if err != nil && ctx.Err() != nil {
		return err
	}
	for _, r := range rs {
		for _, c := range r.Configs {
			if c.Key != "max.message.bytes" || r.Err != nil || c.Value == nil {
				continue
			}
			if n, err := strconv.ParseInt(*c.Value, 10, 64); err == nil && (n < s.limit || s.cfg.RecordBytesMax == 0) {
				s.limit = n
			}
		}
	}
	s.limit = min(max(s.limit, 1<<10), batchBytesMost)
	return nil
}

// slabRecords is how many records of the client library are made at once.
const slabRecords = 1024

// produce hands records to the client library and waits until all are there.
func (s *Sink) produce(ctx context.Context, out []Out) error {
	var mu sync.Mutex
	var failed error
	var large *kgo.Record
	var most int64
	done := func(r *kgo.Record, err error) {
		if err == nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if failed == nil {
			failed = err
		}
		// A batch is refused whole; its largest record is to blame.
		if size := recordSize(r.Key, r.Value, r.Headers); (errors.Is(err, kerr.MessageTooLarge) || errors.Is(err, kerr.RecordListTooLarge)) && size > most {
			large, most = r, size
		}
	}
	var slabs [][]kgo.Record
	for lo := 0; lo < len(out); lo += slabRecords {
		part := out[lo:min(lo+slabRecords, len(out))]
		slab := make([]kgo.Record, len(part))
		slabs = append(slabs, slab)
		for i := range part {
			part[i].fill(&slab[i], s.cfg.Topic)
			s.cl.Produce(ctx, &slab[i], done)
		}
	}
	if err := s.cl.Flush(ctx); err != nil {
		return err
	}
	mu.Lock()
	defer mu.Unlock()
	if large == nil {
		return failed
	}
	for k, slab := range slabs {
		for i := range slab {
			if &slab[i] == large {
				return &TooLargeError{Topic: s.cfg.Topic, Index: k*slabRecords + i, Bytes: most}
			}
		}
	}
	return failed
}
