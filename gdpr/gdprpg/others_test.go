package gdprpg_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
	"github.com/transbotai/tenon/gdpr/gdprpg"
	"github.com/transbotai/tenon/internal/pgtest"
)

const likesSQL = `
create table bazaar.likes (id int primary key, company_id text not null references bazaar.companies,
  liked bigint references bazaar.users on delete cascade);
insert into bazaar.likes values (10, 'zenith', null)`

func likes(liked gdpr.ColumnRule) *gdpr.Definition {
	def := bazaar()
	def.Tables["bazaar.likes"] = gdpr.TableRule{Rule: gdpr.Delete, Columns: map[string]gdpr.ColumnRule{"id": {}, "company_id": {}, "liked": liked}}
	return def
}

func TestRowsOfOthersThatCameAfterThePlanAreNotTakenAlong(t *testing.T) {
	t.Parallel()
	pool := database(t)
	openBazaar(t, pool)
	pgtest.Exec(t, pool, likesSQL)
	host, d := gdprpg.NewHost(pool, gdprpg.HostOptions{Company: likes(gdpr.ColumnRule{})}), deletion("acme")
	plan, err := host.Plan(t.Context(), d.Subject)
	require.NoError(t, err)
	require.Empty(t, plan.Problems)

	pgtest.Exec(t, pool, "insert into bazaar.likes values (11, 'zenith', 101)")
	before := bazaarDump(t, pool)
	_, err = host.Erase(t.Context(), d, plan)
	require.ErrorIs(t, err, gdpr.ErrPlan)
	require.ErrorContains(t, err, "bazaar.likes.liked: 1 rows")
	require.Equal(t, before, bazaarDump(t, pool), "nothing was done")

	pgtest.Exec(t, pool, "update bazaar.likes set liked = null where id = 11")
	_, err = host.Erase(t.Context(), d, plan)
	require.NoError(t, err)
	require.Equal(t, 2, pgtest.One[int](t, pool, "select count(*) from bazaar.likes"))
}

// meddler does something before the first batch of statements that begins a deletion or a change.
type meddler struct {
	*pgxpool.Pool
	once   sync.Once
	before func(sql string) bool
	do     func()
}

func (m *meddler) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	for _, q := range b.QueuedQueries {
		if m.before(q.SQL) {
			m.once.Do(m.do)
		}
	}
	return m.Pool.SendBatch(ctx, b)
}

func deletesFrom(table string) func(string) bool {
	pattern := "delete from " + table + " t"
	return func(sql string) bool { return strings.Contains(sql, pattern) }
}

func TestMentionsThatCameBehindTheOnesThatWereAnonymisedAreFoundByAResume(t *testing.T) {
	t.Parallel()
	pool := database(t)
	openBazaar(t, pool)
	pgtest.Exec(t, pool, likesSQL+", (20, 'zenith', 102)")
	m := &meddler{Pool: pool, before: deletesFrom("bazaar.users"), do: func() {
		pgtest.Exec(t, pool, "insert into bazaar.likes values (11, 'zenith', 101)")
	}}
	liked := gdpr.ColumnRule{Rule: gdpr.Anonymise, Method: gdpr.SetNull}
	d := deletion("acme")
	host := gdprpg.NewHost(m, gdprpg.HostOptions{Company: likes(liked)})
	pgtest.Exec(t, pool, "alter table bazaar.likes drop constraint likes_liked_fkey, add constraint likes_liked_fkey foreign key (liked) references bazaar.users")
	plan, err := host.Plan(t.Context(), d.Subject)
	require.NoError(t, err)
	_, err = host.Erase(t.Context(), d, plan)
	require.ErrorIs(t, err, gdpr.ErrUnfinished)
	erasure, err := host.Erase(t.Context(), d, plan)
	require.NoError(t, err)
	require.EqualValues(t, 2, erasure.Rows()["bazaar.likes"], "each is counted once")
	require.Equal(t, 3, pgtest.One[int](t, pool, "select count(*) from bazaar.likes"))
}

func TestANewPlanDoesNotForgetWhichMentionsWereAnonymised(t *testing.T) {
	t.Parallel()
	pool := database(t)
	openBazaar(t, pool)
	pgtest.Exec(t, pool, likesSQL+", (20, 'zenith', 102)")
	d := deletion("acme")
	host := gdprpg.NewHost(pool, gdprpg.HostOptions{Company: likes(gdpr.ColumnRule{Rule: gdpr.Anonymise, Method: gdpr.SetNull})})
	plan, err := host.Plan(t.Context(), d.Subject)
	require.NoError(t, err)
	pgtest.Exec(t, pool, "create function bazaar.no() returns trigger language plpgsql as $$ begin raise 'no'; end $$; create trigger no before delete on bazaar.users for each row execute function bazaar.no()")
	_, err = host.Erase(t.Context(), d, plan)
	require.ErrorIs(t, err, gdpr.ErrUnfinished)
	pgtest.Exec(t, pool, "drop trigger no on bazaar.users")
	plan, err = host.Plan(t.Context(), d.Subject)
	require.NoError(t, err)
	erasure, err := host.Erase(t.Context(), d, plan)
	require.NoError(t, err)
	require.EqualValues(t, 1, erasure.Rows()["bazaar.likes"])
}

func TestARowThatWasGivenToAnotherCompanyStays(t *testing.T) {
	t.Parallel()
	pool := database(t)
	openBazaar(t, pool)
	m := &meddler{Pool: pool, before: deletesFrom("bazaar.webhooks"), do: func() {
		pgtest.Exec(t, pool, `update bazaar.webhooks set body = '{"company": {"id": "zenith"}}' where id = 101`)
	}}
	host, d := bazaarHost(m), deletion("acme")
	plan, err := host.Plan(t.Context(), d.Subject)
	require.NoError(t, err)
	_, err = host.Erase(t.Context(), d, plan)
	require.NoError(t, err)
	require.Equal(t, 4, pgtest.One[int](t, pool, "select count(*) from bazaar.webhooks"))
}

func TestATriggerThatKeepsRowsFailsTheTable(t *testing.T) {
	t.Parallel()
	pool := database(t)
	openBazaar(t, pool)
	pgtest.Exec(t, pool, `
create function bazaar.keep() returns trigger language plpgsql as $$ begin return null; end $$;
create trigger keep before delete on bazaar.webhooks for each row execute function bazaar.keep()`)
	host, d := bazaarHost(pool), deletion("acme")
	plan, err := host.Plan(t.Context(), d.Subject)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err = host.Erase(ctx, d, plan)
	require.ErrorIs(t, err, gdpr.ErrUnfinished)
	require.ErrorContains(t, err, "bazaar.webhooks: rows are still there")
	pgtest.Exec(t, pool, "drop trigger keep on bazaar.webhooks")
	_, err = host.Erase(t.Context(), d, plan)
	require.NoError(t, err)
}

const shortSQL = `
create schema short;
create table short.companies (code varchar(6) primary key, name text not null, deleted_at timestamptz(0));
create table short.letters (id int primary key, "To" varchar(4), body text, deleted_at timestamp(3));
insert into short.companies values ('acme', 'A'), ('zenith', 'Z');
insert into short.letters values (1, 'acme', 'a'), (2, 'zeni', 'z')`

func short() *gdpr.Definition {
	return &gdpr.Definition{
		Root:    gdpr.Root{Table: "short.companies", Key: "code"},
		Schemas: []string{"short"},
		References: []gdpr.Reference{
			{Name: "to", From: "short.letters", Columns: []string{"To"}, To: "short.companies", ToColumns: []string{"code"}},
		},
		Tables: map[string]gdpr.TableRule{
			"short.companies": {Rule: gdpr.Delete, Mark: "deleted_at", Columns: gdpr.Columns(gdpr.ColumnRule{}, "code", "name", "deleted_at")},
			"short.letters":   {Rule: gdpr.Delete, Mark: "deleted_at", Columns: gdpr.Columns(gdpr.ColumnRule{}, "id", "To", "body", "deleted_at")},
		},
	}
}

func TestAnIDThatIsTooLongForAColumnIsNobodyElses(t *testing.T) {
	t.Parallel()
	pool := database(t)
	pgtest.Exec(t, pool, shortSQL)
	host := gdprpg.NewHost(pool, gdprpg.HostOptions{Company: short()})
	_, err := host.Plan(t.Context(), tenon.Subject{Tenant: "zenith-of-another-town"})
	require.ErrorIs(t, err, gdpr.ErrUnknownSubject)
	plan, err := host.Plan(t.Context(), tenon.Subject{Tenant: "zenith"})
	require.NoError(t, err)
	for _, w := range plan.Work {
		if w.Table == "short.letters" {
			require.Zero(t, w.Rows, "zeni is somebody else")
		}
	}
}

func TestMarksInColumnsThatAreLessPreciseAreRestored(t *testing.T) {
	t.Parallel()
	pool := database(t)
	pgtest.Exec(t, pool, shortSQL)
	host, d := gdprpg.NewHost(pool, gdprpg.HostOptions{Company: short()}), deletion("acme")
	d.At = d.At.Add(123456789)
	_, err := host.Mark(t.Context(), d)
	require.NoError(t, err)
	restored, err := host.Restore(t.Context(), d)
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"short.companies": 1, "short.letters": 1}, restored)
	require.Zero(t, pgtest.One[int](t, pool, `
select (select count(deleted_at) from short.companies) + (select count(deleted_at) from short.letters)`))
}

func TestAnIDIsTakenOnlyAsTheRootWritesIt(t *testing.T) {
	t.Parallel()
	pool := database(t)
	pgtest.Exec(t, pool, `
create schema numbers;
create table numbers.companies (id int primary key);
create table numbers.events (id int primary key, body jsonb);
insert into numbers.companies values (1), (2);
insert into numbers.events values (1, '{"company": 1}'), (2, '{"company": 2}')`)
	host := gdprpg.NewHost(pool, gdprpg.HostOptions{Company: &gdpr.Definition{
		Root:    gdpr.Root{Table: "numbers.companies", Key: "id"},
		Schemas: []string{"numbers"},
		References: []gdpr.Reference{{
			Name: "company", From: "numbers.events", Columns: []string{"body"}, Path: []string{"company"}, To: "numbers.companies", ToColumns: []string{"id"},
		}},
		Tables: map[string]gdpr.TableRule{
			"numbers.companies": {Rule: gdpr.Delete, Columns: gdpr.Columns(gdpr.ColumnRule{}, "id")},
			"numbers.events":    {Rule: gdpr.Delete, Columns: gdpr.Columns(gdpr.ColumnRule{}, "id", "body")},
		},
	}})
	_, err := host.Plan(t.Context(), tenon.Subject{Tenant: "01"})
	require.ErrorIs(t, err, gdpr.ErrUnknownSubject, "the event would be missed, and the company be another in the list of those who were erased")
	_, err = host.Plan(t.Context(), tenon.Subject{Tenant: "1"})
	require.NoError(t, err)
}
