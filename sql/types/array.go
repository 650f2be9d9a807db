package types

// Array is a decoded array value: Dims and Lower have one entry a dimension
// (none for the empty array), Elems is in row-major order.
type Array struct {
	Elem  Type
	Dims  []int32
	Lower []int32
	Elems []Datum
}
