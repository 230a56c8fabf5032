/* The queue: alerts that were read, page by page, and kept up to date by the live stream. */
import { batch, computed, effect, signal } from "@preact/signals";
import { get } from "../api/client";
import type { ActionEntry, AlertChange, AlertPage, AlertView, StreamedChange } from "../api/types";
import { AGES, alertsQuery, filters, grouping, matches, type Filters } from "./filters";
import { deviceName, devices, districtName, ruleTitle } from "./city";
import { t } from "../text";

const PAGE = 100;
/** Alerts that are held at once, and rows of the page: with more of them a browser slows down and fills the memory. */
const MOST = 2_000;

const alerts = signal<ReadonlyMap<string, AlertView>>(new Map());
export const cursor = signal<string | null>(null);
export const isLoading = signal(false);
/** The list does not begin with the newest: those before were let go for older ones. */
export const isOlder = signal(false);
/** Reading on would hold too many: older ones take the place of these. */
export const isFull = computed(() => alerts.value.size >= MOST);
/** True once a page was read for the present filter. */
export const wasRead = signal(false);
/** The alert whose case is shown, and which is at turn for the keyboard. */
export const chosen = signal<string | null>(null);
export const marked = signal<ReadonlySet<string>>(new Set());
/** Alerts that came or changed live a moment ago. */
export const fresh = signal<ReadonlySet<string>>(new Set());
export const collapsed = signal<ReadonlySet<string>>(new Set());

const byNewest = (a: AlertView, b: AlertView) =>
  b.opened_at - a.opened_at || (a.alert_id < b.alert_id ? 1 : a.alert_id > b.alert_id ? -1 : 0);

/** What the queue shows, newest first. The chosen alert stays, though it may match no more: a person looks at it. */
export const shown = computed<AlertView[]>(() =>
  [...alerts.value.values()]
    .filter((alert) => matches(alert, filters.value) || alert.alert_id === chosen.value)
    .sort(byNewest),
);

export interface Group {
  key: string;
  title: string;
  alerts: AlertView[];
}

/** The queue by cause; one group without a title where nothing is grouped. */
export const groups = computed<Group[]>(() => {
  if (grouping.value === "groupNone") return [{ key: "", title: "", alerts: shown.value }];
  const found = new Map<string, Group>();
  for (const alert of shown.value) {
    const [key, title] = causeOf(alert);
    const group = found.get(key) ?? { key, title, alerts: [] };
    group.alerts.push(alert);
    found.set(key, group);
  }
  return [...found.values()].sort((a, b) => b.alerts.length - a.alerts.length || a.title.localeCompare(b.title));
});

/** In the order in which the keyboard goes through them. */
export const inOrder = computed<AlertView[]>(() =>
  groups.value.filter((group) => !collapsed.value.has(group.key)).flatMap((group) => group.alerts),
);

function causeOf(alert: AlertView): [key: string, title: string] {
  const device = devices.value.get(alert.subject);
  switch (grouping.value) {
    case "groupRule":
      return [alert.rule, ruleTitle(alert.rule)];
    case "groupSubject":
      return [alert.subject, deviceName(alert.subject)];
    case "groupDistrict":
      return device?.district ? [device.district, districtName(device.district)] : ["", t("noDistrict")];
    case "groupHaulier":
      return device?.vehicle ? [device.vehicle.carrier, device.vehicle.carrier] : ["", t("noHaulier")];
    case "groupNone":
      return ["", ""];
  }
}

export const alertOf = (id: string | null): AlertView | undefined => (id === null ? undefined : alerts.value.get(id));

/** Newer revisions replace older ones; of one revision the later answer counts. */
export function keep(found: readonly AlertView[]): void {
  const next = new Map(alerts.value);
  for (const alert of found) {
    const current = next.get(alert.alert_id);
    if (!current || alert.revision >= current.revision) next.set(alert.alert_id, alert);
  }
  alerts.value = next;
}

let generation = 0;

/** Read the first page anew, or the next one. */
export async function readPage(again: boolean): Promise<void> {
  const wanted = filters.value;
  const mine = again ? ++generation : generation;
  if (!again && (isLoading.value || cursor.value === null || isFull.value)) return;
  isLoading.value = true;
  const start = wanted.age ? startOf(wanted, again) : null;
  try {
    const page = await get<AlertPage>(`/alerts${alertsQuery(wanted, PAGE, again ? null : cursor.value, start)}`);
    if (mine !== generation) return;
    batch(() => {
      if (again) {
        const stays = alertOf(chosen.value);
        alerts.value = new Map(stays ? [[stays.alert_id, stays]] : []);
        isOlder.value = false;
      }
      keep(page.items);
      cursor.value = page.next_cursor;
      wasRead.value = true;
    });
  } catch {
    // `link` says what is wrong; the list stays as it was.
  } finally {
    if (mine === generation) isLoading.value = false;
  }
}

/** Go on after the last one that was read, without those before it. */
export function readOlder(): Promise<void> {
  const stays = alertOf(chosen.value);
  batch(() => {
    alerts.value = new Map(stays ? [[stays.alert_id, stays]] : []);
    isOlder.value = true;
  });
  return readPage(false);
}

/** Read what came meanwhile, and keep what was read before: the reader's place stays where it is. */
export async function catchUp(): Promise<void> {
  if (isOlder.value) return;
  const mine = generation;
  const newest = shown.value[0];
  const page = await get<AlertPage>(`/alerts${alertsQuery(filters.value, PAGE, null, null)}`).catch(() => null);
  if (page === null || mine !== generation) return;
  const oldest = page.items.at(-1);
  const hasGap = newest !== undefined && oldest !== undefined && page.next_cursor !== null && byNewest(newest, oldest) > 0;
  if (hasGap) await readPage(true);
  else keep(page.items);
}

/** Note that a shelf of this rule, this device or both begins, or ends where `until` is null. */
export function noteShelf(rule: string | null, subject: string | null, until: number | null): void {
  const covers = (alert: AlertView) =>
    (rule ?? alert.rule) === alert.rule && (subject ?? alert.subject) === alert.subject && (subject !== null || alert.severity !== "P1");
  keep([...alerts.value.values()].filter(covers).map((alert) => ({ ...alert, shelved_until: until })));
}

let pageStart = 0;

/** The same for all pages of one list, as cursors ask for it. */
function startOf(wanted: Filters, again: boolean): number {
  if (again && wanted.age) pageStart = Date.now() - AGES[wanted.age];
  return pageStart;
}

export function choose(id: string | null): void {
  chosen.value = id;
  history.replaceState(null, "", id === null ? location.pathname : `#alert=${id}`);
}

export function step(by: 1 | -1): void {
  const list = inOrder.value;
  const at = list.findIndex((alert) => alert.alert_id === chosen.value);
  const next = list[at < 0 ? 0 : Math.min(list.length - 1, Math.max(0, at + by))];
  if (next) choose(next.alert_id);
  if (at >= list.length - 5) void readPage(false);
}

export function mark(ids: readonly string[], on: boolean): void {
  const next = new Set(marked.value);
  for (const id of ids) on ? next.add(id) : next.delete(id);
  marked.value = next;
}

/** Alerts that an action is meant for: the marked ones, or else the one at turn. */
export function meant(): AlertView[] {
  const ids = marked.value.size ? [...marked.value] : chosen.value ? [chosen.value] : [];
  return ids.map((id) => alertOf(id)).filter((alert) => alert !== undefined);
}

function refreshed(id: string): void {
  fresh.value = new Set([...fresh.value, id]);
  setTimeout(() => {
    const next = new Set(fresh.value);
    next.delete(id);
    fresh.value = next;
  }, 4_000);
}

/** A change by judgement. An alert that lies beyond the pages read so far comes with them. */
export function applyChange({ change, recorded_at: recordedAt, shelved }: StreamedChange): void {
  const current = alertOf(change.alert_id);
  if (current && current.revision >= change.revision) return;
  if (!current && isBeyond(change)) return;
  keep([after(current, change, recordedAt, shelved)]);
  refreshed(change.alert_id);
  if (alerts.value.size > MOST + PAGE) void readPage(true); // on a wall nobody reads another list for weeks
}

function isBeyond(change: AlertChange): boolean {
  const newest = shown.value[0];
  if (isOlder.value && newest !== undefined && change.opened_at > newest.opened_at) return true;
  if (cursor.value === null) return false;
  const oldest = shown.value.at(-1);
  return oldest !== undefined && change.opened_at < oldest.opened_at;
}

function after(current: AlertView | undefined, change: AlertChange, recordedAt: number, shelved: boolean): AlertView {
  const { at, onset: _onset, revised, continues: _continues, ...state } = change;
  const goesOn = (change.phase === "provisional" || change.phase === "confirmed") && !revised;
  const untouched = {
    confirmed_at: null, acknowledged_by: null, acknowledged_at: null, assigned_to: null, outcome: null,
    handled_by: null, handled_at: null, reopened_at: null, first_recorded_at: recordedAt, listed_only: false,
    learned_at: change.amendment === "new_late" ? recordedAt : null,
    // Until when is not in the stream; an hour says that it is, until the list is read again.
    shelved_until: shelved ? recordedAt + 3_600_000 : null,
  };
  const next: AlertView = { ...(current ?? untouched), ...state };
  if (change.phase === "confirmed") next.confirmed_at ??= at;
  if (goesOn && next.outcome !== null) {
    Object.assign(next, { outcome: null, handled_by: null, handled_at: null, reopened_at: recordedAt });
  }
  return next;
}

/** What a person did, here or at another desk. */
export function applyAction({ alert_id: id, action }: ActionEntry): void {
  const current = alertOf(id);
  if (!current) return;
  const next: AlertView = { ...current };
  switch (action.kind) {
    case "acknowledge":
      next.acknowledged_by ??= action.actor;
      next.acknowledged_at ??= action.at;
      break;
    case "assign":
      next.assigned_to = action.assignee;
      break;
    case "close":
      Object.assign(next, { outcome: action.outcome, handled_by: action.actor, handled_at: action.at });
      break;
    case "reopen":
      Object.assign(next, { outcome: null, handled_by: null, handled_at: null, reopened_at: action.at });
      break;
    case "comment":
    case "continue":
      break;
  }
  keep([next]);
  refreshed(id);
}

/** Read the queue again whenever the filter changes. */
export function watchFilters(): void {
  let waiting: ReturnType<typeof setTimeout> | undefined;
  let first = true;
  effect(() => {
    filters.value;
    clearTimeout(waiting);
    waiting = setTimeout(() => void readPage(true), first ? 0 : 250);
    first = false;
  });
}
