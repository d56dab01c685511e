package gdprtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
	"github.com/transbotai/tenon/internal/conform"
)

var (
	acme   = tenon.Subject{Tenant: "acme"}
	zenith = tenon.Subject{Tenant: "zenith"}
	ann    = tenon.Subject{Tenant: "acme", User: "ann"}
)

var effectRules = group{"effects", []rule{
	{"a_change_that_cannot_be_told_is_not_made", "an error of the recorder or notifier undoes the change", func(r *rig) {
		r.heard.Shut(true)
		_, err := r.desk().Ask(r.as("acme", "owner"), gdpr.Order{Kind: gdpr.KindExport, Subject: acme})
		r.fails("ask", err, conform.ErrShut)
		conform.Equal(r.t, "requests", len(r.load("acme").Requests), 0)
	}},
	{"each_step_is_recorded", "what is done is recorded, in its order, and marking as the customer asked", func(r *rig) {
		q := r.verified(gdpr.KindErasure, acme)
		conform.Equal(r.t, "actions", r.heard.actions(), []string{"gdpr.received", "gdpr.verified", "gdpr.marked", "DELETE"})
		r.later(11 * day)
		r.must(r.round())
		conform.Equal(r.t, "actions", r.heard.actions(), []string{"gdpr.erasing", "gdpr.certified", "gdpr.erased"})
		_, err := r.desk().Request(r.staff(), q.Key)
		r.fails("under its old name", err, gdpr.ErrUnknownRequest)
	}},
	{"what_is_recorded_holds_no_data", "neither records nor notifications hold what the subject wrote", func(r *rig) {
		q := r.verified(gdpr.KindExport, ann)
		r.must(r.round())
		r.stands(q.Key, gdpr.StateCompleted)
		for _, c := range r.heard.Changes() {
			if strings.Contains(string(c.After)+c.Reason+c.Target, "we leave") || strings.Contains(c.Target+string(c.After), "ann") {
				r.t.Fatalf("recorded: %+v", c)
			}
		}
	}},
}}

var askRules = group{"ask", []rule{
	{"refuses_another_company", "a company cannot ask for another's data", func(r *rig) {
		for _, kind := range []gdpr.Kind{gdpr.KindExport, gdpr.KindErasure} {
			_, err := r.desk().Ask(r.as("zenith", "owner"), gdpr.Order{Kind: kind, Subject: acme})
			r.fails("ask", err, gdpr.ErrNotYours)
		}
		r.fails("document", r.desk().Document(r.as("zenith", "owner"), acme, io.Discard), gdpr.ErrNotYours)
		conform.Equal(r.t, "requests", len(r.load("acme").Requests), 0)
	}},
	{"hides_another_companys_requests", "another company's request is as if it were not there", func(r *rig) {
		q := r.ask(gdpr.KindErasure, acme)
		them := r.as("zenith", "owner")
		_, err := r.desk().Request(them, q.Key)
		r.fails("read", err, tenon.ErrNotFound)
		_, err = r.desk().Withdraw(them, q.Key, "")
		r.fails("withdraw", err, tenon.ErrNotFound)
		_, err = r.desk().Verify(them, q.Key, "it is us")
		r.fails("verify", err, tenon.ErrNotFound)
		_, err = r.desk().Requests(them, gdpr.Query{})
		r.fails("list of all", err, tenon.ErrDenied)
		_, err = r.desk().Request(them, gdpr.Key{Tenant: "zenith", ID: q.ID})
		r.fails("its id as their own", err, tenon.ErrNotFound)
		r.stands(q.Key, gdpr.StateReceived)
	}},
	{"asks_the_host", "the host says who may, and its refusal is told as a denial", func(r *rig) {
		_, err := r.desk().Ask(r.as("acme", "clerk"), gdpr.Order{Kind: gdpr.KindErasure, Subject: acme})
		r.fails("a clerk", err, tenon.ErrDenied)
		r.fails("a clerk", err, errForbidden)
		_, err = r.desk().Ask(r.t.Context(), gdpr.Order{Kind: gdpr.KindErasure, Subject: acme})
		r.fails("nobody", err, gdpr.ErrNobody)
		q := r.ask(gdpr.KindErasure, acme)
		_, err = r.desk().Verify(r.as("acme", "owner"), q.Key, "it is me")
		r.fails("an owner who verifies", err, tenon.ErrDenied)
		_, err = r.desk().Ask(r.as("acme", "ann"), gdpr.Order{Kind: gdpr.KindExport, Subject: ann})
		r.must(err)
	}},
	{"refuses_bad_input", "input that cannot be right is invalid and nothing is written", func(r *rig) {
		for _, bad := range []struct {
			field string
			order gdpr.Order
		}{
			{"kind", gdpr.Order{Kind: "forget", Subject: acme}},
			{"tenant", gdpr.Order{Kind: gdpr.KindExport}},
			{"tenant", gdpr.Order{Kind: gdpr.KindExport, Subject: tenon.Subject{Tenant: "ac\x00me"}}},
			{"tenant", gdpr.Order{Kind: gdpr.KindExport, Subject: tenon.Subject{Tenant: strings.Repeat("a", 501)}}},
			{"user", gdpr.Order{Kind: gdpr.KindExport, Subject: tenon.Subject{Tenant: "acme", User: strings.Repeat("a", 501)}}},
			{"user", gdpr.Order{Kind: gdpr.KindExport, Subject: tenon.Subject{Tenant: "acme", User: "\xff"}}},
			{"reason", gdpr.Order{Kind: gdpr.KindExport, Subject: acme, Reason: strings.Repeat("a", 4001)}},
			{"reason", gdpr.Order{Kind: gdpr.KindExport, Subject: acme, Reason: "\xff"}},
		} {
			_, err := r.desk().Ask(r.staff(), bad.order)
			r.refuses(bad.field, err)
		}
		conform.Equal(r.t, "requests", len(r.load("acme").Requests), 0)
	}},
	{"a_required_text_says_something", "what must be said is neither empty nor blank, and nothing is written", func(r *rig) {
		q := r.get(r.ask(gdpr.KindExport, acme).Key)
		for _, blank := range []string{"", " \t\n"} {
			_, err := r.desk().Verify(r.staff(), q.Key, blank)
			r.refuses("how", err)
			_, err = r.desk().Extend(r.staff(), q.Key, blank)
			r.refuses("reason", err)
			_, err = r.desk().Refuse(r.staff(), q.Key, blank)
			r.refuses("answer", err)
			_, err = r.desk().Hold(r.staff(), acme, blank)
			r.refuses("reason", err)
		}
		conform.Equal(r.t, "request", r.get(q.Key), q)
		conform.Equal(r.t, "holds", len(r.load("acme").Holds), 0)
	}},
	{"a_person_learns_nothing_of_other_requests", "one that is not theirs and one that is not there are refused alike", func(r *rig) {
		theirs, companys := r.ask(gdpr.KindExport, tenon.Subject{Tenant: "acme", User: "bob"}), r.ask(gdpr.KindExport, acme)
		her := r.as("acme", "ann")
		own, err := r.desk().Ask(her, gdpr.Order{Kind: gdpr.KindExport, Subject: ann})
		r.must(err)
		_, err = r.desk().Request(her, own.Key)
		r.must(err)
		for _, id := range []string{theirs.ID, companys.ID, tenon.NewID(noon)} {
			_, err := r.desk().Request(her, gdpr.Key{Tenant: "acme", ID: id})
			r.fails(id, err, errForbidden)
			conform.Equal(r.t, "error", err.Error(), errForbidden.Error())
		}
	}},
	{"asking_twice_does_no_harm", "while one is open, another of its kind for its subject is that one", func(r *rig) {
		first := r.ask(gdpr.KindErasure, acme)
		again, err := r.desk().Ask(r.as("acme", "owner"), gdpr.Order{Kind: gdpr.KindErasure, Subject: acme})
		r.fails("again", err, gdpr.ErrOpen)
		conform.Equal(r.t, "id", again.ID, first.ID)
		r.ask(gdpr.KindErasure, zenith)
		r.ask(gdpr.KindErasure, ann)
		r.ask(gdpr.KindExport, acme)
	}},
	{"a_refusal_ends_it", "a refused request is closed with its answer, and nothing is done", func(r *rig) {
		q := r.ask(gdpr.KindErasure, acme)
		q, err := r.desk().Refuse(r.staff(), q.Key, "the tax office needs it")
		r.must(err)
		conform.Equal(r.t, "state and answer", string(q.State)+" "+q.Answer, "refused the tax office needs it")
		_, err = r.desk().Refuse(r.staff(), q.Key, "again")
		r.fails("again", err, gdpr.ErrState)
		_, err = r.desk().Verify(r.staff(), q.Key, "called back")
		r.fails("verify", err, gdpr.ErrState)
		_, err = r.desk().Extend(r.staff(), q.Key, "many tables")
		r.fails("extend", err, gdpr.ErrState)
		conform.Equal(r.t, "rows", r.host.of(q.Key), "")
	}},
}}

var dueRules = group{"due", []rule{
	{"one_month_then_overdue", "a request is warned of before it is due and told as overdue when it is, once each", func(r *rig) {
		q := r.ask(gdpr.KindErasure, acme)
		conform.Equal(r.t, "due", q.DueAt, time.Date(2026, 2, 28, 12, 0, 0, 0, time.UTC))
		r.must(r.round())
		conform.Equal(r.t, "at once", r.heard.kinds(), []string{})
		r.now = q.DueAt.Add(-7 * day)
		r.must(r.round())
		r.must(r.round())
		conform.Equal(r.t, "a week before", r.heard.kinds(), []string{"gdpr.due_soon"})
		r.now = q.DueAt.Add(-time.Microsecond)
		r.must(r.round())
		conform.Equal(r.t, "just before", r.heard.kinds(), []string{})
		r.now = q.DueAt
		r.must(r.round())
		r.must(r.round())
		conform.Equal(r.t, "due", r.heard.kinds(), []string{"gdpr.overdue"})
		d := r.desk()
		r.must(d.Round(r.t.Context()))
		conform.Equal(r.t, "overdue", d.Stats().Overdue, 1)
	}},
	{"can_be_extended_once_by_two_months", "within the first month, by two further months, once", func(r *rig) {
		q := r.ask(gdpr.KindExport, acme)
		late := r.ask(gdpr.KindExport, zenith)
		r.now = q.DueAt
		q, err := r.desk().Extend(r.staff(), q.Key, "many requests")
		r.must(err)
		conform.Equal(r.t, "due", q.DueAt, time.Date(2026, 4, 30, 12, 0, 0, 0, time.UTC))
		_, err = r.desk().Extend(r.staff(), q.Key, "still many")
		r.fails("twice", err, gdpr.ErrTooLate)
		r.later(time.Microsecond)
		_, err = r.desk().Extend(r.staff(), late.Key, "forgot")
		r.fails("late", err, gdpr.ErrTooLate)
	}},
}}

var holdRules = group{"holds", []rule{
	{"a_hold_forbids_to_mark", "what is held stays verified and says so, and goes on when it is released", func(r *rig) {
		h, err := r.desk().Hold(r.staff(), acme, "a lawsuit")
		r.must(err)
		q := r.ask(gdpr.KindErasure, acme)
		q, err = r.desk().Verify(r.staff(), q.Key, "called back")
		r.fails("verify", err, gdpr.ErrHeld)
		var held *gdpr.HeldError
		if !errors.As(err, &held) || len(held.Holds) != 1 || !strings.Contains(err.Error(), "a lawsuit") {
			r.t.Fatalf("it does not say which: %v", err)
		}
		r.must(r.round())
		r.stands(q.Key, gdpr.StateVerified)
		blocked, err := r.desk().Blocked(r.staff(), q.Key)
		r.must(err)
		conform.Equal(r.t, "blocked by", len(blocked), 1)
		other := r.verified(gdpr.KindErasure, zenith)
		r.stands(other.Key, gdpr.StateMarked)
		r.must(r.desk().Release(r.staff(), h.Key))
		r.must(r.round())
		r.stands(q.Key, gdpr.StateMarked)
		r.fails("twice", r.desk().Release(r.staff(), h.Key), gdpr.ErrUnknownHold)
	}},
	{"a_hold_stops_an_erasure", "a hold that comes during the grace forbids to erase, of the company and of its persons", func(r *rig) {
		q := r.verified(gdpr.KindErasure, acme)
		h, err := r.desk().Hold(r.staff(), ann, "her lawsuit")
		r.must(err)
		r.later(20 * day)
		r.must(r.round())
		r.stands(q.Key, gdpr.StateMarked)
		r.must(r.desk().Release(r.staff(), h.Key))
		r.must(r.round())
		conform.Equal(r.t, "rows", r.host.of(q.Key), "erased")
	}},
	{"a_hold_of_one_company_is_not_anothers", "holds are of their own company alone", func(r *rig) {
		_, err := r.desk().Hold(r.staff(), acme, "a lawsuit")
		r.must(err)
		q := r.verified(gdpr.KindErasure, zenith)
		r.later(11 * day)
		r.must(r.round())
		conform.Equal(r.t, "rows", r.host.of(q.Key), "erased")
		_, err = r.desk().Holds(r.as("acme", "owner"), "acme")
		r.fails("who may see holds", err, tenon.ErrDenied)
		_, err = r.desk().Hold(r.staff(), acme, "")
		r.fails("reason", err, tenon.ErrInvalid)
	}},
	{"another_companys_hold_is_as_if_it_were_not_there", "only who may hold releases, and only their own", func(r *rig) {
		h, err := r.desk().Hold(r.staff(), acme, "a lawsuit")
		r.must(err)
		r.fails("another company", r.desk().Release(r.as("zenith", "owner"), h.Key), gdpr.ErrUnknownHold)
		r.fails("its id as their own", r.desk().Release(r.staff(), gdpr.Key{Tenant: "zenith", ID: h.ID}), gdpr.ErrUnknownHold)
		r.fails("its own owner", r.desk().Release(r.as("acme", "owner"), h.Key), tenon.ErrDenied)
		holds, err := r.desk().Holds(r.staff(), "acme")
		r.must(err)
		conform.Equal(r.t, "holds", holds, []gdpr.Hold{h})
	}},
	{"a_hold_that_comes_at_the_last_moment_counts", "a hold is looked for under the lock that placing one takes", func(r *rig) {
		q, store := r.verified(gdpr.KindErasure, acme), r.store
		r.later(11 * day)
		placing := r.desk()
		r.store = afterwards{store, func() {
			r.store = store
			_, err := placing.Hold(r.staff(), acme, "a lawsuit")
			r.must(err)
		}}
		r.must(r.round())
		r.stands(q.Key, gdpr.StateMarked)
		conform.Equal(r.t, "rows", r.host.of(q.Key), "marked")
	}},
	{"exports_are_not_held", "a hold forbids to delete and nothing else", func(r *rig) {
		_, err := r.desk().Hold(r.staff(), acme, "a lawsuit")
		r.must(err)
		q := r.verified(gdpr.KindExport, acme)
		r.must(r.round())
		r.stands(q.Key, gdpr.StateCompleted)
	}},
}}

var exportRules = group{"export", []rule{
	{"is_made_kept_and_removed", "an export is made after it is verified, can be fetched until it expires, and is removed then", func(r *rig) {
		q, other := r.verified(gdpr.KindExport, acme), r.verified(gdpr.KindExport, zenith)
		r.must(r.round())
		q = r.stands(q.Key, gdpr.StateCompleted)
		d, err := r.desk().Open(r.as("acme", "owner"), q.Key)
		r.must(err)
		body, err := io.ReadAll(d)
		r.must(err)
		conform.Equal(r.t, "body", string(body), "all about acme")
		conform.Equal(r.t, "size", d.Size, int64(len(body)))
		_, err = r.desk().Open(r.as("acme", "owner"), other.Key)
		r.fails("another's", err, tenon.ErrNotFound)
		r.now = q.File.Expires
		_, err = r.desk().Open(r.staff(), q.Key)
		r.fails("expired", err, gdpr.ErrUnknownFile)
		r.must(r.round())
		conform.Equal(r.t, "files", r.host.kept(), 0)
		conform.Equal(r.t, "gone", r.get(q.Key).File.Gone, true)
	}},
	{"begins_anew_after_a_failure", "what failed while it was made is made again", func(r *rig) {
		for _, broken := range []string{"pack", "put"} {
			r.host.breaks(broken, true)
			q := r.verified(gdpr.KindExport, tenon.Subject{Tenant: broken})
			r.fails("round", r.round(), errHost)
			r.stands(q.Key, gdpr.StateVerified)
			r.host.breaks(broken, false)
			r.later(time.Minute)
			r.must(r.round())
			r.stands(q.Key, gdpr.StateCompleted)
		}
	}},
	{"a_document_is_recorded_first", "the document is written at once, and recorded before", func(r *rig) {
		var out bytes.Buffer
		r.must(r.desk().Document(r.as("acme", "owner"), acme, &out))
		conform.Equal(r.t, "document", out.String(), "{\"company\":\"acme\"}\n")
		conform.Equal(r.t, "actions", r.heard.actions(), []string{"gdpr.document_exported"})
		r.heard.Shut(true)
		out.Reset()
		r.fails("unrecorded", r.desk().Document(r.as("acme", "owner"), acme, &out), conform.ErrShut)
		conform.Equal(r.t, "document", out.Len(), 0)
	}},
	{"a_desk_without_a_packer_refuses", "a desk that cannot export says so when it is asked", func(r *rig) {
		r.opts.Packer = nil
		_, err := r.desk().Ask(r.staff(), gdpr.Order{Kind: gdpr.KindExport, Subject: acme})
		r.fails("ask", err, tenon.ErrInvalid)
		r.fails("document", r.desk().Document(r.staff(), acme, io.Discard), tenon.ErrInvalid)
	}},
}}

var linkRules = group{"links", []rule{
	{"leads_to_the_file_until_it_expires", "a link is followed by whoever has it, until its end", func(r *rig) {
		q := r.verified(gdpr.KindExport, acme)
		_, err := r.desk().Link(r.as("acme", "owner"), q.Key, time.Hour)
		r.fails("too early", err, gdpr.ErrUnknownFile)
		r.must(r.round())
		token, err := r.desk().Link(r.as("acme", "owner"), q.Key, time.Hour)
		r.must(err)
		_, err = r.desk().Link(r.as("zenith", "owner"), q.Key, time.Hour)
		r.fails("another company", err, tenon.ErrNotFound)
		d, err := r.desk().Follow(context.Background(), token)
		r.must(err)
		body, err := io.ReadAll(d)
		r.must(err)
		conform.Equal(r.t, "body", string(body), "all about acme")
		r.later(time.Hour)
		_, err = r.desk().Follow(context.Background(), token)
		r.fails("expired", err, gdpr.ErrLink)
	}},
	{"needs_a_key_and_a_time", "without a key to sign by, or a time to hold, there is no link", func(r *rig) {
		q := r.verified(gdpr.KindExport, acme)
		r.must(r.round())
		for _, lifetime := range []time.Duration{0, -time.Second} {
			_, err := r.desk().Link(r.staff(), q.Key, lifetime)
			r.refuses("lifetime", err)
		}
		for _, keys := range [][]gdpr.Secret{nil, {{}}} {
			r.opts.Links = keys
			_, err := r.desk().Link(r.staff(), q.Key, time.Hour)
			r.refuses("links", err)
		}
	}},
	{"leads_to_whatever_a_tenant_is_called", "a link of a tenant of the longest name, which JSON escapes, is followed", func(r *rig) {
		long := tenon.Subject{Tenant: strings.Repeat("<", 500)}
		q := r.verified(gdpr.KindExport, long)
		r.must(r.round())
		token, err := r.desk().Link(r.staff(), q.Key, time.Hour)
		r.must(err)
		_, err = r.desk().Follow(context.Background(), token)
		r.must(err)
	}},
	{"holds_no_longer_than_the_file", "a link ends with the file", func(r *rig) {
		q := r.verified(gdpr.KindExport, acme)
		r.must(r.round())
		token, err := r.desk().Link(r.staff(), q.Key, 365*day)
		r.must(err)
		r.now = r.get(q.Key).File.Expires
		_, err = r.desk().Follow(context.Background(), token)
		r.fails("expired", err, gdpr.ErrLink)
	}},
	{"no_other_token_leads_anywhere", "a changed token, or one of another key, is refused", func(r *rig) {
		q := r.verified(gdpr.KindExport, acme)
		r.must(r.round())
		token, err := r.desk().Link(r.staff(), q.Key, time.Hour)
		r.must(err)
		for i := range len(token) {
			changed := []byte(token)
			changed[i] ^= 1
			if _, err := r.desk().Follow(context.Background(), string(changed)); !errors.Is(err, tenon.ErrDenied) {
				r.t.Fatalf("changed at %d: %v", i, err)
			}
		}
		for _, bad := range []string{"", ".", token + "a", strings.Repeat("a", 10_000)} {
			_, err := r.desk().Follow(context.Background(), bad)
			r.fails("token", err, gdpr.ErrLink)
		}
		keys := r.opts.Links
		r.opts.Links = []gdpr.Secret{gdpr.NewSecret("another key")}
		_, err = r.desk().Follow(context.Background(), token)
		r.fails("another key", err, gdpr.ErrLink)
		r.opts.Links = slices.Concat(r.opts.Links, keys)
		_, err = r.desk().Follow(context.Background(), token)
		r.must(err)
	}},
}}
