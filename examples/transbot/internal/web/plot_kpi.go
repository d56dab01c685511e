package web

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/transbotai/tenon/kpi"
	"github.com/transbotai/tenon/kpi/kpipg"
)

// The plot of a figure, in units of its picture: bars that stand on the floor, and over them, where the figure is a
// share, a line of it.
const (
	kpiTop   = 12
	kpiFloor = 164
)

// kpiPlot is a figure by period, as a picture. Of a share the bars show the sample, and the line the share.
type kpiPlot struct {
	Bars  []kpiBar
	Lines []string // the points of each unbroken part
	Dots  []kpiDot
	Marks []plotMark
	Goal  float64 // the height of the target; 0 for none
	Times []plotTime
	Label string
}

type kpiBar struct {
	plotBar
	Class string
}

type kpiDot struct {
	X, Y  float64
	Class string
	Title string
}

// column is what a plot shows of one period.
type column struct {
	date, title string
	height      float64 // of the bar
	share       float64 // of the line
	known       bool    // there is a share
	immature    bool
}

func newKPIPlot(r kpi.Report) kpiPlot {
	share := isShare(r.KPI)
	var columns []column
	for _, p := range r.Points {
		c := column{date: p.Date, immature: p.Immature, known: share && p.Known, share: p.Value, height: float64(p.Sample)}
		c.title = fmt.Sprintf("%s: %s of %s", plainDate(p.Date), count(p.Count), count(p.Sample))
		if c.known {
			c.title += ", " + percent(p.Value*100)
		}
		if !share {
			c.height, c.title = p.Value, plainDate(p.Date)+": "+written(r.KPI, p.Value)
		}
		if p.Immature {
			c.title += ", not final"
		}
		columns = append(columns, c)
	}
	goal := 0.0
	if r.KPI.Goal != nil && share {
		goal = r.KPI.Goal.Target
	}
	return draw(columns, share, goal, fmt.Sprintf("%s by %s, from %s", r.KPI.Title, r.Grain, firstDate(columns)))
}

func newTrialPlot(weeks []kpipg.TrialWeek) kpiPlot {
	var columns []column
	for _, w := range weeks {
		date := w.Week.Format("2006-01-02")
		columns = append(columns, column{
			date: date, height: float64(w.TrialsEnded), share: w.ConvPct / 100, known: true,
			title: fmt.Sprintf("%s: %d of %d, %s", shortDay(w.Week), w.Converted, w.TrialsEnded, percent(w.ConvPct)),
		})
	}
	return draw(columns, true, 0, "Trial to paid by week, from "+firstDate(columns))
}

func firstDate(columns []column) string {
	if len(columns) == 0 {
		return "nothing"
	}
	return plainDate(columns[0].date)
}

func draw(columns []column, share bool, goal float64, label string) kpiPlot {
	p := kpiPlot{Label: label}
	if len(columns) == 0 {
		return p
	}
	tallest := 1.0
	for _, c := range columns {
		tallest = max(tallest, c.height)
	}
	reach := 1.0 // of the bars: where a line lies over them they keep to the lower half
	if share {
		reach = 0.5
	}
	width := float64(plotRight-plotLeft) / float64(len(columns))
	var line []string
	for i, c := range columns {
		x := plotLeft + float64(i)*width
		p.addBar(c, x, width, c.height/tallest*reach)
		if !c.known {
			p.endLine(&line)
			continue
		}
		dot := kpiDot{X: round(x + width/2), Y: shareY(c.share), Class: class(c), Title: c.title}
		p.Dots = append(p.Dots, dot)
		line = append(line, coordinates(dot.X, dot.Y))
	}
	p.endLine(&line)
	if goal > 0 {
		p.Goal = shareY(goal)
	}
	p.Marks, p.Times = kpiMarks(share, tallest), kpiTimes(columns)
	return p
}

func (p *kpiPlot) addBar(c column, x, width, part float64) {
	height := part * (kpiFloor - kpiTop)
	if c.height > 0 {
		height = max(height, 1)
	}
	p.Bars = append(p.Bars, kpiBar{plotBar{
		X: round(x), Y: round(kpiFloor - height), Width: round(max(width-2, 1)), Height: round(height), Title: c.title,
	}, class(c)})
}

func (p *kpiPlot) endLine(line *[]string) {
	if len(*line) > 1 {
		p.Lines = append(p.Lines, strings.Join(*line, " "))
	}
	*line = nil
}

func class(c column) string {
	if c.immature {
		return "immature"
	}
	return "final"
}

func shareY(share float64) float64 { return round(kpiFloor - share*(kpiFloor-kpiTop)) }

func kpiMarks(share bool, tallest float64) []plotMark {
	if share {
		return []plotMark{{kpiFloor, "0 %", "axis"}, {shareY(0.5), "50 %", "grid"}, {shareY(1), "100 %", "grid"}}
	}
	return []plotMark{{kpiFloor, "0", "axis"}, {kpiTop, short(tallest), "grid"}}
}

// short writes a number in at most five characters.
func short(n float64) string {
	for _, unit := range []struct {
		size float64
		name string
	}{{1e9, " G"}, {1e6, " M"}, {1e3, " k"}} {
		if n >= unit.size {
			return strconv.FormatFloat(n/unit.size, 'g', 3, 64) + unit.name
		}
	}
	return strconv.FormatFloat(n, 'f', 0, 64)
}

func kpiTimes(columns []column) []plotTime {
	first, last := plainDate(columns[0].date), plainDate(columns[len(columns)-1].date)
	times := []plotTime{{plotLeft, first, "start"}}
	if len(columns) > 1 {
		times = append(times, plotTime{plotRight, last, "end"})
	}
	return times
}

// Describe says how to read the plot, for who cannot see it.
func (p kpiPlot) Describe() string {
	text := "A bar for each period"
	if len(p.Dots) > 0 {
		text += ", as tall as the sample, and a line of the share"
	}
	if p.Goal > 0 {
		text += "; dashes are the target"
	}
	return text + "."
}
