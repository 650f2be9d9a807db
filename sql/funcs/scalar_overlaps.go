package funcs

import "github.com/tarndb/tarn/sql/types"

// overlapsRows are (a, b) OVERLAPS (c, d) over the four times.
func overlapsRows() []Overload {
	var rows []Overload
	for _, t := range []types.Type{types.Timestamptz, types.Timestamp, types.Time} {
		rows = append(rows, Overload{Name: "overlaps", Args: ts(t, t, t, t), Ret: types.Bool, NotStrict: true,
			Kernel: byDatumNulls(func(_ *Ctx, a []types.Datum) (types.Datum, error) {
				return overlaps(a[0], a[1], a[2], a[3]), nil
			})(types.Bool), Doc: "Whether two spans of time share a moment; what OVERLAPS calls."})
	}
	return rows
}

// overlaps: a span holds its start and not its end, but for one without length;
// where an end is not known, the answer may still be.
func overlaps(s1, e1, s2, e2 types.Datum) types.Datum {
	order := func(s, e *types.Datum) {
		if s.Null || !e.Null && s.I > e.I {
			*s, *e = *e, *s
		}
	}
	order(&s1, &e1)
	order(&s2, &e2)
	if s1.Null || s2.Null {
		return types.NullDatum
	}
	if s1.I < s2.I {
		s1, e1, s2, e2 = s2, e2, s1, e1
	}
	switch {
	case s1.I == s2.I:
		if e1.Null || e2.Null {
			return types.NullDatum
		}
		return types.Boolean(true)
	case e2.Null:
		return types.NullDatum
	case s1.I < e2.I:
		return types.Boolean(true)
	case e1.Null:
		return types.NullDatum
	}
	return types.Boolean(false)
}
