package format

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/tarndb/tarn/sql/types"
)

// TestISOMinute: an instant is read as it is without the minute that was read before.
func TestISOMinute(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 7))
	var m isoMinute
	hits := 0
	for i := range 50_000 {
		text := fmt.Sprintf("%04d-%02d-%02d%c%02d:%02d:%02d", 2024-rng.IntN(2), 2+rng.IntN(2), 28+rng.IntN(3), "T T"[rng.IntN(3)], rng.IntN(2), rng.IntN(2), rng.IntN(62))
		if n := rng.IntN(9); n > 0 {
			text += fmt.Sprintf(".%09d", rng.IntN(1e9))[:n]
		}
		text += []string{"Z", "Z", "Z", "+02", "", "z"}[rng.IntN(6)]
		b := []byte(text)
		if rng.IntN(10) == 0 {
			b[rng.IntN(len(b))] = "0:-TZ.9 x\x00"[rng.IntN(10)]
		}
		if len(b) >= 16 && m.text[0] != 0 && string(b[:16]) == string(m.text[:]) {
			hits++
		}
		got, ok := m.parse(b)
		want, wantOK := types.ParseTimestamptzISO(b)
		if got != want && ok || ok != wantOK {
			t.Fatalf("%d: %q is %d %v, want %d %v", i, b, got, ok, want, wantOK)
		}
	}
	if hits < 300 {
		t.Errorf("%d of the same minute", hits)
	}
	var fresh isoMinute
	if _, ok := fresh.parse(append(make([]byte, 16), ":00Z"...)); ok {
		t.Error("NULs are no minute")
	}
}
