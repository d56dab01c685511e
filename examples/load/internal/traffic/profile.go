package traffic

// profile is one kind of company.
type profile struct {
	plan   string
	weight int              // how much it asks, beside the others
	used   map[string]int64 // before the traffic, so that limits are reached
	bulk   bool             // bulk_rating is switched on for it
	shut   bool             // rates are switched off for it
}

// profiles are dealt out in turn, so that each of ten companies has another reason to be refused.
var profiles = [...]profile{
	{plan: "starter", weight: 1, bulk: true}, // switched on, and not in the plan
	{plan: "starter", weight: 1},
	{plan: "starter", weight: 1, used: map[string]int64{Rates: 45}}, // half of the limit is near
	{plan: "starter", weight: 1, used: map[string]int64{Rates: 90}}, // and so is the limit
	{plan: "pro", weight: 1, bulk: true},
	{plan: "pro", weight: 1, bulk: true, used: map[string]int64{Bulk: 8}},
	{plan: "pro", weight: 1, used: map[string]int64{Access: 9_990}},
	{plan: "enterprise", weight: 2, bulk: true},
	{plan: "starter", weight: 5}, // more than 120 a minute
	{plan: "pro", weight: 1, shut: true},
}

// The features that the traffic uses up.
const (
	Rates  = "rates"
	Bulk   = "bulk_rating"
	Access = "api_access"
)

// Limits are what a plan includes; 0 is no limit, and a feature that is not there is not in the plan.
var Limits = map[string]map[string]struct{ Soft, Hard int64 }{
	"starter":    {Rates: {50, 100}},
	"pro":        {Rates: {500, 1000}, Bulk: {5, 10}, Access: {5000, 10000}},
	"enterprise": {Rates: {}, Bulk: {}, Access: {}},
}

// PerMinute is how many requests a key of a plan has in any minute.
func PerMinute(plan string) int {
	if plan == "enterprise" {
		return 600
	}
	return 120
}
