package entitlements

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"time"

	"github.com/transbotai/tenon/bench/lab"
)

// clients is how many connections pgbench uses.
const clients = 64

// peerSQL is one use in one statement: nothing is counted when the key exists or the limit is reached, and otherwise
// key, event and counter are written together. The id is a UUIDv7 (RFC 9562), as tenon's are, so that the indexes grow
// at the same end.
const peerSQL = `\set t random(0, :tenants - 1)
\set k random(100000000000000000, 999999999999999999)
with n as materialized (
  select encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
    placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6),
    52, 1), 53, 1), 'hex')::uuid as id
),
u as (
  update tenon.usage_counters c
  set used = c.used + 1
  where c.tenant_id = 'tenant-' || :t
  and c.feature_key = 'feature-0'
  and c.period = 'month'
  and c.period_start = '%s'
  and c.used + c.held + 1 <= c.ceiling
  and c.sealed_until > clock_timestamp()
  and not exists (select from tenon.usage_keys x where x.tenant_id = 'tenant-' || :t and x.key = 'key-' || :k)
  returning c.tenant_id, c.feature_key
),
k as (
  insert into tenon.usage_keys (tenant_id, key, id, digest)
  select u.tenant_id, 'key-' || :k, n.id, 1
  from u, n
),
e as (
  insert into tenon.usage_events (tenant_id, id, feature_key, qty, occurred_at, metadata)
  select u.tenant_id, n.id, u.feature_key, 1, clock_timestamp(), '{}'
  from u, n
)
select count(*) from u;
`

// pgbench is the peer: Postgres' own load generator.
type pgbench struct {
	program string
	script  string
	url     string
	seconds int
}

// newPgbench writes the script into dir.
func newPgbench(ctx context.Context, l *lab.Lab, db *database, dir string) (*pgbench, error) {
	p := &pgbench{url: db.url, script: filepath.Join(dir, "consume.sql"), seconds: max(1, int(l.Length.Seconds()))}
	var err error
	if p.program, err = l.Program("pgbench"); err != nil {
		return nil, err
	}
	start, err := db.periodStart(ctx)
	if err != nil {
		return nil, err
	}
	script := fmt.Sprintf(peerSQL, start.UTC().Format(time.RFC3339Nano))
	return p, os.WriteFile(p.script, []byte(script), 0o644)
}

// run returns how many transactions went through, and how many a second.
func (p *pgbench) run(ctx context.Context, tenants int) (done int, rate float64, err error) {
	cmd := exec.CommandContext(ctx, p.program, "--no-vacuum", "--protocol=prepared",
		"--client="+strconv.Itoa(clients), "--jobs="+strconv.Itoa(runtime.NumCPU()),
		"--time="+strconv.Itoa(p.seconds), "--define=tenants="+strconv.Itoa(tenants), "--file="+p.script, p.url)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return 0, 0, fmt.Errorf("pgbench: %w\n%s", err, out)
	}
	if done, err = strconv.Atoi(found(processed, out)); err == nil {
		rate, err = strconv.ParseFloat(found(perSecond, out), 64)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("pgbench: unreadable: %w\n%s", err, out)
	}
	return done, rate, nil
}

var (
	processed = regexp.MustCompile(`transactions actually processed: (\d+)`)
	perSecond = regexp.MustCompile(`tps = ([\d.]+) \(without initial connection time\)`)
)

func found(pattern *regexp.Regexp, in []byte) string {
	m := pattern.FindSubmatch(in)
	if m == nil {
		return ""
	}
	return string(m[1])
}
