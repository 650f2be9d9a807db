package connector

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/tarndb/tarn/exec"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/vec"
)

// TestReadThrough: a stream that keeps no rows reads them from the topic again, as
// they were decoded first; its letters stand beside.
func TestReadThrough(t *testing.T) {
	w := newWorld(t, map[string]int32{"in": 2, "out": 1})
	w.commit(&exec.Txn{Catalog: []byte(fmt.Sprint("outside ", outsideID))})
	def := w.source("in")
	def.ID, def.ReadThrough = outsideID, true
	w.produce("in", 0, value(1, "a"), "bad", value(2, "b"))
	w.produce("in", 1, value(3, "c"))
	w.start(def)
	w.wantRows(outsideID, "1 a", "2 b", "3 c")
	if got := w.letters(); got != "0/1 22P02 1" {
		t.Errorf("letters %s", got)
	}
	w.crash()
	w.wantRows(outsideID, "1 a", "2 b", "3 c")
	w.produce("in", 1, value(4, "d"))
	w.start(def)
	w.wantRows(outsideID, "1 a", "2 b", "3 c", "4 d")

	sink := w.appendSink("out")
	sink.Plan = scan(outsideID)
	w.startSink(sink)
	w.until("the sink", func() bool { return len(w.readBack("out")) == 4 })
	w.m.StopSink(sinkA)
	w.produce("in", 0, value(5, "e"))
	w.until("the row", func() bool { return len(w.rows(outsideID)) == 5 })
	w.startSink(sink)
	w.until("the sink", func() bool { return len(w.readBack("out")) == 5 })

	// What Kafka no longer has is an error by name.
	w.m.StopSource(outsideID)
	if err := w.kafka.DeleteRecords("in", 0, 3); err != nil {
		t.Fatal(err)
	}
	ep, err := w.e.WaitFresh(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	err = w.readAt(ep, outsideID)
	if !sqlerr.HasCode(err, sqlerr.SnapshotTooOld) || !strings.Contains(err.Error(), "offset 3") {
		t.Errorf("read below the log's start: %v", err)
	}
}

// TestOutsideColumns: what is not asked for is not decoded.
func TestOutsideColumns(t *testing.T) {
	w := newWorld(t, map[string]int32{"in": 1})
	w.produce("in", 0, value(1, "a"), `{"v":"b","id":2}`, `{"id":3}`)
	o := NewOutside(w.source("in"), func(uint64) map[int32]int64 { return nil })
	defer o.Close()
	for _, c := range []struct {
		columns []int
		want    string
	}{
		{nil, "[1 a] [2 b] [3 NULL]"},
		{[]int{}, "[1 NULL] [2 NULL] [3 NULL]"},
		{[]int{0}, "[1 NULL] [2 NULL] [3 NULL]"},
		{[]int{1}, "[NULL a] [NULL b] [NULL NULL]"},
	} {
		var got []string
		err := o.Read(context.Background(), 0, 0, 3, c.columns, func(b *vec.Batch, _ []int64) error {
			for i := range b.N {
				row := []string{"NULL", "NULL"}
				if !b.Cols[0].IsNull(i) {
					row[0] = fmt.Sprint(b.Cols[0].Ints[i])
				}
				if !b.Cols[1].IsNull(i) {
					row[1] = string(b.Cols[1].Bytes(i))
				}
				got = append(got, fmt.Sprint(row))
			}
			return nil
		})
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("columns %v: %v, %v", c.columns, got, err)
		}
	}
}
