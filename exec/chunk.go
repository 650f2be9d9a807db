package exec

import (
	"github.com/tarndb/tarn/storage/journal"
)

// A transaction of very many rows does not fit one frame, and a frame that fits
// would have to be in memory once more as a whole. What is too long goes into the
// journal ahead of its epoch, in chunks; the frame then says that they count. Until
// it is durable they are nothing.

// chunked writes runs of data entries that are longer than a chunk ahead of their
// frame. It returns the entries of the frame and what to give up if that fails.
func (e *Engine) chunked(entries []journal.Entry) (frame []journal.Entry, txns []uint64, err error) {
	limit := int(e.cfg.ChunkBytes)
	for lo := 0; lo < len(entries); {
		hi, size := lo, 0
		for hi < len(entries) && entries[hi].Kind == journal.KindData {
			size += len(entries[hi].Payload)
			hi++
		}
		if size <= limit {
			hi = max(hi, lo+1)
			frame = append(frame, entries[lo:hi]...)
			lo = hi
			continue
		}
		e.txns++
		txns = append(txns, e.txns)
		for lo < hi {
			n, size := lo, 0
			for n < hi && (n == lo || size+len(entries[n].Payload) <= limit) {
				size += len(entries[n].Payload)
				n++
			}
			if err := e.journal.AppendChunk(e.txns, entries[lo:n]); err != nil {
				return nil, txns, err
			}
			lo = n
		}
		frame = append(frame, journal.Entry{Kind: journal.KindCommit, Txn: e.txns})
	}
	return frame, txns, nil
}

// append makes an epoch durable.
func (e *Engine) append(ep Epoch, entries []journal.Entry) (*journal.Frame, error) {
	entries, txns, err := e.chunked(entries)
	frame := &journal.Frame{Epoch: ep, Time: int64(ep), Entries: entries}
	if err == nil {
		err = e.journal.Append(frame)
	}
	if err != nil {
		for _, txn := range txns {
			e.journal.Forget(txn)
		}
	}
	return frame, err
}
