// Runs the client and its hooks against a platform at BASE, as the company that KEY is of.

import assert from "node:assert/strict";
import { test } from "node:test";

import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createElement } from "react";
import { act, create, type ReactTestRenderer } from "react-test-renderer";

import { Client, ConnectionError, ProblemError } from "./client.js";
import { queryKey, TransbotProvider, useEntitlement, useLimit } from "./hooks.js";

const { BASE: baseUrl = "", KEY: key = "" } = process.env;
const lane = { origin: "Chicago, IL", destination: "Denver, CO", weight_kg: 4200 };

(globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;

/** A client that notes what it asks for; answer may answer in place of the platform. */
function watched(answer: (path: string, n: number) => Response | undefined = () => undefined) {
  const asked: string[] = [];
  const send: typeof fetch = async (input, init) => {
    const path = String(input).slice(baseUrl.length);
    asked.push(path);
    return answer(path, asked.length) ?? fetch(input, init);
  };
  return { client: new Client({ baseUrl, key, fetch: send }), asked };
}

/** Shows hooks until the condition holds, and returns what they said last. */
async function show<T>(client: Client, company: string | undefined, use: () => T, until: (said: T) => boolean, cache = new QueryClient()) {
  let said!: T;
  const Page = () => {
    said = use();
    return null;
  };
  const page = createElement(TransbotProvider, { client, company }, createElement(Page));
  let tree!: ReactTestRenderer;
  await act(async () => {
    tree = create(createElement(QueryClientProvider, { client: cache }, page));
  });
  while (!until(said)) {
    await act(() => new Promise((resolve) => setTimeout(resolve, 10)));
  }
  await act(async () => tree.unmount());
  return { said, cache };
}

test("a quote is made once for a key, and counted once", async () => {
  const client = new Client({ baseUrl, key });
  const before = await client.limit("rates");
  const first = await client.createQuote(lane, "order-1");
  const again = await client.createQuote(lane, "order-1");
  assert.equal(again.quote.id, first.quote.id);
  assert.equal(again.replayed, true);
  assert.equal(again.rates.remaining, before.remaining - 1);
  assert.equal((await client.moveQuote(first.quote.id, "send", { recipients: 2 })).status, "sent");
  assert.equal((await client.quotes()).quotes.length, 1);
});

test("a refusal is a problem with its type", async () => {
  const client = new Client({ baseUrl, key });
  await assert.rejects(client.createQuote({ ...lane, origin: "Atlantis" }, "order-2"), (error) => {
    assert.ok(error instanceof ProblemError);
    assert.equal(error.status, 400);
    assert.equal(error.problem.type, "urn:tenon:problem:invalid");
    assert.equal(error.problem.field, "origin");
    return true;
  });
  await assert.rejects(new Client({ baseUrl, key: "none" }).flags(), { name: "ProblemError", status: 401 });
});

test("a call can be ended, and a service that is away is told from one that refuses", async () => {
  await assert.rejects(new Client({ baseUrl, key }).flags({ signal: AbortSignal.abort() }), { name: "AbortError" });
  const gone = new Client({ baseUrl, fetch: () => Promise.reject(new TypeError("refused")) });
  await assert.rejects(gone.flags(), ConnectionError);
  const proxy = new Client({ baseUrl, fetch: async () => new Response("<h1>Bad gateway</h1>", { status: 502 }) });
  await assert.rejects(proxy.flags(), ConnectionError);
});

test("useEntitlement says what the company may use, and keeps it under company and feature", async () => {
  const { client, asked } = watched();
  const { said, cache } = await show(client, "acme", () => [useEntitlement("rates"), useEntitlement("rates")] as const, ([a]) => a.isSuccess);
  assert.equal(said[0].data?.allowed, true);
  assert.equal(said[1].data?.feature, "rates");
  assert.deepEqual(asked, ["/api/entitlements/rates"], "two who ask the same share an answer");
  assert.deepEqual(cache.getQueryCache().getAll().map((q) => q.queryKey), [queryKey("acme", "entitlement", "rates")]);

  await show(client, "acme", () => useEntitlement("rates"), (a) => a.isSuccess, cache);
  assert.equal(asked.length, 1, "it is fresh for a while");
  await show(client, "another", () => useEntitlement("rates"), (a) => a.isSuccess, cache);
  await show(client, "acme", () => useEntitlement("white_label"), (a) => a.isSuccess && !a.data.allowed, cache);
  assert.equal(asked.length, 3, "another company's answer and another feature's are others");
  cache.clear();
});

test("useLimit says how much is left", async () => {
  const { client } = watched();
  const { said, cache } = await show(client, "acme", () => useLimit("rates"), (a) => a.isSuccess);
  assert.equal(said.data?.hard, 1000);
  assert.deepEqual(cache.getQueryCache().getAll().map((q) => q.queryKey), [queryKey("acme", "limit", "rates")]);
  cache.clear();
});

test("without a company nothing is asked", async () => {
  const { client, asked } = watched();
  const { said } = await show(client, undefined, () => [useEntitlement("rates"), useLimit("rates")] as const, () => true);
  assert.deepEqual(said.map((a) => [a.fetchStatus, a.isPending]), [["idle", true], ["idle", true]]);
  assert.deepEqual(asked, []);
});

test("a refusal is told at once, and its error is typed", async () => {
  const { client, asked } = watched();
  const { said, cache } = await show(client, "acme", () => useEntitlement("unknown"), (a) => a.isError);
  assert.ok(said.error instanceof ProblemError);
  assert.equal(said.error.problem.reason, "unknown_feature");
  assert.equal(asked.length, 1);
  cache.clear();
});

test("a time to wait that is no number of seconds is none", async () => {
  const { client } = watched(() =>
    new Response('{"type": "urn:tenon:problem:unavailable", "title": "", "status": 503, "detail": "Not now."}', {
      status: 503,
      headers: { "Content-Type": "application/problem+json", "Retry-After": "Mon, 23 Nov 2026 09:00:00 GMT" },
    }));
  await assert.rejects(client.limit("rates"), (error) => error instanceof ProblemError && error.retryAfter === undefined);
});

test("a service that is away for a moment is asked again", async () => {
  const away = () =>
    new Response('{"type": "urn:tenon:problem:unavailable", "title": "", "status": 503, "detail": "Not now."}', {
      status: 503,
      headers: { "Content-Type": "application/problem+json", "Retry-After": "0" },
    });
  const { client, asked } = watched((_, n) => (n === 1 ? away() : undefined));
  const { said, cache } = await show(client, "acme", () => useLimit("rates"), (a) => a.isSuccess);
  assert.equal(said.data?.feature, "rates");
  assert.equal(asked.length, 2);
  cache.clear();
});
