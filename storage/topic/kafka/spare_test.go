package kafka

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
)

// Columns that were given back are used again, and whatever is left in them is not
// seen.
func TestRecycle(t *testing.T) {
	c := open(t, fake(t).ListenAddrs())
	mustCreate(t, c, "t", 1, nil)
	r := reader(t, c, "t", ReaderOptions{Start: map[int32]int64{0: 0}})
	ctx := inTime(t)
	used := map[*byte]int{}
	for round := range 5 {
		var out []Out
		for i := range 3 {
			o := Out{Key: fmt.Appendf(nil, "%d", round), Value: bytes.Repeat([]byte{'a' + byte(i)}, 5+(round*7+i*3)%11)}
			if (round+i)%3 == 0 {
				o.Value = nil
			}
			if (round+i)%4 == 1 {
				o.Key = nil
			}
			out = append(out, o)
		}
		to := mustProduce(t, c, "t", out)[0]
		var got, want []string
		for i, o := range out {
			want = append(want, fmt.Sprintf("%d:%q=%q", int(to)-3+i, o.Key, o.Value))
		}
		for at := int64(0); at < to; {
			rs, err := r.Poll(ctx)
			if err != nil || len(rs) == 0 {
				t.Fatal(len(rs), err)
			}
			for _, x := range rs {
				for i := range x.N() {
					var k, v []byte
					if !x.Key.IsNull(i) {
						k = x.Key.Bytes(i)
					}
					if !x.Value.IsNull(i) {
						v = x.Value.Bytes(i)
					}
					got = append(got, fmt.Sprintf("%d:%q=%q", x.Offset[i], k, v))
				}
				at = x.Next
				if cap(x.Value.Data) > 0 {
					used[&x.Value.Data[:1][0]]++
				}
				for _, b := range [][]byte{x.Value.Data[:cap(x.Value.Data)], x.Key.Data[:cap(x.Key.Data)]} {
					for i := range b {
						b[i] = '?'
					}
				}
				r.Recycle(x)
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("round %d\ngot  %v\nwant %v", round, got, want)
		}
	}
	again := 0
	for _, n := range used {
		again = max(again, n)
	}
	if again < 2 {
		t.Errorf("no memory was used again: %v", used)
	}
}

// What is kept is bounded, and a small one makes way for a large one.
func TestSpareBounds(t *testing.T) {
	var s spare
	put := func(n int) {
		c := newColumns(0, false)
		c.value.data = make([]byte, 0, n)
		s.put(c)
	}
	for range 2 * spareMax {
		put(10)
	}
	put(5000)
	if len(s.cols) != spareMax || s.bytes != 10*(spareMax-1)+5000 {
		t.Fatalf("%d columns, %d bytes", len(s.cols), s.bytes)
	}
	put(spareBytesMax)
	if s.bytes > spareBytesMax {
		t.Fatalf("%d bytes", s.bytes)
	}
	if c := s.take(0, false, 11); cap(c.value.data) != 5000 {
		t.Errorf("room for %d", cap(c.value.data))
	}
	if c := s.take(0, false, 11); cap(c.value.data) != room(11) {
		t.Errorf("room for %d", cap(c.value.data))
	}
	if s.bytes != 10*(spareMax-1) {
		t.Errorf("%d bytes", s.bytes)
	}
}

// What is made for one answer fits the next that is about as large.
func TestRoom(t *testing.T) {
	for _, size := range []int{0, 1, 1 << 10, 1<<10 + 1, pollBytes / 4, pollBytes/4 + 1, pollBytes, 2 * pollBytes, 2*pollBytes + 1} {
		n := room(size)
		if n < size || n < 1<<10 || size > pollBytes/4 && size <= 2*pollBytes && n != 2*pollBytes {
			t.Errorf("%d bytes have room for %d", size, n)
		}
	}
}
