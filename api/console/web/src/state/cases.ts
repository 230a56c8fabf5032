/* Cases: the list with its closing rate, the case that is open, and what people do with it. */
import { effect, signal } from "@preact/signals";
import { ApiError, query, request } from "../api/client";
import type { AlertView, CaseAnswer, CaseKind, CaseOpenBody, CasePage, CaseState, CaseView, Indicators, Near } from "../api/types";
import { t } from "../text";
import { named, tell } from "./actions";
import { mark } from "./queue";
import { panel } from "./view";

export interface CaseFilters {
  state: "notClosed" | CaseState | "";
  overdue: boolean;
  kind: CaseKind | "";
  assignee: string;
  district: string;
  text: string;
}
export const NO_CASE_FILTER: CaseFilters = { state: "notClosed", overdue: false, kind: "", assignee: "", district: "", text: "" };
export const caseFilters = signal<CaseFilters>(NO_CASE_FILTER);
export const cases = signal<{ items: readonly CaseView[]; next: string | null } | null>(null);
export const indicators = signal<Indicators | null>(null);
/** Why the list is not shown; empty: it was read, or is being read. */
export const casesFault = signal("");
/** Number of the case that is open. */
export const chosenCase = signal<string | null>(null);
export const caseFile = signal<CaseAnswer | null>(null);
/** What lies near the open case; null: nobody has looked. */
export const nearCase = signal<Near | null>(null);
/** Alerts that are to be taken up: the dialog is open. */
export const takenUp = signal<AlertView[] | null>(null);

const PAGE = 50;
const NUMBER = /^#case=([0-9]{4}-[0-9]{6})$/;

export async function readCases(more = false): Promise<void> {
  const asked = caseFilters.value;
  const before = more ? cases.value : null;
  const { state, overdue, ...rest } = asked;
  const open = state === "notClosed" ? true : null;
  const where = { ...rest, state: state === "notClosed" ? null : state, open, overdue: overdue || null, limit: PAGE, cursor: before?.next };
  try {
    const page = await request<CasePage>("GET", `/cases${query(where)}`);
    if (caseFilters.value !== asked) return;
    cases.value = { items: [...(before?.items ?? []), ...page.items], next: page.next_cursor };
    casesFault.value = "";
  } catch (error) {
    casesFault.value = messageOf(error);
  }
}

export async function readIndicators(): Promise<void> {
  indicators.value = await request<Indicators>("GET", "/cases/indicators").catch(() => null);
}

export function chooseCase(number: string | null): void {
  chosenCase.value = number;
  history.replaceState(null, "", number === null ? location.pathname : `#case=${number}`);
  if (number !== null) panel.value = "cases";
}

/** The case that the address of the page names. */
export function readCaseLink(): void {
  const linked = NUMBER.exec(location.hash)?.[1];
  if (linked) chooseCase(linked);
}

export async function readCaseFile(): Promise<void> {
  const number = chosenCase.value;
  if (number === null) return;
  try {
    const found = await request<CaseAnswer>("GET", `/cases/${number}`);
    if (chosenCase.value === number) caseFile.value = found;
  } catch (error) {
    if (chosenCase.value !== number || caseFile.value) return; // what was read last stays
    tell(messageOf(error), true);
    chooseCase(null);
  }
}

/** Read the case when another one is chosen. */
export function watchChosenCase(): void {
  effect(() => {
    const number = chosenCase.value;
    if (caseFile.peek()?.case.number === number) return;
    caseFile.value = null;
    nearCase.value = null;
    if (number !== null) void readCaseFile();
  });
}

/** Cases that hold an alert, the newest first. */
export async function casesOf(alertId: string): Promise<readonly CaseView[]> {
  return (await request<CasePage>("GET", `/cases${query({ alert: alertId, limit: 5 })}`).catch(() => null))?.items ?? [];
}

/** Open a case, and show it. Throws ApiError. */
export async function openCaseOf(body: CaseOpenBody): Promise<void> {
  keepCase(await request<CaseAnswer>("POST", "/cases", { ...named(), ...body }));
  mark(body.alerts ?? [], false);
  void readCases();
}

/** An action on the open case. Throws ApiError; where somebody changed the case meanwhile, it is read again. */
export async function actOnCase(action: string, values: Record<string, unknown>): Promise<void> {
  const found = caseFile.value;
  if (!found) return;
  const version = action === "comment" ? {} : { version: found.case.version };
  try {
    keepCase(await request<CaseAnswer>("POST", `/cases/${found.case.number}/${action}`, { ...named(), ...version, ...values }));
  } catch (error) {
    if (error instanceof ApiError && error.status === 409) void readCaseFile();
    throw error;
  }
  tell(`1 ${t("done")}`);
  void readCases();
  void readIndicators();
}

function keepCase(found: CaseAnswer): void {
  caseFile.value = found;
  chooseCase(found.case.number);
}

/** Throws ApiError. */
export async function lookNear(distanceM: number, minutes: number): Promise<void> {
  const number = chosenCase.value;
  const found = await request<Near>("GET", `/cases/${number}/near${query({ distance_m: distanceM, minutes })}`);
  if (chosenCase.value === number) nearCase.value = found;
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
