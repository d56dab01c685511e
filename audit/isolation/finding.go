package isolation

import (
	"fmt"
	"strings"
	"time"

	"github.com/transbotai/tenon"
)

// Part is one of the four parts of a report.
type Part string

// The parts.
const (
	Static   Part = "static"   // what the catalogue says
	Probe    Part = "probe"    // what the application's role can do
	Mismatch Part = "mismatch" // rows whose parent is another tenant's
	Mutation Part = "mutation" // whether a probe notices a broken policy
)

// Kind is what is wrong.
type Kind string

// The kinds of the static part.
const (
	RLSDisabled       Kind = "rls_disabled"        // row level security is off
	RLSNotForced      Kind = "rls_not_forced"      // it does not bind the table's owner
	PolicyMissing     Kind = "policy_missing"      // a command that the role may give has no policy
	CheckMissing      Kind = "check_missing"       // a policy for writing has no "with check" of its own
	PolicyOpen        Kind = "policy_open"         // a policy lets rows through whatever their tenant
	RoleUnbound       Kind = "role_unbound"        // the application's role owns a table, or bypasses policies, or may become who does
	TruncateGranted   Kind = "truncate_granted"    // truncate asks no policy
	ViewDefiner       Kind = "view_definer"        // a view reads with its owner's rights
	Materialised      Kind = "materialised_view"   // a materialised view holds rows of all tenants, and has no policies
	PartitionOpen     Kind = "partition_open"      // a partition that can be reached directly, past its table's policies
	ForeignTable      Kind = "foreign_table"       // a foreign table has no policies
	DefinerSearchPath Kind = "definer_search_path" // a security definer function without a fixed search_path
	NoTenantColumn    Kind = "no_tenant_column"    // rows that belong to a tenant's row and do not say whose they are
	KeyWithoutTenant  Kind = "key_without_tenant"  // a foreign key that may point to another tenant's row; a warning
)

// The kinds of the other parts.
const (
	CrossRead     Kind = "cross_read"      // another tenant's rows can be read
	CrossInsert   Kind = "cross_insert"    // a row of another tenant can be inserted
	CrossUpdate   Kind = "cross_update"    // another tenant's rows can be changed
	CrossMove     Kind = "cross_move"      // a row can be given to another tenant
	CrossDelete   Kind = "cross_delete"    // another tenant's rows can be deleted
	Blind         Kind = "blind"           // a tenant cannot work on its own rows, so that the probes prove nothing
	CrossParent   Kind = "cross_parent"    // rows whose parent is another tenant's
	MutantLives   Kind = "mutant_lives"    // a broken policy that no probe noticed
	NotTried      Kind = "not_tried"       // it could not be found out; the detail says why
	NothingToTest Kind = "nothing_to_test" // no table has a tenant's column
)

// Finding is something that is wrong, or could not be found out.
type Finding struct {
	Part     Part           `json:"part"`
	Kind     Kind           `json:"kind"`
	Severity tenon.Severity `json:"severity"` // critical; a warning for what is not wrong yet or was not tried
	Object   string         `json:"object"`   // quoted as in SQL: "public.quotes", a role, a function with its arguments
	Command  string         `json:"command,omitempty"`
	Rows     int64          `json:"rows,omitempty"` // how many rows crossed the line, as far as was counted
	Detail   string         `json:"detail"`
	Remedy   string         `json:"remedy,omitempty"` // a statement to run, or what to do
}

// String returns the finding as a line.
func (f Finding) String() string {
	line := fmt.Sprintf("%s: %s", f.Object, f.Detail)
	if f.Rows > 0 {
		line += fmt.Sprintf(" (rows: %d)", f.Rows)
	}
	return line
}

// Result is what a report found, and how much it tried.
type Result struct {
	At          time.Time         `json:"at"`
	Role        string            `json:"role"`              // the application's
	Tables      []string          `json:"tables"`            // with a tenant's column
	Except      map[string]string `json:"except,omitempty"`  // tables that were left out, and why
	Tenants     []string          `json:"tenants,omitempty"` // whose rows were probed
	Probes      int               `json:"probes"`            // attempts to cross the line
	Mutations   int               `json:"mutations"`         // policies that were broken, each way
	ForeignKeys int               `json:"foreign_keys"`
	CrossRows   int64             `json:"cross_tenant_rows"` // that crossed the line, or whose parent is another tenant's
	Findings    []Finding         `json:"findings"`
	Took        time.Duration     `json:"took_ns"`
}

// OK says whether everything was tried and nothing is wrong.
func (r *Result) OK() bool { return r.outcome() == tenon.Pass }

// outcome fails on what is wrong, and holds on what was not tried.
func (r *Result) outcome() tenon.Outcome {
	outcome := tenon.Pass
	for _, f := range r.Findings {
		switch {
		case f.Severity == tenon.SeverityCritical:
			return tenon.Fail
		case f.Kind == NotTried:
			outcome = tenon.Hold
		}
	}
	return outcome
}

// Verdict returns pass, or fail where something is wrong, or hold where something could not be tried, with the findings
// as reasons. Warnings of other kinds are no reason.
func (r *Result) Verdict() tenon.Verdict {
	v := tenon.Verdict{Outcome: r.outcome()}
	for _, f := range r.Findings {
		if f.Severity == tenon.SeverityCritical || f.Kind == NotTried {
			v.Reasons = append(v.Reasons, f.String())
		}
	}
	return v
}

// String returns the report for people: the verdict in the first line, then a line for each finding.
func (r *Result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "isolation: %s: %d tables, %d probes as %s, %d mutations, %d foreign keys, %d cross-tenant rows, %d findings\n",
		strings.ToUpper(string(r.outcome())), len(r.Tables), r.Probes, r.Role, r.Mutations, r.ForeignKeys, r.CrossRows, len(r.Findings))
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%-8s %-8s %-19s %s\n", f.Severity, f.Part, f.Kind, f)
		if f.Remedy != "" {
			fmt.Fprintf(&b, "%38s%s\n", "", f.Remedy)
		}
	}
	return b.String()
}
