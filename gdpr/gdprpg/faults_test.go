package gdprpg_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
	"github.com/transbotai/tenon/gdpr/gdprpg"
	"github.com/transbotai/tenon/internal/conform"
	"github.com/transbotai/tenon/internal/pgtest"
)

// maxSteps is more than any work here takes: a fault that never stops to fire is a defect of the test.
const maxSteps = 400

func TestAnErasureThatFailsAtAnyStatementAndGoesOnEndsAsIfNothingHadFailed(t *testing.T) {
	t.Parallel()
	pool := database(t)
	openBazaar(t, pool)
	certificate, steps := eraseWith(t, pgtest.NewFaulty(pool, 0, pgtest.Fail))
	require.Equal(t, erasedRows, rows(certificate.Tables))
	want := bazaarDump(t, pool)
	require.Less(t, steps, maxSteps)
	every := len(pgtest.Faults()) // each step goes wrong in one way; in a soak, in all
	if conform.Soak() {
		every = 1
	}
	for i, fault := range pgtest.Faults() {
		t.Run(fault.String(), func(t *testing.T) {
			t.Parallel()
			pool := database(t)
			for n := 1 + i%every; n <= steps; n += every {
				openBazaar(t, pool)
				faulty := pgtest.NewFaulty(pool, n, fault)
				certificate, _ := eraseWith(t, faulty)
				require.True(t, faulty.Fired(), "step %d of %d", n, steps)
				require.Equal(t, want, bazaarDump(t, pool), "%s at step %d", fault, n)
				require.Equal(t, erasedRows, rows(certificate.Tables), "%s at step %d", fault, n)
			}
		})
	}
}

// eraseWith plans, erases and certifies, each again until it succeeds, and returns how many statements it took.
func eraseWith(t *testing.T, db *pgtest.Faulty) (certificate gdpr.Certificate, steps int) {
	t.Helper()
	host, d := bazaarHost(db), deletion("acme")
	var plan gdpr.Plan
	db.Try(t, func() (err error) { plan, err = host.Plan(t.Context(), d.Subject); return err })
	db.Try(t, func() error { _, err := host.Erase(t.Context(), d, plan); return err })
	db.Try(t, func() (err error) { certificate, err = host.Certify(t.Context(), d, nil); return err })
	return certificate, db.Steps()
}

func TestMarkingAndRestoringThatFailAtAnyStatementAreWholeOrNotThere(t *testing.T) {
	t.Parallel()
	for _, fault := range pgtest.Faults() {
		t.Run(fault.String(), func(t *testing.T) {
			t.Parallel()
			pool := database(t)
			openBazaar(t, pool)
			before := bazaarDump(t, pool)
			pgtest.EveryStep(t, pgtest.Always(fault), func(n int, fault pgtest.Fault) bool {
				faulty, d := pgtest.NewFaulty(pool, n, fault), deletion("acme")
				host := bazaarHost(faulty)
				faulty.Try(t, func() error { _, err := host.Mark(t.Context(), d); return err })
				require.Equal(t, 14, pgtest.One[int](t, pool, "select count(*) from tenon.gdpr_marks"))
				faulty.Try(t, func() error { _, err := host.Restore(t.Context(), d); return err })
				require.Equal(t, before, bazaarDump(t, pool), "%s at step %d", fault, n)
				pgtest.Exec(t, pool, "truncate tenon.gdpr_marks")
				return faulty.Fired()
			})
		})
	}
}

func TestAFileThatIsPutWithAFaultAndAgainIsWhole(t *testing.T) {
	t.Parallel()
	pool, k, want := database(t), key("acme"), noise(600<<10)
	pgtest.EveryStep(t, pgtest.Always(pgtest.Faults()...), func(n int, fault pgtest.Fault) bool {
		faulty := pgtest.NewFaulty(pool, n, fault)
		files := gdprpg.NewFiles(faulty)
		faulty.Try(t, func() error { return files.Put(t.Context(), k, bytes.NewReader(want)) })
		f, err := gdprpg.NewFiles(pool).Open(t.Context(), k)
		require.NoError(t, err)
		got, err := io.ReadAll(f)
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, got), "%s at step %d", fault, n)
		return faulty.Fired()
	})
}

func TestAnExportThatFailsAtAnyStatementGivesItsConnectionBack(t *testing.T) {
	t.Parallel()
	pool := shop(t)
	want, _ := pack(t, shopPacker(pool, nil), tenon.Subject{Tenant: "acme"})
	pgtest.EveryStep(t, pgtest.Always(pgtest.Faults()...), func(n int, fault pgtest.Fault) bool {
		faulty := pgtest.NewFaulty(pool, n, fault)
		var out bytes.Buffer
		_, err := shopPacker(faulty, nil).Pack(t.Context(), tenon.Subject{Tenant: "acme"}, &out)
		if !faulty.Fired() {
			require.NoError(t, err)
			require.Equal(t, unpack(t, want), unpack(t, out.Bytes()))
		}
		return faulty.Fired()
	})
}
