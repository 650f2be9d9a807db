package circuit

import (
	"github.com/tarndb/tarn/exec/operator"
	"github.com/tarndb/tarn/exec/zset"
	"github.com/tarndb/tarn/sql/vec"
)

// Expect tells the operators of batches of one scan that come in the next steps: the
// first ones with state have what they will look up read. view is where the circuit's
// output goes. It changes nothing and is called between epochs.
func (c *Circuit) Expect(s *operator.Step, scan int, bs []*vec.Batch, view *View) error {
	return expect(s, c.sources[scan], bs, view)
}

func expect(s *operator.Step, to []edge, bs []*vec.Batch, view *View) error {
	if len(bs) == 0 {
		return nil
	}
	for _, e := range to {
		if e.to == nil {
			if err := view.Expect(s, bs); err != nil {
				return err
			}
			continue
		}
		if op, ok := e.to.op.(operator.Expecter); ok {
			if err := op.Expect(s, e.port, bs); err != nil {
				return err
			}
			continue
		}
		if !operator.Through(e.to.op) {
			continue
		}
		var out passed
		for _, b := range bs {
			if err := e.to.op.Push(s, e.port, b, &out); err != nil {
				return err
			}
		}
		if err := expect(s, e.to.outs, out.batches, view); err != nil {
			return err
		}
	}
	return nil
}

// passed keeps batches. The errors come again in the step.
type passed struct{ batches []*vec.Batch }

func (p *passed) Batch(b *vec.Batch) error {
	p.batches = append(p.batches, b)
	return nil
}

func (p *passed) Errors([]zset.Error) error { return nil }

// Expect has the rows read that batches will change.
func (v *View) Expect(s *operator.Step, bs []*vec.Batch) error {
	if v.l.kind != keyed {
		return nil
	}
	return operator.ExpectRows(v.table, bs, v.l.keyCols, s.Workers)
}
