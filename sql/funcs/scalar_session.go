package funcs

import (
	"crypto/rand"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// Version is what version() shows and clients parse.
const Version = "PostgreSQL 15.18 (Tarn)"

func sessionRows() []Overload {
	t, name := types.Text, types.Name
	info := func(fname string, ret types.Type, doc string, f func(s Session) string) Overload {
		return Overload{Name: fname, Ret: ret, Volatility: Stable, Doc: doc, Kernel: func(c *Ctx, n int, _ []*vec.Vec) *vec.Vec {
			s := c.session()
			if s == nil {
				return vec.ConstVec(ret, types.NullDatum, n)
			}
			return vec.ConstVec(ret, types.String(f(s)), n)
		}}
	}
	user := func(s Session) string { return s.User(false) }
	database := func(s Session) string { return s.Database() }
	count := func(fname string, nulls bool, doc, ex string) Overload {
		return Overload{Name: fname, Args: ts(anyT), Variadic: true, Ret: types.Int4, NotStrict: true, Doc: doc, Example: ex,
			Kernel: func(_ *Ctx, n int, a []*vec.Vec) *vec.Vec {
				out := &vec.Vec{Type: types.Int4, N: n, Ints: make([]int64, n)}
				for _, v := range a {
					for i := range n {
						if v.IsNull(i) == nulls {
							out.Ints[i]++
						}
					}
				}
				return out
			}}
	}
	setting := func(missingOK func(a []types.Datum) bool) func(*Ctx, []types.Datum) (types.Datum, error) {
		return func(c *Ctx, a []types.Datum) (types.Datum, error) {
			if s := c.session(); s != nil {
				if v, ok := s.Setting(a[0].S); ok {
					return types.String(v), nil
				}
			}
			if missingOK(a) {
				return types.NullDatum, nil
			}
			return types.NullDatum, sqlerr.New(sqlerr.UndefinedObject, "unrecognized configuration parameter %q", a[0].S)
		}
	}
	rows := []Overload{
		info("current_user", name, "Name of the user in force.", user),
		info("user", name, "The same as current_user.", user),
		info("current_role", name, "The same as current_user.", user),
		info("session_user", name, "Name of the user that connected.", func(s Session) string { return s.User(true) }),
		info("current_database", name, "Name of the database.", database),
		info("current_catalog", name, "Name of the database.", database),
		{Name: "current_schema", Ret: name, Volatility: Stable, Doc: "First schema of the search path.", Kernel: func(c *Ctx, n int, _ []*vec.Vec) *vec.Vec {
			if s := c.session(); s != nil && len(s.SearchPath()) > 0 {
				return vec.ConstVec(name, types.String(s.SearchPath()[0]), n)
			}
			return vec.ConstVec(name, types.NullDatum, n)
		}},
		{Name: "version", Ret: t, Volatility: Stable, Doc: "Version of the server.", Kernel: func(_ *Ctx, n int, _ []*vec.Vec) *vec.Vec {
			return vec.ConstVec(t, types.String(Version), n)
		}},
		{Name: "gen_random_uuid", Ret: types.UUID, Volatility: Volatile, Doc: "A random UUID (version 4).", Kernel: randomUUID},
		{Name: "pg_typeof", Args: ts(anyT), Ret: regtypeT, NotStrict: true, Volatility: Stable, Doc: "Type of the argument.",
			Example: "pg_typeof(33) → integer",
			Bind: func(in []types.Type, _ types.Type) Kernel {
				return func(_ *Ctx, n int, _ []*vec.Vec) *vec.Vec {
					return vec.ConstVec(regtypeT, types.Int(int64(in[0].OID)), n)
				}
			}},
		count("num_nulls", true, "Number of arguments that are NULL.", "num_nulls(1, NULL, 2) → 1"),
		count("num_nonnulls", false, "Number of arguments that are not NULL.", "num_nonnulls(1, NULL, 2) → 2"),
	}
	schemas := fn("current_schemas", ts(types.Bool), nameArray, func(c *Ctx, a []types.Datum) (types.Datum, error) {
		var ds []types.Datum
		if a[0].I != 0 {
			ds = append(ds, types.String("pg_catalog"))
		}
		if s := c.session(); s != nil {
			for _, n := range s.SearchPath() {
				ds = append(ds, types.String(n))
			}
		}
		return arrayDatum(types.Name, ds), nil
	}, "Schemas of the search path; true: with the implicit ones.", "")
	return append(rows, stable(schemas,
		fn("current_setting", ts(t), t, setting(func([]types.Datum) bool { return false }), "Value of a setting.", ""),
		fn("current_setting", ts(t, types.Bool), t, setting(func(a []types.Datum) bool { return a[1].I != 0 }), "Value of a setting; true: NULL if there is none.", ""),
	)...)
}

func randomUUID(_ *Ctx, n int, _ []*vec.Vec) *vec.Vec {
	out := &vec.Vec{Type: types.UUID, N: n, Data: make([]byte, 16*n), Off: make([]uint32, n+1)}
	rand.Read(out.Data)
	for i := range n {
		u := out.Data[16*i:]
		u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
		out.Off[i+1] = uint32(16 * (i + 1))
	}
	return out
}
