package web

import (
	"fmt"
	"time"

	"github.com/transbotai/tenon/entitlements"
)

// meter is how a company stands with a feature, as pages show it.
type meter struct {
	entitlements.Decision
	About   entitlements.Feature
	Upgrade string // the name of the plan that would allow; empty when nothing is refused
	Closed  string // why the feature is not switched on for the company; empty when it is
}

// Counted says whether there is anything to count.
func (m meter) Counted() bool {
	return m.About.Kind == entitlements.Metered || m.About.Kind == entitlements.Gauge
}

// Bounded says whether there is a limit to draw a bar against.
func (m meter) Bounded() bool { return m.Counted() && m.Hard > 0 }

// Soft limits that say nothing are 0 or Unlimited.
func (m meter) HasSoft() bool { return m.Soft > 0 && m.Soft < m.Hard }

// UsedShare, HeldShare and SoftShare are in hundredths of the hard limit, within 0 and 100.
func (m meter) UsedShare() float64 { return share(m.Used, m.Hard) }
func (m meter) HeldShare() float64 { return share(m.Used+m.Held, m.Hard) }
func (m meter) SoftShare() float64 { return share(m.Soft, m.Hard) }

func share(part, whole int64) float64 {
	if whole <= 0 {
		return 0
	}
	return min(max(float64(part)*100/float64(whole), 0), 100)
}

// State is how it is drawn: none, ok, soft or full.
func (m meter) State() string {
	switch {
	case m.Closed != "":
		return "none"
	case !m.Allowed:
		if m.Reason == entitlements.ReasonLimitReached {
			return "full"
		}
		return "none"
	case m.Reason == entitlements.ReasonOverSoft, m.Reason == entitlements.ReasonOverage:
		return "soft"
	}
	return "ok"
}

// Says is the state in words, so that colour is not needed.
func (m meter) Says() string {
	switch {
	case m.Closed != "":
		return "Not switched on"
	case !m.Allowed && m.Reason == entitlements.ReasonNotInPlan:
		return "Not in the plan"
	case !m.Allowed && m.Reason == entitlements.ReasonLimitReached:
		return "Limit reached"
	case !m.Allowed:
		return m.Reason.Text()
	case m.Reason == entitlements.ReasonOverSoft:
		return "Soft limit reached"
	case m.Reason == entitlements.ReasonOverage:
		return "Beyond the plan, billed"
	}
	return "Included"
}

// Label describes the bar to who cannot see it.
func (m meter) Label() string {
	label := fmt.Sprintf("%s of %s used", count(m.Used), count(m.Hard))
	if m.Held > 0 {
		label += ", " + count(m.Held) + " held"
	}
	if m.HasSoft() {
		label += ", soft limit " + count(m.Soft)
	}
	return label
}

// Grants is what is left beyond the plan's own limit, from grants.
func (m meter) Grants() int64 {
	if m.Remaining == entitlements.Unlimited {
		return 0
	}
	return max(0, m.Remaining-max(0, m.Hard-m.Used-m.Held))
}

// meters pairs decisions with what they are about, in the catalogue's groups.
func meters(v *entitlements.Versions, decisions []entitlements.Decision) []meter {
	list := make([]meter, len(decisions))
	for i, d := range decisions {
		list[i] = meter{Decision: d, About: v.Features[d.Feature], Upgrade: planName(v, d.Upgrade)}
	}
	return list
}

func planName(v *entitlements.Versions, id string) string {
	if p, ok := v.Plan(id, 0); ok && p.Name != "" {
		return p.Name
	}
	return id
}

// until says how far off t is: "in 8 days", "3 hours ago".
func until(t, now time.Time) string {
	d := t.Sub(now)
	if d < 0 {
		return span(-d) + " ago"
	}
	return "in " + span(d)
}

// monthLength is a month on average.
const monthLength = 365*24*time.Hour/12 + 6*time.Hour/12

func span(d time.Duration) string {
	for _, unit := range []struct {
		length time.Duration
		name   string
	}{{monthLength, "month"}, {24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		n := int(d / unit.length)
		if unit.name == "month" && n < 3 { // a few weeks are said by the day
			continue
		}
		if n == 1 {
			return "1 " + unit.name
		}
		if n > 1 {
			return fmt.Sprintf("%d %ss", n, unit.name)
		}
	}
	return "moments"
}
