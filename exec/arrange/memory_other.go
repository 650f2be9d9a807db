//go:build !unix

package arrange

import "errors"

func mapMemory(n int) ([]byte, error) { return nil, errors.ErrUnsupported }
func unmapMemory(mem []byte)          {}
func forgetMemory(mem []byte)         {}
