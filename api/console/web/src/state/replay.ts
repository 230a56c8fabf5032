/* Replay: where trucks were at any instant of a stretch of time, by device time. The requests hold the API's bounds. */
import { computed, signal } from "@preact/signals";
import { ApiError, getAll, query, request } from "../api/client";
import type { Feature, FeatureCollection } from "../api/types";
import { t } from "../text";
import { tell } from "./actions";
import { fixesOf, type TruckTrack } from "../replay/course";

/** One truck: the API takes 7 days in a request. Many: a day, and 50,000 fixes. */
export const LONGEST_ONE_MS = 7 * 86_400_000;
export const LONGEST_MANY_MS = 86_400_000;
const MOST_PIECES = 5_000;
const FRAME_MS = 66;
export const SPEEDS = [1, 10, 60, 300, 1_200] as const;

export interface Replay {
  start: number;
  end: number;
  trucks: TruckTrack[];
}

export const replay = signal<Replay | null>(null);
export const isReading = signal(false);
/** Device time that is shown, ms. */
export const replayAt = signal(0);
export const isPlaying = signal(false);
export const speed = signal<number>(60);
/** What the map shows: west, south, east, north. */
export const mapBounds = signal<[number, number, number, number] | null>(null);

export const isReplaying = computed(() => replay.value !== null);

export type Scope = { device: string } | { fleet: string; district: string };

/** Read the tracks and stand at the beginning. */
export async function openReplay(scope: Scope, start: number, end: number): Promise<void> {
  isReading.value = true;
  try {
    const trucks = "device" in scope ? await trackOf(scope.device, start, end) : await tracksInView(scope, start, end);
    if (!trucks.length) {
      tell(t("replayEmpty"), true);
      return;
    }
    pause();
    replay.value = { start, end, trucks };
    replayAt.value = Math.max(start, Math.min(...trucks.map((truck) => truck.fixes[0]?.ts ?? end)));
  } catch (error) {
    tell(error instanceof ApiError ? error.message : String(error), true);
  } finally {
    isReading.value = false;
  }
}

async function trackOf(device: string, start: number, end: number): Promise<TruckTrack[]> {
  const path = `/devices/${encodeURIComponent(device)}/track${query({ start, end, limit: 5_000 })}`;
  return fixesOf(await getAll<Feature>(path, "features", MOST_PIECES));
}

/** The trucks that were within the map's view at some time of it. */
async function tracksInView(scope: { fleet: string; district: string }, start: number, end: number): Promise<TruckTrack[]> {
  const found = await request<FeatureCollection>("GET", `/tracks${query({ start, end, ...scope })}`);
  const [west, south, east, north] = mapBounds.value ?? [-180, -90, 180, 90];
  return fixesOf(found.features).filter((truck) => truck.fixes.some(({ lon, lat }) => lon >= west && lon <= east && lat >= south && lat <= north));
}

let frame: ReturnType<typeof setInterval> | undefined;

export function play(): void {
  const shown = replay.value;
  if (!shown) return;
  if (replayAt.value >= shown.end) replayAt.value = shown.start;
  isPlaying.value = true;
  let before = performance.now();
  clearInterval(frame);
  frame = setInterval(() => {
    const now = performance.now();
    replayAt.value = Math.min(shown.end, replayAt.value + (now - before) * speed.value);
    before = now;
    if (replayAt.value >= shown.end) pause();
  }, FRAME_MS);
}

export function pause(): void {
  clearInterval(frame);
  isPlaying.value = false;
}

export function closeReplay(): void {
  pause();
  replay.value = null;
}
