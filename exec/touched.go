package exec

import (
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/rowenc"
)

// place is a row that stands under a key: its exact bytes and where to find it.
// The zero place is that of no row.
type place struct {
	image string
	batch *vec.Batch
	row   int32
}

// changes is what a write makes of the keys that it touches.
type changes interface {
	// at is what stands under a key; false: the write does not touch it.
	at(key string) (place, bool)
	// all adds everything to a map.
	all(into placed)
}

// placed is changes as a map.
type placed map[string]place

func (p placed) at(key string) (place, bool) { x, ok := p[key]; return x, ok }

func (p placed) all(into placed) {
	for k, x := range p {
		into[k] = x
	}
}

// touched is what the epoch has made of a table so far. Writes are put together
// when somebody asks: where a table has one write an epoch nobody does.
type touched struct {
	known   placed
	waiting []changes
}

func (t *touched) add(c changes) { t.waiting = append(t.waiting, c) }

func (t *touched) at(key string) (place, bool) { return t.settled().at(key) }

func (t *touched) settled() placed {
	if t == nil {
		return nil
	}
	if t.known == nil {
		t.known = placed{}
	}
	for _, c := range t.waiting {
		c.all(t.known)
	}
	t.waiting = nil
	return t.known
}

// current is what stands under a key: by the writes before in the transaction, by
// what the epoch has admitted, or in the table.
func (a *admission) current(rel *relation, key string, earlier []admitted, standing placed) place {
	for j := len(earlier) - 1; j >= 0; j-- {
		if d := &earlier[j]; d.rel == rel && d.changes != nil {
			if p, ok := d.changes.at(key); ok {
				return p
			}
		}
	}
	if t := a.touched[rel.id]; t != nil {
		if p, ok := t.at(key); ok {
			return p
		}
	}
	return standing[key]
}

// keyStrings encodes rows as keys that share one string.
func keyStrings(cols []*vec.Vec, n int, mode rowenc.Mode) []string {
	var k rowenc.Keys
	rowenc.EncodeKeys(&k, cols, n, rowenc.KeyOptions{Mode: mode})
	all := string(k.Data)
	out := make([]string, n)
	for i := range out {
		out[i] = all[k.Off[i]:k.Off[i+1]]
	}
	return out
}
