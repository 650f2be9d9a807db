package types

// Casts is pg_cast for the built-in types; conversions by text are not in it.
var Casts = castRows()

var castOf = func() map[castKey]*CastRow {
	m := make(map[castKey]*CastRow, len(Casts))
	for i := range Casts {
		m[castKey{Casts[i].From, Casts[i].To}] = &Casts[i]
	}
	return m
}()

func castRows() []CastRow {
	const e, a, i = CastExplicit, CastAssignment, CastImplicit
	rows := []CastRow{
		{OIDBool, OIDInt4, e, castBoolInt},
		{OIDBool, OIDText, a, castText(Bool)},
		{OIDBool, OIDBpchar, a, castText(Bool)},
		{OIDBool, OIDVarchar, a, castText(Bool)},
		{OIDChar, OIDInt4, e, castSame},
		{OIDChar, OIDText, i, castText(Char)},
		{OIDChar, OIDBpchar, a, castText(Char)},
		{OIDChar, OIDVarchar, a, castText(Char)},
		{OIDName, OIDText, i, castSame},
		{OIDName, OIDBpchar, a, castSame},
		{OIDName, OIDVarchar, a, castSame},
		{OIDInt8, OIDInt2, a, castInt},
		{OIDInt8, OIDInt4, a, castInt},
		{OIDInt8, OIDFloat4, i, castIntFloat},
		{OIDInt8, OIDFloat8, i, castIntFloat},
		{OIDInt8, OIDNumeric, i, castIntNumeric},
		{OIDInt2, OIDInt8, i, castSame},
		{OIDInt2, OIDInt4, i, castSame},
		{OIDInt2, OIDFloat4, i, castIntFloat},
		{OIDInt2, OIDFloat8, i, castIntFloat},
		{OIDInt2, OIDNumeric, i, castIntNumeric},
		{OIDInt4, OIDBool, e, castIntBool},
		{OIDInt4, OIDChar, e, castInt4Char},
		{OIDInt4, OIDInt8, i, castSame},
		{OIDInt4, OIDInt2, a, castInt},
		{OIDInt4, OIDFloat4, i, castIntFloat},
		{OIDInt4, OIDFloat8, i, castIntFloat},
		{OIDInt4, OIDNumeric, i, castIntNumeric},
		{OIDText, OIDChar, a, castStringChar},
		{OIDText, OIDName, i, castSame},
		{OIDText, OIDBpchar, i, castSame},
		{OIDText, OIDVarchar, i, castSame},
		{OIDText, OIDRegclass, i, castParse},
		{OIDJSON, OIDJSONB, a, castParse},
		{OIDFloat4, OIDInt8, a, castFloatInt},
		{OIDFloat4, OIDInt2, a, castFloatInt},
		{OIDFloat4, OIDInt4, a, castFloatInt},
		{OIDFloat4, OIDFloat8, i, castSame},
		{OIDFloat4, OIDNumeric, a, castFloat4Numeric},
		{OIDFloat8, OIDInt8, a, castFloatInt},
		{OIDFloat8, OIDInt2, a, castFloatInt},
		{OIDFloat8, OIDInt4, a, castFloatInt},
		{OIDFloat8, OIDFloat4, a, castFloat8to4},
		{OIDFloat8, OIDNumeric, a, castFloat8Numeric},
		{OIDBpchar, OIDChar, a, castStringChar},
		{OIDBpchar, OIDName, i, castTrimText},
		{OIDBpchar, OIDText, i, castTrimText},
		{OIDBpchar, OIDVarchar, i, castTrimText},
		{OIDVarchar, OIDChar, a, castStringChar},
		{OIDVarchar, OIDName, i, castSame},
		{OIDVarchar, OIDText, i, castSame},
		{OIDVarchar, OIDBpchar, i, castSame},
		{OIDVarchar, OIDRegclass, i, castParse},
		{OIDDate, OIDTimestamp, i, castDateStamp},
		{OIDDate, OIDTimestamptz, i, castDateStamp},
		{OIDTime, OIDInterval, i, castTimeInterval},
		{OIDTimestamp, OIDDate, a, castStampDate},
		{OIDTimestamp, OIDTime, a, castStampTime},
		{OIDTimestamp, OIDTimestamptz, i, castStampZone},
		{OIDTimestamptz, OIDDate, a, castZoneLocal(castStampDate)},
		{OIDTimestamptz, OIDTime, a, castZoneLocal(castStampTime)},
		{OIDTimestamptz, OIDTimestamp, a, castZoneLocal(castSame)},
		{OIDInterval, OIDTime, a, castIntervalTime},
		{OIDNumeric, OIDInt8, a, castNumericInt},
		{OIDNumeric, OIDInt2, a, castNumericInt},
		{OIDNumeric, OIDInt4, a, castNumericInt},
		{OIDNumeric, OIDFloat4, i, castNumericFloat},
		{OIDNumeric, OIDFloat8, i, castNumericFloat},
		{OIDJSONB, OIDBool, e, castJSONBScalar},
		{OIDJSONB, OIDInt8, e, castJSONBScalar},
		{OIDJSONB, OIDInt2, e, castJSONBScalar},
		{OIDJSONB, OIDInt4, e, castJSONBScalar},
		{OIDJSONB, OIDJSON, a, castSame},
		{OIDJSONB, OIDFloat4, e, castJSONBScalar},
		{OIDJSONB, OIDFloat8, e, castJSONBScalar},
		{OIDJSONB, OIDNumeric, e, castJSONBScalar},
	}
	// oid and the reg types convert among integers in one way.
	for _, reg := range []uint32{OIDOid, OIDRegproc, OIDRegclass, OIDRegtype, OIDRegnamespace, OIDRegrole} {
		rows = append(rows,
			CastRow{OIDInt8, reg, i, castInt}, CastRow{OIDInt2, reg, i, castWrap}, CastRow{OIDInt4, reg, i, castWrap},
			CastRow{reg, OIDInt8, a, castSame}, CastRow{reg, OIDInt4, a, castWrap})
		if reg != OIDOid {
			rows = append(rows, CastRow{OIDOid, reg, i, castSame}, CastRow{reg, OIDOid, i, castSame})
		}
	}
	return rows
}
