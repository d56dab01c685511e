package flagsopenfeature

import (
	of "github.com/open-feature/go-sdk/openfeature"

	"github.com/transbotai/tenon/flags"
)

// resolutionErrors are made once, so that an evaluation that fails costs no memory. They name no flag: OpenFeature's
// details do.
var resolutionErrors = map[flags.Code]of.ResolutionError{
	flags.CodeNotReady:   of.NewProviderNotReadyResolutionError("no flags are loaded yet"),
	flags.CodeNotFound:   of.NewFlagNotFoundResolutionError("no such flag is stored"),
	flags.CodeParse:      of.NewParseErrorResolutionError("the stored flag cannot be read"),
	flags.CodeType:       of.NewTypeMismatchResolutionError("the flag has another type"),
	flags.CodeKeyMissing: of.NewTargetingKeyMissingResolutionError("the flag needs a targeting key or the attribute it is bucketed by"),
}

var errClosed = of.NewProviderNotReadyResolutionError("the provider was shut down")
