package main

import (
	"context"
	"fmt"
	"strconv"
)

const insertScript = "\\set k random(0, 999999)\nINSERT INTO ev VALUES (:k, :k, 7, '2026-03-01 09:00+00');\n"

// benchInsert is single-row INSERTs a second, each acknowledged after its fsync.
// Afterwards the server is killed and every acknowledged row looked for.
func benchInsert(ctx context.Context, r *run) error {
	if postgresBin() == "" {
		r.missing("pgbench")
		return nil
	}
	seconds := pick(r, 1, 2, 5)
	t, err := r.startTarn(ctx, "")
	if err != nil {
		return err
	}
	defer func() { t.stop() }()
	p, err := r.startPostgres()
	if err != nil {
		return err
	}
	defer p.stop()
	c, err := t.connect(ctx)
	if err != nil {
		return err
	}
	err = c.exec(ctx, "CREATE STREAM ev ("+rowColumns+")")
	c.close()
	if err != nil {
		return err
	}
	if c, err = p.connect(ctx); err != nil {
		return err
	}
	err = c.exec(ctx, "CREATE TABLE ev ("+rowColumns+")")
	c.close()
	if err != nil {
		return err
	}
	host, port := t.hostPort()
	done := int64(0)
	for _, n := range pick(r, []int{4}, []int{1, 64}, []int{1, 64}) {
		var ours, theirs, ourCPU, theirCPU series
		for range r.pairs {
			var a, b result
			s, err := t.during(func() (err error) {
				a, err = r.pgbench(ctx, pgbench{host: host, port: port, db: "tarn", script: insertScript, clients: n, seconds: seconds})
				return err
			})
			if err != nil {
				return err
			}
			done += a.done
			ours.add(a.tps)
			ourCPU.add(float64(a.done) / s.cpu)
			s, err = p.during(func() (err error) {
				b, err = r.pgbench(ctx, pgbench{host: "127.0.0.1", port: p.port, db: "postgres", script: insertScript, clients: n, seconds: seconds})
				return err
			})
			if err != nil {
				return err
			}
			theirs.add(b.tps)
			theirCPU.add(float64(b.done) / s.cpu)
		}
		r.beside(fmt.Sprintf("INSERT, %d connections", n), ours, "/s", "PostgreSQL", theirs, 1)
		r.beside(fmt.Sprintf("INSERT, %d connections, CPU", n), ourCPU, "/CPU-s", "PostgreSQL", theirCPU, 0)
	}
	if t, err = r.restart(ctx, t); err != nil {
		return err
	}
	if c, err = t.connect(ctx); err != nil {
		return err
	}
	defer c.close()
	if err := c.expect(ctx, "SELECT count(*) FROM ev", strconv.FormatInt(done, 10)); err != nil {
		return err
	}
	r.note("%d acknowledged rows, all there after kill -9", done)
	return nil
}
