package kafka

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// SinkConfig says where a Sink writes.
type SinkConfig struct {
	Client Config
	Topic  string
	// ID names the sink, for good: its transactional id and its group, which holds the
	// position, are "tarn-sink-" and the ID.
	ID string
	// RecordBytesMax bounds what a record takes; 0: what the topic does.
	RecordBytesMax int64
	// PositionHeader names the header in which records carry a position that is not
	// beyond their transaction's, in decimal; "": none. With it the position that the
	// group knows is held against the topic (tail.go).
	PositionHeader string
	// TailTime is for how long a group that does not know of the newest records is
	// asked; 0: some seconds.
	TailTime time.Duration
}

// Sink writes transactions to a topic, each with a position. A position is a
// number that never falls, such as an epoch; it is kept as the offset of the
// sink's group for the topic's partition 0, committed in the same transaction, so
// that records and position are there together or not at all.
//
// Kafka forgets a group's offsets when nothing was committed for a week
// (offsets.retention.minutes): an idle sink should Write its position, with no
// records, once a day.
//
// It is for one goroutine.
type Sink struct {
	cfg     SinkConfig
	id      string
	cl      *kgo.Client
	note    string // that stood beside the position when the sink was opened
	topicID [16]byte
	limit   int64         // of a record's bytes
	batch   int64         // of a batch's, of the client
	time    time.Duration // of a transaction, of the client
	implied bool          // the brokers add a group to a transaction by themselves (KIP-890)
	begun   bool          // the client library is in a transaction, of which the cluster knows nothing yet
	broken  error         // after it, only Close
}

// OpenSink fences all sinks with the same ID: what they have not committed never
// will be. It returns the position of the last transaction, ok false if there is
// none (or the cluster has forgotten it).
func OpenSink(ctx context.Context, cfg SinkConfig) (s *Sink, position uint64, ok bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, txnTime)
	defer cancel()
	s = &Sink{cfg: cfg, id: "tarn-sink-" + cfg.ID, limit: batchBytes, batch: batchBytes, time: txnTime}
	if err = s.connect(ctx); err == nil {
		err = s.askLimit(ctx)
	}
	if err != nil {
		s.Close()
		return nil, 0, false, cfg.Client.wrap(err, cfg.Topic)
	}
	position, s.note, ok, err = s.settled(ctx)
	if err != nil {
		s.Close()
		return nil, 0, false, cfg.Client.wrap(err, cfg.Topic)
	}
	return s, position, ok, nil
}

// Close ends the connections. A transaction that is open ends with the next
// OpenSink, or after txnTime.
func (s *Sink) Close() {
	if s.cl != nil {
		s.cl.Close()
	}
	s.cl, s.broken = nil, ErrClosed
}

// connect makes s.cl and takes the transactional id over.
func (s *Sink) connect(ctx context.Context) error {
	base, err := s.cfg.Client.options()
	if err != nil {
		return err
	}
	versions := kversion.Stable()
	for range 2 {
		opts := append(base[:len(base):len(base)], kgo.TransactionalID(s.id), kgo.TransactionTimeout(s.time), kgo.ProducerBatchMaxBytes(int32(s.batch)), kgo.RecordPartitioner(partitioner{}),
			kgo.ProducerLinger(0), kgo.MaxVersions(versions))
		if s.cl, err = kgo.NewClient(opts...); err != nil {
			return sqlerr.New(sqlerr.InvalidParameterValue, "the settings of the Kafka connection are not usable: %v", err)
		}
		s.implied, err = impliesGroups(ctx, s.cl)
		if err != nil || s.implied {
			break
		}
		// Version 5 on would mean that the broker adds the group by itself, which needs a
		// cluster whose feature transaction.version is 2.
		if max, _ := versions.LookupMaxKeyVersion(kmsg.TxnOffsetCommit.Int16()); max <= 4 {
			break
		}
		versions.SetMaxKeyVersion(kmsg.TxnOffsetCommit.Int16(), 4)
		versions.SetMaxKeyVersion(kmsg.EndTxn.Int16(), 4)
		s.cl.Close()
	}
	if err == nil {
		err = s.begin(ctx)
	}
	if err != nil {
		s.Close()
	}
	return err
}

// begin looks the topic up and fences.
func (s *Sink) begin(ctx context.Context) error {
	t, err := topicMetadata(ctx, s.cl, s.cfg.Topic)
	if err != nil {
		return err
	}
	s.topicID = t.TopicID
	if _, _, err = s.cl.ProducerID(ctx); err != nil {
		return err
	}
	return s.learn(ctx)
}

// learn has the client library learn the topic's partitions before anything is
// written. When the first record of a transaction makes it do so, records can be on
// their way before the partitions are where EndTransaction looks for them
// (storePartitionsUpdate in kgo 1.22); it then finds none that were written to,
// aborts the transaction, and reports success. A record for a partition that cannot
// be, refused without being sent, brings the partitions; with the second one they
// are where they should be.
func (s *Sink) learn(ctx context.Context) error {
	if err := s.cl.BeginTransaction(); err != nil {
		return err
	}
	s.begun = true
	for range 2 {
		err := s.cl.ProduceSync(ctx, &kgo.Record{Topic: s.cfg.Topic, Partition: noPartition}).FirstErr()
		var k *kerr.Error
		if errors.As(err, &k) || ctx.Err() != nil {
			return err
		}
	}
	return nil
}

// impliesGroups reports whether the cluster has transactions of KIP-890.
func impliesGroups(ctx context.Context, cl *kgo.Client) (bool, error) {
	req := kmsg.NewPtrApiVersionsRequest()
	req.ClientSoftwareName, req.ClientSoftwareVersion = "tarn", "1"
	resp, err := req.RequestWith(ctx, cl)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err != nil {
		return false, err
	}
	for _, f := range resp.FinalizedFeatures {
		if f.Name == "transaction.version" {
			return f.MaxVersionLevel >= 2, nil
		}
	}
	return false, nil
}

// position reads the position back. The partition must be named and the offset be
// stable: right after a commit, or a takeover, the group may not have heard of it
// yet, and would answer with an older one, or none.
func (s *Sink) position(ctx context.Context) (at uint64, note string, ok bool, err error) {
	for fails := 1; ; fails++ {
		req := kmsg.NewPtrOffsetFetchRequest()
		req.RequireStable = true
		g := kmsg.NewOffsetFetchRequestGroup()
		g.Group = s.id
		gt := kmsg.NewOffsetFetchRequestGroupTopic()
		gt.Topic, gt.TopicID, gt.Partitions = s.cfg.Topic, s.topicID, []int32{0}
		g.Topics = append(g.Topics, gt)
		req.Groups = append(req.Groups, g)
		offset := int64(-1)
		resp, err := req.RequestWith(ctx, s.cl)
		if err == nil {
			offset, note, err = offsetOf(resp)
		}
		switch {
		case err == nil && offset >= 0:
			return uint64(offset), note, true, nil
		case err == nil, errors.Is(err, kerr.GroupIDNotFound):
			return 0, "", false, nil
		}
		var k *kerr.Error
		if !errors.As(err, &k) || !k.Retriable && k != kerr.UnstableOffsetCommit {
			return 0, "", false, err
		}
		if pause(ctx, backoff(fails)); ctx.Err() != nil {
			return 0, "", false, fmt.Errorf("%w: %w", ctx.Err(), err)
		}
	}
}

func offsetOf(resp *kmsg.OffsetFetchResponse) (at int64, note string, err error) {
	if len(resp.Groups) == 1 {
		g := &resp.Groups[0]
		if err := kerr.ErrorForCode(g.ErrorCode); err != nil {
			return 0, "", err
		}
		if len(g.Topics) == 1 && len(g.Topics[0].Partitions) == 1 {
			p := &g.Topics[0].Partitions[0]
			if p.Metadata != nil {
				note, _ = strings.CutPrefix(*p.Metadata, noteHead)
			}
			return p.Offset, strings.TrimPrefix(note, "; "), kerr.ErrorForCode(p.ErrorCode)
		}
	}
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		return 0, "", err
	}
	return 0, "", errAnswer
}

// noteHead begins what stands beside a position, for those who look at the group.
const noteHead = "position of a Tarn sink, not an offset"

// Note is what was written beside the position that the sink was opened at.
func (s *Sink) Note() string { return s.note }

// Write writes records and position as one transaction. After an error its outcome
// is not known and the Sink is of no more use: Close it, and OpenSink says which
// transaction was the last. ErrFenced among the error's causes: somebody else has
// opened the sink.
func (s *Sink) Write(ctx context.Context, out []Out, position uint64) error {
	return s.WriteNoted(ctx, out, position, "")
}

// WriteNoted is Write with a note beside the position, a short text.
func (s *Sink) WriteNoted(ctx context.Context, out []Out, position uint64, note string) error {
	if s.broken != nil {
		return s.broken
	}
	err := s.write(ctx, out, position, note)
	if err != nil {
		err = s.cfg.Client.wrap(fenced(produceError(err)), s.cfg.Topic)
		s.broken = err
	}
	return err
}

func (s *Sink) write(ctx context.Context, out []Out, position uint64, note string) error {
	if position > math.MaxInt64 {
		return sqlerr.New(sqlerr.NumericValueOutOfRange, "a sink's position is out of range")
	}
	if len(out) > 0 {
		if err := s.fit(ctx, out); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, s.time)
	defer cancel()
	if len(out) == 0 {
		return s.writePosition(ctx, int64(position), note)
	}
	if !s.begun {
		if err := s.cl.BeginTransaction(); err != nil {
			return err
		}
	}
	s.begun = false
	if err := s.produce(ctx, out); err != nil {
		return err
	}
	// After the records are there: beside them, the two race to begin the
	// transaction, and the loser is put off.
	if err := s.commitOffset(ctx, int64(position), note); err != nil {
		return err
	}
	return s.cl.EndTransaction(ctx, kgo.TryCommit)
}

// writePosition is a transaction with a position only. The client library ends no
// transaction that has no records, so it is done past it; the library then has an
// old producer epoch, and begins anew.
func (s *Sink) writePosition(ctx context.Context, position int64, note string) error {
	if err := s.commitOffset(ctx, position, note); err != nil {
		return err
	}
	id, epoch, err := s.cl.ProducerID(ctx)
	if err != nil {
		return err
	}
	err = settle(ctx, func() error {
		req := kmsg.NewPtrEndTxnRequest()
		req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Commit = s.id, id, epoch, true
		resp, err := req.RequestWith(ctx, s.cl)
		if err != nil {
			return err
		}
		return kerr.ErrorForCode(resp.ErrorCode)
	})
	if err != nil {
		return err
	}
	s.cl.Close()
	return s.connect(ctx)
}

// commitOffset makes the position part of the open transaction.
func (s *Sink) commitOffset(ctx context.Context, position int64, note string) error {
	if note != "" {
		note = "; " + note
	}
	id, epoch, err := s.cl.ProducerID(ctx)
	if err != nil {
		return err
	}
	if !s.implied {
		if err := s.addGroup(ctx, id, epoch); err != nil {
			return err
		}
	}
	return settle(ctx, func() error {
		req := kmsg.NewPtrTxnOffsetCommitRequest()
		req.TransactionalID, req.Group, req.ProducerID, req.ProducerEpoch = s.id, s.id, id, epoch
		rt := kmsg.NewTxnOffsetCommitRequestTopic()
		rt.Topic, rt.TopicID = s.cfg.Topic, s.topicID
		rp := kmsg.NewTxnOffsetCommitRequestTopicPartition()
		rp.Offset, rp.Metadata = position, kmsg.StringPtr(noteHead+note)
		rt.Partitions = append(rt.Partitions, rp)
		req.Topics = append(req.Topics, rt)
		resp, err := req.RequestWith(ctx, s.cl)
		if err != nil {
			return err
		}
		if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
			return errAnswer
		}
		return kerr.ErrorForCode(resp.Topics[0].Partitions[0].ErrorCode)
	})
}

func (s *Sink) addGroup(ctx context.Context, id int64, epoch int16) error {
	return settle(ctx, func() error {
		req := kmsg.NewPtrAddOffsetsToTxnRequest()
		req.TransactionalID, req.Group, req.ProducerID, req.ProducerEpoch = s.id, s.id, id, epoch
		resp, err := req.RequestWith(ctx, s.cl)
		if err != nil {
			return err
		}
		return kerr.ErrorForCode(resp.ErrorCode)
	})
}

// settle repeats a step of a transaction while the cluster is still busy with the
// transaction before it, or moves its coordinator.
func settle(ctx context.Context, step func() error) error {
	for fails := 0; ; fails++ {
		err := step()
		var k *kerr.Error
		if err == nil || !errors.As(err, &k) || !k.Retriable && k != kerr.ConcurrentTransactions {
			return err
		}
		wait := 2 * time.Millisecond
		if fails > 20 {
			wait = backoff(fails - 20)
		}
		if pause(ctx, wait); ctx.Err() != nil {
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
	}
}

// fenced adds ErrFenced to the errors that mean it. Nothing more may be asked of
// the cluster then: before Kafka 4, an abort after INVALID_PRODUCER_EPOCH takes the
// id back from its new owner.
func fenced(err error) error {
	for _, k := range []*kerr.Error{kerr.ProducerFenced, kerr.InvalidProducerEpoch, kerr.InvalidProducerIDMapping, kerr.InvalidTxnState, kerr.FencedInstanceID} {
		if errors.Is(err, k) {
			return sqlerrFenced{err}
		}
	}
	return err
}

// sqlerrFenced is ErrFenced with its cause.
type sqlerrFenced struct{ cause error }

func (e sqlerrFenced) Error() string { return fmt.Sprintf("%v: %v", ErrFenced, e.cause) }

func (e sqlerrFenced) Unwrap() []error {
	return []error{ErrFenced, sqlerr.New(sqlerr.ObjectInUse, "%v", ErrFenced).WithHint("Does another server run with a copy of this one's folder?")}
}
