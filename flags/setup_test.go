package flags_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/flags/flagstest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares got with the file of that name under testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

// parse reads a definition that must be right.
func parse(t *testing.T, text string) flags.Definition {
	t.Helper()
	d, err := flags.ParseDefinition(strings.NewReader(text))
	require.NoError(t, err)
	return d
}

// load returns a set of the definitions, written in JSON.
func load(t *testing.T, definitions ...string) *flags.Set {
	t.Helper()
	var all []flags.Definition
	for _, text := range definitions {
		all = append(all, parse(t, text))
	}
	return flagstest.Set(t, all...)
}

// segment stores a segment, written in JSON.
func segment(t *testing.T, set *flags.Set, text string) {
	t.Helper()
	s, err := flags.ParseSegment(bytes.NewReader([]byte(text)))
	require.NoError(t, err)
	_, err = set.PutSegment(t.Context(), s, "")
	require.NoError(t, err)
}

// tenants returns n tenants' names.
func tenants(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("tenant-%06d", i)
	}
	return all
}

// population is what a host supplies.
func population(names ...string) func(context.Context) ([]flags.Who, error) {
	var all []flags.Who
	for _, name := range names {
		all = append(all, flags.Who{Tenant: name})
	}
	return func(context.Context) ([]flags.Who, error) { return all, nil }
}

// share counts the tenants for whom the flag is on.
func share(set *flags.Set, key string, of []string) int {
	n := 0
	for _, tenant := range of {
		if on, _ := set.Evaluate(key, &flags.Who{Tenant: tenant}).Value.(bool); on {
			n++
		}
	}
	return n
}
