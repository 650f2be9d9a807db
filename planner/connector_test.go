package planner

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/types"
)

// connector binds what is fed by a topic, or feeds one. Under the command
// "inferred" a statement without columns gets id bigint and name text; under
// "cluster" there is a default cluster.
func (w *world) connector(cmd string, s ast.Statement) ([]string, error) {
	opt := w.options()
	opt.DefaultCluster = cmd == "cluster"
	switch s := s.(type) {
	case *ast.CreateTable:
		if s.Query != nil {
			d, err := BindStreamAs(s, opt)
			if err != nil {
				return nil, err
			}
			w.add(d.Source.Object)
			return append(describeSink(d.Sink), describeSource(d.Source.Object)...), nil
		}
		src, err := BindSource(s, nil, opt)
		if err == nil && src.Infer && cmd == "inferred" {
			src, err = BindSource(s, []catalog.Column{{Name: "id", Type: types.Int8}, {Name: "name", Type: types.Text}}, opt)
		}
		if err != nil {
			return nil, err
		}
		lines := describeSource(src.Object)
		if src.Infer {
			lines = append(lines, "columns are wanted")
		} else {
			w.add(src.Object)
		}
		if src.Topic != nil {
			lines = append(lines, fmt.Sprintf("topic %+v", *src.Topic))
		}
		return lines, nil
	case *ast.CreateSink:
		sink, err := BindSink(s, opt)
		if err != nil {
			return nil, err
		}
		w.add(sink.Object)
		return describeSink(sink), nil
	case *ast.CreateConnection:
		if s.Kind == "SECRET" {
			o, value, err := BindSecret(s, opt)
			if err != nil {
				return nil, err
			}
			w.add(o)
			return []string{"secret " + o.Name + " = " + value}, nil
		}
		o, err := BindConnection(s, opt)
		if err != nil {
			return nil, err
		}
		w.add(o)
		return append([]string{"connection " + o.Name}, describeConnector(o)...), nil
	}
	return nil, fmt.Errorf("statement %T", s)
}

func describeSource(o *catalog.Object) []string {
	lines := []string{describe(o)}
	for _, c := range o.Columns {
		if c.From != catalog.FromValue {
			lines = append(lines, strings.TrimSpace(fmt.Sprintf("  %s from %s %s%s", c.Name, c.From, c.Path, map[bool]string{true: " hidden"}[c.Hidden])))
		}
	}
	return append(lines, describeConnector(o)...)
}

func describeConnector(o *catalog.Object) []string {
	c := o.Connector
	var opts []string
	for k, v := range c.Options {
		opts = append(opts, k+"="+v)
	}
	for k, v := range c.Secrets {
		opts = append(opts, fmt.Sprintf("%s=secret %d", k, v))
	}
	slices.Sort(opts)
	line := fmt.Sprintf("  %s topic=%q %s", c.Type, c.Topic, strings.Join(opts, " "))
	if c.Default {
		line += " default cluster"
	}
	if len(o.DependsOn) > 0 {
		line += fmt.Sprintf(" depends on %v", o.DependsOn)
	}
	lines := []string{line}
	if f := o.Format; f != nil {
		lines = append(lines, fmt.Sprintf("  %s key=%v value=%v", f.Envelope, f.Key, f.Value))
	}
	return lines
}

func describeSink(s *Sink) []string {
	lines := append([]string{describe(s.Object)}, describeConnector(s.Object)...)
	if s.Object.Into != 0 {
		lines = append(lines, fmt.Sprintf("  into %d", s.Object.Into))
	}
	if s.Query != nil {
		lines = append(lines, Explain(s.Query.Root, false)...)
		lines = append(lines, fmt.Sprintf("  stateless %v", Stateless(s.Query.Root)))
	}
	return lines
}
