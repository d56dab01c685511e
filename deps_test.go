package tenon_test

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/transbotai/tenon"

// features are the packages that must not know of each other.
var features = []string{"audit", "directory", "entitlements", "flags", "gdpr", "kpi", "notify", "ratelimit", "slo", "support"}

// suffixes are the endings of a feature's adapters, and what each may bring beside the standard library and this module.
var suffixes = map[string][]string{
	"":            {},
	"pg":          {"github.com/jackc/pgx/v5"},
	"redis":       {"github.com/redis/go-redis/v9"},
	"stripe":      {"github.com/stripe/stripe-go/v76", "golang.org/x/time/rate"},
	"http":        {},
	"isolation":   {"github.com/jackc/pgx/v5"},
	"test":        {},
	"openfeature": {"github.com/open-feature/go-sdk"},
	"prom":        {"github.com/prometheus/client_golang"},
	"openslo":     {"go.yaml.in/yaml"},
}

// goPackage is what the go command says of a package.
type goPackage struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) map[string]goPackage {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", "./...").Output()
	require.NoError(t, err)
	found := map[string]goPackage{}
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var p goPackage
		require.NoError(t, d.Decode(&p))
		found[p.ImportPath] = p
	}
	return found
}

// split tells a feature's package apart: its feature, and the suffix of an adapter; "" for the core.
func split(path string) (feature, suffix string, ok bool) {
	rest, ok := strings.CutPrefix(path, module+"/")
	if !ok {
		return "", "", false
	}
	feature, adapter, _ := strings.Cut(rest, "/")
	if !slices.Contains(features, feature) {
		return "", "", false
	}
	return feature, strings.TrimPrefix(adapter, feature), true
}

func isStandard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}

func within(path string, roots []string) bool {
	return slices.ContainsFunc(roots, func(root string) bool { return path == root || strings.HasPrefix(path, root+"/") })
}

func TestRootImportsTheStandardLibraryAlone(t *testing.T) {
	t.Parallel()
	p, ok := packages(t)[module]
	require.True(t, ok)
	for _, imported := range p.Imports {
		require.True(t, isStandard(imported), imported)
	}
}

// shared are the packages that cores have in common beside package tenon. They import what cores may.
var shared = []string{
	module + "/internal/civil", module + "/internal/option", module + "/internal/spool", module + "/internal/storeclock",
	module + "/internal/tell",
}

func TestCoresImportTheStandardLibraryAndTenon(t *testing.T) {
	t.Parallel()
	cores := 0
	for path, p := range packages(t) {
		feature, suffix, ok := split(path)
		if (!ok || suffix != "") && !slices.Contains(shared, path) {
			continue
		}
		cores++
		for _, imported := range p.Imports {
			require.NotEqual(t, "testing", imported, path)
			require.False(t, within(imported, []string{"net/http", "database/sql"}), "%s imports %s", path, imported)
			allowed := isStandard(imported) || imported == module || slices.Contains(shared, imported) || feature == "ratelimit" && imported == "golang.org/x/time/rate"
			require.True(t, allowed, "%s imports %s", path, imported)
		}
	}
	require.Positive(t, cores)
}

func TestNoFeatureImportsAnother(t *testing.T) {
	t.Parallel()
	for path, p := range packages(t) {
		feature, _, ok := split(path)
		if !ok {
			continue
		}
		for _, imported := range p.Imports {
			if other, _, ok := split(imported); ok {
				require.Equal(t, feature, other, "%s imports %s", path, imported)
			}
		}
	}
}

func TestAdaptersBringWhatTheirSuffixSays(t *testing.T) {
	t.Parallel()
	adapters := 0
	for path, p := range packages(t) {
		feature, suffix, ok := split(path)
		if !ok || suffix == "" {
			continue
		}
		brings, known := suffixes[suffix]
		require.True(t, known, "%s: the suffix %q is not on the list", path, suffix)
		adapters++
		for _, imported := range p.Imports {
			if isStandard(imported) || within(imported, []string{module}) {
				continue
			}
			words := feature == "ratelimit" && imported == "golang.org/x/time/rate" // as its core
			require.True(t, words || within(imported, brings), "%s imports %s", path, imported)
		}
		if suffix == "test" {
			require.NotContains(t, p.Imports, "github.com/stretchr/testify/require", path)
		}
	}
	require.Positive(t, adapters)
}

func TestNoPackageIsNamedAfterNothing(t *testing.T) {
	t.Parallel()
	for path := range packages(t) {
		for part := range strings.SplitSeq(path, "/") {
			require.NotContains(t, []string{"util", "utils", "common", "helpers", "types", "models"}, part, path)
		}
	}
}
