package operator

import (
	"math"

	"github.com/tarndb/tarn/exec/arrange"
	"github.com/tarndb/tarn/storage/rowenc"
)

// closing drops the state of an Aggregate's groups when their window has closed
// and EMIT FINAL above has passed them on. Dropping emits nothing. A late row
// may bring a group back, which is then wrong; Final drops it, and the next
// flush drops the group.
//
// Timers lie in one arrangement in order of time: dropping costs what closes.
type closing struct {
	end    int // place of window_end among the group columns
	delay  int64
	timers *arrange.Ordered // time ++ group key
}

// add sets the timer of a new group. A group without a window end has none.
func (c *closing) add(a *Aggregate, group []byte) error {
	cols, err := a.Final.Keys([][]byte{group})
	if err != nil || cols[c.end].IsNull(0) {
		return err
	}
	key := append(appendTime(nil, cols[c.end].Ints[0]), group...)
	before, _, err := c.timers.Add(nil, noGroupHash, key, nil, 1)
	if err == nil && before > 0 { // the group had gone and come back: one timer is enough
		_, _, err = c.timers.Add(nil, noGroupHash, key, nil, -1)
	}
	return err
}

// drop removes the groups that the watermark has closed.
func (c *closing) drop(a *Aggregate, s *Step) error {
	if s.Watermark < math.MinInt64+c.delay+1 {
		return nil
	}
	through := min(s.Watermark-c.delay, math.MaxInt64-1)
	var groups rowenc.Keys
	groups.Off = append(groups.Off, 0)
	err := c.timers.Ascend(nil, noGroupHash, nil, func(key, _ []byte, w int64) bool {
		if timeOf(key) > through {
			return false
		}
		groups.Data = append(groups.Data, key[8:]...)
		groups.Off = append(groups.Off, uint32(len(groups.Data)))
		return true
	})
	if err != nil || groups.Len() == 0 {
		return err
	}
	keys := &arrange.Keys{Off: groups.Off, Data: groups.Data}
	keys.HashAll()
	refs := make([]arrange.Ref, keys.Len())
	if err := a.Groups.Lookup(keys, nil, refs); err != nil {
		return err
	}
	for i, ref := range refs {
		if err := a.Groups.Delete(keys, i, ref); err != nil {
			return err
		}
		for _, call := range a.calls {
			if call.set != nil {
				if _, err := call.set.o.DeleteRange(keys.Key(i), keys.Hash[i], nil, nil); err != nil {
					return err
				}
			}
		}
	}
	_, err = c.timers.DeleteRange(nil, noGroupHash, nil, appendTime(nil, through+1))
	return err
}
