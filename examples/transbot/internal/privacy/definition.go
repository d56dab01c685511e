package privacy

import "github.com/transbotai/tenon/gdpr"

// given are columns that a company gave, about those that the platform made of its doings.
func given(names ...string) map[string]gdpr.ColumnRule {
	return gdpr.Columns(gdpr.ColumnRule{Whose: gdpr.Given}, names...)
}

// known are given too, and identify the company wherever they stand.
func known(names ...string) map[string]gdpr.ColumnRule {
	return gdpr.Columns(gdpr.ColumnRule{Whose: gdpr.Given, Known: true}, names...)
}

func about(names ...string) map[string]gdpr.ColumnRule {
	return gdpr.Columns(gdpr.ColumnRule{Whose: gdpr.About}, names...)
}

// hidden are secrets, even as digests.
func hidden(names ...string) map[string]gdpr.ColumnRule {
	return gdpr.Columns(gdpr.ColumnRule{Whose: gdpr.Hidden}, names...)
}

// ours is the rule of a table that is about no company.
func ours(names ...string) gdpr.TableRule {
	return gdpr.TableRule{Rule: gdpr.Ignore, Columns: gdpr.Columns(gdpr.ColumnRule{Rule: gdpr.Ignore}, names...)}
}

func columns(all ...map[string]gdpr.ColumnRule) map[string]gdpr.ColumnRule {
	joined := map[string]gdpr.ColumnRule{}
	for _, one := range all {
		for name, rule := range one {
			joined[name] = rule
		}
	}
	return joined
}

// logOf refers to a company from a table that keeps no foreign key, so that requests can be logged whoever sent them.
func logOf(table string) gdpr.Reference {
	return gdpr.Reference{
		Name: "company", From: table, Columns: []string{"company_id"}, To: "public.companies", ToColumns: []string{"id"},
	}
}

// Companies says what the platform's tables keep of a company, and what becomes of it.
func Companies() *gdpr.Definition {
	return &gdpr.Definition{
		Root: gdpr.Root{Table: "public.companies", Key: "id"}, Schemas: []string{"public"},
		References: []gdpr.Reference{logOf("public.api_requests"), logOf("public.quote_requests"), logOf("public.agent_tasks")},
		Tables: map[string]gdpr.TableRule{
			"public.companies": {
				Rule: gdpr.Delete, Mark: "deleted_at",
				Columns: columns(known("id", "name"), given("kind", "city"), about("created_at", "deleted_at")),
			},
			"public.users": {
				Rule: gdpr.Delete, Mark: "deleted_at",
				Columns: columns(known("email"), given("name", "role"), about("company_id", "id", "created_at", "deleted_at")),
			},
			"public.api_keys": {
				Rule:    gdpr.Delete,
				Columns: columns(given("name"), about("company_id", "id", "created_at", "expires_at", "revoked_at"), hidden("hash")),
			},
			"public.sessions": {Rule: gdpr.Delete, Columns: columns(about("company_id", "actor", "expires_at"), hidden("hash"))},
			"public.bulk_jobs": {
				Rule: gdpr.Delete, Columns: columns(given("key", "refused"), about("company_id", "id", "created_at"), hidden("digest")),
			},
			"public.quotes": {
				Rule: gdpr.Delete, Mark: "deleted_at",
				Columns: columns(given("key", "origin", "destination", "weight_kg", "pallets", "ready_on"), about("company_id", "id", "bulk_job_id",
					"lane", "distance_km", "price_cents", "status", "created_at", "sent_at", "accepted_at", "booked_at", "valid_until", "deleted_at")),
			},
			"public.api_requests": {
				Rule: gdpr.Delete, Columns: about("company_id", "id", "at", "route", "status", "response_ms"),
			},
			"public.quote_requests": {Rule: gdpr.Delete, Columns: about("company_id", "id", "at", "status", "response_ms")},
			"public.agent_tasks": {
				Rule: gdpr.Delete, Columns: about("company_id", "id", "kind", "created_at", "started_at", "ended_at", "status"),
			},
			"public.trial_leads": { // of one that nobody confirmed, whose company is null, growth takes care
				Rule: gdpr.Delete, Columns: columns(known("email"), given("lanes"), about("id", "state", "mails", "mail_after", "token_used_at",
					"created_at", "expires_at", "confirmed_at", "company_id"), hidden("ticket", "token_hash")),
			},
			"public.load_costs":    {Rule: gdpr.Delete, Columns: about("company_id", "quote_id", "cost_cents", "settled_at")},
			"public.launch":        ours("one", "began_at"),
			"public.control_items": ours("item", "done", "on_day", "note", "changed_at", "changed_by"),
			"public.control_runs":  ours("id", "job", "at", "by_whom", "passed", "took_ms", "found"),
			"public.control_turns": ours("job", "next_at", "busy_until"),
			"public.tamperings": {
				Rule:    gdpr.Ignore,
				Columns: gdpr.Columns(gdpr.ColumnRule{Rule: gdpr.Ignore}, "id", "record_tenant", "record_id", "actor", "began_at", "began_by", "ended_at"),
			},
			"public.restore_drills": {
				Rule: gdpr.Ignore,
				Columns: gdpr.Columns(gdpr.ColumnRule{Rule: gdpr.Ignore}, "id", "began_at", "began_by", "ended_at", "passed", "failure", "snapshot_at",
					"verified_at", "tables", "rows", "dump_bytes", "steps"),
			},
			"public.drills": {
				Rule: gdpr.Ignore, Columns: gdpr.Columns(gdpr.ColumnRule{Rule: gdpr.Ignore}, "id", "began_at", "began_by", "ended_at"),
			},
		},
	}
}

// names are what tables are called in the document that a company gets.
var names = map[string]string{
	"public.companies": "company", "public.users": "users", "public.quotes": "quotes", "tenon.directory_companies": "directory",
}
