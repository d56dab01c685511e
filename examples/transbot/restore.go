package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/examples/transbot/internal/evidence"
	"github.com/transbotai/tenon/examples/transbot/internal/restore"
)

// openRestore opens the desk that tries out whether everything can be restored.
func (p *platform) openRestore(b *book) error {
	all, err := sets()
	p.restore = restore.New(restore.Config{
		Owner: p.owner, Worker: p.pool, App: roles.App, Sets: all, Log: b.log, Signer: b.signer, Anchor: b.anchor,
		Isolation: evidence.Probing(), Logger: p.logger,
	})
	return err
}

// drillOnce does a drill in place of serving, and prints what came of it. Its error is that the copy is not the same.
func (p *platform) drillOnce(ctx context.Context, stdout io.Writer) error {
	report, err := p.restore.Once(audit.Job(ctx, "restore-drill"))
	for _, s := range report.Steps {
		mark := "ok    "
		if len(s.Wrong) > 0 {
			mark = "WRONG "
		}
		fmt.Fprintf(stdout, "%s%s (%s). %s\n", mark, s.Name, s.Took.Round(time.Millisecond), s.Detail)
		for _, wrong := range s.Wrong {
			fmt.Fprintln(stdout, "      ", wrong)
		}
	}
	if err != nil {
		return fmt.Errorf("restore drill: %w", err)
	}
	fmt.Fprintf(stdout, "The restore drill passed. RTO %s, RPO %s.\n",
		report.RTO().Round(time.Millisecond), report.RPO().Round(time.Millisecond))
	return nil
}
