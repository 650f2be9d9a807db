package kafka_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tarndb/tarn/tests/kafka/kafkatest"
)

// How long the server may stand still in the end, and how long a sink may take.
const (
	stuck   = time.Minute
	settled = 3 * time.Minute
)

// views waits until all records are counted, and compares every key.
func (x *chaos) views() {
	x.t.Helper()
	var total int64
	for _, sums := range x.good {
		total += int64(len(sums))
	}
	have, why := int64(-1), error(nil)
	for moved := time.Now(); have < total; time.Sleep(50 * time.Millisecond) {
		var n int64
		rows, err := x.tarn.query(`SELECT coalesce(sum(n), 0)::bigint FROM per_key`)
		if err == nil {
			n, err = strconv.ParseInt(rows[0][0], 10, 64)
		}
		if err == nil && n != have { // while the view is built anew there is an error
			have, moved = n, time.Now()
		}
		if why = err; time.Since(moved) > stuck {
			x.t.Fatalf("the view has %d records, not %d: %v", have, total, why)
		}
	}
	if have != total {
		x.t.Errorf("the view has %d records, not %d", have, total)
	}
	rows := x.tarn.rows(`SELECT k, n, s::text FROM per_key`)
	for _, row := range rows {
		key, err := strconv.ParseInt(row[0], 10, 32)
		if err != nil {
			x.t.Fatal(err)
		}
		sums := x.good[int32(key)]
		if len(sums) == 0 || row[1] != fmt.Sprint(len(sums)) || row[2] != fmt.Sprint(sums[len(sums)-1]) {
			x.t.Errorf("the view has %v; there are %d of the key", row, len(sums))
		}
	}
	if len(rows) != len(x.good) {
		x.t.Errorf("the view has %d keys, not %d", len(rows), len(x.good))
	}
}

// letters: each bad record is a dead letter, once, and nothing else is.
func (x *chaos) letters() {
	x.t.Helper()
	bad := map[string]int{}
	for _, row := range x.tarn.rows(`SELECT encode(value, 'escape'), partition, "offset" FROM sys.dead_letters`) {
		if bad[row[0]]++; bad[row[0]] > 1 {
			x.t.Errorf("dead letter %s is there %d times: partition %s, offset %s", row[0], bad[row[0]], row[1], row[2])
		}
		if !x.bad[row[0]] {
			x.t.Errorf("a dead letter that is none: %s, partition %s, offset %s", row[0], row[1], row[2])
		}
	}
	for value := range x.bad {
		if bad[value] == 0 {
			x.t.Errorf("no dead letter: %s", value)
		}
	}
}

// sunk waits until the sinks have nothing to write, and gives all that a foreign
// reader sees of a sink's topic, partition by partition in order.
func (x *chaos) sunk(name string, record func(r *kgo.Record)) {
	x.t.Helper()
	ctx := inTime(x.t, settled)
	for calm := 0; calm < 5; {
		rows, err := x.tarn.query(`SELECT count(*) FROM sys.sinks WHERE lag_epochs + lag_rows > 0 OR state <> 'running'`)
		if calm++; err != nil || rows[0][0] != "0" {
			calm = 0
		}
		if ctx.Err() != nil {
			x.t.Fatalf("the sinks are behind: %v %v", rows, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	foreign(x.t, x.k, name, record)
}

// foreign reads all committed records of a topic with a client that is not Tarn's.
func foreign(t *testing.T, k *kafkatest.Cluster, name string, record func(r *kgo.Record)) {
	t.Helper()
	ctx := inTime(t, settled)
	cl := plain(t, k.Plain, kgo.ConsumeTopics(name), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())
	defer cl.Close()
	ends, err := kadm.NewClient(cl).ListCommittedOffsets(ctx, name)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
	left := map[int32]int64{}
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			left[o.Partition] = o.Offset
		}
	})
	for len(left) > 0 {
		fs := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("topic %s is not read in %v: %v", name, settled, left)
		}
		fs.EachRecord(func(r *kgo.Record) {
			if !r.Attrs.IsControl() {
				record(r)
			}
			if r.Offset+1 >= left[r.Partition] {
				delete(left, r.Partition)
			}
		})
	}
}

// upserts: what the topic says of a key is at each record what the key's first
// records add up to, later ones saying more: a change that came twice would stand
// still, one out of order go down, half an epoch be no sum of first records.
func (x *chaos) upserts() {
	x.t.Helper()
	last := map[int32]int{}
	x.sunk(x.out+"-up", func(r *kgo.Record) {
		var row struct {
			K int32
			N int
			S json.Number
		}
		if err := json.Unmarshal(r.Value, &row); err != nil {
			x.t.Fatalf("%s: %v", r.Value, err)
		}
		sums := x.good[row.K]
		switch {
		case row.N <= last[row.K]:
			x.t.Errorf("key %d: n is %d after %d: partition %d, offset %d", row.K, row.N, last[row.K], r.Partition, r.Offset)
		case row.N > len(sums) || row.S.String() != fmt.Sprint(sums[row.N-1]):
			x.t.Errorf("key %d: %s is no sum of its first records: partition %d, offset %d", row.K, r.Value, r.Partition, r.Offset)
		}
		last[row.K] = row.N
	})
	for key, sums := range x.good {
		if last[key] != len(sums) {
			x.t.Errorf("key %d: the last change says %d, not %d", key, last[key], len(sums))
		}
	}
}

// appended: each even record that was good is there once, and those of a key are in
// order.
func (x *chaos) appended() {
	x.t.Helper()
	last := map[string]int64{} // by partition of the topic and key
	seen := make([]bool, x.sent+1)
	n := 0
	x.sunk(x.out+"-even", func(r *kgo.Record) {
		var row struct {
			ID int64
			K  int32
		}
		if err := json.Unmarshal(r.Value, &row); err != nil {
			x.t.Fatalf("%s: %v", r.Value, err)
		}
		if row.ID < 1 || row.ID > x.sent || row.ID%2 != 0 || row.ID%chaosBad == 0 {
			x.t.Fatalf("a record that is none: %s", r.Value)
		}
		if seen[row.ID] {
			x.t.Errorf("record %d is there twice: partition %d, offset %d", row.ID, r.Partition, r.Offset)
		}
		at := fmt.Sprint(r.Partition, " ", row.K)
		if row.ID <= last[at] {
			x.t.Errorf("key %d: record %d comes after %d: partition %d, offset %d", row.K, row.ID, last[at], r.Partition, r.Offset)
		}
		seen[row.ID], last[at] = true, row.ID
		n++
	})
	if want := int(x.sent/2 - x.sent/(2*chaosBad)); n != want {
		missing := []int64{}
		for id := int64(2); id <= x.sent && len(missing) < 20; id += 2 {
			if id%chaosBad != 0 && !seen[id] {
				missing = append(missing, id)
			}
		}
		x.t.Errorf("%d even records, not %d; missing are %v …", n, want, missing)
	}
}

// report says what is needed to find out why a test has failed; the broker's log
// goes beside the server's.
func (x *chaos) report() {
	if !x.t.Failed() {
		return
	}
	x.t.Logf("seed %d, %d records sent, %d partitions\n%s", x.seed, x.sent, x.partitions, x.tarn.state())
	var out strings.Builder
	ctx := inTime(x.t, time.Minute)
	cl := plain(x.t, x.k.Plain)
	admin := kadm.NewClient(cl)
	for _, name := range []string{x.in, x.out + "-up", x.out + "-even"} {
		starts, err1 := admin.ListStartOffsets(ctx, name)
		stable, err2 := admin.ListCommittedOffsets(ctx, name)
		ends, err3 := admin.ListEndOffsets(ctx, name)
		fmt.Fprintf(&out, "topic %s:", name)
		if err1 != nil || err2 != nil || err3 != nil {
			fmt.Fprintf(&out, " %v %v %v\n", err1, err2, err3)
			continue
		}
		ends.Each(func(o kadm.ListedOffset) {
			start, _ := starts.Lookup(name, o.Partition)
			committed, _ := stable.Lookup(name, o.Partition)
			fmt.Fprintf(&out, " %d: %d-%d, committed %d;", o.Partition, start.Offset, o.Offset, committed.Offset)
		})
		out.WriteString("\n")
	}
	x.t.Log(out.String())
	for id := range x.k.Plain {
		b, err := os.ReadFile(x.k.Log(id + 1))
		if err == nil {
			err = os.WriteFile(filepath.Join(x.tarn.dir, fmt.Sprintf("broker-%d.log", id+1)), b, 0o644)
		}
		if err != nil {
			x.t.Log(err)
		}
	}
	if x.tarn.run != nil {
		x.tarn.run.Dump()
		<-x.tarn.run.Done()
	}
}
