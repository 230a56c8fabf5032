import { useEffect } from "preact/hooks";
import { link } from "../api/client";
import type { SeenOut } from "../api/types";
import { age, count, now } from "../parts/format";
import { deviceName, districtName } from "../state/city";
import { alarmRate, ledger, openAlerts, openAlertsAreMore, readAlarmRate, seen } from "../state/moving";
import { t, word } from "../text";

const LATE_INTERVALS = 5;

export function DataPanel() {
  useEffect(() => {
    void readAlarmRate();
  }, []);
  return (
    <div class="data">
      <Tiles />
      <section>
        <h3>{t("devicesBySeen")}</h3>
        <Devices devices={seen.value?.items ?? []} />
      </section>
      <Reasons />
    </div>
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

function Devices({ devices }: { devices: SeenOut[] }) {
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

function Reasons() {
  const reasons = Object.entries(ledger.value?.total.quarantined ?? {})
    .filter(([, refused]) => refused > 0)
    .sort((a, b) => b[1] - a[1]);
  return (
    <section>
      <h3>{t("quarantineReasons")}</h3>
      {reasons.length ? (
        <table>
          <tbody>
            {reasons.map(([reason, refused]) => (
              <tr key={reason}>
                <th scope="row">{word(reason)}</th>
                <td class="number">{count(refused)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      ) : (
        <p class="dim">{t(link.value === "read" ? "nothingQuarantined" : link.value)}</p>
      )}
    </section>
  );
}
