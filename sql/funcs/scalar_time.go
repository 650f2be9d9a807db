package funcs

import (
	"math"
	"strings"
	"time"

	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// interval decodes an interval argument.
func interval(d types.Datum) types.IntervalValue { return types.DecodeInterval(d.S) }

func asInterval(iv types.IntervalValue, err error) (types.Datum, error) {
	if err != nil {
		return types.NullDatum, err
	}
	return types.IntervalDatum(iv), nil
}

func asInt(v int64, err error) (types.Datum, error) {
	if err != nil {
		return types.NullDatum, err
	}
	return types.Int(v), nil
}

func asText(s string, err error) (types.Datum, error) {
	if err != nil {
		return types.NullDatum, err
	}
	return types.String(s), nil
}

// stable marks rows as depending on the session.
func stable(rows ...Overload) []Overload {
	for i := range rows {
		rows[i].Volatility = Stable
	}
	return rows
}

func infinite(v int64) bool { return v == math.MinInt64 || v == math.MaxInt64 }

func timeRows() []Overload {
	return append(append(timeArithRows(), timePartRows()...), timeMakeRows()...)
}

func timeArithRows() []Overload {
	d, tm, tt, tz, iv := types.Date, types.Time, types.Timestamp, types.Timestamptz, types.Interval
	i4, f8 := types.Int4, types.Float8
	addIv := func(name string, l types.Type, ret types.Type, f func(c *Ctx, x int64, iv types.IntervalValue) (int64, error)) []Overload {
		doc := "The time moved by the interval: months first, then days, then the rest."
		rows := []Overload{fn("+", ts(l, iv), ret, func(c *Ctx, a []types.Datum) (types.Datum, error) { return asInt(f(c, a[0].I, interval(a[1]))) }, doc, ""),
			fn("+", ts(iv, l), ret, func(c *Ctx, a []types.Datum) (types.Datum, error) { return asInt(f(c, a[1].I, interval(a[0]))) }, doc, ""),
			fn("-", ts(l, iv), ret, func(c *Ctx, a []types.Datum) (types.Datum, error) {
				neg, err := types.IntervalNeg(interval(a[1]))
				if err != nil {
					return types.NullDatum, err
				}
				return asInt(f(c, a[0].I, neg))
			}, doc, "")}
		return rows
	}
	rows := []Overload{
		fn("+", ts(d, i4), d, func(_ *Ctx, a []types.Datum) (types.Datum, error) { return asInt(types.DateAdd(a[0].I, a[1].I)) }, "The date so many days later.", "date '2001-09-28' + 7 → 2001-10-05"),
		fn("+", ts(i4, d), d, func(_ *Ctx, a []types.Datum) (types.Datum, error) { return asInt(types.DateAdd(a[1].I, a[0].I)) }, "The date so many days later.", ""),
		fn("-", ts(d, i4), d, func(_ *Ctx, a []types.Datum) (types.Datum, error) { return asInt(types.DateAdd(a[0].I, -a[1].I)) }, "The date so many days earlier.", "date '2001-10-01' - 7 → 2001-09-24"),
		fn("-", ts(d, d), i4, func(_ *Ctx, a []types.Datum) (types.Datum, error) { return asInt(types.DateSub(a[0].I, a[1].I)) }, "Days between the dates.", "date '2001-10-01' - date '2001-09-28' → 3"),
		fn("+", ts(d, tm), tt, dateTime, "The time on that day.", ""),
		fn("+", ts(tm, d), tt, func(c *Ctx, a []types.Datum) (types.Datum, error) { return dateTime(c, []types.Datum{a[1], a[0]}) }, "The time on that day.", ""),
		fn("-", ts(tm, tm), iv, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			return types.IntervalDatum(types.IntervalValue{Micros: a[0].I - a[1].I}), nil
		}, "Time between.", ""),
		fn("-", ts(tt, tt), iv, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			return asInterval(types.TimestampSub(a[0].I, a[1].I))
		},
			"Time between, in days and less.", "timestamp '2001-09-29 03:00' - timestamp '2001-07-27 12:00' → 63 days 15:00:00"),
		fn("-", ts(tz, tz), iv, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			return asInterval(types.TimestampSub(a[0].I, a[1].I))
		}, "Time between, in days and less.", ""),
		fn("+", ts(iv, iv), iv, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			return asInterval(types.IntervalAdd(interval(a[0]), interval(a[1])))
		},
			"Both intervals, part by part.", "interval '1 day' + interval '1 hour' → 1 day 01:00:00"),
		fn("-", ts(iv, iv), iv, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			return asInterval(types.IntervalSub(interval(a[0]), interval(a[1])))
		}, "Difference, part by part.", ""),
		fn("-", ts(iv), iv, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			return asInterval(types.IntervalNeg(interval(a[0])))
		}, "Negation.", "- interval '23 hours' → -23:00:00"),
		fn("*", ts(iv, f8), iv, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			return asInterval(types.IntervalMul(interval(a[0]), a[1].F))
		}, "A multiple.", "interval '1 second' * 900 → 00:15:00"),
		fn("*", ts(f8, iv), iv, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			return asInterval(types.IntervalMul(interval(a[1]), a[0].F))
		}, "A multiple.", ""),
		fn("/", ts(iv, f8), iv, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			if a[1].F == 0 {
				return types.NullDatum, errDivZero
			}
			return asInterval(types.IntervalDiv(interval(a[0]), a[1].F))
		}, "A part.", "interval '1 hour' / 1.5 → 00:40:00"),
	}
	noZone := func(_ *Ctx, x int64, v types.IntervalValue) (int64, error) { return types.TimestampAdd(x, v) }
	zoned := func(c *Ctx, x int64, v types.IntervalValue) (int64, error) {
		return types.TimestamptzAdd(x, v, c.zone())
	}
	ofDate := func(_ *Ctx, x int64, v types.IntervalValue) (int64, error) {
		x, err := types.DateToTimestamp(x)
		if err != nil {
			return 0, err
		}
		return types.TimestampAdd(x, v)
	}
	ofTime := func(_ *Ctx, x int64, v types.IntervalValue) (int64, error) { return types.TimeAdd(x, v), nil }
	rows = append(rows, addIv("+", tt, tt, noZone)...)
	rows = append(rows, addIv("+", d, tt, ofDate)...)
	rows = append(rows, addIv("+", tm, tm, ofTime)...)
	z := stable(addIv("+", tz, tz, zoned)...)
	for i, k := range []bool{true, false, true} {
		if k {
			z[i].Kernel = zonedShift(z[i].Kernel, i == 2)
		}
	}
	return append(rows, z...)
}

// zonedShift is timestamptz ± interval, with a fast loop for constant intervals
// without months and days, for which the zone does not matter.
func zonedShift(general Kernel, minus bool) Kernel {
	return func(c *Ctx, n int, a []*vec.Vec) *vec.Vec {
		if !a[1].Const || a[0].Const {
			return general(c, n, a)
		}
		iv := types.DecodeInterval(stringAt(a[1], 0))
		if iv.Months != 0 || iv.Days != 0 || iv.Micros == math.MinInt64 {
			return general(c, n, a)
		}
		by := iv.Micros
		if minus {
			by = -by
		}
		out := &vec.Vec{Type: types.Timestamptz, N: n, Ints: make([]int64, n)}
		const far = int64(1) << 56 // well inside the range of timestamps
		if by > far || by < -far {
			return general(c, n, a)
		}
		ok := true
		for i, x := range a[0].Ints[:n] {
			ok = ok && x < far && x > -far
			out.Ints[i] = x + by
		}
		if !ok {
			return general(c, n, a)
		}
		return out
	}
}

func dateTime(_ *Ctx, a []types.Datum) (types.Datum, error) {
	x, err := types.DateToTimestamp(a[0].I)
	if err != nil || infinite(x) {
		return asInt(x, err)
	}
	return types.Int(x + a[1].I), nil
}

func timePartRows() []Overload {
	t, d, tm, tt, tz, iv := types.Text, types.Date, types.Time, types.Timestamp, types.Timestamptz, types.Interval
	var rows []Overload
	for _, x := range []types.Type{d, tm, tt, tz, iv} {
		ext := fn("extract", ts(t, x), types.Numeric, func(c *Ctx, a []types.Datum) (types.Datum, error) { return types.Extract(a[0].S, a[1], x, c.Env) },
			"A field of the time.", "")
		part := fn("date_part", ts(t, x), types.Float8, func(c *Ctx, a []types.Datum) (types.Datum, error) { return types.DatePart(a[0].S, a[1], x, c.Env) },
			"A field of the time.", "")
		switch x {
		case tt:
			ext.Example = "extract(hour FROM timestamp '2001-02-16 20:38:40') → 20"
			part.Example = "date_part('hour', timestamp '2001-02-16 20:38:40') → 20"
		case tz:
			ext.Volatility, part.Volatility = Stable, Stable
		}
		rows = append(rows, ext, part)
	}
	trunc := func(name string, x types.Type, f func(c *Ctx, a []types.Datum) (types.Datum, error), ex string) Overload {
		return fn(name, ts(t, x), x, f, "Cut down to the unit.", ex)
	}
	rows = append(rows,
		trunc("date_trunc", tt, func(_ *Ctx, a []types.Datum) (types.Datum, error) { return asInt(types.TimestampTrunc(a[0].S, a[1].I)) },
			"date_trunc('hour', timestamp '2001-02-16 20:38:40') → 2001-02-16 20:00:00"),
		trunc("date_trunc", iv, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			return asInterval(types.IntervalTrunc(a[0].S, interval(a[1])))
		},
			"date_trunc('hour', interval '2 days 3 hours 40 minutes') → 2 days 03:00:00"))
	zt := trunc("date_trunc", tz, func(c *Ctx, a []types.Datum) (types.Datum, error) {
		return asInt(types.TimestamptzTrunc(a[0].S, a[1].I, c.zone()))
	}, "")
	rows = append(rows, stable(zt)...)
	rows = append(rows,
		fn("date_trunc", ts(t, tz, t), tz, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			loc, err := types.LoadZone(a[2].S)
			if err != nil {
				return types.NullDatum, err
			}
			return asInt(types.TimestamptzTrunc(a[0].S, a[1].I, loc))
		}, "Cut down to the unit in a zone.", ""),
		fn("date_bin", ts(iv, tt, tt), tt, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			return asInt(types.DateBin(interval(a[0]), a[1].I, a[2].I))
		},
			"Start of the bin of that width, counted from the origin, that holds the time.", "date_bin('15 minutes', timestamp '2020-02-11 15:44:17', timestamp '2001-01-01') → 2020-02-11 15:30:00"),
		fn("date_bin", ts(iv, tz, tz), tz, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			return asInt(types.DateBin(interval(a[0]), a[1].I, a[2].I))
		},
			"Start of the bin of that width, counted from the origin, that holds the time.", ""),
		fn("age", ts(tt, tt), iv, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			return asInterval(types.TimestampAge(a[0].I, a[1].I))
		},
			"Time between in years, months, days and less.", "age(timestamp '2001-04-10', timestamp '1957-06-13') → 43 years 9 mons 27 days"),
	)
	rows = append(rows, stable(
		fn("age", ts(tz, tz), iv, func(c *Ctx, a []types.Datum) (types.Datum, error) {
			return asInterval(types.TimestamptzAge(a[0].I, a[1].I, c.zone()))
		},
			"Time between in years, months, days and less.", ""),
		fn("age", ts(tt), iv, func(c *Ctx, a []types.Datum) (types.Datum, error) {
			now, err := types.TimestamptzToTimestamp(c.now(), c.zone())
			if err != nil {
				return types.NullDatum, err
			}
			return asInterval(types.TimestampAge(now-mod(now, usPerDay), a[0].I))
		}, "Time up to today's midnight.", ""),
	)...)
	for _, x := range []types.Type{d, tt, tz} {
		rows = append(rows, fn("isfinite", ts(x), types.Bool, func(_ *Ctx, a []types.Datum) (types.Datum, error) { return types.Boolean(!infinite(a[0].I)), nil },
			"Whether the time is not infinite.", ""))
	}
	rows = append(rows, fn("isfinite", ts(iv), types.Bool, func(_ *Ctx, a []types.Datum) (types.Datum, error) { return types.Boolean(true), nil },
		"Whether the interval is finite.", ""))
	for _, j := range []struct {
		name, ex string
		f        func(types.IntervalValue) (types.IntervalValue, error)
	}{
		{"justify_hours", "justify_hours(interval '27 hours') → 1 day 03:00:00", types.JustifyHours},
		{"justify_days", "justify_days(interval '35 days') → 1 mon 5 days", types.JustifyDays},
		{"justify_interval", "justify_interval(interval '1 mon -1 hour') → 29 days 23:00:00", types.JustifyInterval},
	} {
		rows = append(rows, fn(j.name, ts(iv), iv, func(_ *Ctx, a []types.Datum) (types.Datum, error) { return asInterval(j.f(interval(a[0]))) },
			"With days of 24 hours, months of 30 days, carried over.", j.ex))
	}
	for _, x := range []types.Type{types.Int4, types.Int8, types.Numeric, types.Float4, types.Float8, tt, tz, iv} {
		o := fn("to_char", ts(x, t), t, func(c *Ctx, a []types.Datum) (types.Datum, error) {
			if (x == tt || x == tz) && (a[0].I == math.MinInt64 || a[0].I == math.MaxInt64) || a[1].S == "" {
				return types.NullDatum, nil
			}
			return asText(types.ToChar(a[0], x, a[1].S, c.Env))
		},
			"Text by a pattern.", "")
		o.Volatility = Stable
		if x == tt {
			o.Example = "to_char(timestamp '2002-04-20 17:31:12', 'HH12:MI:SS') → 05:31:12"
		}
		rows = append(rows, o)
	}
	return rows
}

const usPerDay = 86_400_000_000

func mod(a, b int64) int64 {
	if r := a % b; r < 0 {
		return r + b
	} else {
		return r
	}
}

// sleep waits until the time has passed or the statement is cancelled, which its
// reader then sees.
func sleep(c *Ctx, a []types.Datum) (types.Datum, error) {
	seconds := a[0].F
	if !(seconds > 0) {
		return types.String(""), nil
	}
	t := time.NewTimer(time.Duration(min(seconds, 1e9) * float64(time.Second)))
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.Done:
	}
	return types.String(""), nil
}

// now is the statement's time in µs since 2000-01-01 UTC.
func (c *Ctx) now() int64 {
	if c.Env == nil {
		return 0
	}
	return c.Env.Now
}

func timeMakeRows() []Overload {
	t, d, tm, tt, tz, iv := types.Text, types.Date, types.Time, types.Timestamp, types.Timestamptz, types.Interval
	i4, f8 := types.Int4, types.Float8
	nowRow := func(name, doc string, ret types.Type, f func(c *Ctx) (int64, error)) Overload {
		return Overload{Name: name, Ret: ret, Volatility: Stable, Doc: doc, Kernel: func(c *Ctx, n int, _ []*vec.Vec) *vec.Vec {
			v, err := f(c)
			if err != nil {
				c.fail(0, err)
			}
			return vec.ConstVec(ret, types.Int(v), n)
		}}
	}
	now := func(c *Ctx) (int64, error) { return c.now(), nil }
	rows := []Overload{
		nowRow("now", "Start of the transaction.", tz, now),
		nowRow("transaction_timestamp", "Start of the transaction.", tz, now),
		nowRow("statement_timestamp", "Start of the statement.", tz, now),
		nowRow("current_timestamp", "Start of the transaction.", tz, now),
		nowRow("localtimestamp", "Start of the transaction, without zone.", tt, func(c *Ctx) (int64, error) { return types.TimestamptzToTimestamp(c.now(), c.zone()) }),
		nowRow("current_date", "Today.", d, func(c *Ctx) (int64, error) {
			v, err := types.TimestamptzToTimestamp(c.now(), c.zone())
			return types.TimestampToDate(v), err
		}),
		nowRow("localtime", "Time of day.", tm, func(c *Ctx) (int64, error) {
			v, err := types.TimestamptzToTimestamp(c.now(), c.zone())
			return mod(v, usPerDay), err
		}),
		{Name: "pg_sleep", Args: ts(types.Float8), Ret: types.Void, Volatility: Volatile, Doc: "Waits so many seconds.", Kernel: byDatum(sleep)(types.Void)},
		{Name: "clock_timestamp", Ret: tz, Volatility: Volatile, Doc: "The time as it is read.", Kernel: func(_ *Ctx, n int, _ []*vec.Vec) *vec.Vec {
			out := &vec.Vec{Type: tz, N: n, Ints: make([]int64, n)}
			for i := range out.Ints {
				out.Ints[i] = time.Now().UnixMicro() - unixEpochUs
			}
			return out
		}},
		fn("make_date", ts(i4, i4, i4), d, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			return asInt(types.MakeDate(int(a[0].I), int(a[1].I), int(a[2].I)))
		}, "Date of year, month and day.", "make_date(2013, 7, 15) → 2013-07-15"),
		fn("make_time", ts(i4, i4, f8), tm, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			return asInt(types.MakeTime(int(a[0].I), int(a[1].I), a[2].F))
		}, "Time of hour, minute and seconds.", "make_time(8, 15, 23.5) → 08:15:23.5"),
		fn("make_timestamp", ts(i4, i4, i4, i4, i4, f8), tt, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			return asInt(types.MakeTimestamp(int(a[0].I), int(a[1].I), int(a[2].I), int(a[3].I), int(a[4].I), a[5].F))
		}, "Timestamp of its fields.", "make_timestamp(2013, 7, 15, 8, 15, 23.5) → 2013-07-15 08:15:23.5"),
		fn("to_date", ts(t, t), d, func(_ *Ctx, a []types.Datum) (types.Datum, error) { return asInt(types.ToDate(a[0].S, a[1].S)) },
			"Date from text by a pattern.", "to_date('05 Dec 2000', 'DD Mon YYYY') → 2000-12-05"),
		fn("to_number", ts(t, t), types.Numeric, func(_ *Ctx, a []types.Datum) (types.Datum, error) { return types.ToNumber(a[0].S, a[1].S) },
			"Number from text by a pattern.", "to_number('12,454.8-', '99G999D9S') → -12454.8"),
		fn("to_timestamp", ts(f8), tz, func(_ *Ctx, a []types.Datum) (types.Datum, error) { return epochTime(a[0].F) },
			"Time from seconds since 1970.", "to_timestamp(1284352323) → 2010-09-13 04:32:03+00"),
		fn("timezone", ts(t, tt), tz, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			loc, err := types.LoadZone(a[0].S)
			if err != nil {
				return types.NullDatum, err
			}
			return asInt(types.TimestampToTimestamptz(a[1].I, loc))
		}, "The instant at which clocks in the zone show that time; what AT TIME ZONE calls.", "timezone('America/Denver', timestamp '2001-02-16 20:38:40') → 2001-02-17 03:38:40+00"),
		fn("timezone", ts(t, tz), tt, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			loc, err := types.LoadZone(a[0].S)
			if err != nil {
				return types.NullDatum, err
			}
			return asInt(types.TimestamptzToTimestamp(a[1].I, loc))
		}, "What clocks in the zone show at that instant; what AT TIME ZONE calls.", ""),
		fn("timezone", ts(iv, tt), tz, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			loc, err := types.IntervalAtZone(interval(a[0]))
			if err != nil {
				return types.NullDatum, err
			}
			return asInt(types.TimestampToTimestamptz(a[1].I, loc))
		}, "The same for a zone given by its offset.", ""),
		fn("timezone", ts(iv, tz), tt, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			loc, err := types.IntervalAtZone(interval(a[0]))
			if err != nil {
				return types.NullDatum, err
			}
			return asInt(types.TimestamptzToTimestamp(a[1].I, loc))
		}, "The same for a zone given by its offset.", ""),
	}
	rows = append(rows, stable(
		fn("to_timestamp", ts(t, t), tz, func(c *Ctx, a []types.Datum) (types.Datum, error) {
			return asInt(types.ToTimestamp(a[0].S, a[1].S, c.Env))
		},
			"Time from text by a pattern.", ""),
		fn("make_timestamptz", ts(i4, i4, i4, i4, i4, f8), tz, func(c *Ctx, a []types.Datum) (types.Datum, error) {
			return asInt(types.MakeTimestamptz(int(a[0].I), int(a[1].I), int(a[2].I), int(a[3].I), int(a[4].I), a[5].F, c.zone()))
		}, "Timestamp of its fields in the session's zone.", ""),
	)...)
	rows = append(rows, fn("make_timestamptz", ts(i4, i4, i4, i4, i4, f8, t), tz, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
		name := a[6].S
		if strings.HasPrefix(name, "+") || strings.HasPrefix(name, "-") { // here the sign is ISO's
			name = strings.NewReplacer("+", "-", "-", "+").Replace(name[:1]) + name[1:]
		}
		loc, err := types.LoadZone(name)
		if err != nil {
			return types.NullDatum, err
		}
		return asInt(types.MakeTimestamptz(int(a[0].I), int(a[1].I), int(a[2].I), int(a[3].I), int(a[4].I), a[5].F, loc))
	}, "Timestamp of its fields in a zone.", ""))
	// make_interval's arguments all have defaults: one row for each number of them.
	all := ts(i4, i4, i4, i4, i4, i4, f8)
	for n := range len(all) + 1 {
		ex := ""
		if n == 4 {
			ex = "make_interval(0, 0, 0, 10) → 10 days"
		}
		rows = append(rows, fn("make_interval", all[:n], iv, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			var v [7]types.Datum
			copy(v[:], a)
			return asInterval(types.MakeInterval(int(v[0].I), int(v[1].I), int(v[2].I), int(v[3].I), int(v[4].I), int(v[5].I), v[6].F))
		}, "Interval of years, months, weeks, days, hours, minutes and seconds.", ex))
	}
	return rows
}

// unixEpochUs is 2000-01-01 in Unix time.
const unixEpochUs = 946_684_800_000_000

func epochTime(sec float64) (types.Datum, error) {
	switch {
	case sec != sec:
		return types.NullDatum, errTimestampNaN
	case math.IsInf(sec, 1):
		return types.Int(math.MaxInt64), nil
	case math.IsInf(sec, -1):
		return types.Int(math.MinInt64), nil
	case sec > 9.2e12 || sec < -2.2e11:
		return types.NullDatum, errTimestamp
	}
	whole := math.Floor(sec)
	return types.Int(int64(whole)*1_000_000 + int64(math.RoundToEven((sec-whole)*1e6)) - unixEpochUs), nil
}
