package agree

import (
	"context"
	"net/http"
	"time"

	"github.com/transbotai/tenon/examples/load/internal/traffic"
)

const selectRecords = `
select tenant_id, count(*)
from tenon.audit_log
where tenant_id = any ($1)
  and action = $2
  and target like $3
group by tenant_id`

const selectRequestRecords = `
select tenant_id, count(*)
from tenon.audit_log
where tenant_id = any ($1)
  and payload ? 'route'
group by tenant_id`

const selectSealed = `
select (select count(*) from tenon.audit_log), (select count(*) from tenon.audit_leaves)`

// records of the audit log: one for each change, in its transaction, and one for each request that may change something.
func (b *Book) records(ctx context.Context) ([]Line, error) {
	var lines []Line
	for _, r := range []struct {
		what, action, target string
		of                   func(*traffic.Tenant) told
	}{
		{"records of quotes made", "INSERT", "public.quotes", made},
		{"records of quotes moved", "UPDATE", "public.quotes", moved},
		{"records of companies", "INSERT", "public.companies", func(*traffic.Tenant) told { return exactly(1) }},
		{"records of tickets", "support.ticket_opened", "%", opened},
	} {
		found, err := b.count(ctx, selectRecords, r.action, r.target)
		if err != nil {
			return nil, err
		}
		lines = append(lines, b.compare(r.what, found, r.of))
	}
	found, err := b.count(ctx, selectRequestRecords)
	if err != nil {
		return nil, err
	}
	lines = append(lines, b.compare("records of other requests", found, b.posted))
	all, sealed, err := b.pair(ctx, selectSealed)
	return append(lines, equal("records that are sealed, of all", sealed, all)), err
}

// posted are the requests that may change something. The record of one is a transaction of its own, and waits in memory
// while Postgres is away; of one that fails since nobody can tell whose key it is there is none, and one that made a quote
// is recorded with that.
func (b *Book) posted(t *traffic.Tenant) told {
	return b.written(t, func(c traffic.Call) bool { return c.Post && c.Status < 500 && !c.Fresh }, t.Told().UnknownPosts)
}

// written are answers of which something was to be written down. What an instance had not written when it was killed is
// not there; of a request without an answer it may be.
func (b *Book) written(t *traffic.Tenant, which func(traffic.Call) bool, unknown int) told {
	all := t.Told().Count(which)
	lost := t.Told().Count(func(c traffic.Call) bool { return which(c) && touches(b.Losses, c) })
	return told{all - lost, all + int64(unknown)}
}

const selectRequests = `
select company_id, count(*)
from public.api_requests
where company_id = any ($1)
  and (status < 500) = $2
group by company_id`

const selectQuoteRequests = `
select company_id, count(*)
from public.quote_requests
where company_id = any ($1)
  and response_ms <= $2
group by company_id`

// ever is longer than any request takes, in milliseconds.
const ever = 1e9

// requests are logged by how they were answered. The service's own time is shorter than what a caller measures.
func (b *Book) requests(ctx context.Context) ([]Line, error) {
	var lines []Line
	for _, r := range []struct {
		what, sql string
		arg       any
		of        func(traffic.Call) bool
	}{
		{"requests answered without an error of ours", selectRequests, true, logged},
		{"requests for quotes", selectQuoteRequests, ever, quoting},
	} {
		found, err := b.count(ctx, r.sql, r.arg)
		if err != nil {
			return nil, err
		}
		lines = append(lines, b.compare(r.what, found, func(t *traffic.Tenant) told { return b.written(t, r.of, t.Told().Unknown) }))
	}
	found, err := b.count(ctx, selectQuoteRequests, 500)
	if err != nil {
		return nil, err
	}
	failed, err := b.failures(ctx)
	return append(lines, b.compare("of these within 500 ms, at least as callers saw", found, b.quick), failed), err
}

const selectFailures = `
select count(*), 0
from public.api_requests
where (company_id = any ($1) or company_id = '')
  and status >= 500
  and at >= $2`

// failures are logged without a company where Postgres was away when it was to say whose key it was.
func (b *Book) failures(ctx context.Context) (Line, error) {
	l := Line{What: "requests answered with one"}
	for _, t := range b.Tenants {
		of := b.written(t, func(c traffic.Call) bool { return c.Status >= 500 }, t.Told().Unknown)
		l.Least, l.Most = l.Least+of.least, l.Most+of.most
	}
	var err error
	if l.Found, _, err = b.pair(ctx, selectFailures, b.ids(), b.Began); l.Found < l.Least || l.Found > l.Most {
		l.Faults = []string{"they differ"}
	}
	return l, err
}

// quick are the quotes that took at most 500 ms.
func (b *Book) quick(t *traffic.Tenant) told {
	seen := b.written(t, func(c traffic.Call) bool {
		return quoting(c) && c.Read.Sub(c.Sent) <= 500*time.Millisecond
	}, 0)
	return told{seen.least, b.written(t, quoting, t.Told().Unknown).most}
}

// logged says whether the request is in the log, under its company: those that the rate limit refused are not, and those
// that failed may have failed before anybody knew whose they were.
func logged(c traffic.Call) bool {
	return !c.TooFast && c.Status != http.StatusUnauthorized && c.Status < 500
}

// quoting says whether it is there as one for a quote.
func quoting(c traffic.Call) bool {
	switch c.Kind {
	case traffic.NewQuote, traffic.Again, traffic.Reused, traffic.WrongLane:
		return logged(c)
	}
	return false
}

const selectObjective = `
select coalesce(sum(good), 0)::bigint, coalesce(sum(valid), 0)::bigint
from tenon.slo_rollups
where objective = $1
  and instance = 'table'`

// objectives count what the log holds, of all companies, to the digit.
func (b *Book) objectives(ctx context.Context) ([]Line, error) {
	var lines []Line
	for _, o := range []struct{ name, raw string }{
		{"uptime", "select count(*) filter (where status < 500), count(*) from public.api_requests"},
		{"quote_p95_latency_ms", "select count(*) filter (where response_ms <= 500), count(*) from public.quote_requests"},
		{"agent_success_rate", "select count(*) filter (where status = 'succeeded'), count(ended_at) from public.agent_tasks"},
	} {
		good, valid, err := b.pair(ctx, selectObjective, o.name)
		if err != nil {
			return nil, err
		}
		rawGood, rawValid, err := b.pair(ctx, o.raw)
		if err != nil {
			return nil, err
		}
		lines = append(lines, equal("objective "+o.name+", good", good, rawGood), equal("objective "+o.name+", all", valid, rawValid))
	}
	return lines, nil
}
