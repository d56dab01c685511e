package kpipg

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// TrialWeek is a line of the view kpi_trial_conversion.
type TrialWeek struct {
	Week        time.Time // its Monday, at midnight UTC whatever the session's zone
	TrialsEnded int64
	Converted   int64
	ConvPct     float64 // 0 to 100
}

// FeatureUse is a line of the view kpi_feature_usage.
type FeatureUse struct {
	PlanID      string
	FeatureKey  string
	UsageCount  int64
	AvgQuantity float64
}

const trialsSQL = `
select week, trials_ended, converted, conv_pct::float8
from tenon.kpi_trial_conversion
order by week`

// TrialConversion returns the trials of the last 90 days by the week in which they ended: nothing where the tables of
// package entitlements are not. A trial that runs has not ended, and one converted when its company was active, on a
// plan with a price, within 30 days of its end.
func (s *Store) TrialConversion(ctx context.Context) ([]TrialWeek, error) {
	rows, err := s.reader().Query(ctx, trialsSQL)
	if err != nil {
		return nil, translate(err)
	}
	weeks, err := pgx.CollectRows(rows, pgx.RowToStructByPos[TrialWeek])
	return weeks, translate(err)
}

const usageSQL = `
select plan_id, feature_key, usage_count, coalesce(avg_quantity, 0)::float8
from tenon.kpi_feature_usage
order by plan_id collate "C", feature_key collate "C"`

// FeatureUsage returns what was used in the last 30 days, by the plan in force when it was: nothing where the tables of
// package entitlements are not.
func (s *Store) FeatureUsage(ctx context.Context) ([]FeatureUse, error) {
	rows, err := s.reader().Query(ctx, usageSQL)
	if err != nil {
		return nil, translate(err)
	}
	uses, err := pgx.CollectRows(rows, pgx.RowToStructByPos[FeatureUse])
	return uses, translate(err)
}
