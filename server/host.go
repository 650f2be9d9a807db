package server

import (
	"fmt"
	"log/slog"
	"sort"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/exec"
	"github.com/tarndb/tarn/planner"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/storage/rowenc"
)

// host keeps the catalog for the engine: it turns catalog changes into
// relations. Its methods run on the engine's loop; Snapshot may be called by
// anyone.
type host struct {
	log     *slog.Logger
	current atomic.Pointer[catalog.Snapshot]
	changed func() // is told that the catalog has changed
	history *histories
}

var _ exec.Host = (*host)(nil)

func newHost(log *slog.Logger) *host {
	h := &host{log: log, changed: func() {}, history: &histories{}}
	h.current.Store(catalog.New(systemObjects()))
	return h
}

// Snapshot is the catalog of the newest epoch.
func (h *host) Snapshot() *catalog.Snapshot { return h.current.Load() }

// Image is the catalog as a checkpoint keeps it.
func (h *host) Image() []byte { return h.Snapshot().Encode() }

// Restore opens the relations of a checkpoint's catalog.
func (h *host) Restore(setup *exec.Setup, image []byte) error {
	snap := catalog.New(systemObjects())
	if image != nil {
		var err error
		if snap, err = catalog.Decode(image, systemObjects()); err != nil {
			return err
		}
	}
	if err := h.create(setup, snap, deadLetters()); err != nil {
		return fmt.Errorf("sys.dead_letters: %w", err)
	}
	for _, o := range snap.Objects() {
		if o.ID >= catalog.FirstUserID {
			if err := h.create(setup, snap, o); err != nil {
				return fmt.Errorf("%s %q: %w", o.Kind, o.Name, err)
			}
		}
	}
	h.current.Store(snap)
	return nil
}

// Apply makes catalog changes take effect.
func (h *host) Apply(setup *exec.Setup, epoch exec.Epoch, encoded []byte) error {
	changes, err := catalog.DecodeChanges(encoded)
	if err != nil {
		return err
	}
	for i := range changes {
		if o := changes[i].Object; o != nil && o.CreatedEpoch == 0 {
			o.CreatedEpoch = epoch
		}
	}
	old := h.Snapshot()
	next := old.Apply(changes)
	for _, c := range changes {
		switch c.Op {
		case catalog.Put:
			if was := old.ByID(c.Object.ID); was != nil { // a replaced definition keeps its state
				if !sameRelation(was, c.Object) {
					if err := h.alter(setup, next, was, c.Object); err != nil {
						return err
					}
				}
				continue
			}
			if err := h.create(setup, next, c.Object); err != nil {
				return err
			}
		case catalog.Drop:
			if o := old.ByID(c.ID); o != nil && o.Kind.Readable() && o.Kind != catalog.View {
				setup.Drop(c.ID)
				setup.OnCommit(func() { h.history.drop(c.ID) })
			}
		}
	}
	setup.OnCommit(func() {
		h.current.Store(next)
		h.changed()
	})
	return nil
}

// create makes the engine's relation of an object.
func (h *host) create(setup *exec.Setup, snap *catalog.Snapshot, o *catalog.Object) error {
	switch o.Kind {
	case catalog.Table:
		def, err := tableDef(o)
		if err != nil {
			return err
		}
		return setup.CreateTable(def)
	case catalog.Stream:
		def, err := streamDef(o)
		if err != nil {
			return err
		}
		if o.ReadThrough() {
			def.Outside = h.history.of(snap, o)
		}
		return setup.CreateStream(def)
	case catalog.MatView:
		retain, err := retention(o, "retain_history", 0)
		if err != nil {
			return err
		}
		env := envOf(o.Settings)
		q, err := planner.PlanView(o, planner.Options{Catalog: snap, SearchPath: searchPathOf(o.Settings), Env: env})
		if err != nil {
			return err
		}
		return setup.CreateView(exec.ViewDef{ID: o.ID, Name: o.Name, Plan: q.Root, Columns: columnNames(o), Env: env, RetainMicros: retain,
			SkipErrors: o.Options["on_error"] == "skip"})
	}
	return nil
}

func tableDef(o *catalog.Object) (exec.TableDef, error) {
	retain, err := retention(o, "retain_history", 0)
	return exec.TableDef{ID: o.ID, Name: o.Name, Types: columnTypes(o), Columns: columnNames(o), Base: o.Base(), Grown: grown(o),
		Key: o.PrimaryKey, KeyName: o.PrimaryKeyName, Rowtime: o.Rowtime(), Created: o.CreatedEpoch, RetainMicros: retain}, err
}

func streamDef(o *catalog.Object) (exec.StreamDef, error) {
	keep, err := retention(o, "retention", 7*24*int64(time.Hour/time.Microsecond))
	def := exec.StreamDef{ID: o.ID, Name: o.Name, Types: columnTypes(o), Columns: columnNames(o), Base: o.Base(), Rowtime: o.Rowtime(), RetainMicros: keep}
	if w := o.Watermark; w != nil {
		def.DelayMicros, def.IdleMicros = w.DelayMicros, w.IdleMicros
	}
	return def, err
}

func grown(o *catalog.Object) []rowenc.Grown {
	var out []rowenc.Grown
	for _, g := range o.Grown {
		out = append(out, rowenc.Grown{Column: g.Column, Was: g.Was, Columns: g.Columns})
	}
	return out
}

func columnTypes(o *catalog.Object) []types.Type {
	ts := make([]types.Type, len(o.Columns))
	for i, c := range o.Columns {
		ts[i] = c.Type
	}
	return ts
}

func columnNames(o *catalog.Object) []string {
	ns := make([]string, len(o.Columns))
	for i, c := range o.Columns {
		ns[i] = c.Name
	}
	return ns
}

// retention reads a WITH option that is 'forever' or an interval, in µs; -1 = for ever.
func retention(o *catalog.Object, option string, initial int64) (int64, error) {
	v, ok := o.Options[option]
	switch {
	case !ok:
		return initial, nil
	case strings.EqualFold(v, "forever"):
		return -1, nil
	}
	if ms, err := strconv.ParseInt(v, 10, 64); err == nil && ms > 0 { // milliseconds, ksqlDB's RETENTION_MS
		return ms * 1000, nil
	}
	d, err := types.ParseText(v, types.Interval, nil)
	if err != nil {
		return 0, sqlerr.New(sqlerr.InvalidParameterValue, "invalid value for option %q: %q", option, v).
			WithHint("Write an interval such as '90 days', or 'forever'.")
	}
	iv := types.DecodeInterval(d.S)
	return iv.Micros + (int64(iv.Days)+30*int64(iv.Months))*24*int64(time.Hour/time.Microsecond), nil
}

// settingsOfQuery are the settings that a stored query's meaning depends on.
var settingsOfQuery = []string{"timezone", "datestyle", "intervalstyle", "search_path"}

func captureSettings(s *settings) map[string]string {
	out := map[string]string{}
	for _, name := range settingsOfQuery {
		if v, ok := s.values[name]; ok {
			out[name] = v
		}
	}
	return out
}

func settingsOf(captured map[string]string) *settings {
	s := newSettings()
	names := make([]string, 0, len(captured))
	for n := range captured {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		_, _ = s.set(n, captured[n]) // they were valid when they were captured
	}
	return s
}

func envOf(captured map[string]string) *types.Env { e := settingsOf(captured).env; return &e }

func searchPathOf(captured map[string]string) []string { return settingsOf(captured).searchPath }
