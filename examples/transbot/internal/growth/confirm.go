package growth

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
	"github.com/transbotai/tenon/examples/transbot/internal/freight"
)

// Kinds are what a company can be.
var Kinds = []string{"shipper", "broker", "carrier"}

// Founding is what is asked of whoever confirms.
type Founding struct {
	Company string // its name
	Kind    string // one of Kinds
	City    string // one of freight.Places
	Person  string // the name of who signs up
}

func (f Founding) normal() (Founding, error) {
	f.Company, f.Person = strings.TrimSpace(f.Company), strings.TrimSpace(f.Person)
	if err := checkName("company", f.Company); err != nil {
		return f, err
	}
	if err := checkName("person", f.Person); err != nil {
		return f, err
	}
	if !slices.Contains(Kinds, f.Kind) {
		return f, tenon.Invalid("kind", "is not a choice")
	}
	if !slices.Contains(freight.Places(), f.City) {
		return f, tenon.Invalid("city", "is not a choice")
	}
	return f, nil
}

// maxName bounds a name in characters, as the tables do.
const maxName = 200

func checkName(field, name string) error {
	n := utf8.RuneCountInString(name)
	if n == 0 || n > maxName || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return tenon.Invalid(field, "is not a name of 1 to %d characters", maxName)
	}
	return nil
}

// Entry is what somebody gets who came in.
type Entry struct {
	Company string
	KeyID   string
	Key     string // to be shown once: only its hash is kept
}

// opened is the lead of a link.
type opened struct {
	Email   string
	State   State
	Hash    []byte
	Used    bool
	Live    bool   // the link is not too old
	Company string // that it became, that is there, and of which the address is still; empty: none
}

// homeOfLead is the company that a lead l became, while that is there and the address is one of its people's: who reads
// the mail of somebody that left is not let in.
const homeOfLead = `(
    select c.id
    from public.companies c
    join public.users u on u.company_id = c.id and u.deleted_at is null and lower(u.email) = lower(l.email)
    where c.id = l.company_id
      and c.deleted_at is null
    limit 1)`

const openLead = `
select l.email, l.state, coalesce(l.token_hash, ''), l.token_used_at is not null,
  l.state <> 'expired' and l.expires_at > now(), coalesce(` + homeOfLead + `, '')
from public.trial_leads l
where l.id = $1`

// open returns the lead of a link that is good.
func open(ctx context.Context, db freight.DB, sql string, link Link) (opened, error) {
	if !isID(link.Lead) {
		return opened{}, ErrLink
	}
	rows, err := db.Query(ctx, sql, link.Lead)
	if err != nil {
		return opened{}, class(err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[opened])
	switch {
	case err != nil:
		return opened{}, class(err)
	case len(found) == 0 || !link.opens(found[0].Hash):
		return opened{}, ErrLink
	case found[0].Used:
		return opened{}, ErrUsed
	case !found[0].Live, found[0].State == Confirmed && found[0].Company == "":
		return opened{}, ErrLink
	}
	return found[0], nil
}

// Look says for whom a link is and whether it is to confirm the address or to let a customer in. It changes nothing:
// programs that check mail for bad addresses look as well.
func (d *Desk) Look(ctx context.Context, link Link) (email string, state State, err error) {
	o, err := open(ctx, d.db, openLead, link)
	return o.Email, o.State, err
}

const confirmLead = `
update public.trial_leads
set state = 'confirmed', confirmed_at = now(), company_id = $2, token_used_at = now(), mail_after = now()
where id = $1`

// Confirm makes a company of the link's lead, with its first user, a key, and a trial, all in one transaction. A link that
// was used is an [ErrUsed], and one that is no good an [ErrLink].
func (d *Desk) Confirm(ctx context.Context, link Link, f Founding) (Entry, error) {
	f, err := f.normal()
	if err != nil {
		return Entry{}, err
	}
	e := newEntry(newID(f.Company))
	ctx = acting(ctx, e.Company, link)
	err = freight.InTx(ctx, d.db, func(tx pgx.Tx) (bool, error) {
		o, err := open(ctx, tx, openLead+" for update of l", link)
		if err != nil {
			return false, err
		}
		if o.State != Asked {
			return false, ErrLink
		}
		if err := found(ctx, freight.NewStore(tx), e, o.Email, f); err != nil {
			return false, err
		}
		if err := d.startTrial(ctx, tx, e.Company, link.Lead); err != nil {
			return false, err
		}
		_, err = tx.Exec(ctx, confirmLead, link.Lead, e.Company)
		return err == nil, err
	})
	return e, err
}

// found adds the company with its owner and a key.
func found(ctx context.Context, store *freight.Store, e Entry, email string, f Founding) error {
	now := time.Now()
	isNew, err := store.AddCompany(ctx, freight.Company{
		ID: e.Company, Name: f.Company, Kind: f.Kind, City: f.City, CreatedAt: now,
	})
	if err == nil && !isNew {
		err = tenon.ErrConflict
	}
	if err != nil {
		return err
	}
	err = store.AddUser(ctx, freight.User{
		CompanyID: e.Company, ID: tenon.NewID(now), Name: f.Person, Email: email, Role: "owner", CreatedAt: now,
	})
	if err != nil {
		return err
	}
	return e.addKey(ctx, store)
}

// startTrial starts the company's trial and records of whom it came.
func (d *Desk) startTrial(ctx context.Context, tx pgx.Tx, company, lead string) error {
	gate := d.gate.WithStore(entitlementspg.New(tx, &entitlementspg.Options{
		Notifier: d.opts.Notifier, Recorder: d.opts.Recorder,
	}))
	trial, err := gate.StartTrial(ctx, entitlements.Trial{
		Tenant: company, Plan: TrialPlan, Length: TrialDays * day, Reason: "asked for a trial and confirmed the address",
	})
	if err != nil {
		return err
	}
	return d.record(ctx, tx, company, "trial.confirmed", lead, map[string]any{
		"plan": trial.Plan, "trial_ends_at": trial.TrialEndsAt,
	})
}

func (d *Desk) record(ctx context.Context, tx pgx.Tx, company, action, lead string, after map[string]any) error {
	b, err := json.Marshal(after)
	if err != nil {
		return err
	}
	return d.opts.Recorder(tx).RecordChange(ctx, tenon.Change{
		Tenant: company, Action: action, Target: "trial/" + lead, After: b, At: time.Now(),
	})
}

const useLink = `
update public.trial_leads
set token_used_at = now(), mail_after = now()
where id = $1`

// Enter lets in whoever reads the mail of a company that a lead became, with a new key.
func (d *Desk) Enter(ctx context.Context, link Link) (e Entry, err error) {
	o, err := open(ctx, d.db, openLead, link)
	if err != nil {
		return e, err
	}
	ctx = acting(ctx, o.Company, link)
	err = freight.InTx(ctx, d.db, func(tx pgx.Tx) (bool, error) {
		o, err := open(ctx, tx, openLead+" for update of l", link)
		if err != nil {
			return false, err
		}
		if o.State != Confirmed {
			return false, ErrLink
		}
		e = newEntry(o.Company)
		if err := e.addKey(ctx, freight.NewStore(tx)); err != nil {
			return false, err
		}
		if err := d.record(ctx, tx, e.Company, "trial.entered", link.Lead, map[string]any{"key": e.KeyID}); err != nil {
			return false, err
		}
		_, err = tx.Exec(ctx, useLink, link.Lead)
		return err == nil, err
	})
	return e, err
}

func newEntry(company string) Entry {
	return Entry{Company: company, KeyID: tenon.NewID(time.Now()), Key: freight.NewKey()}
}

func (e Entry) addKey(ctx context.Context, store *freight.Store) error {
	return store.AddKey(ctx, freight.APIKey{
		CompanyID: e.Company, ID: e.KeyID, Name: "sign-up", Hash: freight.KeyHash(e.Key), CreatedAt: time.Now(),
	})
}

// acting returns ctx with the lead as the caller: triggers record what it makes.
func acting(ctx context.Context, company string, link Link) context.Context {
	c, _ := tenon.CallerFrom(ctx)
	c.Tenant, c.Actor = company, "trial:"+link.Lead
	return tenon.WithCaller(ctx, c)
}

// newID makes a company's id of its name. The end is by chance, so that an id is never given twice, not even after its
// company was erased, and tells nobody which names are taken.
func newID(name string) string {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	stem := strings.Join(words, "-")
	if stem == "" {
		stem = "company"
	}
	stem = strings.TrimSuffix(stem[:min(len(stem), 40)], "-")
	return stem + "-" + strings.ToLower(rand.Text()[:6])
}
