package circuit

import (
	"bufio"
	"bytes"
	"cmp"
	"container/heap"
	"encoding/binary"
	"io"
	"os"
	"slices"

	"github.com/tarndb/tarn/exec/arrange"
	"github.com/tarndb/tarn/exec/operator"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/rowenc"
)

// sorter puts weighted rows in order and sums the weights of equal ones. A row is
// an entry: order key, [arrival number,] exact key of the whole row. The last
// part makes the order total, gives the row back, and makes equal rows
// neighbours. Beyond the memory budget sorted runs go to temporary files and are
// merged; without a folder for them the statement ends with 53200.
type sorter struct {
	types   []types.Type
	by      []plan.Order
	byTypes []types.Type
	opts    rowenc.KeyOptions
	arrives bool // equal order keys stay in the order of arrival
	seq     uint64
	best    int64 // > 0: only so many rows are wanted, and none will be taken back

	budget   *arrange.Budget
	dir      string
	reserved int64
	data     []byte
	entries  []entry
	files    []*os.File

	keys, rows rowenc.Keys
}

type entry struct {
	prefix uint64 // the first bytes of the key: most comparisons end here
	off    uint64
	len    uint32
	weight int64
}

func newSorter(ts []types.Type, by []plan.Order, arrives bool, env Env) *sorter {
	s := &sorter{types: ts, by: by, arrives: arrives, budget: env.Budget, dir: env.TempDir}
	for _, o := range by {
		s.byTypes = append(s.byTypes, ts[o.Col])
		s.opts.Orders = append(s.opts.Orders, rowenc.Order{Desc: o.Desc, NullsFirst: o.NullsFirst})
	}
	return s
}

// keep says that only the first offset+limit rows will be asked for and that no
// row is ever retracted.
func (s *sorter) keep(limit, offset int64) {
	if limit >= 0 && limit+offset < 1<<20 {
		s.best = limit + offset
	}
}

func (s *sorter) add(b *vec.Batch) error {
	by := make([]*vec.Vec, len(s.by))
	for i, o := range s.by {
		by[i] = b.Cols[o.Col]
	}
	rowenc.EncodeKeys(&s.keys, by, b.N, s.opts)
	rowenc.EncodeKeys(&s.rows, b.Cols, b.N, rowenc.KeyOptions{Mode: rowenc.Exact})
	if err := s.reserve(len(s.keys.Data) + len(s.rows.Data) + 40*b.N); err != nil {
		return err
	}
	for i := range b.N {
		off := len(s.data)
		s.data = append(s.data, s.keys.Key(i)...)
		if s.arrives {
			s.data = binary.BigEndian.AppendUint64(s.data, s.seq)
			s.seq++
		}
		s.data = append(s.data, s.rows.Key(i)...)
		s.entries = append(s.entries, newEntry(s.data, off, b.Weight(i)))
	}
	if s.best > 0 && int64(len(s.entries)) > 2*s.best+4*vec.BatchRows {
		s.cut()
	}
	return nil
}

func newEntry(data []byte, off int, w int64) entry {
	key := data[off:]
	var first [8]byte
	copy(first[:], key)
	return entry{prefix: binary.BigEndian.Uint64(first[:]), off: uint64(off), len: uint32(len(key)), weight: w}
}

func (s *sorter) key(e *entry) []byte { return s.data[e.off : e.off+uint64(e.len)] }

func (s *sorter) sort() {
	slices.SortFunc(s.entries, func(a, b entry) int {
		if a.prefix != b.prefix {
			return cmp.Compare(a.prefix, b.prefix)
		}
		return bytes.Compare(s.key(&a), s.key(&b))
	})
}

// cut drops what is behind the rows that are wanted.
func (s *sorter) cut() {
	s.sort()
	n, rows := 0, int64(0)
	for n < len(s.entries) && rows < s.best {
		rows += s.entries[n].weight
		n++
	}
	data := make([]byte, 0, len(s.data)/2)
	for i := range s.entries[:n] {
		e := &s.entries[i]
		off := len(data)
		data = append(data, s.key(e)...)
		e.off = uint64(off)
	}
	s.data, s.entries = data, s.entries[:n]
	s.unreserve()
	_ = s.reserve(len(data) + 40*n)
}

// reserve accounts for n more bytes, spilling if it must.
func (s *sorter) reserve(n int) error {
	err := s.budget.Reserve(int64(n))
	if err != nil && s.dir != "" && len(s.entries) > 0 {
		if err = s.spill(); err == nil {
			err = s.budget.Reserve(int64(n))
		}
	}
	if err == nil {
		s.reserved += int64(n)
	}
	return err
}

func (s *sorter) unreserve() {
	s.budget.Release(s.reserved)
	s.reserved = 0
}

// spill writes what is in memory as a sorted run.
func (s *sorter) spill() error {
	s.sort()
	f, err := os.CreateTemp(s.dir, "sort-*")
	if err != nil {
		return sqlerr.New(sqlerr.IOError, "could not create temporary file: %v", err)
	}
	s.files = append(s.files, f)
	w := bufio.NewWriterSize(f, 1<<18)
	var head []byte
	for i := range s.entries {
		e := &s.entries[i]
		head = binary.AppendVarint(binary.AppendUvarint(head[:0], uint64(e.len)), e.weight)
		if _, err := w.Write(head); err != nil {
			return spillError(err)
		}
		if _, err := w.Write(s.key(e)); err != nil {
			return spillError(err)
		}
	}
	if err := w.Flush(); err != nil {
		return spillError(err)
	}
	s.data, s.entries = s.data[:0], s.entries[:0]
	s.unreserve()
	return nil
}

func spillError(err error) error {
	return sqlerr.New(sqlerr.DiskFull, "could not write temporary file: %v", err)
}

func (s *sorter) close() {
	s.unreserve()
	for _, f := range s.files {
		f.Close()
		os.Remove(f.Name())
	}
	s.files = nil
}

// run is one sorted source: the memory, or a file.
type run struct {
	s      *sorter
	at     int // memory: next entry
	file   *bufio.Reader
	key    []byte
	weight int64
}

func (r *run) next() (bool, error) {
	if r.file == nil {
		if r.at == len(r.s.entries) {
			return false, nil
		}
		e := &r.s.entries[r.at]
		r.at++
		r.key, r.weight = r.s.key(e), e.weight
		return true, nil
	}
	n, err := binary.ReadUvarint(r.file)
	if err == io.EOF {
		return false, nil
	}
	if err == nil {
		r.weight, err = binary.ReadVarint(r.file)
	}
	if err == nil {
		r.key = make([]byte, n)
		_, err = io.ReadFull(r.file, r.key)
	}
	if err != nil {
		return false, sqlerr.New(sqlerr.IOError, "could not read temporary file: %v", err)
	}
	return true, nil
}

type runs []*run

func (h runs) Len() int           { return len(h) }
func (h runs) Less(i, j int) bool { return bytes.Compare(h[i].key, h[j].key) < 0 }
func (h runs) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *runs) Push(x any)        { *h = append(*h, x.(*run)) }
func (h *runs) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

// each emits the rows in order, equal ones as one with the sum of their weights.
func (s *sorter) each(step *operator.Step, emit func(b *vec.Batch) error) error {
	s.sort()
	h := &runs{}
	all := []*run{{s: s}}
	for _, f := range s.files {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return sqlerr.New(sqlerr.IOError, "could not read temporary file: %v", err)
		}
		all = append(all, &run{file: bufio.NewReaderSize(f, 1<<18)})
	}
	for _, r := range all {
		ok, err := r.next()
		if err != nil {
			return err
		}
		if ok {
			*h = append(*h, r)
		}
	}
	heap.Init(h)
	var keys [][]byte
	var weights []int64
	for h.Len() > 0 {
		r := (*h)[0]
		key, w := r.key, r.weight
		for {
			ok, err := r.next()
			if err != nil {
				return err
			}
			if ok {
				heap.Fix(h, 0)
			} else {
				heap.Pop(h)
			}
			if h.Len() == 0 || !bytes.Equal((*h)[0].key, key) {
				break
			}
			r = (*h)[0]
			w += r.weight
		}
		if w <= 0 {
			continue
		}
		keys, weights = append(keys, key), append(weights, w)
		if len(keys) >= vec.BatchRows {
			select {
			case <-step.Done:
				return operator.Cancelled()
			default:
			}
			if err := s.emit(keys, weights, emit); err != nil {
				return err
			}
			keys, weights = keys[:0], weights[:0]
		}
	}
	if len(keys) == 0 {
		return nil
	}
	return s.emit(keys, weights, emit)
}

func (s *sorter) emit(keys [][]byte, weights []int64, emit func(b *vec.Batch) error) error {
	_, rest, err := rowenc.DecodeKeys(keys, s.byTypes, s.opts)
	if err != nil {
		return err
	}
	if s.arrives {
		for i := range rest {
			rest[i] = rest[i][8:]
		}
	}
	cols, _, err := rowenc.DecodeKeys(rest, s.types, rowenc.KeyOptions{Mode: rowenc.Exact})
	if err != nil {
		return err
	}
	return emit(&vec.Batch{N: len(keys), Cols: cols, Weights: slices.Clone(weights)})
}
