package server

import (
	"fmt"
	"strings"
	"testing"
)

// TestRedriveThrough: dead letters of a stream whose history is its topic are read
// again as the source is defined now. Queries of the past, new views and old ones see
// them from that moment on, and nothing else that the new definition could read.
func TestRedriveThrough(t *testing.T) {
	w := newWorld(t, "orders")
	w.exec("CREATE SOURCE o (id bigint NOT NULL, sku text, qty int) WITH (topic = 'orders') FORMAT PLAIN ENCODE JSON",
		"CREATE MATERIALIZED VIEW by_sku AS SELECT sku, count(*) AS n, sum(qty) AS qty FROM o GROUP BY sku")
	w.send("orders", "a", `{"id": 1, "sku": "x", "qty": 5}`, "a", `{"id": 2, "sku": "x", "qty": "many"}`, "a", `{"id": 3, "sku": "y", "qty": "few"}`,
		"a", `{"id": 4, "sku": "y", "qty": 7}`, "a", `{"sku": "no id"}`)
	w.until("SELECT id FROM o ORDER BY id", "1", "4")
	w.until("SELECT count(*) FROM sys.dead_letters", "3")
	w.exec("ALTER SOURCE o SET (on_error = 'null')")
	w.restart() // all is read from the topic again, by the new definition
	w.want("SELECT id, qty FROM o ORDER BY id", "1|5", "4|7")
	before := w.query("SELECT now()")[0]
	w.exec("ALTER SOURCE o REDRIVE DEAD LETTERS WHERE code = 'none'")
	w.want("SELECT id FROM o ORDER BY id", "1", "4")
	w.exec("ALTER SOURCE o REDRIVE DEAD LETTERS WHERE at > now() - INTERVAL '1 hour' AND \"offset\" <> 2")
	if got := w.notices[len(w.notices)-1]; got != `2 dead letters of "o" redriven to 1 rows, 1 failed again` {
		t.Errorf("the notice says %s", got)
	}
	w.want("SELECT id, qty FROM o ORDER BY id", "1|5", "2|NULL", "4|7")
	w.send("orders", "a", `{"id": 5, "sku": "y", "qty": "none"}`)
	w.until("SELECT id FROM o ORDER BY id", "1", "2", "4", "5")
	w.exec("ALTER SOURCE o SET (on_error = 'dead_letter')")
	for range 2 {
		w.want("SELECT sku, n, qty FROM by_sku ORDER BY sku", "x|2|5", "y|2|7")
		w.want(fmt.Sprintf("SELECT id FROM o AS OF SYSTEM TIME '%s' ORDER BY id", before), "1", "4")
		w.want(fmt.Sprintf("SELECT sku, n, qty FROM by_sku AS OF SYSTEM TIME '%s' ORDER BY sku", before), "x|1|5", "y|1|7")
		w.want(`SELECT code, attempts FROM sys.dead_letters ORDER BY "offset"`, "22P02|1", "23502|2")
		w.until("SELECT state, dead_letters_now FROM sys.sources", "running|2")
		w.restart()
	}
	w.exec("CREATE MATERIALIZED VIEW later AS SELECT sku, count(*) AS n, sum(qty) AS qty FROM o GROUP BY sku")
	w.until("SELECT sku, n, qty FROM later ORDER BY sku", "x|2|5", "y|2|7")
	w.exec("ALTER SOURCE o ADD COLUMN note text", "ALTER SOURCE o SET (on_error = 'null')", "ALTER SOURCE o REDRIVE DEAD LETTERS")
	w.want("SELECT id, qty, note FROM o ORDER BY id", "1|5|NULL", "2|NULL|NULL", "3|NULL|NULL", "4|7|NULL", "5|NULL|NULL")
	w.want("SELECT sku, n, qty FROM by_sku ORDER BY sku", "x|2|5", "y|3|7")
	if text := strings.Join(w.query("SELECT error FROM sys.sources"), ""); text != "NULL" {
		t.Errorf("the source says %s", text)
	}
}
