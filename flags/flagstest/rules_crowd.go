package flagstest

import (
	"context"
	"errors"
	"sync"

	"github.com/transbotai/tenon/flags"
)

var crowdRules = group{"crowd", []rule{
	{
		"of_writers_from_one_revision_one_wins",
		"Of writes that were made from one revision at most one is stored; the others are ErrBehind.",
		func(r *rig) {
			_, revision := r.load(0)
			var mu sync.Mutex
			won := 0
			together(8, func(i int) {
				w := flags.Write{Base: revision, Records: []flags.Record{r.record("a", int64(i+1), `{}`)}}
				_, err := r.store.Write(context.WithoutCancel(r.ctx()), w)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won++
				} else if !errors.Is(err, flags.ErrBehind) {
					r.t.Errorf("Write: %v", err)
				}
			})
			equal(r.t, "at most one won", won <= 1, true)
			equal(r.t, "the number of versions", len(r.versions("a", 0, 10)), won)
		},
	},
	{
		"who_loads_what_is_newer_misses_nothing",
		"Who asks again and again for what is newer than the last answer sees every record in the end, however writes overlap.",
		func(r *rig) {
			const writers, each = 4, 10
			done := make(chan struct{})
			seen := map[string]int64{}
			var reader sync.WaitGroup
			reader.Go(func() { r.follow(seen, done) })
			together(writers, func(i int) {
				for v := range int64(each) {
					if _, err := r.tryWrite(flags.Write{Records: []flags.Record{r.record(string(rune('a'+i)), v+1, `{}`)}}); err != nil {
						r.t.Errorf("Write: %v", err)
					}
				}
			})
			close(done)
			reader.Wait()
			equal(r.t, "the number of records seen", len(seen), writers)
			for key, version := range seen {
				equal(r.t, "the version seen of "+key, version, each)
			}
		},
	},
}}

// follow loads what is newer until done, and once more.
func (r *rig) follow(seen map[string]int64, done chan struct{}) {
	var since int64
	for last := false; !last; {
		select {
		case <-done:
			last = true
		default:
		}
		u, err := r.store.Load(r.ctx(), since)
		if err != nil {
			r.t.Errorf("Load: %v", err)
			return
		}
		for _, rec := range r.own(u.Records) {
			if rec.Revision > u.Revision || rec.Version <= seen[rec.Key] {
				r.t.Errorf("version %d of revision %d came after version %d, at revision %d", rec.Version, rec.Revision, seen[rec.Key], u.Revision)
			}
			seen[rec.Key] = rec.Version
		}
		since = u.Revision
	}
}
