package audit

import (
	"context"
	"fmt"
	"time"

	"github.com/transbotai/tenon"
)

// Hold is a legal hold: what it covers is neither dropped nor redacted until it is released.
type Hold struct {
	ID         string // made when empty
	Tenant     string
	AllTenants bool
	From, To   time.Time // of the records' times; zero: without an end on that side
	Reason     string    // required
	By         string    // who placed it
	At         time.Time // when
	Released   time.Time // zero while it holds
}

// Covers says whether the hold keeps a record of tenant at an instant.
func (h *Hold) Covers(tenant string, at time.Time) bool {
	return h.overlaps(tenant, at, at.Add(time.Microsecond))
}

// overlaps says whether the hold keeps records of tenant between from and to; a zero bound is none.
func (h *Hold) overlaps(tenant string, from, to time.Time) bool {
	return h.Released.IsZero() && (h.AllTenants || h.Tenant == tenant) &&
		(h.From.IsZero() || to.IsZero() || h.From.Before(to)) &&
		(h.To.IsZero() || from.IsZero() || from.Before(h.To))
}

// The actions of records that the log makes itself.
const (
	ActionHeld     = "audit.held"
	ActionReleased = "audit.released"
	ActionRedacted = "audit.redacted"
	ActionDropped  = "audit.dropped"
	ActionExported = "audit.exported"
)

// Hold places a legal hold and returns its id. The placing is recorded.
func (l *Log) Hold(ctx context.Context, h Hold) (string, error) {
	caller, _ := tenon.CallerFrom(ctx)
	h.At, h.By, h.Released = tenon.Instant(time.Now()), caller.Actor, time.Time{}
	h.From, h.To = tenon.Instant(h.From), tenon.Instant(h.To)
	if h.ID == "" {
		h.ID = tenon.NewID(h.At)
	}
	if err := h.check(); err != nil {
		return "", fmt.Errorf("audit: %w", err)
	}
	return h.ID, l.putHold(ctx, h, ActionHeld, h.Reason)
}

func (h *Hold) check() error {
	switch {
	case h.Reason == "":
		return tenon.Invalid("reason", "required")
	case h.AllTenants && h.Tenant != "":
		return tenon.Invalid("tenant", "named, while all tenants are held")
	case !isUUID(h.ID):
		return tenon.Invalid("id", "not a UUID in its usual form")
	case !h.From.IsZero() && !h.To.IsZero() && !h.From.Before(h.To):
		return tenon.Invalid("to", "not after from")
	}
	if err := checkYears(h.From, h.To); err != nil {
		return err
	}
	if err := checkText("tenant", h.Tenant); err != nil {
		return err
	}
	return checkText("reason", h.Reason)
}

// Release ends a hold. The release is recorded.
func (l *Log) Release(ctx context.Context, id, reason string) error {
	holds, err := l.Holds(ctx)
	if err != nil {
		return err
	}
	for _, h := range holds {
		if h.ID == id {
			h.Released = tenon.Instant(time.Now())
			return l.putHold(ctx, h, ActionReleased, reason)
		}
	}
	return ErrUnknownHold
}

// Holds returns the holds that were not released, oldest first.
func (l *Log) Holds(ctx context.Context) ([]Hold, error) {
	r, ok := l.store.(Retainer)
	if !ok {
		return nil, ErrUnsupported
	}
	return r.Holds(ctx)
}

func (l *Log) putHold(ctx context.Context, h Hold, action, reason string) error {
	r, ok := l.store.(Retainer)
	if !ok {
		return ErrUnsupported
	}
	payload, err := JSON(map[string]any{"reason": reason, "from": h.From, "to": h.To, "all_tenants": h.AllTenants})
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	told, err := l.entry(ctx, Record{Tenant: h.Tenant, Action: action, Targets: []Target{{Type: "hold", ID: h.ID}}, Payload: payload})
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return r.PutHold(ctx, h, told)
}

// Dropped is a month of records that retention let go of. Their leaves stay, so that proofs of what is left stay valid.
type Dropped struct {
	Name     string    `json:"name"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Records  int64     `json:"records"`
	Checked  int64     `json:"tree"` // the size of the anchored tree that has them all
	RecordID string    `json:"-"`    // the record that tells of it
}

// Retain drops whole months of records that are older than Options.Keep: those that are sealed, anchored and under no
// legal hold. Each is told by a record. [Log.Run] does this every hour.
func (l *Log) Retain(ctx context.Context) ([]Dropped, error) {
	r, ok := l.store.(Retainer)
	_, n, err := l.notary()
	if !ok || err != nil {
		return nil, ErrUnsupported
	}
	if l.options.Keep <= 0 {
		return nil, nil
	}
	anchored, err := l.anchored(ctx, n)
	if err != nil || anchored == 0 {
		return nil, err
	}
	dropped, err := r.Drop(ctx, time.Now().Add(-l.options.Keep), anchored, func(d Dropped) (Entry, error) {
		payload, err := JSON(d)
		if err != nil {
			return Entry{}, err
		}
		return l.entry(Job(ctx, "audit.retain"), Record{Action: ActionDropped, Targets: []Target{{Type: "month", ID: d.Name}}, Payload: payload})
	})
	for _, d := range dropped {
		l.stats.dropped.Add(d.Records)
	}
	return dropped, err
}

// anchored returns the size of the largest tree that the anchors have.
func (l *Log) anchored(ctx context.Context, n Notary) (int64, error) {
	kept, err := n.Checkpoints(ctx, 0, -100)
	if err != nil {
		return 0, err
	}
	for _, k := range kept {
		if k.Anchored {
			return k.Size, nil
		}
	}
	return 0, nil
}
