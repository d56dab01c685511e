package sloprom

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/slo"
)

// Source says how Prometheus itself counts an objective: two expressions that give the rate of bad and of all valid
// events, in which $window stands for a window:
//
//	sum(rate(http_requests_total{code=~"5.."}[$window]))
type Source struct {
	Bad   string
	Valid string
}

// RulesOptions of [WriteRules]. The zero value of each field has the documented meaning.
type RulesOptions struct {
	// Sources are the objectives of the system that Prometheus counts itself, by name. They get recording rules and
	// burn alerts of their own. Others are alerted on by what a [Collector] says.
	Sources map[string]Source
	// Watches are alerts on tenon's own health; nil means those of [Watches], an empty slice none.
	Watches []Watch
}

// WriteRules writes a rule file for Prometheus, in YAML: groups of recording and alerting rules. An objective that is not
// valid, or a source without $window, is a [tenon.FieldError], and nothing is written.
func WriteRules(w io.Writer, objectives []slo.Objective, opts *RulesOptions) error {
	var o RulesOptions
	if opts != nil {
		o = *opts
	}
	if o.Watches == nil {
		o.Watches = Watches()
	}
	var f ruleFile
	f.line(0, "# Written by tenon. Objectives and watches are set in the program that wrote it.")
	f.line(0, "groups:")
	for _, objective := range objectives {
		if err := objective.Check(); err != nil {
			return fmt.Errorf("sloprom: %s: %w", objective.Key, err)
		}
		source, counted := o.Sources[objective.Name]
		if !counted || objective.Tenant != "" {
			continue
		}
		for _, expr := range []string{source.Bad, source.Valid} {
			if !strings.Contains(expr, "$window") {
				return fmt.Errorf("sloprom: %w", tenon.Invalid("sources["+objective.Name+"]", "has no $window"))
			}
		}
		f.counted(objective, source)
	}
	f.board()
	if len(o.Watches) > 0 {
		f.watches(o.Watches)
	}
	_, err := w.Write(f.b.Bytes())
	return err
}

// ruleFile is YAML on its way. Texts are quoted as Go does, which YAML reads alike for what is printable.
type ruleFile struct{ b bytes.Buffer }

func (f *ruleFile) line(indent int, format string, args ...any) {
	f.b.WriteString(strings.Repeat("  ", indent))
	fmt.Fprintf(&f.b, format, args...)
	f.b.WriteByte('\n')
}

func (f *ruleFile) group(name string) {
	f.line(1, "- name: %s", quote(name))
	f.line(2, "rules:")
}

func quote(s string) string { return strconv.QuoteToASCII(s) }

// rule is an alerting rule.
type rule struct {
	alert, expr  string
	lasts        time.Duration // how long it must hold; 0: at once
	severity     tenon.Severity
	labels       [][2]string
	summary, how string
}

func (f *ruleFile) alert(r rule) {
	f.line(3, "- alert: %s", r.alert)
	f.line(4, "expr: %s", quote(r.expr))
	if r.lasts > 0 {
		f.line(4, "for: %s", promDuration(r.lasts))
	}
	f.line(4, "labels:")
	f.line(5, "severity: %s", r.severity)
	for _, l := range r.labels {
		f.line(5, "%s: %s", l[0], quote(l[1]))
	}
	f.line(4, "annotations:")
	f.line(5, "summary: %s", quote(r.summary))
	if r.how != "" {
		f.line(5, "description: %s", quote(r.how))
	}
}

const errorRatio = "tenon_slo:error_ratio"

// counted writes the rules of an objective that Prometheus counts: the share of bad events over each window, and an alert
// for each tier.
func (f *ruleFile) counted(o slo.Objective, source Source) {
	f.group("tenon_slo_" + o.Name)
	tiers := o.EffectiveTiers()
	windows := []time.Duration{o.Window.Period()}
	for _, t := range tiers {
		windows = append(windows, t.Long, t.Short)
	}
	slices.Sort(windows)
	for _, w := range slices.Compact(windows) {
		window := promDuration(w)
		f.line(3, "- record: %s:%s", errorRatio, window)
		over := strings.NewReplacer("$window", window)
		f.line(4, "expr: %s", quote(fmt.Sprintf("(%s) / (%s)", over.Replace(source.Bad), over.Replace(source.Valid))))
		f.line(4, "labels:")
		f.line(5, "objective: %s", quote(o.Name))
	}
	for _, t := range tiers {
		f.alert(rule{
			alert: "TenonBurnRate", expr: burnExpr(o, t.Long, t.Burn) + " and " + burnExpr(o, t.Short, t.Burn),
			severity: t.Severity, labels: [][2]string{{"objective", o.Name}, {"tier", t.String()}},
			summary: fmt.Sprintf("%s burns its error budget at more than %s times the allowed rate", o.Name, t.Burn),
			how:     fmt.Sprintf("Over %s and over %s. It ends when either falls below.", promDuration(t.Long), promDuration(t.Short)),
		})
	}
}

// burnExpr is above its bound when the budget burned faster than the rate. The bound is exact: a rate is in thousandths
// and a budget in millionths.
func burnExpr(o slo.Objective, window time.Duration, rate slo.Rate) string {
	billionths := int64(rate) * int64(slo.Whole-o.Target)
	return fmt.Sprintf("%s:%s{objective=%q} > %s", errorRatio, promDuration(window), o.Name, decimal(billionths, 9))
}

// decimal writes n without rounding, with its last places behind the point.
func decimal(n int64, places int) string {
	s := fmt.Sprintf("%0*d", places+1, n)
	s = s[:len(s)-places] + "." + s[len(s)-places:]
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// board writes alerts on what a Collector says.
func (f *ruleFile) board() {
	f.group("tenon_slo")
	f.alert(rule{
		alert: "TenonObjectiveAlert", expr: "max by (objective, tenant, alert, severity) (tenon_slo_alert_firing) == 1",
		severity: tenon.SeverityWarning, summary: "{{ $labels.objective }}: {{ $labels.alert }}",
		how: "The alert is open on the board, which says which window fired and what would end it.",
	})
	f.alert(rule{
		alert: "TenonReleasesFrozen", expr: "max(tenon_slo_releases_frozen) == 1", severity: tenon.SeverityWarning,
		summary: "Releases are frozen", how: "More than half of an error budget is consumed.",
	})
	f.alert(rule{
		alert: "TenonObjectivesUnknown", expr: "max(tenon_slo_up) == 0 or absent(tenon_slo_up)", lasts: 5 * time.Minute,
		severity: tenon.SeverityCritical, summary: "Nobody knows how the objectives do",
	})
}

func (f *ruleFile) watches(list []Watch) {
	f.group("tenon_health")
	for _, w := range list {
		f.alert(rule{
			alert: w.Name, expr: w.Expr, lasts: w.For, severity: w.Severity, summary: w.Summary, how: w.Remedy,
		})
	}
}

// promDuration writes d as Prometheus reads it, in the largest unit that divides it: 90 minutes is "90m".
func promDuration(d time.Duration) string {
	for _, u := range []struct {
		length time.Duration
		name   string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		if d%u.length == 0 {
			return strconv.FormatInt(int64(d/u.length), 10) + u.name
		}
	}
	return strconv.FormatInt(d.Milliseconds(), 10) + "ms"
}
