/* The map's own style: the city's geometry over the coasts of the world, drawn without tiles, glyph server or any other host. */
import type { ExpressionSpecification, LayerSpecification, StyleSpecification } from "maplibre-gl";
import land from "virtual:land";
import type { Layer } from "../state/view";

export const SEVERITY_COLOURS = { P1: "#D55E00", P2: "#E69F00", P3: "#F0E442", P4: "#56B4E9" } as const;
const severity: ExpressionSpecification = [
  "match", ["get", "severity"], "P1", SEVERITY_COLOURS.P1, "P2", SEVERITY_COLOURS.P2, "P3", SEVERITY_COLOURS.P3, SEVERITY_COLOURS.P4,
];
export const FILL_COLOURS = { low: "#009E73", warn: "#E69F00", full: "#D55E00", none: "#67788a" } as const;
/** Colour of a bin by its fullest compartment. A point with a level of its own warns as far below that as all others. */
export const fillColour = ({ warn, full }: { warn: number; full: number }): ExpressionSpecification => {
  const ownFull: ExpressionSpecification = ["coalesce", ["get", "overflow_at_pct"], full];
  return [
    "case", ["==", ["get", "fullest_pct"], null], FILL_COLOURS.none, [">=", ["get", "fullest_pct"], ownFull], FILL_COLOURS.full,
    [">=", ["get", "fullest_pct"], ["-", ownFull, full - warn]], FILL_COLOURS.warn, FILL_COLOURS.low,
  ];
};
export const SOURCES = ["zones", "corridors", "sites", "siteNames", "bins", "suspected", "trucks", "alerts", "track", "moment", "point"] as const;
export type SourceName = (typeof SOURCES)[number];

const empty = { type: "FeatureCollection" as const, features: [] };
const text = { "text-font": ["sans-serif"], "text-size": 12, "text-optional": true };
/** Areas with a line of their own around them need no smooth edge: it is drawn as one more layer. */
const lined = { "fill-antialias": false } as const;
const halo = { "text-color": "#c3d0dc", "text-halo-color": "#101a27", "text-halo-width": 1.4 } as const;

/** By layer of the legend, the layers of the map, lowest first. */
export const LAYERS_OF: Record<Exclude<Layer, "Base"> | "Case", LayerSpecification[]> = {
  Zones: [
    { id: "zones", type: "fill", source: "zones", paint: { "fill-color": ["match", ["get", "kind"], "forbidden", "#D55E00", "permitted_area", "#009E73", "#56B4E9"], "fill-opacity": ["match", ["get", "kind"], "forbidden", 0.14, 0.04], ...lined } },
    { id: "zone-edges", type: "line", source: "zones", paint: { "line-color": ["match", ["get", "kind"], "forbidden", "#D55E00", "permitted_area", "#009E73", "#56B4E9"], "line-opacity": 0.6, "line-dasharray": [3, 2] } },
  ],
  Corridors: [
    { id: "corridors", type: "fill", source: "corridors", paint: { "fill-color": "#6fa4dd", "fill-opacity": 0.13, ...lined } },
    { id: "corridor-edges", type: "line", source: "corridors", paint: { "line-color": "#6fa4dd", "line-opacity": 0.45, "line-width": 0.8 } },
  ],
  Sites: [
    { id: "sites", type: "fill", source: "sites", paint: { "fill-color": "#4cc2a6", "fill-opacity": 0.16, ...lined } },
    { id: "site-edges", type: "line", source: "sites", paint: { "line-color": "#4cc2a6", "line-width": 1.2 } },
    { id: "site-names", type: "symbol", source: "siteNames", layout: { ...text, "text-field": ["get", "label"], "text-size": 11, "text-offset": [0, 0.9], "text-anchor": "top", "symbol-sort-key": ["get", "rank"] }, paint: halo },
  ],
  Bins: [
    { id: "bins", type: "circle", source: "bins", paint: {
      "circle-radius": ["interpolate", ["linear"], ["zoom"], 9, 3, 14, 7],
      "circle-color": FILL_COLOURS.none,
      "circle-stroke-color": "#101a27", "circle-stroke-width": 1,
    } },
  ],
  Suspected: [
    { id: "suspected", type: "circle", source: "suspected", paint: { "circle-radius": 11, "circle-color": "#CC79A7", "circle-opacity": 0.2, "circle-stroke-color": "#CC79A7", "circle-stroke-width": 2 } },
  ],
  Trucks: [
    { id: "clusters", type: "circle", source: "trucks", filter: ["has", "point_count"], paint: { "circle-color": "#26507d", "circle-stroke-color": "#6fb2f7", "circle-stroke-width": 1.5, "circle-radius": ["step", ["get", "point_count"], 13, 20, 17, 100, 22, 1000, 28] } },
    { id: "cluster-counts", type: "symbol", source: "trucks", filter: ["has", "point_count"], layout: { ...text, "text-field": ["get", "point_count_abbreviated"], "text-allow-overlap": true }, paint: { "text-color": "#ffffff" } },
    { id: "trucks", type: "symbol", source: "trucks", filter: ["!", ["has", "point_count"]], layout: {
      "icon-image": ["concat", "truck-", ["get", "state"]], "icon-rotate": ["get", "heading"], "icon-rotation-alignment": "map", "icon-allow-overlap": true,
      ...text, "text-field": ["step", ["zoom"], "", 12.5, ["get", "label"]], "text-size": 11, "text-offset": [0, 1.1], "text-anchor": "top",
    }, paint: halo },
  ],
  Alerts: [
    { id: "alert-rings", type: "circle", source: "alerts", paint: { "circle-radius": 11, "circle-opacity": 0, "circle-stroke-color": severity, "circle-stroke-width": 2, "circle-stroke-opacity": ["case", ["get", "open"], 1, 0.35] } },
    { id: "alerts", type: "circle", source: "alerts", paint: { "circle-radius": 5, "circle-color": severity, "circle-opacity": ["case", ["get", "open"], 1, 0.4] } },
  ],
  Case: [
    { id: "track", type: "line", source: "track", layout: { "line-cap": "round", "line-join": "round" }, paint: {
      "line-color": ["match", ["get", "part"], "during", "#ff8f3f", "before", "#8fd0ff", "#c9b6ff"], "line-width": ["match", ["get", "part"], "during", 4.5, 3], "line-opacity": 0.95,
    } },
    { id: "moment-ring", type: "circle", source: "moment", paint: { "circle-radius": 15, "circle-opacity": 0, "circle-stroke-color": "#ffffff", "circle-stroke-width": 2.5 } },
    { id: "moment-dot", type: "circle", source: "moment", paint: { "circle-radius": 6, "circle-color": severity, "circle-stroke-color": "#ffffff", "circle-stroke-width": 1.5 } },
    { id: "point", type: "circle", source: "point", paint: { "circle-radius": 7, "circle-color": "#ffffff", "circle-stroke-color": "#101a27", "circle-stroke-width": 2 } },
  ],
};

const GROUND = "#111c2a";
const SEA = "#0a1420";
/** Coasts of 1:110m are kilometres off: nearer than this zoom level they would mislead. */
const COARSE_UNTIL = 7;
/** Corridors lie under sites, the case above all. */
const ORDER = ["Zones", "Corridors", "Sites", "Bins", "Suspected", "Trucks", "Alerts", "Case"] as const;

export function style(): StyleSpecification {
  const plain = { type: "geojson" as const, data: empty };
  const clustered = { ...plain, cluster: true, clusterRadius: 38, clusterMaxZoom: 12 };
  return {
    version: 8,
    sources: { land: { ...plain, data: land }, ...Object.fromEntries(SOURCES.map((name) => [name, name === "trucks" ? clustered : plain])) },
    layers: [
      { id: "ground", type: "background", paint: { "background-color": ["step", ["zoom"], SEA, COARSE_UNTIL, GROUND] } },
      { id: "land", type: "fill", source: "land", maxzoom: COARSE_UNTIL, paint: { "fill-color": GROUND, "fill-outline-color": "#2c4056" } },
      ...ORDER.flatMap((name) => LAYERS_OF[name]),
    ],
  };
}
