package entitlements

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/spool"
)

// spoolBatch bounds how many spooled uses are counted at once.
const spoolBatch = 500

// spooled is an accepted use that waits on disk to be counted. Replaying it twice counts it once, by its key.
type spooled struct {
	Tenant   string          `json:"tenant"`
	Feature  string          `json:"feature"`
	Quantity int64           `json:"quantity"`
	Key      string          `json:"key"`
	Digest   int64           `json:"digest"`
	At       time.Time       `json:"at"`
	Metadata json.RawMessage `json:"metadata,omitempty"`
}

func newSpool(dir string) *spool.Spool[spooled] { return spool.New[spooled](dir, ".spool") }

func spooledOf(op Op) spooled {
	return spooled{
		Tenant: op.Use.Tenant, Feature: op.Use.Feature, Quantity: op.Use.Quantity, Key: op.Use.Key,
		Digest: op.Digest, At: op.At, Metadata: op.Metadata,
	}
}

// replay counts all that lies in the folder, also what processes that died left there.
func (g *Gate) replay(ctx context.Context) error {
	return g.spool.Replay(ctx, spool.Replayer[spooled]{Batch: spoolBatch, Store: g.replayLines, Aside: g.setAside})
}

func (g *Gate) setAside(file string, lines int) {
	g.stats.setAside.Add(int64(lines))
	g.options.Logger.Error("spool holds lines that cannot be counted", "kept", file)
}

// replayLines counts lines and returns those that the store refuses, each with why. A failure that is no refusal, such as
// that of a host's notifier, may pass: it leaves all of them to be counted later.
func (g *Gate) replayLines(ctx context.Context, lines []spooled) (refused []byte, err error) {
	now, err := g.now(ctx)
	if err != nil {
		return nil, err
	}
	ops := make([]Op, len(lines))
	for i, l := range lines {
		ops[i] = l.op(now)
	}
	outcomes, err := g.store.Settle(ctx, ops)
	switch {
	case err == nil:
	case !refuses(err) || ctx.Err() != nil:
		return nil, err
	case len(lines) > 1: // one of them spoils it for the others
		return g.replayEach(ctx, lines)
	default:
		outcomes = []Outcome{{Err: err}}
	}
	for i, o := range outcomes {
		switch {
		case o.Err == nil:
		case !refuses(o.Err):
			return nil, o.Err
		default:
			refused = append(refused, spool.Refusal(lines[i], o.Err)...)
		}
	}
	return refused, nil
}

// refuses says whether a store that answered so will never take the operation.
func refuses(err error) bool {
	classes := []error{tenon.ErrNotFound, tenon.ErrConflict, tenon.ErrInvalid, tenon.ErrDenied}
	return !isAway(err) && slices.ContainsFunc(classes, func(class error) bool { return errors.Is(err, class) })
}

func (g *Gate) replayEach(ctx context.Context, lines []spooled) (refused []byte, err error) {
	for i := range lines {
		aside, err := g.replayLines(ctx, lines[i:i+1])
		if err != nil {
			return nil, err
		}
		refused = append(refused, aside...)
	}
	return refused, nil
}

func (l spooled) op(now time.Time) Op {
	return Op{
		Kind: OpRecord, ID: tenon.NewID(now), Now: now, At: l.At, Metadata: l.Metadata, Digest: l.Digest,
		Use: Use{Tenant: l.Tenant, Feature: l.Feature, Quantity: l.Quantity, Key: l.Key, At: l.At},
	}
}
