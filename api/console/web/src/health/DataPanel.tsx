/* Data health: whether the counts balance, what is wrong with devices and readings, and what mends it. */
import { useEffect } from "preact/hooks";
import { link } from "../api/client";
import type { SeenOut } from "../api/types";
import { age, count, dayAndClock, now } from "../parts/format";
import { deviceName, districtName } from "../state/city";
import { readHealth } from "../state/health";
import { alarmRate, ledger, openAlerts, openAlertsAreMore, readAlarmRate, seen } from "../state/moving";
import { t, word } from "../text";
import { Devices } from "./Devices";
import { Quarantine } from "./Quarantine";
import { Unregistered } from "./Unregistered";

const LATE_INTERVALS = 5;
const EVERY_MS = 30_000;

export function DataPanel() {
  useEffect(() => {
    void readAlarmRate();
    void readHealth();
    const again = setInterval(() => !document.hidden && void readHealth(), EVERY_MS);
    return () => clearInterval(again);
  }, []);
  return (
    <div class="data">
      <Balance />
      <Tiles />
      <Quarantine />
      <Unregistered />
      <NotJudged />
      <Devices />
      <section>
        <h3>{t("devicesBySeen")}</h3>
        <LastSeen devices={seen.value?.items ?? []} />
      </section>
    </div>
  );
}

function Balance() {
  const found = ledger.value;
  if (!found) return null;
  return (
    <p class={`balance ${found.balanced ? "good" : "fault"}`} role="status">
      <b>{t(found.balanced ? "ledgerBalanced" : "ledgerNotBalanced")}</b>
      {found.since !== null && ` · ${t("seenSince")} ${dayAndClock(found.since)}`}
      {!found.exact && ` · ${t("ledgerEstimated")}`}
    </p>
  );
}

function Tiles() {
  const total = ledger.value?.total;
  if (!total) return <p class="empty">{t(link.value === "read" ? "loading" : link.value)}</p>;
  const refused = Object.values(total.quarantined).reduce((sum, one) => sum + one, 0);
  const tiles: [string, string][] = [
    [t("received"), count(total.received)],
    [t("stored"), count(total.stored)],
    [t("duplicate"), count(total.duplicate)],
    [t("quarantined"), count(refused)],
    [t("queued"), count(total.queued)],
    [t("gapsTotal"), count(total.gaps)],
    [t("openAlerts"), count(openAlerts.value.length) + (openAlertsAreMore.value ? "+" : "")],
    ...(alarmRate.value ? [[t("alarmRate"), count(alarmRate.value.per_operator)] as [string, string]] : []),
  ];
  return (
    <dl class="tiles">
      {tiles.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function NotJudged() {
  const reasons = Object.entries(ledger.value?.total.not_judged ?? {}).filter(([, readings]) => readings > 0);
  return (
    <section>
      <h3>{t("notJudged")}</h3>
      {reasons.length ? (
        <table>
          <tbody>
            {reasons.map(([reason, readings]) => (
              <tr key={reason}>
                <th scope="row">{word(reason)}</th>
                <td class="number">{count(readings)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      ) : (
        <p class="dim">{t(link.value === "read" ? "allJudged" : link.value)}</p>
      )}
    </section>
  );
}

function LastSeen({ devices }: { devices: SeenOut[] }) {
  if (!devices.length) return <p class="dim">{t(link.value === "read" ? "noDevices" : link.value)}</p>;
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">{t("device")}</th>
          <th scope="col">{t("role")}</th>
          <th scope="col">{t("district")}</th>
          <th scope="col">{t("lastMessage")}</th>
        </tr>
      </thead>
      <tbody>
        {devices.map((device) => (
          <tr key={device.id}>
            <td>
              {device.id}
              {deviceName(device.id) !== device.id && ` · ${deviceName(device.id)}`}
            </td>
            <td>{word(device.role)}</td>
            <td>{device.district ? districtName(device.district) : ""}</td>
            <td class={isLate(device) ? "late" : ""}>{device.last_seen_at === null ? t("never") : age(device.last_seen_at)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const isLate = (device: SeenOut): boolean =>
  device.last_seen_at === null || now.value - device.last_seen_at > LATE_INTERVALS * 1000 * device.report_interval_s;
