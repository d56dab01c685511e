// Package flagsopenfeature lets a program ask a [flags.Set] by OpenFeature's API.
//
//	provider := flagsopenfeature.New(set, nil)
//	if err := openfeature.SetProviderWithContextAndWait(ctx, provider); err != nil {
//		return err
//	}
//	client := openfeature.NewClient("quotes")
//	on, err := client.BooleanValue(ctx, "bulk_rating", false, openfeature.NewEvaluationContext("acme", nil))
//
// # Context
//
// The targeting key is the tenant. Where the evaluation context has none, the tenant of the [tenon.Caller] in the
// context.Context counts, and then what [flags.With] put there. Attributes are text, numbers, truths and time.Time;
// numbers of every Go type count as one kind, and what is none of these, null included, is as if it were not there. What the
// evaluation context has wins over [flags.With].
//
// # Answers
//
// Value, variant and reason are the set's own. Reasons and error codes have OpenFeature's names already; a flag whose
// prerequisite does not hold has the reason [flags.ReasonPrerequisite], which OpenFeature lets a provider add. Integers
// are not read as floats: another type gives TYPE_MISMATCH. Objects are copied, so that a caller may change what it got.
// The metadata holds the flag's own and, under [VersionKey], its version. Nothing is cached, so no reason is CACHED.
//
// # Status and events
//
// Setting the provider loads the set when nobody has. When neither the store nor the copy on disk can be read the
// provider is in error until the set is loaded: PROVIDER_READY follows by itself. It is stale when the set is: from
// the copy on disk, or when the store has not answered for long. Each change of what is live is a
// PROVIDER_CONFIGURATION_CHANGED with the keys of the flags that may answer otherwise. Events never hold up the set:
// when nobody takes them, the changes that wait are told as one.
//
// The provider does not run the set: the host calls [flags.Set.Run], and ends it after the API's shutdown. A provider
// that was shut down answers PROVIDER_NOT_READY, and may be set again.
package flagsopenfeature
