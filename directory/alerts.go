package directory

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/transbotai/tenon"
)

// The kinds of notification.
const (
	// KindDocument tells of one document that has passed a threshold, once for each document, version and threshold.
	KindDocument = "directory.document"
	// KindDigest tells once a day how many documents are not valid.
	KindDigest = "directory.digest"
)

// Settle tells of every document that has passed a threshold, and brings partners in line that another policy settled.
// It returns how many partners it changed. Of thresholds that passed while nobody looked, the last alone is told.
func (b *Book) Settle(ctx context.Context) (int, error) {
	if b.fault != nil {
		return 0, prefix(b.fault)
	}
	now, err := b.now(ctx)
	if err != nil {
		return 0, err
	}
	total := 0
	for {
		n, err := b.settleBatch(ctx, now)
		total += n
		if err != nil || n < b.options.Batch {
			return total, err
		}
	}
}

func (b *Book) settleBatch(ctx context.Context, now time.Time) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 6*b.options.Timeout)
	defer cancel()
	told := map[Ref]int{} // a store may edit one again
	n, err := b.store.ChangeDue(ctx, Due{Now: now, Policy: b.mark, Limit: b.options.Batch}, func(d *Dossier) (Effects, error) {
		b.policy.settle(d)
		notifications := b.policy.tell(d, now)
		b.policy.settle(d)
		told[d.Ref] = len(notifications)
		return Effects{Notifications: notifications}, nil
	})
	if err != nil {
		return 0, err
	}
	for _, alerts := range told {
		b.stats.alerts.Add(int64(alerts))
	}
	b.stats.settled.Add(int64(n))
	return n, nil
}

// tell notes the thresholds that documents in force have passed, and returns what is told of them.
func (p Policy) tell(d *Dossier, now time.Time) (notifications []tenon.Notification) {
	for i := range d.Documents {
		doc := &d.Documents[i]
		if doc.NextAlert.IsZero() || now.Before(doc.NextAlert) {
			continue
		}
		zone := doc.location(d.Draft.Zone)
		for _, days := range p.steps() { // the tightest that has passed was not told, or nothing would be due
			if !now.Before(thresholdAt(*doc, days, zone)) {
				doc.Told = append(doc.Told, days)
				notifications = append(notifications, alert(d, *doc, days, DateOf(now.In(zone)), now))
				break
			}
		}
	}
	return notifications
}

// alert is what is told of a document.
func alert(d *Dossier, doc Document, threshold int, today Date, now time.Time) tenon.Notification {
	n := tenon.Notification{
		Key:    fmt.Sprintf("directory.document/%s/%s/%d/%d", d.ID, doc.Kind, doc.Version, threshold),
		Kind:   KindDocument,
		Tenant: d.Tenant,
		At:     now,
		Data: map[string]string{
			"partner": d.ID, "company_name": d.Draft.Name, "document": doc.Kind, "version": strconv.Itoa(doc.Version),
			"number": doc.Number, "expires_at": doc.Expires.String(), "threshold": strconv.Itoa(threshold),
			"status": string(doc.Freshness(now)), "required": strconv.FormatBool(slices.Contains(d.Required, doc.Kind)),
		},
	}
	if threshold == 0 {
		n.Severity = tenon.SeverityCritical
		n.Title = fmt.Sprintf("%s of %s expired on %s", doc.Kind, d.Draft.Name, doc.Expires)
		return n
	}
	n.Severity = tenon.SeverityWarning
	n.Title = fmt.Sprintf("%s of %s expires on %s, %s", doc.Kind, d.Draft.Name, doc.Expires, inDays(today.Until(doc.Expires)))
	return n
}

func inDays(n int) string {
	switch n {
	case 0:
		return "today"
	case 1:
		return "tomorrow"
	}
	return fmt.Sprintf("in %d days", n)
}

// Digest counts the documents that are not valid, and tells it when nobody did on that day, in UTC. A store that is no
// [Digester] gives an error of the class [tenon.ErrUnavailable].
func (b *Book) Digest(ctx context.Context) (Digest, error) {
	s, ok := b.store.(Digester)
	if !ok {
		return Digest{}, errNoDigest
	}
	now, err := b.now(ctx)
	if err != nil {
		return Digest{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, 6*b.options.Timeout)
	defer cancel()
	day := DateOf(now)
	d, told, err := s.Digest(ctx, now, day, func(d Digest) Effects { return digestEffects(d, day, now) })
	if err == nil && told {
		b.stats.digests.Add(1)
	}
	if err == nil {
		b.stats.digest.Store(&d)
	}
	return d, err
}

var errNoDigest = fmt.Errorf("directory: the store counts no papers: %w", tenon.ErrUnavailable)

func digestEffects(d Digest, day Date, now time.Time) Effects {
	if d.Count() == 0 {
		return Effects{}
	}
	return Effects{Notifications: []tenon.Notification{{
		Key: "directory.digest/" + day.String(), Kind: KindDigest, Severity: tenon.SeverityInfo, At: now,
		Title: fmt.Sprintf("%d documents need attention: %d expired, %d expiring soon, %d missing",
			d.Count(), d.Expired, d.ExpiringSoon, d.Missing),
		Data: map[string]string{
			"count": strconv.FormatInt(d.Count(), 10), "expired": strconv.FormatInt(d.Expired, 10),
			"expiring_soon": strconv.FormatInt(d.ExpiringSoon, 10), "missing": strconv.FormatInt(d.Missing, 10),
		},
	}}}
}
