package faultmatrix_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
	"github.com/transbotai/tenon/gdpr/gdprpg"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

const officeSQL = `
create table public.companies (id text primary key, name text not null, deleted_at timestamptz);
create table public.users (
  company_id text not null references public.companies, id int not null, email text not null, deleted_at timestamptz,
  primary key (company_id, id));
create table public.notes (id int primary key, text text not null);
insert into public.companies values ('acme', 'Acme Freight'), ('zenith', 'Zenith Freight');
insert into public.users
select c, n, c || n || '@example.test' from unnest(array['acme', 'zenith']) c, generate_series(1, 6) n;
insert into public.notes values (1, 'ask acme3@example.test')`

func officeDefinition() *gdpr.Definition {
	given := gdpr.ColumnRule{Whose: gdpr.Given, Known: true}
	about := gdpr.Columns(gdpr.ColumnRule{}, "deleted_at")
	about["id"], about["name"] = given, given
	return &gdpr.Definition{
		Root: gdpr.Root{Table: "public.companies", Key: "id"}, Schemas: []string{"public"},
		Tables: map[string]gdpr.TableRule{
			"public.companies": {Rule: gdpr.Delete, Mark: "deleted_at", Columns: about},
			"public.users": {Rule: gdpr.Delete, Mark: "deleted_at", Columns: map[string]gdpr.ColumnRule{
				"company_id": {}, "id": {}, "email": given, "deleted_at": {},
			}},
			"public.notes": {Rule: gdpr.Ignore, Columns: gdpr.Columns(gdpr.ColumnRule{Rule: gdpr.Ignore}, "id", "text")},
			"public.told":  {Rule: gdpr.Ignore, Columns: gdpr.Columns(gdpr.ColumnRule{Rule: gdpr.Ignore}, "what")},
		},
	}
}

func openRequests(db pgtest.Handle) *gdprpg.Store {
	return gdprpg.New(db, &gdprpg.Options{Notifier: notifier, Recorder: recorder})
}

func openHost(db pgtest.Handle) *gdprpg.Host {
	return gdprpg.NewHost(db, gdprpg.HostOptions{
		Company: officeDefinition(), Secret: gdpr.NewSecret("a key of the tests'"), Batch: 3, Rest: -1,
	})
}

var (
	deletion = gdpr.Deletion{ID: id(40), Subject: company, At: now}
	request  = gdpr.Key{Tenant: "acme", ID: id(41)}
)

func ask(s *stage, db pgtest.Handle) error {
	_, err := openRequests(db).Change(s.ctx(), "acme", func(c *gdpr.Case) (gdpr.Effects, error) {
		if len(c.Requests) > 0 {
			return gdpr.Effects{}, nil
		}
		c.Requests = append(c.Requests, gdpr.Request{
			Key: request, Kind: gdpr.KindExport, State: gdpr.StateVerified, By: "ann",
			ReceivedAt: s.now, DueAt: s.now, NextAt: s.now,
		})
		return gdpr.Effects{Changes: []tenon.Change{{Tenant: "acme", Action: "asked"}}}, nil
	})
	return err
}

func putFile(s *stage, db pgtest.Handle) error {
	return gdprpg.NewFiles(db).Put(s.ctx(), request, bytes.NewReader([]byte(strings.Repeat("an export ", 10_000))))
}

func mark(s *stage, db pgtest.Handle) error {
	_, err := openHost(db).Mark(s.ctx(), deletion)
	return err
}

// planned freezes the plan of an erasure.
func planned(s *stage, _ pgtest.Handle) error {
	p, err := openHost(s.pool).Plan(s.ctx(), company)
	if err != nil {
		return err
	}
	frozen, err := json.Marshal(p)
	s.keep("plan", string(frozen))
	return err
}

func erase(s *stage, db pgtest.Handle) error {
	var p gdpr.Plan
	if err := json.Unmarshal([]byte(s.kept["plan"]), &p); err != nil {
		return err
	}
	_, err := openHost(db).Erase(s.ctx(), deletion, p)
	return err
}

func certify(s *stage, db pgtest.Handle) error {
	_, err := openHost(db).Certify(s.ctx(), deletion, nil)
	return err
}

// restored is a database from before an erasure that its list knows of.
func restored(s *stage) {
	after(mark, planned, erase, certify)(s)
	list, err := openHost(s.pool).Suppressions(s.ctx())
	s.must(err)
	s.execute("truncate tenon.gdpr_deletions, tenon.gdpr_suppressions, tenon.gdpr_certificates cascade")
	s.execute("insert into public.companies values ('acme', 'Acme Freight')")
	s.must(openHost(s.pool).Suppress(s.ctx(), list))
}

var erasing = feature{set: migrations.GDPR, tables: officeSQL, writes: []write{
	{"gdprpg.Store.Change", "", nil, ask},
	{"gdprpg.Store.Claim", "", after(ask), func(s *stage, db pgtest.Handle) error {
		if s.tries > 0 { // what a call took whose answer was lost is nobody's until that lease is over
			s.execute("update tenon.gdpr_requests set lease = '', lease_until = null")
		}
		_, err := openRequests(db).Claim(s.ctx(), gdpr.Claim{Now: s.now, Until: s.now.Add(1e9), Lease: "one", Limit: 5})
		return err
	}},
	{"gdprpg.Files.Put", "", after(ask), putFile},
	{"gdprpg.Files.Remove", "", after(ask, putFile), func(s *stage, db pgtest.Handle) error {
		return gdprpg.NewFiles(db).Remove(s.ctx(), request)
	}},
	{"gdprpg.Host.Mark", "", nil, mark},
	{"gdprpg.Host.Restore", "", after(mark), func(s *stage, db pgtest.Handle) error {
		_, err := openHost(db).Restore(s.ctx(), deletion)
		return err
	}},
	{"gdprpg.Host.Erase", "", after(mark, planned), erase},
	{"gdprpg.Host.Certify", "", after(mark, planned, erase), certify},
	{"gdprpg.Host.Judged", "", after(mark, planned, erase, certify), func(s *stage, db pgtest.Handle) error {
		err := openHost(db).Judged(s.ctx(), deletion.ID)
		if s.tries > 0 && errors.Is(err, tenon.ErrNotFound) {
			return nil // it was done the first time
		}
		return err
	}},
	{"gdprpg.Host.Suppress", "", nil, func(s *stage, db pgtest.Handle) error {
		return openHost(db).Suppress(s.ctx(), []gdpr.Suppression{{Deletion: id(40), Subject: "somebody", At: s.now}})
	}},
	{"gdprpg.Host.Replay", "", restored, func(s *stage, db pgtest.Handle) error {
		_, err := openHost(db).Replay(s.ctx())
		return err
	}},
	{
		"gdprpg.Store.Erase", "a company", after(ask, putFile),
		erases(func(db pgtest.Handle) tenon.Eraser { return openRequests(db) }, company),
	},
}}
