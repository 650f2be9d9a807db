//go:build unix

package arrange

import "golang.org/x/sys/unix"

func mapMemory(n int) ([]byte, error) {
	return unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
}

func unmapMemory(mem []byte) { _ = unix.Munmap(mem) }

// forgetMemory gives the pages back and keeps the addresses.
func forgetMemory(mem []byte) { _ = unix.Madvise(mem, unix.MADV_DONTNEED) }
