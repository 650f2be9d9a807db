package plan

// Recursive is a query of WITH RECURSIVE, for one-shot plans only: the rows of
// First, and then again and again those that Step makes of the rows that came
// last, until none come. Without All a row comes once.
type Recursive struct {
	Base
	First, Step Node
	All         bool
	ID          int // of the Working nodes in Step that stand for the last rows
	Name        string
}

// Working stands for the rows that came last of the Recursive with this ID.
type Working struct {
	Base
	ID   int
	Name string
}

// Inputs are First and Step.
func (n *Recursive) Inputs() []Node { return []Node{n.First, n.Step} }

// Inputs are none.
func (n *Working) Inputs() []Node { return nil }

// NewWorking stands for rows with first's columns.
func NewWorking(id int, name string, first Node) *Working {
	n := &Working{ID: id, Name: name}
	for _, c := range first.Columns() {
		n.Cols = append(n.Cols, Column{Name: c.Name, Type: c.Type})
	}
	Derive(n)
	return n
}

// NewRecursive repeats step, in which w stands for the last rows.
func NewRecursive(first, step Node, w *Working, all bool) *Recursive {
	n := &Recursive{First: first, Step: step, All: all, ID: w.ID, Name: w.Name}
	n.Cols = w.Cols
	Derive(n)
	return n
}
