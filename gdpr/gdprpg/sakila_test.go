package gdprpg_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
	"github.com/transbotai/tenon/gdpr/gdprpg"
	"github.com/transbotai/tenon/internal/pgtest"
)

func openSakila(t *testing.T) *pgxpool.Pool {
	t.Helper()
	script, err := os.ReadFile("testdata/sakila.sql")
	require.NoError(t, err)
	pool := database(t)
	pgtest.Exec(t, pool, string(script))
	return pool
}

var payments = []string{
	"payment", "payment_p2007_01", "payment_p2007_02", "payment_p2007_03", "payment_p2007_04", "payment_p2007_05", "payment_p2007_06",
}

// sakila returns a definition in which the rows of these tables are deleted and all others say of nobody.
func sakila(t *testing.T, pool *pgxpool.Pool, root gdpr.Root, references []gdpr.Reference, rules map[string]gdpr.TableRule) *gdpr.Definition {
	t.Helper()
	def := &gdpr.Definition{Root: root, References: references, Tables: map[string]gdpr.TableRule{}}
	m, err := gdprpg.Discover(t.Context(), pool, def)
	require.NoError(t, err)
	require.Len(t, m.Tables, 21)
	for _, table := range m.Tables {
		rule, named := rules[strings.TrimPrefix(table.Name, "sakila.")]
		deleted := named && rule.Rule == ""
		if rule.Rule = gdpr.Ignore; deleted {
			rule.Rule = gdpr.Delete
		}
		rule.Columns = map[string]gdpr.ColumnRule{}
		for _, c := range table.Columns {
			known := deleted && slices.Contains([]string{"first_name", "last_name", "email", "address", "phone"}, c.Name)
			rule.Columns[c.Name] = gdpr.ColumnRule{Known: known, Whose: gdpr.Given}
		}
		def.Tables[table.Name] = rule
	}
	return def
}

// livesAt says that an address belongs to the rows of a table that refer to it.
func livesAt(table string) gdpr.Reference {
	return gdpr.Reference{
		Name: table, From: "sakila.address", Columns: []string{"address_id"}, To: "sakila." + table, ToColumns: []string{"address_id"}, Sole: true,
	}
}

// sakilaPerson is a customer of a store.
func sakilaPerson(t *testing.T, pool *pgxpool.Pool) *gdpr.Definition {
	t.Helper()
	rules := map[string]gdpr.TableRule{
		"customer": {}, "address": {}, "rental": {}, // who lives at a customer's address is no customer's
		"staff": {Rule: gdpr.Ignore, Mentions: ownedBy("staff", "address_id")}, "store": {Rule: gdpr.Ignore, Mentions: ownedBy("store", "address_id")},
	}
	for _, table := range payments {
		rules[table] = gdpr.TableRule{OwnedBy: ownedBy(table, "customer_id"), Key: []string{"payment_id"}}
	}
	root := gdpr.Root{Table: "sakila.customer", Key: "customer_id", Tenant: "store_id"}
	return sakila(t, pool, root, []gdpr.Reference{livesAt("customer")}, rules)
}

func ownedBy(table, column string) []string {
	return []string{fmt.Sprintf("%s_%s_fkey", table, column)}
}

// sakilaStore is a whole store, whose staff and it refer to each other.
func sakilaStore(t *testing.T, pool *pgxpool.Pool) *gdpr.Definition {
	t.Helper()
	rules := map[string]gdpr.TableRule{
		"store": {}, "staff": {OwnedBy: ownedBy("staff", "store_id")}, "customer": {OwnedBy: ownedBy("customer", "store_id")},
		"inventory": {}, "rental": {OwnedBy: ownedBy("rental", "inventory_id")}, "address": {OwnedBy: []string{"store", "staff", "customer"}},
	}
	for _, table := range payments {
		rules[table] = gdpr.TableRule{OwnedBy: ownedBy(table, "rental_id"), Key: []string{"payment_id"}}
	}
	root := gdpr.Root{Table: "sakila.store", Key: "store_id"}
	return sakila(t, pool, root, []gdpr.Reference{livesAt("store"), livesAt("staff"), livesAt("customer")}, rules)
}

// sakilaRows returns the rows of every table, with the table's own name.
func sakilaRows(t *testing.T, pool *pgxpool.Pool) []string {
	t.Helper()
	var all []string
	for _, table := range pgtest.List[string](t, pool, "select tablename::text from pg_tables where schemaname = 'sakila' order by 1") {
		all = append(all, pgtest.List[string](t, pool, fmt.Sprintf("select '%[1]s ' || t::text from only sakila.%[1]s t order by 1", table))...)
	}
	return all
}

// gone returns what is in before and not in after, by table.
func gone(before, after []string) map[string]int64 {
	counts := map[string]int64{}
	for _, row := range before {
		if _, found := slices.BinarySearch(after, row); !found {
			table, _, _ := strings.Cut(row, " ")
			counts["sakila."+table]++
		}
	}
	return counts
}

// forget erases a subject from Sakila, and returns what is gone.
func forget(t *testing.T, pool *pgxpool.Pool, host *gdprpg.Host, s tenon.Subject) (map[string]int64, gdpr.Certificate) {
	t.Helper()
	before := sakilaRows(t, pool)
	slices.Sort(before)
	d := gdpr.Deletion{ID: tenon.NewID(asked), Subject: s, At: asked}
	plan, err := host.Plan(t.Context(), s)
	require.NoError(t, err)
	require.Empty(t, plan.Problems)
	_, err = host.Erase(t.Context(), d, plan)
	require.NoError(t, err)
	certificate, err := host.Certify(t.Context(), d, nil)
	require.NoError(t, err)
	after := sakilaRows(t, pool)
	slices.Sort(after)
	lost := gone(before, after)
	require.Empty(t, gone(after, before), "no row was changed")
	for _, p := range certificate.Tables {
		require.Equal(t, lost[p.Table], p.Rows, p.Table)
	}
	return lost, certificate
}

func TestSakilaForgetsCustomer1(t *testing.T) {
	t.Parallel()
	pool := openSakila(t)
	def := sakilaPerson(t, pool)
	require.NoError(t, gdprpg.Check(t.Context(), pool, def))
	host := gdprpg.NewHost(pool, gdprpg.HostOptions{Person: def, Secret: secret, Batch: 7})
	_, err := host.Plan(t.Context(), tenon.Subject{Tenant: "2", User: "1"})
	require.ErrorIs(t, err, gdpr.ErrUnknownSubject, "she is of the other store")

	lost, certificate := forget(t, pool, host, tenon.Subject{Tenant: "1", User: "1"})
	require.Equal(t, map[string]int64{
		"sakila.customer": 1, "sakila.address": 1, "sakila.rental": 20, "sakila.payment": 2, "sakila.payment_p2007_01": 3, "sakila.payment_p2007_02": 3,
		"sakila.payment_p2007_03": 3, "sakila.payment_p2007_04": 3, "sakila.payment_p2007_05": 3, "sakila.payment_p2007_06": 3,
	}, lost)
	require.Equal(t, []gdpr.Finding{{Table: "sakila.actor", Column: "first_name", Rows: 1}}, certificate.Scan.Found,
		"an actor is called Mary as well; a summary and smiths are other words")
}

func TestSakilaLeavesAnAddressThatTwoShare(t *testing.T) {
	t.Parallel()
	pool := openSakila(t)
	pgtest.Exec(t, pool, "update sakila.customer set address_id = 101 where customer_id = 2")
	host := gdprpg.NewHost(pool, gdprpg.HostOptions{Person: sakilaPerson(t, pool), Secret: secret})
	lost, certificate := forget(t, pool, host, tenon.Subject{Tenant: "1", User: "1"})
	require.NotContains(t, lost, "sakila.address")
	require.NotContains(t, certificate.Scan.Found, gdpr.Finding{Table: "sakila.address", Column: "phone", Rows: 1}, "it is not hers alone")
}

func TestSakilaForgetsAStoreWhoseStaffAndItReferToEachOther(t *testing.T) {
	t.Parallel()
	pool := openSakila(t)
	def := sakilaStore(t, pool)
	require.NoError(t, gdprpg.Check(t.Context(), pool, def))
	host := gdprpg.NewHost(pool, gdprpg.HostOptions{Company: def, Secret: secret, Batch: 7})
	lost, _ := forget(t, pool, host, tenon.Subject{Tenant: "1"})
	require.Equal(t, map[string]int64{
		"sakila.store": 1, "sakila.staff": 2, "sakila.customer": 10, "sakila.inventory": 20, "sakila.rental": 200, "sakila.address": 13,
		"sakila.payment": 20, "sakila.payment_p2007_01": 30, "sakila.payment_p2007_02": 30, "sakila.payment_p2007_03": 30,
		"sakila.payment_p2007_04": 30, "sakila.payment_p2007_05": 30, "sakila.payment_p2007_06": 30,
	}, lost)

	pgtest.Exec(t, pool, "insert into sakila.store values (3, 2, 140)")
	pgtest.Exec(t, pool, "insert into sakila.inventory values (99, 1, 3); insert into sakila.rental values (999, '2007-01-01', 99, 2, null, 2)")
	plan, err := host.Plan(t.Context(), tenon.Subject{Tenant: "2"})
	require.NoError(t, err)
	require.NotEmpty(t, plan.Problems, "a customer of store 2 rented from store 3, and store 3 is managed by its staff")
}
