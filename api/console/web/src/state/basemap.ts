/* What lies below the city on the map, and the datum in which the map is drawn. */
import { computed, signal } from "@preact/signals";
import { get } from "../api/client";
import type { BaseMapOut } from "../api/types";
import { layers } from "./view";

export const baseMap = signal<BaseMapOut | null>(null);
/** True while tiles are asked for and none come. */
export const baseFails = signal(false);

export const showsBase = computed(() => layers.value.Base && baseMap.value !== null && baseMap.value.kind !== "none");
/** True while everything is drawn in GCJ-02, because the base map is. Positions as such stay WGS-84. */
export const isShifted = computed(() => showsBase.value && baseMap.value?.datum === "gcj02");

/** Null where it cannot be read: then the map is the city's own geometry. */
export async function readBaseMap(): Promise<BaseMapOut | null> {
  baseMap.value ??= await get<BaseMapOut>("/base-map").catch(() => null);
  return baseMap.value;
}
