// A client of transbot's API. It needs nothing but fetch.
//
// An API key belongs on a server. In a browser, leave the key out and let baseUrl lead to a server of your own, which
// knows who is signed in and adds the company's key.

import type {
  Entitlement, Entitlements, Events, Flag, Flags, Job, Lane, Limit, NewTicket, Objectives, PartnerSearch, Problem, Quote,
  Quoted, Quotes, Receipts, Step, Ticket, Tickets, TourShown,
} from "./types.js";

/** The service refused or failed, and said why (RFC 9457). */
export class ProblemError extends Error {
  override readonly name = "ProblemError";

  constructor(
    readonly problem: Problem,
    /** Seconds to wait, when the service says so. */
    readonly retryAfter: number | undefined,
  ) {
    super(problem.detail);
  }

  get status(): number {
    return this.problem.status;
  }
}

/** There was no answer, or none that the API gives. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
}

export type ApiError = ProblemError | ConnectionError;

export interface ClientOptions {
  /** Where the service is, without a slash at the end. */
  baseUrl: string;
  /** The company's API key. */
  key?: string;
  /** In place of the global fetch. */
  fetch?: typeof fetch;
}

export interface CallOptions {
  /** Ends the call; it then rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** A search of the partner directory. */
export interface PartnerQuery {
  q?: string;
  service?: readonly string[];
  region?: readonly string[];
  facet?: readonly ("services" | "regions")[];
  after?: string;
  limit?: number;
}

type Body = { method: "POST"; body: unknown; idempotencyKey?: string };

export class Client {
  readonly #options: ClientOptions;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** What the company may use. */
  entitlements(options?: CallOptions): Promise<Entitlements> {
    return this.#call("/api/entitlements", options);
  }

  /** Whether the company may use a feature. That it may not is an answer, too. */
  entitlement(feature: string, options?: CallOptions): Promise<Entitlement> {
    return this.#call(`/api/entitlements/${encodeURIComponent(feature)}`, options);
  }

  /** How much of a feature is left. */
  limit(feature: string, options?: CallOptions): Promise<Limit> {
    return this.#call(`/api/limits/${encodeURIComponent(feature)}`, options);
  }

  /** What is switched on for the company. */
  flags(options?: CallOptions): Promise<Flags> {
    return this.#call("/api/flags", options);
  }

  flag(key: string, options?: CallOptions): Promise<Flag> {
    return this.#call(`/api/flags/${encodeURIComponent(key)}`, options);
  }

  /** The company's newest quotes. */
  quotes(options?: CallOptions): Promise<Quotes> {
    return this.#call("/api/quotes", options);
  }

  quote(id: string, options?: CallOptions): Promise<Quote> {
    return this.#call(`/api/quotes/${encodeURIComponent(id)}`, options);
  }

  /** Asks for a quote. Sent again with the same key, it gives the same quote and is not counted again. */
  createQuote(lane: Lane, idempotencyKey: string, options?: CallOptions): Promise<Quoted> {
    return this.#call("/api/quotes", options, { method: "POST", body: lane, idempotencyKey });
  }

  /** Asks for many quotes at once; likewise. */
  createQuotes(lanes: readonly Lane[], idempotencyKey: string, options?: CallOptions): Promise<Job> {
    return this.#call("/api/quotes/bulk", options, { method: "POST", body: { lanes }, idempotencyKey });
  }

  /** Sends, accepts or books a quote. A step that was taken before changes nothing. */
  moveQuote(id: string, step: "send" | "accept" | "book", body: Step = {}, options?: CallOptions): Promise<Quote> {
    return this.#call(`/api/quotes/${encodeURIComponent(id)}/${step}`, options, { method: "POST", body });
  }

  /** Whether the platform keeps its promises. */
  objectives(options?: CallOptions): Promise<Objectives> {
    return this.#call("/api/slo/current", options);
  }

  openTicket(body: NewTicket, options?: CallOptions): Promise<Ticket> {
    return this.#call("/api/support/tickets", options, { method: "POST", body });
  }

  tickets(options?: CallOptions): Promise<Tickets> {
    return this.#call("/api/support/tickets", options);
  }

  /** The tour that is to be shown; null for none. */
  tour(feature: string, options?: CallOptions): Promise<TourShown> {
    return this.#call(`/api/tours?${new URLSearchParams({ feature })}`, options);
  }

  /** Tells what happened elsewhere. Events with an id count once, however often they are sent. */
  sendEvents(body: Events, options?: CallOptions): Promise<Receipts> {
    return this.#call("/api/events", options, { method: "POST", body });
  }

  searchPartners(query: PartnerQuery = {}, options?: CallOptions): Promise<PartnerSearch> {
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) {
      for (const one of [value].flat()) search.append(name, String(one));
    }
    return this.#call(`/api/partners?${search}`, options);
  }

  async #call<T>(path: string, options: CallOptions = {}, body?: Body): Promise<T> {
    const headers: Record<string, string> = { Accept: "application/json" };
    if (this.#options.key) headers["Authorization"] = `Bearer ${this.#options.key}`;
    if (body) headers["Content-Type"] = "application/json";
    if (body?.idempotencyKey) headers["Idempotency-Key"] = body.idempotencyKey;
    const request: RequestInit = { method: body?.method ?? "GET", headers };
    if (options.signal) request.signal = options.signal;
    if (body) request.body = JSON.stringify(body.body);
    return this.#read<T>(path, request);
  }

  async #read<T>(path: string, request: RequestInit): Promise<T> {
    const send = this.#options.fetch ?? fetch;
    try {
      const answer = await send(this.#options.baseUrl + path, request);
      const body: unknown = await answer.json();
      if (answer.ok) return body as T;
      throw problemOf(answer, body);
    } catch (error) {
      if (request.signal?.aborted) throw request.signal.reason;
      if (error instanceof ProblemError || error instanceof ConnectionError) throw error;
      throw new ConnectionError("the service gave no answer", { cause: error });
    }
  }
}

function problemOf(answer: Response, body: unknown): ApiError {
  if (!answer.headers.get("Content-Type")?.startsWith("application/problem+json")) {
    return new ConnectionError(`the service answered ${answer.status}`);
  }
  const after = Number(answer.headers.get("Retry-After") ?? NaN); // a proxy may say it as a date
  return new ProblemError(body as Problem, Number.isNaN(after) ? undefined : after);
}
