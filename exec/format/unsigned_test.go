package format

import "testing"

// TestUnsigned: with bigint.unsigned.handling.mode = 'long', negative numbers of
// Debezium's are those from 2^63 on, in keys too; other columns stay what they are.
func TestUnsigned(t *testing.T) {
	cols := columnsOf(t, "id numeric, v numeric, i int8")
	cols[0].Type, cols[1].Type = typeNamed(t, "numeric(20,0)"), typeNamed(t, "numeric(20,0)")
	r := func() []string {
		return []string{
			`{"op":"c","after":{"id":-1,"v":-9223372036854775808,"i":-1}}`,
			`{"op":"u","before":{"id":-1},"after":{"id":5,"v":null,"i":-2}}`,
			`{"op":"d","before":{"id":-2,"v":7,"i":0},"after":null}`,
		}
	}
	for _, c := range []struct{ mode, want string }{
		{"long", "0 put 18446744073709551615 9223372036854775808 -1\n1 delete 18446744073709551615 NULL NULL\n1 put 5 NULL -2\n2 delete 18446744073709551614 NULL NULL\n"},
		{"precise", "0 put -1 -9223372036854775808 -1\n1 delete -1 NULL NULL\n1 put 5 NULL -2\n2 delete -2 NULL NULL\n"},
	} {
		s := Spec{Columns: cols, PK: []int{0}, Envelope: Debezium, Value: Encoding{Name: "json", Options: map[string]string{"bigint.unsigned.handling.mode": c.mode}}}
		if got := show(decodeAll(t, s, recordsOf([]string{none, none, none}, r())), cols); got != c.want {
			t.Errorf("%s: got\n%swant\n%s", c.mode, got, c.want)
		}
	}
	s := Spec{Columns: cols, PK: []int{0}, Envelope: Debezium, Value: Encoding{Name: "json", Options: map[string]string{"bigint.unsigned.handling.mode": "short"}}}
	if _, err := NewDecoder(s); err == nil {
		t.Error("a mode that there is none of is taken")
	}
}
