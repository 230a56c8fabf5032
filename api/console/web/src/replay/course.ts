/* Tracks of trucks as fixes in the order of time, and where a truck was at an instant. No state, no map. */
import type { Feature } from "../api/types";

export interface TrackFix {
  /** Device time, ms. */
  ts: number;
  lon: number;
  lat: number;
}

export interface TruckTrack {
  device: string;
  plate: string;
  fixes: TrackFix[];
}

export interface Standing extends TrackFix {
  /** Clockwise from north, degrees. */
  heading: number;
  /** False where no fix says anything of that time: it stands where it was last seen. */
  isKnown: boolean;
}

/** The API ends a line at such a gap: between the fixes on both sides nothing is known. */
export const GAP_MS = 300_000;

/** All pieces of each truck in one. */
export function fixesOf(pieces: readonly Feature[]): TruckTrack[] {
  const found = new Map<string, TruckTrack>();
  for (const { geometry, properties } of pieces) {
    const device = String(properties["device_id"]);
    const truck = found.get(device) ?? { device, plate: String(properties["plate"] ?? device), fixes: [] };
    found.set(device, truck);
    const times = properties["times"] as number[];
    const places = (geometry.type === "Point" ? [geometry.coordinates] : geometry.coordinates) as [number, number][];
    places.forEach(([lon, lat], index) => truck.fixes.push({ ts: times[index] ?? 0, lon, lat }));
  }
  for (const truck of found.values()) truck.fixes.sort((a, b) => a.ts - b.ts);
  return [...found.values()];
}

/** Number of fixes up to and including an instant. */
export function countUntil(fixes: readonly TrackFix[], at: number): number {
  let low = 0;
  let high = fixes.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((fixes[middle] as TrackFix).ts <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Where a truck was at an instant, between the fixes on both sides of it; null before the first one. */
export function standingAt(fixes: readonly TrackFix[], at: number): Standing | null {
  const count = countUntil(fixes, at);
  const last = fixes[count - 1];
  if (!last) return null;
  const next = fixes[count];
  if (!next || next.ts - last.ts > GAP_MS) {
    const before = fixes[count - 2];
    return { ...last, heading: before ? bearing(before, last) : 0, isKnown: at - last.ts <= (next ? 0 : GAP_MS) };
  }
  const share = (at - last.ts) / (next.ts - last.ts);
  return {
    ts: at, lon: last.lon + (next.lon - last.lon) * share, lat: last.lat + (next.lat - last.lat) * share, heading: bearing(last, next),
    isKnown: true,
  };
}

/** The way up to an instant, from `since` on, as lines that end at gaps. */
export function wayUntil(fixes: readonly TrackFix[], since: number, at: number): [number, number][][] {
  const lines: [number, number][][] = [];
  let line: [number, number][] = [];
  let before = Number.NEGATIVE_INFINITY;
  for (const fix of fixes.slice(countUntil(fixes, since - 1), countUntil(fixes, at))) {
    if (fix.ts - before > GAP_MS && line.length) {
      lines.push(line);
      line = [];
    }
    line.push([fix.lon, fix.lat]);
    before = fix.ts;
  }
  const standing = standingAt(fixes, at);
  if (standing?.isKnown && line.length) line.push([standing.lon, standing.lat]);
  return [...lines, line].filter((one) => one.length > 1);
}

function bearing(from: TrackFix, to: TrackFix): number {
  const east = (to.lon - from.lon) * Math.cos((from.lat * Math.PI) / 180);
  return (Math.atan2(east, to.lat - from.lat) * 180) / Math.PI;
}
