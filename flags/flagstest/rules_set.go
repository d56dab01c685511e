package flagstest

import (
	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
)

// flag returns a bool flag of the rule's own.
func (r *rig) flag(name string) flags.Definition {
	return flags.Definition{Key: r.key(name), Type: flags.TypeBool}
}

// value evaluates a flag of the rule's own for a tenant.
func (r *rig) value(set *flags.Set, name, tenant string) any {
	r.t.Helper()
	return set.Evaluate(r.key(name), &flags.Who{Tenant: tenant}).Value
}

// must returns the definition, or fails.
func (r *rig) must(d flags.Definition, err error) flags.Definition {
	r.t.Helper()
	if err != nil {
		r.t.Fatalf("the set: %v", err)
	}
	return d
}

var setRules = group{"set", []rule{
	{
		"what_is_put_is_live_in_another_set_when_it_loads",
		"A write by one Set is what another evaluates after Load.",
		func(r *rig) {
			one, other := r.set(), r.set()
			d := r.flag("a")
			d.Tenants = map[string]string{"acme": "on"}
			d = r.must(one.Put(r.ctx(), d, "first"))
			equal(r.t, "the version", d.Version, 1)
			equal(r.t, "the error of Load", other.Load(r.ctx()), nil)
			equal(r.t, "the value", r.value(other, "a", "acme"), any(true))
			d.Disabled = true
			r.must(other.Put(r.ctx(), d, "off"))
			equal(r.t, "the error of Load", one.Load(r.ctx()), nil)
			equal(r.t, "the value", r.value(one, "a", "acme"), nil)
		},
	},
	{
		"a_newer_version_is_not_written_over",
		"Put from an older version is ErrConflict, and writes nothing.",
		func(r *rig) {
			one, other := r.set(), r.set()
			old := r.must(one.Put(r.ctx(), r.flag("a"), "first"))
			newer := old
			newer.Owner = "grace"
			r.must(other.Put(r.ctx(), newer, "owner"))
			old.Owner = "ada"
			_, err := one.Put(r.ctx(), old, "owner")
			is(r.t, "Put", err, flags.ErrConflict)
			is(r.t, "Put", err, tenon.ErrConflict)
			list(r.t, "the versions", r.versions("a", 0, 10), []int64{2, 1})
		},
	},
	{
		"a_revert_is_a_new_version",
		"Revert stores the old definition as the next version; a deleted flag comes back.",
		func(r *rig) {
			set := r.set()
			d := r.must(set.Put(r.ctx(), r.flag("a"), "first"))
			d.Default = "on"
			d = r.must(set.Put(r.ctx(), d, "on"))
			equal(r.t, "the value", r.value(set, "a", ""), any(true))
			equal(r.t, "the error of Delete", set.Delete(r.ctx(), d.Key, d.Version, "gone"), nil)
			equal(r.t, "the code", set.Evaluate(d.Key, &flags.Who{}).Code, flags.CodeNotFound)
			d = r.must(set.Revert(r.ctx(), d.Key, 1, "back"))
			equal(r.t, "the version", d.Version, 4)
			equal(r.t, "the value", r.value(set, "a", ""), any(false))
			_, err := set.Revert(r.ctx(), d.Key, 3, "to the deletion")
			is(r.t, "Revert", err, flags.ErrUnknownVersion)
			list(r.t, "the versions", r.versions("a", 0, 10), []int64{4, 3, 2, 1})
		},
	},
	{
		"sets_that_write_at_once_lose_nothing",
		"Edits of one flag by several Sets at once are all stored.",
		func(r *rig) {
			r.must(r.set().Put(r.ctx(), r.flag("a"), "first"))
			together(6, func(i int) {
				set := r.set()
				_, err := set.Edit(r.ctx(), r.key("a"), func(d *flags.Definition) error {
					tenants := map[string]string{string(rune('a' + i)): "on"}
					for t, v := range d.Tenants {
						tenants[t] = v
					}
					d.Tenants = tenants
					return nil
				}, "one more")
				if err != nil {
					r.t.Errorf("Edit: %v", err)
				}
			})
			set := r.set()
			equal(r.t, "the error of Load", set.Load(r.ctx()), nil)
			d := r.must(set.Flag(r.key("a")))
			equal(r.t, "the number of tenants", len(d.Tenants), 6)
			equal(r.t, "the version", d.Version, 7)
		},
	},
	{
		"one_bad_record_stops_no_other",
		"A record that cannot be read keeps its last good version live and stops no other.",
		func(r *rig) {
			set := r.set()
			a := r.flag("a")
			a.Default = "on"
			r.must(set.Put(r.ctx(), a, "first"))
			r.write(r.record("a", 2, `{"key":17}`), r.record("b", 1, `"poison"`))
			good := r.flag("c")
			good.Default = "on"
			r.must(set.Put(r.ctx(), good, "good"))
			equal(r.t, "the value of the last good version", r.value(set, "a", ""), any(true))
			equal(r.t, "its version", set.Evaluate(r.key("a"), &flags.Who{}).Version, 1)
			equal(r.t, "the value of the good one", r.value(set, "c", ""), any(true))
			equal(r.t, "the code of the bad one", set.Evaluate(r.key("b"), &flags.Who{}).Code, flags.CodeParse)
			faults := set.Stats().Faults
			equal(r.t, "both are listed", faults["flag/"+r.key("a")] != "" && faults["flag/"+r.key("b")] != "", true)
		},
	},
}}
