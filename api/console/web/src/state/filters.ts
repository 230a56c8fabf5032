/* What the queue shows: as a query of the API, and as a test of one alert that comes live. */
import { signal } from "@preact/signals";
import { query } from "../api/client";
import type { AlertView } from "../api/types";
import { now } from "../parts/format";
import { devices } from "./city";

export const STATES = ["stateTodo", "stateOpen", "stateNew", "stateAcknowledged", "stateShelved", "stateHandled", "stateAll"] as const;
export const AGES = { age1h: 3_600_000, age8h: 28_800_000, age24h: 86_400_000, age7d: 604_800_000 } as const;
export const GROUPS = ["groupNone", "groupRule", "groupSubject", "groupDistrict", "groupHaulier"] as const;

export interface Filters {
  state: (typeof STATES)[number];
  rule: string;
  severity: string;
  district: string;
  fleet: string;
  haulier: string;
  assignee: string;
  age: keyof typeof AGES | "";
  text: string;
}

export const NO_FILTER: Filters = {
  state: "stateTodo", rule: "", severity: "", district: "", fleet: "", haulier: "", assignee: "", age: "", text: "",
};

export const filters = signal<Filters>(NO_FILTER);
export const grouping = signal<(typeof GROUPS)[number]>("groupNone");

export const isOpen = (alert: AlertView): boolean => alert.closed_at === null && alert.outcome === null;
export const isShelved = (alert: AlertView): boolean => isOpen(alert) && (alert.shelved_until ?? 0) > now.value;

const OF_STATE: Record<Filters["state"], Record<string, boolean>> = {
  stateTodo: { handled: false },
  stateOpen: { open: true },
  stateNew: { handled: false, acknowledged: false },
  stateAcknowledged: { handled: false, acknowledged: true },
  stateShelved: { open: true },
  stateHandled: { handled: true },
  stateAll: {},
};

export function alertsQuery(wanted: Filters, limit: number, cursor: string | null, start: number | null): string {
  const { rule, severity, district, fleet, haulier, assignee, text } = wanted;
  return query({
    limit, cursor, start, rule, severity, district, fleet, text,
    carrier: haulier, assigned_to: assignee, ...OF_STATE[wanted.state],
  });
}

function hasState(alert: AlertView, state: Filters["state"]): boolean {
  switch (state) {
    case "stateTodo":
      return alert.outcome === null;
    case "stateOpen":
      return isOpen(alert);
    case "stateNew":
      return alert.outcome === null && alert.acknowledged_by === null;
    case "stateAcknowledged":
      return alert.outcome === null && alert.acknowledged_by !== null;
    case "stateShelved":
      return isShelved(alert);
    case "stateHandled":
      return alert.outcome !== null;
    case "stateAll":
      return true;
  }
}

/** What the API's own selection says, for alerts that come live. */
export function matches(alert: AlertView, wanted: Filters): boolean {
  const device = devices.value.get(alert.subject);
  const words = wanted.text.toLowerCase().split(/\s+/).filter(Boolean);
  const texts = [alert.title.en, alert.title.zh, alert.subject].map((text) => text.toLowerCase());
  return (
    hasState(alert, wanted.state) &&
    (!wanted.rule || alert.rule === wanted.rule) &&
    (!wanted.severity || alert.severity === wanted.severity) &&
    (!wanted.district || device?.district === wanted.district) &&
    (!wanted.fleet || device?.fleet === wanted.fleet) &&
    (!wanted.haulier || device?.vehicle?.carrier === wanted.haulier) &&
    (!wanted.assignee || alert.assigned_to === wanted.assignee) &&
    (!wanted.age || alert.opened_at >= now.value - AGES[wanted.age]) &&
    words.every((word) => texts.some((text) => text.includes(word)))
  );
}
