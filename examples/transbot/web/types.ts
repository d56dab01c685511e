// The types of openapi.json. Generated: go test ./examples/transbot -run TestTypesAreTheContracts -update

export interface AuditPage {
  /** The id that the next page comes after; absent at the end */
  next?: string;
  records: Array<AuditRecord>;
}

export interface AuditProof {
  proof: {
    /** Signed, as a C2SP note */
    checkpoint: string;
    inclusion: {
      index: number;
      path: Array<string>;
      size: number;
    };
    leaf: string;
  };
  record: SealedRecord;
}

export interface AuditRecord {
  action: string;
  actor?: string;
  at: string;
  id: string;
  ip_address?: string;
  key?: string;
  on_behalf_of?: string;
  outcome: string;
  payload?: unknown;
  request_id?: string;
  targets?: Array<{
    id?: string;
    type: string;
  }>;
  tenant: string;
  trace_id?: string;
  user_agent?: string;
}

export interface AuditVerdict {
  absent: number;
  at?: string;
  /** What is wrong */
  detail?: string;
  ok: boolean;
  origin?: string;
  records: number;
  redacted: number;
}

export interface Entitlement {
  /** Whether one more may be used */
  allowed: boolean;
  /** unknown: the store is away, and the feature's policy answers */
  answer: "yes" | "no" | "unknown";
  feature: string;
  /** The plan's limit; -1: unlimited */
  hard: number;
  /** By work that is under way */
  held: number;
  /** Units past the limit that are allowed and billed */
  overage: number;
  plan?: string;
  plan_version?: number;
  /** Why: allowed, over_soft, not_in_plan, limit_reached, … */
  reason: string;
  /** What is left, grants included; -1: unlimited */
  remaining: number;
  /** When the period ends; absent: never */
  resets_at?: string;
  /** Where the platform begins to warn; 0 or -1: nowhere */
  soft: number;
  /** What allows it: plan, grant, override, none, … */
  source: string;
  /** The same for people */
  text: string;
  /** The lowest plan that would allow it */
  upgrade?: string;
  /** In the present period */
  used: number;
  /** Of a feature that is a setting */
  value?: string;
}

export interface Entitlements {
  /** Every feature, by key */
  entitlements: Array<Entitlement>;
}

export interface Events {
  events: Array<{
    /** Absent: now */
    at?: string;
    event: string;
    /** Sent again with it, the event counts once */
    id?: string;
    properties?: Record<string, unknown> | null;
    user?: string;
  }>;
}

export interface Figure {
  freshness: {
    as_of: string;
    newest?: string;
    pending: number;
    [more: string]: unknown;
  };
  grain: string;
  kpi: FigureDefinition;
  points: Array<FigurePoint>;
  tenant?: string;
  total: FigurePoint;
  zone: string;
  [more: string]: unknown;
}

/** What is counted, and how */
export interface FigureDefinition {
  description?: string;
  name: string;
  title?: string;
  [more: string]: unknown;
}

export interface FigureExplained {
  kpi: FigureDefinition;
  words: string;
}

export interface FigurePoint {
  count: number;
  date: string;
  end: string;
  group?: string;
  /** It may still change */
  immature: boolean;
  /** false: there was nothing to count */
  known: boolean;
  sample: number;
  start: string;
  value: number;
  [more: string]: unknown;
}

export interface Figures {
  kpis: Array<FigureDefinition>;
}

/** As OpenFeature's remote evaluation protocol has it */
export interface Flag {
  errorCode?: string;
  key: string;
  metadata: {
    version: number;
  };
  /** As OpenFeature's protocol has it: STATIC, TARGETING_MATCH, SPLIT, DISABLED, … */
  reason: string;
  /** Absent: your own default counts */
  value?: boolean | number | string | Record<string, unknown> | Array<unknown>;
  variant?: string;
}

export interface Flags {
  flags: Array<Flag>;
}

export interface Isolation {
  report: {
    at: string;
    cross_tenant_rows: number;
    [more: string]: unknown;
  };
  verdict: {
    outcome: "pass" | "hold" | "fail";
    reasons?: Array<string>;
  };
}

export interface Job {
  /** Absent when no lane could be rated */
  job?: string;
  quotes: Array<LaneQuote>;
  rates: Quota;
  /** Lanes that could not be rated; they are not counted */
  refused: Array<{
    field: string;
    /** Its place in the list, from 0 */
    lane: number;
    reason: string;
  }>;
  replayed: boolean;
}

export interface Lane {
  destination: string;
  /** A place that is served: Chicago, IL */
  origin: string;
  pallets?: number;
  /** The day on which it can be fetched */
  ready_on?: string;
  weight_kg: number;
}

export interface LaneQuote {
  created_at: string;
  destination: string;
  distance_km: number;
  id: string;
  /** Its place in the list that was sent, from 0 */
  lane: number;
  /** A place that is served: Chicago, IL */
  origin: string;
  pallets?: number;
  price: Price;
  /** The day on which it can be fetched */
  ready_on?: string;
  status: "created" | "sent" | "accepted" | "booked" | "declined" | "expired";
  valid_until: string;
  weight_kg: number;
}

export interface Lanes {
  lanes: Array<Lane>;
}

export interface Limit {
  /** Whether one more may be used */
  allowed: boolean;
  feature: string;
  /** The plan's limit; -1: unlimited */
  hard: number;
  /** By work that is under way */
  held: number;
  plan?: string;
  reason: string;
  /** What is left, grants included; -1: unlimited */
  remaining: number;
  /** When the period ends; absent: never */
  resets_at?: string;
  /** Where the platform begins to warn; 0 or -1: nowhere */
  soft: number;
  /** The same for people */
  text: string;
  unlimited: boolean;
  upgrade?: string;
  /** In the present period */
  used: number;
}

export interface Message {
  text: string;
}

/** The id, the times and the targets are the server's; those that are sent are ignored */
export interface NewTicket {
  created_at?: unknown;
  id?: unknown;
  issue: string;
  priority: "P1" | "P2" | "P3";
  sla_hours?: unknown;
}

export interface NewTrial {
  email: string;
  /** That are quoted in a month */
  lanes: number;
}

export interface Objective {
  alerts: Array<Record<string, unknown>>;
  at: string;
  budget: {
    allowed: number;
    /** A share of what is allowed */
    consumed: number | null;
    remaining: number | null;
  };
  burn: Array<{
    above: number;
    firing: boolean;
    long: number;
    long_rate: number | null;
    short: number;
    short_rate: number | null;
  }>;
  count: {
    bad: number;
    good: number;
    open?: number;
    valid: number;
  };
  /** null: nothing was counted */
  current: number | null;
  description?: string;
  excluded?: number;
  forecast: {
    exhausts?: string;
    over: number;
    rate: number | null;
  };
  from: string;
  kind: "ratio" | "latency";
  latency_ms?: {
    p50: number;
    p95: number;
    p99: number;
  };
  name: string;
  /** healthy, burning, exhausted, … */
  status: string;
  /** A share */
  target: number;
  /** A request within it is good */
  threshold_ms?: number;
  /** In seconds */
  window: number;
}

export interface Objectives {
  agentSuccess: Objective;
  quoteLatency: Objective;
  uptime: Objective;
}

export interface Partner {
  company_name: string;
  description: string;
  fresh_at: string;
  id: string;
  /** Escaped, with what was found in <mark> */
  name_html: string;
  regions: Array<string>;
  services: Array<string>;
  snippet_html: string;
  verified: boolean;
}

export interface PartnerPage {
  company_name: string;
  contact_email?: string;
  description: string;
  fresh_at: string;
  id: string;
  /** Escaped, with what was found in <mark> */
  name_html: string;
  regions: Array<string>;
  services: Array<string>;
  snippet_html: string;
  verified: boolean;
  website?: string;
}

export interface PartnerSearch {
  facets: {
    regions?: Array<{
      count: number;
      value: string;
    }>;
    services?: Array<{
      count: number;
      value: string;
    }>;
  } | null;
  /** The cursor of the next page; absent at the end */
  next?: string;
  results: Array<Partner>;
}

export interface Price {
  /** Decimal */
  amount: string;
  currency: "USD";
}

/** A problem document (RFC 9457) */
export interface Problem {
  /** A sentence for people */
  detail: string;
  /** What the plan does not allow */
  feature?: string;
  /** Which input is at fault */
  field?: string;
  /** What is not switched on */
  flag?: string;
  /** The plan's limit; -1: unlimited */
  hard?: number;
  /** By work that is under way */
  held?: number;
  /** The rate limit */
  limit?: number;
  plan?: string;
  /** The rate limit that refused */
  policy?: string;
  /** Why it was refused: not_in_plan, limit_reached, … */
  reason?: string;
  /** What is left, grants included; -1: unlimited */
  remaining?: number;
  /** When the period ends; absent: never */
  resets_at?: string;
  /** In seconds */
  retry_after?: number;
  /** Where the platform begins to warn; 0 or -1: nowhere */
  soft?: number;
  status: number;
  title: string;
  /** Names the kind of problem: urn:tenon:problem:limit-reached */
  type: string;
  unlimited?: boolean;
  /** The lowest plan that would allow it */
  upgrade?: string;
  /** In the present period */
  used?: number;
}

export interface Quota {
  reason: string;
  /** What is left, grants included; -1: unlimited */
  remaining: number;
  /** When the period ends; absent: never */
  resets_at?: string;
  unlimited: boolean;
}

export interface Quote {
  created_at: string;
  destination: string;
  distance_km: number;
  id: string;
  /** A place that is served: Chicago, IL */
  origin: string;
  pallets?: number;
  price: Price;
  /** The day on which it can be fetched */
  ready_on?: string;
  status: "created" | "sent" | "accepted" | "booked" | "declined" | "expired";
  valid_until: string;
  weight_kg: number;
}

export interface Quoted {
  quote: Quote;
  rates: Quota;
  /** An earlier request with the same key made it */
  replayed: boolean;
}

export interface Quotes {
  /** The newest first */
  quotes: Array<Quote>;
}

export interface Reason {
  reason: string;
}

export interface Receipts {
  /** In the order of the events */
  receipts: Array<{
    id?: string;
    /** accepted, duplicate, … */
    outcome: string;
    reason?: string;
  }>;
}

export interface SealedRecord {
  action: string;
  actor?: string;
  at: string;
  id: string;
  ip_address?: string;
  key?: string;
  on_behalf_of?: string;
  outcome: string;
  payload?: unknown;
  request_id?: string;
  /** Makes what was sealed unguessable */
  seed?: string;
  targets?: Array<{
    id?: string;
    type: string;
  }>;
  tenant: string;
  trace_id?: string;
  user_agent?: string;
}

export interface Step {
  /** To how many it was sent; of send alone */
  recipients?: number;
}

/** As Stripe sends it */
export interface StripeEvent {
  data: Record<string, unknown>;
  id: string;
  type: string;
  [more: string]: unknown;
}

export interface Ticket {
  acknowledged_at?: string;
  clocks: Array<{
    business?: boolean;
    due?: string;
    promise: "first_response" | "next_response" | "resolution";
    /** In seconds; negative when it is over */
    remaining: number;
    standing: string;
    /** In seconds */
    target: number;
  }>;
  created_at: string;
  /** Absent while it waits for you */
  due_at?: string;
  id: string;
  issue: string;
  /** The oldest first */
  messages: Array<{
    at: string;
    kind: string;
    text?: string;
  }>;
  priority: "P1" | "P2" | "P3";
  requester?: string;
  /** To the solution; 0: none is promised */
  sla_hours: number;
  solved_at?: string;
  state: "open" | "pending" | "solved" | "closed" | "reopened";
}

export interface Tickets {
  /** The newest first */
  tickets: Array<Ticket>;
}

export interface Tour {
  feature: string;
  key: string;
  /** The first that is not done, from 0 */
  step: number;
  steps: Array<{
    /** A selector; absent: the page as a whole */
    element?: string;
    text: string;
    title: string;
  }>;
  title: string;
  version: number;
}

export interface TourAdvance {
  /** So many are done */
  steps: number;
  /** Of the tour that was shown; absent: the present one */
  version?: number;
}

export interface TourEnd {
  version?: number;
}

export interface TourProgress {
  end?: "completed" | "dismissed";
  key: string;
  /** That are done */
  steps: number;
  version: number;
}

export interface TourShown {
  /** null: nothing is to be shown */
  tour: Tour | null;
}

export interface Trial {
  estimate: {
    currency: string;
    hours_saved_a_month: number;
    plan: string;
    quotes_a_month: number;
    saving_a_month_cents: number;
  };
  /** The same for an address that is known and one that is not */
  id: string;
  lanes: number;
  /** The page that says to look into the mail */
  signup: string;
}
