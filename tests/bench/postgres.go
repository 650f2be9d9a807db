package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// postgres is a scratch cluster with the settings that suit it best here: much
// memory, rare checkpoints, no JIT; synchronous_commit and fsync stay on.
type postgres struct {
	usage
	bin, dir, port string
}

const postgresSettings = `
port = %s
listen_addresses = '127.0.0.1'
unix_socket_directories = '%s'
max_connections = 200
shared_buffers = 2GB
work_mem = 64MB
maintenance_work_mem = 512MB
max_wal_size = 8GB
checkpoint_timeout = 30min
wal_compression = off
jit = off
`

// postgresBin is the folder of PostgreSQL's programs, "" if it is not installed.
func postgresBin() string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pgbench")
	if len(found) == 0 {
		return ""
	}
	slices.Sort(found)
	return filepath.Dir(found[len(found)-1])
}

// asOwner runs a program as the user postgres where we are root: the server refuses root.
func asOwner(name string, args ...string) *exec.Cmd {
	if os.Getuid() == 0 {
		return exec.Command("runuser", append([]string{"-u", "postgres", "--", name}, args...)...)
	}
	return exec.Command(name, args...)
}

// startPostgres starts a cluster; nil and no error if PostgreSQL is not installed.
func (r *run) startPostgres() (*postgres, error) {
	bin := postgresBin()
	if bin == "" {
		r.missing("PostgreSQL")
		return nil, nil
	}
	dir, err := r.folder("pg")
	if err != nil {
		return nil, err
	}
	p := &postgres{bin: bin, dir: dir}
	if os.Getuid() == 0 {
		if _, err := output(exec.Command("chown", "postgres", dir)); err != nil {
			return nil, err
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	_, p.port, _ = net.SplitHostPort(l.Addr().String())
	l.Close()
	data := filepath.Join(dir, "data")
	if _, err := output(asOwner(filepath.Join(bin, "initdb"), "-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C")); err != nil {
		return nil, err
	}
	conf, err := os.OpenFile(filepath.Join(data, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(conf, postgresSettings, p.port, dir)
	if err := conf.Close(); err != nil {
		return nil, err
	}
	// With a pipe as its output, pg_ctl's server would keep the pipe open.
	c := asOwner(filepath.Join(bin, "pg_ctl"), "-D", data, "-l", filepath.Join(data, "log"), "-w", "start")
	if err := c.Run(); err != nil {
		return nil, fmt.Errorf("pg_ctl start: %w", err)
	}
	pid, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return nil, err
	}
	p.pid, err = strconv.Atoi(strings.SplitN(string(pid), "\n", 2)[0])
	return p, err
}

func (p *postgres) stop() {
	if p == nil {
		return
	}
	_ = asOwner(filepath.Join(p.bin, "pg_ctl"), "-D", filepath.Join(p.dir, "data"), "-m", "fast", "-w", "stop").Run()
	_ = os.RemoveAll(p.dir)
}

func (p *postgres) connect(ctx context.Context) (*client, error) {
	return connect(ctx, "postgres://postgres@127.0.0.1:"+p.port+"/postgres?sslmode=disable")
}

// pgbench is one run of PostgreSQL's own load generator over TCP.
type pgbench struct {
	host, port, db string
	script         string
	clients        int
	seconds        int
	logs           string // prefix of files with each transaction's time, "" = none
}

// result is what pgbench printed.
type result struct {
	done int64
	tps  float64
	ms   float64 // mean latency
}

func (r *run) pgbench(ctx context.Context, b pgbench) (result, error) {
	var res result
	file := filepath.Join(r.scratch, "script.sql")
	if err := os.WriteFile(file, []byte(b.script), 0o644); err != nil {
		return res, err
	}
	args := []string{"-n", "-M", "prepared", "-f", file, "-c", strconv.Itoa(b.clients), "-j", strconv.Itoa(min(b.clients, 2)),
		"-T", strconv.Itoa(b.seconds), "-h", b.host, "-p", b.port, "-U", "postgres"}
	if b.logs != "" {
		args = append(args, "-l", "--log-prefix", b.logs)
	}
	c := exec.CommandContext(ctx, filepath.Join(postgresBin(), "pgbench"), append(args, b.db)...)
	c.Env = append(os.Environ(), "PGSSLMODE=disable")
	out, err := output(c)
	if err != nil {
		return res, err
	}
	for line := range strings.Lines(out) {
		if rest, ok := strings.CutPrefix(line, "number of transactions actually processed: "); ok {
			res.done, _ = strconv.ParseInt(strings.Fields(strings.SplitN(rest, "/", 2)[0])[0], 10, 64)
		}
		if rest, ok := strings.CutPrefix(line, "latency average = "); ok {
			res.ms, _ = strconv.ParseFloat(strings.Fields(rest)[0], 64)
		}
		if rest, ok := strings.CutPrefix(line, "tps = "); ok {
			res.tps, _ = strconv.ParseFloat(strings.Fields(rest)[0], 64)
		}
		if rest, ok := strings.CutPrefix(line, "number of failed transactions: "); ok && !strings.HasPrefix(rest, "0 ") {
			return res, fmt.Errorf("pgbench: failed transactions:\n%s", out)
		}
	}
	if res.done == 0 {
		return res, fmt.Errorf("pgbench did nothing:\n%s", out)
	}
	return res, nil
}
