package kpitest

import (
	"fmt"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/conform"
	"github.com/transbotai/tenon/kpi"
)

// sent is an event of acme's an hour before noon.
func sent(key string, properties map[string]any) kpi.Event {
	return kpi.Event{
		Tenant: "acme", User: "ann", Name: "quote_sent", Key: key, At: noon.Add(-time.Hour), Properties: properties,
	}
}

var sentCount = kpi.KPI{Name: "sent", Count: &kpi.Count{Of: kpi.On("quote_sent"), Breakdown: "lane"}}

// counts fails unless today, and the whole month before, count so many events of acme's.
func (r *rig) counts(what string, want int64) {
	r.t.Helper()
	for _, state := range []string{"before", "after"} {
		report := r.read(kpi.Query{KPI: "sent", Tenant: "acme", Last: 31})
		var got int64
		for _, p := range report.Points {
			got += p.Count
		}
		conform.Equal(r.t, what+", "+state+" folding", got, want)
		r.verify()
		r.fold()
	}
}

var trackRules = group{"track", []rule{
	{
		"a_key_counts_once",
		"Of events with the same tenant and key the first counts, in one call and in several.",
		func(r *rig) {
			r.define(sentCount)
			e := sent("k", nil)
			conform.Equal(r.t, "in one call", outcomes(r.track(e, e)), []kpi.Outcome{kpi.Accepted, kpi.Duplicate})
			r.counts("in one call", 1)
			first := r.track(sent("l", nil))[0]
			e = sent("l", map[string]any{"lane": "other"})
			e.At = noon.Add(-48 * time.Hour)
			again := r.track(e)[0]
			conform.Equal(r.t, "again", again, kpi.Receipt{Outcome: kpi.Duplicate, ID: first.ID})
			r.counts("in two calls", 2)
			e.Tenant = "other"
			conform.Equal(r.t, "of another tenant", outcomes(r.track(e)), []kpi.Outcome{kpi.Accepted})
			r.counts("of another tenant", 2)
		},
	},
	{
		"a_sum_fits_when_it_is_whole",
		"Whether a sum fits is asked of the whole, in whatever order its parts are added, folded or not.",
		func(r *rig) {
			k := kpi.KPI{Name: "amount", Sum: &kpi.Sum{Of: kpi.On("quote_sent"), Property: "amount"}}
			total := func() string { return r.read(kpi.Query{KPI: "amount", Tenant: "acme", Last: 1}).Points[0].Sum.String() }
			events := []kpi.Event{sent("7", map[string]any{"amount": 7})}
			for _, amount := range []int64{1e12, -1e12} {
				for i := range 200 {
					events = append(events, sent(fmt.Sprint(i, amount), map[string]any{"amount": amount}))
				}
			}
			r.track(events...)
			r.define(k)
			for range 2 {
				conform.Equal(r.t, "sum", total(), "7")
				r.fold()
			}
			for i := range 10 {
				r.track(sent(fmt.Sprint("more", i), map[string]any{"amount": int64(1e12)}))
			}
			for range 2 {
				_, err := r.board().Read(r.ctx(), kpi.Query{KPI: "amount", Tenant: "acme"})
				r.fails("a sum that does not fit", err, kpi.ErrSum)
				r.fold()
			}
		},
	},
	{
		"without_a_key_every_event_counts",
		"Events without a key are different, unless they have the same id: a batch whose answer was lost is sent again.",
		func(r *rig) {
			r.define(sentCount)
			conform.Equal(r.t, "two", outcomes(r.track(sent("", nil), sent("", nil))), []kpi.Outcome{kpi.Accepted, kpi.Accepted})
			r.counts("two", 2)
			e := sent("", nil)
			e.ID, e.ReceivedAt, e.At, e.JSON = tenon.NewID(r.now), r.now, tenon.Instant(r.now), []byte("{}")
			entry := kpi.Entry{Kind: kpi.Add, Event: e}
			receipts, err := r.store.Track(r.ctx(), []kpi.Entry{entry, entry})
			r.must(err)
			conform.Equal(r.t, "in one call", outcomes(receipts), []kpi.Outcome{kpi.Accepted, kpi.Duplicate})
			receipts, err = r.store.Track(r.ctx(), []kpi.Entry{entry})
			r.must(err)
			conform.Equal(r.t, "again", receipts, []kpi.Receipt{{Outcome: kpi.Duplicate, ID: e.ID}})
			r.counts("again", 3)
		},
	},
	{
		"a_correction_moves_what_was_counted",
		"A corrected event counts as it is now, when it happened now, and nowhere else.",
		func(r *rig) {
			r.define(sentCount)
			r.track(sent("k", map[string]any{"lane": "a"}), sent("other", nil))
			r.fold()
			e := sent("k", map[string]any{"lane": "b"})
			e.At = noon.Add(-72 * time.Hour)
			r.later(time.Second)
			receipt, err := r.tracker().Correct(r.ctx(), e)
			r.must(err)
			conform.Equal(r.t, "the outcome", receipt.Outcome, kpi.Corrected)
			r.counts("after", 2)
			report := r.read(kpi.Query{KPI: "sent", Split: true})
			got := map[string]int64{}
			for _, p := range report.Points {
				got[p.Date+" "+p.Group] = p.Count
			}
			conform.Equal(r.t, "where", got, map[string]int64{"2026-04-05 b": 1, "2026-04-08 ": 1})
			e.Name = "something_else"
			_, err = r.tracker().Correct(r.ctx(), e)
			r.must(err)
			r.counts("when it is something else", 1)
		},
	},
	{
		"a_retracted_event_stays_away",
		"What was retracted counts nowhere, and its key stays taken.",
		func(r *rig) {
			r.define(sentCount)
			r.track(sent("k", nil), sent("l", nil))
			r.fold()
			ref := kpi.Ref{Tenant: "acme", Key: "k"}
			r.must(r.tracker().Retract(r.ctx(), ref))
			r.counts("after", 1)
			conform.Equal(r.t, "a late retry", outcomes(r.track(sent("k", nil))), []kpi.Outcome{kpi.Duplicate})
			r.counts("after a late retry", 1)
			r.fails("again", r.tracker().Retract(r.ctx(), ref), kpi.ErrUnknownEvent)
			_, err := r.tracker().Correct(r.ctx(), sent("k", nil))
			r.fails("corrected", err, kpi.ErrUnknownEvent)
			r.fails("of another tenant", r.tracker().Retract(r.ctx(), kpi.Ref{Tenant: "b", Key: "l"}), kpi.ErrUnknownEvent)
			r.fails("unknown", r.tracker().Retract(r.ctx(), kpi.Ref{Tenant: "acme", Key: "x"}), kpi.ErrUnknownEvent)
			r.counts("at the end", 1)
		},
	},
	{
		"entries_of_one_call_follow_each_other",
		"An event may be added, corrected and retracted in one call.",
		func(r *rig) {
			r.define(sentCount)
			entries := []kpi.Entry{}
			for i, kind := range []kpi.EntryKind{kpi.Retract, kpi.Add, kpi.Correct, kpi.Correct, kpi.Retract, kpi.Add, kpi.Retract} {
				e := sent("k", nil)
				e.ID, e.ReceivedAt, e.JSON = tenon.NewID(r.now.Add(time.Duration(i)*time.Millisecond)), r.now, []byte("{}")
				entries = append(entries, kpi.Entry{Kind: kind, Event: e})
			}
			receipts, err := r.store.Track(r.ctx(), entries[:4])
			r.must(err)
			conform.Equal(r.t, "added", outcomes(receipts), []kpi.Outcome{kpi.Unknown, kpi.Accepted, kpi.Corrected, kpi.Corrected})
			r.counts("added", 1)
			receipts, err = r.store.Track(r.ctx(), entries[4:])
			r.must(err)
			conform.Equal(r.t, "retracted", outcomes(receipts), []kpi.Outcome{kpi.Retracted, kpi.Duplicate, kpi.Unknown})
			r.counts("retracted", 0)
		},
	},
	{
		"an_event_happened_when_it_says",
		"Late events count in the past, and an event without a time when it was tracked.",
		func(r *rig) {
			r.define(sentCount)
			late, now := sent("", nil), sent("", nil)
			late.At, now.At = noon.Add(-20*24*time.Hour), time.Time{}
			r.track(late, now)
			r.counts("both", 2)
			got := map[string]int64{}
			for _, p := range r.read(kpi.Query{KPI: "sent"}).Points {
				if p.Count > 0 {
					got[p.Date] = p.Count
				}
			}
			conform.Equal(r.t, "when", got, map[string]int64{"2026-03-19": 1, "2026-04-08": 1})
		},
	},
	{
		"a_report_says_how_fresh_it_is",
		"The newest event that the tenant has, and when the report was read.",
		func(r *rig) {
			r.define(sentCount)
			conform.Equal(r.t, "empty", r.read(kpi.Query{KPI: "sent"}).Freshness, kpi.Freshness{AsOf: r.now})
			r.track(sent("", nil))
			newest := r.now
			other := sent("", nil)
			other.Tenant = "other"
			r.track(other)
			r.fold()
			r.later(time.Minute)
			got := r.read(kpi.Query{KPI: "sent", Tenant: "acme"}).Freshness
			conform.Equal(r.t, "of the tenant", got, kpi.Freshness{AsOf: r.now, Newest: newest})
		},
	},
	{
		"properties_come_back_as_they_were",
		"Texts, numbers, bools, lists and objects in every alphabet, up to the largest, are kept and compared.",
		func(r *rig) {
			r.define(sentCount)
			long := make([]byte, 32<<10-11)
			for i := range long {
				long[i] = 'x'
			}
			for i, lane := range []any{"a → b", "", "\"\\\u2028", 5, 5.0, 0.1, -1e11, true, false, nil, []any{1}, map[string]any{"x": "y"}, "né\t", string(long)} {
				r.track(sent(fmt.Sprint("k", i), map[string]any{"lane": lane}))
			}
			want := map[string]int64{
				"a → b": 1, "\"\\\u2028": 1, "5": 2, "0.1": 1, "-100000000000": 1, "true": 1, "false": 1, "né\t": 1, "": 4, kpi.Long: 1,
			}
			for range 2 {
				got := map[string]int64{}
				for _, p := range r.read(kpi.Query{KPI: "sent", Split: true}).Points {
					got[p.Group] += p.Count
				}
				conform.Equal(r.t, "groups", got, want)
				r.fold()
			}
		},
	},
}}
