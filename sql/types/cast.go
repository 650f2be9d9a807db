package types

// CastContext says in which contexts a cast applies; each level includes those
// below it.
type CastContext uint8

// From no cast at all to one that is applied without being asked for.
const (
	CastNone CastContext = iota
	CastExplicit
	CastAssignment
	CastImplicit
)
