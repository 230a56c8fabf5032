/* Minutes by the city's clocks, as inputs of type datetime-local have them, and as ms since 1970 UTC. */
import { city } from "../state/city";

const MINUTE = 60_000;

/** `2026-03-01T08:00` by the city's clocks. */
export function inputOf(ms: number): string {
  const parts = new Intl.DateTimeFormat("en-GB", {
    year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
    timeZone: city.value?.timezone ?? "UTC",
  }).formatToParts(ms);
  const part = (type: string) => parts.find((one) => one.type === type)?.value ?? "";
  return `${part("year")}-${part("month")}-${part("day")}T${part("hour")}:${part("minute")}`;
}

/** The instant of such a text; null where it is none. Of an hour that clocks repeat, one of both. */
export function instantOf(text: string): number | null {
  const asUtc = Date.parse(`${text}Z`);
  if (Number.isNaN(asUtc)) return null;
  const ahead = (ms: number) => Date.parse(`${inputOf(ms)}Z`) - Math.floor(ms / MINUTE) * MINUTE;
  return asUtc - ahead(asUtc - ahead(asUtc));
}
