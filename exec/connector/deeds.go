package connector

import (
	"github.com/tarndb/tarn/exec"
	"github.com/tarndb/tarn/exec/format"
	"github.com/tarndb/tarn/sql/vec"
)

// deeds is what rows do to a table.
type deeds struct {
	ops  []format.Op // nil: all Put
	keep [][]int32   // format.Decoded.Keep
}

func deedsOf(d *format.Decoded) deeds { return deeds{d.Ops, d.Keep} }

// slice is the deeds of rows [lo, hi).
func (d deeds) slice(lo, hi int) deeds {
	if d.ops != nil {
		d.ops = d.ops[lo:hi]
	}
	if d.keep != nil {
		d.keep = d.keep[lo:hi]
	}
	return d
}

// streamWrites are batches as writes of a stream: large ones as they are, small ones
// together.
func streamWrites(object uint64, batches []*vec.Batch) (out []exec.Write) {
	for lo := 0; lo < len(batches); {
		hi, rows := lo, 0
		for ; hi < len(batches) && (hi == lo || rows+batches[hi].N <= vec.BatchRows); hi++ {
			rows += batches[hi].N
		}
		out = append(out, exec.Write{Object: object, Rows: vec.Concat(batches[lo:hi])})
		lo = hi
	}
	return out
}

// tableWrites makes one upsert of batches with what their rows do. What a
// truncation removes need not have been written in the same transaction.
func tableWrites(object uint64, batches []*vec.Batch, rows []deeds) []exec.Write {
	w := exec.Write{Object: object, Upsert: true}
	var out []*vec.Batch
	n, keeps := 0, false
	for i, b := range batches {
		lo := 0
		for j, op := range rows[i].ops {
			if op == format.Truncate {
				out, n, lo, w.Keep, keeps, w.Truncate = nil, 0, j+1, nil, false, true
			}
		}
		if lo == b.N {
			continue
		}
		weighted := *b.Slice(lo, b.N)
		weighted.Weights = make([]int64, weighted.N)
		for j := range weighted.Weights {
			weighted.Weights[j] = 1
			if rows[i].ops != nil && rows[i].ops[lo+j] == format.Delete {
				weighted.Weights[j] = -1
			}
		}
		out = append(out, &weighted)
		if rows[i].keep != nil {
			w.Keep, keeps = append(append(w.Keep, make([][]int32, n-len(w.Keep))...), rows[i].keep[lo:]...), true
		}
		n += weighted.N
	}
	if keeps {
		w.Keep = append(w.Keep, make([][]int32, n-len(w.Keep))...)
	}
	if len(out) > 0 {
		w.Rows = vec.Concat(out)
	} else if !w.Truncate {
		return nil
	}
	return []exec.Write{w}
}
