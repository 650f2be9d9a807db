package main

import (
	"context"
	"os"
	"time"
)

// benchStart measures a server that has nothing to do.
func benchStart(ctx context.Context, r *run) error {
	bin, err := r.build()
	if err != nil {
		return err
	}
	info, err := os.Stat(bin)
	if err != nil {
		return err
	}
	idle := time.Duration(pick(r, 200, 3000, 10_000)) * time.Millisecond
	var took, share, rss series
	for range pick(r, 1, 3, max(5, r.pairs)) {
		t, err := r.startTarn(ctx, "")
		if err != nil {
			return err
		}
		took.add(t.Took.Seconds())
		time.Sleep(min(idle, time.Second)) // what starting has set in motion ends
		before, err := t.cpu()
		if err != nil {
			return err
		}
		time.Sleep(idle)
		after, err := t.cpu()
		if err != nil {
			return err
		}
		share.add(100 * (after - before) / idle.Seconds())
		bytes, err := t.status("VmRSS")
		if err != nil {
			return err
		}
		rss.add(float64(bytes) / 1e6)
		t.stop()
	}
	r.alone("cold start", took, "s", "≤ 0.3 s", took.median() <= 0.3)
	r.alone("idle CPU", share, "%", "≤ 1 %", share.median() <= 1)
	r.alone("empty RSS", rss, "MB", "≤ 80 MB", rss.median() <= 80)
	size := float64(info.Size()) / 1e6
	r.alone("stripped binary", series{size}, "MB", "≤ 60 MB", size <= 60)
	return nil
}
