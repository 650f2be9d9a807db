package pgwire

import (
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// namesMax bounds the named statements, and the named portals, of a connection.
const namesMax = 10_000

// Names holds the prepared statements and portals of a connection by name; ""
// is the unnamed one of each. There is one name space for the protocol's and
// SQL's (PREPARE, DECLARE), as clients mix them: DEALLOCATE of what Parse named,
// Describe of what DECLARE named. It belongs to the connection's goroutine.
type Names struct {
	statements map[string]Prepared
	portals    map[string]*portal
	unnamed    portal // the unnamed portal's place, reused from Bind to Bind
	running    *portal
}

// portal is a Portal with what the wire adds: the formats of its columns.
type portal struct {
	Portal
	hold    bool
	done    bool    // has run to its end
	last    Outcome // how
	formats []int16 // format codes as Bind had them: none, one for all, or one each
	args    []types.Datum
	dropped bool // closed when its Run returns
}

func newNames() *Names {
	return &Names{statements: map[string]Prepared{}, portals: map[string]*portal{}}
}

// Statement returns the prepared statement of that name, or 26000.
func (n *Names) Statement(name string) (Prepared, error) {
	if p, ok := n.statements[name]; ok {
		return p, nil
	}
	return nil, noStatement(name)
}

func noStatement(name string) error {
	if name == "" {
		return sqlerr.New(sqlerr.InvalidSQLStatementName, "unnamed prepared statement does not exist")
	}
	return sqlerr.New(sqlerr.InvalidSQLStatementName, "prepared statement %q does not exist", name)
}

// AddStatement names p, which is closed when the name is dropped; 42P05 if the
// name is in use. The unnamed statement is replaced.
func (n *Names) AddStatement(name string, p Prepared) error {
	if err := n.freeStatement(name); err != nil {
		return err
	}
	if old, ok := n.statements[name]; ok {
		delete(n.statements, name)
		old.Close()
	}
	n.statements[name] = p
	return nil
}

func (n *Names) freeStatement(name string) error {
	if name == "" {
		return nil
	}
	if _, ok := n.statements[name]; ok {
		return sqlerr.New(sqlerr.DuplicatePreparedStatement, "prepared statement %q already exists", name)
	}
	if len(n.statements) >= namesMax {
		return sqlerr.New(sqlerr.ConfigurationLimitExceeded, "too many prepared statements").
			WithHint("Close or DEALLOCATE those that are no longer needed.")
	}
	return nil
}

// DropStatement closes the statement of that name, or returns 26000.
func (n *Names) DropStatement(name string) error {
	p, ok := n.statements[name]
	if !ok {
		return noStatement(name)
	}
	delete(n.statements, name)
	p.Close()
	return nil
}

// DropStatements closes all statements (DEALLOCATE ALL).
func (n *Names) DropStatements() {
	for name, p := range n.statements {
		delete(n.statements, name)
		p.Close()
	}
}

// Statements calls f for each named statement, in no order.
func (n *Names) Statements(f func(name string, p Prepared)) {
	for name, p := range n.statements {
		if name != "" {
			f(name, p)
		}
	}
}

// Portal returns the open portal of that name, or 34000.
func (n *Names) Portal(name string) (Portal, error) {
	p, err := n.portal(name)
	if err != nil {
		return nil, err
	}
	return p.Portal, nil
}

func (n *Names) portal(name string) (*portal, error) {
	if p, ok := n.portals[name]; ok {
		return p, nil
	}
	return nil, noPortal(name)
}

// noPortal has the two words PostgreSQL has for one thing: FETCH says cursor,
// the protocol portal; the code is the same.
func noPortal(name string) error {
	return sqlerr.New(sqlerr.InvalidCursorName, "portal %q does not exist", name)
}

// AddPortal names p, which is closed when the name is dropped; 42P03 if the name
// is in use. A portal with hold outlives its transaction (WITH HOLD).
func (n *Names) AddPortal(name string, p Portal, hold bool) error {
	e, err := n.place(name)
	if err != nil {
		return err
	}
	e.Portal, e.hold = p, hold
	n.portals[name] = e
	return nil
}

// freePortal reports 42P03 if name is in use.
func (n *Names) freePortal(name string) error {
	if name == "" {
		return nil
	}
	if _, ok := n.portals[name]; ok {
		return sqlerr.New(sqlerr.DuplicateCursor, "cursor %q already exists", name)
	}
	if len(n.portals) >= namesMax {
		return sqlerr.New(sqlerr.ConfigurationLimitExceeded, "too many open cursors").
			WithHint("Close those that are no longer needed.")
	}
	return nil
}

// place makes room for a portal of that name, empty and not yet findable. The
// unnamed portal that was there is closed.
func (n *Names) place(name string) (*portal, error) {
	if err := n.freePortal(name); err != nil {
		return nil, err
	}
	if name != "" {
		return &portal{}, nil
	}
	if old, ok := n.portals[""]; ok {
		n.drop("", old)
	}
	if n.running == &n.unnamed {
		return &portal{}, nil // a statement that itself opens unnamed portals
	}
	p := &n.unnamed
	p.Portal, p.hold, p.done, p.dropped = nil, false, false, false
	p.formats = p.formats[:0]
	return p, nil
}

// DropPortal closes the portal of that name, or returns 34000.
func (n *Names) DropPortal(name string) error {
	p, ok := n.portals[name]
	if !ok {
		return noPortal(name)
	}
	n.drop(name, p)
	return nil
}

// DropPortals closes all portals (CLOSE ALL).
func (n *Names) DropPortals() {
	for name, p := range n.portals {
		n.drop(name, p)
	}
}

// EndTransaction closes the portals that do not outlive a transaction. The
// session calls it whenever one ends: COMMIT, ROLLBACK, Sync, Abort.
func (n *Names) EndTransaction() {
	for name, p := range n.portals {
		if !p.hold {
			n.drop(name, p)
		}
	}
}

// drop takes p out; COMMIT ends portals while its own portal runs, so the
// running one is closed only when its Run has returned.
func (n *Names) drop(name string, p *portal) {
	delete(n.portals, name)
	if p == n.running {
		p.dropped = true
		return
	}
	p.close()
}

func (p *portal) close() {
	p.Portal.Close()
	clear(p.args) // an idle connection must not keep a large parameter
	p.args = p.args[:0]
}

// ranOut ends the run of the running portal, if there is one.
func (n *Names) ranOut() {
	p := n.running
	if p == nil {
		return
	}
	n.running = nil
	if p.dropped {
		p.dropped = false
		p.close()
	}
}
