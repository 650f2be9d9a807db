package connector

import (
	"fmt"
	"testing"
	"time"

	"github.com/tarndb/tarn/tests/kafka/kafkatest"
)

// TestRealBroker is TestExactlyOnce with a real broker, whose markers come late
// and whose positions are not stable at once.
func TestRealBroker(t *testing.T) {
	kafkatest.OnlyInAll(t)
	k := kafkatest.Shared(t)
	kills := map[string]int{}
	for seed := range seeds(5) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			prefix := fmt.Sprintf("c%d-", time.Now().UnixNano())
			w := newWorldOn(t, k.Plain, map[string]int32{prefix + "in": 2, prefix + "keyed": 2, prefix + "out": 1, prefix + "state": 2})
			crashRun(t, w, seed, prefix, kills)
		})
	}
	t.Logf("kills: %v", kills)
}
