package directorypg_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/directory/directorypg"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

// present is a book at the time that the database's now() says, which the views go by.
func present(store *directorypg.Store) *directory.Book { return bookAt(store, time.Now().UTC(), nil) }

func TestSearchPartnersAnswersByServiceAndRegion(t *testing.T) {
	t.Parallel()
	pool := database(t)
	book := present(directorypg.New(pool, nil))
	p := profile("One")
	p.ShowContact, p.Contact, p.Website = true, "desk@hidden.example", "https://hidden.example/"
	publish(t, book, "acme", p)
	p = profile("Two")
	p.Services, p.Regions = []string{"ltl", "ftl"}, []string{"us-nv"}
	publish(t, book, "other", p)
	p.Name, p.Public = "Hidden", false
	publish(t, book, "other", p)
	_, err := book.Create(t.Context(), "acme", profile("Draft"))
	require.NoError(t, err)
	for args, want := range map[string][]string{
		"": {"One", "Two"}, "'ltl'": {"One", "Two"}, "'ftl'": {"Two"}, "'ltl', 'us-ca'": {"One"}, "null, 'us-nv'": {"Two"},
		"'air'": nil, "''''": nil, "'ltl'' | ''vftl'": nil, "''": nil, `'\'`: nil, "p_region => 'us-ca'": {"One"},
	} {
		got := pgtest.List[string](t, pool, "select company_name from tenon.search_partners("+args+") order by 1")
		require.ElementsMatch(t, want, got, args)
	}
	rows, err := pool.Query(t.Context(), "select * from tenon.search_partners()")
	require.NoError(t, err)
	var columns []string
	for _, f := range rows.FieldDescriptions() {
		columns = append(columns, f.Name)
	}
	for rows.Next() {
		require.NotContains(t, strings.Join(strings.Fields(string(rows.RawValues()[2])), ""), "hidden.example")
	}
	require.NoError(t, rows.Err())
	require.Equal(t, []string{"id", "company_name", "description", "services", "regions"}, columns)
}

func TestTheViewOfFreshnessSaysWhatNeedsAttentionAndNothingElse(t *testing.T) {
	t.Parallel()
	pool := database(t)
	store := directorypg.New(pool, nil)
	book := directory.NewBook(store, &directory.Options{Policy: directory.Policy{Required: map[string][]string{"ltl": {"licence", "insurance"}}}})
	d, err := book.Create(t.Context(), "acme", profile("One"))
	require.NoError(t, err)
	today := directory.DateOf(time.Now().UTC())
	for kind, days := range map[string]int{"old": -3, "soon": 3, "insurance": 300} {
		_, err := book.AddDocument(t.Context(), d.Ref, directory.Document{Kind: kind, Expires: today.Add(days)})
		require.NoError(t, err)
	}
	_, err = book.AddDocument(t.Context(), d.Ref, directory.Document{Kind: "renewed", Expires: today.Add(-9)})
	require.NoError(t, err)
	_, err = book.AddDocument(t.Context(), d.Ref, directory.Document{Kind: "renewed", Expires: today.Add(90)})
	require.NoError(t, err)
	gone, err := book.Create(t.Context(), "acme", profile("Gone"))
	require.NoError(t, err)
	require.NoError(t, book.Remove(t.Context(), gone.Ref, ""))
	require.Equal(t, []string{
		"One licence  missing", "One old " + today.Add(-3).String() + " expired", "One soon " + today.Add(3).String() + " expiring_soon",
	}, pgtest.List[string](t, pool, `
select concat_ws(' ', company_name, kind, coalesce(expires_at::text, ''), status)
from tenon.directory_freshness_alerts
order by kind`))

	listening, err := pgx.ConnectConfig(t.Context(), pool.Config().ConnConfig.Copy())
	require.NoError(t, err)
	defer func() { _ = listening.Close(t.Context()) }()
	_, err = listening.Exec(t.Context(), "listen directory_alerts")
	require.NoError(t, err)
	require.EqualValues(t, 3, pgtest.One[int64](t, pool, "select tenon.check_directory_freshness()"))
	heard(t, listening, 3)
	digest, err := book.Digest(t.Context())
	require.NoError(t, err)
	require.Equal(t, directory.Digest{Missing: 1, Expired: 1, ExpiringSoon: 1}, digest)
	heard(t, listening, 3)
}

func heard(t *testing.T, conn *pgx.Conn, count int) {
	t.Helper()
	n, err := conn.WaitForNotification(t.Context())
	require.NoError(t, err)
	var said struct {
		Count     int
		Timestamp time.Time
	}
	require.NoError(t, json.Unmarshal([]byte(n.Payload), &said), n.Payload)
	require.Equal(t, count, said.Count)
	require.WithinDuration(t, time.Now(), said.Timestamp, time.Hour)
}

func TestMarkingACompanyAsDeletedTakesItFromThePublicWhoeverMarksIt(t *testing.T) {
	t.Parallel()
	pool := database(t)
	store := directorypg.New(pool, nil)
	book := present(store)
	d := publish(t, book, "acme", profile("Freight"))
	hidden := func() { require.Empty(t, found(t, book, directory.Search{Text: "freight"})) }
	shown := func() { require.Len(t, found(t, book, directory.Search{Text: "freight"}), 1) }
	shown()
	pgtest.Exec(t, pool, "update tenon.directory_companies set deleted_at = now() where tenant_id = 'acme'")
	hidden()
	_, err := book.Partner(t.Context(), d.Ref)
	require.ErrorIs(t, err, directory.ErrUnknownPartner)
	pgtest.Exec(t, pool, "update tenon.directory_companies set deleted_at = null where tenant_id = 'acme'")
	shown()
	pgtest.Exec(t, pool, "update tenon.public_partners set is_public = false")
	hidden()
	require.Zero(t, pgtest.One[int64](t, pool, "select count(*) from tenon.directory_listings"))
	pgtest.Exec(t, pool, "update tenon.public_partners set is_public = true")
	shown()
	pgtest.Exec(t, pool, "delete from tenon.public_partners")
	hidden()
	require.Equal(t, "false", pgtest.One[string](t, pool, `
select column_default
from information_schema.columns
where table_schema = 'tenon' and table_name = 'public_partners' and column_name = 'is_public'`))
}

func TestTheViewOfOnboardingCountsByWeekOfInvitation(t *testing.T) {
	t.Parallel()
	pool := database(t)
	store := directorypg.New(pool, nil)
	p := profile("One")
	p.Contact = "ann@example.com"
	for i := range 4 {
		in, err := bookAt(store, noon.AddDate(0, 0, 7*(i/3)), nil).Invite(t.Context(), "acme", p)
		require.NoError(t, err)
		if i%2 == 0 {
			_, err = bookAt(store, noon.AddDate(0, 0, 21), nil).Accept(t.Context(), in.Token)
			require.NoError(t, err)
		}
	}
	require.Equal(t, []string{"2026-03-09 3 2", "2026-03-16 1 0"}, pgtest.List[string](t, pool, `
select concat_ws(' ', week, invited, onboarded)
from tenon.directory_onboarding
order by week`))
}

// TestStemsAreThoseOfSnowball compares with the stemmer of Postgres, which is Snowball's own.
func TestStemsAreThoseOfSnowball(t *testing.T) {
	t.Parallel()
	pool := database(t)
	pgtest.Exec(t, pool, "create text search dictionary public.bare (template = pg_catalog.snowball, language = english)")
	all := candidates()
	rows := pgtest.List[string](t, pool, "select (ts_lexize('public.bare', w))[1] from unnest($1::text[]) with ordinality u (w, n) order by n", all)
	for i, w := range all {
		require.Equal(t, rows[i], directory.Stem(w), w)
	}
	require.Greater(t, len(all), 20_000)
}

// candidates are roots with every ending that the algorithm knows, and what it treats apart.
func candidates() []string {
	roots := strings.Fields(`a an be by say cry dry hop hope hopp fall fill tan plan bid rap trap sky skis skies dying news howe inning
		gener commun arsen general communi arsenal radi activ nation ration relat condit valenc hesit digit conform radic
		differ vile analog vietnam predic oper feudal decis calli formal sensit sensib triplic electr good reviv allow infer
		airlin gyroscop adjust defens irrit replac adopt homolog effect bowdl probat rat cease contro roll youth employ
		obey enjoy yell yolk syzyg fluty beyond kn eed agr free proc exc succ luxuri abat bluebl hizz comm ox ex box tax
		skat trouble siz filing wash ti li p st heard wr fox sh uni abil knightl easi happi`)
	endings := strings.Fields(`x s es ies ied us ss sses ed ing edly ingly eed eedly y ly li tional tionally enci anci abli entli izer
		ization ational ation ator alism aliti alli alli fulness ousli ousness iveness iviti biliti bli ogi logi fulli lessli
		alize icate iciti ical ful ness ative al ance ence er ic able ible ant ement ment ent ism ate iti ous ive ize ion sion
		tion e le ll ee eing ying yed ys ably ibly ency ancy ently ality ivity bility ology fully lessly icity ally ously nesses`)
	all := append([]string{}, roots...)
	for _, r := range roots {
		for _, e := range endings {
			all = append(all, r+e, r+e+"s", r+e+"ing")
		}
	}
	return all
}

func TestADatabaseWithoutTheSchemaSaysWhatToDo(t *testing.T) {
	t.Parallel()
	_, err := directory.NewBook(directorypg.New(pgtest.Pool(t), nil), nil).Search(t.Context(), directory.Search{Text: "one"})
	require.ErrorContains(t, err, "migrations.Directory")
	require.NotNil(t, migrations.Directory)
}

func TestWhatSQLTakesAwayIsFoundByNobody(t *testing.T) {
	t.Parallel()
	for _, sql := range []string{
		"delete from tenon.directory_companies where id = $1::uuid",
		"delete from tenon.public_partners where id = $1::uuid",
		"update tenon.public_partners set id = gen_random_uuid(), is_public = false where id = $1::uuid",
	} {
		pool := database(t)
		book := bookAt(directorypg.New(pool, nil), noon, nil)
		d := publish(t, book, "acme", profile("Freight One"))
		publish(t, book, "other", profile("Freight Two"))
		pgtest.Exec(t, pool, sql, d.ID)
		require.Equal(t, []string{"Freight Two"}, found(t, book, directory.Search{Text: "freight"}), sql)
		require.Equal(t, []string{"Freight Two"}, found(t, book, directory.Search{Services: []string{"ltl"}, Regions: []string{"us-ca"}}), sql)
		_, err := book.Public(t.Context(), d.ID)
		require.ErrorIs(t, err, directory.ErrUnknownPartner, sql)
	}
}

func TestNoTenantReplacesAnotherTenantsEntry(t *testing.T) {
	t.Parallel()
	pool := database(t)
	book := bookAt(directorypg.New(pool, nil), noon, nil)
	d := publish(t, book, "acme", profile("Freight One"))
	_, err := pool.Exec(t.Context(), `
insert into tenon.public_partners
select (jsonb_populate_record(p, '{"tenant_id": "evil", "company_name": "Freight Evil"}')).*
from tenon.public_partners p
where p.id = $1::uuid`, d.ID)
	require.Error(t, err)
	require.Equal(t, []string{"Freight One"}, found(t, book, directory.Search{Text: "freight"}))
}

func TestSettleBringsEveryPartnerInLineThoughSomeAreDueTwice(t *testing.T) {
	t.Parallel()
	pool := database(t)
	store := directorypg.New(pool, nil)
	book := bookAt(store, noon, nil)
	var last *directory.Dossier
	for range 3 {
		d, err := book.Create(t.Context(), "acme", profile("One"))
		require.NoError(t, err)
		last = d
		if d.Version == 1 && pgtest.One[int64](t, pool, "select count(*) from tenon.directory_companies") == 1 {
			_, err = book.AddDocument(t.Context(), d.Ref, directory.Document{Kind: "licence", Expires: directory.DateOf(noon).Add(-1)})
			require.NoError(t, err)
		}
	}
	next := bookAt(store, noon, &directory.Options{Batch: 2, Policy: directory.Policy{Soon: 9}})
	n, err := next.Settle(t.Context())
	require.NoError(t, err)
	require.Equal(t, 3, n)
	d, err := next.Partner(t.Context(), last.Ref)
	require.NoError(t, err)
	require.Equal(t, 1, len(pgtest.List[string](t, pool, "select distinct policy from tenon.directory_companies")), d.Policy)
}
