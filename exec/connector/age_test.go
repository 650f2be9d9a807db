package connector

import (
	"context"
	"fmt"
	"testing"

	"github.com/tarndb/tarn/exec/format"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/topic"
)

// TestAges: records are read again with the columns of their age: what a column
// that came later would make of them does not count.
func TestAges(t *testing.T) {
	def := SourceDef{Name: "in", Topic: "in", Spec: format.Spec{Topic: "in", Value: format.Encoding{Name: "json"}, Columns: []format.Column{
		{Name: "id", Type: types.Int8}, {Name: "a", Type: types.Int4}, {Name: "b", Type: types.Int4}}},
		Ages: []Age{{Columns: 1, Until: map[int32]int64{0: 12}}, {Columns: 2, Until: map[int32]int64{0: 14, 1: 11}}},
		Verify: func(rows *vec.Batch) []BadRow {
			if len(rows.Cols) != 3 {
				t.Errorf("constraints see %d columns", len(rows.Cols))
			}
			return nil
		}}
	for _, c := range []struct {
		partition int32
		values    []string // from offset 10 on
		want      string
	}{
		{0, []string{`{"id":0,"a":"x"}`, `{"id":1,"a":1,"b":1}`, `{"id":2,"a":2,"b":"x"}`, `{"id":3,"a":"x"}`, `{"id":4,"a":4,"b":4}`, `{"id":5,"b":"x"}`},
			"0 NULL NULL @10, 1 NULL NULL @11, 2 2 NULL @12, bad @13, 4 4 4 @14, bad @15"},
		{1, []string{`{"id":0,"a":1,"b":1}`, `{"id":1,"a":1,"b":1}`}, "0 1 NULL @10, 1 1 1 @11"},
		{2, []string{`{"id":0,"a":1,"b":1}`}, "0 1 1 @10"},
	} {
		dec, err := newAged(&def)
		if err != nil {
			t.Fatal(err)
		}
		r := &topic.Records{Partition: c.partition, Next: 10 + int64(len(c.values))}
		v := vec.NewBuilder(types.Bytea, len(c.values))
		k := vec.NewBuilder(types.Bytea, len(c.values))
		for i, s := range c.values {
			r.Offset, r.Time = append(r.Offset, 10+int64(i)), append(r.Time, 0)
			v.Bytes([]byte(s))
			k.Null()
		}
		r.Key, r.Value = k.Finish(), v.Finish()
		got := ""
		err = dec.decode(context.Background(), r, func(part *topic.Records, d *format.Decoded) error {
			row := 0
			for i, at := range part.Offset {
				if got != "" {
					got += ", "
				}
				if row >= len(d.Record) || int(d.Record[row]) != i {
					got += fmt.Sprintf("bad @%d", at)
					continue
				}
				for _, col := range d.Rows.Cols {
					if col.IsNull(row) {
						got += "NULL "
					} else {
						got += fmt.Sprint(col.Ints[row], " ")
					}
				}
				got += fmt.Sprintf("@%d", at)
				row++
			}
			return nil
		})
		if err != nil || got != c.want {
			t.Errorf("partition %d: %v\ngot  %s\nwant %s", c.partition, err, got, c.want)
		}
	}
	id := map[int32]int64{0: 5, identities[0]: 1, identities[1]: 2}
	ages := []Age{{Columns: 1, Until: id}}
	if n := len(agesOf(ages, id)); n != 1 {
		t.Error("the age of the topic that is read is not known")
	}
	if n := len(agesOf(ages, map[int32]int64{0: 5, identities[0]: 1, identities[1]: 3})); n != 0 {
		t.Error("records of a topic that was made anew are taken for those of before")
	}
	def.Ages[0].Columns = 0
	def.Spec.Value.Name = "nothing"
	if _, err := newAged(&def); !sqlerr.HasCode(err, sqlerr.InvalidParameterValue) {
		t.Errorf("a wrong encoding: %v", err)
	}
}
