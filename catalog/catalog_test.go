package catalog

import (
	"reflect"
	"testing"
)

// TestNameSpaces: a sink's name is taken for relations; connections and secrets
// have names of their own.
func TestNameSpaces(t *testing.T) {
	s := New(nil)
	put := func(id uint64, kind Kind, name string) *Object {
		o := &Object{ID: id, Schema: "public", Name: name, Kind: kind}
		s = s.Apply([]Change{{Op: Put, Object: o}})
		return o
	}
	stream := put(16384, Stream, "x")
	connection := put(16385, Connection, "x")
	secret := put(16386, Secret, "x")
	sink := put(16387, Sink, "y")
	for _, c := range []struct {
		kind Kind
		name string
		want *Object
	}{
		{Table, "x", stream}, {Sink, "x", stream}, {Connection, "x", connection}, {Secret, "x", secret},
		{Stream, "y", sink}, {Secret, "y", nil},
	} {
		if got := s.InKind(c.kind, "public", c.name); got != c.want {
			t.Errorf("InKind(%s, %s) = %v, want %v", c.kind, c.name, got, c.want)
		}
		if got := s.FindKind(c.kind, "", c.name, []string{"nowhere", "public"}); got != c.want {
			t.Errorf("FindKind(%s, %s) = %v, want %v", c.kind, c.name, got, c.want)
		}
	}
	s = s.Apply([]Change{{Op: Drop, ID: connection.ID}})
	if s.InKind(Connection, "public", "x") != nil || s.In("public", "x") != stream {
		t.Error("a dropped connection is there, or took the stream with it")
	}
}

// TestConnectorSurvives: what a source and a sink are comes back from a change
// and from an image as it was.
func TestConnectorSurvives(t *testing.T) {
	source := &Object{ID: 16384, Schema: "public", Name: "orders", Kind: Stream,
		Columns: []Column{{Name: "k", From: FromKey}, {Name: "h", From: FromHeader, Path: "trace"}, {Name: "rowtime", From: FromTimestamp, Hidden: true}},
		Connector: &Connector{Type: "kafka", Topic: "orders", Connection: 7, Options: map[string]string{"on_gap": "stop"},
			Secrets: map[string]uint64{"properties.sasl.password": 9}, Start: map[int32]int64{0: 5, 3: 7}, Paused: true},
		Format: &Format{Envelope: "plain", Key: Encoding{Name: "text"}, Value: Encoding{Name: "json", Options: map[string]string{"a": "b"}}}}
	sink := &Object{ID: 16385, Schema: "public", Name: "out", Kind: Sink, DependsOn: []uint64{16384}, Into: 3, Owned: 16384}
	secret := &Object{ID: 16386, Schema: "public", Name: "pw", Kind: Secret, Sealed: []byte{0, 1, 255}}
	cs, err := DecodeChanges(EncodeChanges([]Change{{Op: Put, Object: source}, {Op: Put, Object: sink}, {Op: Put, Object: secret}}))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Decode(New(nil).Apply(cs).Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []*Object{source, sink, secret} {
		if got := s.ByID(want.ID); !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	if d := s.Dependents(16384); len(d) != 1 || d[0].Name != "out" {
		t.Errorf("dependents of the source: %v", d)
	}
	if len(source.Visible()) != 2 || !source.IsSource() || !source.ReadThrough() || sink.IsSource() {
		t.Error("what a source is has been mistaken")
	}
}
