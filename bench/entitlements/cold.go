package entitlements

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/transbotai/tenon/bench/lab"
	"github.com/transbotai/tenon/bench/measure"
	"github.com/transbotai/tenon/bench/report"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
)

const (
	coldTenants  = 100
	coldFeatures = 100
)

func compareCold(ctx context.Context, l *lab.Lab, s *report.Section) error {
	db, err := newDatabase(ctx, l, "cold", coldTenants, coldFeatures)
	if err != nil {
		return err
	}
	defer db.pool.Close()
	l.Say("entitlements: cold")
	t := report.Table{
		Title:   "From cold",
		Columns: []string{"tenon"},
		Text: fmt.Sprintf("A new gate, with nothing in memory but an open pool, is asked `Check` for each of %d metered features of %d tenants, one by one; every feature is in use. The times are of all %d checks. Users of OpenMeter reported 12.5 to 25 s (openmeter#4635).",
			coldFeatures, coldTenants, coldTenants*coldFeatures),
	}
	for _, c := range []struct {
		name       string
		goroutines int
		preload    bool
	}{{"goroutines: 1", 1, false}, {"goroutines: 8", 8, false}, {"goroutines: 1, after one Preload, which is counted", 1, true}} {
		series, err := measure.Interleave(ctx, 2*l.Rounds+1, db.coldRound(c.goroutines, c.preload))
		if err != nil {
			return err
		}
		t.Rows = append(t.Rows, report.Row{
			Case:   "all checks, " + c.name,
			Figure: report.Figure{Value: series[0].Median(), Unit: report.Milliseconds},
			Target: report.Target{Bound: report.AtMost, Value: 50},
			Cells:  []string{report.Spread(series[0], report.Milliseconds)},
		})
		s.Samples = append(s.Samples, report.Sample{Name: fmt.Sprintf("cold/%d/preload=%v", c.goroutines, c.preload), Unit: report.Milliseconds, Series: series[0]})
	}
	s.Tables = append(s.Tables, t)
	return nil
}

// coldRound asks everything of a new gate and returns how long that took, in milliseconds.
func (db *database) coldRound(goroutines int, preload bool) measure.Contender {
	return func(ctx context.Context) (float64, error) {
		gate := entitlements.NewGate(entitlementspg.New(db.pool, nil), patient)
		errs := make([]error, goroutines)
		var wg sync.WaitGroup
		start := time.Now()
		if preload {
			if err := gate.Preload(ctx, db.tenants...); err != nil {
				return 0, err
			}
		}
		for g := range goroutines {
			wg.Go(func() {
				for i := g; i < len(db.tenants) && errs[g] == nil; i += goroutines {
					errs[g] = db.checkTenant(ctx, gate, db.tenants[i])
				}
			})
		}
		wg.Wait()
		took := time.Since(start)
		for _, err := range errs {
			if err != nil {
				return 0, err
			}
		}
		return measure.Milliseconds(took), nil
	}
}

func (db *database) checkTenant(ctx context.Context, gate *entitlements.Gate, tenant string) error {
	for i, feature := range db.features {
		d, err := gate.Check(ctx, tenant, feature)
		if err != nil {
			return err
		}
		used := int64(1)
		if i == 0 {
			used = 2 // by warm
		}
		if !d.Allowed || d.Used != used {
			return fmt.Errorf("%s of %s: %+v", feature, tenant, d)
		}
	}
	return nil
}
