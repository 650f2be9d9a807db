package kafkatest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"net"
	"slices"
	"strings"
	"time"
)

// layout is who listens where: ports by listener, each one a broker.
type layout struct {
	brokers int
	secure  bool
	ports   map[string][]int
}

func layoutOf(brokers int, secure bool) (layout, error) {
	l := layout{brokers: brokers, secure: secure, ports: map[string][]int{}}
	names := []string{"PLAINTEXT", "CONTROLLER"}
	if secure {
		names = append(names, "SASL", "TLS", "SASLTLS")
	}
	ports, err := freePorts(len(names) * brokers)
	if err != nil {
		return l, err
	}
	for i, name := range names {
		l.ports[name] = ports[i*brokers : (i+1)*brokers]
	}
	return l, nil
}

func (l layout) addresses(listener string) (out []string) {
	for _, p := range l.ports[listener] {
		out = append(out, address(p))
	}
	return out
}

// controllers is how many of the brokers are controllers too.
func (l layout) controllers() int {
	if l.brokers < 3 {
		return 1
	}
	return 3
}

// settings is a broker's configuration file. Where a setting differs from Kafka's
// default it is so that tests are quick: few partitions of the internal topics, no
// delay before the first rebalance, and a broker that was killed may come back
// after 3 or 6 seconds instead of 9.
func (l layout) settings(id int, dir string, cert certificate, more map[string]string) string {
	replicas := min(l.brokers, 3)
	inSync := 1
	if replicas > 1 {
		inSync = 2
	}
	var voters, listeners []string
	for c, p := range l.ports["CONTROLLER"][:l.controllers()] {
		voters = append(voters, fmt.Sprintf("%d@%s", c+1, address(p)))
	}
	for _, name := range slices.Sorted(maps.Keys(l.ports)) {
		if name != "CONTROLLER" {
			listeners = append(listeners, name+"://"+address(l.ports[name][id-1]))
		}
	}
	session := 3000
	if l.brokers > 1 { // on a busy machine they would be taken for dead in turn
		session = 6000
	}
	s := map[string]string{
		"node.id":                                          fmt.Sprint(id),
		"process.roles":                                    "broker",
		"controller.quorum.voters":                         strings.Join(voters, ","),
		"advertised.listeners":                             strings.Join(listeners, ","),
		"listener.security.protocol.map":                   "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_PLAINTEXT,TLS:SSL,SASLTLS:SASL_SSL",
		"controller.listener.names":                        "CONTROLLER",
		"inter.broker.listener.name":                       "PLAINTEXT",
		"log.dirs":                                         dir + "/data",
		"default.replication.factor":                       fmt.Sprint(replicas),
		"min.insync.replicas":                              fmt.Sprint(inSync),
		"offsets.topic.replication.factor":                 fmt.Sprint(replicas),
		"offsets.topic.num.partitions":                     "4",
		"transaction.state.log.replication.factor":         fmt.Sprint(replicas),
		"transaction.state.log.min.isr":                    fmt.Sprint(inSync),
		"transaction.state.log.num.partitions":             "4",
		"share.coordinator.state.topic.num.partitions":     "1",
		"share.coordinator.state.topic.min.isr":            fmt.Sprint(inSync),
		"share.coordinator.state.topic.replication.factor": fmt.Sprint(replicas),
		"group.initial.rebalance.delay.ms":                 "0",
		"broker.session.timeout.ms":                        fmt.Sprint(session),
		"broker.heartbeat.interval.ms":                     "500",
		"auto.create.topics.enable":                        "false",
	}
	if id <= l.controllers() {
		s["process.roles"] = "broker,controller"
		listeners = append(listeners, "CONTROLLER://"+address(l.ports["CONTROLLER"][id-1]))
	}
	s["listeners"] = strings.Join(listeners, ",")
	if l.secure {
		maps.Copy(s, security(cert))
	}
	maps.Copy(s, more)
	var out strings.Builder
	for _, k := range slices.Sorted(maps.Keys(s)) {
		fmt.Fprintf(&out, "%s=%s\n", k, s[k])
	}
	return out.String()
}

// security is the settings of Options.Secure. OAUTHBEARER takes tokens that nobody
// has signed, as Kafka does when it is told no more.
func security(cert certificate) map[string]string {
	s := map[string]string{
		"sasl.enabled.mechanisms":        "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
		"ssl.keystore.type":              "PEM",
		"ssl.keystore.certificate.chain": oneLine(cert.pem),
		"ssl.keystore.key":               oneLine(cert.key),
		"authorizer.class.name":          "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
		"super.users":                    "User:ANONYMOUS;User:tarn",
		"allow.everyone.if.no.acl.found": "false",
	}
	const security = "org.apache.kafka.common.security."
	for _, listener := range []string{"sasl", "sasltls"} {
		for mechanism, module := range map[string]string{
			"plain":         security + `plain.PlainLoginModule required user_tarn="tarn-secret" user_guest="guest-secret";`,
			"scram-sha-256": security + "scram.ScramLoginModule required;",
			"scram-sha-512": security + "scram.ScramLoginModule required;",
			"oauthbearer":   security + `oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="tarn";`,
		} {
			s["listener.name."+listener+"."+mechanism+".sasl.jaas.config"] = module
		}
	}
	return s
}

// oneLine is how a PEM text goes into a settings file.
func oneLine(pem []byte) string {
	return strings.ReplaceAll(strings.TrimSpace(string(pem)), "\n", " \\\n")
}

// certificate is one for 127.0.0.1 that signs itself.
type certificate struct{ pem, key []byte }

func newCertificate() (certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return certificate{}, err
	}
	now := time.Now()
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "localhost"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		return certificate{}, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return certificate{}, err
	}
	return certificate{
		pem: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}),
	}, nil
}
