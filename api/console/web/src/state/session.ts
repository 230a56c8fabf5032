/* Who sits at the desk, and what this person may do. */
import { computed, signal } from "@preact/signals";
import { ApiError, csrf, request, token } from "../api/client";
import type { SignOnOut, SignedOutOut } from "../api/types";
import { language, setLanguage, type Language, type TextKey } from "../text";

export type Role = "viewer" | "operator" | "officer" | "administrator";

/** The answer of `/api/v1/session`. */
export interface Session {
  name: string;
  display_name: string;
  role: Role;
  districts: string[] | null;
  hauliers: string[] | null;
  language: Language | null;
  /** False for who comes from the city's sign-on, which keeps the password. */
  has_password: boolean;
  /** Empty without a cookie: then a token says who calls, or there are no accounts and everybody may read. */
  csrf_token: string;
  expires_at: string | null;
}

export type Desk =
  | { kind: "starting" }
  /** This server has no accounts; whoever has its token for writing may do everything, under the name given. */
  | { kind: "tokens" }
  | { kind: "nobody" }
  | { kind: "person"; session: Session }
  | { kind: "token"; session: Session };

export const desk = signal<Desk>({ kind: "starting" });
export const signInOpen = signal(false);
export const accountOpen = signal(false);

/** The city's sign-on; null: there is none. */
export const provider = signal<SignOnOut["provider"]>(null);
/** Why the city's sign-on has let nobody in; null: it was not tried. */
export const signOnFailure = signal<TextKey | null>(null);
const WHY: Record<string, TextKey> = {
  away: "signOnAway",
  refused: "signOnRefused",
  expired: "signOnExpired",
  invalid: "signOnInvalid",
  "no-role": "signOnNoRole",
  "no-name": "signOnNoName",
  "name-taken": "signOnNameTaken",
  disabled: "signOnDisabled",
  busy: "signOnBusy",
};

const role = computed<Role>(() => {
  if (desk.value.kind === "person" || desk.value.kind === "token") return desk.value.session.role;
  return sessionStorage.getItem("canWrite") === "true" && token.get() !== null ? "officer" : "viewer";
});
export const mayAct = computed(() => role.value !== "viewer");
export const mayClose = computed(() => role.value === "officer" || role.value === "administrator");

/** A token of the settings that may write may do everything. */
export const isAdministrator = computed(
  () => role.value === "administrator" || (desk.value.kind !== "person" && desk.value.kind !== "token" && role.value === "officer"),
);

/** False for a person who is limited to districts or hauliers. */
export const seesWholeCity = computed(() => {
  if (desk.value.kind !== "person" && desk.value.kind !== "token") return true;
  return desk.value.session.districts === null && desk.value.session.hauliers === null;
});

/** The name that stands with every action; null: nobody who may act. */
export const actor = computed<string | null>(() => {
  if (desk.value.kind === "person") return desk.value.session.name;
  return mayAct.value ? localStorage.getItem("actor") : null;
});

export const displayName = computed(() =>
  desk.value.kind === "person" ? desk.value.session.display_name || desk.value.session.name : actor.value,
);

/** True where signing in asks for name and password. */
export const hasAccounts = computed(() => desk.value.kind === "nobody");

/** Where the browser goes to sign on; it comes back to the alert that is open now. */
export function signOnPath(): string {
  const alert = /^#alert=([0-9a-f]{16})$/.exec(location.hash)?.[1];
  return `/api/v1/sign-on/begin${alert ? `?alert=${alert}` : ""}`;
}

/** Whether the page was opened by the city's sign-on, to say why nobody is signed in. */
export function readSignOnFailure(): void {
  const reason = /^#sign-on=([a-z-]+)$/.exec(location.hash)?.[1];
  if (!reason) return;
  signOnFailure.value = WHY[reason] ?? "signOnInvalid";
  signInOpen.value = true;
  history.replaceState(null, "", "/");
}

export async function startSession(): Promise<void> {
  void request<SignOnOut>("GET", "/sign-on").then(
    (found) => (provider.value = found.provider),
    () => null,
  );
  try {
    enter(await request<Session>("GET", "/session"));
  } catch (error) {
    desk.value = { kind: error instanceof ApiError && error.status === 401 ? "nobody" : "tokens" };
  }
}

/** Throws ApiError: 401 where name or password are wrong. */
export async function signIn(name: string, password: string): Promise<void> {
  token.set("");
  enter(await request<Session>("POST", "/session", { name, password }));
}

/** Take a token of the server's settings. Throws ApiError: 401 where it is not valid. */
export async function useToken(name: string, value: string): Promise<void> {
  const before = token.get() ?? "";
  token.set("");
  const isReadingOpen = (await statusOf("GET", "/city")) === 200;
  token.set(value);
  const canWrite = (await statusOf("POST", `/alerts/${NO_ALERT}/acknowledge`, { actor: name })) === 404;
  if (!canWrite && (isReadingOpen || (await statusOf("GET", "/city")) !== 200)) {
    token.set(before);
    throw new ApiError(401, "");
  }
  localStorage.setItem("actor", name);
  sessionStorage.setItem("canWrite", String(canWrite));
}

/** An id that no alert has: the answer says 404 to whoever may write, and nothing is written. */
const NO_ALERT = "0".repeat(16);

async function statusOf(method: string, path: string, body?: unknown): Promise<number> {
  try {
    await request(method, path, body);
    return 200;
  } catch (error) {
    return error instanceof ApiError ? error.status : 0;
  }
}

/** Throws ApiError: `body.old` or `body.new` is its field where one of them is at fault. */
export const changePassword = (old: string, replacement: string): Promise<null> =>
  request<null>("PUT", "/session/password", { old, new: replacement });

export async function signOut(): Promise<void> {
  const isPerson = desk.value.kind === "person";
  const answer = isPerson ? await request<SignedOutOut>("DELETE", "/session").catch(() => null) : null;
  token.set("");
  if (answer?.provider_url) location.assign(answer.provider_url);
  else location.reload();
}

function enter(session: Session): void {
  csrf.value = session.csrf_token || null;
  if (csrf.value) desk.value = { kind: "person", session };
  else desk.value = token.get() === null ? { kind: "tokens" } : { kind: "token", session };
  if (session.language && session.language !== language.value && !localStorage.getItem("language")) {
    setLanguage(session.language);
  }
}
