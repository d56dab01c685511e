package control

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon/examples/transbot/internal/ops"
)

func (d *Desk) half(_ context.Context, s seen) (Item, error) {
	item := d.stageItem(s, 1)
	item.Key, item.Title = "half", "50 % of tenants"
	return item, nil
}

// longestWait is how long a task of the agents may wait.
const longestWait = time.Minute

const longestWaitSQL = `
select coalesce(extract(epoch from max(started_at - created_at)), 0)::float8, count(*)
from public.agent_tasks
where started_at > clock_timestamp() - interval '1 hour'`

// queue measures the wait of the agents' tasks: of the one that is first in the queue, and of those that left it in the
// last hour, whether they are done by now or not.
func (d *Desk) queue(ctx context.Context, s seen) (Item, error) {
	item := Item{Key: "queue", Title: "Agent-runner queue wait", Bound: "below 60 s", Link: "/slo#o-" + ops.QueueWait, More: "the objective"}
	now, err := d.Ops.OldestWait(ctx)
	if err != nil {
		return item, err
	}
	var seconds float64
	var tasks int
	if err := d.Pool.QueryRow(ctx, longestWaitSQL).Scan(&seconds, &tasks); err != nil {
		return item, err
	}
	longest := time.Duration(seconds * float64(time.Second))
	item.Value = fmt.Sprintf("%.1f s now; %.1f s at most of %d tasks in the last hour", now.Seconds(), longest.Seconds(), tasks)
	switch {
	case now >= longestWait:
		item.State = Fail
	case longest >= longestWait:
		item.State = Amber
	case tasks == 0:
		item.State = Unknown
	default:
		item.State = Pass
	}
	return item, nil
}

// The features that a plan has or has not are not counted.
const featureUseSQL = `
select f.key, f.kind = 'metered', coalesce(d.n, 0), coalesce(w.n, 0), coalesce(f2.n, 0) - coalesce(w.n, 0)
from tenon.features f
left join (select feature_key, sum(usage_count)::bigint as n from tenon.kpi_used_features(now() - interval '1 day') group by 1) d
  on d.feature_key = f.key
left join (select feature_key, sum(usage_count)::bigint as n from tenon.kpi_used_features(now() - interval '7 days') group by 1) w
  on w.feature_key = f.key
left join (select feature_key, sum(usage_count)::bigint as n from tenon.kpi_used_features(now() - interval '14 days') group by 1) f2
  on f2.feature_key = f.key
where f.kind <> 'boolean'
order by f.key`

// featureUse is how often a feature was used.
type featureUse struct {
	Feature            string
	Metered            bool // used again and again; a gauge may rest for a week
	Day, Week, Earlier int64
}

// odd says what is odd about it; empty: nothing.
func (u featureUse) odd() string {
	switch {
	case 2*u.Week < u.Earlier && u.Earlier >= oddFrom:
		return "fell by more than half"
	case u.Metered && u.Week > 0 && u.Day == 0:
		return "not used for a day"
	case u.Metered && u.Week == 0:
		return "not used for a week"
	}
	return ""
}

// oddFrom is how many uses a week must have had before less than half of them says anything.
const oddFrom = 10

// usage says whether the gated features are used as in the week before.
func (d *Desk) usage(ctx context.Context, _ seen) (Item, error) {
	item := Item{
		Key: "usage", Title: "Feature usage patterns", Bound: "each used within 24 h, none fell by more than half in a week",
		Link: "/kpi#k-usage", More: "use by plan",
	}
	rows, err := d.Pool.Query(ctx, featureUseSQL)
	if err != nil {
		return item, err
	}
	uses, err := pgx.CollectRows(rows, pgx.RowToStructByPos[featureUse])
	if err != nil {
		return item, err
	}
	var odd []string
	for _, u := range uses {
		step := Step{Name: u.Feature, Passed: u.odd() == "", Says: fmt.Sprintf("%d in 24 h, %d in 7 days, %d in the 7 before", u.Day, u.Week, u.Earlier)}
		if !step.Passed {
			odd = append(odd, u.Feature+" "+u.odd())
			step.Says += ": " + u.odd()
		}
		item.Steps = append(item.Steps, step)
	}
	item.State, item.Value = Pass, fmt.Sprintf("%d features as in the week before", len(uses))
	if len(odd) > 0 {
		item.State, item.Value = Amber, strings.Join(odd, "; ")
	}
	return item, nil
}

// roundTrip asks the account at Stripe for the prices of all plans, and compares them with what the plans cost.
func (d *Desk) roundTrip(ctx context.Context) (Finding, error) {
	if d.Parts.Billing == nil {
		return Finding{Says: "nothing is sold: no account at Stripe was named"}, nil
	}
	began := time.Now()
	n, err := d.Parts.Billing.CheckPrices(ctx)
	if err != nil {
		return Finding{}, err
	}
	took := time.Since(began)
	knocked, err := d.Parts.Billing.Knock(ctx)
	if err != nil {
		return Finding{}, err
	}
	s := d.Parts.Billing.Stats()
	f := Finding{Passed: s.Dead == 0 && s.DeadUsage == 0, Says: fmt.Sprintf("%d prices agree, asked in %d ms", n, took.Milliseconds())}
	f.Steps = []Step{
		{Name: "Prices at Stripe are those of the plans", Passed: true, Says: fmt.Sprintf("%d prices", n), Took: took},
		{Name: "A customer made and taken away", Passed: true, Says: probed[knocked]},
		{Name: "No event was given up", Passed: s.Dead == 0, Says: fmt.Sprintf("%d given up", s.Dead)},
		{Name: "No use waits unbilled for good", Passed: s.DeadUsage == 0, Says: fmt.Sprintf("%d given up, %d wait", s.DeadUsage, s.Pending)},
	}
	return f, nil
}

var probed = map[bool]string{true: "and told of by webhooks", false: "not on a live account"}

const newestWebhookSQL = `
select coalesce(max(received_at), '-infinity')::text <> '-infinity', coalesce(max(received_at), now()),
  count(*) filter (where state in ('failed', 'dead'))
from tenon.billing_events`

// webhookFresh is how long no webhook may come. At a test account each round trip brings one.
const webhookFresh = day

// billing says whether the last round trip went well, and how fresh the last webhook is.
func (d *Desk) billing(ctx context.Context, s seen) (Item, error) {
	item := Item{
		Key: "billing", Title: "Billing integration verified",
		Bound: "a round trip within 40 minutes, a webhook within 24 hours, none undone", Link: "#billing", More: "each step",
	}
	item, err := d.kept(ctx, Billing, item, 40*time.Minute, s.now)
	if err != nil || item.State == Unknown {
		return item, err
	}
	var heard bool
	var newest time.Time
	var undone int
	if err := d.Pool.QueryRow(ctx, newestWebhookSQL).Scan(&heard, &newest, &undone); err != nil {
		return item, err
	}
	age := max(s.now.Sub(newest), 0)
	switch {
	case undone > 0:
		item.State, item.Value = worst(item.State, Amber), fmt.Sprintf("%s; %d webhooks are undone", item.Value, undone)
	case heard:
		item.Value += "; last webhook " + ago(age)
		if age > webhookFresh {
			item.State = worst(item.State, Amber)
		}
	case d.Parts.Billing != nil:
		item.State, item.Value = worst(item.State, Amber), item.Value+"; no webhook came yet"
	}
	return item, nil
}

// dollars writes whole US dollars, with their thousands apart.
func dollars(cents int64) string {
	return "$" + grouped((cents+50)/100)
}

// ago writes how long ago something was, in minutes.
func ago(d time.Duration) string {
	if d < time.Minute {
		return "just now"
	}
	return fmt.Sprintf("%d min ago", int(d.Minutes()))
}

// grouped writes a number with its thousands apart.
func grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
