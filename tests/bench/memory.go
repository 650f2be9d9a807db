package main

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// benchMemory fills a view with keys (int8 key, count, sum; next to no history)
// and divides what the process holds by their number. A second run, with half as
// much more memory than that, gives the garbage collector's share of CPU.
func benchMemory(ctx context.Context, r *run) error {
	keys := r.size(1000, 300_000, 10_000_000)
	peak, resident, _, err := r.fill(ctx, keys, "16GiB")
	if err != nil {
		return err
	}
	perKey := float64(resident) / float64(keys)
	r.note("%d keys; peak while loading %.0f B/key", keys, float64(peak)/float64(keys))
	r.alone("RSS per key", series{perKey}, "B", "≤ 130 B", perKey <= 130)
	budget := max(resident*3/2>>20, 64)
	_, resident, gc, err := r.fill(ctx, keys, fmt.Sprintf("%dMiB", budget))
	if err != nil {
		return err
	}
	r.note("--memory %d MiB: RSS %d MiB", budget, resident>>20)
	r.alone("GC's share of CPU", series{gc}, "%", "≤ 5 %", gc <= 5)
	return nil
}

func (r *run) fill(ctx context.Context, keys int64, memory string) (peak, resident int64, gc float64, err error) {
	r.env = []string{"GODEBUG=gctrace=1"}
	defer func() { r.env = nil }()
	t, err := r.startTarn(ctx, "", "--memory", memory)
	if err != nil {
		return 0, 0, 0, err
	}
	defer t.stop()
	c, err := t.connect(ctx)
	if err != nil {
		return 0, 0, 0, err
	}
	defer c.close()
	if err := createEvents(ctx, c, "retain_history = '1 second'"); err != nil {
		return 0, 0, 0, err
	}
	l := newRounds(keys)
	for range 2 { // the second round changes every key
		if err := l.sendRows(ctx, c, keys); err != nil {
			return 0, 0, 0, err
		}
	}
	if err := l.check(ctx, c, "stats"); err != nil {
		return 0, 0, 0, err
	}
	time.Sleep(time.Duration(pick(r, 0, 1, 25)) * time.Second) // two checkpoints: what they held is given back
	if peak, err = t.status("VmHWM"); err != nil {
		return 0, 0, 0, err
	}
	if resident, err = t.status("VmRSS"); err != nil {
		return 0, 0, 0, err
	}
	gc, err = gcShare(t.errFile)
	return peak, resident, gc, err
}

var gcLine = regexp.MustCompile(`^gc \d+ @[\d.]+s (\d+)%`)

// gcShare is the collector's share since the start, as the runtime's trace says.
func gcShare(file string) (percent float64, err error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if m := gcLine.FindStringSubmatch(line); m != nil {
			percent, _ = strconv.ParseFloat(m[1], 64)
		}
	}
	return percent, nil
}
