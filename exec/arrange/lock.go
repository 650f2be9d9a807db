package arrange

import (
	"runtime"
	"sync/atomic"
	"time"
)

// spinLock is a read-write lock for sections of a microsecond: uncontended it
// costs a third of sync.RWMutex, which on the path of each Put is the difference
// between 6 and 9 M rows/s. Waiters yield, then sleep, since the holder may have
// been preempted.
type spinLock struct{ state atomic.Int32 } // -1 = a writer, else readers

func (l *spinLock) Lock() {
	for n := 0; !l.state.CompareAndSwap(0, -1); n++ {
		pause(n)
	}
}

func (l *spinLock) Unlock() { l.state.Store(0) }

func (l *spinLock) RLock() {
	for n := 0; ; n++ {
		if s := l.state.Load(); s >= 0 && l.state.CompareAndSwap(s, s+1) {
			return
		}
		pause(n)
	}
}

func (l *spinLock) RUnlock() { l.state.Add(-1) }

func pause(n int) {
	switch {
	case n < 16:
	case n < 64:
		runtime.Gosched()
	default:
		time.Sleep(20 * time.Microsecond)
	}
}
