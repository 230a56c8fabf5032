/* The replay on the map: trucks at the instant that is shown, and the way behind them. */
import { effect } from "@preact/signals";
import type { Feature as GeoFeature } from "geojson";
import { LngLatBounds, type GeoJSONSource, type Map as MapLibreMap } from "maplibre-gl";
import { drawn, drawnAt, positionAt } from "../map/datum";
import { fitTo } from "../map/fit";
import { isReplaying, mapBounds, replay, replayAt } from "../state/replay";
import { standingAt, wayUntil } from "./course";

/** Of many trucks only the last stretch is drawn; of one all that it drove. */
const BEHIND_MS = 15 * 60_000;
const EMPTY = { type: "FeatureCollection" as const, features: [] };
const LIVE = ["clusters", "cluster-counts", "trucks"];

/** Add sources and layers to a map that is loaded; returns what ends it. */
export function showReplay(map: MapLibreMap): (() => void)[] {
  map.addSource("replay-ways", { type: "geojson", data: EMPTY });
  map.addSource("replay-trucks", { type: "geojson", data: EMPTY });
  map.addLayer({
    id: "replay-ways", type: "line", source: "replay-ways", layout: { "line-cap": "round", "line-join": "round" },
    paint: { "line-color": "#8fd0ff", "line-width": 3, "line-opacity": 0.9 },
  });
  map.addLayer({
    id: "replay-trucks", type: "symbol", source: "replay-trucks",
    layout: {
      "icon-image": ["case", ["get", "known"], "truck-moving", "truck-unknown"], "icon-rotate": ["get", "heading"], "icon-rotation-alignment": "map",
      "icon-allow-overlap": true, "icon-size": 1.3, "text-font": ["sans-serif"], "text-size": 12, "text-optional": true, "text-field": ["get", "plate"],
      "text-offset": [0, 1.3], "text-anchor": "top",
    },
    paint: { "text-color": "#ffffff", "text-halo-color": "#101a27", "text-halo-width": 1.4 },
  });
  const follow = () => {
    const bounds = map.getBounds();
    mapBounds.value = [...positionAt(bounds.getWest(), bounds.getSouth()), ...positionAt(bounds.getEast(), bounds.getNorth())];
  };
  map.on("moveend", follow);
  follow();
  return [effect(() => draw(map)), effect(() => hideLive(map)), effect(() => frame(map)), () => map.off("moveend", follow)];
}

function draw(map: MapLibreMap): void {
  const shown = replay.value;
  const at = replayAt.value;
  const trucks: GeoFeature[] = [];
  const ways: GeoFeature[] = [];
  const isOne = shown?.trucks.length === 1;
  for (const truck of shown?.trucks ?? []) {
    const standing = standingAt(truck.fixes, at);
    if (!standing) continue;
    trucks.push({
      type: "Feature", geometry: { type: "Point", coordinates: [standing.lon, standing.lat] },
      properties: { plate: truck.plate, heading: standing.heading, known: standing.isKnown },
    });
    const since = isOne ? Number.NEGATIVE_INFINITY : at - BEHIND_MS;
    for (const coordinates of wayUntil(truck.fixes, since, at)) ways.push({ type: "Feature", geometry: { type: "LineString", coordinates }, properties: {} });
  }
  (map.getSource("replay-trucks") as GeoJSONSource).setData(drawn({ type: "FeatureCollection", features: trucks }));
  (map.getSource("replay-ways") as GeoJSONSource).setData(drawn({ type: "FeatureCollection", features: ways }));
}

/** Where trucks are now would be taken for where they were. */
function hideLive(map: MapLibreMap): void {
  const opacity = isReplaying.value ? 0 : 1;
  for (const id of LIVE) {
    if (!map.getLayer(id)) continue;
    if (id === "clusters") map.setPaintProperty(id, "circle-opacity", opacity).setPaintProperty(id, "circle-stroke-opacity", opacity);
    else map.setPaintProperty(id, "icon-opacity", opacity).setPaintProperty(id, "text-opacity", opacity);
  }
}

/** Show all of a replay once, when it was read. */
function frame(map: MapLibreMap): void {
  const shown = replay.value;
  if (!shown || shown.trucks.length !== 1) return;
  const bounds = new LngLatBounds();
  for (const { lon, lat } of shown.trucks[0]?.fixes ?? []) bounds.extend(drawnAt([lon, lat]) as [number, number]);
  fitTo(map, bounds, 70, { maxZoom: 15, duration: 0 });
}
