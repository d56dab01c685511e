package flags

import (
	"context"

	"github.com/open-feature/go-sdk/openfeature"
	"github.com/open-feature/go-sdk/openfeature/isolated"

	"github.com/transbotai/tenon/bench/lab"
	"github.com/transbotai/tenon/bench/measure"
	"github.com/transbotai/tenon/bench/report"
	"github.com/transbotai/tenon/flags/flagsopenfeature"
)

// providerTarget is what the provider may take, in times of the floor, beneath the client.
const providerTarget = 8

// compareOpenFeature measures the provider as OpenFeature's client calls it, and the client with it.
func compareOpenFeature(ctx context.Context, l *lab.Lab, s *report.Section) error {
	all, err := openFeatureWays(ctx)
	if err != nil {
		return err
	}
	t := report.Table{
		Title: "Beneath OpenFeature",
		Text:  "The provider is called as the client calls it, with the flattened context of a tenant and three attributes. The last two columns are whole evaluations by the client.",
	}
	for i := range all {
		if err := all[i].verify(i == 0 || i == 2); err != nil {
			return err
		}
		t.Columns = append(t.Columns, all[i].name)
	}
	for c := range cases {
		if err := compareProvider(ctx, l, s, &t, all, c); err != nil {
			return err
		}
	}
	s.Tables = append(s.Tables, t)
	return nil
}

// openFeatureWays returns the provider, the floor, and the client over the provider and over OpenFeature's in-memory
// provider.
func openFeatureWays(ctx context.Context) ([]way, error) {
	set, err := loaded(ctx)
	if err != nil {
		return nil, err
	}
	provider, api := flagsopenfeature.New(set, nil), isolated.NewAPI()
	if err := api.SetProviderAndWait(ctx, provider); err != nil {
		return nil, err
	}
	memory, err := inMemory(ctx)
	if err != nil {
		return nil, err
	}
	client := api.NewClient()
	flat, contexts := make([]openfeature.FlattenedContext, tenantCount), make([]openfeature.EvaluationContext, tenantCount)
	for i := range tenantCount {
		a := attributes(i)
		delete(a, "id")
		contexts[i] = openfeature.NewEvaluationContext(tenants[i], a)
		flat[i] = openfeature.FlattenedContext(a)
		flat[i][openfeature.TargetingKey] = tenants[i]
	}
	return []way{
		peerOf("provider", nearLoops/5, func(key string, i int) bool {
			return provider.BooleanEvaluation(ctx, key, false, flat[i]).Value
		}),
		bare(),
		peer("client and provider", func(key string, i int) bool {
			on, _ := client.BooleanValue(ctx, key, false, contexts[i])
			return on
		}),
		peer("client and in-memory provider", memory),
	}, nil
}

func compareProvider(ctx context.Context, l *lab.Lab, s *report.Section, t *report.Table, all []way, c int) error {
	l.Say("flags: %s, beneath OpenFeature", cases[c].name)
	contenders := make([]measure.Contender, len(all))
	for i, w := range all {
		loop := w.loop(c)
		contenders[i] = func(context.Context) (float64, error) {
			return measure.Loop(1, l.Size(w.loops), loop).Nanoseconds, nil
		}
	}
	series, err := measure.Interleave(ctx, l.Rounds, contenders...)
	if err != nil {
		return err
	}
	row := report.Row{
		Case:   cases[c].name + ": the provider over the floor",
		Figure: report.Over(series[0], series[1]),
		Target: report.Target{Bound: report.AtMost, Value: providerTarget},
	}
	for i, one := range series {
		row.Cells = append(row.Cells, report.Spread(one, report.Nanoseconds))
		s.Samples = append(s.Samples, report.Sample{
			Name: slug("openfeature/" + cases[c].name + "/" + all[i].name), Unit: report.Nanoseconds, Series: one,
		})
	}
	t.Rows = append(t.Rows, row)
	return nil
}
