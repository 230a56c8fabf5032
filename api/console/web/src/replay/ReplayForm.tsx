/* What is to be replayed: a truck or the trucks in view, from when to when. */
import { useState } from "preact/hooks";
import { TimeInput } from "../parts/TimeInput";
import { city, deviceName, devices, districtName, fleetName } from "../state/city";
import { isReading, LONGEST_MANY_MS, LONGEST_ONE_MS, openReplay, replay } from "../state/replay";
import { panel } from "../state/view";
import { t } from "../text";

const MINUTE_MS = 60_000;
const PHONE = "(max-width: 760px)";

export function ReplayForm() {
  const [isMany, setMany] = useState(false);
  const [device, setDevice] = useState("");
  const [area, setArea] = useState({ fleet: "", district: "" });
  const [end, setEnd] = useState(() => Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS);
  const [start, setStart] = useState(end - 60 * MINUTE_MS);
  const longest = isMany ? LONGEST_MANY_MS : LONGEST_ONE_MS;
  const fault = start >= end ? t("startAfterEnd") : end - start > longest ? t(isMany ? "longestDay" : "longestWeek") : "";
  const trucks = [...devices.value.values()].filter((one) => one.role === "truck");
  const submit = async (event: Event) => {
    event.preventDefault();
    await openReplay(isMany ? area : { device: idOf(device.trim()) }, start, end);
    if (replay.value && matchMedia(PHONE).matches) panel.value = "map";
  };
  return (
    <section class="replay">
      <h3>{t("replay")}</h3>
      <form onSubmit={(event) => void submit(event)}>
        <div class="line">
          <label class="choice">
            <input type="radio" name="replay-scope" checked={!isMany} onChange={() => setMany(false)} />
            {t("oneTruck")}
          </label>
          <label class="choice">
            <input type="radio" name="replay-scope" checked={isMany} onChange={() => setMany(true)} />
            {t("trucksInView")}
          </label>
        </div>
        {isMany ? (
          <div class="line">
            <Area label={t("fleet")} value={area.fleet} found={city.value?.fleets ?? []} name={fleetName} onPick={(fleet) => setArea({ ...area, fleet })} />
            <Area label={t("district")} value={area.district} found={city.value?.districts ?? []} name={districtName}
              onPick={(district) => setArea({ ...area, district })} />
          </div>
        ) : (
          <label class="field">
            {t("plateOrDevice")}
            <input list="trucks" required maxLength={64} value={device} onInput={(event) => setDevice(event.currentTarget.value)} />
            <datalist id="trucks">
              {trucks.map((one) => (
                <option key={one.id} value={one.id}>
                  {deviceName(one.id)}
                </option>
              ))}
            </datalist>
          </label>
        )}
        <div class="line">
          <TimeInput label={t("from")} value={start} onPick={setStart} />
          <TimeInput label={t("to")} value={end} onPick={setEnd} />
        </div>
        {fault && (
          <p class="fault" role="alert">
            {fault}
          </p>
        )}
        <div class="buttons">
          <button type="submit" disabled={!!fault || isReading.value}>
            {t(isReading.value ? "loading" : "showReplay")}
          </button>
        </div>
      </form>
    </section>
  );
}

/** A plate may be typed as well. */
function idOf(text: string): string {
  if (devices.value.has(text)) return text;
  return [...devices.value.values()].find((one) => one.vehicle?.plate === text)?.id ?? text;
}

interface AreaOptions {
  label: string;
  value: string;
  found: readonly { id: string }[];
  name: (id: string) => string;
  onPick: (id: string) => void;
}

function Area({ label, value, found, name, onPick }: AreaOptions) {
  return (
    <label class="field">
      {label}
      <select value={value} onChange={(event) => onPick(event.currentTarget.value)}>
        <option value="">{t("stateAll")}</option>
        {found.map(({ id }) => (
          <option key={id} value={id}>
            {name(id)}
          </option>
        ))}
      </select>
    </label>
  );
}
