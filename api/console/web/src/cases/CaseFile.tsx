import { useEffect, useState } from "preact/hooks";
import type { AlertView, CaseAnswer } from "../api/types";
import { Attachments } from "../attachments/Attachments";
import { copyLink, MapPrint } from "../case/CasePanel";
import { dayAndClock } from "../parts/format";
import { ReasonDialog } from "../parts/ReasonDialog";
import { standing } from "../queue/Row";
import { actOnCase, caseFile, chooseCase, readCaseFile } from "../state/cases";
import { deviceName, ruleTitle } from "../state/city";
import { alertOf, choose } from "../state/queue";
import { mayAct, mayClose } from "../state/session";
import { panel } from "../state/view";
import { localText, t } from "../text";
import { CaseDialog } from "./CaseDialog";
import { NearCase } from "./NearCase";
import { Reports } from "./Reports";
import { actionText, becauseOf, dueText, eventText, isOverdue, kindText, outcomeText, placeText, stateText, type CaseAction } from "./words";

const EVERY_MS = 15_000;

/** One case: what it is about, what belongs to it, what was done, and what can be done now. */
export function CaseFile() {
  useEffect(() => {
    const again = setInterval(() => !document.hidden && !document.querySelector("dialog[open]") && void readCaseFile(), EVERY_MS);
    return () => clearInterval(again);
  }, []);
  const found = caseFile.value;
  return (
    <article class="case case-file" aria-label={t("cases")}>
      <button type="button" class="back" onClick={() => chooseCase(null)}>
        ← {t("allCases")}
      </button>
      {!found && <p class="empty">{t("loading")}</p>}
      {found && (
        <>
          <Head found={found} />
          <MapPrint />
          <Reports key={`reports ${found.case.number}`} number={found.case.number} isOfPublic={found.case.kind === "report"} />
          <Alerts found={found} />
          <NearCase found={found} />
          <Attachments key={found.case.number} owner={`/cases/${found.case.number}`} roles="officers" isClosed={found.case.state === "closed"} />
          <Events found={found} />
        </>
      )}
    </article>
  );
}

function Head({ found }: { found: CaseAnswer }) {
  const [asked, setAsked] = useState<CaseAction | null>(null);
  const one = found.case;
  const isClosed = one.state === "closed";
  const actions: CaseAction[] = isClosed ? ["comment", "reopen"] : [...(one.state === "open" ? (["begin"] as const) : []), "assign", "comment", "change", "deadline", "close"];
  const place = placeText(one);
  return (
    <header>
      <p class="dim">
        {one.number} · {kindText(one.kind)}
      </p>
      <h2>{one.title}</h2>
      <p>
        <b>{stateText(one.state)}</b>
        {one.outcome && `: ${outcomeText(one.outcome)}`}
        {one.assignee && ` · ${t("assignedTo")} ${one.assignee}`}
      </p>
      <p class={isOverdue(one) ? "overdue" : ""}>
        {t("deadline")} {dayAndClock(one.deadline)} · <b>{dueText(one)}</b>
      </p>
      {one.closing_reason && <blockquote>{one.closing_reason}</blockquote>}
      <p class="dim">
        {t("eventOpened")} {dayAndClock(one.opened_at)} · {one.opened_by}
        {one.happened_from !== null && ` · ${t("happened")} ${dayAndClock(one.happened_from)}`}
        {one.happened_until !== null && one.happened_until !== one.happened_from && ` – ${dayAndClock(one.happened_until)}`}
      </p>
      {place && <p class="dim">{place}</p>}
      {!mayClose.value && <p class="dim">{t(mayAct.value ? "casesForOfficers" : "readOnly")}</p>}
      <div class="buttons" role="toolbar" aria-label={t("cases")}>
        {mayClose.value &&
          actions.map((action) => (
            <button type="button" key={action} onClick={() => setAsked(action)}>
              {actionText(action)}
            </button>
          ))}
        <button type="button" onClick={() => print()}>
          {t("print")}
        </button>
        <button type="button" onClick={() => void copyLink()}>
          {t("link")}
        </button>
      </div>
      {asked && <CaseDialog action={asked} one={one} onClose={() => setAsked(null)} />}
    </header>
  );
}

function Alerts({ found }: { found: CaseAnswer }) {
  const [removed, setRemoved] = useState<AlertView | null>(null);
  return (
    <section>
      <h3>
        {t("alertsInCase")} ({found.alerts.length})
      </h3>
      {!found.alerts.length && <p class="dim">{t("noneOfThese")}</p>}
      <ul class="joined">
        {found.alerts.map((alert) => (
          <li key={alert.alert_id}>
            <AlertLine alert={alert} />
            {mayClose.value && found.case.state !== "closed" && (
              <button type="button" onClick={() => setRemoved(alert)} aria-label={`${t("removeFromCase")}: ${localText(alert.title)}`}>
                {t("removeFromCase")} …
              </button>
            )}
          </li>
        ))}
      </ul>
      {removed && (
        <ReasonDialog title={t("removeFromCase")} ask={localText(removed.title)} action={t("removeFromCase")} maxLength={2_000} onClose={() => setRemoved(null)}
          onReason={(reason) => actOnCase(`alerts/${removed.alert_id}/remove`, { reason })} />
      )}
    </section>
  );
}

/** An alert in a few words, which opens it. */
export function AlertLine({ alert, children }: { alert: AlertView; children?: preact.ComponentChildren }) {
  const open = () => {
    choose(alert.alert_id);
    panel.value = "case";
  };
  return (
    <button type="button" class="plain" onClick={open}>
      <span class={`severity ${alert.severity}`}>{alert.severity}</span> {dayAndClock(alert.opened_at)} {localText(alert.title)}
      <span class="dim">
        {" "}
        · {ruleTitle(alert.rule)} · {deviceName(alert.subject)} · {standing(alert)}
        {children}
      </span>
    </button>
  );
}

function Events({ found }: { found: CaseAnswer }) {
  const titleOf = (alertId: string) => {
    const alert = found.alerts.find((one) => one.alert_id === alertId) ?? alertOf(alertId);
    return alert ? localText(alert.title) : alertId;
  };
  return (
    <section>
      <h3>{t("history")}</h3>
      <ol class="history">
        {found.events.map((event) => (
          <li key={event.no} class="person">
            <time>{dayAndClock(event.at)}</time> <b>{event.actor}</b> {eventText(event, titleOf)}
            {becauseOf(event) && <q>{becauseOf(event)}</q>}
          </li>
        ))}
      </ol>
    </section>
  );
}
