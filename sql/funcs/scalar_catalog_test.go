package funcs

import "testing"

// Results are PostgreSQL's.
func TestSizePretty(t *testing.T) {
	for n, want := range map[int64]string{0: "0 bytes", 1023: "1023 bytes", 10239: "10239 bytes", 10240: "10 kB", 1234567: "1206 kB",
		10485247: "10239 kB", 10485248: "10 MB", -1234567890123: "-1150 GB", 1e18: "888 PB", -9223372036854775808: "-8192 PB"} {
		if got := sizePretty(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
