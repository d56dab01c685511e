package gdprpg_test

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
	"github.com/transbotai/tenon/gdpr/gdprpg"
	"github.com/transbotai/tenon/internal/pgtest"
)

const agencySQL = `
create schema agency;
create type agency.mail as (sender text, size int);
create table agency.clients (id uuid primary key, names text[] not null, profile jsonb not null);
insert into agency.clients values
  ('6f2d9c58-6cbb-4f0b-8a0e-0c1f6f5f1a01', '{Jörg Müller,"Smith & Søns",北京贸易公司}', '{"mail": {"home": "jorg@home.test"}, "tags": ["bookworm-77"]}'),
  ('6f2d9c58-6cbb-4f0b-8a0e-0c1f6f5f1a02', '{Zoe Zenith}', '{"mail": {"home": "zoe@home.test"}, "tags": ["reader-88"]}');
create table agency.archive (id int primary key, raw json, page xml, words tsvector, bytes bytea, ref uuid, parts agency.mail, note text)`

func agency() *gdpr.Definition {
	known := gdpr.ColumnRule{Known: true}
	return &gdpr.Definition{
		Root:    gdpr.Root{Table: "agency.clients", Key: "id"},
		Schemas: []string{"agency"},
		Tables: map[string]gdpr.TableRule{
			"agency.clients": {Rule: gdpr.Delete, Columns: map[string]gdpr.ColumnRule{"id": {}, "names": known, "profile": known}},
			"agency.archive": {Rule: gdpr.Ignore, Columns: gdpr.Columns(gdpr.ColumnRule{}, "id", "raw", "page", "words", "bytes", "ref", "parts", "note")},
		},
	}
}

func TestTheScanFindsValuesHoweverTheyAreWritten(t *testing.T) {
	t.Parallel()
	pool := database(t)
	pgtest.Exec(t, pool, agencySQL)
	want := []string{}
	for column, value := range map[string]string{
		"raw":   `'{"a": "J\u00f6rg M\u00fcller"}'`,
		"page":  `'<p>Smith &amp; S&#248;ns</p>'`,
		"words": `to_tsvector('simple', 'mail from Jorg@home.test')`,
		"bytes": `convert_to('by jÖrg mÜller', 'UTF8')`,
		"ref":   `'6F2D9C58-6CBB-4F0B-8A0E-0C1F6F5F1A01'`,
		"parts": `('BookWorm-77', 3)::agency.mail`,
		"note":  `'给北京贸易公司的信'`,
	} {
		pgtest.Exec(t, pool, "insert into agency.archive (id, "+column+") select coalesce(max(id), 0) + 1, "+value+" from agency.archive")
		want = append(want, column)
	}
	pgtest.Exec(t, pool, `insert into agency.archive values (100, '{"a": "Zoe"}', '<p>Zoe &amp; Co</p>', to_tsvector('zoe'), 'zoe', gen_random_uuid(), row('zoe', 1), 'zoe')`)
	host := gdprpg.NewHost(pool, gdprpg.HostOptions{Company: agency(), Secret: secret})
	d := deletion("6f2d9c58-6cbb-4f0b-8a0e-0c1f6f5f1a01")
	plan, err := host.Plan(t.Context(), d.Subject)
	require.NoError(t, err)
	_, err = host.Erase(t.Context(), d, plan)
	require.NoError(t, err)
	certificate, err := host.Certify(t.Context(), d, nil)
	require.NoError(t, err)
	var found []string
	for _, f := range certificate.Scan.Found {
		require.EqualValues(t, 1, f.Rows, f.Column)
		found = append(found, f.Column)
	}
	require.ElementsMatch(t, want, found)
	require.False(t, certificate.Scan.Cut)
}

func TestARowOfATableThatOthersInheritFromIsFoundOnce(t *testing.T) {
	t.Parallel()
	pool := database(t)
	pgtest.Exec(t, pool, agencySQL)
	pgtest.Exec(t, pool, `
create table agency.old () inherits (agency.archive);
insert into agency.archive (id, note) values (1, '给北京贸易公司的信');
insert into agency.old (id, note) values (1, 'BookWorm-77'), (2, 'bookworm-77')`)
	def := agency()
	def.Tables["agency.old"] = def.Tables["agency.archive"]
	host := gdprpg.NewHost(pool, gdprpg.HostOptions{Company: def, Secret: secret})
	d := deletion("6f2d9c58-6cbb-4f0b-8a0e-0c1f6f5f1a01")
	plan, err := host.Plan(t.Context(), d.Subject)
	require.NoError(t, err)
	_, err = host.Erase(t.Context(), d, plan)
	require.NoError(t, err)
	certificate, err := host.Certify(t.Context(), d, nil)
	require.NoError(t, err)
	require.Equal(t, []gdpr.Finding{
		{Table: "agency.archive", Column: "note", Rows: 1}, {Table: "agency.old", Column: "note", Rows: 2},
	}, certificate.Scan.Found)
}

func TestAValueThatIsTooShortToMeanAnybodyIsCountedAndNotLookedFor(t *testing.T) {
	t.Parallel()
	pool := database(t)
	pgtest.Exec(t, pool, shortSQL+"; insert into short.companies values ('ab', 'B'); insert into short.letters values (3, 'zeni', 'ab was here')")
	host, d := gdprpg.NewHost(pool, gdprpg.HostOptions{Company: short(), Secret: secret}), deletion("ab")
	plan, err := host.Plan(t.Context(), d.Subject)
	require.NoError(t, err)
	_, err = host.Erase(t.Context(), d, plan)
	require.NoError(t, err)
	certificate, err := host.Certify(t.Context(), d, nil)
	require.NoError(t, err)
	require.Equal(t, []int{0, 1}, []int{certificate.Scan.Values, certificate.Scan.Short})
	require.Empty(t, certificate.Scan.Found)
}

func TestACertificateSaysThatThereMayHaveBeenMoreValues(t *testing.T) {
	t.Parallel()
	pool := database(t)
	pgtest.Exec(t, pool, agencySQL)
	host := gdprpg.NewHost(pool, gdprpg.HostOptions{Company: agency(), Secret: secret, Values: 3})
	d := deletion("6f2d9c58-6cbb-4f0b-8a0e-0c1f6f5f1a01")
	plan, err := host.Plan(t.Context(), d.Subject)
	require.NoError(t, err)
	_, err = host.Erase(t.Context(), d, plan)
	require.NoError(t, err)
	certificate, err := host.Certify(t.Context(), d, nil)
	require.NoError(t, err)
	require.Equal(t, 3, certificate.Scan.Values)
	require.True(t, certificate.Scan.Cut)
}

func TestAPlansDigestDoesNotTellWhoseItIs(t *testing.T) {
	t.Parallel()
	pool := database(t)
	pgtest.Exec(t, pool, shortSQL)
	host := gdprpg.NewHost(pool, gdprpg.HostOptions{Company: short()})
	first, err := host.Plan(t.Context(), tenon.Subject{Tenant: "acme"})
	require.NoError(t, err)
	second, err := host.Plan(t.Context(), tenon.Subject{Tenant: "acme"})
	require.NoError(t, err)
	require.NotEqual(t, first.Hash, second.Hash, "whoever knows the schema could try who it was")
	require.True(t, first.Sound())
}

func TestAnExportThatWouldMissRowsIsRefused(t *testing.T) {
	t.Parallel()
	pool := database(t)
	openBazaar(t, pool)
	limited, role := worker(t, pool)
	packer := gdprpg.NewPacker(bazaarHost(limited), nil)
	_, err := packer.Pack(t.Context(), tenon.Subject{Tenant: "acme"}, io.Discard)
	require.NoError(t, err)
	pgtest.Exec(t, pool, "alter table bazaar.comments enable row level security; create policy few on bazaar.comments to "+role+" using (false)")
	_, err = packer.Pack(t.Context(), tenon.Subject{Tenant: "acme"}, io.Discard)
	require.ErrorIs(t, err, tenon.ErrDenied)
	require.ErrorContains(t, err, "bazaar.comments")
}

func TestAnErasureThatWouldMissRowsIsRefused(t *testing.T) {
	t.Parallel()
	pool := database(t)
	openBazaar(t, pool)
	limited, role := worker(t, pool)
	host, d := bazaarHost(limited), deletion("acme")
	plan, err := host.Plan(t.Context(), d.Subject)
	require.NoError(t, err)
	pgtest.Exec(t, pool, "alter table bazaar.comments enable row level security; create policy few on bazaar.comments to "+role+" using (false)")
	_, err = host.Erase(t.Context(), d, plan)
	require.ErrorIs(t, err, tenon.ErrDenied)
	pgtest.Exec(t, pool, "alter table bazaar.comments disable row level security")
	_, err = host.Erase(t.Context(), d, plan)
	require.NoError(t, err)
	pgtest.Exec(t, pool, "alter table bazaar.countries enable row level security")
	_, err = host.Certify(t.Context(), d, nil)
	require.ErrorIs(t, err, tenon.ErrDenied, "the scan would see nothing there")
}
