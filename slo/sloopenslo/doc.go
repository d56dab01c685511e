// Package sloopenslo reads and writes objectives as OpenSLO v1 (https://github.com/OpenSLO/OpenSLO).
//
//	objectives, warnings, err := sloopenslo.Read(file, nil)
//	warnings, err := sloopenslo.Write(os.Stdout, objectives, &sloopenslo.Options{Service: "freight"})
//
// What one side cannot say is told by a [Warning] and never silently lost. An objective that cannot be right is an error.
//
// # Reading
//
// A ratioMetric is a Ratio; a thresholdMetric is a Latency, or by the annotation [KindAnnotation] a Freshness; the method
// Timeslices is a TimeSlice of minutes. Where metrics come from is left to the host, which counts by a Recorder or from
// its tables, so queries are dropped, with a warning. A document has the durations of OpenSLO: 1m is a minute and 1M a
// month. A rolling month is taken for 30 days, and a quarter for 90, with a warning.
//
// OpenSLO gives a threshold no unit: Options.Unit says what it is, unless [UnitAnnotation] does.
//
// # Writing
//
// Names keep their underscores in [NameAnnotation], since OpenSLO's names have none. The metric sources are placeholders of
// the type tenon: what is counted is known to the host alone.
package sloopenslo
