package sloopenslo

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/slo"
)

// The most that is read.
const (
	maxBytes     = 1 << 20
	maxDocuments = 1000
)

// Options of [Read] and [Write]. The zero value of each field has the documented meaning.
type Options struct {
	// Unit is what thresholds are in, where a document does not say; 0 means milliseconds.
	Unit time.Duration
	// Service is the service that written documents name; empty means "default".
	Service string
}

func (o *Options) withDefaults() Options {
	var v Options
	if o != nil {
		v = *o
	}
	v.Unit = cmp.Or(v.Unit, time.Millisecond)
	v.Service = cmp.Or(v.Service, "default")
	return v
}

// Read reads documents, of which those of kind SLO are objectives. What is not OpenSLO v1, or describes no objective
// that can be right, is a [tenon.ErrInvalid] that names the document. At most 1 MiB and 1,000 documents are read.
func Read(r io.Reader, opts *Options) ([]slo.Objective, []Warning, error) {
	reading := &reading{options: opts.withDefaults(), indicators: map[string]indicatorSpec{}}
	err := reading.read(r)
	for _, d := range reading.documents {
		if err == nil {
			err = reading.add(d)
		}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("sloopenslo: %w", err)
	}
	return reading.found, reading.warnings, nil
}

// reading is what was read so far.
type reading struct {
	options    Options
	documents  []document // of kind SLO
	indicators map[string]indicatorSpec
	found      []slo.Objective
	warnings   []Warning
}

func (r *reading) warn(name, format string, args ...any) {
	r.warnings = append(r.warnings, Warning{name, fmt.Sprintf(format, args...)})
}

func (r *reading) read(from io.Reader) error {
	limited := &io.LimitedReader{R: from, N: maxBytes + 1}
	decoder := yaml.NewDecoder(limited)
	for n := 0; ; n++ {
		var node yaml.Node
		err := decoder.Decode(&node)
		switch {
		case limited.N <= 0:
			return tenon.Invalid("input", "is longer than %d bytes", maxBytes)
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return tenon.Invalid("input", "is not YAML: %v", err)
		case n == maxDocuments:
			return tenon.Invalid("input", "has more than %d documents", maxDocuments)
		}
		if err := r.sort(&node); err != nil {
			return err
		}
	}
}

// sort puts a document where it belongs.
func (r *reading) sort(node *yaml.Node) error {
	var head struct {
		APIVersion string   `yaml:"apiVersion"`
		Kind       string   `yaml:"kind"`
		Metadata   metadata `yaml:"metadata"`
	}
	if err := node.Decode(&head); err != nil {
		return tenon.Invalid("input", "is no document of OpenSLO: %v", err)
	}
	if head.APIVersion != apiVersion {
		return tenon.Invalid("apiVersion", "of %q is %q, not %s", head.Metadata.Name, head.APIVersion, apiVersion)
	}
	switch head.Kind {
	case "SLO":
		var d document
		if err := node.Decode(&d); err != nil {
			return tenon.Invalid(head.Metadata.Name, "is no SLO: %v", err)
		}
		r.documents = append(r.documents, d)
	case "SLI":
		var i indicator
		if err := node.Decode(&i); err != nil {
			return tenon.Invalid(head.Metadata.Name, "is no SLI: %v", err)
		}
		r.indicators[i.Metadata.Name] = i.Spec
	default:
		r.warn(head.Metadata.Name, "a document of kind %s has no counterpart", head.Kind)
	}
	return nil
}

// add makes the objectives of a document.
func (r *reading) add(d document) error {
	name := cmp.Or(d.Metadata.Annotations[NameAnnotation], d.Metadata.Name)
	invalid := func(err error) error { return fmt.Errorf("%s: %w", name, err) }
	base := slo.Objective{
		Key:         slo.Key{Tenant: d.Metadata.Annotations[TenantAnnotation], Name: name},
		Description: cmp.Or(d.Spec.Description, d.Metadata.DisplayName),
	}
	var err error
	if base.Window, err = r.window(name, d.Spec.TimeWindow); err != nil {
		return invalid(err)
	}
	measured, err := r.indicator(name, d.Spec)
	if err != nil {
		return invalid(err)
	}
	if len(d.Spec.AlertPolicies) > 0 {
		r.warn(name, "alert policies are dropped: burn alerts fit the window by themselves")
	}
	if len(d.Spec.Objectives) == 0 {
		return invalid(tenon.Invalid("objectives", "is empty"))
	}
	for i, o := range d.Spec.Objectives {
		next := base
		if len(d.Spec.Objectives) > 1 {
			next.Name = name + "-" + strconv.Itoa(i+1)
		}
		if err := r.fill(&next, d, measured, o); err != nil {
			return invalid(fmt.Errorf("objectives[%d]: %w", i, err))
		}
		r.found = append(r.found, next)
	}
	return nil
}

func (r *reading) window(name string, windows []window) (slo.Window, error) {
	if len(windows) != 1 {
		return slo.Window{}, tenon.Invalid("timeWindow", "has %d windows, not one", len(windows))
	}
	w := windows[0]
	d, err := parseDuration(w.Duration)
	if err != nil {
		return slo.Window{}, err
	}
	if w.IsRolling {
		if units[d.unit].nominal {
			r.warn(name, "a rolling window of %s is taken for %d days", w.Duration, int64(d.length()/day))
		}
		return slo.Window{Length: d.length()}, nil
	}
	found := units[d.unit].calendar
	if found == slo.Rolling || d.n != 1 {
		return slo.Window{}, tenon.Invalid("duration", "a calendar window is 1d, 1w, 1M or 1Q")
	}
	next := slo.Window{Calendar: found}
	if w.Calendar != nil {
		next.Zone = w.Calendar.TimeZone
		r.warn(name, "the start %q is dropped: a calendar window begins with its %s", w.Calendar.StartTime, found)
	}
	return next, nil
}

// indicator returns how events are measured: by a ratio or by a threshold.
func (r *reading) indicator(name string, s spec) (indicatorSpec, error) {
	var found indicatorSpec
	switch {
	case s.Indicator != nil:
		found = s.Indicator.Spec
	case s.IndicatorRef != "":
		var ok bool
		if found, ok = r.indicators[s.IndicatorRef]; !ok {
			return found, tenon.Invalid("indicatorRef", "%q is not among the documents", s.IndicatorRef)
		}
	default:
		return found, tenon.Invalid("indicator", "is missing")
	}
	if (found.RatioMetric == nil) == (found.ThresholdMetric == nil) {
		return found, tenon.Invalid("indicator", "has neither or both of ratioMetric and thresholdMetric")
	}
	if found.RatioMetric != nil && found.RatioMetric.Raw != nil {
		return found, tenon.Invalid("indicator", "a raw ratio cannot be counted: events are")
	}
	if !found.placeholder() {
		r.warn(name, "metric sources are dropped: count by a recorder or from a table")
	}
	return found, nil
}

// placeholder says whether the sources are those that Write makes.
func (s indicatorSpec) placeholder() bool {
	if s.ThresholdMetric != nil {
		return s.ThresholdMetric.MetricSource.Type == sourceType
	}
	m := s.RatioMetric.Total
	return m != nil && m.MetricSource.Type == sourceType
}

// fill says what the objective promises.
func (r *reading) fill(next *slo.Objective, d document, measured indicatorSpec, o objective) (err error) {
	if next.Target, err = target(o); err != nil {
		return err
	}
	if !o.CompositeWeight.IsZero() || !o.Indicator.IsZero() || o.IndicatorRef != "" {
		return tenon.Invalid("indicator", "composite objectives have no counterpart")
	}
	next.Kind = slo.Ratio
	if measured.ThresholdMetric != nil {
		if next.Kind = slo.Kind(cmp.Or(d.Metadata.Annotations[KindAnnotation], string(slo.Latency))); next.Kind != slo.Freshness {
			next.Kind = slo.Latency
		}
		if next.Threshold, err = r.threshold(next.Name, d.Metadata.Annotations[UnitAnnotation], o); err != nil {
			return err
		}
	}
	switch d.Spec.BudgetingMethod {
	case "Occurrences":
	case "Timeslices":
		if err := r.slices(next, o); err != nil {
			return err
		}
	default:
		return tenon.Invalid("budgetingMethod", "%q has no counterpart", d.Spec.BudgetingMethod)
	}
	return next.Check()
}

func (r *reading) slices(next *slo.Objective, o objective) (err error) {
	next.Kind = slo.TimeSlice
	if o.TimeSliceTarget.IsZero() {
		return tenon.Invalid("timeSliceTarget", "is missing")
	}
	if next.Slice, err = slo.ParsePPM(o.TimeSliceTarget.Value); err != nil {
		return tenon.Invalid("timeSliceTarget", "is not a share such as 0.95")
	}
	if o.TimeSliceWindow != "1m" {
		r.warn(next.Name, "slices of %q are taken for slices of a minute", o.TimeSliceWindow)
	}
	return nil
}

// target reads a share exactly as it is written.
func target(o objective) (slo.PPM, error) {
	text := o.Target.Value
	switch {
	case o.Target.IsZero() == o.TargetPercent.IsZero():
		return 0, tenon.Invalid("target", "is missing, or given twice")
	case o.Target.IsZero():
		text = o.TargetPercent.Value + "%"
	}
	p, err := slo.ParsePPM(text)
	if err != nil {
		return 0, tenon.Invalid("target", "is not a share such as 0.999, or finer than a millionth")
	}
	return p, nil
}

// unitsOf are the units that an annotation may name.
var unitsOf = map[string]time.Duration{"us": time.Microsecond, "ms": time.Millisecond, "s": time.Second}

func (r *reading) threshold(name, unit string, o objective) (time.Duration, error) {
	length, known := unitsOf[unit]
	switch {
	case o.Op != "lte" && o.Op != "lt":
		return 0, tenon.Invalid("op", "is %q; only lte and lt can be counted", o.Op)
	case unit == "":
		length = r.options.Unit
		r.warn(name, "the threshold is taken to be in units of %s", length)
	case !known:
		return 0, tenon.Invalid(UnitAnnotation, "is %q, not us, ms or s", unit)
	}
	if o.Op == "lt" {
		r.warn(name, "the threshold itself counts as good")
	}
	v, err := strconv.ParseFloat(o.Value.Value, 64)
	exact, ok := new(big.Rat).SetString(strconv.FormatFloat(v, 'f', -1, 64))
	if err != nil || !ok || v <= 0 || v > 1e9 {
		return 0, tenon.Invalid("value", "is not a positive number")
	}
	exact.Mul(exact, big.NewRat(int64(length), int64(time.Microsecond)))
	if !exact.IsInt() || !exact.Num().IsInt64() || exact.Num().Int64() > int64(366*day/time.Microsecond) {
		return 0, tenon.Invalid("value", "is not of whole microseconds, or longer than a year")
	}
	return time.Duration(exact.Num().Int64()) * time.Microsecond, nil
}
