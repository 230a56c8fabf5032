/* Times in the city's zone, figures, and ages. All times are ms since 1970 UTC. */
import { signal } from "@preact/signals";
import { city } from "../state/city";
import { language, t, word } from "../text";

/** The present, for ages; moves every 10 s. */
export const now = signal(Date.now());
setInterval(() => (now.value = Date.now()), 10_000);

const formats = new Map<string, Intl.DateTimeFormat>();

function format(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const zone = city.value ? { timeZone: city.value.timezone } : {};
  const key = JSON.stringify([language.value, zone, options]);
  let found = formats.get(key);
  if (!found) {
    found = new Intl.DateTimeFormat(language.value === "zh" ? "zh-CN" : "en-GB", { ...options, ...zone, hour12: false });
    formats.set(key, found);
  }
  return found;
}

const CLOCK = { hour: "2-digit", minute: "2-digit", second: "2-digit" } as const;
const DAY = { month: "2-digit", day: "2-digit" } as const;

export const clock = (ms: number): string => format(CLOCK).format(ms);
export const clockWithZone = (ms: number): string => format({ ...CLOCK, timeZoneName: "shortOffset" }).format(ms);
/** `GMT+8`, of the city at that time. */
export const zoneName = (ms: number): string =>
  (city.value &&
    new Intl.DateTimeFormat("en-GB", { timeZone: city.value.timezone, timeZoneName: "shortOffset" })
      .formatToParts(ms)
      .find((part) => part.type === "timeZoneName")?.value) || "UTC";
export const dayAndClock = (ms: number): string => format({ ...DAY, ...CLOCK }).format(ms);
export const hourMinute = (ms: number): string => format({ hour: "2-digit", minute: "2-digit" }).format(ms);
const dayOf = (ms: number): string => format({ year: "numeric", ...DAY }).format(ms);

/** The clock alone for today, with the day for other days. */
export const moment = (ms: number): string => (dayOf(ms) === dayOf(now.value) ? clock(ms) : dayAndClock(ms));

export function age(ms: number): string {
  const seconds = Math.max(0, Math.round((now.value - ms) / 1000));
  if (seconds < 90) return t("agoS").replace("{n}", String(seconds));
  if (seconds < 5_400) return t("agoMin").replace("{n}", String(Math.round(seconds / 60)));
  if (seconds < 172_800) return t("agoH").replace("{n}", String(Math.round(seconds / 3_600)));
  return t("agoD").replace("{n}", String(Math.round(seconds / 86_400)));
}

export const count = (value: number | null | undefined): string => (value == null ? "–" : value.toLocaleString(language.value));

function duration(seconds: number): string {
  if (Math.abs(seconds) < 120) return `${count(seconds)} ${t("unitS")}`;
  if (Math.abs(seconds) < 7_200) return `${count(Math.round(seconds / 6) / 10)} ${t("unitMin")}`;
  return `${count(Math.round(seconds / 360) / 10)} ${t("unitH")}`;
}

const UNITS: [suffix: string, unit: string][] = [
  ["_kmh", "km/h"],
  ["_km", "km"],
  ["_kg", "kg"],
  ["_pct", "%"],
  ["_m", "m"],
  ["_c", "°C"],
];

/** A value with the unit that ends its name. */
export function measured(name: string, value: unknown): string {
  if (typeof value === "boolean") return t(value ? "yes" : "no");
  if (typeof value === "number") {
    if (name.endsWith("_s")) return duration(value);
    const unit = UNITS.find(([suffix]) => name.endsWith(suffix))?.[1];
    return unit ? `${count(value)} ${unit}` : count(value);
  }
  if (value === null || value === undefined) return "–";
  return typeof value === "string" ? value.split(",").map(word).join(", ") : JSON.stringify(value);
}
