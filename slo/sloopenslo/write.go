package sloopenslo

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/transbotai/tenon/slo"
)

// sourceType marks metric sources that stand for what a host counts.
const sourceType = "tenon"

// Write writes each objective as a document, and returns what OpenSLO has no counterpart for. An objective that is not
// valid is a [tenon.ErrInvalid], and nothing is written.
func Write(w io.Writer, objectives []slo.Objective, opts *Options) ([]Warning, error) {
	options := opts.withDefaults()
	var b bytes.Buffer
	var warnings []Warning
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	for _, o := range objectives {
		if err := o.Check(); err != nil {
			return nil, fmt.Errorf("sloopenslo: %s: %w", o.Key, err)
		}
		warnings = append(warnings, lost(o)...)
		if err := encoder.Encode(documentOf(o, options.Service)); err != nil {
			return nil, fmt.Errorf("sloopenslo: %s: %w", o.Key, err)
		}
	}
	if len(objectives) > 0 {
		if err := encoder.Close(); err != nil {
			return nil, fmt.Errorf("sloopenslo: %w", err)
		}
	}
	_, err := w.Write(b.Bytes())
	return warnings, err
}

// lost names what o has and OpenSLO has not.
func lost(o slo.Objective) (list []Warning) {
	for _, f := range []struct {
		set  bool
		text string
	}{
		{o.Tiers != nil, "burn tiers"},
		{o.BudgetAlerts != nil, "budget alerts"},
		{o.Absence != 0, "the time until absence is told"},
		{o.Traffic != slo.Traffic{}, "what is low traffic"},
		{o.Advisory, "that it is advisory"},
	} {
		if f.set {
			list = append(list, Warning{o.String(), f.text + ": not written, OpenSLO has no counterpart"})
		}
	}
	return list
}

func documentOf(o slo.Objective, service string) document {
	name := dashed(o.Key)
	d := document{
		APIVersion: apiVersion, Kind: "SLO",
		Metadata: metadata{Name: name, Annotations: map[string]string{NameAnnotation: o.Name}},
		Spec: spec{
			Description: o.Description, Service: service, BudgetingMethod: "Occurrences",
			TimeWindow: []window{windowOf(o.Window)},
			Indicator:  &indicator{Metadata: metadata{Name: name}},
		},
	}
	if o.Tenant != "" {
		d.Metadata.Annotations[TenantAnnotation] = o.Tenant
	}
	promise := objective{Target: decimal(o.Target)}
	source := func(what string) *metric {
		return &metric{metricSource{Type: sourceType, Spec: map[string]any{"objective": o.Name, "events": what}}}
	}
	if o.Threshold > 0 {
		d.Metadata.Annotations[UnitAnnotation] = "us"
		d.Metadata.Annotations[KindAnnotation] = string(o.Kind)
		promise.Op, promise.Value = "lte", number(strconv.FormatInt(int64(o.Threshold/time.Microsecond), 10))
		d.Spec.Indicator.Spec.ThresholdMetric = source("duration")
	} else {
		d.Spec.Indicator.Spec.RatioMetric = &ratioMetric{Counter: true, Good: source("good"), Total: source("valid")}
	}
	if o.Kind == slo.TimeSlice {
		d.Spec.BudgetingMethod = "Timeslices"
		promise.TimeSliceTarget, promise.TimeSliceWindow = decimal(o.Slice), "1m"
	}
	d.Spec.Objectives = []objective{promise}
	return d
}

// dashed makes a name of letters, digits and dashes.
func dashed(k slo.Key) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(k.String()))
	return strings.Trim(name, "-")
}

// startTime is some beginning of a day, week, month and quarter: OpenSLO wants one.
const startTime = "2024-01-01 00:00:00"

func windowOf(w slo.Window) window {
	if w.Calendar == slo.Rolling {
		return window{Duration: formatDuration(w.Length), IsRolling: true}
	}
	zone := w.Zone
	if zone == "" {
		zone = "UTC"
	}
	return window{Duration: calendars[w.Calendar], Calendar: &calendar{StartTime: startTime, TimeZone: zone}}
}

// decimal writes a share without rounding.
func decimal(p slo.PPM) yaml.Node {
	s := fmt.Sprintf("%07d", int64(p))
	s = strings.TrimRight(s[:len(s)-6]+"."+s[len(s)-6:], "0")
	return number(strings.TrimSuffix(s, "."))
}

func number(s string) yaml.Node {
	return yaml.Node{Kind: yaml.ScalarNode, Tag: "!!float", Value: s}
}
