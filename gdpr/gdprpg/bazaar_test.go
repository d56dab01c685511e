package gdprpg_test

import (
	"fmt"
	"regexp"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon/gdpr"
	"github.com/transbotai/tenon/internal/pgtest"
)

// The bazaar is a small host with one of everything: a cycle of NOT NULL RESTRICT keys, composite and soft references, a
// polymorphic pair, a path into a document, rows that refer to their own kind, rows that the law keeps, and rows of one
// company that mention another.
const bazaarSQL = `
create schema bazaar;
create table bazaar.companies (id text primary key, name text not null, founder_id bigint not null, deleted_at timestamptz);
create table bazaar.users (id bigint primary key, company_id text not null, email text not null unique, boss_id bigint,
  deleted_at timestamp);
create table bazaar."Order" (company_id text, no int, note text, deleted_at timestamptz, primary key (company_id, no));
create table bazaar.lines (company_id text, order_no int, line int, what text, primary key (company_id, order_no, line));
create table bazaar.invoices (id bigint primary key, company_id text, payee text not null, phone varchar(20) not null unique,
  amount numeric not null, billed date not null, tags text[] not null, extra jsonb not null);
create table bazaar.comments (id bigint primary key, about text not null, about_id text not null, said text);
create table bazaar.webhooks (id bigint primary key, body jsonb not null);
create table bazaar.referrals (id bigint primary key, company_id text not null, partner_id text, partner_name text);
create table bazaar.countries (code text primary key);

insert into bazaar.companies
select c, 'The ' || c || ' Company', 100 * n + 1 from unnest(array['acme', 'zenith']) with ordinality u (c, n);
insert into bazaar.users
select 100 * n + i, c, 'user' || i || '@' || c || '.test', case when i > 1 then 100 * n + i / 2 end
from unnest(array['acme', 'zenith']) with ordinality u (c, n), generate_series(1, 9) i;
update bazaar.users set deleted_at = '2026-01-01' where id % 100 = 7;
insert into bazaar."Order"
select c, i, 'for ' || c from unnest(array['acme', 'zenith']) c, generate_series(1, 5) i;
insert into bazaar.lines
select c, i, l, c || ' thing' from unnest(array['acme', 'zenith']) c, generate_series(1, 5) i, generate_series(1, 3) l;
insert into bazaar.invoices
select 100 * n + i, c, 'The ' || c || ' Company', '+4412' || n || i, 10, '2026-03-04', array['to ' || c], jsonb_build_object('of', c)
from unnest(array['acme', 'zenith']) with ordinality u (c, n), generate_series(1, 5) i;
insert into bazaar.comments
select id, 'user', id::text, 'says ' || email from bazaar.users;
insert into bazaar.comments
select 1000 + 100 * n, 'company', c, 'on ' || c from unnest(array['acme', 'zenith']) with ordinality u (c, n);
insert into bazaar.webhooks
select 100 * n + i, jsonb_build_object('company', jsonb_build_object('id', c), 'i', i)
from unnest(array['acme', 'zenith']) with ordinality u (c, n), generate_series(1, 3) i;
insert into bazaar.referrals values (1, 'acme', 'zenith', 'The zenith Company'), (2, 'zenith', 'acme', 'The acme Company'),
  (3, 'zenith', null, 'nobody');
insert into bazaar.countries values ('de');

alter table bazaar.companies add constraint founder foreign key (founder_id) references bazaar.users on delete restrict;
alter table bazaar.users add constraint company foreign key (company_id) references bazaar.companies on delete restrict;
alter table bazaar.users add constraint boss foreign key (boss_id) references bazaar.users on delete restrict;
alter table bazaar."Order" add constraint company foreign key (company_id) references bazaar.companies on delete cascade;
alter table bazaar.lines add constraint "the order" foreign key (company_id, order_no) references bazaar."Order" on delete restrict;
alter table bazaar.invoices add constraint company foreign key (company_id) references bazaar.companies;
alter table bazaar.referrals add constraint company foreign key (company_id) references bazaar.companies;
alter table bazaar.referrals add constraint partner foreign key (partner_id) references bazaar.companies on delete set null`

// bazaar returns the definition for companies.
func bazaar() *gdpr.Definition {
	rule := func(r gdpr.Rule) gdpr.ColumnRule { return gdpr.ColumnRule{Rule: r} }
	known, by := gdpr.ColumnRule{Rule: gdpr.Delete, Known: true}, func(m gdpr.Method) gdpr.ColumnRule {
		return gdpr.ColumnRule{Rule: gdpr.Anonymise, Method: m}
	}
	return &gdpr.Definition{
		Root:    gdpr.Root{Table: "bazaar.companies", Key: "id"},
		Schemas: []string{"bazaar"},
		References: []gdpr.Reference{
			{Name: "user", From: "bazaar.comments", Columns: []string{"about_id"}, Type: "about", Is: "user", To: "bazaar.users", ToColumns: []string{"id"}},
			{Name: "company", From: "bazaar.comments", Columns: []string{"about_id"}, Type: "about", Is: "company", To: "bazaar.companies", ToColumns: []string{"id"}},
			{Name: "company", From: "bazaar.webhooks", Columns: []string{"body"}, Path: []string{"company", "id"}, To: "bazaar.companies", ToColumns: []string{"id"}},
		},
		Tables: map[string]gdpr.TableRule{
			"bazaar.companies": {Rule: gdpr.Delete, Mark: "deleted_at", Columns: map[string]gdpr.ColumnRule{
				"id": rule(gdpr.Delete), "name": known, "founder_id": rule(gdpr.Delete), "deleted_at": rule(gdpr.Delete),
			}},
			"bazaar.users": {Rule: gdpr.Delete, Mark: "deleted_at", Columns: map[string]gdpr.ColumnRule{
				"id": rule(gdpr.Delete), "company_id": rule(gdpr.Delete), "email": known, "boss_id": rule(gdpr.Delete), "deleted_at": rule(gdpr.Delete),
			}},
			`bazaar."Order"`: {Rule: gdpr.Delete, Mark: "deleted_at", Columns: gdpr.Columns(rule(gdpr.Delete), "company_id", "no", "note", "deleted_at")},
			"bazaar.lines":   {Rule: gdpr.Delete, Columns: gdpr.Columns(rule(gdpr.Delete), "company_id", "order_no", "line", "what")},
			"bazaar.invoices": {Rule: gdpr.Keep, Basis: "tax law", Until: gdpr.Span{Years: 10}, Columns: map[string]gdpr.ColumnRule{
				"id": rule(gdpr.Ignore), "company_id": by(gdpr.SetNull), "payee": by(gdpr.SetEmpty), "phone": by(gdpr.SetToken),
				"amount": {}, "billed": by(gdpr.SetYear), "tags": by(gdpr.SetEmpty), "extra": by(gdpr.SetEmpty),
			}},
			"bazaar.comments": {Rule: gdpr.Delete, Columns: gdpr.Columns(rule(gdpr.Delete), "id", "about", "about_id", "said")},
			"bazaar.webhooks": {Rule: gdpr.Delete, Columns: gdpr.Columns(rule(gdpr.Delete), "id", "body")},
			"bazaar.referrals": {Rule: gdpr.Delete, Mentions: []string{"partner"}, Columns: map[string]gdpr.ColumnRule{
				"id": rule(gdpr.Delete), "company_id": rule(gdpr.Delete), "partner_id": by(gdpr.SetNull), "partner_name": {Rule: gdpr.Anonymise, Method: gdpr.SetEmpty, With: "partner"},
			}},
			"bazaar.countries": {Rule: gdpr.Ignore, Columns: gdpr.Columns(rule(gdpr.Ignore), "code")},
		},
	}
}

var bazaarTables = []string{
	"bazaar.companies", "bazaar.users", `bazaar."Order"`, "bazaar.lines", "bazaar.invoices", "bazaar.comments", "bazaar.webhooks", "bazaar.referrals", "bazaar.countries",
}

var token = regexp.MustCompile(`erased-[0-9a-f]{13}`)

// bazaarDump returns every row, with the same word for every token.
func bazaarDump(t *testing.T, pool *pgxpool.Pool) []string {
	t.Helper()
	var all []string
	for _, table := range bazaarTables {
		for _, row := range pgtest.List[string](t, pool, fmt.Sprintf("select t::text from %s t", table)) {
			all = append(all, table+" "+token.ReplaceAllString(row, "token"))
		}
	}
	slices.Sort(all)
	return all
}

// openBazaar makes the bazaar afresh.
func openBazaar(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	pgtest.Exec(t, pool, "drop schema if exists bazaar cascade; truncate tenon.gdpr_deletions, tenon.gdpr_marks, tenon.gdpr_work, tenon.gdpr_certificates, tenon.gdpr_suppressions")
	pgtest.Exec(t, pool, bazaarSQL)
}
