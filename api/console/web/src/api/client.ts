/* Requests to the API: who asks, and what went wrong in words. */
import { signal } from "@preact/signals";
import type { Problem } from "./types";

/** Whether the API answers: an empty list says "none" only after it was read. */
export type Link = "loading" | "read" | "locked" | "gone" | "failed";
export const link = signal<Link>("loading");

/** A token of this server's settings; in this tab only. */
export const token = {
  get: () => sessionStorage.getItem("token"),
  set: (value: string) => (value ? sessionStorage.setItem("token", value) : sessionStorage.removeItem("token")),
};
/** Set while a person is signed in: unsafe methods must repeat it. */
export const csrf = { value: null as string | null };

export class ApiError extends Error {
  constructor(
    readonly status: number,
    detail: string,
    /** The field of the request that is at fault, such as `body.old`. */
    readonly field = "",
    /** Seconds to wait before another try. */
    readonly retryAfterS = 0,
  ) {
    super(detail);
  }
}

export function headers(method = "GET"): Record<string, string> {
  const found: Record<string, string> = {};
  const bearer = token.get();
  if (bearer) found["Authorization"] = `Bearer ${bearer}`;
  if (csrf.value && method !== "GET") found["X-CSRF-Token"] = csrf.value;
  return found;
}

/** The answer's JSON, or null where it has no content. Throws ApiError; status 0 means that nobody answers. */
export async function request<T>(method: string, path: string, body?: unknown): Promise<T> {
  const init: RequestInit = { method, headers: headers(method) };
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { ...init.headers, "Content-Type": "application/json" };
  }
  const answer = await fetch(`/api/v1${path}`, init).catch((error: unknown) => {
    throw new ApiError(0, String(error));
  });
  if (answer.ok) return answer.status === 204 ? (null as T) : ((await answer.json()) as T);
  const problem = (await answer.json().catch(() => ({}))) as Partial<Problem>;
  const retryAfterS = Number(answer.headers.get("Retry-After") ?? 0);
  throw new ApiError(answer.status, problem.detail ?? `${answer.status} ${answer.statusText}`, problem.errors?.[0]?.field, retryAfterS);
}

/** As `request`, for what the page shows: `link` says whether it was read. */
export async function get<T>(path: string): Promise<T> {
  try {
    const found = await request<T>("GET", path);
    link.value = "read";
    return found;
  } catch (error) {
    if (error instanceof ApiError && error.status !== 404 && error.status !== 422) link.value = linkAfter(error.status);
    throw error;
  }
}

function linkAfter(status: number): Link {
  if (status === 401 || status === 403) return "locked";
  return status === 0 ? "gone" : "failed";
}

/** Every page of a list or a map layer, at most `most` items. */
export async function getAll<T>(path: string, key: "items" | "features", most = 50_000): Promise<T[]> {
  const found: T[] = [];
  let cursor: string | null = null;
  do {
    const next: string = cursor === null ? "" : `${path.includes("?") ? "&" : "?"}cursor=${encodeURIComponent(cursor)}`;
    const page: { next_cursor?: string | null } & Partial<Record<"items" | "features", T[]>> = await get(path + next);
    found.push(...(page[key] ?? []));
    cursor = page.next_cursor ?? null;
  } while (cursor !== null && found.length < most);
  return found;
}

export function query(parameters: Record<string, string | number | boolean | null | undefined>): string {
  const found = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined && value !== "") found.set(name, String(value));
  }
  const text = found.toString();
  return text && `?${text}`;
}
