package kafka_test

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tarndb/tarn/tests/kafka/kafkatest"
)

// python is testdata/foreign.py, running.
type python struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Reader
	log string
}

type foreignRecord struct {
	Partition int
	Key       any
	Value     map[string]string
}

// startPython runs the foreign client until the test ends.
func startPython(t *testing.T, k *kafkatest.Cluster, registry string) *python {
	t.Helper()
	bin, err := filepath.Abs("../../bin/venv/bin/python")
	if err != nil {
		t.Fatal(err)
	}
	if err := exec.Command(bin, "-c", "import confluent_kafka, grpc_tools").Run(); err != nil {
		t.Fatalf("Confluent's Python client is missing (%v): run tests/setup.sh", err)
	}
	p := &python{t: t, log: filepath.Join(t.TempDir(), "log")}
	log, err := os.Create(p.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(bin, "testdata/foreign.py", strings.Join(k.Plain, ","), registry)
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	cmd.Stderr = log
	in, err := cmd.StdinPipe() // its end ends the program
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		kill := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
		if err := cmd.Wait(); err != nil {
			t.Errorf("the foreign client: %v", err)
		}
		kill.Stop()
	})
	p.in, p.out = in, bufio.NewReader(out)
	return p
}

// do has a job done.
func (p *python) do(job map[string]any) []foreignRecord {
	p.t.Helper()
	b, err := json.Marshal(job)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.in.Write(append(b, '\n')); err != nil {
		p.t.Fatal(err)
	}
	line, err := p.out.ReadBytes('\n')
	var answer struct {
		Records []foreignRecord
		Error   string
	}
	if err == nil {
		err = json.Unmarshal(line, &answer)
	}
	if err != nil || answer.Error != "" {
		log, _ := os.ReadFile(p.log)
		p.t.Fatalf("%s: %v %s\n%s", b, err, answer.Error, log)
	}
	return answer.Records
}
