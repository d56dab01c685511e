package gdprpg_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit/auditpg"
	"github.com/transbotai/tenon/directory/directorypg"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
	"github.com/transbotai/tenon/flags/flagspg"
	"github.com/transbotai/tenon/gdpr/gdprpg"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/kpi/kpipg"
	"github.com/transbotai/tenon/migrations"
	"github.com/transbotai/tenon/notify/notifypg"
	"github.com/transbotai/tenon/ratelimit/ratelimitpg"
	"github.com/transbotai/tenon/slo/slopg"
	"github.com/transbotai/tenon/support/supportpg"
)

// store is what every package's pg store is.
type store interface {
	tenon.Eraser
	tenon.Exporter
}

// stores are those of all packages: a new package is a line here, and one among the host's satellites.
var stores = map[string]func(*pgxpool.Pool) store{
	"audit":        func(pool *pgxpool.Pool) store { return auditpg.New(pool, nil) },
	"directory":    func(pool *pgxpool.Pool) store { return directorypg.New(pool, nil) },
	"entitlements": func(pool *pgxpool.Pool) store { return entitlementspg.New(pool, nil) },
	"flags":        func(pool *pgxpool.Pool) store { return flagspg.New(pool, nil) },
	"gdpr":         func(pool *pgxpool.Pool) store { return gdprpg.New(pool, nil) },
	"kpi":          func(pool *pgxpool.Pool) store { return kpipg.New(pool, nil) },
	"notify":       func(pool *pgxpool.Pool) store { return notifypg.New(pool, nil) },
	"ratelimit":    func(pool *pgxpool.Pool) store { return ratelimitpg.New(pool, nil) },
	"slo":          func(pool *pgxpool.Pool) store { return slopg.New(pool, nil) },
	"support":      func(pool *pgxpool.Pool) store { return supportpg.New(pool, nil) },
}

// nobodys are the tables that say nothing of a tenant or a person, and why.
var nobodys = map[string]string{
	"tenon.migrations":            "the ledger of the schema",
	"tenon.audit_anchors":         "checkpoints of logs: hashes and signatures",
	"tenon.audit_checkpoints":     "hashes and signatures",
	"tenon.audit_cursors":         "how far sinks were told",
	"tenon.audit_nodes":           "hashes of hashes",
	"tenon.audit_state":           "the log's own",
	"tenon.audit_watches":         "what is watched",
	"tenon.directory_digests":     "counts by day",
	"tenon.kpi_goals":             "of figures of all tenants",
	"tenon.kpi_measures":          "the host's own definitions",
	"tenon.kpi_state":             "a lock",
	"tenon.kpi_totals":            "counts over all tenants",
	"tenon.kpis":                  "the host's own definitions",
	"tenon.support_rules":         "the host's own rules",
	"tenon.support_rule_versions": "the host's own rules; who changed them is staff",
	"tenon.catalog":               "the host's own plans",
	"tenon.plans":                 "the host's own plans",
	"tenon.features":              "the host's own plans",
	"tenon.plan_versions":         "the host's own plans",
	"tenon.addons":                "the host's own plans",
	"tenon.addon_versions":        "the host's own plans",
	"tenon.plan_features":         "the host's own plans",
	"tenon.billing_events":        "go with the customer of billing_customers: see entitlementspg",
	"tenon.billing_leases":        "go with the customer of billing_customers: see entitlementspg",
	"tenon.flags_revision":        "a counter",
	"tenon.flag_marks":            "when variants were served, to anybody",
	"tenon.gdpr_certificates":     "kept without personal data",
	"tenon.gdpr_suppressions":     "keyed digests",
	"tenon.slo_state":             "the system's own",
	"tenon.slo_overrides":         "the system's own; who made one is staff",
}

const allTablesSQL = `
select format('%I.%I', n.nspname, c.relname)
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'tenon'
  and c.relkind in ('r', 'p')
  and not c.relispartition
order by 1`

// unanswered returns the tables that no store erases and nobody has declared.
func unanswered(t *testing.T, pool *pgxpool.Pool) []string {
	t.Helper()
	answered := map[string]string{}
	for name, of := range stores {
		erased, err := of(pool).Erase(t.Context(), tenon.Subject{Tenant: "acme"})
		require.NoError(t, err, name)
		for table := range erased {
			answered[table] = name
		}
		for _, err := range of(pool).Export(t.Context(), tenon.Subject{Tenant: "acme"}) {
			require.NoError(t, err, name)
		}
	}
	return slices.DeleteFunc(pgtest.List[string](t, pool, allTablesSQL), func(table string) bool {
		return answered[table] != "" || nobodys[table] != ""
	})
}

func TestEveryTableOfTenonIsErasedOrDeclared(t *testing.T) {
	t.Parallel()
	pool := pgtest.Pool(t, migrations.All()...)
	require.Empty(t, unanswered(t, pool), "nobody erases these: let their package's store answer for them, or declare why not")

	there := pgtest.List[string](t, pool, allTablesSQL)
	for _, table := range slices.Sorted(maps.Keys(nobodys)) {
		require.Contains(t, there, table, "it is declared and not there")
	}
	pgtest.Exec(t, pool, "create table tenon.forgotten (tenant_id text primary key)")
	require.Equal(t, []string{"tenon.forgotten"}, unanswered(t, pool))
}

const tenantTablesSQL = `
select format('%I.%I', n.nspname, c.relname)
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
where n.nspname = 'tenon'
  and c.relkind in ('r', 'p')
  and not c.relispartition`

func TestNoTableWithATenantIsDeclaredAsNobodys(t *testing.T) {
	t.Parallel()
	pool := pgtest.Pool(t, migrations.All()...)
	for _, table := range pgtest.List[string](t, pool, tenantTablesSQL) {
		require.NotContains(t, nobodys, table)
	}
}
