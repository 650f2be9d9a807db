//go:build race

package arrange

// Under the race detector rows lie on the Go heap: it does not watch other memory.
const raceEnabled = true
