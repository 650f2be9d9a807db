package server

import (
	"slices"
	"sort"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/catalog/pgcatalog"
	"github.com/tarndb/tarn/exec"
	"github.com/tarndb/tarn/exec/connector"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// sysRelation is one relation of the schema sys: what the server says of itself.
type sysRelation struct {
	name    string
	columns []catalog.Column
	rows    func(s *session, add func(vals ...types.Datum)) error
}

func col(name string, t types.Type) catalog.Column { return catalog.Column{Name: name, Type: t} }

// firstSysID is where the IDs of sys relations begin: below users' objects, above
// PostgreSQL's own catalogs.
const firstSysID = 15000

// sysRelations is the table of sys relations.
var sysRelations = []sysRelation{
	{name: "views", columns: []catalog.Column{col("id", types.Int8), col("schema", types.Text), col("name", types.Text), col("state", types.Text),
		col("lag_epochs", types.Int8), col("lag_seconds", types.Float8), col("rows", types.Int8), col("state_bytes", types.Int8),
		col("rows_in", types.Int8), col("rows_per_second", types.Float8), col("cpu_seconds", types.Float8), col("last_error", types.Text)}, rows: rowsOfViews},
	{name: "streams", columns: []catalog.Column{col("id", types.Int8), col("schema", types.Text), col("name", types.Text), col("columns", types.Int8),
		col("event_time", types.Text), col("watermark", types.Timestamptz), col("rows", types.Int8), col("first_position", types.Int8), col("late", types.Int8)}, rows: rowsOfStreams},
	{name: "tables", columns: []catalog.Column{col("id", types.Int8), col("schema", types.Text), col("name", types.Text), col("columns", types.Int8), col("rows", types.Int8), col("state_bytes", types.Int8)}, rows: rowsOfTables},
	{name: "view_errors", columns: []catalog.Column{col("view", types.Text), col("code", types.Text), col("message", types.Text), col("weight", types.Int8)}, rows: rowsOfViewErrors},
	{name: "backfills", columns: []catalog.Column{col("view", types.Text), col("rows_done", types.Int8), col("rows_total", types.Int8), col("started", types.Timestamptz)}, rows: rowsOfBackfills},
	{name: "history", columns: []catalog.Column{col("schema", types.Text), col("name", types.Text), col("earliest", types.Timestamptz), col("complete_from", types.Timestamptz)}, rows: rowsOfHistory},
	{name: "subscriptions", columns: []catalog.Column{col("id", types.Int8), col("waiting_bytes", types.Int8), col("waiting_epochs", types.Int8)}, rows: rowsOfSubscriptions},
	{name: "watermarks", columns: []catalog.Column{col("schema", types.Text), col("name", types.Text), col("watermark", types.Timestamptz)}, rows: rowsOfWatermarks},
	{name: "engine", columns: []catalog.Column{col("applied_epoch", types.Int8), col("checkpoint_epoch", types.Int8), col("memory_bytes", types.Int8), col("memory_limit", types.Int8), col("journal_bytes", types.Int8), col("epochs", types.Int8), col("checkpoints", types.Int8), col("replay_seconds", types.Float8), col("writers_waiting", types.Int8)}, rows: rowsOfEngine},
}

// allSysRelations are the relations of sys that are computed, in the order of
// their IDs.
func allSysRelations() []sysRelation { return slices.Concat(sysRelations, connectorRelations) }

// systemObjects are the definitions of all system relations.
func systemObjects() []*catalog.Object {
	out := pgcatalog.Objects()
	for i, r := range allSysRelations() {
		out = append(out, &catalog.Object{ID: firstSysID + uint64(i), Schema: "sys", Name: r.name, Kind: catalog.System, Columns: r.columns})
	}
	return append(out, deadLetters())
}

// deadLetters is the table of the records that could not be read. The engine keeps
// its rows, as of any table, so that views can be made over it.
func deadLetters() *catalog.Object {
	o := &catalog.Object{ID: exec.DeadLettersID, Schema: "sys", Name: "dead_letters", Kind: catalog.Table, PrimaryKey: []int{0, 1, 2}, PrimaryKeyName: "dead_letters_pkey"}
	for i, c := range connector.LetterColumns {
		o.Columns = append(o.Columns, catalog.Column{Name: c.Name, Type: c.Type, NotNull: i < 3})
	}
	return o
}

// systemRows computes the rows of a system relation for a scan.
func (s *session) systemRows(scan *plan.Scan, emit func(*vec.Batch) error) error {
	o := s.catalog().ByID(scan.Object)
	var batches []*vec.Batch
	if o.Schema == "sys" {
		r := &allSysRelations()[o.ID-firstSysID]
		builders := make([]*vec.Builder, len(r.columns))
		for i, c := range r.columns {
			builders[i] = vec.NewBuilder(c.Type, 16)
		}
		err := r.rows(s, func(vals ...types.Datum) {
			for i, v := range vals {
				builders[i].Datum(v)
			}
		})
		if err != nil {
			return err
		}
		b := &vec.Batch{N: builders[0].Len(), Cols: make([]*vec.Vec, len(builders))}
		for i := range builders {
			b.Cols[i] = builders[i].Finish()
		}
		batches = []*vec.Batch{b}
	} else {
		var err error
		if batches, err = pgcatalog.Rows(o, s.catalogInput()); err != nil {
			return err
		}
	}
	for _, b := range batches {
		if b.N == 0 {
			continue
		}
		if err := emit(&vec.Batch{N: b.N, Cols: pick(b.Cols, scan.Fields)}); err != nil {
			return err
		}
	}
	return nil
}

// userObjects are the users' relations of a kind, by schema and name.
func (s *session) userObjects(kind catalog.Kind) []*catalog.Object {
	var out []*catalog.Object
	for _, o := range s.catalog().Objects() {
		if o.Kind == kind && o.ID >= catalog.FirstUserID {
			out = append(out, o)
		}
	}
	sort.Slice(out, func(i, j int) bool {
		return out[i].Schema < out[j].Schema || out[i].Schema == out[j].Schema && out[i].Name < out[j].Name
	})
	return out
}

func text(v string) types.Datum { return types.String(v) }

// orNull is NULL for a time that is not known.
func orNull(known bool, v int64) types.Datum {
	if !known {
		return types.NullDatum
	}
	return types.Int(v)
}

func rowsOfViews(s *session, add func(...types.Datum)) error {
	for _, o := range s.userObjects(catalog.MatView) {
		st, ok := s.srv.engine.ViewStatus(o.ID)
		if !ok {
			continue
		}
		lastError := types.NullDatum
		if st.LastError != "" {
			lastError = text(st.LastError)
		}
		add(types.Int(int64(o.ID)), text(o.Schema), text(o.Name), text(st.State), types.Int(st.LagEpochs), types.Float(st.LagSeconds), types.Int(st.Rows),
			types.Int(st.StateBytes), types.Int(st.RowsIn), types.Float(st.RowsPerSecond), types.Float(st.CPUSeconds), lastError)
	}
	return nil
}

func rowsOfStreams(s *session, add func(...types.Datum)) error {
	for _, o := range s.userObjects(catalog.Stream) {
		st, ok := s.srv.engine.StreamStatus(o.ID)
		if !ok {
			continue
		}
		event := types.NullDatum
		if c := o.Rowtime(); c >= 0 {
			event = text(o.Columns[c].Name)
		}
		add(types.Int(int64(o.ID)), text(o.Schema), text(o.Name), types.Int(int64(len(o.Columns))), event,
			orNull(st.HasWatermark, st.Watermark), types.Int(st.Rows), types.Int(st.First), types.Int(st.Late))
	}
	return nil
}

func rowsOfTables(s *session, add func(...types.Datum)) error {
	for _, o := range s.userObjects(catalog.Table) {
		rows, bytes := s.srv.engine.Size(o.ID)
		add(types.Int(int64(o.ID)), text(o.Schema), text(o.Name), types.Int(int64(len(o.Columns))), types.Int(rows), types.Int(bytes))
	}
	return nil
}

func rowsOfViewErrors(s *session, add func(...types.Datum)) error {
	for _, o := range s.userObjects(catalog.MatView) {
		errs, err := s.srv.engine.ViewErrors(o.ID)
		if err != nil {
			return err
		}
		for _, e := range errs {
			add(text(o.Name), text(string(e.Err.Code)), text(e.Err.Message), types.Int(e.Weight))
		}
	}
	return nil
}

func rowsOfBackfills(s *session, add func(...types.Datum)) error {
	for _, b := range s.srv.engine.Backfills() {
		add(text(b.View), types.Int(b.Done), types.Int(b.Total), types.Int(b.Started))
	}
	return nil
}

func rowsOfHistory(s *session, add func(...types.Datum)) error {
	for _, kind := range []catalog.Kind{catalog.Table, catalog.MatView} {
		for _, o := range s.userObjects(kind) {
			earliest, complete := s.srv.engine.History(o.ID)
			add(text(o.Schema), text(o.Name), orNull(earliest > 0, int64(earliest)), orNull(complete > 0, int64(complete)))
		}
	}
	return nil
}

func rowsOfSubscriptions(s *session, add func(...types.Datum)) error {
	for i, f := range s.srv.engine.Feeds() {
		add(types.Int(int64(i+1)), types.Int(f.Bytes), types.Int(f.Epochs))
	}
	return nil
}

func rowsOfWatermarks(s *session, add func(...types.Datum)) error {
	for _, o := range s.userObjects(catalog.Stream) {
		if st, ok := s.srv.engine.StreamStatus(o.ID); ok {
			add(text(o.Schema), text(o.Name), orNull(st.HasWatermark, st.Watermark))
		}
	}
	return nil
}

func rowsOfEngine(s *session, add func(...types.Datum)) error {
	st := s.srv.engine.Status()
	add(types.Int(int64(st.Applied)), types.Int(int64(st.Checkpoint)), types.Int(st.MemoryBytes), types.Int(st.MemoryLimit),
		types.Int(st.JournalBytes), types.Int(st.Epochs), types.Int(st.Checkpoints),
		types.Float(st.Debt.Seconds()), types.Int(st.Waiting))
	return nil
}
