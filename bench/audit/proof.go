package audit

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/bench/lab"
	"github.com/transbotai/tenon/bench/measure"
	"github.com/transbotai/tenon/bench/report"
)

const (
	verified = 200_000
	million  = 1_000_000
	apiece   = 100_000 // entries that are hashed again and again
)

// compareProof measures verifying beside reading the rows, and hashing.
func compareProof(ctx context.Context, l *lab.Lab, s *report.Section) error {
	w, err := newWorld(ctx, l, "proof", nil)
	if err != nil {
		return err
	}
	defer w.pool.Close()
	l.Say("audit: verifying")
	n := l.Size(verified)
	for from := 0; from < n; from += batchSize {
		entries := make([]audit.Entry, min(batchSize, n-from))
		for i := range entries {
			entries[i] = entry(from + i)
		}
		if _, err := w.store.Append(ctx, entries); err != nil {
			return err
		}
	}
	if _, err := w.log.Seal(ctx); err != nil {
		return err
	}
	if _, err := w.pool.Exec(ctx, "vacuum analyze"); err != nil {
		return err
	}
	rates, err := measure.Interleave(ctx, l.Rounds,
		func(ctx context.Context) (float64, error) { return w.verifyRate(ctx, n) },
		func(ctx context.Context) (float64, error) { return w.readRate(ctx, n) })
	if err != nil {
		return err
	}
	leaves, err := measure.Interleave(ctx, l.Rounds, func(context.Context) (float64, error) { return hashTime(l) })
	if err != nil {
		return err
	}
	s.Tables = append(s.Tables, report.Table{
		Title: "Proving", Columns: []string{"tenon", "beside it"},
		Text: fmt.Sprintf("Verifying computes every leaf from its row and the tree from the leaves, and compares both with what is stored; reading is one statement over the same %d rows, with every column decoded. Leaves are hashed on %d processors.",
			n, runtime.GOMAXPROCS(0)),
		Rows: []report.Row{
			report.Ratio("verify, to reading the rows", rates[0], rates[1], 0.7),
			{
				Case: "a million leaves", Figure: report.Figure{Value: leaves[0].Median(), Unit: seconds}, Target: report.Target{Bound: report.AtMost, Value: 1},
				Cells: []string{report.Spread(leaves[0], seconds), ""},
			},
		},
	})
	s.Samples = append(s.Samples,
		report.Sample{Name: "verify", Unit: report.PerSecond, Series: rates[0]},
		report.Sample{Name: "read", Unit: report.PerSecond, Series: rates[1]})
	return nil
}

func (w *world) verifyRate(ctx context.Context, n int) (float64, error) {
	start := time.Now()
	r, err := w.log.Verify(ctx)
	took := time.Since(start)
	if err == nil && (!r.OK() || r.Checked != int64(n)) {
		err = fmt.Errorf("verified %d of %d: %w", r.Checked, n, r.Err())
	}
	return float64(n) / took.Seconds(), err
}

const readSQL = `
select tenant_id, id, ts, actor, on_behalf_of, action, target, target_id, more_targets, outcome, payload, ip_address,
  user_agent, request_id, trace_id, key, seed, salts, redacted, redacted_by
from tenon.audit_log`

// stored is a row as it is read.
type stored struct {
	Tenant                           string
	ID                               [16]byte
	At                               time.Time
	Actor, OnBehalfOf, Action        string
	Target, TargetID                 string
	More                             []byte
	Outcome                          string
	Payload                          []byte
	IP, UserAgent, Request, Trace, K string
	Seed, Salts, Redacted            []byte
	By                               *[16]byte
}

func (w *world) readRate(ctx context.Context, n int) (float64, error) {
	start := time.Now()
	rows, err := w.pool.Query(ctx, readSQL)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	found := 0
	var r stored
	_, err = pgx.ForEachRow(rows, []any{
		&r.Tenant, &r.ID, &r.At, &r.Actor, &r.OnBehalfOf, &r.Action, &r.Target, &r.TargetID, &r.More, &r.Outcome, &r.Payload, &r.IP,
		&r.UserAgent, &r.Request, &r.Trace, &r.K, &r.Seed, &r.Salts, &r.Redacted, &r.By,
	}, func() error {
		found++
		return nil
	})
	took := time.Since(start)
	if err = errors.Join(err, rows.Err()); err == nil && found != n {
		err = fmt.Errorf("read %d of %d", found, n)
	}
	return float64(n) / took.Seconds(), err
}

// hashTime returns how long a million leaves take, in seconds.
func hashTime(l *lab.Lab) (float64, error) {
	entries := make([]audit.Entry, l.Size(apiece))
	for i := range entries {
		entries[i] = entry(i)
	}
	want, err := entries[7].Leaf()
	if err != nil {
		return 0, err
	}
	times := million / apiece
	start := time.Now()
	for range times {
		leaves, err := audit.Leaves(entries)
		if err != nil {
			return 0, err
		}
		if len(leaves) != len(entries) || leaves[7] != want {
			return 0, fmt.Errorf("other leaves")
		}
	}
	return time.Since(start).Seconds() * million / float64(times*len(entries)), nil
}

// split returns statements that end in ";" at the end of a line, outside of dollar quotes.
func split(sql string) []string {
	var statements []string
	var b strings.Builder
	for line := range strings.Lines(sql) {
		b.WriteString(line)
		if strings.Count(b.String(), "$$")%2 == 0 && strings.HasSuffix(strings.TrimSpace(line), ";") {
			statements = append(statements, b.String())
			b.Reset()
		}
	}
	if strings.TrimSpace(b.String()) != "" {
		statements = append(statements, b.String())
	}
	return statements
}
