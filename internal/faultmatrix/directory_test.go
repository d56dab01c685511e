package faultmatrix_test

import (
	"context"
	"errors"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/directory/directorypg"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

func openDirectory(db pgtest.Handle) *directorypg.Store {
	return directorypg.New(db, &directorypg.Options{Notifier: notifier, Recorder: recorder})
}

// directoryAt gives a store a time of the test's.
type directoryAt struct {
	*directorypg.Store
	now time.Time
}

func (d directoryAt) Clock(context.Context) (time.Time, error) { return d.now, nil }

func onBook(days int, f func(s *stage, b *directory.Book) error) work {
	return func(s *stage, db pgtest.Handle) error {
		return f(s, directory.NewBook(directoryAt{openDirectory(db), s.now.AddDate(0, 0, days)}, &directory.Options{
			Timeout: time.Minute, Key: tenon.NewSecret("a key of the tests'"),
		}))
	}
}

// partner is whom lines are about.
var partner = directory.Ref{Tenant: "acme", ID: id(5)}

func create(s *stage, db pgtest.Handle) error {
	_, err := openDirectory(db).Change(s.ctx(), partner, func(d *directory.Dossier) (directory.Effects, error) {
		if d.Version > 0 {
			return directory.Effects{}, nil
		}
		d.Version, d.Status, d.CreatedAt, d.UpdatedAt = 1, directory.Draft, s.now, s.now
		d.Log = []directory.Step{{At: s.now, What: directory.Created}}
		d.Draft = directory.Profile{
			Name: "Freight One", Services: []string{"ltl"}, Regions: []string{"us-ca"}, Public: true,
			Language: directory.English,
		}
		return directory.Effects{Changes: []tenon.Change{{Action: "created", At: s.now}}}, nil
	})
	return err
}

var (
	submit = onBook(0, func(s *stage, b *directory.Book) error {
		_, err := b.Submit(s.ctx(), partner, 1)
		return err
	})
	publish = onBook(0, func(s *stage, b *directory.Book) error {
		_, err := b.Publish(s.ctx(), partner, 1)
		return err
	})
	addPaper = onBook(0, func(s *stage, b *directory.Book) error {
		if papers, err := b.Papers(s.ctx(), partner); err != nil || len(papers) > 0 {
			return err
		}
		_, err := b.AddDocument(s.ctx(), partner, directory.Document{Kind: "licence", Expires: directory.DateOf(s.now)})
		return err
	})
	tell = onBook(1, func(s *stage, b *directory.Book) error {
		_, err := b.Settle(s.ctx())
		return err
	})
	digest = onBook(0, func(s *stage, b *directory.Book) error {
		_, err := b.Digest(s.ctx())
		return err
	})
	remove = onBook(0, func(s *stage, b *directory.Book) error {
		if err := b.Remove(s.ctx(), partner, ""); !errors.Is(err, directory.ErrUnknownPartner) {
			return err
		}
		return nil // it was done the first time
	})
)

// after returns a preparation: what is done before.
func after(works ...work) func(*stage) {
	return func(s *stage) {
		s.t.Helper()
		for _, work := range works {
			s.must(work(s, s.pool))
		}
	}
}

var directories = feature{set: migrations.Directory, writes: []write{
	{"directorypg.Store.Change", "create", nil, create},
	{"directorypg.Store.Change", "submit", after(create), submit},
	{"directorypg.Store.Change", "publish", after(create, submit), publish},
	{"directorypg.Store.Change", "add a document", after(create, submit, publish), addPaper},
	{"directorypg.Store.Change", "remove", after(create, submit, publish, addPaper), remove},
	{"directorypg.Store.ChangeDue", "", after(create, submit, publish, addPaper), tell},
	{"directorypg.Store.Digest", "", after(create, submit, publish, addPaper, tell), digest},
	{
		"directorypg.Store.Erase", "a company", after(create, submit, publish, addPaper),
		erases(func(db pgtest.Handle) tenon.Eraser { return openDirectory(db) }, company),
	},
	{
		"directorypg.Store.Erase", "a person", after(create, submit, publish, addPaper),
		erases(func(db pgtest.Handle) tenon.Eraser { return openDirectory(db) }, person),
	},
}}
