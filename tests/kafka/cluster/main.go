// Command cluster runs a Kafka cluster, and a schema registry if asked, until it is
// interrupted, for trying things out:
//
//	go run ./tests/kafka/cluster [-brokers 3] [-secure] [-registry]
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/tarndb/tarn/tests/kafka/kafkatest"
)

func main() {
	brokers := flag.Int("brokers", 1, "how many")
	secure := flag.Bool("secure", false, "listeners with SASL and TLS too, and access control")
	registry := flag.Bool("registry", false, "a schema registry too")
	flag.Parse()
	if err := run(*brokers, *secure, *registry); err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

func run(brokers int, secure, registry bool) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp("", "tarn-kafka")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	c, err := kafkatest.StartIn(dir, kafkatest.Options{Brokers: brokers, Secure: secure})
	if err != nil {
		return err
	}
	defer c.Close()
	fmt.Printf("brokers=%s\n", strings.Join(c.Plain, ","))
	if secure {
		ca := filepath.Join(dir, "ca.pem")
		if err := os.WriteFile(ca, c.CA, 0o644); err != nil {
			return err
		}
		fmt.Printf("sasl=%s\ntls=%s\nsasltls=%s\nca=%s\n", strings.Join(c.SASL, ","), strings.Join(c.TLS, ","), strings.Join(c.SASLTLS, ","), ca)
	}
	if registry {
		r, err := kafkatest.StartRegistryIn(dir)
		if err != nil {
			return err
		}
		defer r.Close()
		fmt.Printf("registry=%s\n", r.URL)
	}
	<-ctx.Done()
	return nil
}
