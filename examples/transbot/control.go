package main

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/examples/transbot/internal/control"
	"github.com/transbotai/tenon/examples/transbot/internal/restore"
	"github.com/transbotai/tenon/examples/transbot/internal/web"
)

// openControl makes the desk of the control room. The demo's launch begins when it is first filled.
func (p *platform) openControl(ctx context.Context, recorder func(pgx.Tx) tenon.Recorder) error {
	all, err := sets()
	if err != nil {
		return err
	}
	p.control = control.New(control.Parts{
		Pool: p.pool, App: p.app, Owner: p.owner, Gate: p.gate, Flags: p.flags, Guard: web.ReleaseGuard, Ops: p.ops,
		Evidence: p.evidence, Listener: p.listener, Sets: all, Billing: p.billing, Recorder: recorder, Logger: p.logger,
		LastRestore: p.lastRestore,
	})
	if !p.drills {
		return nil
	}
	start, err := p.control.Start(ctx)
	if err != nil || start.Set() {
		return err
	}
	return p.control.Begin(audit.Job(ctx, "demo"), time.Now(), "The demo was filled.")
}

// lastRestore says how the last restore drill went, which has ended.
func (p *platform) lastRestore(ctx context.Context) (control.Restore, bool, error) {
	last, err := p.restore.Last(ctx)
	if errors.Is(err, restore.ErrNever) || err == nil && last.Running() {
		return control.Restore{}, false, nil
	}
	return control.Restore{At: last.Ended, OK: last.Passed}, err == nil, err
}
