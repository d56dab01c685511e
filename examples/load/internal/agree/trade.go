package agree

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon/examples/load/internal/traffic"
)

const selectQuotes = `
select company_id, id::text, status
from public.quotes
where company_id = any ($1)`

var stepOf = map[string]int{"created": 0, "sent": 1, "accepted": 2, "booked": 3}

// keptQuote is one as the database has it.
type keptQuote struct{ Company, ID, Status string }

// quotes are the very ones that were promised, and stand where the company was told.
func (b *Book) quotes(ctx context.Context) ([]Line, error) {
	rows, err := b.Pool.Query(ctx, selectQuotes, b.ids())
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[keptQuote])
	if err != nil {
		return nil, err
	}
	promised := map[string]*traffic.Tenant{}
	for _, t := range b.Tenants {
		promised[t.ID] = t
	}
	found, steps := map[string]int64{}, map[string]int64{}
	var strangers []string
	for _, k := range list {
		found[k.Company]++
		steps[k.Company] += int64(stepOf[k.Status])
		if q := promised[k.Company].Told().Quotes[k.ID]; q == nil {
			strangers = append(strangers, "nobody was told of quote "+k.ID)
		} else if q.Step != stepOf[k.Status] {
			strangers = append(strangers, fmt.Sprintf("quote %s is %s", k.ID, k.Status))
		}
	}
	kept := b.compare("quotes = those that were answered", found, made)
	kept.Faults = append(kept.Faults, strangers...)
	return []Line{
		kept,
		b.compare("their progress = steps that were answered", steps, moved),
	}, nil
}

// What companies were told of.
func made(t *traffic.Tenant) told   { return exactly(len(t.Told().Quotes)) }
func moved(t *traffic.Tenant) told  { return exactly(t.Told().Moved()) }
func opened(t *traffic.Tenant) told { return exactly(len(t.Told().Tickets)) }

const selectUsed = `
select tenant_id, sum(used)::bigint
from tenon.usage_counters
where tenant_id = any ($1)
  and feature_key = $2
group by tenant_id`

const selectDrift = `
select tenant_id, count(*)
from tenon.usage_counters c
where tenant_id = any ($1)
  and used <> (
    select coalesce(sum(e.qty), 0)
    from tenon.usage_events e
    where e.tenant_id = c.tenant_id
      and e.feature_key = c.feature_key
      and e.occurred_at >= c.period_start
      and e.occurred_at < c.period_end)
group by tenant_id`

// counters are what was used before and what was allowed, and the sums of their events.
func (b *Book) counters(ctx context.Context) ([]Line, error) {
	var lines []Line
	for _, f := range []struct {
		feature, what string
		of            func(*traffic.Told) told
	}{
		{traffic.Rates, "rates used = a quote each", func(t *traffic.Told) told { return exactly(len(t.Quotes)) }},
		{traffic.Bulk, "bulk_rating used = a job each", func(t *traffic.Told) told { return exactly(len(t.Jobs)) }},
		{traffic.Access, "api_access used = calls that succeeded", accessed},
	} {
		found, err := b.count(ctx, selectUsed, f.feature)
		if err != nil {
			return nil, err
		}
		lines = append(lines, b.compare(f.what, found, func(t *traffic.Tenant) told {
			v := f.of(t.Told())
			return told{v.least + t.Used[f.feature], v.most + t.Used[f.feature]}
		}))
	}
	found, err := b.count(ctx, selectDrift)
	return append(lines, b.compare("counters that are not the sum of their events", found, none)), err
}

func none(*traffic.Tenant) told { return told{} }

// accessed are the calls that succeeded. One whose answer was lost may count.
func accessed(t *traffic.Told) told {
	n := t.Count(func(c traffic.Call) bool { return c.Metered && c.Status < 300 })
	return told{n, n + int64(t.UnknownMetered)}
}

const selectOver = `
select tenant_id, count(*)
from tenon.usage_counters
where tenant_id = any ($1)
  and hard_limit >= 0
  and used + held > hard_limit + granted
group by tenant_id`

const selectHeld = `
select tenant_id, sum(held)::bigint
from tenon.usage_counters
where tenant_id = any ($1)
group by tenant_id`

// maxHeld is the most that one request holds: a job, its lanes, and the call.
const maxHeld = 7

// limits are never passed, and nothing is left reserved but by requests that nobody finished.
func (b *Book) limits(ctx context.Context) ([]Line, error) {
	over, err := b.count(ctx, selectOver)
	if err != nil {
		return nil, err
	}
	held, err := b.count(ctx, selectHeld)
	return []Line{
		b.compare("counters above their limit", over, none),
		b.compare("units left on hold", held, func(t *traffic.Tenant) told { return told{0, maxHeld * int64(t.Told().Unknown)} }),
	}, err
}

const selectEvents = `
select tenant_id, count(*)
from tenon.events
where tenant_id = any ($1)
  and event_name = $2
group by tenant_id`

const selectFolded = `
select tenant_id, sum(count)::bigint
from tenon.kpi_rollups
where tenant_id = any ($1)
  and measure = any ((
    select measures
    from tenon.kpis
    where name = 'quotes_created')::text[])
group by tenant_id`

// events are what happened, once each, and so are the figures.
func (b *Book) events(ctx context.Context) ([]Line, error) {
	var lines []Line
	for _, e := range []struct {
		name string
		of   func(*traffic.Tenant) told
	}{
		{"quote_created", made},
		{"quote_sent", func(t *traffic.Tenant) told { return exactly(t.Told().Steps(1)) }},
		{"quote_accepted", func(t *traffic.Tenant) told { return exactly(t.Told().Steps(2)) }},
		{"load_booked", func(t *traffic.Tenant) told { return exactly(t.Told().Steps(3)) }},
		{"directory_invited", func(t *traffic.Tenant) told { return exactly(len(t.Told().Events)) }},
	} {
		found, err := b.count(ctx, selectEvents, e.name)
		if err != nil {
			return nil, err
		}
		lines = append(lines, b.compare("events "+e.name, found, e.of))
	}
	found, err := b.count(ctx, selectFolded)
	return append(lines, b.compare("figure quotes_created", found, made)), err
}
