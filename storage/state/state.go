// Package state is the durable part of all state: one Pebble store that is only
// ever written by checkpoints.
package state

// Store is an open state store. It is safe for concurrent use.
type Store struct{}
