package slo

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/transbotai/tenon"
)

// Rate is a burn rate in thousandths: a budget that burns at the rate [One] is used up exactly when its window ends.
type Rate int64

// One uses the whole budget in one window.
const One Rate = 1000

// Float returns the rate as a number: 14.4.
func (r Rate) Float() float64 { return float64(r) / float64(One) }

// String returns the rate as it is written in the SRE Workbook: "14.4".
func (r Rate) String() string { return strconv.FormatFloat(r.Float(), 'f', -1, 64) }

// Exhausts returns how long a whole budget of the period lasts at this rate, and false when it lasts for ever.
func (r Rate) Exhausts(period time.Duration) (time.Duration, bool) {
	if r <= 0 {
		return 0, false
	}
	v, ok := scale(int64(period), int64(One), int64(r))
	return time.Duration(v), ok
}

// Tier fires when the budget burned faster than Burn over both windows; the long one shows that it matters, the short
// one that it still goes on (SRE Workbook, chapter 5, "Multiwindow, Multi-Burn-Rate Alerts").
type Tier struct {
	Burn     Rate           `json:"burn"`
	Long     time.Duration  `json:"long"`
	Short    time.Duration  `json:"short"`
	Severity tenon.Severity `json:"severity"` // empty: critical from 6 on, else warning
}

// StandardTiers returns the four tiers of the Workbook, fastest first, scaled from 30 days to the period: burn 14.4 over
// 1 h and 5 min, 6 over 6 h and 30 min, 3 over 1 d and 2 h, 1 over 3 d and 6 h. Not all of them make sense for every
// period and target; see [FittingTiers].
func StandardTiers(period time.Duration) []Tier {
	const month = 30 * 24 * time.Hour
	day := 24 * time.Hour
	tiers := []Tier{
		{14_400, time.Hour, 5 * time.Minute, tenon.SeverityCritical},
		{6_000, 6 * time.Hour, 30 * time.Minute, tenon.SeverityCritical},
		{3_000, day, 2 * time.Hour, tenon.SeverityWarning},
		{1_000, 3 * day, 6 * time.Hour, tenon.SeverityWarning},
	}
	for i := range tiers {
		long, _ := scale(int64(tiers[i].Long), int64(period), int64(month))
		short, _ := scale(int64(tiers[i].Short), int64(period), int64(month))
		tiers[i].Long, tiers[i].Short = time.Duration(long), time.Duration(short)
	}
	return tiers
}

// FittingTiers returns those of the standard tiers that can fire for the target and are not too short to be seen in
// minutes. Their windows are whole minutes, rounded down.
func FittingTiers(period time.Duration, target PPM) []Tier {
	tiers := StandardTiers(period)
	for i := range tiers {
		tiers[i].Long = tiers[i].Long.Truncate(time.Minute)
		tiers[i].Short = tiers[i].Short.Truncate(time.Minute)
	}
	return slices.DeleteFunc(tiers, func(t Tier) bool { return t.Check(period, target) != nil })
}

// ErrTierUnfit says that a tier can never fire for the target, or is too short to be measured.
var ErrTierUnfit = fmt.Errorf("slo: tier does not fit: %w", tenon.ErrInvalid)

// unfit is an [ErrTierUnfit] that names the alternative.
func unfit(field, format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrTierUnfit, tenon.Invalid(field, format, args...))
}

var severities = []tenon.Severity{tenon.SeverityInfo, tenon.SeverityWarning, tenon.SeverityCritical}

// Check refuses a tier that makes no sense for an objective, and names what does.
func (t Tier) Check(period time.Duration, target PPM) error {
	switch {
	case t.Burn <= 0 || t.Burn > 1e9:
		return tenon.Invalid("tiers.burn", "is not between 0.001 and 1,000,000")
	case t.Severity != "" && !slices.Contains(severities, t.Severity):
		return tenon.Invalid("tiers.severity", "%q is none of %q", t.Severity, severities)
	case target == Whole:
		return unfit("tiers", "a target of 100%% has no budget to burn: any failure is told by the budget alert at 100%%")
	case int64(t.Burn)*target.left() >= int64(Whole)*int64(One):
		return unfit("tiers.burn", "%s can never be exceeded at %s, where all errors burn at %s: take less than that, "+
			"or the budget alerts", t.Burn, target, maxBurn(target))
	case t.Short < time.Minute:
		return unfit("tiers.short", "%s is shorter than the minute in which is counted: take a window of at least %s, "+
			"or the budget alerts at 50%% and 100%%", t.Short, time.Minute)
	case t.Short%time.Minute != 0 || t.Long%time.Minute != 0:
		return tenon.Invalid("tiers", "windows are whole minutes")
	case t.Long <= t.Short:
		return tenon.Invalid("tiers.long", "is not longer than the short window")
	case t.Long > period:
		return tenon.Invalid("tiers.long", "%s exceeds the objective's window of %s", t.Long, period)
	}
	return nil
}

// maxBurn is the rate at which a budget burns when everything fails.
func maxBurn(target PPM) Rate { return Rate(int64(Whole) * int64(One) / target.left()) }

// Detects returns how long after errors begin at a share of all events, in steady traffic that was good before, the
// tier fires, and false when it never does.
func (t Tier) Detects(target, errors PPM) (time.Duration, bool) {
	if errors <= 0 || int64(errors)*int64(One) <= int64(t.Burn)*target.left() {
		return 0, false
	}
	d, ok := scale(int64(t.Long), int64(t.Burn)*target.left(), int64(errors)*int64(One))
	return time.Duration(d), ok
}

// Resets returns how long after the errors of a long outage end the tier falls silent: its short window tells.
func (t Tier) Resets(target, errors PPM) (time.Duration, bool) {
	d, ok := Tier{Burn: t.Burn, Long: t.Short}.Detects(target, errors)
	return t.Short - d, ok
}

func (t Tier) severity() tenon.Severity {
	if t.Severity != "" {
		return t.Severity
	}
	if t.Burn >= 6*One {
		return tenon.SeverityCritical
	}
	return tenon.SeverityWarning
}

// String describes the tier: "14.4 over 1h0m0s and 5m0s".
func (t Tier) String() string { return fmt.Sprintf("%s over %s and %s", t.Burn, t.Long, t.Short) }

func checkTiers(tiers []Tier, period time.Duration, target PPM) error {
	var errs []error
	for i, t := range tiers {
		errs = append(errs, t.Check(period, target))
		if slices.ContainsFunc(tiers[:i], func(o Tier) bool { return o.Burn == t.Burn }) {
			errs = append(errs, tenon.Invalid("tiers.burn", "%s stands there twice", t.Burn))
		}
	}
	return errors.Join(errs...)
}

// effective returns the tiers by falling rate, each with its severity.
func effective(tiers []Tier) []Tier {
	all := slices.SortedFunc(slices.Values(tiers), func(a, b Tier) int { return cmp.Compare(b.Burn, a.Burn) })
	for i := range all {
		all[i].Severity = all[i].severity()
	}
	return all
}
