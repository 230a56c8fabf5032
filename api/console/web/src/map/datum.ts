/* Where a WGS-84 position is drawn: over a base map in GCJ-02 it is shifted to it. The formula is that of devices/geo/gcj02.py. */
import type { Feature as GeoFeature, FeatureCollection, Geometry, Position } from "geojson";
import { isShifted } from "../state/basemap";

const A = 6_378_245;
const E2 = 0.006_693_421_622_965_943;
const RAD = Math.PI / 180;

const waves = (terms: readonly (readonly [number, number])[], degrees: number) =>
  (terms.reduce((sum, [amplitude, frequency]) => sum + amplitude * Math.sin(frequency * degrees * Math.PI), 0) * 2) / 3;
const SHARED = [[20, 6], [20, 2]] as const;
const NORTH = [[20, 1], [40, 1 / 3], [160, 1 / 12], [320, 1 / 30]] as const;
const EAST = [[20, 1], [40, 1 / 3], [150, 1 / 12], [300, 1 / 30]] as const;

export function gcj02Of(lon: number, lat: number): [lon: number, lat: number] {
  if (lon < 72.004 || lon > 137.8347 || lat < 0.8293 || lat > 55.8271) return [lon, lat];
  const [x, y] = [lon - 105, lat - 35];
  const shared = waves(SHARED, x);
  const root = Math.sqrt(Math.abs(x));
  const north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + shared + waves(NORTH, y);
  const east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + shared + waves(EAST, x);
  const phi = lat * RAD;
  const w2 = 1 - E2 * Math.sin(phi) ** 2;
  return [lon + (east * Math.sqrt(w2)) / (A * Math.cos(phi)) / RAD, lat + (north * w2 ** 1.5) / (A * (1 - E2)) / RAD];
}

/** Where a position is drawn. */
export const drawnAt = (place: Position): Position => (isShifted.value ? gcj02Of(place[0] ?? 0, place[1] ?? 0) : place);

/** To a metre. */
export function wgs84Of(lon: number, lat: number): [lon: number, lat: number] {
  const [east, north] = gcj02Of(lon, lat);
  return [2 * lon - east, 2 * lat - north];
}

/** The position that is drawn at a place of the map. */
export const positionAt = (lon: number, lat: number): [lon: number, lat: number] => (isShifted.value ? wgs84Of(lon, lat) : [lon, lat]);

/** The features as they are drawn. */
export function drawn(found: FeatureCollection): FeatureCollection {
  if (!isShifted.value) return found;
  return { ...found, features: found.features.map((feature): GeoFeature => ({ ...feature, geometry: shifted(feature.geometry) })) };
}

function shifted(geometry: Geometry): Geometry {
  return "coordinates" in geometry ? ({ ...geometry, coordinates: nested(geometry.coordinates) } as Geometry) : geometry;
}

type Nested = number | Nested[];
function nested(coordinates: Nested[]): Nested[] {
  const [lon, lat] = coordinates;
  return typeof lon === "number" && typeof lat === "number" ? gcj02Of(lon, lat) : coordinates.map((one) => nested(one as Nested[]));
}
