package format

import "github.com/tarndb/tarn/sql/types"

// feed makes c follow the habits of change feeds: times are numbers whose unit
// depends on the type in the source, which the records tell only if they carry
// their schema.
func (c *converter) feed(options map[string]string) {
	c.cdc = true
	if c.elem != nil {
		c.elem.feed(options)
	}
	if options["timestamp.handling.mode"] != "" {
		return
	}
	c.unit = countGuess
	if c.t.OID == types.OIDTime {
		c.unit = countMicro
		if c.t.Mod >= 0 && c.t.Mod <= 3 {
			c.unit = countMilli
		}
	}
}
