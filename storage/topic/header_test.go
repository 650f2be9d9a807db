package topic

import (
	"bytes"
	"testing"
)

func TestHeaders(t *testing.T) {
	type header struct {
		key   string
		value []byte
	}
	in := []header{{"a", []byte("x")}, {"", nil}, {"empty", []byte{}}, {"é", bytes.Repeat([]byte("y"), 300)}}
	var raw []byte
	for _, h := range in {
		raw = AppendHeader(raw, h.key, h.value)
	}
	rest := raw
	for i, want := range in {
		var key, value []byte
		var err error
		if key, value, rest, err = NextHeader(rest); err != nil {
			t.Fatal(err)
		}
		if string(key) != want.key || !bytes.Equal(value, want.value) || (value == nil) != (want.value == nil) {
			t.Fatalf("header %d: %q %q, want %q %q", i, key, value, want.key, want.value)
		}
	}
	if len(rest) != 0 {
		t.Fatalf("%d bytes are left", len(rest))
	}
	for _, bad := range [][]byte{{1}, {2}, {0, 4, 'x'}, {0x80}, {3, 0}, {2, 'a'}} {
		if _, _, _, err := NextHeader(bad); err == nil {
			t.Errorf("%v is taken for a header", bad)
		}
	}
}

func FuzzHeader(f *testing.F) {
	f.Add(AppendHeader(AppendHeader(nil, "k", []byte("v")), "n", nil))
	f.Fuzz(func(t *testing.T, raw []byte) {
		for rest := raw; len(rest) > 0; {
			_, _, next, err := NextHeader(rest)
			if err != nil {
				return
			}
			if len(next) >= len(rest) {
				t.Fatal("nothing was taken")
			}
			rest = next
		}
	})
}
