package main

import (
	"context"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/examples/transbot/internal/growth"
	"github.com/transbotai/tenon/internal/pgtest"
)

// faultyDB breaks at a statement. What a transaction is told at its beginning, which triggers would record, it leaves out.
type faultyDB struct{ *pgtest.Faulty }

func (f faultyDB) BeginTx(ctx context.Context, _ pgx.TxOptions) (pgx.Tx, error) { return f.Begin(ctx) }

var faults = []pgtest.Fault{pgtest.Fail, pgtest.CutBefore, pgtest.CutAfter}

func TestAskingAgainAfterAnyFaultGivesOneLeadAndOneMail(t *testing.T) {
	t.Parallel()
	d := newTrials(t)
	for i, fault := range faults {
		for n := 1; ; n++ {
			address := "a" + strconv.Itoa(n) + "@" + strconv.Itoa(i) + ".example"
			faulty := pgtest.NewFaulty(d.pool, n, fault)
			ticket, err := d.over(faultyDB{faulty}).Ask(t.Context(), growth.Request{Email: address, Lanes: 7})
			if !faulty.Fired() {
				require.NoError(t, err)
				require.Greater(t, n, 4)
				break
			}
			require.ErrorIs(t, err, tenon.ErrUnavailable, "%s at %d", fault, n)
			require.Equal(t, d.count("from trial_leads where email = $1", address),
				d.count("from tenon.notifications n join trial_leads l on n.data ->> 'lead' = l.id::text where l.email = $1", address),
				"%s at %d: neither is there without the other", fault, n)
			require.Equal(t, ticket, d.ask(address))
			require.Equal(t, 1, d.count("from trial_leads where email = $1 and mails = 1", address), "%s at %d", fault, n)
			require.Equal(t, 1, d.count("from tenon.notifications n join trial_leads l on n.key = 'trial/' || l.id || '/1' where l.email = $1", address))
		}
	}
	require.Equal(t, d.count("from trial_leads"), d.count("from tenon.notifications"))
}

func TestConfirmingAgainAfterAnyFaultMakesOneCompany(t *testing.T) {
	t.Parallel()
	d := newTrials(t)
	d.send()
	const most = 30 // statements that are prepared for
	for i := range faults {
		for n := range most {
			d.ask("a" + strconv.Itoa(n) + "@" + strconv.Itoa(i) + ".example")
		}
	}
	for i, fault := range faults {
		for n := 1; ; n++ {
			require.LessOrEqual(t, n, most)
			link := d.linkTo("a"+strconv.Itoa(n-1)+"@"+strconv.Itoa(i)+".example", 1)
			faulty := pgtest.NewFaulty(d.pool, n, fault)
			_, err := d.over(faultyDB{faulty}).Confirm(t.Context(), link, founding)
			if !faulty.Fired() {
				require.NoError(t, err)
				require.Greater(t, n, 8)
				break
			}
			require.ErrorIs(t, err, tenon.ErrUnavailable, "%s at %d", fault, n)
			if _, err = d.Confirm(t.Context(), link, founding); err != nil {
				require.ErrorIs(t, err, growth.ErrUsed, "%s at %d: the commit had happened", fault, n)
			}
			var company string
			require.NoError(t, d.pool.QueryRow(t.Context(), "select company_id from trial_leads where id = $1", link.Lead).Scan(&company))
			d.requireFounded(company, link.Lead)
		}
	}
	require.Equal(t, d.count("from companies"), d.count("from trial_leads where state = 'confirmed'"))
}

func TestAMailWhoseServerWasAwayIsSentLater(t *testing.T) {
	t.Parallel()
	d := newTrials(t)
	d.box.fails = 2
	d.ask("ann@acme.example")
	d.send()
	_, err := d.Confirm(t.Context(), d.linkTo("ann@acme.example", 1), founding)
	require.NoError(t, err)
}
