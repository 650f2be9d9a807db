// Package expr holds bound, typed expressions and compiles them to chains of
// column kernels.
//
// Invariants
//   - A bound expression names no tables: columns are positions in the input.
//   - Types are final: every coercion is a Cast node or a function of its own.
//   - Evaluating the same expression over the same row gives the same value or
//     the same error, whatever the batch: retractions rely on it.
package expr

import (
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/types"
)

// Expr is a bound expression. The set of implementations is closed: Column,
// Const, Param, Call, Cast, Case, And, Or, Not, IsNull, IsTrue, Distinct, In,
// AnyOf, Coalesce, NullIf, MinMax, ArrayOf, RowOf.
type Expr interface {
	Type() types.Type
	exprNode()
}

// Column is column Idx of the input. Name is for printing only.
type Column struct {
	Idx  int
	Typ  types.Type
	Name string
}

// Const is a constant.
type Const struct {
	Typ types.Type
	Val types.Datum
}

// Param is the parameter $N (1-based), given at execution.
type Param struct {
	N   int
	Typ types.Type
}

// Call applies a scalar function or operator.
type Call struct {
	Fn   *funcs.Overload
	Args []Expr
	Typ  types.Type
	Pos  int // 1-based position in the statement, for error messages; 0 = none
}

// Cast converts In to type To. Explicit casts truncate varchar(n) and allow
// more pairs than assignment casts (types.CastKind).
type Cast struct {
	In       Expr
	To       types.Type
	Explicit bool
}

// Case is CASE WHEN Whens[i] THEN Thens[i] … ELSE Else END (Else nil = NULL).
// The simple form has been bound to equality conditions. Branches that are not
// taken are not evaluated.
type Case struct {
	Whens, Thens []Expr
	Else         Expr
	Typ          types.Type
}

// And and Or are three-valued; the right side is evaluated only for rows that
// the left leaves open.
type And struct{ Args []Expr }

// Or is a three-valued disjunction.
type Or struct{ Args []Expr }

// Not is three-valued negation.
type Not struct{ In Expr }

// IsNull is IS NULL (Negated: IS NOT NULL).
type IsNull struct {
	In      Expr
	Negated bool
}

// IsTrue is IS [NOT] TRUE / FALSE: Want is the truth value asked for.
type IsTrue struct {
	In      Expr
	Want    bool
	Negated bool
}

// Distinct is IS [NOT] DISTINCT FROM; Eq is the equality of the common type.
type Distinct struct {
	Left, Right Expr
	Eq          *funcs.Overload
	Negated     bool // IS NOT DISTINCT FROM
}

// In is Left IN (List…) with constants of Left's type; other forms are bound to Or.
type In struct {
	Left    Expr
	List    []types.Datum // no NULLs; HasNull tells of one
	HasNull bool
	Negated bool
}

// AnyOf is Left op ANY/ALL (Array).
type AnyOf struct {
	Left, Array Expr
	Op          *funcs.Overload
	All         bool
}

// Coalesce is the first of Args that is not NULL.
type Coalesce struct {
	Args []Expr
	Typ  types.Type
}

// NullIf is NULL where Left = Right, else Left.
type NullIf struct {
	Left, Right Expr
	Eq          *funcs.Overload
}

// MinMax is GREATEST or LEAST, which skip NULLs.
type MinMax struct {
	Args     []Expr
	Greatest bool
	Typ      types.Type
}

// ArrayOf is ARRAY[…].
type ArrayOf struct {
	Elems []Expr
	Typ   types.Type // the array type
}

// RowOf is ROW(…).
type RowOf struct {
	Args  []Expr
	Names []string // of a relation's columns; nil for ROW(…)
}

func (e *Column) Type() types.Type   { return e.Typ }
func (e *Const) Type() types.Type    { return e.Typ }
func (e *Param) Type() types.Type    { return e.Typ }
func (e *Call) Type() types.Type     { return e.Typ }
func (e *Cast) Type() types.Type     { return e.To }
func (e *Case) Type() types.Type     { return e.Typ }
func (e *And) Type() types.Type      { return types.Bool }
func (e *Or) Type() types.Type       { return types.Bool }
func (e *Not) Type() types.Type      { return types.Bool }
func (e *IsNull) Type() types.Type   { return types.Bool }
func (e *IsTrue) Type() types.Type   { return types.Bool }
func (e *Distinct) Type() types.Type { return types.Bool }
func (e *In) Type() types.Type       { return types.Bool }
func (e *AnyOf) Type() types.Type    { return types.Bool }
func (e *Coalesce) Type() types.Type { return e.Typ }
func (e *NullIf) Type() types.Type   { return e.Left.Type() }
func (e *MinMax) Type() types.Type   { return e.Typ }
func (e *ArrayOf) Type() types.Type  { return e.Typ }
func (e *RowOf) Type() types.Type    { return types.Type{OID: types.OIDRecord, Mod: -1} }

func (*Column) exprNode()   {}
func (*Const) exprNode()    {}
func (*Param) exprNode()    {}
func (*Call) exprNode()     {}
func (*Cast) exprNode()     {}
func (*Case) exprNode()     {}
func (*And) exprNode()      {}
func (*Or) exprNode()       {}
func (*Not) exprNode()      {}
func (*IsNull) exprNode()   {}
func (*IsTrue) exprNode()   {}
func (*Distinct) exprNode() {}
func (*In) exprNode()       {}
func (*AnyOf) exprNode()    {}
func (*Coalesce) exprNode() {}
func (*NullIf) exprNode()   {}
func (*MinMax) exprNode()   {}
func (*ArrayOf) exprNode()  {}
func (*RowOf) exprNode()    {}
