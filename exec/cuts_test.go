package exec

import (
	"context"
	"fmt"
	"reflect"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// TestCuts: a cut is refused unless it begins where its source stands; where that
// is survives crash and restart, and goes with the relation.
func TestCuts(t *testing.T) {
	d := openDB(t, vfs.NewCrashableMem())
	d.create("stream 16401")
	d.create("table 16400")
	cut := func(want string, cuts ...Cut) {
		t.Helper()
		txn := &Txn{Cuts: cuts}
		for i := range cuts {
			if cuts[i].Object == 0 {
				cuts[i].Object = streamID
			}
			if n := cuts[i].Rows; n > 0 {
				txn.Writes = append(txn.Writes, Write{Object: cuts[i].Object, Rows: rows(repeated(n, int64(cuts[i].Partition), cuts[i].From, 1)...)})
			}
		}
		_, err := d.e.Commit(context.Background(), txn)
		if got := string(sqlerr.CodeOf(err)); err == nil && want != "" || err != nil && got != want {
			t.Fatalf("%v: %v, want %q", cuts, err, want)
		}
	}
	at := func(object uint64, want map[int32]int64) {
		t.Helper()
		if got := d.e.Offsets(object); !reflect.DeepEqual(got, want) && len(got)+len(want) > 0 {
			t.Fatalf("source of %d stands at %v, want %v", object, got, want)
		}
	}
	at(streamID, nil)
	cut("", Cut{Partition: 0, From: 100, To: 103, Rows: 2}, Cut{Partition: 1, From: 7, To: 8, Rows: 1})
	cut("", Cut{Partition: 0, From: 103, To: 110}) // nothing in it
	cut("40001", Cut{Partition: 0, From: 103, To: 111, Rows: 2})
	cut("40001", Cut{Partition: 1, From: 9, To: 10})
	cut("40001", Cut{Partition: 1, From: 8, To: 9}, Cut{Partition: 1, From: 8, To: 9})
	cut("XX000", Cut{Partition: 1, From: 8, To: 8, Rows: 1})
	cut("42P01", Cut{Object: 99, Partition: 1, From: 8, To: 8})
	cut("", Cut{Partition: 1, From: 8, To: 9, Rows: 1}, Cut{Partition: 1, From: 9, To: 10, Rows: 1}, Cut{Object: tableID, Partition: 5, From: 0, To: 1})
	cut("", Cut{Partition: 2, From: 50, To: 60}, Cut{Partition: 2, From: 60, To: 0}) // the topic has begun anew
	check := func() {
		t.Helper()
		at(streamID, map[int32]int64{0: 110, 1: 10, 2: 0})
		at(tableID, map[int32]int64{5: 1})
		d.want(d.read(scanPlan(streamID), 0), "0 100; 0 100; 1 7; 1 8; 1 9")
	}
	check()
	crash := func() {
		t.Helper()
		fs := d.fs.(*vfs.MemFS).CrashClone(vfs.CrashCloneCfg{})
		d.close()
		d.fs = fs
		d.open()
	}
	for _, reopen := range []func(){crash, func() { d.close(); d.open() }, crash} {
		reopen()
		check()
		cut("40001", Cut{Partition: 0, From: 109, To: 111})
	}
	d.create("drop 16401")
	at(streamID, nil)
	d.close()
}

func repeated(n int, x ...int64) (out []int64) {
	for range n {
		out = append(out, x...)
	}
	return out
}

func FuzzDecodeCuts(f *testing.F) {
	f.Add(appendCuts(nil, []Cut{{Object: 1, Partition: 3, From: 1, To: 9, Rows: 4}, {Object: 1, Partition: -1, From: 1 << 60, To: 0}}))
	f.Add([]byte{cutsVersion, 255, 255, 255, 255, 15})
	f.Fuzz(func(t *testing.T, b []byte) {
		cuts, err := decodeCuts(1, b)
		if err != nil {
			return
		}
		again, err := decodeCuts(1, appendCuts(nil, cuts))
		if err != nil || fmt.Sprint(again) != fmt.Sprint(cuts) {
			t.Fatalf("%v became %v, %v", cuts, again, err)
		}
	})
}

// TestCutsOfTomorrow: offsets of a newer release are refused by name, not taken
// for damage.
func TestCutsOfTomorrow(t *testing.T) {
	if _, err := decodeCuts(1, []byte{cutsVersion + 1, 0}); !sqlerr.HasCode(err, sqlerr.FeatureNotSupported) {
		t.Fatal(err)
	}
}
