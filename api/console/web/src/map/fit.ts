import type { LngLatBounds, Map as MapLibreMap } from "maplibre-gl";

/** Shows these bounds with a margin of at most `most` pixels. While a map has no size, as before it is laid out, nothing moves. */
export function fitTo(map: MapLibreMap, bounds: LngLatBounds, most: number, view: { maxZoom: number; duration: number }): void {
  const { clientWidth, clientHeight } = map.getCanvas(); // as large as the map takes itself to be
  const shorter = Math.min(clientWidth, clientHeight);
  if (shorter > 0) map.fitBounds(bounds, { padding: Math.min(most, shorter / 8), ...view });
}
