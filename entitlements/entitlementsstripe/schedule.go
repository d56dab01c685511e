package entitlementsstripe

import (
	"context"

	"github.com/stripe/stripe-go/v76"
)

const schedulesPath = "/v1/subscription_schedules"

// schedule plans a change for the end of the present period, in place of what was planned. It takes two calls: a
// schedule is first made from the subscription, with the present as its only phase, and then given a second one. Until
// then it changes nothing, and it goes by itself with the phase.
func (b *Biller) schedule(ctx context.Context, held *stripe.Subscription, all []wanted) error {
	if len(b.itemChanges(held, all)) == 0 {
		if err := b.letGo(ctx, held); err != nil {
			return err
		}
		return b.goOn(ctx, held)
	}
	if err := b.goOn(ctx, held); err != nil {
		return err
	}
	plan := held.Schedule
	if plan == nil {
		plan = &stripe.SubscriptionSchedule{}
		p := &stripe.SubscriptionScheduleParams{FromSubscription: &held.ID}
		if err := b.call(ctx, "POST", schedulesPath, newKey(), p, plan); err != nil {
			return err
		}
	}
	p := &stripe.SubscriptionScheduleParams{EndBehavior: stripe.String("release"), ProrationBehavior: stripe.String("none")}
	p.Phases = []*stripe.SubscriptionSchedulePhaseParams{presentPhase(held), b.nextPhase(held, all)}
	return b.call(ctx, "POST", schedulesPath+"/"+path(plan.ID), newKey(), p, &stripe.SubscriptionSchedule{})
}

// goOn takes a planned end back, so that there is a next period to plan for.
func (b *Biller) goOn(ctx context.Context, held *stripe.Subscription) error {
	if !held.CancelAtPeriodEnd {
		return nil
	}
	p := &stripe.SubscriptionParams{CancelAtPeriodEnd: stripe.Bool(false)}
	return b.call(ctx, "POST", "/v1/subscriptions/"+path(held.ID), newKey(), p, &stripe.Subscription{})
}

// presentPhase is what the subscription has, until its period ends.
func presentPhase(held *stripe.Subscription) *stripe.SubscriptionSchedulePhaseParams {
	start := held.CurrentPeriodStart
	if s := held.Schedule; s != nil && s.CurrentPhase != nil {
		start = s.CurrentPhase.StartDate
	}
	phase := &stripe.SubscriptionSchedulePhaseParams{StartDate: &start, EndDate: &held.CurrentPeriodEnd, ProrationBehavior: stripe.String("none")}
	if held.TrialEnd > held.CurrentPeriodStart {
		phase.TrialEnd = &held.TrialEnd
	}
	for _, item := range items(held) {
		phase.Items = append(phase.Items, asItIs(item))
	}
	return phase
}

// asItIs is an item that stays. One that is metered has no quantity; of another it would be 1 if it were left out.
func asItIs(item *stripe.SubscriptionItem) *stripe.SubscriptionSchedulePhaseItemParams {
	same := &stripe.SubscriptionSchedulePhaseItemParams{Price: &item.Price.ID}
	if r := item.Price.Recurring; r == nil || r.UsageType != stripe.PriceRecurringUsageTypeMetered {
		same.Quantity = &item.Quantity
	}
	return same
}

// nextPhase is one period of what is wanted, after which the schedule lets the subscription go as it then is.
func (b *Biller) nextPhase(held *stripe.Subscription, all []wanted) *stripe.SubscriptionSchedulePhaseParams {
	phase := &stripe.SubscriptionSchedulePhaseParams{
		StartDate: &held.CurrentPeriodEnd, Iterations: stripe.Int64(1), ProrationBehavior: stripe.String("none"),
	}
	for _, w := range all {
		phase.Items = append(phase.Items, &stripe.SubscriptionSchedulePhaseItemParams{Price: &w.price.ID, Quantity: &w.quantity})
	}
	for _, item := range items(held) {
		if _, ok := b.prices.of(item.Price.ID); !ok {
			phase.Items = append(phase.Items, asItIs(item))
		}
	}
	return phase
}

// letGo ends the subscription's schedule, and with it what was planned; the subscription stays as it is.
func (b *Biller) letGo(ctx context.Context, held *stripe.Subscription) error {
	if held.Schedule == nil || held.Schedule.ID == "" {
		return nil
	}
	key := idempotencyKey("release", held.Schedule.ID)
	at := schedulesPath + "/" + path(held.Schedule.ID) + "/release"
	return b.call(ctx, "POST", at, key, &stripe.SubscriptionScheduleReleaseParams{}, &stripe.SubscriptionSchedule{})
}
