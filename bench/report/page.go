package report

import (
	"fmt"
	"slices"
	"strings"
)

const head = `# tenon beside its peers

Written by ` + "`make bench`" + `; do not edit. Every figure is the median of several rounds in one run on one machine, in which
tenon and its peer took turns; a ratio is the median of the rounds' ratios, and what stands in brackets is the range. What
was computed is checked after each round, and a wrong result ends the run. Targets are those of the design; a target
that was missed is shown as missed. Other work on the machine moves the absolute figures more than the ratios.
`

func begin(name string) string { return fmt.Sprintf("<!-- begin %s -->", name) }
func end(name string) string   { return fmt.Sprintf("<!-- end %s -->", name) }

// Replace returns page with s in place of the section of the same name, or among the others by name when there was
// none. An empty page gets the heading.
func Replace(page string, s Section) string {
	sections := split(page)
	sections[s.Name] = s.Markdown()
	names := make([]string, 0, len(sections))
	for name := range sections {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	b.WriteString(head)
	for _, name := range names {
		b.WriteString("\n" + sections[name])
	}
	return b.String()
}

// split returns the sections of a page by name. What lies between them is dropped.
func split(page string) map[string]string {
	sections := map[string]string{}
	for {
		_, rest, ok := strings.Cut(page, "<!-- begin ")
		if !ok {
			return sections
		}
		name, _, _ := strings.Cut(rest, " -->")
		body, after, ok := strings.Cut(rest, end(name)+"\n")
		if !ok {
			return sections // cut off: measured again by who needs it
		}
		sections[name] = "<!-- begin " + body + end(name) + "\n"
		page = after
	}
}
