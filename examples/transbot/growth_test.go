package main

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/examples/transbot/internal/growth"
)

func TestHoweverManyAskAtOnceThereIsOneLeadAndOneMail(t *testing.T) {
	t.Parallel()
	d := newTrials(t)
	d.send()
	tickets := make([]string, 100)
	var asking sync.WaitGroup
	for i := range tickets {
		asking.Go(func() {
			address := "ann@acme.example"
			if i%2 == 0 {
				address = "ANN@Acme.example" // the same person
			}
			ticket, err := d.Ask(t.Context(), growth.Request{Email: address, Lanes: 1 + i})
			if err == nil {
				tickets[i] = ticket
			}
		})
	}
	asking.Wait()
	for _, ticket := range tickets {
		require.Equal(t, tickets[0], ticket)
	}
	require.NotEmpty(t, tickets[0])
	require.Equal(t, 1, d.count("from trial_leads"))
	require.Equal(t, 1, d.count("from tenon.notifications where kind = 'growth.mail'"))
	d.ask("other@acme.example")
	d.linkTo("other@acme.example", 1)
	require.Eventually(t, func() bool { return d.count("from tenon.notifications where state <> 'delivered'") == 0 }, inTime, 20*time.Millisecond)
	require.Equal(t, 1, len(d.box.to("ann@acme.example"))+len(d.box.to("ANN@acme.example")))
}

func TestAnAddressIsNotMailedOftenerThanItShould(t *testing.T) {
	t.Parallel()
	d := newTrials(t)
	d.send()
	const address = "ann@acme.example"
	pause := func() (seconds int) {
		require.NoError(t, d.pool.QueryRow(t.Context(), "select extract(epoch from mail_after - now() + interval '30 s')::int / 60 from trial_leads").Scan(&seconds))
		return seconds
	}
	ticket := d.ask(address)
	first := d.linkTo(address, 1)
	for _, minutes := range []int{20, 40, 80, 160, 320, 640, 640} {
		require.Equal(t, ticket, d.ask(address), "too soon: nothing happens")
		before := d.count("from tenon.notifications")
		d.exec("update trial_leads set mail_after = now()")
		require.Equal(t, ticket, d.ask(address))
		require.Equal(t, before+1, d.count("from tenon.notifications"))
		require.InDelta(t, minutes, pause(), 1)
	}
	require.Equal(t, 1, d.count("from trial_leads"))
	require.Eventually(t, func() bool { return d.count("from tenon.notifications where state <> 'delivered'") == 0 }, inTime, 20*time.Millisecond)
	_, _, err := d.Look(t.Context(), first)
	require.ErrorIs(t, err, growth.ErrLink, "a newer mail has another link")
	all := d.box.to(address)
	newest := mailedLink.FindStringSubmatch(all[len(all)-1].Text)
	email, state, err := d.Look(t.Context(), growth.Link{Lead: newest[1], Token: newest[2]})
	require.NoError(t, err)
	require.Equal(t, address, email)
	require.Equal(t, growth.Asked, state)
}

func TestNothingOfATokenIsKeptButItsHash(t *testing.T) {
	t.Parallel()
	d := newTrials(t)
	d.send()
	d.ask("ann@acme.example")
	link := d.linkTo("ann@acme.example", 1)
	for _, table := range []string{"trial_leads", "tenon.notifications", "tenon.audit_log"} {
		require.Zero(t, d.count("from "+table+" t where t::text like '%' || $1 || '%'", link.Token), table)
	}
	require.Zero(t, d.count("from tenon.notifications t where t::text like '%acme%'"), "the outbox has no address either")
}

func TestALinkThatIsNoGood(t *testing.T) {
	t.Parallel()
	d := newTrials(t)
	d.send()
	d.ask("ann@acme.example")
	d.ask("bob@acme.example")
	link, other := d.linkTo("ann@acme.example", 1), d.linkTo("bob@acme.example", 1)
	refused := func(what string, l growth.Link) {
		t.Helper()
		_, _, err := d.Look(t.Context(), l)
		require.ErrorIs(t, err, growth.ErrLink, what)
		_, err = d.Confirm(t.Context(), l, founding)
		require.ErrorIs(t, err, growth.ErrLink, what)
		_, err = d.Enter(t.Context(), l)
		require.ErrorIs(t, err, growth.ErrLink, what)
		require.Zero(t, d.count("from companies"), what)
	}
	refused("none", growth.Link{})
	refused("no token", growth.Link{Lead: link.Lead})
	refused("forged", growth.Link{Lead: link.Lead, Token: link.Token[:42] + "!"})
	refused("another's", growth.Link{Lead: other.Lead, Token: link.Token})
	refused("no lead", growth.Link{Lead: tenon.NewID(time.Now()), Token: link.Token})
	refused("no id", growth.Link{Lead: "'; drop table trial_leads; --", Token: link.Token})
	_, err := d.Enter(t.Context(), link)
	require.ErrorIs(t, err, growth.ErrLink, "there is nothing to enter yet")
	for _, f := range []growth.Founding{
		{},
		{Company: "x", Kind: "shipper", City: "Reno, NV"},
		{Company: "x", Kind: "king", City: "Reno, NV", Person: "x"},
		{Company: "x", Kind: "shipper", City: "Atlantis", Person: "x"},
		{Company: "x\x00", Kind: "shipper", City: "Reno, NV", Person: "x"},
		{Company: "\xff", Kind: "shipper", City: "Reno, NV", Person: "x"},
	} {
		_, err := d.Confirm(t.Context(), link, f)
		require.ErrorIs(t, err, tenon.ErrInvalid)
	}

	d.exec("update trial_leads set expires_at = now() - interval '1 s' where id = $1", link.Lead)
	refused("too old", link)
	d.ask("ann@acme.example")
	require.Equal(t, 3, d.count("from trial_leads"), "a lead that ran out is followed by another")
	require.NotEqual(t, link.Lead, d.linkTo("ann@acme.example", 2).Lead)
	refused("too old still", link)
}

func TestConfirmingMakesACompanyOnce(t *testing.T) {
	t.Parallel()
	d := newTrials(t)
	d.send()
	const address = "Ann@acme.example"
	d.ask(address)
	link := d.linkTo(address, 1)
	entries, failures := make([]growth.Entry, 8), make([]error, 8)
	var confirming sync.WaitGroup
	for i := range entries {
		confirming.Go(func() { entries[i], failures[i] = d.Confirm(t.Context(), link, founding) })
	}
	confirming.Wait()
	var company string
	for i, err := range failures {
		if err == nil {
			require.Empty(t, company, "one of them was first")
			company = entries[i].Company
			continue
		}
		require.ErrorIs(t, err, growth.ErrUsed)
	}
	require.Regexp(t, `^acme-s-hne-[a-z2-7]{6}$`, company)
	d.requireFounded(company, link.Lead)
	e, err := d.gate.Entitlement(t.Context(), company)
	require.NoError(t, err)
	require.Equal(t, "pro", e.Plan)
	require.Equal(t, entitlements.Trialing, e.Status)
	require.WithinDuration(t, time.Now().AddDate(0, 0, 14), e.TrialEndsAt, time.Hour)

	ticket := d.ask("ann@ACME.example")
	require.Equal(t, d.Ticket(address), ticket, "a customer is answered as everybody is")
	require.Equal(t, 1, d.count("from trial_leads"))
	in := d.linkTo(address, 2)
	require.Equal(t, "Your way into Trans Bot", d.box.to(address)[1].Subject)
	_, err = d.Confirm(t.Context(), in, founding)
	require.ErrorIs(t, err, growth.ErrLink, "there is no second trial")
	entry, err := d.Enter(t.Context(), in)
	require.NoError(t, err)
	require.Equal(t, company, entry.Company)
	_, err = d.Enter(t.Context(), in)
	require.ErrorIs(t, err, growth.ErrUsed)
	require.Equal(t, 2, d.count("from api_keys where company_id = $1", company))

	d.ask(address)
	in = d.linkTo(address, 3)
	d.exec("update companies set deleted_at = now()")
	_, err = d.Enter(t.Context(), in)
	require.ErrorIs(t, err, growth.ErrLink, "nobody enters a company that was deleted")
}

func TestTheMailboxOfWhoLeftIsNoWayIn(t *testing.T) {
	t.Parallel()
	for what, gone := range map[string]string{
		"a person who left":           "update users set deleted_at = now()",
		"a person with a new address": "update users set email = 'ann@elsewhere.example'",
		"a company that was closed":   "update companies set deleted_at = now()",
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			d := newTrials(t)
			d.send()
			const address = "ann@acme.example"
			d.ask(address)
			_, err := d.Confirm(t.Context(), d.linkTo(address, 1), founding)
			require.NoError(t, err)
			ticket := d.ask(address)
			in := d.linkTo(address, 2)
			d.exec(gone)
			_, _, err = d.Look(t.Context(), in)
			require.ErrorIs(t, err, growth.ErrLink)
			_, err = d.Enter(t.Context(), in)
			require.ErrorIs(t, err, growth.ErrLink)
			require.Equal(t, 1, d.count("from api_keys"), "the one of signing up")

			d.exec("update trial_leads set mail_after = now()")
			require.Equal(t, ticket, d.ask(address), "the answer is that of everybody")
			require.Eventually(t, func() bool { return len(d.box.to(address)) == 3 }, inTime, 20*time.Millisecond)
			require.NotContains(t, d.box.to(address)[2].Text, "/signup/", "no link that opens nothing")
		})
	}
}

func TestLeadsAreForgotten(t *testing.T) {
	t.Parallel()
	d := newTrials(t)
	d.send()
	for _, name := range []string{"stays", "waits", "late", "gone", "company"} {
		d.ask(name + "@acme.example")
	}
	_, err := d.Confirm(t.Context(), d.linkTo("company@acme.example", 1), founding)
	require.NoError(t, err)
	d.linkTo("late@acme.example", 1)
	d.linkTo("gone@acme.example", 1)
	d.exec("update trial_leads set expires_at = now() - interval '1 day' where email like 'late%'")
	d.exec("update trial_leads set expires_at = now() - interval '31 days' where email like 'gone%' or email like 'company%'")
	require.NoError(t, d.Tidy(t.Context()))
	require.NoError(t, d.Tidy(t.Context()), "again")
	require.Zero(t, d.count("from trial_leads where email like 'gone%'"))
	require.Equal(t, 1, d.count("from trial_leads where email like 'late%' and state = 'expired'"))
	require.Equal(t, 1, d.count("from trial_leads where email like 'company%' and state = 'confirmed'"))

	leads, err := d.Leads(t.Context(), 10)
	require.NoError(t, err)
	require.Len(t, leads, 4)
	byState := map[growth.State]growth.Lead{}
	for _, l := range leads {
		byState[l.State] = l
	}
	require.NoError(t, d.Delete(t.Context(), byState[growth.Asked].ID))
	require.ErrorIs(t, d.Delete(t.Context(), byState[growth.Asked].ID), tenon.ErrNotFound)
	require.ErrorIs(t, d.Delete(t.Context(), byState[growth.Confirmed].ID), tenon.ErrConflict, "it is the company's")
	require.ErrorIs(t, d.Delete(t.Context(), "nobody"), tenon.ErrNotFound)
	require.ErrorIs(t, d.Resend(t.Context(), byState[growth.Expired].ID), tenon.ErrNotFound)
	require.NoError(t, d.Resend(t.Context(), byState[growth.Confirmed].ID))
	d.linkTo("company@acme.example", 2)
}

func TestTheFunnel(t *testing.T) {
	t.Parallel()
	d := newTrials(t)
	d.send()
	confirmed := map[string]string{}
	for _, name := range []string{"asked", "late", "old", "trial", "paid", "left"} {
		d.ask(name + "@acme.example")
		if name == "trial" || name == "paid" || name == "left" {
			e, err := d.Confirm(t.Context(), d.linkTo(name+"@acme.example", 1), founding)
			require.NoError(t, err)
			confirmed[name] = e.Company
		}
	}
	d.linkTo("late@acme.example", 1) // which sets anew when it ends
	d.exec("update trial_leads set expires_at = now() where email like 'late%'")
	d.exec("update trial_leads set created_at = now() - interval '31 days' where email like 'old%'")
	_, err := d.gate.ChangePlan(t.Context(), entitlements.PlanChange{Tenant: confirmed["paid"], Plan: "pro", When: entitlements.Now, Reason: "paid"})
	require.NoError(t, err)
	_, err = d.gate.Cancel(t.Context(), confirmed["left"], entitlements.Now, "left")
	require.NoError(t, err)
	var f growth.Funnel
	require.Eventually(t, func() bool { // the gate's clock may be ahead of the database's by the time of a call
		f, err = d.Funnel(t.Context())
		return err != nil || f.Paid == 1
	}, inTime, 20*time.Millisecond)
	require.NoError(t, err)
	require.Equal(t, growth.Funnel{Asked: 5, Confirmed: 3, Stayed: 2, Paid: 1}, f)
	leads, err := d.Leads(t.Context(), 10)
	require.NoError(t, err)
	standings := map[string]string{}
	for _, l := range leads {
		standings[l.Email] = string(l.State) + "/" + l.Standing
	}
	require.Equal(t, map[string]string{
		"asked@acme.example": "asked/", "late@acme.example": "expired/", "old@acme.example": "asked/",
		"trial@acme.example": "confirmed/on trial", "paid@acme.example": "confirmed/paid", "left@acme.example": "confirmed/not paid",
	}, standings)
}

func TestTheDemosLeads(t *testing.T) {
	t.Parallel()
	d := newTrials(t)
	d.send()
	d.ask("ann@acme.example")
	_, err := d.Confirm(t.Context(), d.linkTo("ann@acme.example", 1), founding)
	require.NoError(t, err)
	d.exec("delete from trial_leads")
	for range 2 { // the second time there are some
		require.NoError(t, d.Fill(t.Context()))
		require.Equal(t, 2, d.count("from trial_leads where state = 'asked'"))
		require.Equal(t, 3, d.count("from trial_leads where state = 'expired'"))
		require.Equal(t, 1, d.count("from trial_leads where state = 'confirmed' and email = 'ann@acme.example'"))
	}
	leads, err := d.Leads(t.Context(), 10)
	require.NoError(t, err)
	require.Equal(t, "ann@acme.example", leads[0].Email, "the newest is first")
}
