package kafka

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// CheckTopic fails if a topic is not as it would be made: what is asked of one that
// is there already would else be ignored. partitions and replication 0 or less, and
// settings that are not named, may be as they are. Who may not ask for the settings
// is not told of them.
func (c *Client) CheckTopic(ctx context.Context, name string, partitions int32, replication int16, config map[string]string) error {
	d, err := c.detail(ctx, name)
	if err != nil {
		return err
	}
	differs := func(what, have, want string) error {
		return sqlerr.New(sqlerr.InvalidParameterValue, "topic %q is there already, with %s %s, not %s", name, what, have, want).
			WithHint("Leave %s out, or name another topic.", what)
	}
	if n := len(d.Partitions); partitions > 0 && n != int(partitions) {
		return differs("partitions", strconv.Itoa(n), strconv.Itoa(int(partitions)))
	}
	replicas := 0
	for _, p := range d.Partitions {
		replicas = max(replicas, len(p.Replicas))
	}
	if replication > 0 && replicas != int(replication) {
		return differs("replicas", strconv.Itoa(replicas), strconv.Itoa(int(replication)))
	}
	if len(config) == 0 {
		return nil
	}
	rs, err := c.adm.DescribeTopicConfigs(ctx, name)
	if err != nil {
		return c.cfg.wrap(err, name)
	}
	for _, r := range rs {
		for _, s := range r.Configs {
			want, asked := config[s.Key]
			if !asked || r.Err != nil || s.Value == nil || sameWords(*s.Value, want) {
				continue
			}
			return differs(s.Key, *s.Value, want)
		}
	}
	return nil
}

// sameWords compares lists of words in whatever order.
func sameWords(a, b string) bool {
	x, y := strings.Split(a, ","), strings.Split(b, ",")
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}
