package restore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
)

// drill is a drill under way.
type drill struct {
	*Desk
	report Drill
	live   *pgx.Conn // holds the lock
	view   pgx.Tx    // on live: the snapshot
	tools  tools
	then   state    // of the live database, in the snapshot
	dump   *os.File // has no name any more
	copied *beside  // the second server
}

// errWrong ends a drill that was done, and found the copy to be another.
var errWrong = errors.New("the copy is not what was dumped")

// run does the drill, keeps its report and lets everything go.
func (d *drill) run(ctx context.Context) error {
	inTime, cancel := context.WithTimeout(ctx, d.c.Within)
	defer cancel()
	err := d.steps(inTime)
	if ctx.Err() != nil {
		err = errors.Join(errInterrupted, err)
	}
	return d.end(ctx, err)
}

// steps are those of a drill. What prepares stops it when it fails; what compares does not, so that a report tells of
// everything that is wrong.
func (d *drill) steps(ctx context.Context) error {
	prepare := []struct {
		name string
		do   func(context.Context) (string, error)
	}{
		{"Find the programs and the room", d.ready},
		{"Take a snapshot, count and sum up every table", d.snapshot},
		{"Dump the snapshot", d.dumpAll},
		{"Start a second server", d.startBeside},
		{"Restore the dump there", d.restoreAll},
	}
	for _, s := range prepare {
		began := time.Now()
		detail, err := s.do(ctx)
		step := Step{Name: s.name, Took: time.Since(began), Detail: detail}
		if err != nil {
			step.Wrong = []string{oneLine(err)}
		}
		if err := errors.Join(err, d.note(ctx, step)); err != nil {
			return err
		}
	}
	return d.compare(ctx)
}

func (d *drill) compare(ctx context.Context) error {
	checks := []struct {
		name string
		do   func(context.Context) (string, []string, error)
	}{
		{"Compare every table", d.compareTables},
		{"Compare definitions, owners and rights", d.compareObjects},
		{"Migrations", d.checkMigrations},
		{"Counters are the sums of what they count", d.checkCounters},
		{"What companies may do", d.compareRights},
		{"Companies are apart", d.checkIsolation},
		{"The audit log proves itself", d.checkAudit},
		{"The audit log goes on", d.goOn}, // last, since it writes
	}
	wrong := false
	for _, s := range checks {
		began := time.Now()
		detail, found, err := s.do(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil { // what cannot be read is not as it should be either
			found = append(found, oneLine(err))
		}
		wrong = wrong || len(found) > 0
		if err := d.note(ctx, Step{Name: s.name, Took: time.Since(began), Detail: detail, Wrong: bounded(found)}); err != nil {
			return err
		}
	}
	d.report.VerifiedAt = time.Now().UTC().Truncate(time.Microsecond)
	if wrong {
		return errWrong
	}
	return nil
}

func bounded(found []string) []string {
	if more := len(found) - maxWrong; more > 0 {
		found = append(found[:maxWrong:maxWrong], fmt.Sprintf("and %d more", more))
	}
	return found
}

// note adds a step to the report.
func (d *drill) note(ctx context.Context, s Step) error {
	d.report.Steps = append(d.report.Steps, s)
	return d.save(ctx, d.report)
}

// endWithin bounds the writing down of what came of a drill, which is done even when the program is told to stop.
const endWithin = 10 * time.Second

// end lets everything go that the drill holds, and writes down what came of it.
func (d *drill) end(ctx context.Context, err error) error {
	began := time.Now()
	left := d.clear()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endWithin)
	defer cancel()
	if d.copied != nil {
		step := Step{Name: "Stop the second server and remove everything", Took: time.Since(began)}
		if left != nil {
			step.Wrong = []string{oneLine(left)}
		}
		d.report.Steps = append(d.report.Steps, step)
	}
	err = errors.Join(err, left)
	d.report.Ended, d.report.Passed, d.report.Failure = time.Now().UTC().Truncate(time.Microsecond), err == nil, sentence(err)
	saved := d.save(ctx, d.report)
	told := d.tell(ctx)
	err = errors.Join(err, saved, told)
	return errors.Join(err, d.live.Close(ctx)) // last: the lock goes with it
}

// clear removes what the drill made.
func (d *drill) clear() (err error) {
	if d.dump != nil {
		err = d.dump.Close()
	}
	if d.copied != nil {
		err = errors.Join(err, d.copied.stop())
	}
	return err
}

// tell records in the audit log that there was a drill, and what came of it.
func (d *drill) tell(ctx context.Context) error {
	payload, err := audit.JSON(map[string]any{
		"passed": d.report.Passed, "failure": d.report.Failure, "tables": d.report.Tables, "rows": d.report.Rows,
		"dump_bytes": d.report.DumpBytes, "rto_ms": d.report.RTO().Milliseconds(), "rpo_ms": d.report.RPO().Milliseconds(),
	})
	if err != nil {
		return err
	}
	outcome := audit.Succeeded
	if !d.report.Passed {
		outcome = audit.Failed
	}
	_, err = d.c.Log.Record(tenon.WithCaller(ctx, tenon.Caller{Actor: d.report.By}), audit.Record{
		Action: "restore.drilled", Outcome: outcome, Payload: payload,
		Targets: []audit.Target{{Type: "restore_drill", ID: d.report.ID}},
	})
	return err
}

// sentence says what went wrong, for people.
func sentence(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, errInterrupted):
		return "It was broken off: " + errInterrupted.Error() + "."
	case errors.Is(err, context.DeadlineExceeded):
		return "It took too long and was broken off."
	case errors.Is(err, errWrong):
		return "The copy is not what was dumped."
	}
	return "It could not be finished: " + oneLine(err)
}
