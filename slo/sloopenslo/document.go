package sloopenslo

import "go.yaml.in/yaml/v3"

// The annotations by which a document says what OpenSLO has no field for.
const (
	NameAnnotation   = "tenon/name"
	TenantAnnotation = "tenon/tenant"
	KindAnnotation   = "tenon/kind"
	UnitAnnotation   = "tenon/unit" // of the threshold: us, ms or s
)

const apiVersion = "openslo/v1"

// document is what this package knows of an OpenSLO document of kind SLO.
type document struct {
	APIVersion string   `yaml:"apiVersion"`
	Kind       string   `yaml:"kind"`
	Metadata   metadata `yaml:"metadata"`
	Spec       spec     `yaml:"spec"`
}

type metadata struct {
	Name        string            `yaml:"name"`
	DisplayName string            `yaml:"displayName,omitempty"`
	Annotations map[string]string `yaml:"annotations,omitempty"`
}

type spec struct {
	Description     string      `yaml:"description,omitempty"`
	Service         string      `yaml:"service"`
	Indicator       *indicator  `yaml:"indicator,omitempty"`
	IndicatorRef    string      `yaml:"indicatorRef,omitempty"`
	TimeWindow      []window    `yaml:"timeWindow"`
	BudgetingMethod string      `yaml:"budgetingMethod"`
	Objectives      []objective `yaml:"objectives"`
	AlertPolicies   []yaml.Node `yaml:"alertPolicies,omitempty"`
}

type indicator struct {
	Metadata metadata      `yaml:"metadata"`
	Spec     indicatorSpec `yaml:"spec"`
}

type indicatorSpec struct {
	RatioMetric     *ratioMetric     `yaml:"ratioMetric,omitempty"`
	ThresholdMetric *thresholdMetric `yaml:"thresholdMetric,omitempty"`
}

type ratioMetric struct {
	Counter bool    `yaml:"counter"`
	Good    *metric `yaml:"good,omitempty"`
	Bad     *metric `yaml:"bad,omitempty"`
	Total   *metric `yaml:"total,omitempty"`
	Raw     *metric `yaml:"raw,omitempty"`
}

type metric struct {
	MetricSource metricSource `yaml:"metricSource"`
}

// thresholdMetric holds its source directly.
type thresholdMetric = metric

type metricSource struct {
	Type string         `yaml:"type,omitempty"`
	Spec map[string]any `yaml:"spec"`
}

type window struct {
	Duration  string    `yaml:"duration"`
	IsRolling bool      `yaml:"isRolling"`
	Calendar  *calendar `yaml:"calendar,omitempty"`
}

type calendar struct {
	StartTime string `yaml:"startTime"`
	TimeZone  string `yaml:"timeZone"`
}

// objective keeps numbers as they are written, so that 0.999 stays exact.
type objective struct {
	DisplayName     string    `yaml:"displayName,omitempty"`
	Op              string    `yaml:"op,omitempty"`
	Value           yaml.Node `yaml:"value,omitempty"`
	Target          yaml.Node `yaml:"target,omitempty"`
	TargetPercent   yaml.Node `yaml:"targetPercent,omitempty"`
	TimeSliceTarget yaml.Node `yaml:"timeSliceTarget,omitempty"`
	TimeSliceWindow string    `yaml:"timeSliceWindow,omitempty"`
	CompositeWeight yaml.Node `yaml:"compositeWeight,omitempty"`
	Indicator       yaml.Node `yaml:"indicator,omitempty"`
	IndicatorRef    string    `yaml:"indicatorRef,omitempty"`
}

// Warning is something that one side says and the other has no counterpart for.
type Warning struct {
	Name string // of the SLO, or of another document
	Text string
}

// String returns both.
func (w Warning) String() string { return w.Name + ": " + w.Text }
