/* What seldom changes: the city, its devices, the rules, and the people that may be assigned. */
import { computed, signal } from "@preact/signals";
import { get, getAll, request } from "../api/client";
import type { CityOut, DeviceOut, Feature, RuleOut, RulesOut } from "../api/types";
import { language, localName, localText } from "../text";
import { desk, mayAct } from "./session";

export const city = signal<CityOut | null>(null);
export const rules = signal<RuleOut[]>([]);
export const devices = signal<ReadonlyMap<string, DeviceOut>>(new Map());
export const people = signal<string[]>([]);
export const sites = signal<ReadonlyMap<string, Feature>>(new Map());

export async function readCity(): Promise<void> {
  const newCity = await get<CityOut>("/city"); // alone: whoever may not read is told so once
  const [newRules, newDevices, newSites] = await Promise.all([
    get<RulesOut>("/rules"),
    getAll<DeviceOut>("/devices?limit=500", "items"),
    getAll<Feature>("/sites", "features"),
  ]);
  city.value = newCity;
  rules.value = newRules.rules;
  devices.value = new Map(newDevices.map((device) => [device.id, device]));
  sites.value = new Map(newSites.map((site) => [site.id ?? "", site]));
  people.value = await readPeople();
}

async function readPeople(): Promise<string[]> {
  if (!mayAct.value || desk.value.kind === "tokens") return [];
  try {
    const found = await request<unknown>("GET", "/people");
    const list = Array.isArray(found) ? found : ((found as { items?: unknown[] }).items ?? []);
    return list.map((one) => (typeof one === "string" ? one : String((one as { name: string }).name)));
  } catch {
    return []; // Names may be typed as well.
  }
}

const ruleByName = computed(() => new Map(rules.value.map((rule) => [rule.rule, rule])));

export const ruleTitle = (name: string): string => {
  const rule = ruleByName.value.get(name);
  return rule ? localText(rule.title) : name.replaceAll("_", " ");
};
export const ruleColour = (name: string): string => ruleByName.value.get(name)?.colour ?? "#8b9bab";

/** Levels in % at which a bin warns and is full, as the rule of overflows has them. */
export const fillLevels = computed(() => {
  const parameters = rules.value.flatMap((rule) => rule.parameters);
  const level = (name: string, otherwise: number) => Number(parameters.find((one) => one.name === name)?.value ?? otherwise);
  return { warn: level("warn_pct", 80), full: level("full_pct", 90) };
});

const areaNames = (kind: "districts" | "fleets") =>
  computed(() => new Map((city.value?.[kind] ?? []).map((area) => [area.id, localName(area)])));
const districtNames = areaNames("districts");
const fleetNames = areaNames("fleets");
export const districtName = (id: string): string => districtNames.value.get(id) ?? id;
export const fleetName = (id: string): string => fleetNames.value.get(id) ?? id;

/** What people call a device: its plate, or the name of its site, or its id. */
export function deviceName(id: string): string {
  const device = devices.value.get(id);
  if (!device) return id;
  const site = device.site_id === null ? undefined : sites.value.get(device.site_id);
  return device.vehicle?.plate || device.name || (site ? localName(site.properties) : "") || id;
}

const distinct = (of: (device: DeviceOut) => string | null | undefined) =>
  computed(() => {
    const found = new Set([...devices.value.values()].map(of).filter((value): value is string => !!value));
    return [...found].sort((a, b) => a.localeCompare(b, language.value));
  });
export const districtIds = distinct((device) => device.district);
export const fleetIds = distinct((device) => device.fleet);
export const hauliers = distinct((device) => device.vehicle?.carrier);
