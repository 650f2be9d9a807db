package connector

import (
	"fmt"

	"github.com/tarndb/tarn/exec"
	"github.com/tarndb/tarn/exec/zset"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/rowenc"
)

// progress is how far a target has been written: up to an epoch, or, while the rows
// that stood when the sink began are still being written, up to some parts of
// them. What follows is written epoch by epoch, none of them torn.
type progress struct {
	none  bool // nothing has ever been written
	epoch exec.Epoch
	// part of parts of the snapshot as of epoch are written; parts 0: all.
	part, parts int
}

// note is the part as text, for a target that keeps one; "": there is none.
func (p progress) note() string {
	if p.parts == 0 {
		return ""
	}
	return fmt.Sprintf("snapshot part %d of %d", p.part, p.parts)
}

// noted is the progress that an epoch and a note stand for.
func noted(epoch exec.Epoch, note string) progress {
	p := progress{epoch: epoch}
	if n, _ := fmt.Sscanf(note, "snapshot part %d of %d", &p.part, &p.parts); n != 2 || p.part >= p.parts {
		p.part, p.parts = 0, 0
	}
	return p
}

// parted deals the rows of a snapshot out to so many parts, by what is in their
// key, or in all columns where there is none: the same rows come into the same
// part in whatever order they are read, and rows of one key stay together.
func parted(b *vec.Batch, key []int, parts int) [][]int32 {
	out := make([][]int32, parts)
	cols := b.Cols
	if len(key) > 0 {
		cols = make([]*vec.Vec, len(key))
		for i, c := range key {
			cols[i] = b.Cols[c]
		}
	}
	var keys rowenc.Keys
	rowenc.EncodeKeys(&keys, cols, b.N, rowenc.KeyOptions{Mode: rowenc.Canonical})
	for i, h := range zset.HashKeys(nil, keys.Off, keys.Data) {
		n := h % uint64(parts)
		out[n] = append(out[n], int32(i))
	}
	return out
}
