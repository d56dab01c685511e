package faultmatrix_test

import (
	"errors"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/flags/flagspg"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

func openFlags(db pgtest.Handle) *flagspg.Store {
	return flagspg.New(db, &flagspg.Options{Notifier: notifier, Recorder: recorder})
}

// onFlags works by a set that knows what is stored, as everybody does who changes flags.
func onFlags(f func(s *stage, set *flags.Set) error) work {
	return func(s *stage, db pgtest.Handle) error {
		set := flags.NewSet(openFlags(db), &flags.Options{Timeout: time.Minute})
		if err := set.Load(s.ctx()); err != nil {
			return err
		}
		return f(s, set)
	}
}

func flag(key, tenant string) flags.Definition {
	return flags.Definition{Key: key, Type: flags.TypeBool, Tenants: map[string]string{tenant: "on"}}
}

// oneFlag stores a flag and a mark.
func oneFlag(s *stage) {
	s.must(onFlags(func(s *stage, set *flags.Set) error {
		_, err := set.Put(s.ctx(), flag("beta", "acme"), "")
		return err
	})(s, s.pool))
	s.must(openFlags(s.pool).Mark(s.ctx(), []flags.Mark{{Flag: "beta", Variant: "off", Seen: s.now}}))
}

var flagging = feature{set: migrations.Flags, writes: []write{
	{"flagspg.Store.Write", "declare", oneFlag, onFlags(func(s *stage, set *flags.Set) error {
		return set.Declare(s.ctx(), flag("beta", "acme"), flag("new", "acme"), flag("newer", "zenith"))
	})},
	{"flagspg.Store.Write", "edit", oneFlag, onFlags(func(s *stage, set *flags.Set) error {
		_, err := set.Edit(s.ctx(), "beta", func(d *flags.Definition) error {
			d.Tenants = map[string]string{"zenith": "on"}
			return nil
		}, "asked")
		return err
	})},
	{"flagspg.Store.Write", "switch off", oneFlag, onFlags(func(s *stage, set *flags.Set) error {
		_, err := set.SetDisabled(s.ctx(), "beta", true, "broken")
		return err
	})},
	{"flagspg.Store.Write", "delete", oneFlag, onFlags(func(s *stage, set *flags.Set) error {
		if err := set.Delete(s.ctx(), "beta", 1, "done"); !errors.Is(err, flags.ErrUnknownFlag) {
			return err
		}
		return nil // it was done the first time
	})},
	{"flagspg.Store.Mark", "", oneFlag, func(s *stage, db pgtest.Handle) error {
		marks := []flags.Mark{{Flag: "beta", Variant: "on", Seen: s.now}, {Flag: "beta", Seen: s.now}}
		return openFlags(db).Mark(s.ctx(), marks)
	}},
	{
		"flagspg.Store.Erase", "a company", oneFlag,
		erases(func(db pgtest.Handle) tenon.Eraser { return openFlags(db) }, company),
	},
	{
		"flagspg.Store.Erase", "a person", oneFlag,
		erases(func(db pgtest.Handle) tenon.Eraser { return openFlags(db) }, person),
	},
}}
