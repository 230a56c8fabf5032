/* Readings as curves: what is drawn of each kind of reading, and in which plot. */
import type { ReadingOut } from "../api/types";
import { measureName, t, word } from "../text";

export interface Curve {
  name: string;
  colour: string;
  /** One value per time of the plot; null where nothing was measured. */
  values: (number | null)[];
  /** Holds until the next reading: switches and states. */
  isStepped: boolean;
  /** A value in words. */
  text: (value: number) => string;
}

export interface Plot {
  title: string;
  times: number[];
  curves: Curve[];
  /** Fixed range of the scale; null: as the values go. */
  range: [number, number] | null;
}

const COLOURS = ["#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#F0E442", "#D55E00", "#8fb8ff", "#b0c4a0"];
const LOADS = ["empty", "partial", "loaded"];

const figure = (unit: string) => (value: number) => `${Math.round(value * 10) / 10} ${unit}`;

function numeric(rows: readonly ReadingOut[], field: string): (number | null)[] {
  return rows.map((row) => {
    const value = row.fields[field];
    return typeof value === "number" ? value : typeof value === "boolean" ? Number(value) : null;
  });
}

const hasValues = (values: (number | null)[]) => values.some((value) => value !== null);

function single(title: string, rows: readonly ReadingOut[], field: string, unit: string, colour = 0): Plot {
  const curve = { name: title, colour: COLOURS[colour] ?? "", values: numeric(rows, field), isStepped: false, text: figure(unit) };
  return { title: `${title}, ${unit}`, times: rows.map((row) => row.ts), curves: [curve], range: unit === "%" ? [0, 105] : null };
}

function truck(rows: readonly ReadingOut[]): Plot[] {
  const times = rows.map((row) => row.ts);
  const onOff = (value: number) => t(value ? "yes" : "no");
  const loadState = rows.map((row) => {
    const at = LOADS.indexOf(String(row.fields["load"]));
    return at < 0 ? null : at / 2;
  });
  const switches: Curve[] = [
    { name: t("lift"), colour: "#D55E00", values: numeric(rows, "lift_up"), isStepped: true, text: onOff },
    { name: t("cover"), colour: "#F0E442", values: numeric(rows, "cover_open"), isStepped: true, text: onOff },
    { name: t("loadState"), colour: "#009E73", values: loadState, isStepped: true, text: (value) => word(LOADS[value * 2] ?? "") },
  ];
  return [
    single(t("speed"), rows, "speed_kmh", "km/h"),
    { title: t("switches"), times, curves: switches.filter((curve) => hasValues(curve.values)), range: [-0.1, 1.15] },
    single(t("load"), rows, "load_kg", "kg", 2),
  ];
}

function bin(rows: readonly ReadingOut[]): Plot[] {
  const parts = [...new Set(rows.map((row) => row.part ?? ""))].sort();
  const times = [...new Set(rows.map((row) => row.ts))].sort((a, b) => a - b);
  const at = new Map(times.map((time, index) => [time, index]));
  const perPart = (field: string, unit: string): Curve[] =>
    parts.map((part, index) => {
      const values: (number | null)[] = times.map(() => null);
      for (const row of rows) {
        const value = row.fields[field];
        if ((row.part ?? "") === part && typeof value === "number") values[at.get(row.ts) ?? 0] = value;
      }
      return { name: part ? word(part) : measureName("fill_pct"), colour: COLOURS[index % COLOURS.length] ?? "", values, isStepped: false, text: figure(unit) };
    });
  return [
    { title: `${t("fill")}, %`, times, curves: perPart("fill_pct", "%"), range: [0, 105] },
    { title: `${t("temperature")}, °C`, times, curves: perPart("temperature_c", "°C"), range: null },
  ];
}

/** Plots of the readings of one kind; those without a value are left out. */
export function plotsOf(kind: string, rows: readonly ReadingOut[]): Plot[] {
  const plots =
    kind === "position" ? truck(rows)
    : kind === "fill" ? bin(rows)
    : kind === "throughput" ? [single(t("rate"), rows, "rate_t_per_h", "t/h"), single(t("hopper"), rows, "hopper_pct", "%", 1), single(t("queueTrucks"), rows, "queue_trucks", "", 2)]
    : [single(t("gross"), rows, "gross_kg", "kg")];
  return plots.filter((plot) => plot.curves.some((curve) => hasValues(curve.values)));
}
