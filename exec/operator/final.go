package operator

import (
	"encoding/binary"
	"math"

	"github.com/tarndb/tarn/exec/arrange"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/rowenc"
)

// Final is EMIT FINAL: it holds back each row until the watermark has passed its
// window_end and the delay, and then emits what the window has come to, once.
// Its output never retracts.
//
// Rows wait in one arrangement in order of time, so closing costs what closes. A
// change of a window that had closed when the step began is dropped and counted:
// a closed window never opens again. Rows without a window end wait for ever.
type Final struct {
	types     []types.Type
	windowEnd int
	delay     int64
	waiting   *arrange.Ordered
	state     *arrange.Table // closed, to survive restarts
	loaded    bool
	closed    int64 // windows that end up to here have been emitted, µs
	// Late is the weight of the rows that came too late, since the circuit was built.
	Late int64
}

var (
	_ Operator = (*Final)(nil)
	_ Timed    = (*Final)(nil)
)

// NewFinal makes the operator; windowEnd is the column, delay in µs.
func NewFinal(ts []types.Type, windowEnd int, delay int64, states *States) *Final {
	f := &Final{types: ts, windowEnd: windowEnd, delay: delay, closed: math.MinInt64}
	f.waiting = states.Space.Ordered(states.Next())
	f.state = states.Table(arrange.TableOptions{})
	return f
}

// Timed says that the watermark alone may make Final emit.
func (f *Final) Timed() bool { return true }

// noGroup is the one group that all waiting rows are in.
var noGroupHash = arrange.Hash(nil)

// Push makes b's rows wait.
func (f *Final) Push(s *Step, port int, b *vec.Batch, out Emit) error {
	if err := f.load(); err != nil {
		return err
	}
	end := b.Cols[f.windowEnd]
	var rows rowenc.Keys
	rowenc.EncodeKeys(&rows, b.Cols, b.N, rowenc.KeyOptions{Mode: rowenc.Exact})
	var key []byte
	for i := range b.N {
		at := int64(math.MaxInt64)
		if !end.IsNull(i) {
			at = end.Ints[i]
		}
		if at <= f.closed && f.closed != math.MinInt64 {
			f.Late += max(b.Weight(i), 0)
			continue
		}
		key = append(appendTime(key[:0], at), rows.Key(i)...)
		if _, _, err := f.waiting.Add(nil, noGroupHash, key, nil, b.Weight(i)); err != nil {
			return err
		}
	}
	return nil
}

// Flush emits the windows that the watermark has closed.
func (f *Final) Flush(s *Step, out Emit) error {
	if err := f.load(); err != nil {
		return err
	}
	if s.Watermark < math.MinInt64+f.delay+1 || s.Watermark-f.delay <= f.closed {
		return nil
	}
	through := s.Watermark - f.delay
	if err := takeDue(f.waiting, f.types, through, func(w int64) bool { return w > 0 }, out); err != nil {
		return err
	}
	return f.store(through)
}

func appendTime(dst []byte, t int64) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(t)^1<<63)
}

func timeOf(key []byte) int64 { return int64(binary.BigEndian.Uint64(key) ^ 1<<63) }

func (f *Final) stateKey() *arrange.Keys {
	k := &arrange.Keys{}
	k.Append([]byte{1})
	return k
}

func (f *Final) load() error {
	if f.loaded {
		return nil
	}
	f.loaded = true
	refs := make([]arrange.Ref, 1)
	if err := f.state.Lookup(f.stateKey(), nil, refs); err != nil {
		return err
	}
	if refs[0] != 0 {
		f.closed = int64(binary.LittleEndian.Uint64(f.state.Value(refs[0])))
	}
	return nil
}

func (f *Final) store(closed int64) error {
	f.closed = closed
	k, refs := f.stateKey(), make([]arrange.Ref, 1)
	if err := f.state.Lookup(k, nil, refs); err != nil {
		return err
	}
	_, err := f.state.Put(k, 0, refs[0], binary.LittleEndian.AppendUint64(nil, uint64(closed)))
	return err
}
