package report

import (
	"fmt"
	"strings"
)

// Markdown returns the section between the two marks by which [Replace] finds it again.
func (s Section) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n## %s\n\n", begin(s.Name), s.Name)
	fmt.Fprintf(&b, "%s\n\nMeasured on %s\n\n%s\n", s.summary(), s.Setting, s.Text)
	for _, t := range s.Tables {
		t.markdown(&b)
	}
	fmt.Fprintf(&b, "%s\n", end(s.Name))
	return b.String()
}

func (s Section) summary() string {
	targets, missed := s.Count()
	if missed == 0 {
		return fmt.Sprintf("All %d targets are met.", targets)
	}
	return fmt.Sprintf("**%d of %d targets are MISSED.**", missed, targets)
}

func (t Table) markdown(b *strings.Builder) {
	fmt.Fprintf(b, "\n### %s\n\n", t.Title)
	if t.Text != "" {
		fmt.Fprintf(b, "%s\n\n", t.Text)
	}
	line(b, append([]string{"", "measured", "target", ""}, t.Columns...))
	rule := []string{"---", "--:", "--:", ":-:"}
	for range t.Columns {
		rule = append(rule, "--:")
	}
	line(b, rule)
	for _, r := range t.Rows {
		fixed := []string{r.Case, r.Figure.String(), r.Target.text(r.Figure.Unit), r.Target.verdict(r.Figure)}
		line(b, append(fixed, r.Cells...))
	}
}

func line(b *strings.Builder, cells []string) {
	fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
}

// Benchstat returns the samples, a line for each round.
func (s Section) Benchstat() string {
	var b strings.Builder
	for _, sample := range s.Samples {
		for _, v := range sample.Series {
			fmt.Fprintf(&b, "Benchmark%s/%s 1 %v %s\n", s.Name, sample.Name, v, sample.Unit.benchstat())
		}
	}
	return b.String()
}

// benchstat returns the unit as benchstat knows it, so that it can tell better from worse.
func (u Unit) benchstat() string {
	switch u {
	case Nanoseconds:
		return "ns/op"
	case Milliseconds:
		return "ms/op"
	case PerSecond:
		return "op/s"
	case Allocs:
		return "allocs/op"
	default:
		return "ratio"
	}
}
