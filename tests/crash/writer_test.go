package crash

import (
	"context"
	"fmt"
	"math/rand"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// writer runs transactions of one kind over its connection until that breaks.
type writer struct {
	id  int
	m   *model
	rng *rand.Rand
	c   *pgconn.PgConn
}

// A writer's step runs one transaction. It returns a broken connection's error,
// or errWrong for what must never happen.
type step func(ctx context.Context, w *writer) error

// writers are the kinds of load; a number is a writer's identity for a round.
var writers = []step{single, single, several, copied, transfer, transfer, keys, keys, define}

// event is a row of event, its time around now, now and then late.
func (w *writer) event(n, parts int) string {
	at := time.Now().Add(-time.Duration(w.rng.Intn(500)) * time.Millisecond)
	return fmt.Sprintf("%d,%d,%d,%d,%d,%s", w.id, n, parts, 1+w.rng.Intn(accounts), w.rng.Intn(100)-50, at.UTC().Format("'2006-01-02 15:04:05.999999+00'"))
}

// settleTx tells the model how transaction n ended.
func (w *writer) settleTx(n int, ok bool, err error) error {
	switch {
	case ok:
		w.m.end(w.id, n, kept)
	case err == nil || refused(err):
		w.m.end(w.id, n, notThere)
		return w.clear(err)
	}
	return err
}

// clear ends a block that an error has left open.
func (w *writer) clear(err error) error {
	if err != nil && !expected[code(err)] {
		return fmt.Errorf("%w: writer %d: %w", errWrong, w.id, err)
	}
	if w.c.TxStatus() != 'I' {
		_, err := do(context.Background(), w.c, "ROLLBACK", "ROLLBACK")
		return err
	}
	return nil
}

// expected are the errors that the load itself brings about.
var expected = map[string]bool{"40001": true, "40P01": true, "55P03": true, "57014": true}

// single inserts one row.
func single(ctx context.Context, w *writer) error {
	n := w.m.begin(w.id, tx{event: 1})
	ok, err := do(ctx, w.c, "INSERT INTO event VALUES ("+w.event(n, 1)+")", "INSERT")
	if err = w.settleTx(n, ok, err); err != nil || w.rng.Intn(8) > 0 {
		return err
	}
	// What is acknowledged is seen at once.
	got, err := one(ctx, w.c, fmt.Sprintf("SELECT count(*) FROM tx_parts WHERE w = %d AND tx = %d", w.id, n))
	if err == nil && got != "1" {
		return fmt.Errorf("%w: writer %d does not see its transaction %d", errWrong, w.id, n)
	}
	return err
}

// several writes rows to three relations in one transaction.
func several(ctx context.Context, w *writer) error {
	t := tx{event: 1 + w.rng.Intn(20), log: 1 + w.rng.Intn(5)}
	n := w.m.begin(w.id, t)
	stmts := []string{"BEGIN"}
	for range t.event {
		stmts = append(stmts, "INSERT INTO event VALUES ("+w.event(n, t.event)+")")
	}
	vals := make([]string, t.log)
	for i := range vals {
		vals[i] = fmt.Sprintf("(%d,%d,%d,%d)", w.id, n, t.log, w.rng.Intn(1000))
	}
	stmts = append(stmts, "INSERT INTO log VALUES "+strings.Join(vals, ","))
	return w.block(ctx, n, stmts)
}

// block runs a transaction, in one message or one statement at a time; some are
// rolled back.
func (w *writer) block(ctx context.Context, n int, stmts []string) error {
	last := "COMMIT"
	if w.rng.Intn(10) == 0 {
		last = "ROLLBACK"
	}
	stmts = append(stmts, last)
	if w.rng.Intn(2) == 0 {
		stmts = []string{strings.Join(stmts, ";")}
	}
	var ok bool
	var err error
	for _, s := range stmts {
		if ok, err = do(ctx, w.c, s, "COMMIT"); err != nil {
			break
		}
	}
	return w.settleTx(n, ok, err)
}

// copied copies some hundred rows into the stream or the bag.
func copied(ctx context.Context, w *writer) error {
	parts := 1 + w.rng.Intn(400)
	var b strings.Builder
	var n int
	sql := "COPY event FROM STDIN (FORMAT csv, QUOTE '''')"
	if w.rng.Intn(3) > 0 {
		n = w.m.begin(w.id, tx{event: parts})
		for range parts {
			b.WriteString(w.event(n, parts) + "\n")
		}
	} else {
		sql = "COPY log FROM STDIN (FORMAT csv)"
		n = w.m.begin(w.id, tx{log: parts})
		for range parts {
			fmt.Fprintf(&b, "%d,%d,%d,%d\n", w.id, n, parts, w.rng.Intn(1000))
		}
	}
	tag, err := w.c.CopyFrom(ctx, strings.NewReader(b.String()), sql)
	return w.settleTx(n, err == nil && tag.RowsAffected() == int64(parts), err)
}

// transfer moves money between two accounts and notes it.
func transfer(ctx context.Context, w *writer) error {
	src, dst, amount := 1+w.rng.Intn(accounts), 1+w.rng.Intn(accounts), 1+w.rng.Intn(100)
	n := w.m.begin(w.id, tx{note: 1})
	stmts := []string{"BEGIN",
		fmt.Sprintf("UPDATE account SET balance = balance - %d WHERE id = %d", amount, src),
		fmt.Sprintf("UPDATE account SET balance = balance + %d WHERE id = %d", amount, dst),
		fmt.Sprintf("INSERT INTO note VALUES (%d,%d,%d,%d,%d)", w.id, n, src, dst, amount)}
	return w.block(ctx, n, stmts)
}

// keysOf is how many keys of kv belong to one writer.
const keysOf = 60

// keys inserts, updates and deletes rows with a primary key, one or many.
func keys(ctx context.Context, w *writer) error {
	id := w.id*1000 + w.rng.Intn(keysOf)
	old, v := w.m.value(id), w.rng.Intn(1_000_000)
	row := func(v int) string { return fmt.Sprint(v) }
	changes := map[int]string{}
	var sql string
	switch {
	case w.rng.Intn(6) == 0:
		lo, hi := id, id+w.rng.Intn(keysOf)
		for i := lo; i <= hi; i++ {
			if old := w.m.value(i); old != "" {
				var n int
				fmt.Sscan(old, &n)
				changes[i] = row(n + 1)
			}
		}
		sql = fmt.Sprintf("UPDATE kv SET v = v + 1 WHERE id BETWEEN %d AND %d", lo, hi)
	case w.rng.Intn(20) == 0:
		lo := w.id*1000 + w.rng.Intn(keysOf)
		for i := lo; i < lo+5; i++ {
			if w.m.value(i) != "" {
				changes[i] = ""
			}
		}
		sql = fmt.Sprintf("DELETE FROM kv WHERE id >= %d AND id < %d", lo, lo+5)
	case old == "":
		changes[id] = row(v)
		sql = fmt.Sprintf("INSERT INTO kv VALUES (%d, %d, repeat('x', %d))", id, v, w.rng.Intn(300))
	case w.rng.Intn(3) == 0:
		changes[id] = ""
		sql = fmt.Sprintf("DELETE FROM kv WHERE id = %d", id)
	default:
		changes[id] = row(v)
		sql = fmt.Sprintf("UPDATE kv SET v = %d WHERE id = %d", v, id)
	}
	w.m.beginKV(w.id, changes)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	results, err := w.c.Exec(ctx, sql).ReadAll()
	if err == nil {
		if n := results[0].CommandTag.RowsAffected(); n != int64(len(changes)) {
			return fmt.Errorf("%w: %s: %d rows, wanted %d", errWrong, sql, n, len(changes))
		}
		w.m.endKV(w.id, kept)
		return nil
	}
	if refused(err) {
		w.m.endKV(w.id, notThere)
		return w.clear(err)
	}
	return err
}

// define creates and drops a view and a table while all else goes on.
func define(ctx context.Context, w *writer) error {
	v := views[w.rng.Intn(len(views))]
	w.m.define(v.query)
	for _, sql := range []string{
		fmt.Sprintf("CREATE MATERIALIZED VIEW extra AS %s", v.query),
		fmt.Sprintf("CREATE TABLE scratch (a int PRIMARY KEY); INSERT INTO scratch SELECT g FROM generate_series(1, %d) g", 1+w.rng.Intn(50)),
		"DROP TABLE IF EXISTS scratch",
		"DROP MATERIALIZED VIEW IF EXISTS extra",
	} {
		if _, err := do(ctx, w.c, sql, ""); err != nil {
			if refused(err) {
				return fmt.Errorf("%w: %s: %w", errWrong, sql, err)
			}
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(w.rng.Intn(60)) * time.Millisecond):
		}
	}
	return nil
}
