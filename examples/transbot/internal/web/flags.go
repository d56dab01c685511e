package web

import (
	"net/http"

	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/flags/flagshttp"
)

// The flags that the platform's code asks for. Off is the default of each in code, which the kill switch goes back to;
// what is on is so because it is stored.
var (
	ratesFlag     = flags.Bool("rates", false)
	directoryFlag = flags.Bool("directory", false)
	bulkFlag      = flags.Bool("bulk_rating", false)
)

// ofFeature are the flags that stand before features of the catalogue, by the feature's key.
var ofFeature = map[string]*flags.BoolFlag{"rates": ratesFlag, "directory": directoryFlag, "bulk_rating": bulkFlag}

// flagsAPI tells a company's programs what is switched on for it.
func (s *Server) flagsAPI() http.Handler {
	return http.StripPrefix("/api", flagshttp.Handler(s.Flags, whoAsks, &flagshttp.Options{Logger: s.Logger}))
}

// whoAsks is the company that calls.
func whoAsks(r *http.Request) (flags.Who, error) { return flags.Who{Tenant: company(r)}, nil }

// switchedOn lets requests of companies through that have the flag. It stands before everything that asks what a plan
// includes: what is not switched on cannot be bought.
func (s *Server) switchedOn(f *flags.BoolFlag) func(http.Handler) http.Handler {
	return flagshttp.Require(s.Flags, f, whoAsks, &flagshttp.Options{Logger: s.Logger})
}

// closed says why a feature is not switched on for a company, and is empty when it is, or when no flag stands before it.
func (s *Server) closed(company, feature string) string {
	f := ofFeature[feature]
	if f == nil {
		return ""
	}
	d := f.DetailFor(s.Flags, &flags.Who{Tenant: company})
	if d.Value {
		return ""
	}
	return flagshttp.Text(d)
}
