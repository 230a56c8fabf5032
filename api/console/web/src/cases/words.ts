/* Cases in words. */
import type { CaseEvent, CaseKind, CaseOutcome, CaseState, CaseView, Category, Channel } from "../api/types";
import { dayAndClock, now } from "../parts/format";
import { districtName } from "../state/city";
import { t, type TextKey } from "../text";

const KINDS: Record<CaseKind, TextKey> = { alert: "caseOfAlert", report: "caseOfReport", manual: "caseManual" };
const STATES: Record<CaseState, TextKey> = { open: "caseOpen", in_progress: "caseInProgress", closed: "caseClosed" };
const OUTCOMES: Record<CaseOutcome, TextKey> = {
  confirmed_violation: "confirmed_violation", unfounded: "outcomeUnfounded", no_action: "no_action", device_fault: "device_fault",
  transferred: "outcomeTransferred", duplicate: "outcomeDuplicate",
};
const EVENTS: Record<CaseEvent["kind"], TextKey> = {
  opened: "eventOpened", alert_added: "eventAlertAdded", alert_removed: "eventAlertRemoved", assigned: "eventAssigned", begun: "eventBegun",
  commented: "eventCommented", changed: "eventChanged", deadline_set: "eventDeadlineSet", closed: "eventClosed", reopened: "eventReopened",
  report_joined: "eventReportJoined", report_left: "eventReportLeft",
};
const CATEGORY_TEXTS: Record<Category, TextKey> = {
  dumping: "categoryDumping", overflow: "categoryOverflow", smell: "categorySmell", noise: "categoryNoise", uncovered_load: "categoryUncovered", other: "categoryOther",
};
const CHANNELS: Record<Channel, TextKey> = { hotline: "byHotline", web: "byForm", qr: "byQr" };
export const CATEGORIES = Object.keys(CATEGORY_TEXTS) as Category[];
const ACTIONS = {
  begin: "caseBegin", assign: "caseAssign", comment: "caseComment", change: "caseChange", deadline: "caseDeadline", close: "caseClose", reopen: "caseReopen",
} as const;
export type CaseAction = keyof typeof ACTIONS;
export const CASE_KINDS = Object.keys(KINDS) as CaseKind[];
export const CASE_STATES = Object.keys(STATES) as CaseState[];
export const CASE_OUTCOMES = Object.keys(OUTCOMES) as CaseOutcome[];

export const kindText = (kind: CaseKind): string => t(KINDS[kind]);
export const stateText = (state: CaseState): string => t(STATES[state]);
export const categoryText = (category: Category): string => t(CATEGORY_TEXTS[category]);
export const channelText = (channel: Channel): string => t(CHANNELS[channel]);
export const actionText = (action: CaseAction): string => t(ACTIONS[action]);
export const outcomeText = (outcome: CaseOutcome): string => t(OUTCOMES[outcome]);

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

function span(ms: number): string {
  const [length, text]: [number, TextKey] = ms < 2 * DAY ? [Math.floor(ms / HOUR), "spanH"] : [Math.floor(ms / DAY), "spanD"];
  return t(text).replace("{n}", String(length));
}

/** How long is left, or how long it is overdue; when it was closed. */
export function dueText(one: CaseView): string {
  if (one.state === "closed") return `${stateText("closed")} ${one.closed_at === null ? "" : dayAndClock(one.closed_at)}`;
  const left = one.deadline - now.value;
  return t(left < 0 ? "overdueBy" : "dueIn").replace("{span}", span(Math.abs(left)));
}

export const isOverdue = (one: CaseView): boolean => one.state !== "closed" && one.deadline < now.value;

/** What an event says beside its kind; `titleOf` names an alert. */
export function eventText({ kind, detail }: CaseEvent, titleOf: (alertId: string) => string): string {
  const what = t(EVENTS[kind]);
  const value = (name: string) => detail[name];
  switch (kind) {
    case "assigned":
      return `${what} ${value("assignee") ?? t("nobody")}`;
    case "alert_added":
    case "alert_removed":
      return `${what} ${titleOf(String(value("alert_id") ?? ""))}`;
    case "deadline_set":
    case "reopened":
      return typeof value("deadline") === "number" ? `${what} · ${t("deadline")} ${dayAndClock(value("deadline") as number)}` : what;
    case "closed":
      return value("outcome") ? `${what} ${outcomeText(value("outcome") as CaseOutcome)}` : what;
    case "report_joined":
    case "report_left":
      return `${what} ${value("report") ?? ""}${value("case") ? ` (${value("case")})` : ""}`;
    default:
      return what;
  }
}

/** Why somebody did it. */
export function becauseOf({ reason, detail }: CaseEvent): string | null {
  return reason ?? (typeof detail.because === "string" ? detail.because : null);
}

export function placeText(one: CaseView): string {
  return [
    one.address, one.district && districtName(one.district), one.lat !== null && one.lon !== null ? `${one.lat.toFixed(5)}, ${one.lon.toFixed(5)}` : null,
  ].filter(Boolean).join(" · ");
}
