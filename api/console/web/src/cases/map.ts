/* The open case on the map: its place, the alerts that it holds, and what was found near it. */
import { effect } from "@preact/signals";
import type { Feature as GeoFeature, Position } from "geojson";
import { LngLatBounds, type GeoJSONSource, type Map as MapLibreMap } from "maplibre-gl";
import { drawn, drawnAt } from "../map/datum";
import { collection, pointAt } from "../map/features";
import { fitTo } from "../map/fit";
import { caseFile, nearCase } from "../state/cases";
import { rightPanel } from "../state/view";

/** Add sources and layers to a map that is loaded; returns what ends it. */
export function showCase(map: MapLibreMap): (() => void)[] {
  map.addSource("case-file", { type: "geojson", data: collection([]) });
  map.addLayer({
    id: "case-file", type: "circle", source: "case-file",
    paint: {
      "circle-radius": ["match", ["get", "what"], "place", 17, "held", 9, 7], "circle-opacity": ["match", ["get", "what"], "held", 0.35, 0],
      "circle-color": "#4cc2a6", "circle-stroke-width": 2.5, "circle-stroke-color": ["match", ["get", "what"], "near", "#b9c6d3", "#4cc2a6"],
    },
  });
  const source = map.getSource("case-file") as GeoJSONSource;
  let framed = "";
  return [
    effect(() => void source.setData(drawn(collection(features())))),
    effect(() => {
      const number = rightPanel.value === "cases" ? (caseFile.value?.case.number ?? "") : "";
      if (number && number !== framed) fit(map, places());
      framed = number;
    }),
  ];
}

function features(): GeoFeature[] {
  const found = rightPanel.value === "cases" ? caseFile.value : null;
  if (!found) return [];
  const { lat, lon } = found.case;
  const held = new Set(found.case.alerts);
  return [
    ...(lat !== null && lon !== null ? [pointAt([lon, lat], { what: "place" })] : []),
    ...found.alerts.flatMap((alert) => (alert.lat !== null && alert.lon !== null ? [pointAt([alert.lon, alert.lat], { what: "held" })] : [])),
    ...(nearCase.value?.alerts ?? []).flatMap(({ alert }) =>
      alert.lat !== null && alert.lon !== null && !held.has(alert.alert_id) ? [pointAt([alert.lon, alert.lat], { what: "near" })] : [],
    ),
  ];
}

function places(): Position[] {
  return features().map((feature) => (feature.geometry as { coordinates: Position }).coordinates);
}

function fit(map: MapLibreMap, found: Position[]): void {
  if (!found.length) return;
  const bounds = new LngLatBounds();
  for (const [lon, lat] of found.map(drawnAt)) bounds.extend([lon ?? 0, lat ?? 0]);
  fitTo(map, bounds, 90, { maxZoom: 14, duration: 0 });
}
