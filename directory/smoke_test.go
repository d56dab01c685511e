package directory_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/directory"
)

func TestSmoke(t *testing.T) {
	ctx := context.Background()
	b := directory.NewBook(directory.NewMemoryStore(nil), nil)
	d, err := b.Create(ctx, "acme", directory.Profile{Name: "Müller Freight Carriers", Services: []string{"ltl"}, Regions: []string{"us-ca"}, Public: true})
	require.NoError(t, err)
	_, err = b.Submit(ctx, d.Ref, 1)
	require.NoError(t, err)
	_, err = b.Publish(ctx, d.Ref, 1)
	require.NoError(t, err)
	for _, q := range []string{"muller", "carrier", "frieght", "carr", "mueller"} {
		p, err := b.Search(ctx, directory.Search{Text: q, Facets: []directory.Facet{"services"}})
		require.NoError(t, err)
		fmt.Printf("%s %+v\n", q, p)
	}
}
