package circuit

// Registry is where circuits of the live group will find arrangements that others
// keep already: the side of a join is named by the relation that feeds it, the
// key columns and the columns kept. Only circuits that step together may share.
type Registry struct{}
