package gdprpg_test

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
	"github.com/transbotai/tenon/gdpr/gdprpg"
	"github.com/transbotai/tenon/internal/pgtest"
)

func TestASubjectThatIsNotThere(t *testing.T) {
	t.Parallel()
	pool := database(t)
	openBazaar(t, pool)
	host := bazaarHost(pool)
	_, err := host.Plan(t.Context(), tenon.Subject{Tenant: "nobody"})
	require.ErrorIs(t, err, gdpr.ErrUnknownSubject)
	_, err = host.Plan(t.Context(), tenon.Subject{})
	require.ErrorIs(t, err, tenon.ErrInvalid)
	_, err = host.Plan(t.Context(), tenon.Subject{Tenant: "acme", User: "101"})
	require.ErrorIs(t, err, tenon.ErrInvalid, "there is no definition for persons")

	numbers := bazaar()
	numbers.Root = gdpr.Root{Table: "bazaar.users", Key: "id"}
	_, err = gdprpg.NewHost(pool, gdprpg.HostOptions{Company: numbers}).Plan(t.Context(), tenon.Subject{Tenant: "acme"})
	require.ErrorIs(t, err, gdpr.ErrUnknownSubject, "acme is no number")
}

func TestASchemaThatChangedAfterThePlan(t *testing.T) {
	t.Parallel()
	pool := database(t)
	openBazaar(t, pool)
	host, d := bazaarHost(pool), deletion("acme")
	plan, err := host.Plan(t.Context(), d.Subject)
	require.NoError(t, err)
	before := bazaarDump(t, pool)

	pgtest.Exec(t, pool, "alter table bazaar.users alter column email type varchar(90)")
	_, err = host.Erase(t.Context(), d, plan)
	require.ErrorIs(t, err, gdpr.ErrSchemaChanged)
	pgtest.Exec(t, pool, "create table bazaar.notes (id int primary key, company_id text references bazaar.companies)")
	_, err = host.Erase(t.Context(), d, plan)
	require.ErrorIs(t, err, gdpr.ErrSchemaChanged)
	require.ErrorIs(t, err, gdpr.ErrUnclassified, "a new table needs a rule first")
	require.Equal(t, before, bazaarDump(t, pool), "nothing was done")

	tampered := plan
	tampered.Work = plan.Work[1:]
	_, err = host.Erase(t.Context(), d, tampered)
	require.ErrorIs(t, err, gdpr.ErrPlan)
	_, err = host.Erase(t.Context(), deletion("zenith"), plan)
	require.ErrorIs(t, err, gdpr.ErrPlan, "it is another's")

	pgtest.Exec(t, pool, "drop table bazaar.notes")
	plan, err = host.Plan(t.Context(), d.Subject)
	require.NoError(t, err)
	_, err = host.Erase(t.Context(), d, plan)
	require.NoError(t, err)
}

func TestATableWithoutAPrimaryKey(t *testing.T) {
	t.Parallel()
	pool := database(t)
	openBazaar(t, pool)
	pgtest.Exec(t, pool, `
create table bazaar.log (company_id text not null references bazaar.companies, no int not null, said text);
insert into bazaar.log
select c, i, 'by ' || c from unnest(array['acme', 'zenith']) c, generate_series(1, 4) i, generate_series(1, 2)`)
	def := bazaar()
	def.Tables["bazaar.log"] = gdpr.TableRule{Rule: gdpr.Delete, Columns: gdpr.Columns(gdpr.ColumnRule{}, "company_id", "no", "said")}
	host := gdprpg.NewHost(pool, gdprpg.HostOptions{Company: def, Secret: secret, Batch: 2})
	_, err := host.Plan(t.Context(), tenon.Subject{Tenant: "acme"})
	require.ErrorIs(t, err, gdpr.ErrUnclassified)
	require.ErrorContains(t, err, "bazaar.log: has no primary key")

	rule := def.Tables["bazaar.log"]
	rule.Key = []string{"no"} // which zenith's rows have too
	def.Tables["bazaar.log"] = rule
	d := deletion("acme")
	plan, err := host.Plan(t.Context(), d.Subject)
	require.NoError(t, err)
	erasure, err := host.Erase(t.Context(), d, plan)
	require.NoError(t, err)
	require.EqualValues(t, 8, erasure.Rows()["bazaar.log"])
	require.Equal(t, 8, pgtest.One[int](t, pool, "select count(*) from bazaar.log where company_id = 'zenith'"))
}

func TestOthersRowsThatReferToWhatIsDeleted(t *testing.T) {
	t.Parallel()
	for action, says := range map[string]string{
		"no action": "would keep them", "cascade": "would delete its own rows too", "set null": "would change its own rows too",
	} {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			pool := database(t)
			openBazaar(t, pool)
			pgtest.Exec(t, pool, `
create table bazaar.likes (id int primary key, company_id text not null references bazaar.companies,
  liked bigint references bazaar.users on delete `+action+`);
insert into bazaar.likes values (1, 'zenith', 101), (2, 'acme', 102)`)
			def := bazaar()
			def.Tables["bazaar.likes"] = gdpr.TableRule{Rule: gdpr.Delete, Columns: gdpr.Columns(gdpr.ColumnRule{}, "id", "company_id", "liked")}
			host, d := gdprpg.NewHost(pool, gdprpg.HostOptions{Company: def}), deletion("acme")
			plan, err := host.Plan(t.Context(), d.Subject)
			require.NoError(t, err)
			require.Len(t, plan.Problems, 1)
			require.Contains(t, plan.Problems[0].String(), "bazaar.likes.liked: 1 rows")
			require.Contains(t, plan.Problems[0].String(), says)
			before := bazaarDump(t, pool)
			_, err = host.Erase(t.Context(), d, plan)
			require.ErrorIs(t, err, gdpr.ErrPlan)
			require.ErrorContains(t, err, "bazaar.likes.liked")
			require.Equal(t, before, bazaarDump(t, pool))

			def.Tables["bazaar.likes"].Columns["liked"] = gdpr.ColumnRule{Rule: gdpr.Anonymise, Method: gdpr.SetNull}
			plan, err = host.Plan(t.Context(), d.Subject)
			require.NoError(t, err)
			_, err = host.Erase(t.Context(), d, plan)
			require.NoError(t, err)
			require.Equal(t, []string{"(1,zenith,)"}, pgtest.List[string](t, pool, "select l::text from bazaar.likes l"))
		})
	}
}

// worker returns a pool of a role that may do everything in the bazaar.
func worker(t *testing.T, admin *pgxpool.Pool) (*pgxpool.Pool, string) {
	t.Helper()
	pool := pgtest.Role(t, admin, "worker")
	role := pool.Config().ConnConfig.User
	pgtest.Exec(t, admin, "grant usage on schema bazaar, tenon to "+role+"; grant all on all tables in schema bazaar, tenon to "+role)
	return pool, role
}

func TestAPermissionRefusedHalfWay(t *testing.T) {
	t.Parallel()
	admin := database(t)
	openBazaar(t, admin)
	pool, role := worker(t, admin)
	host, d := bazaarHost(pool), deletion("acme")
	pgtest.Exec(t, admin, "revoke delete on bazaar.lines from "+role)
	refused, err := host.Plan(t.Context(), d.Subject)
	require.NoError(t, err)
	require.Len(t, refused.Problems, 1, "a plan sees it before")
	require.Equal(t, "bazaar.lines", refused.Problems[0].Table)

	pgtest.Exec(t, admin, "grant delete on bazaar.lines to "+role)
	plan, err := host.Plan(t.Context(), d.Subject)
	require.NoError(t, err)
	require.Empty(t, plan.Problems)
	pgtest.Exec(t, admin, "revoke delete on bazaar.lines from "+role)
	erasure, err := host.Erase(t.Context(), d, plan)
	require.ErrorIs(t, err, gdpr.ErrUnfinished)
	require.ErrorIs(t, err, tenon.ErrUnavailable)
	require.ErrorContains(t, err, "bazaar.lines: ")
	done := map[string]bool{}
	for _, table := range erasure.Tables {
		done[table.Name()] = table.Done
		if table.Table == "bazaar.lines" {
			require.Contains(t, table.Error, "permission denied")
			require.Equal(t, 1, table.Attempts)
		}
	}
	require.Equal(t, map[string]bool{
		"bazaar.lines": false, `bazaar."Order"`: false, "bazaar.users": false, "bazaar.companies": false, // they wait
		"bazaar.comments": true, "bazaar.invoices": true, "bazaar.webhooks": true, "bazaar.referrals": true, "bazaar.referrals by partner": true,
	}, done)
	_, err = host.Certify(t.Context(), d, nil)
	require.ErrorIs(t, err, gdpr.ErrUnfinished)

	pgtest.Exec(t, admin, "grant delete on bazaar.lines to "+role)
	_, err = host.Erase(t.Context(), d, plan)
	require.NoError(t, err)
	certificate, err := host.Certify(t.Context(), d, nil)
	require.NoError(t, err)
	require.Equal(t, erasedRows, rows(certificate.Tables))
}

func TestRowLevelSecurityThatHidesRowsIsAProblemOfThePlan(t *testing.T) {
	t.Parallel()
	admin := database(t)
	openBazaar(t, admin)
	pool, _ := worker(t, admin)
	pgtest.Exec(t, admin, "alter table bazaar.lines enable row level security")
	plan, err := bazaarHost(pool).Plan(t.Context(), tenon.Subject{Tenant: "acme"})
	require.NoError(t, err)
	require.Contains(t, plan.Problems[0].Text, "row level security")
}

func TestRowsThatCameAfterTheirTableWasDoneAreErasedByTheNextAttempt(t *testing.T) {
	t.Parallel()
	pool := database(t)
	openBazaar(t, pool)
	host, d := bazaarHost(pool), deletion("acme")
	plan, err := host.Plan(t.Context(), d.Subject)
	require.NoError(t, err)
	pgtest.Exec(t, pool, `
create function bazaar.refuse() returns trigger language plpgsql as $$ begin raise 'not now'; end $$;
create trigger refuse before delete on bazaar.companies for each row execute function bazaar.refuse()`)
	_, err = host.Erase(t.Context(), d, plan)
	require.ErrorContains(t, err, "not now")
	pgtest.Exec(t, pool, `
drop trigger refuse on bazaar.companies;
insert into bazaar."Order" values ('acme', 77, 'late')`)
	pgtest.Exec(t, pool, `alter table bazaar."Order" drop constraint company, add constraint company foreign key (company_id) references bazaar.companies on delete restrict`)
	plan, err = host.Plan(t.Context(), d.Subject)
	require.NoError(t, err)
	_, err = host.Erase(t.Context(), d, plan)
	require.NoError(t, err, "a new plan takes the place of the old one")
	certificate, err := host.Certify(t.Context(), d, nil)
	require.NoError(t, err)
	require.EqualValues(t, 6, rows(certificate.Tables)[`bazaar."Order" owned`])
	require.Empty(t, pgtest.List[string](t, pool, `select no::text from bazaar."Order" where company_id = 'acme'`))
}

func TestWhatIsLeftInOwnRowsKeepsTheCertificateBack(t *testing.T) {
	t.Parallel()
	pool := database(t)
	openBazaar(t, pool)
	def := bazaar()
	def.Tables["bazaar.invoices"].Columns["company_id"] = gdpr.ColumnRule{Rule: gdpr.Keep}
	def.Tables["bazaar.invoices"].Columns["extra"] = gdpr.ColumnRule{Rule: gdpr.Ignore} // which it should not be
	def.Tables["bazaar.companies"] = gdpr.TableRule{Rule: gdpr.Anonymise, Columns: map[string]gdpr.ColumnRule{
		"id": {Rule: gdpr.Keep, Basis: "a tombstone"}, "name": {Method: gdpr.SetToken, Known: true},
		"founder_id": {Rule: gdpr.Ignore}, "deleted_at": {Rule: gdpr.Ignore},
	}}
	rule := def.Tables["bazaar.users"]
	rule.Rule, rule.Columns = gdpr.Anonymise, map[string]gdpr.ColumnRule{
		"id": {Rule: gdpr.Ignore}, "company_id": {Rule: gdpr.Keep, Basis: "a tombstone"}, "email": {Method: gdpr.SetToken, Known: true},
		"boss_id": {Method: gdpr.SetNull}, "deleted_at": {Rule: gdpr.Ignore},
	}
	def.Tables["bazaar.users"] = rule
	host, d := gdprpg.NewHost(pool, gdprpg.HostOptions{Company: def, Secret: secret}), deletion("acme")
	plan, err := host.Plan(t.Context(), d.Subject)
	require.NoError(t, err)
	_, err = host.Erase(t.Context(), d, plan)
	require.NoError(t, err)
	_, err = host.Certify(t.Context(), d, nil)
	require.ErrorIs(t, err, gdpr.ErrLeft)
	require.ErrorContains(t, err, "5 rows of bazaar.invoices in extra")
	require.NotContains(t, err.Error(), "company_id", "the law keeps it")

	pgtest.Exec(t, pool, "update bazaar.invoices set extra = '{}' where company_id = 'acme'; update bazaar.referrals set partner_name = 'Ask User3@Acme.test!' where id = 3")
	certificate, err := host.Certify(t.Context(), d, nil)
	require.NoError(t, err)
	found := []gdpr.Finding{
		{Table: "bazaar.companies", Column: "id", Own: true, Rows: 1},
		{Table: "bazaar.invoices", Column: "company_id", Own: true, Rows: 5},
		{Table: "bazaar.referrals", Column: "partner_name", Rows: 1},
		{Table: "bazaar.users", Column: "company_id", Own: true, Rows: 9},
	}
	require.Equal(t, found, certificate.Scan.Found)
	findings, err := host.Findings(t.Context(), d.ID)
	require.NoError(t, err)
	require.Equal(t, []string{"{3}"}, findings[2].Keys, "a person looks at it")
	require.NoError(t, host.Judged(t.Context(), d.ID))
	findings, err = host.Findings(t.Context(), d.ID)
	require.NoError(t, err)
	require.Empty(t, findings)
	require.ErrorIs(t, host.Judged(t.Context(), tenon.NewID(asked)), tenon.ErrNotFound)
}
