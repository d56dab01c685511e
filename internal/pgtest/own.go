package pgtest

import (
	"context"

	"github.com/transbotai/tenon/migrations"
)

// Own starts a server that is the test's alone, to be paused, killed and restarted, with these sets applied to its
// database postgres. It is stopped when the test ends.
func Own(t TB, opts *Options, sets ...migrations.Set) *Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	server, err := Start(ctx, opts)
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Logf("%v", err)
		}
	})
	if err := apply(ctx, server.URL("postgres"), sets); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	return server
}
