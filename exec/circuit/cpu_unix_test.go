//go:build unix

package circuit

import "syscall"

// cpuSeconds is what the process has used so far, GC included. On a shared
// machine rows per CPU-second say more than rows per second.
func cpuSeconds() float64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return float64(r.Utime.Nano()+r.Stime.Nano()) / 1e9
}
