package server

import (
	"context"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/exec"
	"github.com/tarndb/tarn/exec/zset"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// txn is a transaction: what it has written and not yet committed. Everything
// becomes visible to others in one epoch, or never.
type txn struct {
	explicit bool // BEGIN was said; else it ends with the string or the Sync
	failed   bool
	repeat   bool // REPEATABLE READ or above: one snapshot for all statements
	readOnly bool
	started  int64 // µs: now()
	epoch    exec.Epoch
	owner    *exec.Owner // nil = nothing is locked

	own     map[uint64][]*vec.Batch // by relation, stored layout
	order   []uint64                // relations in order of first write
	staged  int64                   // bytes of the budget that own has
	nextRow int64                   // numbers for new rows of bags: negative until commit

	changes  []catalog.Change
	catalog  *catalog.Snapshot // with changes, nil = none
	ddl      bool              // holds Server.ddl
	settings *settings         // as they were at BEGIN, for ROLLBACK; nil = still are
	local    *settings         // as they are to be after COMMIT, if SET LOCAL was used
	saves    []savepoint
}

// savepoint is a place to roll back to: how much had been written.
type savepoint struct {
	name     string
	own      map[uint64]int
	order    int
	changes  int
	catalog  *catalog.Snapshot
	settings *settings
}

// begin makes sure that there is a transaction: the implicit one if no other.
func (s *session) begin() *txn {
	if s.tx == nil {
		s.tx = &txn{started: nowMicros(), readOnly: s.set.readOnly, repeat: s.set.repeat}
	}
	return s.tx
}

// readsOnly reports whether the transaction that is, or that the next statement
// begins, is read-only.
func (s *session) readsOnly() bool {
	if s.tx == nil {
		return s.set.readOnly
	}
	return s.tx.readOnly
}

// lockOwner is who holds the transaction's locks.
func (t *txn) lockOwner() *exec.Owner {
	if t.owner == nil {
		t.owner = exec.NewOwner()
	}
	return t.owner
}

// keepSettings must come before a setting changes: a rollback undoes it.
func (s *session) keepSettings() {
	if s.tx != nil && s.tx.settings == nil {
		s.tx.settings = s.set.clone()
	}
}

// readEpoch is the epoch that a statement reads at.
func (s *session) readEpoch(ctx context.Context) (exec.Epoch, error) {
	t := s.tx
	if t != nil && t.repeat && t.epoch != 0 {
		return t.epoch, nil
	}
	ep, fresh := s.srv.engine.Fresh()
	var err error
	if s.set.readWait > 0 && !fresh {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, s.set.readWait, sqlerr.New(sqlerr.QueryCanceled, "the read did not become fresh within read_wait_timeout").
			WithHint("A view is slow, or the server is overloaded; SET read_freshness = 'any' reads what is there."))
		defer cancel()
	}
	switch {
	case fresh || s.set.freshness == "any":
	case s.set.freshness == "session":
		ep, err = s.srv.engine.WaitApplied(ctx, s.seen)
	default:
		ep, err = s.srv.engine.WaitFresh(ctx)
	}
	if err != nil {
		return 0, err
	}
	ep = max(ep, s.seen)
	s.seen = ep
	if t != nil && t.repeat {
		t.epoch = ep
	}
	return ep, nil
}

// write adds rows to the transaction; they are of stored layout.
func (s *session) write(id uint64, rows *vec.Batch) error {
	if rows == nil || rows.N == 0 {
		return nil
	}
	if err := s.stage(rows); err != nil {
		return err
	}
	t := s.tx
	if t.own == nil {
		t.own = map[uint64][]*vec.Batch{}
	}
	if _, ok := t.own[id]; !ok {
		t.order = append(t.order, id)
	}
	t.own[id] = append(t.own[id], rows)
	return nil
}

// stage accounts for rows that stay in memory until the transaction ends.
func (s *session) stage(rows *vec.Batch) error {
	t, size := s.tx, exec.BatchBytes(rows)
	if err := s.srv.engine.ReserveMemory(size); err != nil {
		return sqlerr.New(sqlerr.OutOfMemory, "out of memory").
			WithDetail("The rows that a transaction writes are in memory until it ends; this one has %d bytes of them, and %d more have come.", t.staged, size).
			WithHint("Write fewer rows in one transaction, for example with several COPY, or raise --memory.")
	}
	t.staged += size
	return nil
}

// numbers appends a column of temporary row numbers to new rows of a bag.
func (t *txn) numbers(rows *vec.Batch) *vec.Batch {
	v := &vec.Vec{Type: types.Int8, N: rows.N, Ints: make([]int64, rows.N)}
	for i := range v.Ints {
		t.nextRow--
		v.Ints[i] = t.nextRow
	}
	return &vec.Batch{N: rows.N, Cols: append(append([]*vec.Vec(nil), rows.Cols...), v), Weights: rows.Weights}
}

// writes is what the transaction asks of the engine: per relation the net change.
func (t *txn) writes(cat *catalog.Snapshot) []exec.Write {
	var out []exec.Write
	for _, id := range t.order {
		o := cat.ByID(id)
		batches := t.own[id]
		if o == nil || len(batches) == 0 { // dropped by the same transaction
			continue
		}
		if o.Kind == catalog.Stream {
			for _, b := range batches {
				out = append(out, exec.Write{Object: id, Rows: b})
			}
			continue
		}
		b := batches[0]
		if len(batches) > 1 || b.Weights != nil {
			b = zset.ConsolidateAll(batches)
		}
		if b == nil {
			continue
		}
		if len(o.PrimaryKey) > 0 {
			out = append(out, exec.Write{Object: id, Rows: b})
			continue
		}
		// New rows of a bag get their numbers from the engine.
		var fresh, known []int32
		for i, n := range b.Cols[len(b.Cols)-1].Ints {
			if n < 0 {
				fresh = append(fresh, int32(i))
			} else {
				known = append(known, int32(i))
			}
		}
		if len(known) > 0 {
			out = append(out, exec.Write{Object: id, Rows: b.Select(known)})
		}
		if len(fresh) > 0 {
			n := b.Select(fresh)
			n.Cols, n.Weights = n.Cols[:len(n.Cols)-1], nil
			out = append(out, exec.Write{Object: id, Rows: n})
		}
	}
	return out
}

// commit ends the transaction by making it durable.
func (s *session) commit(ctx context.Context) error {
	t := s.tx
	if t == nil {
		return nil
	}
	defer s.endTx()
	if t.failed {
		s.restoreSettings(t.settings)
		return nil
	}
	if err := t.oneWidth(); err != nil {
		s.restoreSettings(t.settings)
		return err
	}
	req := &exec.Txn{Writes: t.writes(s.catalog())}
	if len(t.changes) > 0 {
		req.Catalog = catalog.EncodeChanges(t.changes)
	}
	if len(req.Writes) > 0 || req.Catalog != nil {
		ep, err := s.srv.engine.Commit(ctx, req)
		if err != nil {
			s.restoreSettings(t.settings)
			return err
		}
		s.seen = max(s.seen, ep)
	}
	if t.local != nil {
		s.restoreSettings(t.local)
	}
	return nil
}

// rollback ends the transaction and forgets what it wrote.
func (s *session) rollback() {
	if s.tx == nil {
		return
	}
	s.restoreSettings(s.tx.settings)
	s.endTx()
}

// endTx lets go of everything that a transaction holds.
func (s *session) endTx() {
	t := s.tx
	if t == nil {
		return
	}
	s.tx = nil
	s.srv.engine.ReleaseMemory(t.staged)
	if t.owner != nil {
		s.srv.engine.Locks().Release(t.owner)
	}
	if t.ddl {
		s.srv.ddl.Unlock()
	}
	if s.names != nil {
		s.names.EndTransaction()
	}
}

// Sync ends the implicit transaction by committing it.
func (s *session) Sync(ctx context.Context) error {
	if s.tx == nil || s.tx.explicit {
		return nil
	}
	return s.commit(ctx)
}

// Abort rolls the implicit transaction back, or marks the block as failed.
func (s *session) Abort() {
	switch {
	case s.tx == nil:
	case s.tx.explicit:
		s.tx.failed = true
	default:
		s.rollback()
	}
}

// change adds catalog changes to the transaction; the first one waits until no
// other session is changing the catalog.
func (s *session) change(cs ...catalog.Change) {
	for _, c := range cs {
		s.srv.sealer.passwords(c.Object)
	}
	t := s.begin()
	t.changes = append(t.changes, cs...)
	t.catalog = s.catalog().Apply(cs)
}

// lockDDL waits for the right to change the catalog, held to the end of the
// transaction, and gives the catalog to bind against.
func (s *session) lockDDL() {
	t := s.begin()
	if !t.ddl {
		s.srv.ddl.Lock()
		t.ddl = true
	}
}

func (s *session) savepoint(name string) {
	t := s.tx
	sp := savepoint{name: name, own: map[uint64]int{}, order: len(t.order), changes: len(t.changes), catalog: t.catalog, settings: s.set.clone()}
	for id, bs := range t.own {
		sp.own[id] = len(bs)
	}
	t.saves = append(t.saves, sp)
}

func (t *txn) find(name string) (int, error) {
	for i := len(t.saves) - 1; i >= 0; i-- {
		if t.saves[i].name == name {
			return i, nil
		}
	}
	return 0, sqlerr.New("3B001", "savepoint %q does not exist", name)
}

func (s *session) rollbackTo(name string) error {
	t := s.tx
	i, err := t.find(name)
	if err != nil {
		return err
	}
	sp := t.saves[i]
	for id := range t.own {
		t.own[id] = t.own[id][:sp.own[id]]
	}
	t.changes, t.catalog, t.failed = t.changes[:sp.changes], sp.catalog, false
	t.saves = t.saves[:i+1]
	s.restoreSettings(sp.settings.clone())
	return nil
}
