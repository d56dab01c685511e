package restore

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/audit/auditpg"
	"github.com/transbotai/tenon/audit/isolation"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
	"github.com/transbotai/tenon/migrations"
)

// differences tells where two maps differ, in the order of their keys.
func differences[V comparable](then, now map[string]V, differ func(name string, then, now V) string) (wrong []string) {
	names := maps.Clone(then)
	maps.Copy(names, now)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		was, there := then[name]
		is, here := now[name]
		switch {
		case !here:
			wrong = append(wrong, name+" is missing in the copy")
		case !there:
			wrong = append(wrong, name+" is in the copy alone")
		case was != is:
			wrong = append(wrong, differ(name, was, is))
		}
	}
	return wrong
}

func (d *drill) compareTables(ctx context.Context) (string, []string, error) {
	now, err := readTables(ctx, d.copied.conn)
	if err != nil {
		return "", nil, err
	}
	wrong := differences(d.then.tables, now, func(name string, then, now content) string {
		if then.Rows != now.Rows {
			return fmt.Sprintf("%s has %d rows in the copy, and had %d", name, now.Rows, then.Rows)
		}
		return fmt.Sprintf("%s has its %d rows, and they are not the same", name, now.Rows)
	})
	detail := fmt.Sprintf("%d tables, %s rows: counts, and sums over the whole of each.", d.report.Tables, thousands(d.report.Rows))
	return detail, wrong, nil
}

func (d *drill) compareObjects(ctx context.Context) (string, []string, error) {
	now, err := readObjects(ctx, d.copied.conn)
	if err != nil {
		return "", nil, err
	}
	wrong := differences(d.then.objects, now, func(name, then, now string) string {
		return fmt.Sprintf("%s differs: it was %s, and is %s", name, brief(then), brief(now))
	})
	return fmt.Sprintf("%d tables, indexes, constraints, triggers, policies, functions.", len(now)), wrong, nil
}

// brief shortens a definition.
func brief(s string) string {
	const most = 160
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + " …"
	}
	return s
}

// checkMigrations looks whether the program would start on the copy as it is.
func (d *drill) checkMigrations(ctx context.Context) (string, []string, error) {
	pending, err := migrations.Plan(ctx, d.copied.conn, d.c.Sets...)
	var wrong []string
	for _, p := range pending {
		wrong = append(wrong, fmt.Sprintf("%s has yet to be applied", p.File))
	}
	return "The program would start on the copy and change nothing.", wrong, err
}

func (d *drill) checkCounters(ctx context.Context) (string, []string, error) {
	drifts, err := entitlementspg.New(d.copied.owner, nil).Reconcile(ctx, "", false)
	var wrong []string
	for _, x := range drifts {
		wrong = append(wrong, fmt.Sprintf("%s of %s: %s is %d, and %d was counted", x.Feature, x.Tenant, x.What, x.Stored, x.Counted))
	}
	return "What was used and held is the sum of every use and hold.", wrong, err
}

func (d *drill) compareRights(ctx context.Context) (string, []string, error) {
	now, err := readRights(ctx, d.copied.owner, d.then.at)
	if err != nil {
		return "", nil, err
	}
	then, err := written(d.then.rights)
	if err != nil {
		return "", nil, err
	}
	is, err := written(now)
	wrong := differences(then, is, func(company, _, _ string) string {
		return "the answers for " + company + " are not the same"
	})
	return fmt.Sprintf("The same answers for %d companies, about every feature.", len(now)), wrong, err
}

// written makes values comparable.
func written[V any](values map[string]V) (map[string]string, error) {
	texts := make(map[string]string, len(values))
	for name, v := range values {
		text, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		texts[name] = string(text)
	}
	return texts, nil
}

func (d *drill) checkIsolation(ctx context.Context) (string, []string, error) {
	r, err := isolation.Report(ctx, d.copied.owner, d.copied.app, &d.c.Isolation)
	if err != nil {
		return "", nil, err
	}
	var wrong []string
	if !r.OK() {
		for _, f := range r.Findings {
			wrong = append(wrong, fmt.Sprintf("%s: %s", f.Object, f.Detail))
		}
	}
	detail := fmt.Sprintf("%d tables, %d attempts to cross the line, %d rows that did.", len(r.Tables), r.Probes, r.CrossRows)
	return detail, wrong, nil
}

// log is the audit log of the copy, with the live one's key.
func (d *drill) log() *audit.Log {
	return audit.NewLog(auditpg.New(d.copied.owner, nil), &audit.Options{Signer: d.c.Signer})
}

// anchored returns the checkpoints outside of the database that are not younger than the snapshot.
func (d *drill) anchored() ([]audit.Checkpoint, error) {
	if d.c.Anchor == nil || d.c.Signer == nil {
		return nil, nil
	}
	all, err := d.c.Anchor.Checkpoints(d.c.Signer.Verifier())
	return slices.DeleteFunc(all, func(c audit.Checkpoint) bool { return c.Size > d.then.size }), err
}

// checkAudit computes the copy's log anew, and compares it with every checkpoint that was signed and anchored up to the
// snapshot, and with the live tree as it was then.
func (d *drill) checkAudit(ctx context.Context) (string, []string, error) {
	anchored, err := d.anchored()
	if err != nil {
		return "", nil, err
	}
	report, err := d.log().Verify(ctx, anchored...)
	if err != nil {
		return "", nil, err
	}
	var wrong []string
	for _, f := range report.Faults {
		wrong = append(wrong, f.String())
	}
	size, root, err := readRoot(ctx, d.copied.owner)
	if size != d.then.size || root != d.then.root {
		wrong = append(wrong, fmt.Sprintf("its head is %d %s, and was %d %s", size, root, d.then.size, d.then.root))
	}
	detail := fmt.Sprintf("%s records, the same head; %d checkpoints agree, %d of them from outside the database.",
		thousands(report.Checked), report.Checkpoints, len(anchored))
	if d.c.Signer == nil {
		detail = fmt.Sprintf("%s records, the same head. Nobody signs the log: set TRANSBOT_AUDIT_KEY.", thousands(report.Checked))
	}
	return detail, wrong, err
}

// goOn adds to the copy's log as the platform would after a restore, and looks whether that extends what was there.
func (d *drill) goOn(ctx context.Context) (string, []string, error) {
	log := d.log()
	tried := audit.Record{Action: "restore.tried", Targets: []audit.Target{{Type: "restore_drill", ID: d.report.ID}}}
	if _, err := log.Record(ctx, tried); err != nil {
		return "", nil, err
	}
	if err := sealAll(ctx, log, auditpg.New(d.copied.owner, nil)); err != nil {
		return "", nil, err
	}
	size, root, err := readRoot(ctx, d.copied.owner)
	if err != nil {
		return "", nil, err
	}
	var wrong []string
	if size <= d.then.size {
		wrong = append(wrong, fmt.Sprintf("it stays at %d records", size))
	}
	if d.then.size > 0 {
		extends, err := log.ProveConsistency(ctx, d.then.size, size)
		if err == nil {
			err = extends.Check(d.then.root, root)
		}
		if err != nil {
			wrong = append(wrong, "what was added does not extend it: "+err.Error())
		}
	}
	report, err := log.Verify(ctx)
	for _, f := range report.Faults {
		wrong = append(wrong, f.String())
	}
	return fmt.Sprintf("Sealed %d more on the second server, which extend the tree.", size-d.then.size), wrong, err
}

// sealWithin bounds the sealing of what waits.
const sealWithin = time.Minute

// sealAll seals until nothing waits; on another server, sealing first begins to count anew.
func sealAll(ctx context.Context, log *audit.Log, store *auditpg.Store) error {
	ctx, cancel := context.WithTimeout(ctx, sealWithin)
	defer cancel()
	for {
		if _, err := log.Seal(ctx); err != nil {
			return err
		}
		head, err := store.Head(ctx)
		if err != nil || head.Waiting == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d records wait to be sealed: %w", head.Waiting, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}
