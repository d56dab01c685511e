package ratelimitpg_test

import (
	"testing"

	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
	"github.com/transbotai/tenon/ratelimit/ratelimittest"
)

func TestStoreThroughPgBouncer(t *testing.T) {
	t.Parallel()
	pooler := pgtest.Pooler(t)
	for _, mode := range pgtest.ExecModes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			url := pgtest.Database(t, migrations.Ratelimit)
			ratelimittest.TestStore(t, newStores(pgtest.Connect(t, pgtest.Pooled(pooler, url, mode))))
		})
	}
}
