import { useState } from "preact/hooks";
import type { AdoptionBody, DeviceRole, UnregisteredDevice } from "../api/types";
import { age, count, dayAndClock } from "../parts/format";
import { Modal } from "../parts/Modal";
import { Select } from "../parts/Select";
import { city, districtName, fleetName, sites } from "../state/city";
import { adopt, unregistered } from "../state/health";
import { isAdministrator } from "../state/session";
import { localName, t, word } from "../text";

const SHOWN = 20;
const NATIVE = "native";
const ROLES: DeviceRole[] = ["truck", "weighbridge", "recycling_point", "station_line"];
const ROLE_OF_KIND: Record<string, DeviceRole> = {
  position: "truck", weighing: "weighbridge", fill: "recycling_point", throughput: "station_line",
};

/** Devices that were heard and are not registered; an administrator adopts them. */
export function Unregistered() {
  const [asked, setAsked] = useState<UnregisteredDevice | null>(null);
  const found = unregistered.value;
  if (!found) return null;
  return (
    <section class="unregistered">
      <h3>
        {t("unregistered")} ({count(found.total)})
      </h3>
      {!found.total && <p class="dim">{t("noneOfThese")}</p>}
      <ul>
        {found.items.slice(0, SHOWN).map((device) => (
          <li key={device.device} class="line">
            <p>
              <b>{device.device}</b> · {t("waitingReadings").replace("{n}", count(device.waiting))}
              <span class="dim">
                {" "}
                · {device.kinds.map(word).join(", ")}
                {device.dialect !== NATIVE && ` · ${t("dialect")} ${device.dialect}`} · {t("lastMessage")} {age(device.last_seen)}
                {device.lat !== null && device.lon !== null && ` · ${device.lat.toFixed(4)}, ${device.lon.toFixed(4)}`}
              </span>
            </p>
            {isAdministrator.value && (
              <button type="button" onClick={() => setAsked(device)} aria-label={`${t("adopt")}: ${device.device}`}>
                {t("adopt")} …
              </button>
            )}
          </li>
        ))}
      </ul>
      {asked && <AdoptionDialog device={asked} onClose={() => setAsked(null)} />}
    </section>
  );
}

function AdoptionDialog({ device, onClose }: { device: UnregisteredDevice; onClose: () => void }) {
  const [role, setRole] = useState<DeviceRole>(ROLE_OF_KIND[device.kinds.find((kind) => kind in ROLE_OF_KIND) ?? ""] ?? "truck");
  const [values, setValues] = useState({
    vehicle_id: "", site_id: "", name: "", fleet: "", district: "", report_interval_s: "60", profile: "", depth_mm: "",
  });
  const [fault, setFault] = useState("");
  const [isBusy, setBusy] = useState(false);
  const set = (name: keyof typeof values) => (event: Event) =>
    setValues({ ...values, [name]: (event.currentTarget as HTMLInputElement).value });
  const pick = (name: keyof typeof values) => (value: string) => setValues({ ...values, [name]: value });
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    const place = role === "truck" ? { vehicle_id: values.vehicle_id.trim() } : { site_id: values.site_id };
    const body: AdoptionBody = {
      role, ...place, name: values.name.trim() || null, fleet: values.fleet || null, district: values.district || null,
      report_interval_s: Number(values.report_interval_s), profile: values.profile.trim() || null,
      depth_mm: role === "recycling_point" && values.depth_mm ? Number(values.depth_mm) : null,
    };
    try {
      await adopt(device.device, body);
      onClose();
    } catch (error) {
      setFault(error instanceof Error ? error.message : String(error));
      setBusy(false);
    }
  };
  const areas = (found: readonly { id: string }[], name: (id: string) => string): [string, string][] => [
    ["", t("noneChosen")],
    ...found.map((area): [string, string] => [area.id, name(area.id)]),
  ];
  const places = [...sites.value.values()].map((site): [string, string] => [site.id ?? "", localName(site.properties)]);
  return (
    <Modal title={`${t("adopt")}: ${device.device}`} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        <p>{t("adoptAsk").replace("{n}", count(device.waiting)).replace("{since}", dayAndClock(device.first_seen))}</p>
        <Select label={t("role")} value={role} options={ROLES.map((one) => [one, word(one)])} onPick={(one) => setRole(one as DeviceRole)} />
        {role === "truck" ? (
          <label>
            {t("vehicleId")}
            <input required maxLength={64} value={values.vehicle_id} onInput={set("vehicle_id")} />
          </label>
        ) : (
          <Select label={t("site")} value={values.site_id} options={[["", "–"], ...places]} onPick={pick("site_id")} isRequired />
        )}
        <label>
          {t("nameOptional")}
          <input maxLength={64} value={values.name} onInput={set("name")} />
        </label>
        <Select label={t("district")} value={values.district} options={areas(city.value?.districts ?? [], districtName)} onPick={pick("district")} />
        <Select label={t("fleet")} value={values.fleet} options={areas(city.value?.fleets ?? [], fleetName)} onPick={pick("fleet")} />
        <label>
          {t("reportInterval")}
          <input type="number" required min={1} max={86_400} value={values.report_interval_s} onInput={set("report_interval_s")} />
        </label>
        {device.dialect !== NATIVE && (
          <label>
            {t("profileOptional")}
            <input maxLength={64} value={values.profile} onInput={set("profile")} />
          </label>
        )}
        {device.dialect !== NATIVE && role === "recycling_point" && (
          <label>
            {t("depthMm")}
            <input type="number" min={1} max={20_000} value={values.depth_mm} onInput={set("depth_mm")} />
          </label>
        )}
        {fault && (
          <p class="fault" role="alert">
            {fault}
          </p>
        )}
        <div class="buttons">
          <button type="button" onClick={onClose}>
            {t("cancel")}
          </button>
          <button type="submit" class="accent" disabled={isBusy}>
            {t("adopt")}
          </button>
        </div>
      </form>
    </Modal>
  );
}
