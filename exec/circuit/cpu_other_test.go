//go:build !unix

package circuit

func cpuSeconds() float64 { return 0 }
