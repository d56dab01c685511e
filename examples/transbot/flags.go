package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/examples/transbot/internal/freight"
	"github.com/transbotai/tenon/examples/transbot/internal/ops"
	"github.com/transbotai/tenon/examples/transbot/internal/web"
	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/flags/flagspg"
	"github.com/transbotai/tenon/listenpg"
)

//go:embed flags.json
var flagsFile []byte

// maxPopulation bounds how many companies a stage of a ramp chooses from.
const maxPopulation = 100_000

// newFlags returns the set that says what is switched on for whom. A change is live in every instance as soon as
// Postgres tells of it.
//
// A ramp may wait for the release policy: it stays where it is while releases are frozen, and goes back when what was
// released breaks a promise.
func newFlags(pool *pgxpool.Pool, listener *listenpg.Listener, policy tenon.Guard, recorder func(pgx.Tx) tenon.Recorder, logger *slog.Logger) *flags.Set {
	store := flagspg.New(pool, &flagspg.Options{Listener: listener, Notifier: ops.Tell, Recorder: recorder})
	return flags.NewSet(store, &flags.Options{
		Every: 5 * time.Second, Logger: logger, Guards: map[string]tenon.Guard{web.ReleaseGuard: policy},
		Population: func(ctx context.Context) ([]flags.Who, error) {
			companies, err := freight.NewStore(pool).Companies(ctx, maxPopulation)
			all := make([]flags.Who, len(companies))
			for i, c := range companies {
				all[i].Tenant = c.ID
			}
			return all, err
		},
	})
}

// declareFlags stores the flags of the file that nobody has stored yet. What people changed since stays.
func declareFlags(ctx context.Context, set *flags.Set) error {
	var file []json.RawMessage
	if err := json.Unmarshal(flagsFile, &file); err != nil {
		return err
	}
	for i, raw := range file {
		d, err := flags.ParseDefinition(bytes.NewReader(raw))
		if err == nil {
			err = set.Declare(ctx, d)
		}
		if err != nil {
			return fmt.Errorf("flags.json: [%d]: %w", i, err)
		}
	}
	return nil
}
