package kpi

import "slices"

// Clone returns a copy that shares nothing that edits change: definitions are replaced and never changed in place.
func (s *State) Clone() *State {
	return &State{KPIs: slices.Clone(s.KPIs), Goals: slices.Clone(s.Goals)}
}

// kpi returns the definition of a name.
func (s *State) kpi(name string) (KPI, bool) {
	i := slices.IndexFunc(s.KPIs, func(k KPI) bool { return k.Name == name })
	if i < 0 {
		return KPI{}, false
	}
	return s.KPIs[i], true
}
