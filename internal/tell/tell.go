// Package tell hands what an edit causes to the host's recorder and notifier, for every store.
package tell

import (
	"context"

	"github.com/transbotai/tenon"
)

// Host hands changes to r and news to n, in order, up to the first error. A nil r or n is told nothing.
func Host(ctx context.Context, r tenon.Recorder, n tenon.Notifier, changes []tenon.Change, news []tenon.Notification) error {
	if r != nil {
		for _, c := range changes {
			if err := r.RecordChange(ctx, c); err != nil {
				return err
			}
		}
	}
	return News(ctx, n, news)
}

// News hands notifications to n, in order, up to the first error: together where n is a [tenon.BatchNotifier]. A nil n
// is told nothing.
func News(ctx context.Context, n tenon.Notifier, news []tenon.Notification) error {
	if n == nil {
		return nil
	}
	if b, ok := n.(tenon.BatchNotifier); ok && len(news) > 1 {
		return b.NotifyBatch(ctx, news)
	}
	for _, one := range news {
		if err := n.Notify(ctx, one); err != nil {
			return err
		}
	}
	return nil
}
