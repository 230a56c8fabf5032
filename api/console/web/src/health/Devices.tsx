import type { DeviceLedgerLine } from "../api/types";
import { count, measured } from "../parts/format";
import { deviceName } from "../state/city";
import { lines } from "../state/health";
import { t } from "../text";

const SHOWN = 10;
/** A clock that is further off is named: rules that ask a calendar stop trusting it far beyond (`device_clock`). */
const OFF_MS = 30_000;

/** The devices with most missing numbers, and those whose clocks are furthest off. */
export function Devices() {
  const withGaps = lines.value.filter((line) => line.gaps > 0 || line.resets > 0).sort((a, b) => b.gaps - a.gaps || b.resets - a.resets);
  const off = (line: DeviceLedgerLine) => Math.abs(line.clock_offset_ms ?? 0);
  const withClocks = lines.value.filter((line) => off(line) > OFF_MS).sort((a, b) => off(b) - off(a));
  return (
    <>
      <section>
        <h3>
          {t("gapsByDevice")} ({count(withGaps.length)})
        </h3>
        <Table found={withGaps} columns={[t("missing"), t("restarts")]} cells={(line) => [count(line.gaps), count(line.resets)]} />
      </section>
      <section>
        <h3>
          {t("clocksOff")} ({count(withClocks.length)})
        </h3>
        <Table found={withClocks} columns={[t("clockOff"), t("clockDrift")]} cells={(line) => [offset(line), drift(line)]} />
      </section>
    </>
  );
}

function offset({ clock_offset_ms: ms }: DeviceLedgerLine): string {
  if (ms === null) return "–";
  return `${measured("offset_s", Math.round(Math.abs(ms) / 1000))} ${t(ms > 0 ? "clockBehind" : "clockAhead")}`;
}

const drift = ({ clock_drift_ms_per_h: ms }: DeviceLedgerLine): string =>
  ms === null ? "–" : `${count(Math.round(ms / 100) / 10)} ${t("unitS")}/${t("unitH")}`;

interface TableOptions {
  found: DeviceLedgerLine[];
  columns: string[];
  cells: (line: DeviceLedgerLine) => string[];
}

function Table({ found, columns, cells }: TableOptions) {
  if (!found.length) return <p class="dim">{t("noneOfThese")}</p>;
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">{t("device")}</th>
          {columns.map((column) => (
            <th scope="col" class="number" key={column}>
              {column}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {found.slice(0, SHOWN).map((line) => (
          <tr key={line.device}>
            <th scope="row">
              {line.device}
              {deviceName(line.device) !== line.device && ` · ${deviceName(line.device)}`}
            </th>
            {cells(line).map((cell, index) => (
              <td class="number" key={columns[index]}>
                {cell}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
