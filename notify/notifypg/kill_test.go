package notifypg_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/conform"
	"github.com/transbotai/tenon/internal/proctest"
	"github.com/transbotai/tenon/notify"
	"github.com/transbotai/tenon/notify/notifypg"
)

// numbered is the i-th notification of a group.
func numbered(group, i int) tenon.Notification {
	return tenon.Notification{
		Key: fmt.Sprintf("%d/%d", group, i), Kind: "test.numbered", Tenant: fmt.Sprintf("t%d", group%7),
		Severity: tenon.SeverityInfo, Title: "numbered", Text: fmt.Sprintf("text %d of %d", i, group),
		Data: map[string]string{"group": fmt.Sprint(group), "number": fmt.Sprint(i)},
	}
}

// byGroup routes to the default destination, in the group that the notification names.
var byGroup = notify.Routing{Group: func(n tenon.Notification) string { return n.Data["group"] }}

// socketPath is short enough for a socket, wherever tests keep their folders.
func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "tenon-notify")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "socket")
}

// writeNumbered writes n notifications of each group, a number at a time, in transactions of which some are rolled back
// and written again.
func writeNumbered(ctx context.Context, pool *pgxpool.Pool, groups, n int) error {
	for i := range n {
		if i%10 == 3 {
			if err := writeNumber(ctx, pool, groups, i, pgx.Tx.Rollback); err != nil {
				return err
			}
		}
		if err := writeNumber(ctx, pool, groups, i, pgx.Tx.Commit); err != nil {
			return err
		}
	}
	return nil
}

// writeNumber writes the i-th of each group, and one of them twice.
func writeNumber(ctx context.Context, pool *pgxpool.Pool, groups, i int, end func(pgx.Tx, context.Context) error) error {
	tx, err := pool.Begin(ctx)
	if err != nil {
		return err
	}
	store := notifypg.New(tx, &notifypg.Options{Routing: byGroup})
	var all []notify.Entry
	for g := range groups {
		entries, err := byGroup.Entries(numbered(g, i), time.Now())
		if err != nil {
			return err
		}
		all = append(all, entries...)
	}
	return errors.Join(store.Add(ctx, all), store.Notify(ctx, numbered(0, i)), end(tx, ctx))
}

// leftSQL counts what is not delivered.
const leftSQL = `
select count(*)
from tenon.notifications
where state <> 'delivered'`

func nothingLeft(ctx context.Context, pool *pgxpool.Pool) bool {
	var left int
	return pool.QueryRow(ctx, leftSQL).Scan(&left) == nil && left == 0
}

// started starts a child and lets it begin; a receiver listens before that.
func started(t *testing.T, work string, o order) *proctest.Process[struct{}] {
	t.Helper()
	p := proctest.Start[struct{}](t, work, o)
	p.Begin()
	return p
}

func TestWorkersAndTheReceiverKilledAtRandomLoseNothing(t *testing.T) {
	t.Parallel()
	groups, each, pause := 50, 60, 150*time.Millisecond
	if conform.Soak() {
		groups, each, pause = 200, 500, 500*time.Millisecond
	}
	pool := database(t)
	url := pool.Config().ConnString()
	socket, file := socketPath(t), filepath.Join(t.TempDir(), "received")
	orders := order{URL: url, Socket: socket, File: file}
	works := []string{"receiver", "worker", "worker"}
	var children []*proctest.Process[struct{}]
	for _, work := range works {
		children = append(children, started(t, work, orders))
	}

	written := make(chan error, 1)
	go func() { written <- writeNumbered(t.Context(), pool, groups, each) }()
	kills, most := 0, 12
	if conform.Soak() {
		most = 400
	}
	pauses := time.NewTicker(pause)
	defer pauses.Stop()
	for done := false; !done; kills++ {
		<-pauses.C
		i := rand.IntN(len(children))
		children[i].Kill()
		children[i] = started(t, works[i], orders)
		done = kills >= most || nothingLeft(t.Context(), pool) && len(written) == 1
	}
	require.NoError(t, <-written)
	require.Eventually(t, func() bool { return nothingLeft(t.Context(), pool) }, 4*time.Minute, 100*time.Millisecond)
	t.Logf("%d notifications, %d kills, %d arrivals", groups*each, kills, checkReceived(t, file, groups, each))
}

// checkReceived checks that every notification arrived unharmed, in order within its group, once repeats are set aside
// by the key. It returns how many arrived, with repeats.
func checkReceived(t *testing.T, file string, groups, each int) (arrivals int) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	next, seen := make([]int, groups), map[string]bool{}
	for line := range strings.Lines(string(text)) {
		var key, sum string
		var g, i int
		_, err := fmt.Sscan(line, &key, &g, &i, &sum)
		require.NoError(t, err, line)
		arrivals++
		require.Equal(t, fmt.Sprintf("%x", sha256.Sum256([]byte(numbered(g, i).Text))), sum)
		if seen[key] {
			continue
		}
		seen[key] = true
		require.Equal(t, next[g], i, "group %d: out of order", g)
		next[g]++
	}
	require.Len(t, seen, groups*each)
	return arrivals
}
