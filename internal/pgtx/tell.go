package pgtx

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/tell"
)

// Tell hands changes and news to the recorder and the notifier that a host makes for tx, as [tell.Host] does. They are
// made when there is something to tell; nil makes none.
func Tell(
	ctx context.Context, tx pgx.Tx, recorder func(pgx.Tx) tenon.Recorder, notifier func(pgx.Tx) tenon.Notifier,
	changes []tenon.Change, news []tenon.Notification,
) error {
	var r tenon.Recorder
	if recorder != nil && len(changes) > 0 {
		r = recorder(tx)
	}
	var n tenon.Notifier
	if notifier != nil && len(news) > 0 {
		n = notifier(tx)
	}
	return tell.Host(ctx, r, n, changes, news)
}
