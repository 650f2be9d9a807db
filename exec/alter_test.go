package exec

import (
	"context"
	"fmt"
	"maps"
	"math/rand"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// wide are columns k, v and then texts, as a relation has them that was altered.
func wide(n int) []types.Type {
	ts := slices.Clone(pair)
	for len(ts) < n {
		ts = append(ts, types.Text)
	}
	return ts
}

func wideScan(id uint64, n int) *plan.Scan {
	sc := &plan.Scan{Object: id, RowtimeCol: -1, Kind: plan.Stream}
	for i, t := range wide(n) {
		sc.Fields, sc.Cols = append(sc.Fields, i), append(sc.Cols, plan.Column{Name: "c", Type: t})
	}
	return sc
}

// wideRow is one row of n columns; added ones say when it was written.
func wideRow(k, v int64, n int) *vec.Batch {
	b := &vec.Batch{N: 1}
	for i, t := range wide(n) {
		c := vec.NewBuilder(t, 1)
		switch i {
		case 0:
			c.Int(k)
		case 1:
			c.Int(v)
		default:
			c.String(fmt.Sprintf("%d/%d", v, i))
		}
		b.Cols = append(b.Cols, c.Finish())
	}
	return b
}

// altering is an engine with relations that get columns, beside what they held at
// each epoch: rows as lists of cells.
type altering struct {
	*db
	rng   *rand.Rand
	width map[uint64]int
	keyed map[int64]string // row of each key
	rows  map[uint64][]string
	past  map[Epoch]map[uint64][]string
}

const bagID = 16398

var alterKinds = map[uint64]string{tableID: "alterkeyed", bagID: "alterbag", streamID: "alterstream"}

func cells(k, v int64, n int) string {
	out := fmt.Sprintf("%d %d", k, v)
	for i := 2; i < n; i++ {
		out += fmt.Sprintf(" %d/%d", v, i)
	}
	return out
}

func (a *altering) step() {
	id := []uint64{tableID, bagID, streamID}[a.rng.Intn(3)]
	k, v, n := int64(a.rng.Intn(20)), int64(a.rng.Intn(1000)), a.width[id]
	var ep Epoch
	switch x := a.rng.Intn(10); {
	case x == 0 && n < 6:
		a.width[id] = n + 1 + a.rng.Intn(2)
		a.create(fmt.Sprintf("%s %d over %d", alterKinds[id], id, a.width[id]))
		return
	case x == 1 && n > 2 && id != streamID: // one who does not know of the newest column yet
		n--
	}
	row := wideRow(k, v, n)
	if id != tableID {
		ep = a.commit(&Txn{Writes: []Write{{Object: id, Rows: row}}})
		a.rows[id] = append(slices.Clone(a.rows[id]), cells(k, v, n))
	} else {
		row.Weights = []int64{1}
		a.keyed = maps.Clone(a.keyed)
		a.keyed[k] = cells(k, v, n)
		if a.rng.Intn(4) == 0 {
			row.Weights[0] = -1
			delete(a.keyed, k)
		}
		ep = a.commit(&Txn{Writes: []Write{{Object: id, Rows: row, Upsert: true}}})
		a.rows[id] = slices.Collect(maps.Values(a.keyed))
	}
	a.past[ep] = maps.Clone(a.rows)
}

// check reads all relations as of an epoch, with all their columns.
func (a *altering) check(ep Epoch, want map[uint64][]string) {
	a.t.Helper()
	for id := range alterKinds {
		var rows []string
		for _, r := range want[id] {
			have := len(strings.Fields(r))
			rows = append(rows, r+strings.Repeat(" ", a.width[id]-have))
		}
		slices.Sort(rows)
		a.want(a.read(wideScan(id, a.width[id]), ep), strings.Join(rows, "; "))
	}
}

// TestAlter: columns come while rows do; whatever ends the engine, rows from before
// have NULLs, queries of the past and views give what they gave.
func TestAlter(t *testing.T) {
	for seed := range int64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			fs := vfs.NewCrashableMem()
			a := &altering{db: openDB(t, fs), rng: rand.New(rand.NewSource(seed)), keyed: map[int64]string{},
				width: map[uint64]int{tableID: 2, bagID: 2, streamID: 2}, rows: map[uint64][]string{}, past: map[Epoch]map[uint64][]string{}}
			a.create("table 16400")
			a.create("bag 16398")
			a.create("stream 16401")
			for i, id := range []uint64{tableID, bagID, streamID} {
				a.create(fmt.Sprintf("view %d over %d", viewID+i, id))
			}
			for range 12 {
				for range 1 + a.rng.Intn(12) {
					a.step()
				}
				before := a.read(viewScan(viewID), 0) + a.read(viewScan(viewID+1), 0) + a.read(viewScan(viewID+2), 0)
				switch a.rng.Intn(4) {
				case 0:
					a.close()
					a.open()
				case 1:
					fs := a.fs.(*vfs.MemFS).CrashClone(vfs.CrashCloneCfg{})
					a.close()
					a.fs, a.host = fs, &fakeHost{}
					a.open()
				case 2:
					a.settle()
				}
				a.check(0, a.rows)
				a.want(a.read(viewScan(viewID), 0)+a.read(viewScan(viewID+1), 0)+a.read(viewScan(viewID+2), 0), before)
			}
			for ep, want := range a.past {
				a.check(ep, want)
			}
			a.close()
		})
	}
}

// TestAlterRefused: who knows only the columns of before may not change rows whose
// number he would be mistaken in; a change that is not kept leaves all as it was.
func TestAlterRefused(t *testing.T) {
	d := openDB(t, vfs.NewMem())
	defer d.close()
	d.create("bag 16398")
	d.insert(bagID, 1, 1, 1)
	old := rows(1, 1, -1)
	old.Cols = append(old.Cols, &vec.Vec{Type: types.Int8, N: 1, Ints: []int64{0}})
	d.create("alterbag 16398 over 3")
	if _, err := d.e.Commit(context.Background(), &Txn{Writes: []Write{{Object: bagID, Rows: old}}}); !sqlerr.HasCode(err, sqlerr.SerializationFailure) {
		t.Errorf("a change of a row without the new column: %v", err)
	}
	if _, err := d.e.Commit(context.Background(), &Txn{Catalog: []byte("alterbag 16398 over 5"), Writes: []Write{{Object: 1, Rows: old}}}); err == nil {
		t.Error("a write to nothing is taken")
	}
	if n := len(d.e.relation(bagID).types); n != 4 {
		t.Errorf("%d stored columns after a change that was not kept", n)
	}
	d.want(d.read(wideScan(bagID, 3), 0), "1 1 ")
}

// TestAlterAll: what is added to relation must be added to again as well, and then
// here.
func TestAlterAll(t *testing.T) {
	const known = 28
	if n := reflect.TypeFor[relation]().NumField(); n != known {
		t.Errorf("relation has %d fields, again knows %d", n, known)
	}
}
