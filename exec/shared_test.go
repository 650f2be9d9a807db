package exec

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/types"
)

// TestShared: views that join the same relation on the same key share it, also
// those made later and after a restart, and the last one to go takes it along.
func TestShared(t *testing.T) {
	d := openDB(t, vfs.NewCrashableMem())
	joined := func(id uint64) string {
		sc := &plan.Scan{Object: id, Fields: []int{0, 1, 2, 3}, RowtimeCol: -1, Kind: plan.MatView}
		for _, n := range []string{"k", "v", "k2", "v2"} {
			sc.Cols = append(sc.Cols, plan.Column{Name: n, Type: types.Int8})
		}
		return d.read(sc, 0)
	}
	sharing := func(shared, users int) {
		t.Helper()
		have := 0
		for _, x := range d.e.shared {
			have += x.users
		}
		if len(d.e.shared) != shared || have != users {
			t.Fatalf("%d arrangements are shared by %d, want %d by %d", len(d.e.shared), have, shared, users)
		}
	}
	d.create("table 16400")
	d.create("stream 16401")
	d.create("join 16402 over 16401")
	d.insert(tableID, 1, 10, 1, 2, 20, 1)
	d.insert(streamID, 1, 100, 1, 3, 300, 1)
	d.create("join 16403 over 16401") // over what is there
	sharing(1, 2)
	want := "1 100 1 10; 3 300 0 0"
	d.want(joined(viewID), want)
	d.want(joined(tviewID), want)
	d.close()
	d.open()
	sharing(1, 2)
	d.want(joined(viewID), want)
	d.want(joined(tviewID), want)
	d.insert(streamID, 2, 200, 1)
	d.insert(tableID, 1, 10, -1, 1, 11, 1)
	d.want(joined(viewID), "1 100 1 11; 2 200 2 20; 3 300 0 0")
	d.want(joined(tviewID), "1 100 1 11; 2 200 2 20; 3 300 0 0")
	d.insert(tableID, 1, 11, -1, 1, 10, 1)
	want = "1 100 1 10; 2 200 2 20; 3 300 0 0"
	d.want(joined(tviewID), want)
	fs := d.fs.(*vfs.MemFS).CrashClone(vfs.CrashCloneCfg{}) // the journal gives back what the checkpoint has not
	d.close()
	d.fs = fs
	d.open()
	sharing(1, 2)
	d.want(joined(viewID), want)
	d.want(joined(tviewID), want)
	d.create("drop 16402")
	sharing(1, 1)
	d.insert(tableID, 3, 30, 1)
	d.want(joined(tviewID), "1 100 1 10; 2 200 2 20; 3 300 3 30")
	d.create("drop 16403")
	sharing(0, 0)
	d.create("join 16404 over 16401")
	sharing(1, 1)
	d.want(joined(lateViewID), "1 100 1 10; 2 200 2 20; 3 300 3 30")
	d.close()
}
