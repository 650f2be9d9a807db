package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// run is what the benchmarks share.
type run struct {
	out     io.Writer
	scale   scale
	pairs   int
	rows    int64  // 0 = the scale's
	binary  string // "" = not built yet
	scratch string
	env     []string // of the servers, beside our own
	part    string   // of a benchmark, "" = all
	made    int
	// peerless: only ours is run, where a change is compared with what was before it.
	peerless bool
}

// pick is the value of a size for the run's scale.
func pick[T any](r *run, tinyOne, smallOne, fullOne T) T {
	return [...]T{tinyOne, smallOne, fullOne}[r.scale]
}

// size is pick for rows or keys, which -rows overrides.
func (r *run) size(tinyOne, smallOne, fullOne int64) int64 {
	if r.rows > 0 {
		return r.rows
	}
	return pick(r, tinyOne, smallOne, fullOne)
}

// folder makes a new empty folder.
func (r *run) folder(name string) (string, error) {
	r.made++
	dir := filepath.Join(r.scratch, fmt.Sprintf("%s%d", name, r.made))
	return dir, os.Mkdir(dir, 0o755)
}

// note says what is no figure.
func (r *run) note(format string, args ...any) { fmt.Fprintf(r.out, "  "+format+"\n", args...) }

// series are the measurements of one figure.
type series []float64

func (s *series) add(x float64) { *s = append(*s, x) }

// quantile q of the measurements; 0 if there are none.
func (s series) quantile(q float64) float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}

func (s series) median() float64 {
	if n := len(s); n > 0 && n%2 == 0 {
		sorted := slices.Sorted(slices.Values(s))
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return s.quantile(0.5)
}

func (s series) String() string {
	if len(s) < 2 {
		return short(s.median())
	}
	return fmt.Sprintf("%s [%s … %s]", short(s.median()), short(slices.Min(s)), short(slices.Max(s)))
}

// short writes a number with three digits and k or M.
func short(x float64) string {
	switch {
	case x >= 1e6:
		return fmt.Sprintf("%.3g M", x/1e6)
	case x >= 1e4:
		return fmt.Sprintf("%.3g k", x/1e3)
	case x >= 100:
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.3g", x)
}

// alone reports a figure that has no peer but a floor. met compares it with the floor.
func (r *run) alone(what string, s series, unit, floor string, met bool) {
	fmt.Fprintf(r.out, "%-44s %s %s%s\n", what, s, unit, verdict(floor, met))
}

// beside reports a figure beside its peer's and their ratio, which is to be at
// least floor (0: none).
func (r *run) beside(what string, s series, unit, peer string, p series, floor float64) {
	ratio := s.median() / p.median()
	want := ""
	if floor > 0 {
		want = fmt.Sprintf("≥ %gx", floor)
	}
	fmt.Fprintf(r.out, "%-44s %s %s   %s %s   %.2fx%s\n", what, s, unit, peer, p, ratio, verdict(want, ratio >= floor))
}

func verdict(floor string, met bool) string {
	switch {
	case floor == "":
		return ""
	case met:
		return "   (floor " + floor + ": reached)"
	}
	return "   (floor " + floor + ": NOT reached)"
}

// without reports that COPY has no peer in this run.
func (r *run) without() bool { return r.peerless || postgresBin() == "" }

// missing says that a peer is not installed.
func (r *run) missing(peer string) { r.note("%s is not installed: no peer in this run", peer) }

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
