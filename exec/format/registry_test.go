package format

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// countingRegistry is a registry that counts the requests it gets.
func countingRegistry(t *testing.T) (*srfake.Registry, *registry, *int) {
	fake := srfake.New()
	t.Cleanup(fake.Close)
	asked := new(int)
	fake.Intercept(func(http.ResponseWriter, *http.Request) bool {
		*asked++
		return false
	})
	return fake, NewRegistry(fake.URL(), "user", "secret").(*registry), asked
}

func TestRegistry(t *testing.T) {
	ctx := context.Background()
	fake, r, asked := countingRegistry(t)
	now := time.Unix(1000, 0)
	r.now = func() time.Time { return now }

	common := `{"type":"fixed","name":"T","namespace":"common","size":2}`
	if _, _, err := fake.RegisterSchema("common", sr.Schema{Schema: common}); err != nil {
		t.Fatal(err)
	}
	text := `{"type":"record","name":"r","fields":[{"name":"a","type":"common.T"}]}`
	id, _, err := fake.RegisterSchema("t-value", sr.Schema{Schema: text, References: []sr.SchemaReference{{Name: "common.T", Subject: "common", Version: 1}}})
	if err != nil {
		t.Fatal(err)
	}

	s, err := r.SchemaByID(ctx, id)
	if err != nil || s == nil || s.Type != "AVRO" || s.Text != text || s.References["common.T"] == nil || s.References["common.T"].Text != common {
		t.Fatalf("%+v, %v", s, err)
	}
	before := *asked
	if again, err := r.SchemaByID(ctx, id); again != s || err != nil || *asked != before {
		t.Errorf("a known id is asked for again: %v, %d requests", err, *asked-before)
	}

	// An unknown id is nothing, and asked for again only after a while.
	for i, want := range []int{1, 0} {
		before = *asked
		if s, err := r.SchemaByID(ctx, 999); s != nil || err != nil || *asked-before != want {
			t.Errorf("%d: unknown id: %v, %v, %d requests", i, s, err, *asked-before)
		}
	}
	now = now.Add(latestFor)
	before = *asked
	if s, err := r.SchemaByID(ctx, 999); s != nil || err != nil || *asked-before != 1 {
		t.Errorf("unknown id, later: %v, %v, %d requests", s, err, *asked-before)
	}

	// Subjects: known, unknown, and a newer version.
	if s, err := r.Latest(ctx, "t-value"); err != nil || s.ID != id {
		t.Errorf("latest: %+v, %v", s, err)
	}
	if s, err := r.Latest(ctx, "none"); err != nil || s != nil {
		t.Errorf("latest of an unknown subject: %+v, %v", s, err)
	}
	next := `{"type":"record","name":"r","fields":[]}`
	id2, err := r.Register(ctx, "t-value", &Schema{Type: "AVRO", Text: next})
	if err != nil || id2 == id {
		t.Fatalf("registered %d, %v", id2, err)
	}
	if s, err := r.Latest(ctx, "t-value"); err != nil || s.ID != id2 {
		t.Errorf("latest after registering: %+v, %v", s, err)
	}
	if same, err := r.Register(ctx, "t-value", &Schema{Type: "AVRO", Text: next}); err != nil || same != id2 {
		t.Errorf("registered again: %d, %v", same, err)
	}
}

// What the registry refuses is the user's error, with its words; its absence is
// one that passes.
func TestRegistryErrors(t *testing.T) {
	ctx := context.Background()
	fake, r, _ := countingRegistry(t)
	status, body := 0, ""
	fake.Intercept(func(w http.ResponseWriter, _ *http.Request) bool {
		if status == 0 {
			return false
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
		return true
	})
	status, body = 409, `{"error_code":409,"message":"reader is missing a default"}`
	_, err := r.Register(ctx, "t-value", &Schema{Type: "AVRO", Text: `"int"`})
	if !sqlerr.HasCode(err, sqlerr.InvalidParameterValue) || !strings.Contains(err.Error(), "reader is missing a default") {
		t.Errorf("incompatible: %v", err)
	}
	status, body = 503, "busy"
	if _, err := r.SchemaByID(ctx, 5); !sqlerr.HasCode(err, sqlerr.ConnectionFailure) {
		t.Errorf("busy: %v", err)
	}
	status, body = 404, "no such page"
	if _, err := r.SchemaByID(ctx, 6); !sqlerr.HasCode(err, sqlerr.ConnectionFailure) {
		t.Errorf("something else at the URL: %v", err)
	}
	status = 0
	if s, err := r.SchemaByID(ctx, 5); s != nil || err != nil {
		t.Errorf("back again: %v, %v", s, err)
	}
	fake.Close()
	if _, err := r.SchemaByID(ctx, 8); !sqlerr.HasCode(err, sqlerr.ConnectionFailure) {
		t.Errorf("gone: %v", err)
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := r.SchemaByID(gone, 9); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := NewRegistry("", "", "").SchemaByID(ctx, 1); err == nil {
		t.Error("no URL is no error")
	}
	if strings.Contains(r.url, "secret") {
		t.Error("the password is in messages")
	}
}

func TestWireHead(t *testing.T) {
	for _, index := range [][]int{{0}, {1}, {2, 0}, {0, 0, 300}} {
		b := append(appendMessageIndex(nil, index), 'x')
		got, rest, err := cutMessageIndex(b, nil)
		if err != nil || !slices.Equal(got, index) || string(rest) != "x" {
			t.Errorf("%v: %v %q %v", index, got, rest, err)
		}
		var header sr.ConfluentHeader
		theirs, err2 := header.AppendEncode(nil, 7, index)
		if err2 != nil || string(theirs) != string(appendMessageIndex(appendWireHead(nil, 7), index)) {
			t.Errorf("%v: %x is not what the client writes: %x", index, appendMessageIndex(appendWireHead(nil, 7), index), theirs)
		}
	}
	for _, bad := range []string{"", "\x01", "\x80", "\xfe\xff\x03", "\x02", "\x02\x01"} {
		if _, _, err := cutMessageIndex([]byte(bad), nil); err == nil {
			t.Errorf("%x is a message index", bad)
		}
	}
}
