/* The base map: tiles or an archive that the operator's settings name, drawn below the city. All of it comes from the API. */
import { addProtocol, type LayerSpecification, type Map as MapLibreMap } from "maplibre-gl";
import { headers } from "../api/client";
import type { BaseMapOut } from "../api/types";
import { baseFails } from "../state/basemap";
import { language } from "../text";

/** The lowest layer of the city. */
const ABOVE = "zones";
const PREFIX = "base-";

/** Add sources and layers; returns the ids of the layers. */
export async function addBaseMap(map: MapLibreMap, base: BaseMapOut): Promise<string[]> {
  watchFailures(map);
  const layers = base.kind === "archive" && base.archive ? await archiveLayers(map, base.archive) : tileLayers(map, base);
  for (const layer of layers) map.addLayer(layer, ABOVE);
  return layers.map((layer) => layer.id);
}

/** Names of places in the language of the desk. */
export function setBaseLanguage(map: MapLibreMap, ids: readonly string[]): void {
  for (const id of ids) if (map.getLayer(id)?.type === "symbol") map.setLayoutProperty(id, "text-field", placeName());
}

function tileLayers(map: MapLibreMap, base: BaseMapOut): LayerSpecification[] {
  return base.layers.map((path, number) => {
    const source = `${PREFIX}${number}`;
    map.addSource(source, { type: "raster", tiles: [location.origin + path], tileSize: 256, maxzoom: base.max_zoom });
    return pictures(source);
  });
}

async function archiveLayers(map: MapLibreMap, path: string): Promise<LayerSpecification[]> {
  const { FetchSource, PMTiles, Protocol, TileType } = await import("pmtiles");
  const protocol = new Protocol();
  addProtocol("pmtiles", protocol.tile);
  const archive = new PMTiles(new FetchSource(location.origin + path, new Headers(headers())));
  protocol.add(archive);
  const source = `${PREFIX}archive`;
  const url = `pmtiles://${archive.source.getKey()}`;
  try {
    const { tileType } = await archive.getHeader();
    map.addSource(source, tileType === TileType.Mvt ? { type: "vector", url } : { type: "raster", url, tileSize: 256 });
    if (tileType !== TileType.Mvt) return [pictures(source)];
    const { vector_layers: named } = (await archive.getMetadata()) as { vector_layers?: { id: string }[] };
    return drawings(source, new Set(named?.map((layer) => layer.id)));
  } catch {
    baseFails.value = true;
    return [];
  }
}

/** Darker than they come, so that the city stands out. */
const pictures = (source: string): LayerSpecification => ({ id: source, type: "raster", source, paint: { "raster-brightness-max": 0.75, "raster-fade-duration": 0 } });

const placeName = () =>
  (language.value === "zh"
    ? ["coalesce", ["get", "name:zh-Hans"], ["get", "name:zh"], ["get", "name"]]
    : ["coalesce", ["get", "name:en"], ["get", "name"]]) as ["coalesce", ...["get", string][]];

/** Ground, water, roads, buildings and names, of those layers that the archive has (Protomaps or OpenMapTiles). No borders. */
function drawings(source: string, has: ReadonlySet<string>): LayerSpecification[] {
  const fill = (layer: string, colour: string, minzoom = 0): LayerSpecification => ({
    id: PREFIX + layer, type: "fill", source, "source-layer": layer, minzoom, filter: ["==", ["geometry-type"], "Polygon"], paint: { "fill-color": colour },
  });
  const line = (layer: string, colour: string, near: number): LayerSpecification => ({
    id: `${PREFIX}${layer}-lines`, type: "line", source, "source-layer": layer, filter: ["==", ["geometry-type"], "LineString"],
    paint: { "line-color": colour, "line-width": ["interpolate", ["exponential", 1.5], ["zoom"], 8, 0.4, 18, near] },
  });
  const names = (layer: string): LayerSpecification => ({
    id: PREFIX + layer, type: "symbol", source, "source-layer": layer,
    layout: { "text-field": placeName(), "text-font": ["sans-serif"], "text-size": 12 },
    paint: { "text-color": "#8fa3b5", "text-halo-color": "#101a27", "text-halo-width": 1.2 },
  });
  const all: [layer: string, drawing: LayerSpecification][] = [
    ["earth", fill("earth", GROUND)],
    ["landcover", fill("landcover", "#14271f")],
    ["landuse", fill("landuse", "#16272a")],
    ["park", fill("park", "#14271f")],
    ["water", fill("water", WATER)],
    ["water", line("water", WATER, 6)],
    ["waterway", line("waterway", WATER, 6)],
    ["buildings", fill("buildings", "#1e2d3d", 14)],
    ["building", fill("building", "#1e2d3d", 14)],
    ["roads", line("roads", "#33475b", 14)],
    ["transportation", line("transportation", "#33475b", 14)],
    ["places", names("places")],
    ["place", names("place")],
  ];
  return all.filter(([layer]) => has.has(layer)).map(([, drawing]) => drawing);
}

export const GROUND = "#16222f";
export const WATER = "#10304f";

/** Say that no tiles come, until one does. A tile that the service has not is no failure. */
function watchFailures(map: MapLibreMap): void {
  map.on("error", (event) => {
    const { sourceId, error } = event as unknown as { sourceId?: string; error: Error & { status?: number } };
    if (!sourceId?.startsWith(PREFIX)) console.error(error);
    else if (error.status !== 404) baseFails.value = true;
  });
  map.on("sourcedata", (event) => {
    if (event.sourceId.startsWith(PREFIX) && event.tile) baseFails.value = false;
  });
}
