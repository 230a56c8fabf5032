import { useEffect, useState } from "preact/hooks";
import { link } from "../api/client";
import type { AlertView, Evidence } from "../api/types";
import { ask } from "../keys";
import { TITLES } from "../parts/ActionDialog";
import { dayAndClock, measured, moment } from "../parts/format";
import { standing } from "../queue/Row";
import { endShelves, tell, type ActionKind } from "../state/actions";
import { course, openCase } from "../state/case";
import { deviceName, devices, districtName, fleetName, ruleTitle } from "../state/city";
import { isShelved } from "../state/filters";
import { choose, chosen } from "../state/queue";
import { mayAct, mayClose } from "../state/session";
import { localText, measureName, t, word } from "../text";
import { AlertNotices } from "../notices/AlertNotices";
import { CasesOfAlert } from "../cases/TakeUp";
import { Attachments } from "../attachments/Attachments";
import { CaseWeighings } from "../weighings/CaseWeighings";
import { Curves } from "./Curves";
import { exportEvidence } from "./evidence";
import { History } from "./History";

export function CasePanel() {
  const found = openCase.value;
  if (chosen.value === null) return <p class="empty">{t("chooseAlert")}</p>;
  if (!found || found.detail.alert.alert_id !== chosen.value) return <p class="empty">{t(link.value === "read" ? "loading" : link.value)}</p>;
  const { alert } = found.detail;
  return (
    <article class="case" aria-label={t("case")}>
      <Head alert={alert} />
      <MapPrint />
      <Lines title={t("findings")} texts={(alert.evidence.findings ?? []).map(localText)} />
      <Lines title={t("ruledOut")} texts={(alert.evidence.ruled_out ?? []).map(localText)} />
      <Curves alert={alert} />
      <Measures evidence={alert.evidence} />
      <CaseWeighings alert={alert} />
      <Attachments key={alert.alert_id} owner={`/alerts/${alert.alert_id}`} />
      <AlertNotices alert={alert} />
      <History detail={found.detail} />
      <Others title={t("earlierSubject")} alerts={found.ofSubject} />
      {alert.lat !== null && <Others title={t("earlierPlace")} alerts={found.ofPlace} />}
      <Parameters alert={alert} />
      <Readings evidence={alert.evidence} />
    </article>
  );
}

function Head({ alert }: { alert: AlertView }) {
  const device = devices.value.get(alert.subject);
  const about = [
    deviceName(alert.subject) === alert.subject ? null : deviceName(alert.subject),
    alert.subject,
    device?.vehicle?.carrier,
    // Where a fleet is its haulier, the name stands once.
    device?.fleet && !device.vehicle?.carrier.includes(fleetName(device.fleet)) && fleetName(device.fleet),
    device?.district && districtName(device.district),
  ];
  const actions = (["acknowledge", "assign", "comment", "close", "correct", "shelve"] as ActionKind[]).filter(
    (kind) =>
      ((kind !== "close" && kind !== "correct") || mayClose.value) &&
      (kind === "correct" ? alert.outcome !== null : !(alert.outcome && (kind === "close" || kind === "shelve"))),
  );
  return (
    <header>
      <h2>
        <span class={`severity ${alert.severity}`}>{alert.severity}</span> {localText(alert.title)}
      </h2>
      <p>
        {ruleTitle(alert.rule)} · <b>{standing(alert)}</b>
        {alert.assigned_to && ` · ${t("assignedTo")} ${alert.assigned_to}`}
      </p>
      <p class="dim">{about.filter(Boolean).join(" · ")}</p>
      <p class="dim">
        {t("openedAt")} {dayAndClock(alert.opened_at)} · {alert.closed_at === null ? t("stillOpen") : `${t("endedAt")} ${dayAndClock(alert.closed_at)}`}
        {alert.learned_at && ` · ${t("learnedAt")} ${dayAndClock(alert.learned_at)}`}
        {alert.listed_only && ` · ${t("listedOnly")}`}
      </p>
      <Manifest alertId={alert.alert_id} />
      <CasesOfAlert alert={alert} />
      {isShelved(alert) && (
        <p>
          {t("shelvedUntil")} {moment(alert.shelved_until ?? 0)}{" "}
          {mayAct.value && (
            <button type="button" onClick={() => void endShelves(alert)}>
              {t("endShelf")}
            </button>
          )}
        </p>
      )}
      {!mayAct.value && <p class="dim">{t("readOnly")}</p>}
      <div class="buttons" role="toolbar" aria-label={t("case")}>
        {mayAct.value &&
          actions.map((kind) => (
            <button type="button" key={kind} onClick={() => ask(kind)}>
              {t(TITLES[kind])}
            </button>
          ))}
        {mayClose.value && (
          <button type="button" onClick={() => void exportEvidence(alert.alert_id)}>
            {t("exportEvidence")}
          </button>
        )}
        <button type="button" onClick={() => print()}>
          {t("print")}
        </button>
        <button type="button" onClick={() => void copyLink()}>
          {t("link")}
        </button>
      </div>
    </header>
  );
}

/** The manifests that the truck named in the time that is shown. */
function Manifest({ alertId }: { alertId: string }) {
  if (course.value?.alertId !== alertId) return null;
  const named = new Set(course.value.readings.map((reading) => reading.fields["manifest"]).filter(Boolean));
  return named.size ? (
    <p class="dim">
      {t("manifest")} {[...named].join(", ")}
    </p>
  ) : null;
}

export async function copyLink(): Promise<void> {
  try {
    await navigator.clipboard.writeText(location.href);
    tell(t("linkCopied"));
  } catch {
    tell(location.href); // Without a secure origin a page may not copy: the link is shown.
  }
}

/** The map as a picture, for paper only: a canvas is drawn anew when a page is printed, and then it is empty. */
export function MapPrint() {
  const [picture, setPicture] = useState("");
  useEffect(() => {
    const take = () => {
      const canvas = document.querySelector<HTMLCanvasElement>(".map canvas.maplibregl-canvas");
      if (canvas) setPicture(canvas.toDataURL());
    };
    addEventListener("beforeprint", take);
    return () => removeEventListener("beforeprint", take);
  }, []);
  return picture ? <img class="paper-only" src={picture} alt={t("map")} /> : null;
}

function Lines({ title, texts }: { title: string; texts: string[] }) {
  if (!texts.length) return null;
  return (
    <section>
      <h3>{title}</h3>
      <ul>
        {texts.map((text) => (
          <li key={text}>{text}</li>
        ))}
      </ul>
    </section>
  );
}

function Measures({ evidence }: { evidence: Evidence }) {
  const measures = Object.entries(evidence.measures ?? {});
  if (!measures.length) return null;
  return (
    <section>
      <h3>{t("measures")}</h3>
      <dl class="pairs">
        {measures.map(([name, value]) => (
          <div key={name}>
            <dt>{measureName(name)}</dt>
            <dd>{name === "zone" || name.endsWith("site") ? String(value) : measured(name, value)}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function Parameters({ alert }: { alert: AlertView }) {
  const ruleSet = alert.rule_set ? ` · ${t("ruleSet")} ${alert.rule_set}` : "";
  return (
    <details>
      <summary>
        {t("parameters")}: {ruleTitle(alert.rule)} {alert.rule_version}
        {ruleSet}
      </summary>
      <ul class="readings">
        {Object.entries(alert.evidence.parameters).map(([name, value]) => (
          <li key={name}>
            <code>{name}</code> {measured(name, value)}
          </li>
        ))}
      </ul>
    </details>
  );
}

function Readings({ evidence }: { evidence: Evidence }) {
  const readings = evidence.readings ?? [];
  if (!readings.length) return null;
  return (
    <details>
      <summary>
        {t("readings")} ({readings.length})
      </summary>
      <ul class="readings">
        {readings.map((reading) => (
          <li key={`${reading.device_id} ${reading.ts}`}>
            {dayAndClock(reading.ts)} {word(reading.kind)} {reading.device_id}:{" "}
            {Object.entries(reading.values)
              .map(([name, value]) => `${measureName(name)} ${measured(name, value)}`)
              .join(", ")}
          </li>
        ))}
      </ul>
    </details>
  );
}

function Others({ title, alerts }: { title: string; alerts: AlertView[] }) {
  return (
    <section>
      <h3>{title}</h3>
      {alerts.length ? (
        <ul class="others">
          {alerts.map((alert) => (
            <li key={alert.alert_id}>
              <button type="button" class="plain" onClick={() => choose(alert.alert_id)}>
                <span class={`severity ${alert.severity}`}>{alert.severity}</span> {dayAndClock(alert.opened_at)} {localText(alert.title)}{" "}
                <span class="dim">{standing(alert)}</span>
              </button>
            </li>
          ))}
        </ul>
      ) : (
        <p class="dim">{t("noOthers")}</p>
      )}
    </section>
  );
}
