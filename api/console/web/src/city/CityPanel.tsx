import { useState } from "preact/hooks";
import type { Feature } from "../api/types";
import { count, dayAndClock } from "../parts/format";
import { ReasonDialog } from "../parts/ReasonDialog";
import { ReplayForm } from "../replay/ReplayForm";
import { TRUCK_COLOURS } from "../map/symbols";
import { FILL_COLOURS } from "../map/style";
import { decideSite } from "../state/actions";
import { baseMap } from "../state/basemap";
import { fillLevels } from "../state/city";
import { bins, openAlerts, openAlertsAreMore, readSuspected, suspected, trucks } from "../state/moving";
import { mayClose } from "../state/session";
import { LAYERS, layers, type Layer } from "../state/view";
import { t, word, type TextKey } from "../text";
import { CityWeighings } from "../weighings/CityWeighings";

const FILLS: [keyof typeof FILL_COLOURS, TextKey][] = [
  ["low", "fillLow"],
  ["warn", "fillWarn"],
  ["full", "fillFull"],
  ["none", "fillNone"],
];

export function CityPanel() {
  return (
    <div class="city">
      <section>
        <h3>{t("layers")}</h3>
        <ul class="layers">
          {LAYERS.filter((name) => name !== "Base" || (baseMap.value && baseMap.value.kind !== "none")).map((name) => (
            <li key={name}>
              <LayerSwitch name={name} />
              {name === "Trucks" && <TruckKey />}
              {name === "Bins" && <BinKey />}
            </li>
          ))}
        </ul>
      </section>
      <ReplayForm />
      <CityWeighings />
      <Suspected />
    </div>
  );
}

function LayerSwitch({ name }: { name: Layer }) {
  const counts: Partial<Record<Layer, string>> = {
    Trucks: count(trucks.value.length),
    Bins: count(bins.value.length),
    Alerts: count(openAlerts.value.length) + (openAlertsAreMore.value ? "+" : ""),
  };
  const toggle = () => (layers.value = { ...layers.value, [name]: !layers.value[name] });
  return (
    <label class="choice">
      <input type="checkbox" checked={layers.value[name]} onChange={toggle} />
      {t(`layer${name}`)} {counts[name] && <b>{counts[name]}</b>}
    </label>
  );
}

function TruckKey() {
  return (
    <ul class="key">
      {Object.entries(TRUCK_COLOURS).map(([state, colour]) => (
        <li key={state}>
          <i style={{ background: colour }} />
          {word(state)} {count(trucks.value.filter((truck) => truck.properties["state"] === state).length)}
        </li>
      ))}
    </ul>
  );
}

function BinKey() {
  return (
    <ul class="key">
      {FILLS.map(([fill, text]) => (
        <li key={fill}>
          <i style={{ background: FILL_COLOURS[fill] }} />
          {t(text).replace("{warn}", String(fillLevels.value.warn)).replace("{full}", String(fillLevels.value.full))}
        </li>
      ))}
    </ul>
  );
}

function Suspected() {
  const [asked, setAsked] = useState<{ id: string; state: "accepted" | "dismissed" } | null>(null);
  const found = suspected.value.filter((site) => site.properties["state"] !== "dismissed");
  return (
    <section>
      <h3>
        {t("suspectedSites")} ({count(found.length)})
      </h3>
      {!found.length && <p class="dim">{t("noSuspected")}</p>}
      <ul class="suspected">
        {found.map((site) => (
          <Site key={site.id} site={site} onAsk={(state) => setAsked({ id: site.id ?? "", state })} />
        ))}
      </ul>
      {asked && <DecisionDialog {...asked} onClose={() => setAsked(null)} />}
    </section>
  );
}

function Site({ site, onAsk }: { site: Feature; onAsk: (state: "accepted" | "dismissed") => void }) {
  const { kind, state, visits, trucks: visitors, radius_m: radius, last_seen: lastSeen } = site.properties;
  return (
    <li>
      <b>{t(kind === "source" ? "kindSource" : "kindDump")}</b> · {word(String(state))}
      <p class="dim">
        {visits !== null && `${count(Number(visits))} ${t("visits")} · `}
        {count((visitors as string[]).length)} {t("trucks")} · {t("radius")} {Math.round(Number(radius))} m
        {lastSeen !== null && ` · ${t("lastVisit")} ${dayAndClock(Number(lastSeen))}`}
      </p>
      {mayClose.value && (
        <div class="buttons">
          {state !== "accepted" && (
            <button type="button" onClick={() => onAsk("accepted")}>
              {t("accept")}
            </button>
          )}
          <button type="button" onClick={() => onAsk("dismissed")}>
            {t("dismiss")}
          </button>
        </div>
      )}
    </li>
  );
}

function DecisionDialog({ id, state, onClose }: { id: string; state: "accepted" | "dismissed"; onClose: () => void }) {
  const decide = async (reason: string) => {
    await decideSite(id, state, reason);
    await readSuspected();
  };
  return <ReasonDialog title={t(state === "accepted" ? "accept" : "dismiss")} action={t("save")} onClose={onClose} onReason={decide} />;
}
