package circuit

// Registry is where the circuits of the live group will share the sides of their
// joins: two circuits that join the same relation on the same key need one
// arrangement. Nothing is shared yet; this is the seam, and the rules that
// sharing has to keep:
//
//   - An arrangement is named by an Index. Only a Scan that feeds a Join directly,
//     or through a projection to plain columns, has one; with a filter or an
//     expression in between the contents are the circuit's own.
//   - The first circuit to ask owns the arrangement and updates it; its id is of
//     the relation, not of the circuit, so that it outlives the owner. Circuits
//     step in order of id, so an owner has always stepped before its guests.
//   - A guest therefore finds the side already updated: A + dA where a private
//     side still is A. d(A⋈B) = dA⋈B + (A+dA)⋈dB stays right if the guest takes
//     all of dA before it takes dB into its own B; where both sides are guests,
//     dA⋈dB is met twice and has to be taken off once.
//   - Detached circuits share nothing: they are at another epoch.
type Registry struct{}

// Index names a shared arrangement.
type Index struct {
	Relation uint64
	Key      []int // columns of the relation, in the key's order
	Fields   []int // columns kept
}
