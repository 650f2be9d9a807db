package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Registry is a schema registry (Apicurio's, with Confluent's API). Its schemas are
// gone when it ends.
type Registry struct {
	URL string // for clients, the path included

	dir     string
	program string
	port    int
	run     *process
}

var registryProgram = software{name: "registry", pom: registryPOM,
	bring: func(dir string) error {
		part := filepath.Join(dir, "part")
		if err := maven(dir, "dependency:copy", "-DoutputDirectory="+filepath.Join(dir, "download")); err != nil {
			return err
		}
		archives, err := filepath.Glob(filepath.Join(dir, "download", "*.tar.gz"))
		if err != nil || len(archives) != 1 {
			return fmt.Errorf("the registry's archive did not come: %v %w", archives, err)
		}
		if out, err := exec.Command("tar", "xzf", archives[0], "-C", part).CombinedOutput(); err != nil {
			return fmt.Errorf("unpacking the registry: %w: %s", err, out)
		}
		return os.RemoveAll(filepath.Join(dir, "download"))
	},
	train: func(dir string, options ...string) error {
		tmp, err := os.MkdirTemp("", "tarn-registry")
		if err != nil {
			return err
		}
		defer os.RemoveAll(tmp)
		r := &Registry{dir: tmp, program: dir}
		err = r.start(options...)
		if r.run != nil {
			err = errors.Join(err, r.run.end(syscall.SIGTERM, time.Minute))
		}
		return err
	},
}

// StartRegistry runs a registry until the test ends; new schemas must be backward
// compatible, as Confluent's asks for by default.
func StartRegistry(t testing.TB) *Registry {
	t.Helper()
	dir := registryProgram.brought(t)
	r := &Registry{dir: t.TempDir(), program: dir}
	t.Cleanup(r.Close)
	if err := r.start(); err != nil {
		t.Fatal(err)
	}
	return r
}

// StartRegistryIn runs a registry in the folder dir, for programs; Close ends it.
func StartRegistryIn(dir string) (*Registry, error) {
	program, err := registryProgram.fetch()
	if err != nil {
		return nil, err
	}
	r := &Registry{dir: dir, program: program}
	if err := r.start(); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// Close kills the registry.
func (r *Registry) Close() {
	if r.run != nil {
		_ = r.run.kill() // its leash does it otherwise
	}
}

func (r *Registry) start(options ...string) error {
	jars, err := filepath.Glob(filepath.Join(r.program, "files", "apicurio-registry-app-*-runner.jar"))
	if err != nil || len(jars) != 1 {
		return fmt.Errorf("the registry's program is not there: %v %w", jars, err)
	}
	for range 3 { // another program may take the port meanwhile
		ports, err := freePorts(1)
		if err != nil {
			return err
		}
		r.port = ports[0]
		r.URL = "http://" + address(r.port) + "/apis/ccompat/v7"
		args := append(jvm(r.program, "384m", options...), "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
			"-Dquarkus.http.host=127.0.0.1", fmt.Sprintf("-Dquarkus.http.port=%d", r.port), "-Dquarkus.http.access-log.enabled=false", "-jar", jars[0])
		if r.run, err = launch(filepath.Join(r.dir, "log"), r.dir, args...); err != nil {
			return err
		}
		if err = r.await(); err == nil {
			return r.backward()
		}
		if text := strings.ToLower(err.Error()); !strings.Contains(text, "already in use") && !strings.Contains(text, "bindexception") {
			return err
		}
	}
	return errors.New("the registry finds no free port")
}

func (r *Registry) await() error {
	client := http.Client{Timeout: 5 * time.Second}
	for deadline := time.Now().Add(StartTime); ; {
		ready := true
		for _, path := range []string{"/health/ready", "/apis/ccompat/v7/subjects"} {
			resp, err := client.Get("http://" + address(r.port) + path)
			if err != nil {
				ready = false
				break
			}
			ready = ready && resp.StatusCode == http.StatusOK
			resp.Body.Close()
		}
		switch {
		case ready:
			return nil
		case !r.run.running():
			return fmt.Errorf("the registry has ended: %s", r.run.tail())
		case time.Now().After(deadline):
			return fmt.Errorf("the registry does not answer: %s", r.run.tail())
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// backward sets the level of compatibility, which is none at first.
func (r *Registry) backward() error {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPut, r.URL+"/config", strings.NewReader(`{"compatibility":"BACKWARD"}`))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the registry does not take its level of compatibility: %s", resp.Status)
	}
	return nil
}
