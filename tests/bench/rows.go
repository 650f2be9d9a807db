package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
)

// The rows of most benchmarks: (id bigint, k bigint, amount integer, at timestamptz),
// as COPY text, chunkRows a COPY.
const (
	rowColumns = "id bigint, k bigint, amount integer, at timestamptz"
	chunkRows  = 10_000
	// chunksMax distinct chunks are made; longer loads send them again.
	chunksMax = 100
)

// viewQuery is the standing query over them.
const viewQuery = "SELECT k, count(*) AS n, sum(amount) AS total FROM ev GROUP BY k"

const eventsStream = "CREATE STREAM ev (" + rowColumns + ") WITH (retention = 'forever')"

// createEvents makes the stream and the view in Tarn. options are the view's.
func createEvents(ctx context.Context, c *client, options string) error {
	if options != "" {
		options = " WITH (" + options + ")"
	}
	return c.exec(ctx, eventsStream,
		"CREATE MATERIALIZED VIEW stats"+options+" AS "+viewQuery)
}

// load is a sequence of chunks and what the view must say of them.
type load struct {
	keys   int64
	texts  [][]byte
	ks     [][]int32
	amts   [][]int32
	sent   []int64 // how often each chunk has been acknowledged
	at     int
	counts []int64 // per key, filled by expected
	totals []int64
}

// newLoad makes chunks of random keys below keys.
func newLoad(keys int64, chunks int, seed uint64) *load {
	l := &load{keys: keys}
	rng := rand.New(rand.NewPCG(seed, 1))
	for c := range min(chunks, chunksMax) {
		ks, amts := make([]int32, chunkRows), make([]int32, chunkRows)
		for i := range ks {
			ks[i], amts[i] = int32(rng.Int64N(keys)), int32(rng.IntN(1000))
		}
		l.add(int64(c)*chunkRows, ks, amts)
	}
	return l
}

// newRounds makes chunks that touch every key once a round, in a scattered order.
func newRounds(keys int64) *load {
	l := &load{keys: keys}
	for base := int64(0); base < keys; base += chunkRows {
		n := min(chunkRows, keys-base)
		ks, amts := make([]int32, n), make([]int32, n)
		for i := range ks {
			ks[i], amts[i] = int32((base+int64(i))*7919%keys), int32(i%1000)
		}
		l.add(base, ks, amts)
	}
	return l
}

func (l *load) add(first int64, ks, amts []int32) {
	b := make([]byte, 0, len(ks)*48)
	for i := range ks {
		b = strconv.AppendInt(b, first+int64(i), 10)
		b = append(strconv.AppendInt(append(b, '\t'), int64(ks[i]), 10), '\t')
		b = strconv.AppendInt(b, int64(amts[i]), 10)
		b = append(b, "\t2026-03-01 09:"...)
		b = append(b, byte('0'+i/600%6), byte('0'+i/60%10), ':', byte('0'+i/10%6), byte('0'+i%10), '+', '0', '0', '\n')
	}
	l.texts, l.ks, l.amts, l.sent = append(l.texts, b), append(l.ks, ks), append(l.amts, amts), append(l.sent, 0)
}

// send copies the next chunk and counts it when it is acknowledged.
func (l *load) send(ctx context.Context, c *client) (rows int64, err error) {
	i := l.at % len(l.texts)
	l.at++
	tag, err := c.CopyFrom(ctx, bytes.NewReader(l.texts[i]), "COPY ev FROM STDIN")
	if err != nil {
		return 0, err
	}
	l.sent[i]++
	return tag.RowsAffected(), nil
}

// sendRows copies chunks until so many rows are acknowledged.
func (l *load) sendRows(ctx context.Context, c *client, rows int64) error {
	for done := int64(0); done < rows; {
		n, err := l.send(ctx, c)
		if err != nil {
			return err
		}
		done += n
	}
	return nil
}

// expected adds up what is acknowledged.
func (l *load) expected() {
	l.counts, l.totals = make([]int64, l.keys), make([]int64, l.keys)
	for c, times := range l.sent {
		for i, k := range l.ks[c] {
			l.counts[k] += times
			l.totals[k] += times * int64(l.amts[c][i])
		}
	}
}

// check compares a relation (k, n, total) with what is acknowledged: all of it by
// sums that depend on the key, and some rows one by one.
func (l *load) check(ctx context.Context, c *client, relation string) error {
	l.expected()
	var keys, n, total, mixed int64
	for k, count := range l.counts {
		if count > 0 {
			keys++
			n += count
			total += l.totals[k]
			mixed += count * int64(k%1009)
		}
	}
	want := fmt.Sprintf("%d|%d|%d|%d", keys, n, total, mixed)
	if err := c.expect(ctx, "SELECT count(*), sum(n), sum(total), sum(n * (k % 1009)) FROM "+relation, want); err != nil {
		return err
	}
	rng := rand.New(rand.NewPCG(7, 7))
	for range 50 {
		k := rng.Int64N(l.keys)
		if l.counts[k] == 0 {
			continue
		}
		q := fmt.Sprintf("SELECT k, n, total FROM %s WHERE k = %d", relation, k)
		if err := c.expect(ctx, q, fmt.Sprintf("%d|%d|%d", k, l.counts[k], l.totals[k])); err != nil {
			return err
		}
	}
	return nil
}
