package examples

import "strings"

// block is a fenced block of a Markdown file: lines[from:to] lie between the
// fences.
type block struct {
	info     string // what stands after the opening fence
	from, to int
}

func (b block) text(lines []string) string { return strings.Join(lines[b.from:b.to], "\n") }

// step is a block of SQL with the block that shows its result, if there is one.
type step struct {
	sql    block
	shown  block
	isTold bool // a result is shown
	varies bool // it depends on the time of day
}

// blocks finds the fenced blocks of a file.
func blocks(lines []string) []block {
	var out []block
	open := -1
	info := ""
	for i, l := range lines {
		if !strings.HasPrefix(l, "```") {
			continue
		}
		if open < 0 {
			open, info = i, strings.TrimSpace(strings.TrimPrefix(l, "```"))
			continue
		}
		out = append(out, block{info: info, from: open + 1, to: i})
		open = -1
	}
	return out
}

// steps pairs each block of SQL with the text block that follows it.
func steps(lines []string) []step {
	var out []step
	for _, b := range blocks(lines) {
		switch kind, rest, _ := strings.Cut(b.info, " "); {
		case kind == "sql":
			out = append(out, step{sql: b})
		case kind == "text" && len(out) > 0 && !out[len(out)-1].isTold:
			last := &out[len(out)-1]
			last.shown, last.isTold, last.varies = b, true, rest == "varies"
		}
	}
	return out
}

// rewrite puts results in the place of the shown ones; results[i] belongs to
// steps[i].
func rewrite(lines []string, steps []step, results []string) []string {
	var out []string
	at := 0
	for i, s := range steps {
		if !s.isTold {
			continue
		}
		out = append(out, lines[at:s.shown.from]...)
		out = append(out, strings.Split(results[i], "\n")...)
		at = s.shown.to
	}
	return append(out, lines[at:]...)
}
