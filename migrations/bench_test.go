package migrations_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

// BenchmarkApplyAgain is what a start costs when the database is up to date.
func BenchmarkApplyAgain(b *testing.B) {
	conn, err := pgx.Connect(b.Context(), pgtest.Database(b, hostSet()))
	require.NoError(b, err)
	defer conn.Close(b.Context())
	for b.Loop() {
		if err := migrations.Apply(b.Context(), conn, hostSet()); err != nil {
			b.Fatal(err)
		}
	}
}
