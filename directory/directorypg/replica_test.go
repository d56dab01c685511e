package directorypg_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/directory/directorypg"
	"github.com/transbotai/tenon/internal/pgtest"
)

// A database that holds something else stands for the replica, so that one sees which of the two answered.
func TestTheReplicaAnswersSearchesOutsideOfTransactions(t *testing.T) {
	t.Parallel()
	primary, replica := database(t), database(t)
	publish(t, bookAt(directorypg.New(primary, nil), noon, nil), "acme", profile("Freight New"))
	publish(t, bookAt(directorypg.New(replica, nil), noon, nil), "acme", profile("Freight Old"))
	opts := &directorypg.Options{Replica: replica}
	book := bookAt(directorypg.New(primary, opts), noon, nil)
	bound := bookAt(directorypg.New(pgtest.Begin(t, primary), opts), noon, nil)
	for _, s := range []directory.Search{{Text: "freight"}, {Services: []string{"ltl"}, Regions: []string{"us-ca"}}} {
		require.Equal(t, []string{"Freight Old"}, found(t, book, s))
		require.Equal(t, []string{"Freight New"}, found(t, bound, s))
	}
	kept, err := book.List(t.Context(), directory.ListQuery{Tenant: "acme"})
	require.NoError(t, err)
	require.Len(t, kept, 1)
	require.Equal(t, "Freight New", kept[0].Draft.Name, "drafts are read where they are written")
}
