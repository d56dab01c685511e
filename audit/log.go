package audit

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/option"
	"github.com/transbotai/tenon/internal/spool"
)

// Overflow says what [Log.Enqueue] does when the queue is full.
type Overflow int

// What to do when the queue is full.
const (
	Wait   Overflow = iota // until there is room, or the context is done
	Refuse                 // with [ErrFull], at once
)

// Options of a [Log]. The zero value of each field has the documented meaning; a negative value means the same.
type Options struct {
	// Fields says what becomes of fields before they are stored; see [Policy]. Members of a payload whose names speak of
	// secrets (password, secret, token, api_key, authorization, cookie and such, at any depth) are redacted unless
	// Fields names them. What the log says itself of redactions and of retention is kept, since Verify reads it.
	Fields map[string]Policy
	// DigestKey is the key of [Digest], at least 16 bytes. Without one a record with such a field is refused.
	DigestKey []byte
	// Personal are members of payloads, by name or path as in Fields, that are erased with a person who is the actor or
	// a target of the record, whatever they hold, and where they hold a number that is the person's id: name columns such
	// as user_id of watched tables here. Nil: email, name, first_name, last_name, phone, address.
	Personal []string

	// Queue is how many records Enqueue holds before it is full; 0 means 10,000. Batch is how many are written at
	// once, 0 means 1,000; Linger is how long the first of them waits for others, 0 means 50 ms.
	Queue, Batch int
	Linger       time.Duration
	// OnFull says what Enqueue does then.
	OnFull Overflow
	// Spool is a folder of this process's machine where queued records are kept while the store is away. Empty: they
	// stay in the queue, which fills up.
	Spool string

	// Signer signs checkpoints. Nil: records are sealed, and nobody vouches for it.
	Signer *Signer
	// Anchors are told of each checkpoint, by name.
	Anchors map[string]Anchor
	// SealEvery is how often Run seals, 0 means 200 ms; CheckpointEvery how often it signs and anchors what grew, 0
	// means a minute.
	SealEvery, CheckpointEvery time.Duration
	// Sinks are told of each sealed record at least once, by name.
	Sinks map[string]Sink
	// Keep is how long records are kept; 0 means for ever. Whole months that are older are dropped, once they are sealed
	// and anchored and no legal hold covers them.
	Keep time.Duration
	// Drain bounds how long Run goes on when its context is done; 0 means 10 seconds.
	Drain time.Duration
	// Logger is told of trouble in the background. Nil discards.
	Logger *slog.Logger
}

func (o *Options) withDefaults() Options {
	var v Options
	if o != nil {
		v = *o
	}
	if v.Personal == nil {
		v.Personal = []string{"email", "name", "first_name", "last_name", "phone", "address"}
	}
	v.Queue = option.Positive(v.Queue, 10_000)
	v.Batch = option.Positive(v.Batch, 1000)
	v.Linger = option.Positive(v.Linger, 50*time.Millisecond)
	v.SealEvery = option.Positive(v.SealEvery, 200*time.Millisecond)
	v.CheckpointEvery = option.Positive(v.CheckpointEvery, time.Minute)
	v.Drain = option.Positive(v.Drain, 10*time.Second)
	if v.Logger == nil {
		v.Logger = slog.New(slog.DiscardHandler)
	}
	return v
}

// Log is where things are recorded, looked up, proven and exported. Its methods may be called concurrently.
type Log struct {
	store   Store
	options Options
	fields  *policies
	*shared
}

// shared is what a log and those bound to transactions have together.
type shared struct {
	queue queue
	spool *spool.Spool[Entry]
	stats counters
}

var (
	_ tenon.Recorder = (*Log)(nil)
	_ tenon.Eraser   = (*Log)(nil)
)

// NewLog returns a log over store. It does no I/O and starts nothing. While [Log.Run] runs nowhere, records are kept and
// can be found, but are not sealed, and what is queued waits for [Log.Flush].
func NewLog(store Store, opts *Options) *Log {
	l := &Log{store: store, options: opts.withDefaults()}
	l.fields = newPolicies(l.options)
	l.shared = &shared{spool: newSpool(l.options.Spool)}
	l.queue.init(l.options.Queue)
	return l
}

// WithStore returns a log that writes to s and reads from it, usually a store bound to the caller's transaction. Its
// queue is the first one's.
func (l *Log) WithStore(s Store) *Log {
	return &Log{store: s, options: l.options, fields: l.fields, shared: l.shared}
}

// Job returns a context in which a job of the system acts: the actor is "job:" and its name.
func Job(ctx context.Context, name string) context.Context {
	caller, _ := tenon.CallerFrom(ctx)
	caller.Actor = "job:" + name
	return tenon.WithCaller(ctx, caller)
}

// Record stores r and returns its id. What r leaves empty of actor, on behalf of, address, user agent, request and trace
// is taken from the [tenon.Caller] in ctx; the tenant never is. After an error of the class [tenon.ErrUnavailable] the
// record may be stored; with r.ID or r.Key set, Record can be repeated.
func (l *Log) Record(ctx context.Context, r Record) (string, error) {
	e, err := l.entry(ctx, r)
	if err != nil {
		return "", fmt.Errorf("audit: %w", err)
	}
	return l.append(ctx, e)
}

func (l *Log) append(ctx context.Context, e Entry) (string, error) {
	ids, err := l.store.Append(ctx, []Entry{e})
	if err != nil {
		return "", err
	}
	l.stats.recorded.Add(1)
	return ids[0], nil
}

// RecordChange implements [tenon.Recorder]. The payload holds before, after and reason.
func (l *Log) RecordChange(ctx context.Context, c tenon.Change) error {
	payload, err := JSON(struct {
		Before any    `json:"before,omitempty"`
		After  any    `json:"after,omitempty"`
		Reason string `json:"reason,omitempty"`
	}{raw(c.Before), raw(c.After), c.Reason})
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	kind, id, _ := strings.Cut(c.Target, "/")
	r := Record{Tenant: c.Tenant, At: c.At, Action: c.Action, Payload: payload}
	if kind != "" {
		r.Targets = []Target{{Type: kind, ID: id}}
	}
	_, err = l.Record(ctx, r)
	return err
}

// entry completes a record and checks it.
func (l *Log) entry(ctx context.Context, r Record) (Entry, error) {
	fresh := r.ID == ""
	fill(ctx, &r)
	if err := l.fields.apply(&r); err != nil {
		return Entry{}, err
	}
	if err := r.Check(); err != nil {
		return Entry{}, err
	}
	e := Entry{Record: r, Seed: make([]byte, SeedSize), fresh: fresh}
	rand.Read(e.Seed) // never fails
	return e, nil
}

func fill(ctx context.Context, r *Record) {
	caller, _ := tenon.CallerFrom(ctx)
	for _, f := range []struct {
		field *string
		value string
	}{
		{&r.Actor, caller.Actor},
		{&r.OnBehalfOf, caller.OnBehalfOf},
		{&r.IP, caller.IP},
		{&r.UserAgent, caller.UserAgent},
		{&r.RequestID, caller.RequestID},
		{&r.TraceID, caller.TraceID},
	} {
		if *f.field == "" {
			*f.field = f.value
		}
	}
	complete(r)
}

// complete gives a record what is the same for all.
func complete(r *Record) {
	if r.At.IsZero() {
		r.At = time.Now()
	}
	r.At = tenon.Instant(r.At)
	if r.ID == "" {
		r.ID = tenon.NewID(r.At)
	}
	if r.Outcome == "" {
		r.Outcome = Succeeded
	}
}
