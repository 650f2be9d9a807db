package kafka

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// away is an address where nobody listens.
func away(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestConfig(t *testing.T) {
	for _, c := range []struct {
		cfg  Config
		want string
	}{
		{Config{}, "no Kafka broker is given"},
		{Config{Brokers: []string{"a", ""}}, "a Kafka broker's name is empty"},
		{Config{Brokers: []string{"a"}, SASL: SASL{Mechanism: "GSSAPI"}}, `SASL mechanism "GSSAPI" is not known`},
		{Config{Brokers: []string{"a"}, SASL: SASL{Mechanism: "plain"}}, "SASL mechanism PLAIN needs a user name"},
		{Config{Brokers: []string{"a"}, SASL: SASL{Mechanism: "OAUTHBEARER"}}, "SASL mechanism OAUTHBEARER needs a token or the URL of a token endpoint"},
	} {
		_, err := Open(c.cfg)
		if err == nil || !strings.HasPrefix(err.Error(), c.want) || !sqlerr.HasCode(err, sqlerr.InvalidParameterValue) {
			t.Errorf("%+v: %v", c.cfg, err)
		}
	}
}

func TestLogin(t *testing.T) {
	f := fake(t, kfake.EnableSASL(), kfake.User("PLAIN", "ann", "pw"), kfake.User("SCRAM-SHA-256", "bob", "pw"), kfake.User("SCRAM-SHA-512", "cem", "pw"))
	for _, c := range []struct {
		sasl SASL
		want sqlerr.Code
	}{
		{SASL{Mechanism: "plain", User: "ann", Password: "pw"}, ""},
		{SASL{Mechanism: "SCRAM-SHA-256", User: "bob", Password: "pw"}, ""},
		{SASL{Mechanism: "scram-sha-512", User: "cem", Password: "pw"}, ""},
		{SASL{Mechanism: "PLAIN", User: "ann", Password: "no"}, sqlerr.ConnectionFailure}, // kfake hangs up; a real broker says why
		{SASL{Mechanism: "OAUTHBEARER", Token: "x"}, sqlerr.InvalidAuthorization},
		{SASL{}, sqlerr.ConnectionFailure},
	} {
		cl, err := Open(Config{Brokers: f.ListenAddrs(), SASL: c.sasl})
		if err != nil {
			t.Fatal(err)
		}
		_, err = cl.Topics(inTime(t))
		cl.Close()
		if c.want == "" && err != nil || c.want != "" && !sqlerr.HasCode(err, c.want) {
			t.Errorf("%+v: %v", c.sasl, err)
		}
		if e := sqlerr.From(err); e != nil && (e.Hint == "" || strings.Contains(e.Message+e.Hint, "pw")) {
			t.Errorf("%+v: hint %q", c.sasl, e.Hint)
		}
	}
}

func TestTokenEndpoint(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if r.FormValue("grant_type") != "client_credentials" || r.FormValue("scope") != "kafka" || user != "id" || password != "secret" {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"error":"invalid_client"}`)
			return
		}
		if err := json.NewEncoder(w).Encode(map[string]string{"access_token": "tok"}); err != nil {
			t.Error(err)
		}
	}))
	defer srv.Close()
	s := SASL{Mechanism: "OAUTHBEARER", TokenURL: srv.URL, User: "id", Password: "secret", Scope: "kafka"}
	if a, err := s.bearer(inTime(t)); err != nil || a.Token != "tok" {
		t.Fatal(a, err)
	}
	s.Password = "no"
	if _, err := s.bearer(inTime(t)); !sqlerr.HasCode(err, sqlerr.InvalidAuthorization) || strings.Contains(err.Error(), "secret") {
		t.Fatal(err)
	}
	s.TokenURL = "http://" + away(t)
	if _, err := s.bearer(inTime(t)); !sqlerr.HasCode(err, sqlerr.ConnectionFailure) {
		t.Fatal(err)
	}
}

func TestTLS(t *testing.T) {
	cert := httptest.NewUnstartedServer(nil)
	cert.StartTLS()
	defer cert.Close()
	f := fake(t, kfake.TLS(&tls.Config{Certificates: cert.TLS.Certificates}))
	trusted := cert.Client().Transport.(*http.Transport).TLSClientConfig
	for _, c := range []struct {
		tls  *tls.Config
		hint string
	}{
		{trusted, ""},
		{&tls.Config{}, "signed by an authority"},
		{nil, "may want SASL or TLS"},
	} {
		cl, err := Open(Config{Brokers: f.ListenAddrs(), TLS: c.tls})
		if err != nil {
			t.Fatal(err)
		}
		err = cl.Ping(inTime(t))
		cl.Close()
		if c.hint == "" && err != nil || c.hint != "" && (!sqlerr.HasCode(err, sqlerr.ConnectionFailure) || !strings.Contains(sqlerr.From(err).Hint, c.hint)) {
			t.Errorf("%s: %v, %q", c.hint, err, sqlerr.From(err).Hint)
		}
	}
}

// Nobody there: statements end with an error soon, readers wait and say so.
func TestAway(t *testing.T) {
	c := open(t, []string{away(t)})
	_, _, err := c.Partitions(inTime(t), "t")
	if e := sqlerr.From(err); e == nil || e.Code != sqlerr.ConnectionFailure || !strings.Contains(e.Message, c.cfg.Brokers[0]) || e.Hint == "" {
		t.Fatal(err)
	}
	if _, _, _, err := OpenSink(inTime(t), SinkConfig{Client: c.cfg, Topic: "t", ID: "x"}); !sqlerr.HasCode(err, sqlerr.ConnectionFailure) {
		t.Fatal(err)
	}
	r := reader(t, c, "t", ReaderOptions{Start: map[int32]int64{0: 0}})
	ctx := inTime(t)
	for r.State().Err == nil {
		if pause(ctx, time.Millisecond); ctx.Err() != nil {
			t.Fatal("the reader says nothing")
		}
	}
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	if rs, err := r.Poll(short); len(rs) != 0 || err != nil || !sqlerr.HasCode(r.State().Err, sqlerr.ConnectionFailure) {
		t.Fatal(rs, err, r.State())
	}
}

// A cluster that comes back, at the same address, is read on.
func TestComesBack(t *testing.T) {
	dir := t.TempDir()
	f, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.DataDir(dir))
	if err != nil {
		t.Fatal(err)
	}
	addr := f.ListenAddrs()[0]
	c := open(t, []string{addr})
	mustCreate(t, c, "t", 1, nil)
	mustProduce(t, c, "t", values("a", 0, 5))
	r := reader(t, c, "t", ReaderOptions{Start: map[int32]int64{0: 0}})
	readTo(t, r, map[int32]int64{0: 5})
	f.Close()
	ctx := inTime(t)
	for r.State().Err == nil {
		if pause(ctx, time.Millisecond); ctx.Err() != nil {
			t.Fatal("the reader says nothing")
		}
	}
	var port int
	if _, err := fmt.Sscanf(addr[strings.LastIndexByte(addr, ':'):], ":%d", &port); err != nil {
		t.Fatal(err)
	}
	f, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.DataDir(dir), kfake.Ports(port))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	mustProduce(t, c, "t", values("b", 5, 7))
	if g := readTo(t, r, map[int32]int64{0: 7}); len(g.lines) != 2 || r.State().Err != nil {
		t.Fatal(g, r.State())
	}
}

func TestAdminErrors(t *testing.T) {
	c := open(t, fake(t).ListenAddrs())
	ctx := inTime(t)
	mustCreate(t, c, "a", 2, map[string]string{"cleanup.policy": "compact"})
	_, _, err := c.Partitions(ctx, "none")
	_, err2 := c.OffsetsAt(ctx, "none", 0)
	for err, want := range map[error]sqlerr.Code{
		err:                                 sqlerr.UndefinedObject,
		err2:                                sqlerr.UndefinedObject,
		c.DeleteTopic(ctx, "none"):          sqlerr.UndefinedObject,
		c.CreateTopic(ctx, "a", 1, -1, nil): sqlerr.DuplicateObject,
		c.CreateTopic(ctx, "b", 1, 9, nil):  sqlerr.InvalidParameterValue,
	} {
		if !sqlerr.HasCode(err, want) || !strings.Contains(err.Error(), `"`) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	ts, err := c.Topics(ctx)
	if err != nil || len(ts) != 1 || ts[0].Name != "a" || ts[0].Partitions != 2 || ts[0].Replication != 1 {
		t.Fatal(ts, err)
	}
	if id, ok := ParseTopicID(ts[0].ID.String()); !ok || id != ts[0].ID {
		t.Fatal(ts[0].ID)
	}
}
