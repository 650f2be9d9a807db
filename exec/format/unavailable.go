package format

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// PostgreSQL does not send long values that an update has left as they were, and
// Debezium puts a placeholder where they would stand. Such a value is none of the
// record's: what stands in the table is to stay.
// https://debezium.io/documentation/reference/stable/connectors/postgresql.html#postgresql-toasted-values

// unavailableText is the placeholder where unavailable.value.placeholder says no
// other.
const unavailableText = "__debezium_unavailable_value"

// unavailableIn is the placeholder as a column of type t has it, nil: a value of the
// type is never left out.
func unavailableIn(t types.Type, text string) []byte {
	switch t.OID {
	case types.OIDText, types.OIDVarchar, types.OIDBytea:
		return []byte(text)
	case types.OIDJSON, types.OIDJSONB:
		return imageOf(jsonString(text), t)
	}
	if !t.IsArray() || t.IsVector() {
		return nil
	}
	switch elem := types.ElemOf(t); elem.OID {
	case types.OIDText, types.OIDVarchar:
		return imageOf("{"+strconv.Quote(text)+"}", t)
	case types.OIDBytea:
		return imageOf(`{"\\x`+hex.EncodeToString([]byte(text))+`"}`, t)
	case types.OIDInt2, types.OIDInt4, types.OIDInt8:
		list := make([]string, len(text))
		for i := range list {
			list[i] = strconv.Itoa(int(int8(text[i])))
		}
		return imageOf("{"+strings.Join(list, ",")+"}", t)
	case types.OIDUUID: // made of a hash of the text: version 3
		sum := md5.Sum([]byte(text))
		sum[6], sum[8] = sum[6]&0x0f|0x30, sum[8]&0x3f|0x80
		return imageOf("{"+hex.EncodeToString(sum[:])+"}", t)
	}
	return nil
}

// imageOf is the bytes of a value, given as the text of its type.
func imageOf(text string, t types.Type) []byte {
	d, err := types.ParseText(text, t, nil)
	if err != nil {
		return nil
	}
	return []byte(d.S)
}

func jsonString(text string) string {
	b, _ := json.Marshal(text)
	return string(b)
}

// openUnavailable notes what the placeholder is in each column.
func (d *decoder) openUnavailable(text string) {
	if text == "" {
		text = unavailableText
	}
	d.unavailable = make([][]byte, len(d.spec.Columns))
	for i, c := range d.spec.Columns {
		if c.From == FromValue && !d.isKey(i) {
			d.unavailable[i] = unavailableIn(c.Type, text)
			d.valueAsks[d.valueOf[i]].unavailable = text
		}
	}
}

// keepUnavailable makes placeholders NULL and notes which columns they stood in.
func (d *decoder) keepUnavailable(t *draft, cols []*vec.Vec) {
	for i, text := range d.unavailable {
		v := cols[i]
		if text == nil || v == nil || v.Const || v.N == 0 || !bytes.Contains(v.Data[v.Off[0]:v.Off[v.N]], text) {
			continue
		}
		for k := range v.N {
			if v.IsNull(k) || t.op(k) != Put || !bytes.Equal(v.Bytes(k), text) {
				continue
			}
			if cols[i] == v {
				cols[i] = withValid(v)
			}
			cols[i].Valid.Clear(k)
			if t.keep == nil {
				t.keep = make([][]int32, len(t.record))
			}
			t.keep[k] = append(t.keep[k], int32(i))
		}
	}
}
