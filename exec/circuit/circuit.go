// Package circuit builds operators from plans, runs them step by step, and
// keeps what they compute: the output of a standing query, readable now, as it
// was, and as it changes.
//
// Invariants
//   - Build is the one place that knows which operator a plan node becomes.
//   - Operators are flushed inputs before consumers, so when one is flushed it
//     has seen all of the step.
//   - An operator does nothing in a step that brings it nothing: no input, no
//     first step, no watermark that it waits for.
//   - State ids are taken in the order of the plan's traversal, so that the same
//     plan finds its state again.
//   - A circuit is used by one goroutine at a time; a View's reading methods by
//     any number beside it.
package circuit

import (
	"math"
	"slices"
	"time"

	"github.com/tarndb/tarn/exec/arrange"
	"github.com/tarndb/tarn/exec/operator"
	"github.com/tarndb/tarn/exec/zset"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/vec"
)

// Env is what a circuit is built into.
type Env struct {
	Space *arrange.Space
	// StateID names arrangement number ordinal of this circuit.
	StateID func(ordinal int) uint64
	// Output says how long a view answers for the past.
	Output arrange.TableOptions
	// Registry shares arrangements between the circuits of the live group; nil
	// shares nothing.
	Registry Registry

	// For one-shot runs: what sorts may hold in memory, and where they spill
	// ("" = not at all).
	Budget  *arrange.Budget
	TempDir string
}

// Circuit is a plan's operators, wired.
type Circuit struct {
	env     Env
	ordinal int

	scans   []*plan.Scan
	sources [][]edge // per scan: who reads it
	// computed are the scans that stand for no relation: a Recursive, a Working.
	computed map[*plan.Scan]plan.Node
	nodes    []*node // inputs before consumers
	root     plan.Node
	finals   map[*plan.Aggregate]*plan.Final // aggregates whose closed groups may go

	step      *operator.Step
	out       operator.Emit
	watermark int64
	flushed   bool
	clock     clock
}

// node is an operator in its place.
type node struct {
	c     *Circuit
	op    operator.Operator
	plan  plan.Node
	name  string
	outs  []edge
	dirty bool
	timed bool
	once  operator.Once
	// clocked is nil unless time alone makes it do something.
	clocked operator.Clocked
	stats   Stats
}

// edge is a consumer's port; no node = the circuit's output.
type edge struct {
	to   *node
	port int
}

// Stats is what an operator has done since the circuit was built.
type Stats struct {
	Operator        string
	RowsIn, RowsOut int64
	Nanos           int64 // its own time, without that of its consumers
}

// Sources are the scans, one input port each, in the order of traversal.
func (c *Circuit) Sources() []*plan.Scan { return c.scans }

// Columns are those of the output.
func (c *Circuit) Columns() []plan.Column { return c.root.Columns() }

// Stats returns the figures of all operators, inputs before consumers.
func (c *Circuit) Stats() []Stats {
	out := make([]Stats, len(c.nodes))
	for i, n := range c.nodes {
		out[i] = n.stats
		out[i].Operator = n.name
	}
	return out
}

// Push feeds a batch of the delta of one scan: its columns are the scan's. The
// output goes to out, now or at Flush.
func (c *Circuit) Push(s *operator.Step, scan int, b *vec.Batch, out operator.Emit) error {
	if b == nil || b.N == 0 {
		return nil
	}
	if c.wider(scan, b) {
		var err error
		if b, err = c.fitting(scan, b, out); err != nil || b == nil {
			return err
		}
	}
	c.step, c.out = s, out
	c.clock.start()
	defer c.clock.stop()
	return c.send(c.sources[scan], b)
}

// Flush ends the step.
func (c *Circuit) Flush(s *operator.Step, out operator.Emit) error {
	c.step, c.out = s, out
	moved := !c.flushed || s.Watermark != c.watermark
	c.flushed, c.watermark = true, s.Watermark
	c.clock.start()
	defer c.clock.stop()
	for _, n := range c.nodes {
		if !n.dirty && !(n.timed && moved) && (n.once == nil || n.once.Started()) {
			if due, err := n.due(s.Time); err != nil {
				return err
			} else if !due {
				continue
			}
		}
		n.dirty = false
		was := c.clock.enter(n)
		err := n.op.Flush(s, n)
		c.clock.enter(was)
		if err != nil {
			return err
		}
	}
	return nil
}

// Next is the time, µs, at which a step does something though it brings nothing;
// math.MaxInt64: at none.
func (c *Circuit) Next() (int64, error) {
	next := int64(math.MaxInt64)
	for _, n := range c.nodes {
		if n.clocked == nil {
			continue
		}
		at, err := n.clocked.Next()
		if err != nil {
			return 0, err
		}
		next = min(next, at)
	}
	return next, nil
}

// Clocked reports whether some operator waits for a time.
func (c *Circuit) Clocked() bool {
	return slices.ContainsFunc(c.nodes, func(n *node) bool { return n.clocked != nil })
}

func (n *node) due(now int64) (bool, error) {
	if n.clocked == nil {
		return false, nil
	}
	at, err := n.clocked.Next()
	return at <= now, err
}

// Idle reports that a step without input would do nothing, whatever the watermark.
func (c *Circuit) Idle() bool {
	for _, n := range c.nodes {
		if n.dirty || n.timed || n.clocked != nil || n.once != nil && !n.once.Started() {
			return false
		}
	}
	return true
}

func (c *Circuit) send(to []edge, b *vec.Batch) error {
	for _, e := range to {
		if e.to == nil {
			if err := c.out.Batch(b); err != nil {
				return err
			}
			continue
		}
		n := e.to
		n.dirty = true
		n.stats.RowsIn += int64(b.N)
		was := c.clock.enter(n)
		err := n.op.Push(c.step, e.port, b, n)
		c.clock.enter(was)
		if err != nil {
			return err
		}
	}
	return nil
}

// Batch passes an operator's output to its consumers.
func (n *node) Batch(b *vec.Batch) error {
	n.stats.RowsOut += int64(b.N)
	return n.c.send(n.outs, b)
}

// Errors passes an operator's errors straight to the output: no operator computes
// with errors.
func (n *node) Errors(errs []zset.Error) error { return n.c.out.Errors(errs) }

// clock charges time to the operator at work, two readings per call and none per
// row.
type clock struct {
	at  time.Time
	who *node
}

func (k *clock) start() { k.at, k.who = time.Now(), nil }

func (k *clock) stop() { k.enter(nil) }

func (k *clock) enter(n *node) (was *node) {
	now := time.Now()
	if k.who != nil {
		k.who.stats.Nanos += int64(now.Sub(k.at))
	}
	was, k.at, k.who = k.who, now, n
	return was
}
