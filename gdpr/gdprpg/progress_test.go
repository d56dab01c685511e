package gdprpg_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
	"github.com/transbotai/tenon/gdpr/gdprpg"
	"github.com/transbotai/tenon/internal/pgtest"
)

// TestABatchThatTakesTooLongIsHalved has the server break off what changes more than two rows, as it does when a
// statement's time is over.
func TestABatchThatTakesTooLongIsHalved(t *testing.T) {
	t.Parallel()
	pool := database(t)
	openBazaar(t, pool)
	pgtest.Exec(t, pool, `
create function bazaar.slow() returns trigger language plpgsql as $$ begin
  if (select count(*) > 2 from done) then
    raise exception 'canceling statement due to statement timeout' using errcode = 'query_canceled';
  end if;
  return null;
end $$;
create trigger slow after delete on bazaar.lines referencing old table as done for each statement execute function bazaar.slow();
create trigger slow after update on bazaar.invoices referencing old table as done for each statement execute function bazaar.slow()`)
	host := gdprpg.NewHost(pool, gdprpg.HostOptions{Company: bazaar(), Secret: secret, Batch: 8, Rest: -1})
	d := deletion("acme")
	plan, err := host.Plan(t.Context(), d.Subject)
	require.NoError(t, err)
	_, err = host.Erase(t.Context(), d, plan)
	require.NoError(t, err)
	certificate, err := host.Certify(t.Context(), d, nil)
	require.NoError(t, err)
	require.Equal(t, erasedRows, rows(certificate.Tables))
}

func TestRowsOfOthersThatComeDuringAnErasureStopTheirTable(t *testing.T) {
	t.Parallel()
	pool := database(t)
	openBazaar(t, pool)
	pgtest.Exec(t, pool, likesSQL)
	m := &meddler{Pool: pool, before: deletesFrom("bazaar.lines"), do: func() {
		pgtest.Exec(t, pool, "insert into bazaar.likes values (11, 'zenith', 101)")
	}}
	host, d := gdprpg.NewHost(m, gdprpg.HostOptions{Company: likes(gdpr.ColumnRule{})}), deletion("acme")
	plan, err := host.Plan(t.Context(), d.Subject)
	require.NoError(t, err)
	_, err = host.Erase(t.Context(), d, plan)
	require.ErrorIs(t, err, gdpr.ErrUnfinished)
	require.ErrorContains(t, err, "bazaar.likes.liked: 1 rows")
	require.Equal(t, 101, pgtest.One[int](t, pool, "select liked from bazaar.likes where id = 11"), "it was not taken along")
	require.Zero(t, pgtest.One[int](t, pool, "select count(*) from bazaar.lines where company_id = 'acme'"), "the others are done")

	pgtest.Exec(t, pool, "update bazaar.likes set liked = null where id = 11")
	_, err = host.Erase(t.Context(), d, plan)
	require.NoError(t, err)
	require.Equal(t, 2, pgtest.One[int](t, pool, "select count(*) from bazaar.likes"))
}

func TestANewPlanThatLeavesAWorkOutStillCountsIt(t *testing.T) {
	t.Parallel()
	pool := database(t)
	openBazaar(t, pool)
	pgtest.Exec(t, pool, likesSQL+", (20, 'zenith', 102)")
	pgtest.Exec(t, pool, `
create table bazaar."fed by x" (id int primary key, company_id text references bazaar.companies);
insert into bazaar."fed by x" values (1, 'acme'), (2, 'acme'), (3, 'zenith');
create function bazaar.no() returns trigger language plpgsql as $$ begin raise 'no'; end $$;
create trigger no before delete on bazaar.users for each row execute function bazaar.no()`)
	d, opts := deletion("acme"), gdprpg.HostOptions{Secret: secret, Rest: -1}
	opts.Company = likes(gdpr.ColumnRule{Rule: gdpr.Anonymise, Method: gdpr.SetNull})
	opts.Company.Tables[`bazaar."fed by x"`] = deleted("id", "company_id")
	first := gdprpg.NewHost(pool, opts)
	plan, err := first.Plan(t.Context(), d.Subject)
	require.NoError(t, err)
	_, err = first.Erase(t.Context(), d, plan)
	require.ErrorIs(t, err, gdpr.ErrUnfinished)

	pgtest.Exec(t, pool, `drop trigger no on bazaar.users; drop table bazaar."fed by x"`)
	opts.Company = likes(gdpr.ColumnRule{}) // who is liked is no longer anonymised
	second := gdprpg.NewHost(pool, opts)
	plan, err = second.Plan(t.Context(), d.Subject)
	require.NoError(t, err)
	erasure, err := second.Erase(t.Context(), d, plan)
	require.NoError(t, err)
	require.EqualValues(t, 1, erasure.Rows()["bazaar.likes"])
	certificate, err := second.Certify(t.Context(), d, nil)
	require.NoError(t, err)
	require.EqualValues(t, 1, rows(certificate.Tables)["bazaar.likes mentions"])
	require.EqualValues(t, 2, rows(certificate.Tables)[`bazaar."fed by x" owned`])
}

func TestWhatWasNotErasedIsNotCertified(t *testing.T) {
	t.Parallel()
	pool := database(t)
	openBazaar(t, pool)
	before := bazaarDump(t, pool)
	host, d := bazaarHost(pool), deletion("acme")
	for _, do := range []func() error{
		func() error { return nil },
		func() error { _, err := host.Mark(t.Context(), d); return err },
		func() error { _, err := host.Restore(t.Context(), d); return err },
	} {
		require.NoError(t, do())
		_, err := host.Certify(t.Context(), d, nil)
		require.ErrorIs(t, err, gdpr.ErrDeletion)
		_, err = host.Findings(t.Context(), d.ID)
		require.ErrorIs(t, err, gdpr.ErrUnknownRequest)
	}
	require.Equal(t, before, bazaarDump(t, pool))
	list, err := host.Suppressions(t.Context())
	require.NoError(t, err)
	require.Empty(t, list)
}

func TestADefinitionOfTheOtherKindOfSubject(t *testing.T) {
	t.Parallel()
	pool := database(t)
	openBazaar(t, pool)
	person := bazaar()
	person.Root.Tenant = "name"
	host := gdprpg.NewHost(pool, gdprpg.HostOptions{Company: person, Person: bazaar()})
	for _, s := range []tenon.Subject{{Tenant: "acme"}, {Tenant: "acme", User: "101"}} {
		_, err := host.Plan(t.Context(), s)
		var wrong *tenon.FieldError
		require.ErrorAs(t, err, &wrong)
		require.Equal(t, "root", wrong.Field)
	}
}

func TestPersonsWhoComeBackWithABackupAreErasedAgain(t *testing.T) {
	t.Parallel()
	pool := database(t)
	pgtest.Exec(t, pool, `
create schema people;
create table people.users (id int primary key, company_id text, email text not null);
insert into people.users values (1, 'acme', 'ann@acme.test'), (2, 'acme', 'bob@acme.test'), (3, 'zenith', 'zed@zenith.test'),
  (4, null, 'root@here.test')`)
	users := deleted("id", "company_id")
	users.Columns["email"] = gdpr.ColumnRule{Known: true}
	host := gdprpg.NewHost(pool, gdprpg.HostOptions{Secret: secret, Person: &gdpr.Definition{
		Root: gdpr.Root{Table: "people.users", Key: "id", Tenant: "company_id"}, Schemas: []string{"people"},
		Tables: map[string]gdpr.TableRule{"people.users": users},
	}})
	require.NoError(t, host.Suppress(t.Context(), nil), "an empty list adds nothing")
	d := deletion("acme")
	d.Subject.User = "1"
	plan, err := host.Plan(t.Context(), d.Subject)
	require.NoError(t, err)
	_, err = host.Erase(t.Context(), d, plan)
	require.NoError(t, err)
	_, err = host.Certify(t.Context(), d, nil)
	require.NoError(t, err)

	pgtest.Exec(t, pool, "insert into people.users values (1, 'acme', 'ann@acme.test')")
	back, err := host.Suppressed(t.Context())
	require.NoError(t, err)
	require.Equal(t, []tenon.Subject{d.Subject}, back)
	certificates, err := host.Replay(t.Context())
	require.NoError(t, err)
	require.Len(t, certificates, 1)
	require.Equal(t, []int{2, 3, 4}, pgtest.List[int](t, pool, "select id from people.users order by id"))

	pgtest.Exec(t, pool, "alter table people.users rename to persons")
	_, err = host.Suppressed(t.Context())
	require.ErrorIs(t, err, gdpr.ErrUnclassified, "nobody knows who is back")
}
