/* What is shown where: on a phone one panel at a time; on a wide screen the right column changes. */
import { computed, signal } from "@preact/signals";

export const RIGHT_PANELS = ["case", "cases", "city", "data", "programme", "rules", "notices"] as const;
export type Panel = "queue" | "map" | (typeof RIGHT_PANELS)[number];
export const panel = signal<Panel>("queue");
/** What the right column shows; the case where queue or map are chosen. */
export const rightPanel = computed(() => RIGHT_PANELS.find((name) => name === panel.value) ?? "case");
export const helpOpen = signal(false);
/** Counted up to show the whole city on the map. */
export const showWholeCity = signal(0);

export const LAYERS = ["Trucks", "Alerts", "Sites", "Corridors", "Zones", "Bins", "Suspected", "Base"] as const;
export type Layer = (typeof LAYERS)[number];
export const layers = signal<Readonly<Record<Layer, boolean>>>({
  Trucks: true, Alerts: true, Sites: true, Corridors: true, Zones: true, Bins: true, Suspected: true, Base: true,
});
