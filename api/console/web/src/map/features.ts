/* What the API and the case say, as features of the map's sources. */
import type { Feature as GeoFeature, FeatureCollection, Geometry, Position } from "geojson";
import type { AlertView, Feature } from "../api/types";
import type { Course } from "../state/case";
import { isOpen } from "../state/filters";
import { localName } from "../text";

export const collection = (features: GeoFeature[]): FeatureCollection => ({ type: "FeatureCollection", features });
export const asGeo = (features: readonly Feature[]): FeatureCollection => collection(features as unknown as GeoFeature[]);

export const pointAt = (coordinates: Position, properties: Record<string, unknown> = {}): GeoFeature => ({
  type: "Feature", geometry: { type: "Point", coordinates }, properties,
});

/** The trucks with what is drawn of them: all of it goes to the map's worker at each round. */
export function truckPoints(trucks: readonly Feature[]): FeatureCollection {
  return collection(
    trucks.map(({ id, geometry, properties }) => ({
      type: "Feature",
      geometry: geometry as unknown as Geometry,
      properties: { id, state: properties["state"], heading: properties["heading_deg"] ?? 0, label: properties["plate"] ?? properties["device_id"] },
    })),
  );
}

function centre(ring: Position[]): Position {
  const [xs, ys] = [ring.map((point) => point[0] ?? 0), ring.map((point) => point[1] ?? 0)];
  return [(Math.min(...xs) + Math.max(...xs)) / 2, (Math.min(...ys) + Math.max(...ys)) / 2];
}

/** Names of sites; recycling points give way to all others, since there are many. */
export function siteNames(sites: Iterable<Feature>): FeatureCollection {
  return collection(
    [...sites].map((site) => {
      const ring = (site.geometry.coordinates as Position[][])[0] ?? [];
      return pointAt(centre(ring), { label: localName(site.properties), rank: site.properties["kind"] === "recycling_point" ? 1 : 0 });
    }),
  );
}

export function alertPoints(alerts: readonly AlertView[]): FeatureCollection {
  return collection(
    alerts
      .filter((alert) => alert.lat !== null && alert.lon !== null)
      .map((alert) => pointAt([alert.lon as number, alert.lat as number], { alert_id: alert.alert_id, severity: alert.severity, open: isOpen(alert) })),
  );
}

export interface Fix {
  ts: number;
  place: Position;
}

/** All fixes of a track in the order of time. */
export function fixesOf(found: Course): Fix[] {
  return found.track.flatMap((piece) => {
    const times = piece.properties["times"] as number[];
    const places = (piece.geometry.type === "Point" ? [piece.geometry.coordinates] : piece.geometry.coordinates) as Position[];
    return places.map((place, index) => ({ ts: times[index] ?? 0, place }));
  });
}

/** The track before, during and after the incident; a part begins where the one before it ends. */
export function trackParts(found: Course, alert: AlertView): FeatureCollection {
  const until = alert.closed_at ?? Number.POSITIVE_INFINITY;
  const partOf = (ts: number) => (ts < alert.opened_at ? "before" : ts <= until ? "during" : "after");
  const lines: GeoFeature[] = [];
  for (const piece of found.track) {
    if (piece.geometry.type !== "LineString") continue;
    const times = piece.properties["times"] as number[];
    const places = piece.geometry.coordinates as Position[];
    let line: Position[] = [];
    let part = "";
    places.forEach((place, index) => {
      const next = partOf(times[index] ?? 0);
      if (part && next !== part) {
        lines.push(lineOf([...line, place], part));
        line = [];
      }
      part = next;
      line.push(place);
    });
    if (line.length > 1) lines.push(lineOf(line, part));
  }
  return collection(lines);
}

const lineOf = (coordinates: Position[], part: string): GeoFeature => ({
  type: "Feature", geometry: { type: "LineString", coordinates }, properties: { part },
});

/** The fix nearest in time; null beyond five minutes of any. */
export function fixAt(fixes: readonly Fix[], time: number | null): Fix | null {
  if (time === null) return null;
  let best: Fix | null = null;
  for (const fix of fixes) if (!best || Math.abs(fix.ts - time) < Math.abs(best.ts - time)) best = fix;
  return best && Math.abs(best.ts - time) < 300_000 ? best : null;
}

/** The fix nearest to a place on the map, within `reach` degrees. */
export function fixNear(fixes: readonly Fix[], lon: number, lat: number, reach: number): Fix | null {
  const east = Math.cos((lat * Math.PI) / 180);
  let best: Fix | null = null;
  let least = reach;
  for (const fix of fixes) {
    const off = Math.hypot(((fix.place[0] ?? 0) - lon) * east, (fix.place[1] ?? 0) - lat);
    if (off < least) [best, least] = [fix, off];
  }
  return best;
}
