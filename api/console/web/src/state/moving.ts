/* What moves on the map of the city: trucks, bins, suspected sites; asked again every few seconds while it is visible. */
import { signal } from "@preact/signals";
import { get, request } from "../api/client";
import type { AlertPage, AlertRate, AlertView, Feature, FeatureCollection, LedgerOut, SeenList } from "../api/types";
import { seesWholeCity } from "./session";

const EVERY_MS = 5_000;
const SLOW_EVERY = 6;

export const trucks = signal<Feature[]>([]);
export const bins = signal<Feature[]>([]);
export const suspected = signal<Feature[]>([]);
export const zones = signal<Feature[]>([]);
export const corridors = signal<Feature[]>([]);
export const openAlerts = signal<AlertView[]>([]);
export const openAlertsAreMore = signal(false);
export const ledger = signal<LedgerOut | null>(null);
export const seen = signal<SeenList | null>(null);
export const alarmRate = signal<AlertRate | null>(null);

const layer = (path: string) => get<FeatureCollection>(path).then((found) => found.features);

async function into<T>(target: { value: T }, reading: Promise<T>): Promise<void> {
  try {
    target.value = await reading;
  } catch {
    // What was read last stays; `link` says what is wrong.
  }
}

/** As `into`: where all is as before, nothing that shows it is made anew. The first that differs ends the comparison. */
async function intoIfOther<T>(target: { value: T[] }, reading: Promise<T[]>): Promise<void> {
  const found = { value: target.value };
  await into(found, reading);
  const before = target.value;
  const isOther = found.value.length !== before.length || found.value.some((one, n) => JSON.stringify(one) !== JSON.stringify(before[n]));
  if (isOther) target.value = found.value;
}

export const readSuspected = (): Promise<void> => intoIfOther(suspected, layer("/suspected-sites"));

async function readOpenAlerts(): Promise<void> {
  const page = await get<AlertPage>("/alerts?open=true&limit=200").catch(() => null);
  if (!page) return;
  await intoIfOther(openAlerts, Promise.resolve(page.items));
  openAlertsAreMore.value = page.next_cursor !== null;
}

export async function readMoving(round: number): Promise<void> {
  await Promise.all([intoIfOther(trucks, layer("/trucks")), readOpenAlerts(), into(ledger, get<LedgerOut>("/ledger"))]);
  if (round % SLOW_EVERY) return;
  await Promise.all([intoIfOther(bins, layer("/bins")), readSuspected(), into(seen, get<SeenList>("/last-seen?limit=100"))]);
  if (round % (SLOW_EVERY * 10) === 0) await Promise.all([intoIfOther(zones, layer("/zones")), intoIfOther(corridors, layer("/corridors"))]);
}

/** The alarm rate is only asked for where it is shown: without a judge it is an error. It is one of the whole city. */
export async function readAlarmRate(): Promise<void> {
  alarmRate.value = seesWholeCity.value ? await request<AlertRate>("GET", "/alerts/rate").catch(() => null) : null;
}

export async function keepMoving(): Promise<void> {
  for (let round = 0; ; round++) {
    if (!document.hidden) await readMoving(round).catch(() => null);
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
}
