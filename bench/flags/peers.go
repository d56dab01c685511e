package flags

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	growthbook "github.com/growthbook/growthbook-golang"
	"github.com/launchdarkly/go-sdk-common/v3/ldcontext"
	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"
	"github.com/launchdarkly/go-server-sdk-evaluation/v3/ldbuilders"
	"github.com/launchdarkly/go-server-sdk-evaluation/v3/ldmodel"
	ld "github.com/launchdarkly/go-server-sdk/v7"
	"github.com/launchdarkly/go-server-sdk/v7/ldcomponents"
	"github.com/launchdarkly/go-server-sdk/v7/testhelpers/ldtestdata"
	"github.com/open-feature/go-sdk/openfeature"
	"github.com/open-feature/go-sdk/openfeature/memprovider"
)

// evaluate asks for a flag and the i-th tenant.
type evaluate func(key string, i int) bool

// launchDarkly evaluates in memory, with its events off.
func launchDarkly() (evaluate, func() error, error) {
	source := ldtestdata.DataSource()
	base := func(key string, fallthroughTo int) *ldbuilders.FlagBuilder {
		return ldbuilders.NewFlagBuilder(key).Version(1).On(true).Variations(ldvalue.Bool(true), ldvalue.Bool(false)).
			OffVariation(1).FallthroughVariation(fallthroughTo).Salt(key)
	}
	rolledOut := func(key string) ldmodel.FeatureFlag {
		return base(key, 1).Fallthrough(ldbuilders.Rollout(
			ldbuilders.Bucket(0, percent*1000), ldbuilders.Bucket(1, (100-percent)*1000))).Build()
	}
	source.UsePreconfiguredFlag(base("on", 0).Build())
	source.UsePreconfiguredFlag(rolledOut("rollout"))
	source.UsePreconfiguredFlag(base("rule", 1).AddRule(ldbuilders.NewRuleBuilder().ID("r").Variation(0).Clauses(
		ldbuilders.Clause("country", ldmodel.OperatorIn, ldvalue.String("US"), ldvalue.String("CA"), ldvalue.String("GB")),
		ldbuilders.Clause("plan", ldmodel.OperatorIn, ldvalue.String(plan)),
		ldbuilders.Clause("seats", ldmodel.OperatorGreaterThanOrEqual, ldvalue.Int(50)),
	)).Build())
	for _, key := range manyKeys {
		source.UsePreconfiguredFlag(rolledOut(key))
	}
	client, err := ld.MakeCustomClient("none", ld.Config{
		DataSource: source, Events: ldcomponents.NoEvents(), DiagnosticOptOut: true, Logging: ldcomponents.NoLogging(),
	}, 5*time.Second)
	if err != nil {
		return nil, nil, err
	}
	contexts := make([]ldcontext.Context, tenantCount)
	for i := range contexts {
		contexts[i] = ldcontext.NewBuilder(tenants[i]).SetString("country", country).SetString("plan", plan).SetInt("seats", seats).Build()
	}
	return func(key string, i int) bool {
		on, _ := client.BoolVariation(key, contexts[i], false)
		return on
	}, client.Close, nil
}

// growthBook has a client for each tenant, as it is meant to be used.
func growthBook(ctx context.Context) (evaluate, error) {
	rolledOut := map[string]any{"defaultValue": false, "rules": []any{
		map[string]any{"force": true, "coverage": percent / 100.0, "hashAttribute": "id", "hashVersion": 2},
	}}
	features := map[string]any{
		"on": map[string]any{"defaultValue": true}, "rollout": rolledOut,
		"rule": map[string]any{"defaultValue": false, "rules": []any{map[string]any{"force": true, "condition": map[string]any{
			"country": map[string]any{"$in": []string{"US", "CA", "GB"}}, "plan": plan, "seats": map[string]any{"$gte": 50},
		}}}},
	}
	for _, key := range manyKeys {
		features[key] = rolledOut
	}
	text, err := json.Marshal(features)
	if err != nil {
		return nil, err
	}
	root, err := growthbook.NewClient(ctx, growthbook.WithJsonFeatures(string(text)))
	if err != nil {
		return nil, err
	}
	clients := make([]*growthbook.Client, tenantCount)
	for i := range clients {
		clients[i], err = root.WithAttributes(growthbook.Attributes(attributes(i)))
		if err != nil {
			return nil, err
		}
		clients[i].EvalFeature(ctx, "on")
	}
	return func(key string, i int) bool { return clients[i].EvalFeature(ctx, key).On }, nil
}

func attributes(i int) map[string]any {
	return map[string]any{"id": tenants[i], "country": country, "plan": plan, "seats": seats}
}

// inMemory is OpenFeature's client over its in-memory provider, which leaves the evaluation to functions.
func inMemory(ctx context.Context) (evaluate, error) {
	flags := map[string]memprovider.InMemoryFlag{
		"on": switchable(func(openfeature.FlattenedContext) bool { return true }), "rollout": switchable(rolledOutTo("rollout")),
		"rule": switchable(func(c openfeature.FlattenedContext) bool {
			from, _ := c["country"].(string)
			on, _ := c["plan"].(string)
			n, _ := c["seats"].(int)
			return (from == "US" || from == "CA" || from == "GB") && on == plan && n >= 50
		}),
	}
	for _, key := range manyKeys {
		flags[key] = switchable(rolledOutTo(key))
	}
	const domain = "in-memory"
	if err := openfeature.SetNamedProviderAndWait(domain, memprovider.NewInMemoryProvider(flags)); err != nil {
		return nil, err
	}
	client := openfeature.NewClient(domain)
	contexts := make([]openfeature.EvaluationContext, tenantCount)
	for i := range contexts {
		a := attributes(i)
		delete(a, "id")
		contexts[i] = openfeature.NewEvaluationContext(tenants[i], a)
	}
	return func(key string, i int) bool {
		on, _ := client.BooleanValue(ctx, key, false, contexts[i])
		return on
	}, nil
}

func rolledOutTo(key string) func(openfeature.FlattenedContext) bool {
	seed := fnv(fnvOffset, key+".")
	return func(c openfeature.FlattenedContext) bool {
		tenant, _ := c[openfeature.TargetingKey].(string)
		return bucket(fnv(seed, tenant)) < percent*all/100
	}
}

func switchable(on func(openfeature.FlattenedContext) bool) memprovider.InMemoryFlag {
	evaluator := func(_ memprovider.InMemoryFlag, c openfeature.FlattenedContext) (any, openfeature.ProviderResolutionDetail) {
		v := on(c)
		return v, openfeature.ProviderResolutionDetail{Variant: map[bool]string{true: "on", false: "off"}[v], Reason: openfeature.TargetingMatchReason}
	}
	return memprovider.InMemoryFlag{
		State: memprovider.Enabled, DefaultVariant: "off", Variants: map[string]any{"on": true, "off": false}, ContextEvaluator: &evaluator,
	}
}

var errWrong = errors.New("the answer is wrong")
