package main

import (
	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/examples/transbot/internal/helpdesk"
	"github.com/transbotai/tenon/examples/transbot/internal/ops"
	"github.com/transbotai/tenon/support/supportpg"
)

// newHelp returns the help desk. What escalates is told to whoever is on call.
func newHelp(p *platform, recorder func(pgx.Tx) tenon.Recorder) (*helpdesk.Desk, error) {
	return helpdesk.New(p.pool, p.gate, p.flags, &supportpg.Options{Notifier: ops.Tell, Recorder: recorder}, p.logger)
}

// answer does the background work of the help desk.
func (p *platform) answer(background *group) {
	for name, job := range p.help.Jobs() {
		background.run(name, job)
	}
}
