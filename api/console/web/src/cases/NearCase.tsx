/* What lies near the case in place and time: a person decides what belongs to it. */
import { useState } from "preact/hooks";
import type { AlertView, CaseAnswer, NearTruck } from "../api/types";
import { count, dayAndClock } from "../parts/format";
import { ReasonDialog } from "../parts/ReasonDialog";
import { actOnCase, lookNear, messageOf, nearCase } from "../state/cases";
import { openReplay } from "../state/replay";
import { mayClose } from "../state/session";
import { panel } from "../state/view";
import { localText, t } from "../text";
import { AlertLine } from "./CaseFile";

const DISTANCES = [200, 500, 1_000, 2_000, 5_000];
const MINUTES = [15, 60, 240, 1_440];

export function NearCase({ found }: { found: CaseAnswer }) {
  const [distance, setDistance] = useState(500);
  const [minutes, setMinutes] = useState(60);
  const [fault, setFault] = useState("");
  const [isBusy, setBusy] = useState(false);
  const [joined, setJoined] = useState<AlertView | null>(null);
  const look = async () => {
    setBusy(true);
    setFault("");
    await lookNear(distance, minutes).catch((error: unknown) => setFault(messageOf(error)));
    setBusy(false);
  };
  const near = nearCase.value;
  const held = new Set(found.case.alerts);
  const alerts = near?.alerts.filter((one) => !held.has(one.alert.alert_id)) ?? [];
  const mayJoin = mayClose.value && found.case.state !== "closed";
  return (
    <section class="near">
      <h3>{t("nearby")}</h3>
      <form class="picks" onSubmit={(event) => (event.preventDefault(), void look())}>
        <label>
          {t("within")}
          <select value={distance} onChange={(event) => setDistance(Number(event.currentTarget.value))}>
            {DISTANCES.map((one) => (
              <option key={one} value={one}>
                {count(one)} m
              </option>
            ))}
          </select>
        </label>
        <label>
          {t("beforeAndAfter")}
          <select value={minutes} onChange={(event) => setMinutes(Number(event.currentTarget.value))}>
            {MINUTES.map((one) => (
              <option key={one} value={one}>
                {one < 120 ? `${one} ${t("unitMin")}` : `${one / 60} ${t("unitH")}`}
              </option>
            ))}
          </select>
        </label>
        <button type="submit" disabled={isBusy}>
          {t("lookNear")}
        </button>
      </form>
      {fault && (
        <p class="fault" role="alert">
          {fault}
        </p>
      )}
      {near && (
        <>
          {!alerts.length && !near.trucks.length && <p class="dim">{t("nothingNear")}</p>}
          {alerts.length > 0 && (
            <ul class="joined">
              {alerts.map(({ alert, distance_m: metres }) => (
                <li key={alert.alert_id}>
                  <AlertLine alert={alert}> · {count(Math.round(metres))} m</AlertLine>
                  {mayJoin && (
                    <button type="button" onClick={() => setJoined(alert)} aria-label={`${t("join")}: ${localText(alert.title)}`}>
                      {t("join")} …
                    </button>
                  )}
                </li>
              ))}
            </ul>
          )}
          {!near.alerts_complete && <p class="dim">{t("moreAlertsNear")}</p>}
          {near.trucks.length > 0 && (
            <ul class="joined">
              {near.trucks.map((truck) => (
                <Truck key={truck.device_id} truck={truck} onReplay={() => void showTrack(truck)} />
              ))}
            </ul>
          )}
          {!near.trucks_complete && <p class="dim">{t("moreTrucksNear")}</p>}
        </>
      )}
      {joined && (
        <ReasonDialog title={t("join")} ask={localText(joined.title)} action={t("join")} label={t("noteOptional")} isOptional maxLength={2_000} onClose={() => setJoined(null)}
          onReason={(reason) => actOnCase("alerts", { alerts: [joined.alert_id], ...(reason ? { reason } : {}) })} />
      )}
    </section>
  );
}

function Truck({ truck, onReplay }: { truck: NearTruck; onReplay: () => void }) {
  return (
    <li>
      <p>
        <b>{truck.plate ?? truck.device_id}</b>{" "}
        <span class="dim">
          {t("passedAt").replace("{m}", count(Math.round(truck.nearest_m)))} {dayAndClock(truck.nearest_at)}
        </span>
      </p>
      <button type="button" onClick={onReplay} aria-label={`${t("showTrack")}: ${truck.plate ?? truck.device_id}`}>
        {t("showTrack")}
      </button>
    </li>
  );
}

const MARGIN_MS = 15 * 60_000;

async function showTrack(truck: NearTruck): Promise<void> {
  await openReplay({ device: truck.device_id }, truck.first_at - MARGIN_MS, truck.last_at + MARGIN_MS);
  if (matchMedia("(max-width: 760px)").matches) panel.value = "map";
}
