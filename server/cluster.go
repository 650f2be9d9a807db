package server

import (
	"crypto/tls"
	"crypto/x509"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/exec/format"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/storage/topic/kafka"
)

// cluster is how a connector reaches its brokers and its registry.
type cluster struct {
	kafka    kafka.Config
	registry format.Registry // nil: none
}

// clusterOf resolves what a source, sink or connection says of its cluster: its
// own options, then those of its connection, then the server's. Secrets are opened.
func (s *Server) clusterOf(snap *catalog.Snapshot, c *catalog.Connector) (cluster, error) {
	opts := map[string]string{}
	for _, id := range []uint64{c.Connection, c.Registry} {
		if id == 0 {
			continue
		}
		o := snap.ByID(id)
		if o == nil || o.Connector == nil {
			return cluster{}, sqlerr.New(sqlerr.InternalError, "the connection of the connector is gone")
		}
		if err := s.addOptions(snap, opts, o.Connector); err != nil {
			return cluster{}, err
		}
	}
	if err := s.addOptions(snap, opts, c); err != nil {
		return cluster{}, err
	}
	if opts["properties.bootstrap.server"] == "" {
		opts["properties.bootstrap.server"] = s.cfg.Kafka
	}
	if opts["schema.registry"] == "" {
		opts["schema.registry"] = s.cfg.SchemaRegistry
	}
	out := cluster{kafka: kafka.Config{ClientID: opts["properties.client.id"]}}
	for _, b := range strings.Split(opts["properties.bootstrap.server"], ",") {
		if b = strings.TrimSpace(b); b != "" {
			out.kafka.Brokers = append(out.kafka.Brokers, b)
		}
	}
	if len(out.kafka.Brokers) == 0 {
		return cluster{}, errNoCluster()
	}
	if url := opts["schema.registry"]; url != "" {
		out.registry = format.NewRegistry(url, opts["schema.registry.username"], opts["schema.registry.password"])
	}
	return out, out.security(opts)
}

func errNoCluster() error {
	return sqlerr.New(sqlerr.ObjectNotInPrerequisiteState, "the server has no default Kafka cluster").
		WithHint("Start it with --kafka BROKERS, or name a connection.")
}

func (s *Server) addOptions(snap *catalog.Snapshot, into map[string]string, c *catalog.Connector) error {
	maps.Copy(into, c.Options)
	for _, key := range slices.Sorted(maps.Keys(c.Sealed)) {
		v, err := s.sealer.open(c.SealedFor, key, c.Sealed[key])
		if err != nil {
			return err
		}
		into[key] = v
	}
	for _, key := range slices.Sorted(maps.Keys(c.Secrets)) {
		o := snap.ByID(c.Secrets[key])
		if o == nil {
			return sqlerr.New(sqlerr.InternalError, "a secret of the connector is gone")
		}
		v, err := s.sealer.open(o.ID, o.Name, o.Sealed)
		if err != nil {
			return err
		}
		into[key] = v
	}
	return nil
}

// security sets TLS and SASL.
func (c *cluster) security(opts map[string]string) error {
	protocol := opts["properties.security.protocol"]
	if mechanism := opts["properties.sasl.mechanism"]; mechanism != "" && protocol != "PLAINTEXT" && protocol != "SSL" {
		c.kafka.SASL = kafka.SASL{Mechanism: mechanism, User: opts["properties.sasl.username"], Password: opts["properties.sasl.password"],
			Token: opts["properties.sasl.oauthbearer.token"]}
	}
	if !strings.HasSuffix(protocol, "SSL") {
		return nil
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: opts["properties.ssl.endpoint.identification.algorithm"] == "none"}
	ca, err := pemOf(opts, "properties.ssl.ca")
	if err != nil {
		return err
	}
	if ca != nil {
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(ca) {
			return sqlerr.New(sqlerr.InvalidParameterValue, "properties.ssl.ca holds no certificate in PEM form")
		}
	}
	certificate, err := pemOf(opts, "properties.ssl.certificate")
	if err != nil {
		return err
	}
	key, err := pemOf(opts, "properties.ssl.key")
	if err != nil {
		return err
	}
	if (certificate == nil) != (key == nil) {
		return sqlerr.New(sqlerr.InvalidParameterValue, "properties.ssl.certificate and properties.ssl.key go together")
	}
	if certificate != nil {
		pair, err := tls.X509KeyPair(certificate, key)
		if err != nil {
			return sqlerr.New(sqlerr.InvalidParameterValue, "the client certificate cannot be used: %v", err)
		}
		t.Certificates = []tls.Certificate{pair}
	}
	c.kafka.TLS = t
	return nil
}

// pemOf is the option name.pem, or the file that name.location says; nil: neither.
func pemOf(opts map[string]string, name string) ([]byte, error) {
	if text := opts[name+".pem"]; text != "" {
		return []byte(text), nil
	}
	file := opts[name+".location"]
	if file == "" {
		return nil, nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "%s.location: %v", name, err)
	}
	return b, nil
}
