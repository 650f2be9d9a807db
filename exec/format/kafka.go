package format

import (
	"context"
	"encoding/binary"
	"math"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// kafkaEncoding is what Kafka's own serializers of single values write:
// big-endian numbers, text as UTF-8.
func kafkaEncoding() encoding {
	return encoding{name: "kafka", single: true, decoder: newKafkaDecoder, encoder: newKafkaEncoder}
}

// kafkaWidth is how many bytes the values of a type take, 0: any number.
func kafkaWidth(t types.Type) (width int, ok bool) {
	switch t.OID {
	case types.OIDBool:
		return 1, true
	case types.OIDInt2:
		return 2, true
	case types.OIDInt4, types.OIDFloat4:
		return 4, true
	case types.OIDInt8, types.OIDFloat8:
		return 8, true
	case types.OIDText, types.OIDVarchar, types.OIDBytea, types.OIDUUID:
		return 0, true
	}
	return 0, false
}

type kafkaDecoder struct {
	tokenBlock // for texts
	t          types.Type
	width      int
}

func newKafkaDecoder(p part) (partDecoder, error) {
	d := &kafkaDecoder{}
	if err := checkKafka(p); err != nil || len(p.Fields) == 0 {
		return noneDecoder{}, err
	}
	d.t = p.Fields[0].Type
	d.width, _ = kafkaWidth(d.t)
	return d, d.open(p)
}

func checkKafka(p part) error {
	if err := p.oneField("kafka"); err != nil {
		return err
	}
	for _, f := range p.Fields {
		if _, ok := kafkaWidth(f.Type); !ok {
			return errSingleType("kafka", f, "boolean, smallint, integer, bigint, real, double precision, text, uuid or bytea")
		}
	}
	return nil
}

func (d *kafkaDecoder) decode(ctx context.Context, in *vec.Vec, out *rows) error {
	switch {
	case d.t.OID == types.OIDBytea:
		return bytesDecoder{}.decode(ctx, in, out)
	case d.width == 0:
		t := textDecoder{d.tokenBlock}
		return t.decode(ctx, in, out)
	}
	to := &out.cols[0]
	for i := range in.N {
		if in.IsNull(i) {
			out.absent(i)
			continue
		}
		b := in.Bytes(i)
		if len(b) != d.width {
			out.misfit(0, i, sqlerr.New(sqlerr.InvalidBinaryRepresentation, "a value of type %s is %d bytes long, not %d", d.t, d.width, len(b)))
			out.done(i)
			continue
		}
		switch d.t.OID {
		case types.OIDBool:
			if b[0] > 1 {
				out.misfit(0, i, sqlerr.New(sqlerr.InvalidBinaryRepresentation, "a boolean is 0 or 1, not %d", b[0]))
				break
			}
			to.Bool(b[0] == 1)
		case types.OIDInt2:
			to.Int(int64(int16(binary.BigEndian.Uint16(b))))
		case types.OIDInt4:
			to.Int(int64(int32(binary.BigEndian.Uint32(b))))
		case types.OIDInt8:
			to.Int(int64(binary.BigEndian.Uint64(b)))
		case types.OIDFloat4:
			to.Float(float64(math.Float32frombits(binary.BigEndian.Uint32(b))))
		default:
			to.Float(math.Float64frombits(binary.BigEndian.Uint64(b)))
		}
		out.done(i)
	}
	return nil
}

type kafkaEncoder struct {
	textEncoder
	t types.Type
}

func newKafkaEncoder(p part) (partEncoder, error) {
	if err := checkKafka(p); err != nil {
		return nil, err
	}
	e := &kafkaEncoder{t: types.Bytea}
	if len(p.Fields) > 0 {
		e.t = p.Fields[0].Type
	}
	var err error
	e.vals, err = newTextValues(p)
	return e, err
}

func (e *kafkaEncoder) row(dst []byte, i int) ([]byte, error) {
	if len(e.cols) == 0 {
		return dst, nil
	}
	col := e.cols[0]
	switch e.t.OID {
	case types.OIDBool:
		if col.Bools[i] {
			return append(dst, 1), nil
		}
		return append(dst, 0), nil
	case types.OIDInt2:
		return binary.BigEndian.AppendUint16(dst, uint16(col.Ints[i])), nil
	case types.OIDInt4:
		return binary.BigEndian.AppendUint32(dst, uint32(col.Ints[i])), nil
	case types.OIDInt8:
		return binary.BigEndian.AppendUint64(dst, uint64(col.Ints[i])), nil
	case types.OIDFloat4:
		return binary.BigEndian.AppendUint32(dst, math.Float32bits(float32(col.Floats[i]))), nil
	case types.OIDFloat8:
		return binary.BigEndian.AppendUint64(dst, math.Float64bits(col.Floats[i])), nil
	case types.OIDBytea:
		return append(dst, col.Bytes(i)...), nil
	}
	return e.textEncoder.row(dst, i)
}
