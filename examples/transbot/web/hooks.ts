// Hooks that tell a page what the company may use, on TanStack Query. They stand below a QueryClientProvider of yours
// and a TransbotProvider:
//
//   const { data } = useEntitlement("rates");
//   if (data && !data.allowed) return <Upgrade plan={data.upgrade} text={data.text} />;

import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { createContext, createElement, useContext, type ReactNode } from "react";

import { type ApiError, type CallOptions, type Client, ProblemError } from "./client.js";
import type { Entitlement, Limit } from "./types.js";

export interface Access {
  client: Client;
  /** Who is signed in; undefined: nobody yet, and nothing is asked. */
  company: string | undefined;
}

const AccessContext = createContext<Access | undefined>(undefined);

export function TransbotProvider({ client, company, children }: Access & { children?: ReactNode }) {
  return createElement(AccessContext.Provider, { value: { client, company } }, children);
}

/** Whether the company may use a feature. */
export function useEntitlement(feature: string): UseQueryResult<Entitlement, ApiError> {
  return useAnswer("entitlement", feature, (client, options) => client.entitlement(feature, options));
}

/** How much of a feature the company has left. */
export function useLimit(feature: string): UseQueryResult<Limit, ApiError> {
  return useAnswer("limit", feature, (client, options) => client.limit(feature, options));
}

/** The key of an answer in the cache, to invalidate it after something was used. */
export function queryKey(company: string | undefined, what: "entitlement" | "limit", feature: string) {
  return ["transbot", company, what, feature] as const;
}

/** How long an answer counts as fresh, in milliseconds. What was used shows after it, or when the page is looked at again. */
export const freshFor = 30_000;

const attempts = 3;

function useAnswer<T>(
  what: "entitlement" | "limit",
  feature: string,
  ask: (client: Client, options: CallOptions) => Promise<T>,
): UseQueryResult<T, ApiError> {
  const access = useContext(AccessContext);
  if (!access) throw new Error("a TransbotProvider is missing above");
  const { client, company } = access;
  return useQuery<T, ApiError>({
    queryKey: queryKey(company, what, feature),
    queryFn: ({ signal }) => ask(client, { signal }),
    enabled: !!company,
    staleTime: freshFor,
    retry: (failed, error) => failed < attempts && !isRefusal(error),
    retryDelay: (failed, error) => 1000 * waitFor(failed, error),
  });
}

/** Asked again, a refusal stays one. */
function isRefusal(error: ApiError): boolean {
  return error instanceof ProblemError && error.status < 500;
}

function waitFor(failed: number, error: ApiError): number {
  const asked = error instanceof ProblemError ? error.retryAfter : undefined;
  return asked ?? 2 ** failed;
}
