package kpi

import (
	"fmt"
	"time"
)

// figure makes of a cell what people read. Per is the other side of a ratio.
func (r reading) figure(c, per Cell) Point {
	switch {
	case r.kpi.Sum != nil:
		return sumFigure(r.kpi.Sum, c)
	case r.kpi.Ratio != nil:
		return ratioFigure(r.kpi.Ratio, c, per)
	case r.kpi.Conversion != nil:
		p := share(c.Converted, c.Count)
		p.Mean = mean(c)
		return p
	case r.kpi.Cohort != nil:
		p := share(c.Converted, c.Count)
		p.Ages = r.kpi.Cohort.stages(c)
		return p
	case r.kpi.Funnel != nil:
		p := share(c.Converted, c.Count)
		p.Mean, p.Median, p.P90 = mean(c), milliseconds(c.Median), milliseconds(c.P90)
		p.Steps = r.kpi.Funnel.stages(c)
		return p
	}
	return Point{Value: float64(c.Count), Known: true, Sample: c.Count, Count: c.Count}
}

func share(part, whole int64) Point {
	p := Point{Known: whole > 0, Sample: whole, Count: part}
	if p.Known {
		p.Value = float64(part) / float64(whole)
	}
	return p
}

func mean(c Cell) time.Duration {
	if c.Converted == 0 {
		return 0
	}
	return milliseconds(c.Took / c.Converted)
}

func milliseconds(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

func sumFigure(s *Sum, c Cell) Point {
	p := Point{Value: c.Sum.Float(), Known: true, Sample: c.Count, Count: c.Numbers, Sum: &c.Sum}
	if s.Average {
		p.Sample, p.Known = c.Numbers, c.Numbers > 0
		p.Value /= float64(max(c.Numbers, 1))
	}
	return p
}

func ratioFigure(r *Ratio, c, per Cell) Point {
	of, under := r.Of.amount(c), r.Per.amount(per)
	p := Point{Known: under != 0, Sample: per.Count, Count: c.Count, Sum: &of, Per: &under}
	if p.Known {
		p.Value = float64(of) / float64(under)
	}
	return p
}

// amount is what a side of a ratio comes to.
func (t Term) amount(c Cell) Amount {
	if t.Property == "" {
		return Amount(c.Count) * one
	}
	return c.Sum
}

func (f *Funnel) stages(c Cell) []Stage {
	stages := make([]Stage, len(f.Steps))
	for i, s := range f.Steps {
		stages[i] = stage(s.title(), c, i)
	}
	return stages
}

func (c *Cohort) stages(cell Cell) []Stage {
	stages := make([]Stage, c.Ages())
	for i := range stages {
		from := c.every() * Duration(i)
		stages[i] = stage(fmt.Sprintf("%s–%s", from, from+c.every()), cell, i)
	}
	return stages
}

func stage(label string, c Cell, i int) Stage {
	s := Stage{Label: label}
	if i < len(c.Reached) && c.Count > 0 {
		s.Count, s.Share = c.Reached[i], float64(c.Reached[i])/float64(c.Count)
	}
	return s
}
