package kafka

import (
	"errors"
	"math"
	"slices"

	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/topic"
)

// columns gathers records of a partition.
type columns struct {
	partition    int32
	offset, time []int64
	key, value   byteColumn
	headers      *byteColumn // nil: not wanted
	headed       bool        // some record has headers; until then headers is empty
}

// byteColumn is a bytea column that grows.
type byteColumn struct {
	off   []uint32 // as in vec.Vec
	data  []byte
	valid vec.Bitmap // nil: no NULL so far
}

func newColumns(partition int32, headers bool) *columns {
	c := &columns{partition: partition, key: newByteColumn(), value: newByteColumn()}
	if headers {
		h := newByteColumn()
		c.headers = &h
	}
	return c
}

func newByteColumn() byteColumn { return byteColumn{off: make([]uint32, 1, 64)} }

// grow makes room for n records that take size bytes. Most of them are values.
func (c *columns) grow(n, size int) {
	c.offset, c.time = grown(c.offset, n), grown(c.time, n)
	c.key.off, c.value.off = grown(c.key.off, n), grown(c.value.off, n)
	c.value.data = grown(c.value.data, size)
}

// grown has room for n more, at least doubled: append's steps of a quarter would
// copy megabytes of values four times.
func grown[T any](s []T, n int) []T {
	if cap(s)-len(s) >= n {
		return s
	}
	return slices.Grow(s, max(n, cap(s)))
}

// bytes is how much the columns hold.
func (c *columns) bytes() int {
	n := len(c.key.data) + len(c.value.data) + 24*len(c.offset)
	if c.headers != nil {
		n += len(c.headers.data)
	}
	return n
}

func (c *columns) add(offset, µs int64, r *record) error {
	if c.headers != nil && (c.headed || r.count > 0) {
		if err := c.addHeaders(r); err != nil {
			return err
		}
	}
	if err := c.key.add(r.key); err != nil {
		return err
	}
	if err := c.value.add(r.value); err != nil {
		return err
	}
	c.offset, c.time = append(c.offset, offset), append(c.time, µs)
	return nil
}

func (c *columns) addHeaders(r *record) error {
	if err := r.checkHeaders(); err != nil {
		return err
	}
	if !c.headed {
		c.headed = true
		for range c.offset {
			if err := c.headers.add(nil); err != nil {
				return err
			}
		}
	}
	return c.headers.add(r.headers)
}

var errColumn = errors.New("keys or values are larger than 4 GB together")

// add appends a value; nil is NULL.
func (c *byteColumn) add(b []byte) error {
	if len(c.data)+len(b) > math.MaxUint32 {
		return errColumn
	}
	i := len(c.off) - 1
	c.data = append(c.data, b...)
	c.off = append(c.off, uint32(len(c.data)))
	if c.valid == nil {
		if b != nil {
			return nil
		}
		c.valid = vec.NewBitmap(i+1, true)
	}
	for len(c.valid) <= i>>6 {
		c.valid = append(c.valid, ^uint64(0))
	}
	if b == nil {
		c.valid.Clear(i)
	}
	return nil
}

func (c *byteColumn) vec() *vec.Vec {
	return &vec.Vec{Type: types.Bytea, N: len(c.off) - 1, Valid: c.valid, Off: c.off, Data: c.data}
}

// records hands the columns on; next is where reading goes on.
func (c *columns) records(next int64) *topic.Records {
	r := &topic.Records{Partition: c.partition, Offset: c.offset, Time: c.time, Key: c.key.vec(), Value: c.value.vec(), Next: next}
	if c.headed {
		r.Headers = c.headers.vec()
	}
	return r
}

// cutTo forgets the records from the n-th on.
func (c *columns) cutTo(n int) {
	c.offset, c.time = c.offset[:n], c.time[:n]
	c.key.cutTo(n)
	c.value.cutTo(n)
	if c.headed {
		c.headers.cutTo(n)
	}
}

func (c *byteColumn) cutTo(n int) {
	c.off = c.off[:n+1]
	c.data = c.data[:c.off[n]]
	c.valid = c.valid[:min(len(c.valid), (n+63)/64)]
	for i := n; i < 64*len(c.valid); i++ {
		c.valid.Set(i) // the next values are taken for present
	}
}
