/* The case that is open: the alert with its history, the track and readings around it, and what else happened there. */
import { effect, signal } from "@preact/signals";
import { get, getAll, query } from "../api/client";
import type { AlertDetail, AlertPage, AlertView, DeviceRole, Feature, Kind, PageReadingOut, ReadingOut } from "../api/types";
import { devices } from "./city";
import { chosen, keep } from "./queue";

export interface Case {
  detail: AlertDetail;
  ofSubject: AlertView[];
  ofPlace: AlertView[];
}

export interface Course {
  alertId: string;
  start: number;
  end: number;
  track: Feature[];
  readings: ReadingOut[];
}

export const openCase = signal<Case | null>(null);
export const course = signal<Course | null>(null);
/** How much before and after the incident is shown, ms. */
export const windowMs = signal(30 * 60_000);
/** Device time under the cursor of the curves or of the map, ms. */
export const pointed = signal<number | null>(null);

/** About 300 m. */
const NEAR_DEG = 0.003;
const MAX_READINGS = 10_000;
const LONGEST_MS = 6 * 86_400_000;
export const KIND_OF_ROLE: Record<DeviceRole, Kind> = {
  truck: "position", recycling_point: "fill", station_line: "throughput", weighbridge: "weighing",
};

export async function readCase(): Promise<void> {
  const id = chosen.value;
  if (id === null) return;
  const detail = await get<AlertDetail>(`/alerts/${id}`).catch(() => null);
  if (detail === null || chosen.value !== id) return;
  keep([detail.alert]);
  const before = openCase.value?.detail.alert.alert_id === id ? openCase.value : null;
  openCase.value = { detail, ofSubject: before?.ofSubject ?? [], ofPlace: before?.ofPlace ?? [] };
  if (before && before.detail.alert.revision === detail.alert.revision) return;
  const [ofSubject, ofPlace] = await Promise.all([others(detail.alert, { subject: detail.alert.subject }), near(detail.alert)]);
  if (chosen.value === id && openCase.value) openCase.value = { ...openCase.value, ofSubject, ofPlace };
}

async function others(alert: AlertView, where: Record<string, string>): Promise<AlertView[]> {
  const page = await get<AlertPage>(`/alerts${query({ limit: 9, ...where })}`).catch(() => null);
  return (page?.items ?? []).filter((other) => other.alert_id !== alert.alert_id).slice(0, 8);
}

async function near(alert: AlertView): Promise<AlertView[]> {
  if (alert.lat === null || alert.lon === null) return [];
  const edges = [alert.lon - NEAR_DEG, alert.lat - NEAR_DEG, alert.lon + NEAR_DEG, alert.lat + NEAR_DEG];
  return others(alert, { bbox: edges.join(",") });
}

async function readCourse(alert: AlertView, margin: number): Promise<void> {
  const device = devices.value.get(alert.subject);
  if (!device) {
    course.value = null;
    return;
  }
  const start = alert.opened_at - margin;
  const end = Math.min((alert.closed_at ?? latestOf(alert)) + margin, start + LONGEST_MS);
  const span = query({ start, end });
  const path = `/devices/${encodeURIComponent(device.id)}`;
  const readings = `${path}/readings/${KIND_OF_ROLE[device.role]}${span}&limit=5000`;
  const [track, found] = await Promise.all([
    device.role === "truck" ? getAll<Feature>(`${path}/track${span}&limit=5000`, "features").catch(() => []) : [],
    getAll<PageReadingOut["items"][number]>(readings, "items", MAX_READINGS).catch(() => []),
  ]);
  if (chosen.value === alert.alert_id) course.value = { alertId: alert.alert_id, start, end, track, readings: found };
}

/** The newest device time that an alert which goes on rests on. */
function latestOf(alert: AlertView): number {
  return Math.max(alert.opened_at, alert.confirmed_at ?? 0, ...alert.evidence.readings.map((reading) => reading.ts));
}

/** Read the case when another alert is chosen, and its course when the alert ends or another window is asked for. */
export function watchChosen(): void {
  let waiting: ReturnType<typeof setTimeout> | undefined;
  effect(() => {
    const id = chosen.value;
    clearTimeout(waiting);
    if (id === null) openCase.value = null;
    if (openCase.peek()?.detail.alert.alert_id !== id) {
      course.value = null;
      pointed.value = null;
    }
    if (id !== null) waiting = setTimeout(() => void readCase(), 120);
  });
  let asked = "";
  effect(() => {
    const alert = openCase.value?.detail.alert;
    const key = alert ? `${alert.alert_id} ${alert.closed_at} ${latestOf(alert)} ${windowMs.value} ${devices.value.size > 0}` : "";
    if (alert && key !== asked) void readCourse(alert, windowMs.value);
    asked = key;
  });
}
