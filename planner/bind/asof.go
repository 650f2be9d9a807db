package bind

import (
	"math"
	"strings"
	"time"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// instant is the value of an AS OF: a time, an epoch, or not known yet because
// it is a parameter.
type instant struct {
	micros *int64
	epoch  *uint64
	from   timeExpr
}

// timeExpr is what an instant is computed from.
type timeExpr struct {
	e   expr.Expr
	pos int
}

// eval computes the instant.
func (t timeExpr) eval(c *funcs.Ctx) (instant, error) {
	d, err := expr.EvalDatum(c, t.e)
	if err != nil {
		return instant{}, at(sqlerr.From(err), t.pos)
	}
	if d.Null {
		return instant{}, sqlerr.New(sqlerr.NullValueNotAllowed, "AS OF must not be null").At(t.pos)
	}
	if t.e.Type().OID != types.OIDTimestamptz {
		if d.I < 0 {
			return instant{}, sqlerr.New(sqlerr.InvalidParameterValue, "an epoch must not be negative").At(t.pos)
		}
		epoch := uint64(d.I)
		return instant{epoch: &epoch}, nil
	}
	if d.I == math.MinInt64 {
		return instant{}, sqlerr.New(sqlerr.InvalidParameterValue, "AS OF must be a finite time").At(t.pos)
	}
	return instant{micros: &d.I}, nil
}

// At is a with the system time that it names in this execution: all else of the
// plan stays, as a system time says only which epoch is read.
func (a AsOf) At(c *funcs.Ctx) (AsOf, error) {
	if a.system.e == nil {
		return a, nil
	}
	when, err := a.system.eval(c)
	a.System, a.Epoch = when.micros, when.epoch
	return a, err
}

// time evaluates the time of AS OF. now() in it is the real time also where an
// event time is in force.
func (b *binder) time(e ast.Expr, event bool) (instant, error) {
	was := b.eventTime
	b.eventTime = nil
	x := &exprs{binder: b, where: "AS OF"}
	if c := firstColumn(e); c != nil {
		b.eventTime = was
		return instant{}, unsupported(c.Pos, "AS OF a column")
	}
	v, err := x.bind(e)
	b.eventTime = was
	if err != nil {
		return instant{}, err
	}
	if err := noSubquery(v, "AS OF"); err != nil {
		return instant{}, err
	}
	switch t := b.typeOf(v); {
	case t.OID == types.OIDInt4 || t.OID == types.OIDInt8:
		if event {
			return instant{}, sqlerr.New(sqlerr.DatatypeMismatch, "AS OF EVENT TIME must be a timestamp, not an epoch").At(e.Position())
		}
	default:
		if v, err = b.coerce(v, types.Timestamptz, types.CastAssignment, e.Position()); err != nil {
			return instant{}, err
		}
	}
	c := &funcs.Ctx{Env: b.env, Params: b.opt.ParamValues, Session: b.opt.Session}
	from := timeExpr{b.typeParam(v), e.Position()}
	v = expr.Fold(c, v, funcs.Immutable)
	if !expr.IsConst(v) {
		b.asOf.Unbound = true
		zero := int64(0)
		return instant{micros: &zero, from: from}, nil
	}
	when, err := timeExpr{v, e.Position()}.eval(c)
	when.from = from
	return when, err
}

// setAsOf applies the AS OF clause of a whole query.
func (b *binder) setAsOf(a *ast.AsOf) error {
	b.asOf.Event, b.asOf.System = b.opt.AsOfEvent, b.opt.AsOfSystem
	if a == nil {
		return nil
	}
	if b.opt.Standing {
		return sqlerr.New(sqlerr.FeatureNotSupported, "AS OF is not supported in a query that is maintained").At(a.Pos).
			WithHint("Give AS OF where the view is read.")
	}
	if a.System != nil {
		when, err := b.time(a.System, false)
		if err != nil {
			return err
		}
		b.asOf.System, b.asOf.Epoch, b.asOf.system = when.micros, when.epoch, when.from
		b.asOf.AtLeast, b.asOf.Bare = a.AtLeast, a.Bare
		if a.Bare && a.Event == nil && when.epoch == nil {
			b.notice(&sqlerr.Error{Code: "00000", Message: "AS OF without a clock means AS OF SYSTEM TIME: what was known then",
				Hint: "For what was true at that time, by all that is known now, write AS OF EVENT TIME."})
		}
	}
	if a.Event != nil {
		when, err := b.time(a.Event, true)
		if err != nil {
			return err
		}
		b.asOf.Event, b.eventTime = when.micros, when.micros
	}
	return nil
}

// splitPath reads a search_path setting.
func splitPath(s string) []string {
	var out []string
	for _, p := range strings.Split(s, ",") {
		p = strings.Trim(strings.TrimSpace(p), `"`)
		if p != "" && p != "$user" {
			out = append(out, p)
		}
	}
	return out
}

// envOf is the environment that a view's query was written in; the time stays
// the statement's.
func envOf(o *catalog.Object, now *types.Env) *types.Env {
	env := *types.NewEnv()
	if now != nil {
		env.Now = now.Now
	}
	for k, v := range o.Settings {
		switch strings.ToLower(k) {
		case "timezone":
			if loc, err := types.LoadZone(v); err == nil {
				env.TimeZone = loc
			} else {
				env.TimeZone = time.UTC
			}
		case "datestyle":
			switch up := strings.ToUpper(v); {
			case strings.Contains(up, "DMY"):
				env.DateOrder = types.DMY
			case strings.Contains(up, "YMD"):
				env.DateOrder = types.YMD
			}
		}
	}
	return &env
}
