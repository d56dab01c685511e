package gdprpg_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
	"github.com/transbotai/tenon/gdpr/gdprpg"
	"github.com/transbotai/tenon/internal/conform"
	"github.com/transbotai/tenon/internal/pgtest"
)

// byTable returns the rows of an archive by their tables, each as one text, in an order.
func byTable(t *testing.T, body []byte) map[string][]string {
	t.Helper()
	m, err := gdpr.ReadArchive(bytes.NewReader(body), int64(len(body)))
	require.NoError(t, err)
	z, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	require.NoError(t, err)
	rows := map[string][]string{}
	for _, e := range m.Files {
		f, err := z.Open(e.Name)
		require.NoError(t, err)
		text, err := io.ReadAll(f)
		require.NoError(t, err)
		if e.Rows > 0 {
			rows[e.Table] = same(t, slices.Collect(strings.Lines(string(text))))
		}
	}
	return rows
}

// same writes rows of JSON in the same way and order.
func same(t *testing.T, rows []string) []string {
	t.Helper()
	all := make([]string, len(rows))
	for i, row := range rows {
		var v any
		require.NoError(t, json.Unmarshal([]byte(row), &v), row)
		text, err := json.Marshal(v)
		require.NoError(t, err)
		all[i] = string(text)
	}
	slices.Sort(all)
	return all
}

// exportAll exports each company of a world and compares it with what a naive reader finds: the rows that carry its
// name, in the tables whose rows are somebody's.
func exportAll(t *testing.T, pool *pgxpool.Pool, seed uint64) {
	t.Helper()
	w := newWorld(seed)
	pgtest.Exec(t, pool, w.sql())
	def := w.definition()
	host := gdprpg.NewHost(pool, gdprpg.HostOptions{Company: def})
	m, err := gdprpg.Discover(t.Context(), pool, def)
	require.NoError(t, err)
	for c := range companies {
		body, _ := pack(t, gdprpg.NewPacker(host, nil), tenon.Subject{Tenant: companyName(c)})
		want := map[string][]string{}
		for _, table := range m.Tables {
			if table.Relation != gdpr.Owned {
				continue
			}
			sql := fmt.Sprintf("select to_jsonb(t)::text from %s t where t::text like '%%of-%d-%%'", table.Name, c)
			if rows := pgtest.List[string](t, pool, sql); len(rows) > 0 {
				want[table.Name] = same(t, rows)
			}
		}
		require.NotEmpty(t, want)
		require.Equal(t, want, byTable(t, body), "seed %d, company %d", seed, c)
	}
	pgtest.Exec(t, pool, fmt.Sprintf("drop schema %s cascade", quote(w.schema)))
}

func TestExportsOfRandomSchemasAgreeWithANaiveReader(t *testing.T) {
	t.Parallel()
	const lanes = 2
	worlds := 20
	if conform.Soak() {
		worlds = 400
	}
	for lane := range lanes {
		t.Run(fmt.Sprint(lane), func(t *testing.T) {
			t.Parallel()
			pool := database(t)
			for seed := lane; seed < worlds; seed += lanes {
				exportAll(t, pool, uint64(seed))
			}
		})
	}
}

func TestSakilaExportsCustomer1(t *testing.T) {
	t.Parallel()
	pool := openSakila(t)
	host := gdprpg.NewHost(pool, gdprpg.HostOptions{Person: sakilaPerson(t, pool)})
	packer := gdprpg.NewPacker(host, &gdprpg.PackerOptions{Names: map[string]string{"sakila.customer": "customer"}})
	she := tenon.Subject{Tenant: "1", User: "1"}
	body, m := pack(t, packer, she)
	rows := map[string]int64{}
	for table, lines := range byTable(t, body) {
		rows[table] = int64(len(lines))
	}
	require.Equal(t, map[string]int64{
		"sakila.customer": 1, "sakila.address": 1, "sakila.rental": 20, "sakila.payment": 2, "sakila.payment_p2007_01": 3, "sakila.payment_p2007_02": 3,
		"sakila.payment_p2007_03": 3, "sakila.payment_p2007_04": 3, "sakila.payment_p2007_05": 3, "sakila.payment_p2007_06": 3,
	}, rows, "what is erased of her is what she is given")
	require.Equal(t, m.Rows("sakila.rental", gdpr.PartProvided), rows["sakila.rental"])

	var out bytes.Buffer
	require.NoError(t, packer.Document(t.Context(), she, &out))
	var document map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &document))
	require.Equal(t, "MARY", document["customer"].(map[string]any)["first_name"])
	require.Len(t, document["sakila.rental"], 20)
	require.NotContains(t, slices.Collect(maps.Keys(document)), "sakila.actor")

	_, err := packer.Pack(t.Context(), tenon.Subject{Tenant: "2", User: "1"}, io.Discard)
	require.ErrorIs(t, err, gdpr.ErrUnknownSubject, "she is of the other store")
}
