package exec

import (
	"context"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// keeping is an upsert whose rows at the given places leave the value as it stands.
func keeping(w Write, at ...int) Write {
	w.Keep = make([][]int32, w.Rows.N)
	for _, i := range at {
		w.Keep[i] = []int32{1}
	}
	return w
}

// TestUpsertKeeps: rows that do not tell all of their values take the others from
// the row of their key that is there when their turn comes.
func TestUpsertKeeps(t *testing.T) {
	replace := keeping(upsert(1, 11, 1, 1, 0, 1), 1)
	replace.Truncate = true
	gone := keeping(upsert(1, 0, 1), 0)
	gone.Truncate = true
	for _, c := range []struct {
		name   string
		writes []Write
		want   string // "": it fails
	}{
		{"what stands", []Write{keeping(upsert(1, 0, 1, 2, 22, 1), 0)}, "1 10; 2 22"},
		{"an earlier row of the write", []Write{keeping(upsert(1, 11, 1, 3, 30, 1, 1, 0, 1, 3, 0, 1, 1, 0, 1), 2, 3, 4)}, "1 11; 2 20; 3 30"},
		{"an earlier row that keeps what stands", []Write{keeping(upsert(1, 0, 1, 1, 0, 1), 0, 1)}, "1 10; 2 20"},
		{"an earlier write", []Write{upsert(1, 11, 1), keeping(upsert(1, 0, 1), 0)}, "1 11; 2 20"},
		{"a row that came after all had gone", []Write{replace}, "1 11"},
		{"a deletion keeps nothing", []Write{keeping(upsert(1, 0, -1), 0)}, "2 20"},
		{"no row of the key", []Write{keeping(upsert(7, 0, 1), 0)}, ""},
		{"a row that was deleted before", []Write{keeping(upsert(1, 0, -1, 1, 0, 1), 1)}, ""},
		{"all has gone", []Write{gone}, ""},
	} {
		d := openDB(t, vfs.NewMem())
		d.create("table 16400")
		d.insert(tableID, 1, 10, 1, 2, 20, 1)
		_, err := d.e.Commit(context.Background(), &Txn{Writes: c.writes})
		if c.want != "" && err != nil || c.want == "" && !sqlerr.HasCode(err, sqlerr.DataException) {
			t.Errorf("%s: %v", c.name, err)
		}
		if c.want == "" {
			c.want = "1 10; 2 20"
		}
		d.want(d.read(scanPlan(tableID), 0), c.want)
		d.close()
	}
}
