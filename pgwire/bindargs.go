package pgwire

import (
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// decodeParam reads one parameter of Bind. b lies in the read buffer, so what
// the Datum keeps is copied.
func decodeParam(b []byte, format int, t types.Type, env *types.Env) (types.Datum, error) {
	switch format {
	case formatText:
		return decodeText(b, t, env)
	case formatBinary:
		return decodeBinary(b, t)
	}
	return types.Datum{}, sqlerr.New(sqlerr.InvalidParameterValue, "unsupported format code: %d", format)
}

func decodeText(b []byte, t types.Type, env *types.Env) (types.Datum, error) {
	switch t.OID {
	case types.OIDInt2, types.OIDInt4, types.OIDInt8:
		if v, ok := parseInt(b); ok && fits(v, t.OID) {
			return types.Int(v), nil
		}
	}
	if err := types.CheckUTF8(b); err != nil {
		return types.Datum{}, err
	}
	switch t.Phys() {
	case types.PhysBytes, types.PhysNumeric:
		if t.OID == types.OIDText {
			return types.String(string(b)), nil
		}
		return types.ParseText(string(b), t, env)
	}
	// The other families keep nothing of their text.
	return types.ParseText(unsafe.String(unsafe.SliceData(b), len(b)), t, env)
}

// parseInt reads plain decimal integers of up to 18 digits; everything else, also
// what is wrong, is left to types.ParseText.
func parseInt(b []byte) (int64, bool) {
	neg := false
	if len(b) > 0 && b[0] == '-' {
		neg, b = true, b[1:]
	}
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	var v int64
	for _, ch := range b {
		if ch -= '0'; ch > 9 {
			return 0, false
		} else {
			v = v*10 + int64(ch)
		}
	}
	if neg {
		v = -v
	}
	return v, true
}

func fits(v int64, oid uint32) bool {
	switch oid {
	case types.OIDInt2:
		return v == int64(int16(v))
	case types.OIDInt4:
		return v == int64(int32(v))
	}
	return true
}

func decodeBinary(b []byte, t types.Type) (types.Datum, error) {
	switch t.OID {
	case types.OIDInt2:
		if len(b) == 2 {
			return types.Int(int64(int16(binary.BigEndian.Uint16(b)))), nil
		}
	case types.OIDInt4:
		if len(b) == 4 {
			return types.Int(int64(int32(binary.BigEndian.Uint32(b)))), nil
		}
	case types.OIDInt8:
		if len(b) == 8 {
			return types.Int(int64(binary.BigEndian.Uint64(b))), nil
		}
	case types.OIDFloat8:
		if len(b) == 8 {
			return types.Float(math.Float64frombits(binary.BigEndian.Uint64(b))), nil
		}
	case types.OIDText, types.OIDUnknown:
		if err := types.CheckUTF8(b); err != nil {
			return types.Datum{}, err
		}
		return types.String(string(b)), nil
	case types.OIDVarchar, types.OIDBpchar, types.OIDName, types.OIDJSON, types.OIDJSONB:
		if err := types.CheckUTF8(b); err != nil {
			return types.Datum{}, err
		}
	}
	return types.ParseBinary(b, t)
}

// inParam says which parameter err is about, as PostgreSQL's context line does.
func inParam(err error, portalName []byte, i, format int) error {
	e := *sqlerr.From(err)
	if e.Where == "" {
		e.Where = fmt.Sprintf("unnamed portal parameter $%d", i+1)
		if len(portalName) > 0 {
			e.Where = fmt.Sprintf("portal %q parameter $%d", portalName, i+1)
		}
		if format == formatText && e.Code != sqlerr.CharacterNotInRepertoire {
			e.Where += " = '...'" // PostgreSQL's way not to show a value
		}
	}
	return &e
}
