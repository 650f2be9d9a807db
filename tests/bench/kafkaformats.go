package main

import (
	"context"
	"fmt"
)

// benchKafkaFormats is GROUP BY over the same records as JSON, Avro and Protobuf:
// records per CPU-second of the server.
func benchKafkaFormats(ctx context.Context, r *run) error {
	cl, err := r.startCluster()
	if err != nil {
		return err
	}
	defer cl.end()
	c := &payments{cluster: cl, accounts: pick[int64](r, 100, 100_000, 1_000_000), records: r.size(2000, 400_000, 4_000_000)}
	figures := map[string]*series{}
	for range r.pairs {
		for _, format := range []string{"json", "avro", "protobuf"} {
			if err := c.fill(ctx, format); err != nil {
				return err
			}
			x, err := r.kafkaTarn(ctx, c, format, "group", "")
			if err != nil {
				return fmt.Errorf("%s: %w", format, err)
			}
			if figures[format] == nil {
				figures[format] = &series{}
			}
			figures[format].add(x)
		}
	}
	for _, format := range []string{"avro", "protobuf"} {
		r.beside("GROUP BY of "+format+", records per CPU-s", *figures[format], "", "JSON", *figures["json"], 1)
	}
	return nil
}
