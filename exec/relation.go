package exec

import (
	"sort"
	"sync/atomic"

	"github.com/tarndb/tarn/exec/circuit"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/topic"
	"github.com/tarndb/tarn/storage/topic/embedded"
)

type relationKind uint8

const (
	tableRelation relationKind = iota
	streamRelation
	viewRelation
)

// relation is one relation of the live group. Fields without a lock are written
// by the loop before the relation is published and never after, or are for the
// loop alone (said beside them).
type relation struct {
	id      uint64
	kind    relationKind
	name    string
	types   []types.Type // stored columns; a bag's row number is the last
	columns []string
	base    int // columns that it began with, without a row number
	rowtime int
	source  source // of what comes from outside: how far it has been read

	// Tables and views: the stored rows.
	view *circuit.View

	// Tables.
	key     []int // stored columns that are the key
	keyName string
	created Epoch
	bag     bool
	nextRow int64 // loop only

	// Streams.
	topic       topic.Topic
	log         *embedded.Topic                // the records, or the cuts of a stream that is read through
	outside     *outsideTopic                  // nil: Tarn keeps the records
	mark        watermark                      // loop only
	parts       map[int32]partMark             // loop only: the clocks of partitions, nil = it has none
	partitioned atomic.Bool                    // the same for others: it has some
	moved       atomic.Pointer[embedded.Topic] // moves of the watermark that records do not show, nil = none
	idle        int64                          // µs, 0 = never
	lastIn      int64                          // loop only: arrival of the newest record
	next        int64                          // loop only: position of the next record
	end         atomic.Int64                   // the same for others
	retain      int64                          // µs, -1 = for ever
	late        atomic.Int64

	// Views.
	run *runner
}

// relation returns the relation with that id, nil if there is none.
func (e *Engine) relation(id uint64) *relation { return (*e.rels.Load())[id] }

// setRelation publishes a relation; dropRelation removes one with its state. Both
// are for the loop.
func (e *Engine) setRelation(id uint64, r *relation) {
	e.changeRelations(func(m map[uint64]*relation) { m[id] = r })
}

func (e *Engine) changeRelations(f func(map[uint64]*relation)) {
	old := *e.rels.Load()
	m := make(map[uint64]*relation, len(old)+1)
	for k, v := range old {
		m[k] = v
	}
	f(m)
	e.rels.Store(&m)
	e.wanted = nil
	// Dependencies have smaller ids than what depends on them, so the order of ids
	// is an order of dependence.
	e.runners = e.runners[:0]
	for _, r := range m {
		if r.run != nil && r.run.detached == nil && r.run.behind == nil && r.run.state.Load().err == nil {
			e.runners = append(e.runners, r.run)
		}
	}
	sort.Slice(e.runners, func(i, j int) bool { return e.runners[i].rel.id < e.runners[j].rel.id })
}

func (e *Engine) dropRelation(id uint64) {
	r := e.relation(id)
	if r == nil {
		return
	}
	e.changeRelations(func(m map[uint64]*relation) { delete(m, id) })
	if r.run != nil {
		e.unshare(r.run)
		r.run.stopPursuit()
		r.run.letGo()
	}
	if r.topic != nil {
		if err := e.topics.Drop(id); err != nil {
			e.log.Warn("dropped stream leaves files", "stream", r.name, "err", err)
		}
		for _, bit := range []uint64{marksBit, keptBit} {
			if err := e.topics.Drop(id | bit); err != nil {
				e.log.Warn("dropped stream leaves files", "stream", r.name, "err", err)
			}
		}
	}
	e.dropState(id)
	e.dropHolds(id)
	e.failFeeds(id, r.name)
}

// stateID names arrangement ordinal of the relation id. Ids are never reused, so
// neither are these.
func stateID(id uint64, ordinal int) uint64 { return id<<12 | uint64(ordinal) }

// scanColumns cuts a stored batch to what a scan asks for. extra holds the
// hidden columns of streams.
func scanColumns(s *plan.Scan, b *vec.Batch, position, epoch *vec.Vec) *vec.Batch {
	out := &vec.Batch{N: b.N, Cols: make([]*vec.Vec, len(s.Fields)), Weights: b.Weights}
	for i, f := range s.Fields {
		switch {
		case f >= 0:
			out.Cols[i] = b.Cols[f]
		case f == plan.FieldPosition && position != nil:
			out.Cols[i] = position
		case f == plan.FieldPosition:
			out.Cols[i] = b.Cols[len(b.Cols)-1]
		case f == plan.FieldEpoch:
			out.Cols[i] = epoch
		}
	}
	return out
}
