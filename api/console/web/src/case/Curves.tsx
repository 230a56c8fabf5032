/* The time line of a case: curves one above the other, under one cursor, which the map shares. */
import { effect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { AlertView } from "../api/types";
import { clock, hourMinute } from "../parts/format";
import { course, KIND_OF_ROLE, pointed, windowMs } from "../state/case";
import { city, devices } from "../state/city";
import { language, t } from "../text";
import { plotsOf, type Plot } from "./series";

const WINDOWS = [30 * 60_000, 2 * 3_600_000, 12 * 3_600_000];
const HEIGHT = 108;

export function Curves({ alert }: { alert: AlertView }) {
  const found = course.value;
  const device = devices.value.get(alert.subject);
  const plots = found && device ? plotsOf(KIND_OF_ROLE[device.role], found.readings) : [];
  return (
    <section class="curves" aria-label={t("timeline")}>
      <h3>
        {t("timeline")}
        <span class="choices" role="group" aria-label={t("window")}>
          {WINDOWS.map((ms) => (
            <button type="button" key={ms} aria-pressed={windowMs.value === ms} onClick={() => (windowMs.value = ms)}>
              ± {ms < 3_600_000 ? `${ms / 60_000} ${t("unitMin")}` : `${ms / 3_600_000} ${t("unitH")}`}
            </button>
          ))}
        </span>
      </h3>
      {found && !plots.length && <p class="dim">{t("noCurves")}</p>}
      {!found && device && <p class="dim">{t("loading")}</p>}
      {found && plots.map((plot) => <Chart key={`${plot.title} ${language.value}`} plot={plot} alert={alert} start={found.start} end={found.end} />)}
    </section>
  );
}

interface ChartOptions {
  plot: Plot;
  alert: AlertView;
  start: number;
  end: number;
}

function Chart({ plot, alert, start, end }: ChartOptions) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const parent = box.current;
    if (!parent) return;
    const data = [plot.times, ...plot.curves.map((curve) => curve.values)] as uPlot.AlignedData;
    const chart = new uPlot(options(plot, alert, start, end, parent.clientWidth), data, parent);
    const resizing = new ResizeObserver(() => chart.setSize({ width: parent.clientWidth, height: HEIGHT }));
    resizing.observe(parent);
    const following = effect(() => moveTo(chart, pointed.value));
    return () => {
      following();
      resizing.disconnect();
      chart.destroy();
    };
  }, [plot.times.length, plot.times.at(-1), alert.opened_at, alert.closed_at, start, end]);
  return (
    <figure class="chart">
      <figcaption>{plot.title}</figcaption>
      <div ref={box} />
    </figure>
  );
}

/** Move the cursor to a time, without an event of its own. */
function moveTo(chart: uPlot, time: number | null): void {
  const left = time === null ? -10 : chart.valToPos(time, "x");
  if (Math.abs((chart.cursor.left ?? -10) - left) > 0.5) chart.setCursor({ left, top: chart.bbox.height / 4 / devicePixelRatio }, false);
}

function options(plot: Plot, alert: AlertView, start: number, end: number, width: number): uPlot.Options {
  const zone = city.value?.timezone;
  const grid = { stroke: "#31465f66", width: 1 };
  const axis = { stroke: "#9fb0c0", grid, ticks: grid, font: "11px system-ui" };
  return {
    width,
    height: HEIGHT,
    ms: 1,
    ...(zone ? { tzDate: (time: number) => uPlot.tzDate(new Date(time), zone) } : {}),
    padding: [6, 8, 0, 0],
    scales: {
      x: { range: () => [start, end] },
      y: { range: (_chart, low, high) => plot.range ?? [Math.min(0, low), Math.max(1, high * 1.05)] },
    },
    axes: [
      { ...axis, size: 24, values: (_chart, times) => times.map(hourMinute) },
      { ...axis, size: 52, ...(plot.title === t("switches") ? { values: () => [] } : {}) },
    ],
    cursor: { y: false, drag: { x: false, y: false } },
    legend: { live: true, markers: { width: 2 } },
    series: [
      { label: t("time"), value: (_chart, time) => (time === null ? "" : clock(time)) },
      ...plot.curves.map((curve): uPlot.Series => ({
        label: curve.name,
        stroke: curve.colour,
        width: 1.5,
        spanGaps: curve.isStepped || plot.curves.length > 1,
        points: { show: plot.times.length < 40, size: 4 },
        value: (_chart, value) => (value === null ? "" : curve.text(value)),
        ...(curve.isStepped && uPlot.paths.stepped ? { paths: uPlot.paths.stepped({ align: 1 }) } : {}),
      })),
    ],
    hooks: {
      drawClear: [(chart) => shade(chart, alert, end)],
      setCursor: [
        (chart) => {
          const { left } = chart.cursor;
          if (chart.over.matches(":hover")) pointed.value = left === undefined || left < 0 ? null : chart.posToVal(left, "x");
        },
      ],
    },
  };
}

/** The time of the incident as a band behind the curves. */
function shade(chart: uPlot, alert: AlertView, end: number): void {
  const { ctx, bbox } = chart;
  const from = Math.max(bbox.left, chart.valToPos(alert.opened_at, "x", true));
  const to = Math.min(bbox.left + bbox.width, chart.valToPos(alert.closed_at ?? end, "x", true));
  ctx.save();
  ctx.fillStyle = "#d55e0033";
  ctx.fillRect(from, bbox.top, Math.max(2, to - from), bbox.height);
  ctx.restore();
}
