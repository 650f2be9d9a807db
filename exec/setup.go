package exec

import (
	"sort"
)

// Setup is how the Host makes catalog changes take effect. New relations are
// prepared at once, so that the same transaction may write to them; views are
// built, and dropped relations go, only when the epoch is durable (commit).
type Setup struct {
	e       *Engine
	epoch   Epoch
	created []uint64
	dropped []uint64
	views   []ViewDef
	after   []func()
	undo    []func() // of alterations
	// restored is the checkpoint whose relations are being opened; nil for changes.
	restored *meta
}

// CreateTable prepares a table.
func (s *Setup) CreateTable(def TableDef) error {
	rel, err := s.e.newTable(def)
	if err != nil {
		return err
	}
	s.add(rel)
	return nil
}

// CreateStream prepares a stream.
func (s *Setup) CreateStream(def StreamDef) error {
	rel, err := s.e.newStream(def)
	if err != nil {
		return err
	}
	s.add(rel)
	return nil
}

func (s *Setup) add(rel *relation) {
	s.e.setRelation(rel.id, rel)
	s.created = append(s.created, rel.id)
}

// CreateView plans a view for the end of the epoch; its inputs then hold
// everything up to and with this epoch.
// A plan that no circuit can be made of is refused now, before anything is durable.
func (s *Setup) CreateView(def ViewDef) error {
	if err := s.e.tryView(def); err != nil {
		return err
	}
	s.views = append(s.views, def)
	return nil
}

// Drop removes a relation and its state.
func (s *Setup) Drop(id uint64) { s.dropped = append(s.dropped, id) }

// OnCommit runs f when the change has taken effect.
func (s *Setup) OnCommit(f func()) { s.after = append(s.after, f) }

func (s *Setup) rollback() {
	for i := len(s.undo) - 1; i >= 0; i-- {
		s.undo[i]()
	}
	for _, id := range s.created {
		s.e.dropRelation(id)
	}
}

// commit makes the change take effect after the epoch's rows are in.
func (s *Setup) commit() error {
	sort.Slice(s.dropped, func(i, j int) bool { return s.dropped[i] > s.dropped[j] }) // dependents first
	for _, id := range s.dropped {
		s.e.dropRelation(id)
	}
	for _, def := range s.views {
		var err error
		if s.restored != nil {
			err = s.e.restoreView(def, s.restored)
		} else {
			err = s.e.beginView(def, s.epoch)
		}
		if err != nil {
			return err
		}
	}
	for _, f := range s.after {
		f()
	}
	return nil
}
