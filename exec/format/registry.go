package format

import (
	"context"
	"encoding/binary"
	"errors"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/tarndb/tarn/sql/sqlerr"
)

const (
	registryTimeout = 10 * time.Second
	// latestFor is how long the newest schema of a subject, and that an id is
	// unknown, are believed without asking again.
	latestFor = 5 * time.Second
	// referenceDepthMax bounds chains of references between schemas.
	referenceDepthMax = 32
)

var errReferenceDepth = sqlerr.New(sqlerr.ProgramLimitExceeded, "schema references are nested more than %d deep", referenceDepthMax)

// registry is a Registry over HTTP. What has an id is kept for ever: it cannot
// change.
type registry struct {
	client *sr.Client
	url    string
	now    func() time.Time

	mu      sync.Mutex
	byID    map[int]*Schema
	byRef   map[sr.SchemaReference]*Schema
	latest  map[string]timedSchema
	unknown map[int]time.Time
}

type timedSchema struct {
	schema *Schema
	at     time.Time
}

// NewRegistry makes a client of the schema registry at url, which may be several
// divided by commas: they are tried in turn. user may be empty. Nothing is asked
// before it is needed; an invalid url shows then.
func NewRegistry(url, user, password string) Registry {
	opts := []sr.ClientOpt{sr.URLs(splitComma(url)...), sr.HTTPClient(&http.Client{Timeout: registryTimeout}), sr.UserAgent("tarn")}
	if user != "" {
		opts = append(opts, sr.BasicAuth(user, password))
	}
	r := &registry{url: url, now: time.Now, byID: map[int]*Schema{}, byRef: map[sr.SchemaReference]*Schema{},
		latest: map[string]timedSchema{}, unknown: map[int]time.Time{}}
	r.client, _ = sr.NewClient(opts...) // fails only without urls; then every question does
	return r
}

func splitComma(s string) []string {
	var out []string
	for start, i := 0, 0; i <= len(s); i++ {
		if i == len(s) || s[i] == ',' {
			if i > start {
				out = append(out, s[start:i])
			}
			start = i + 1
		}
	}
	return out
}

// away is the error of a registry that does not answer as one.
func (r *registry) away(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return sqlerr.New(sqlerr.ConnectionFailure, "schema registry %q: %s", r.url, err)
}

var errNoRegistryURL = errors.New("no URL is set")

func (r *registry) ready() error {
	if r.client == nil {
		return r.away(errNoRegistryURL)
	}
	return nil
}

// notFound reports the answers that say that something does not exist; a plain
// 404 is of something that is no registry.
func notFound(err error) bool {
	var e *sr.ResponseError
	return errors.As(err, &e) && sr.IsNotFoundError(e.ErrorCode)
}

func (r *registry) SchemaByID(ctx context.Context, id int) (*Schema, error) {
	r.mu.Lock()
	s, since := r.byID[id], r.unknown[id]
	r.mu.Unlock()
	if s != nil || !since.IsZero() && r.now().Sub(since) < latestFor {
		return s, nil
	}
	if err := r.ready(); err != nil {
		return nil, err
	}
	got, err := r.client.SchemaByID(ctx, id)
	if notFound(err) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(r.unknown) >= unknownMax {
			clear(r.unknown)
		}
		r.unknown[id] = r.now()
		return nil, nil
	}
	if err != nil {
		return nil, r.away(err)
	}
	return r.keep(ctx, id, got)
}

// unknownMax bounds the memory of unknown ids, which any record may name.
const unknownMax = 10_000

// keep resolves the references of a schema and remembers it.
func (r *registry) keep(ctx context.Context, id int, got sr.Schema) (*Schema, error) {
	s := &Schema{ID: id, Type: got.Type.String(), Text: got.Schema}
	var err error
	if s.References, err = r.references(ctx, got.References, 0); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if old := r.byID[id]; old != nil {
		return old, nil
	}
	r.byID[id] = s
	return s, nil
}

func (r *registry) references(ctx context.Context, refs []sr.SchemaReference, depth int) (map[string]*Schema, error) {
	if len(refs) == 0 {
		return nil, nil
	}
	if depth > referenceDepthMax {
		return nil, errReferenceDepth
	}
	out := make(map[string]*Schema, len(refs))
	for _, ref := range refs {
		r.mu.Lock()
		s := r.byRef[ref]
		r.mu.Unlock()
		if s == nil {
			got, err := r.client.SchemaByVersion(ctx, ref.Subject, ref.Version)
			if err != nil {
				return nil, r.away(err)
			}
			s = &Schema{ID: got.ID, Type: got.Type.String(), Text: got.Schema.Schema}
			if s.References, err = r.references(ctx, got.References, depth+1); err != nil {
				return nil, err
			}
			r.mu.Lock()
			r.byRef[ref] = s
			r.mu.Unlock()
		}
		out[ref.Name] = s
	}
	return out, nil
}

func (r *registry) Latest(ctx context.Context, subject string) (*Schema, error) {
	r.mu.Lock()
	known, ok := r.latest[subject]
	r.mu.Unlock()
	if ok && r.now().Sub(known.at) < latestFor {
		return known.schema, nil
	}
	if err := r.ready(); err != nil {
		return nil, err
	}
	got, err := r.client.SchemaByVersion(ctx, subject, -1)
	var s *Schema
	switch {
	case notFound(err):
	case err != nil:
		return nil, r.away(err)
	default:
		if s, err = r.keep(ctx, got.ID, got.Schema); err != nil {
			return nil, err
		}
	}
	r.mu.Lock()
	r.latest[subject] = timedSchema{s, r.now()}
	r.mu.Unlock()
	return s, nil
}

func (r *registry) Register(ctx context.Context, subject string, s *Schema) (int, error) {
	if err := r.ready(); err != nil {
		return 0, err
	}
	in := sr.Schema{Schema: s.Text}
	if err := in.Type.UnmarshalText([]byte(s.Type)); err != nil {
		return 0, sqlerr.New(sqlerr.InvalidParameterValue, "unknown schema type %q", s.Type)
	}
	id, err := r.client.RegisterSchema(ctx, subject, in, -1, -1)
	var e *sr.ResponseError
	if errors.As(err, &e) && (e.StatusCode == http.StatusConflict || e.StatusCode == http.StatusUnprocessableEntity) {
		return 0, sqlerr.New(sqlerr.InvalidParameterValue, "schema registry refuses the schema for subject %q: %s", subject, e.Message).
			WithHint("Change the columns compatibly, use another subject, or relax the subject's compatibility level.")
	}
	if err != nil {
		return 0, r.away(err)
	}
	r.mu.Lock()
	delete(r.latest, subject)
	delete(r.unknown, id)
	r.mu.Unlock()
	return id, nil
}

// referenceNames lists the names of a schema's references in a fixed order.
func referenceNames(s *Schema) []string { return slices.Sorted(maps.Keys(s.References)) }

// The Confluent wire format: a zero byte, the schema's id in 4 bytes, the value.
// A Protobuf value has the indexes of its message type before it.

const wireHead = 5

// cutWireHead takes the id off a record.
func cutWireHead(b []byte) (id int, rest []byte, err *sqlerr.Error) {
	if len(b) < wireHead {
		return 0, nil, sqlerr.New(sqlerr.InvalidBinaryRepresentation, "the record is too short for a schema id: %d bytes", len(b))
	}
	if b[0] != 0 {
		return 0, nil, sqlerr.New(sqlerr.InvalidBinaryRepresentation, "the record does not begin with a schema id: its first byte is 0x%02x, not 0", b[0]).
			WithHint("It was written without a schema registry.")
	}
	return int(binary.BigEndian.Uint32(b[1:])), b[wireHead:], nil
}

func appendWireHead(dst []byte, id int) []byte {
	return binary.BigEndian.AppendUint32(append(dst, 0), uint32(id))
}

// messageIndexMax bounds how deeply a Protobuf message type may stand in others.
const messageIndexMax = 16

// cutMessageIndex takes the path to the message type off a record; index is
// reused. The first type of a file is a single zero byte.
func cutMessageIndex(b []byte, index []int) ([]int, []byte, *sqlerr.Error) {
	bad := sqlerr.New(sqlerr.InvalidBinaryRepresentation, "the record has no valid message index")
	index = index[:0]
	n, k := binary.Varint(b)
	if k <= 0 || n < 0 || n > messageIndexMax {
		return nil, nil, bad
	}
	b = b[k:]
	if n == 0 {
		return append(index, 0), b, nil
	}
	for range n {
		v, k := binary.Varint(b)
		if k <= 0 || v < 0 || v > 1<<20 {
			return nil, nil, bad
		}
		index, b = append(index, int(v)), b[k:]
	}
	return index, b, nil
}

func appendMessageIndex(dst []byte, index []int) []byte {
	if len(index) == 1 && index[0] == 0 {
		return append(dst, 0)
	}
	dst = binary.AppendVarint(dst, int64(len(index)))
	for _, i := range index {
		dst = binary.AppendVarint(dst, int64(i))
	}
	return dst
}
