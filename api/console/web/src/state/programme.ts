/* The city's programme: indicators of a span of days, and the assessment of who hauls. */
import { signal } from "@preact/signals";
import { ApiError, query, request } from "../api/client";
import type { AssessmentReport, IndicatorReport, SubjectKind } from "../api/types";
import { city } from "./city";
import { mayAct } from "./session";

export interface Days {
  from: string;
  to: string;
}

/** What is asked about; null until the panel is opened. */
export const days = signal<Days | null>(null);
export const indicatorReport = signal<IndicatorReport | null>(null);
export const assessmentKind = signal<SubjectKind>("haulier");
export const assessmentReport = signal<AssessmentReport | null>(null);
/** Why nothing is shown; empty: it was read, or is being read. */
export const programmeFault = signal("");

/** The days of the city's calendar now: `2026-03-01`. */
export function today(): string {
  const zone = city.value ? { timeZone: city.value.timezone } : {};
  return new Intl.DateTimeFormat("sv-SE", { year: "numeric", month: "2-digit", day: "2-digit", ...zone }).format(Date.now());
}

/** A day so many days after another. */
export function dayAfter(day: string, count: number): string {
  const at = new Date(`${day}T00:00:00Z`);
  at.setUTCDate(at.getUTCDate() + count);
  return at.toISOString().slice(0, 10);
}

/** The quarter that holds a day, as far as it has come; `before`: so many quarters before it. */
export function quarterOf(day: string, before = 0): Days {
  const index = Number(day.slice(0, 4)) * 4 + Math.floor((Number(day.slice(5, 7)) - 1) / 3) - before;
  const first = (at: number) => `${Math.floor(at / 4)}-${String((at % 4) * 3 + 1).padStart(2, "0")}-01`;
  const last = dayAfter(first(index + 1), -1);
  return { from: first(index), to: last < day ? last : day };
}

export async function readProgramme(): Promise<void> {
  const asked = (days.value ??= quarterOf(today()));
  try {
    const found = await request<IndicatorReport>("GET", `/indicators${query({ ...asked })}`);
    if (days.value !== asked) return;
    indicatorReport.value = found;
    programmeFault.value = "";
  } catch (error) {
    if (days.value === asked) programmeFault.value = messageOf(error);
  }
  await readAssessment();
}

export async function readAssessment(): Promise<void> {
  const asked = days.value;
  const kind = assessmentKind.value;
  if (!asked || !mayAct.value) return;
  const found = await request<AssessmentReport>("GET", `/assessment${query({ ...asked, kind })}`).catch(() => null);
  if (days.value === asked && assessmentKind.value === kind) assessmentReport.value = found;
}

export function askAbout(next: Days): void {
  days.value = next;
  void readProgramme();
}

const messageOf = (error: unknown): string => (error instanceof ApiError || error instanceof Error ? error.message : String(error));
