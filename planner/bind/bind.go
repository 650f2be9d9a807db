// Package bind turns syntax into plans: names become positions, literals and
// operators get types, subqueries become joins. What it rejects carries
// PostgreSQL's SQLSTATE, wording and position.
//
// Invariants
//   - A bound plan has no subqueries, no references to enclosing queries and no
//     unknown types; what remains is for rewrite to make fast.
//   - Binding the same statement over the same snapshot gives the same plan.
//   - Recursion is bounded: the parser bounds syntax trees, depthMax bounds
//     queries in queries and views over views, nodesMax their product.
package bind

import (
	"slices"
	"strings"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

const (
	depthMax = 100    // queries in queries, views over views
	nodesMax = 20_000 // relations of one statement, views expanded
)

// Options are what binding depends on beside the statement.
type Options struct {
	Catalog    *catalog.Snapshot
	SearchPath []string
	// Env holds the session's settings; its Now is what now() means in AS OF.
	Env *types.Env
	// ParamTypes are the types given for $1 …; OID 0 or unknown ones are inferred.
	ParamTypes []types.Type
	// ParamValues, where known, are used for AS OF $n.
	ParamValues []types.Datum
	// Standing: the query will be maintained.
	Standing bool
	// AsOfEvent and AsOfSystem are the session's SET as_of_…, µs since 2000.
	AsOfEvent, AsOfSystem *int64
	Session               any
	// Seen are the columns of relations as the query means them, where they have been
	// altered since it was made.
	Seen map[uint64][]catalog.Column
	// DefaultCluster: the server has a Kafka cluster that statements without one mean.
	DefaultCluster bool
}

// Emit says how a query gives its rows.
type Emit uint8

const (
	EmitNone    Emit = iota
	EmitChanges      // every change, until stopped
	EmitFinal        // each window once, when it has closed
)

// AsOf is the point in time that a whole query reads at.
type AsOf struct {
	// System is µs since 2000, Epoch the number of an epoch; both nil: now.
	System *int64
	Epoch  *uint64
	// AtLeast: AS OF AT LEAST.
	AtLeast bool
	// Event is the event time; it is already in the plan's scans.
	Event  *int64
	system timeExpr // what System or Epoch was computed from; see At
	// Unbound: a time depends on a parameter without a value. System times are then
	// At's to tell; for event times the plan serves for Describe only and must be
	// made again with Options.ParamValues.
	Unbound bool
	// Bare: AS OF without SYSTEM TIME or EVENT TIME.
	Bare bool
}

// Query is a bound query.
type Query struct {
	Root    plan.Node
	Columns []plan.Column
	Params  []types.Type
	Emit    Emit
	// EmitEvery is EMIT CHANGES EVERY, EmitDelay EMIT FINAL WITH DELAY, µs.
	EmitEvery, EmitDelay int64
	AsOf                 AsOf
	// Limit is LIMIT of an EMIT CHANGES query, which ends after so many rows.
	Limit expr.Expr
	// DependsOn are the relations named, ascending; views and what they read.
	DependsOn []uint64
	Notices   []*sqlerr.Error
	// ReadsClock: the answer depends on the statement's time.
	ReadsClock bool
}

// binder is the state of binding one statement.
type binder struct {
	opt     Options
	cat     *catalog.Snapshot
	path    []string
	env     *types.Env
	params  []types.Type
	direct  []uint64 // relations named by the statement itself
	notices []*sqlerr.Error

	asOf       AsOf
	eventTime  *int64
	systemTime *int64 // of a relation in FROM, while its view is expanded

	readsClock bool
	timed      bool // a condition on now() may stand here: WHERE, HAVING
	recursions int  // numbers recursive queries
	depth      int
	nodes      int
	views      []uint64 // being expanded, outermost first
	seen       map[uint64][]catalog.Column
	final      bool // under EMIT FINAL: scans leave out late records
}

func newBinder(opt Options) *binder {
	env := opt.Env
	if env == nil {
		env = types.NewEnv()
	}
	b := &binder{opt: opt, cat: opt.Catalog, path: opt.SearchPath, env: env, seen: opt.Seen, params: slices.Clone(opt.ParamTypes)}
	for i, p := range b.params {
		if p.OID == 0 {
			b.params[i] = types.Unknown
		}
	}
	b.eventTime = opt.AsOfEvent
	return b
}

// enter counts one level of queries; the caller defers leave.
func (b *binder) enter(pos int) error {
	b.depth++
	if b.depth > depthMax {
		return sqlerr.New(sqlerr.StatementTooComplex, "query is nested too deeply").At(pos).
			WithHint("Queries in queries and views over views may be %d deep.", depthMax)
	}
	return nil
}

func (b *binder) leave() { b.depth-- }

func (b *binder) count(pos int) error {
	b.nodes++
	if b.nodes > nodesMax {
		return sqlerr.New(sqlerr.StatementTooComplex, "query reads too many relations").At(pos)
	}
	return nil
}

func (b *binder) notice(e *sqlerr.Error) {
	for _, have := range b.notices {
		if have.Message == e.Message {
			return
		}
	}
	b.notices = append(b.notices, e)
}

func (b *binder) dependOn(id uint64) {
	if len(b.views) == 0 && !slices.Contains(b.direct, id) {
		b.direct = append(b.direct, id)
	}
}

func (b *binder) dependencies() []uint64 {
	out := slices.Clone(b.direct)
	slices.Sort(out)
	return out
}

// unsupported is the error for what the dialect knows but this version cannot do.
func unsupported(pos int, format string, args ...any) *sqlerr.Error {
	return sqlerr.New(sqlerr.FeatureNotSupported, format+" is not supported yet", args...).At(pos)
}

// at gives an error a position if it has none.
func at(err error, pos int) error {
	if e, ok := err.(*sqlerr.Error); ok && e.Position == 0 && pos > 0 {
		c := *e
		c.Position = pos
		return &c
	}
	return err
}

// quoted is a name as messages show it.
func quoted(parts []string) string { return strings.Join(parts, ".") }
