// Package kafkatest runs a real Apache Kafka, and a real schema registry, for
// tests: on loopback, in a temporary folder, gone with the test or with the
// process of the test, however it ends. The programs come from Maven Central, once
// a machine.
package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tarndb/tarn/storage/topic/kafka"
	"github.com/tarndb/tarn/tests/program"
)

// Options is what a cluster is to be.
type Options struct {
	Brokers int // 0: one
	// Secure adds listeners with SASL, with TLS and with both, and switches access
	// control on: the users tarn (who may do all) and guest (nothing) have the
	// passwords tarn-secret and guest-secret.
	Secure bool
	// Set is settings of the brokers beside those that suit tests.
	Set map[string]string
}

// Cluster is brokers with the ids 1 to N.
type Cluster struct {
	Dir     string
	Plain   []string // addresses without TLS and SASL
	SASL    []string // with Secure, as all that follow
	TLS     []string
	SASLTLS []string
	CA      []byte // the certificate to trust, PEM

	program string
	brokers []*broker
}

type broker struct {
	id   int
	dir  string
	args []string
	run  *process
}

// StartTime is how long brokers may take to answer.
const StartTime = 2 * time.Minute

var kafkaProgram = software{name: "kafka", pom: brokerPOM,
	bring: func(dir string) error {
		return maven(dir, "dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory="+filepath.Join(dir, "part"))
	},
	train: func(dir string, options ...string) error {
		tmp, err := os.MkdirTemp("", "tarn-kafka")
		if err != nil {
			return err
		}
		defer os.RemoveAll(tmp)
		c := &Cluster{Dir: tmp, program: dir}
		err = c.start(Options{}, options)
		for _, b := range c.brokers {
			if b.run != nil {
				err = errors.Join(err, b.run.end(syscall.SIGTERM, time.Minute))
			}
		}
		return err
	},
}

// Start runs a cluster until the test ends.
func Start(t testing.TB, o Options) *Cluster {
	t.Helper()
	dir := kafkaProgram.brought(t)
	c := &Cluster{Dir: t.TempDir(), program: dir}
	t.Cleanup(c.Close) // before the folder goes
	if err := c.start(o, nil); err != nil {
		t.Fatal(err)
	}
	return c
}

// StartIn runs a cluster in the folder dir, for programs; Close ends it.
func StartIn(dir string, o Options) (*Cluster, error) {
	program, err := kafkaProgram.fetch()
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	c := &Cluster{Dir: dir, program: program}
	if err := c.start(o, nil); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// shared is something that all tests of this process use; it and its folder go with
// the process.
type shared[T any] struct {
	once sync.Once
	it   T
	err  error
}

func (s *shared[T]) get(t testing.TB, from software, start func(dir string) (T, error)) T {
	t.Helper()
	from.brought(t)
	s.once.Do(func() {
		var dir string
		if dir, s.err = os.MkdirTemp("", "tarn-"+from.name); s.err != nil {
			return
		}
		if _, s.err = program.NewLeash(0, dir); s.err == nil {
			s.it, s.err = start(dir)
		}
	})
	if s.err != nil {
		t.Fatal(s.err)
	}
	return s.it
}

var (
	sharedCluster  shared[*Cluster]
	sharedRegistry shared[*Registry]
)

// Shared is one broker for all tests of this process that do no harm to it.
func Shared(t testing.TB) *Cluster {
	t.Helper()
	return sharedCluster.get(t, kafkaProgram, func(dir string) (*Cluster, error) { return StartIn(dir, Options{}) })
}

// SharedRegistry is one registry for all tests of this process; they choose subjects
// of their own.
func SharedRegistry(t testing.TB) *Registry {
	t.Helper()
	return sharedRegistry.get(t, registryProgram, StartRegistryIn)
}

// Config is how to reach the cluster, plainly.
func (c *Cluster) Config() kafka.Config { return kafka.Config{Brokers: c.Plain} }

// Open is a client for the time of the test.
func (c *Cluster) Open(t testing.TB) *kafka.Client {
	t.Helper()
	cl, err := kafka.Open(c.Config())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

// Close kills all brokers.
func (c *Cluster) Close() {
	for _, b := range c.brokers {
		if b.run != nil {
			_ = b.run.kill() // its leash does it otherwise
		}
	}
}

func (c *Cluster) start(o Options, options []string) error {
	n := max(o.Brokers, 1)
	var err error
	for range 3 { // another program may take a port meanwhile
		if err = c.configure(n, o, options); err != nil {
			return err
		}
		for _, b := range c.brokers {
			if err = b.launch(); err != nil {
				return err
			}
		}
		if err = c.Await(n); err == nil {
			return nil
		}
		c.Close()
		if !strings.Contains(err.Error(), "Address already in use") {
			return err
		}
	}
	return err
}

// configure writes the brokers' settings and formats their folders.
func (c *Cluster) configure(n int, o Options, options []string) error {
	l, err := layoutOf(n, o.Secure)
	if err != nil {
		return err
	}
	c.Plain, c.SASL, c.TLS, c.SASLTLS = l.addresses("PLAINTEXT"), l.addresses("SASL"), l.addresses("TLS"), l.addresses("SASLTLS")
	var cert certificate
	if o.Secure {
		if cert, err = newCertificate(); err != nil {
			return err
		}
		c.CA = cert.pem
	}
	c.brokers = nil
	for id := 1; id <= n; id++ {
		b := &broker{id: id, dir: filepath.Join(c.Dir, fmt.Sprintf("broker-%d", id))}
		if err := errors.Join(os.RemoveAll(b.dir), os.MkdirAll(b.dir, 0o755)); err != nil {
			return err
		}
		conf := filepath.Join(b.dir, "server.properties")
		if err := os.WriteFile(conf, []byte(l.settings(id, b.dir, cert, o.Set)), 0o644); err != nil {
			return err
		}
		format := []string{"kafka.tools.StorageTool", "format", "-t", "dGFybi10ZXN0LWNsdXN0ZQ", "-c", conf}
		if o.Secure {
			for _, user := range []string{"tarn", "guest"} {
				for _, m := range []string{"SCRAM-SHA-256", "SCRAM-SHA-512"} {
					format = append(format, "--add-scram", fmt.Sprintf("%s=[name=%s,password=%s-secret]", m, user, user))
				}
			}
		}
		if out, err := exec.Command("java", append(append(jvm(c.program, "256m"), "-cp", c.classes()), format...)...).CombinedOutput(); err != nil {
			return fmt.Errorf("formatting a broker's folder: %w\n%s", err, lastLines(out, 5))
		}
		b.args = append(jvm(c.program, "512m", options...), "-Xms128m", "-XX:+UseG1GC", "-XX:+ExitOnOutOfMemoryError",
			"-Dlog4j2.configurationFile=file:"+filepath.Join(c.program, "log4j2.xml"), "-cp", c.classes(), "kafka.Kafka", conf)
		c.brokers = append(c.brokers, b)
	}
	return nil
}

func (c *Cluster) classes() string { return filepath.Join(c.program, "files", "*") }

func (b *broker) launch() (err error) {
	b.run, err = launch(filepath.Join(b.dir, "log"), b.dir, b.args...)
	return err
}

// Await waits until n brokers run that know each other.
func (c *Cluster) Await(n int) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.Plain...), kgo.MetadataMinAge(10*time.Millisecond), kgo.RetryTimeout(time.Second))
	if err != nil {
		return err
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(context.Background(), StartTime)
	defer cancel()
	req := kmsg.NewPtrMetadataRequest() // kadm would answer out of what it knows
	req.Topics = []kmsg.MetadataRequestTopic{}
	for {
		known := 0
		m, err := req.RequestWith(ctx, cl)
		if err == nil {
			known = len(m.Brokers)
		}
		if known >= n {
			return nil
		}
		running := 0
		for _, b := range c.brokers {
			if b.run.running() {
				running++
			}
		}
		if running < n {
			err = errors.Join(err, errors.New("a broker has ended"))
		} else if ctx.Err() == nil {
			time.Sleep(30 * time.Millisecond)
			continue
		}
		var logs strings.Builder
		for _, b := range c.brokers {
			fmt.Fprintf(&logs, "\nbroker %d: %s", b.id, b.run.tail())
		}
		return fmt.Errorf("%d brokers do not come up, %d are known: %w%s", n, known, errors.Join(err, ctx.Err()), logs.String())
	}
}

// do is what Kill and the others share.
func (c *Cluster) do(t testing.TB, id int, what func(b *broker) error) {
	t.Helper()
	if err := what(c.brokers[id-1]); err != nil {
		t.Fatalf("broker %d: %v", id, err)
	}
}

// Kill ends a broker at once. What it told the system it has written stays.
func (c *Cluster) Kill(t testing.TB, id int) {
	t.Helper()
	c.do(t, id, func(b *broker) error { return b.run.kill() })
}

// Stop ends a broker in an orderly way.
func (c *Cluster) Stop(t testing.TB, id int) {
	t.Helper()
	c.do(t, id, func(b *broker) error { return b.run.end(syscall.SIGTERM, time.Minute) })
}

// Restart starts a broker that has ended, with its data, and waits until all that
// run answer.
func (c *Cluster) Restart(t testing.TB, id int) {
	t.Helper()
	c.do(t, id, func(b *broker) error {
		if b.run.running() {
			return errors.New("it runs")
		}
		if err := b.launch(); err != nil {
			return err
		}
		n := 0
		for _, b := range c.brokers {
			if b.run.running() {
				n++
			}
		}
		return c.Await(n)
	})
}

// Pause makes a broker hang, Resume ends that.
func (c *Cluster) Pause(t testing.TB, id int) {
	t.Helper()
	c.do(t, id, func(b *broker) error { return b.run.pause() })
}

// Resume is the end of Pause.
func (c *Cluster) Resume(t testing.TB, id int) {
	t.Helper()
	c.do(t, id, func(b *broker) error { return b.run.resume() })
}

// PID is a broker's process, for what it costs.
func (c *Cluster) PID(id int) int { return c.brokers[id-1].run.cmd.Process.Pid }

// Log is the file of what a broker says.
func (c *Cluster) Log(id int) string { return filepath.Join(c.brokers[id-1].dir, "log") }

// Tool runs one of Kafka's own commands by the name of its class, for example
// org.apache.kafka.tools.consumer.ConsoleConsumer, with --bootstrap-server before
// args, and returns what it prints.
func (c *Cluster) Tool(t testing.TB, class string, stdin string, args ...string) string {
	t.Helper()
	all := append(jvm(c.program, "256m"), "-Dlog4j2.configurationFile=file:"+filepath.Join(c.program, "log4j2.xml"), "-cp", c.classes(), class,
		"--bootstrap-server", strings.Join(c.Plain, ","))
	cmd := exec.Command("java", append(all, args...)...)
	cmd.Stdin = strings.NewReader(stdin)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", class, strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out)
}

func address(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }
