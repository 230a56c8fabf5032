/* The MapLibre map: sources follow the state, clicks change it. */
import { effect, signal } from "@preact/signals";
import { LngLatBounds, Map as MapLibreMap, NavigationControl, Popup, ScaleControl, setWorkerUrl, type GeoJSONSource, type MapGeoJSONFeature, type MapMouseEvent } from "maplibre-gl";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?url";
import "maplibre-gl/dist/maplibre-gl.css";
import type { FeatureCollection, Position } from "geojson";
import { headers } from "../api/client";
import { isShifted, readBaseMap } from "../state/basemap";
import { course, openCase, pointed } from "../state/case";
import { city, deviceName, fillLevels, sites } from "../state/city";
import { bins, corridors, openAlerts, suspected, trucks, zones } from "../state/moving";
import { choose, shown } from "../state/queue";
import { LAYERS, layers } from "../state/view";
import { language, localName, t, word } from "../text";
import { clock, measured } from "../parts/format";
import { showCase } from "../cases/map";
import { showReplay } from "../replay/layer";
import { addBaseMap, setBaseLanguage } from "./base";
import { drawn, drawnAt, gcj02Of, positionAt, wgs84Of } from "./datum";
import { drawCoarselyWhileMoved, finest } from "./drawing";
import { alertPoints, asGeo, collection, fixAt, fixesOf, fixNear, pointAt, siteNames, trackParts, truckPoints, type Fix } from "./features";
import { fitTo } from "./fit";
import { fillColour, LAYERS_OF, style, type SourceName } from "./style";
import { truckImages } from "./symbols";

setWorkerUrl(workerUrl);

const CLICKABLE = ["moment-dot", "alerts", "alert-rings", "trucks", "clusters", "bins", "suspected", "sites"];
const REACH_PX = 24;
const FIT_MS = 500;
const LONGEST_WAIT_MS = 12_000;

export class CityMap {
  private readonly map: MapLibreMap;
  private readonly disposers: (() => void)[] = [];
  private readonly popup = new Popup({ closeButton: false, maxWidth: "280px" });
  private fixes: Fix[] = [];
  private fitted: Position[] = [];
  private framed = "";
  private isFitting = false;
  private isGone = false;
  private showsBusy = false;
  /** Layers of the base map. */
  private readonly base = signal<readonly string[]>([]);

  /** Throws where the browser has no WebGL. */
  constructor(box: HTMLElement) {
    this.map = new MapLibreMap({
      container: box,
      style: style(),
      center: [112.85, 35.49],
      zoom: 9,
      attributionControl: false,
      localIdeographFontFamily: '"Noto Sans SC", "PingFang SC", "Microsoft YaHei", sans-serif',
      dragRotate: false,
      transformRequest: (url) => ({ url, headers: url.startsWith(location.origin) ? headers() : {} }),
      fadeDuration: 0,
      pixelRatio: finest(),
      canvasContextAttributes: { preserveDrawingBuffer: true },
    });
    this.map.touchZoomRotate.disableRotation();
    this.map.addControl(new NavigationControl({ showCompass: false }), "top-right");
    this.map.addControl(new ScaleControl({ unit: "metric" }), "bottom-left");
    this.map.on("load", () => this.begin());
    this.map.on("moveend", () => (this.isFitting = false));
  }

  remove(): void {
    this.isGone = true;
    for (const dispose of this.disposers) dispose();
    this.map.remove();
  }

  /** All corridors, or all sites where the city has no routes; asked again while it shows these, it shows all sites. */
  fitCity(): void {
    const busy = this.showsBusy ? [] : corridors.value;
    this.showsBusy = busy.length > 0;
    const shapes = busy.length ? busy : [...sites.value.values()];
    const places = shapes.flatMap((shape) => (shape.geometry.coordinates as Position[][])[0] ?? []);
    this.fit(places.length ? places : [[city.value?.centre.lon ?? 112.85, city.value?.centre.lat ?? 35.49]]);
  }

  /** The incident's own stretch, or the whole track where it has none. */
  fitCase(): void {
    const alert = openCase.value?.detail.alert;
    if (!alert) return;
    const until = alert.closed_at ?? Number.POSITIVE_INFINITY;
    const during = this.fixes.filter((fix) => fix.ts >= alert.opened_at && fix.ts <= until).map((fix) => fix.place);
    const own: Position[] = alert.lat !== null && alert.lon !== null ? [[alert.lon, alert.lat]] : [];
    const site = this.siteOf(alert.subject);
    const places = [...during, ...own, ...site];
    this.fit(places.length ? places : this.fixes.map((fix) => fix.place));
  }

  private siteOf(subject: string): Position[] {
    const bin = bins.value.find((feature) => feature.id === subject);
    return bin ? [bin.geometry.coordinates as Position] : [];
  }

  private fit(places: Position[]): void {
    this.fitted = places;
    if (!places.length) return;
    const bounds = new LngLatBounds();
    for (const [lon, lat] of places.map(drawnAt)) bounds.extend([lon ?? 0, lat ?? 0]);
    const quiet = matchMedia("(prefers-reduced-motion: reduce)").matches;
    fitTo(this.map, bounds, 70, { maxZoom: 15, duration: quiet ? 0 : FIT_MS });
    this.isFitting = !quiet;
  }

  private begin(): void {
    void this.addBase();
    for (const [name, image] of truckImages()) this.map.addImage(name, image, { pixelRatio: 2 });
    this.follow("zones", () => asGeo(zones.value));
    this.follow("corridors", () => asGeo(corridors.value));
    this.follow("sites", () => asGeo([...sites.value.values()]));
    this.follow("siteNames", () => (void language.value, siteNames(sites.value.values())));
    this.follow("bins", () => asGeo(bins.value));
    this.follow("suspected", () => asGeo(suspected.value.filter((site) => site.properties["state"] !== "dismissed")));
    this.followTrucks();
    this.follow("alerts", () => alertPoints(openAlerts.value.length ? openAlerts.value : shown.value));
    this.follow("track", () => this.track());
    this.follow("moment", () => {
      const alert = openCase.value?.detail.alert;
      return alert ? alertPoints([alert]) : collection([]);
    });
    this.follow("point", () => {
      void course.value;
      const fix = fixAt(this.fixes, pointed.value);
      return collection(fix ? [pointAt(fix.place)] : []);
    });
    this.disposers.push(
      effect(() => void this.map.setPaintProperty("bins", "circle-color", fillColour(fillLevels.value))),
      effect(() => this.showLayers()),
      this.keepPlace(),
      effect(() => this.frameOnce()));
    this.disposers.push(...showReplay(this.map), ...showCase(this.map), drawCoarselyWhileMoved(this.map));
    this.listen();
  }

  private follow(name: SourceName, make: () => FeatureCollection): void {
    const source = this.map.getSource(name) as GeoJSONSource;
    this.disposers.push(effect(() => void source.setData(drawn(make()))));
  }

  /** While a person moves the map its trucks wait, at most for two rounds: thousands of new places cost a frame or two. */
  private followTrucks(): void {
    const source = this.map.getSource("trucks") as GeoJSONSource;
    const draw = () => void source.setData(drawn(truckPoints(trucks.peek())));
    let drawnAt = 0;
    let waits = false;
    const update = () => {
      waits = this.map.isMoving() && Date.now() - drawnAt < LONGEST_WAIT_MS;
      if (waits) return;
      drawnAt = Date.now();
      draw();
    };
    this.map.on("moveend", () => waits && update());
    this.disposers.push(effect(() => void (trucks.value, update())), effect(() => void (isShifted.value, draw())));
  }

  private async addBase(): Promise<void> {
    const base = await readBaseMap();
    if (base && base.kind !== "none" && !this.isGone) this.base.value = await addBaseMap(this.map, base);
    this.disposers.push(effect(() => setBaseLanguage(this.map, this.base.value)));
  }

  private track(): FeatureCollection {
    const alert = openCase.value?.detail.alert;
    const found = course.value;
    const isOfCase = found && alert && found.alertId === alert.alert_id;
    this.fixes = isOfCase ? fixesOf(found) : [];
    return isOfCase ? trackParts(found, alert) : collection([]);
  }

  private showLayers(): void {
    for (const name of LAYERS) {
      const ids = name === "Base" ? this.base.value : LAYERS_OF[name].map(({ id }) => id);
      for (const id of ids) this.map.setLayoutProperty(id, "visibility", layers.value[name] ? "visible" : "none");
    }
  }

  /** Show the city when it was read, and each case once when its course was read. */
  private frameOnce(): void {
    const alert = openCase.value?.detail.alert;
    const key = alert ? (course.value?.alertId === alert.alert_id ? `${alert.alert_id} course` : alert.alert_id) : `city ${corridors.value.length > 0}`;
    if (!sites.value.size || key === this.framed) return;
    this.framed = key;
    this.showsBusy = false;
    if (alert) this.fitCase();
    else this.fitCity();
  }

  /**
   * When all that is drawn is shifted, or no longer, the view goes with it: the same places stay in sight. A fit that is under way ends where its
   * places are drawn now; a person who drags has to take hold again.
   */
  private keepPlace(): () => void {
    let was = isShifted.value;
    return effect(() => {
      if (isShifted.value === was) return;
      was = isShifted.value;
      if (this.isFitting) return this.fit(this.fitted);
      const { lng, lat } = this.map.getCenter();
      this.map.setCenter(was ? gcj02Of(lng, lat) : wgs84Of(lng, lat));
    });
  }

  private listen(): void {
    this.map.on("click", (event) => void this.click(event.point, event.lngLat.toArray()));
    let last: MapMouseEvent | null = null;
    const hover = () => {
      if (last && !this.isGone && !this.map.isMoving()) this.hover(last);
      last = null;
    };
    this.map.on("mousemove", (event) => {
      if (!last) requestAnimationFrame(hover); // a mouse may move several times in a frame
      last = event;
    });
    this.map.on("mouseout", () => {
      last = null;
      pointed.value = null;
    });
  }

  private hover({ point, lngLat }: MapMouseEvent): void {
    const pixel = 360 / (512 * 2 ** this.map.getZoom());
    const fix = fixNear(this.fixes, ...positionAt(lngLat.lng, lngLat.lat), REACH_PX * pixel);
    if (fix || pointed.value !== null) pointed.value = fix?.ts ?? null;
    const hit = this.map.queryRenderedFeatures(point, { layers: CLICKABLE }).length > 0;
    this.map.getCanvas().style.cursor = hit ? "pointer" : "";
  }

  private async click(point: { x: number; y: number }, place: [number, number]): Promise<void> {
    const feature = this.map.queryRenderedFeatures([point.x, point.y], { layers: CLICKABLE })[0];
    this.popup.remove();
    if (!feature) return;
    if (feature.layer.id === "clusters") {
      const source = this.map.getSource("trucks") as GeoJSONSource;
      const zoom = await source.getClusterExpansionZoom(Number(feature.properties["cluster_id"]));
      this.map.easeTo({ center: place, zoom });
      return;
    }
    const alertId = feature.properties["alert_id"] as unknown;
    if (typeof alertId === "string") choose(alertId);
    else this.popup.setLngLat(place).setDOMContent(description(feature)).addTo(this.map);
  }
}

/** A few lines about what was clicked; text only, since names come from devices and files. */
function description(feature: MapGeoJSONFeature): HTMLElement {
  const box = document.createElement("div");
  for (const line of lines(feature)) {
    const row = document.createElement("p");
    row.textContent = line;
    box.append(row);
  }
  return box;
}

function lines({ layer, properties: drawnOf }: MapGeoJSONFeature): string[] {
  const properties = layer.id === "trucks" ? (trucks.peek().find((truck) => truck.id === drawnOf["id"])?.properties ?? drawnOf) : drawnOf;
  switch (layer.id) {
    case "trucks": {
      const speed = properties["speed_kmh"] as unknown;
      return [
        String(properties["plate"] ?? properties["device_id"]),
        `${word(String(properties["state"]))}${typeof speed === "number" ? ` · ${measured("speed_kmh", speed)}` : ""}`,
        clock(Number(properties["ts"])),
      ];
    }
    case "bins": {
      const compartments = JSON.parse(String(properties["compartments"])) as { compartment: string; fill_pct: number | null }[];
      return [
        deviceName(String(properties["device_id"])),
        ...compartments.map((one) => `${word(one.compartment || "fill")}: ${measured("fill_pct", one.fill_pct)}`),
      ];
    }
    case "suspected":
      return [
        t(properties["kind"] === "source" ? "kindSource" : "kindDump"),
        word(String(properties["state"])),
        ...(Number(properties["visits"]) ? [`${properties["visits"]} ${t("visits")}`] : []), // not for who sees a part only
      ];
    default:
      return [localName(properties), word(String(properties["kind"] ?? ""))];
  }
}
