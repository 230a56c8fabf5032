/* Alerts are taken up as a case; what case an alert is in. */
import { useEffect, useState } from "preact/hooks";
import type { AlertView, CaseView } from "../api/types";
import { ReasonDialog } from "../parts/ReasonDialog";
import { casesOf, chooseCase, openCaseOf, takenUp } from "../state/cases";
import { people } from "../state/city";
import { mayClose } from "../state/session";
import { localText, t } from "../text";
import { stateText } from "./words";

export function TakeUpDialog() {
  const alerts = takenUp.value;
  return alerts ? <Form key={alerts[0]?.alert_id} alerts={alerts} /> : null;
}

function Form({ alerts }: { alerts: AlertView[] }) {
  const [title, setTitle] = useState(alerts[0] ? localText(alerts[0].title).slice(0, 200) : "");
  const [assignee, setAssignee] = useState("");
  const open = (reason: string) =>
    openCaseOf({
      alerts: alerts.map((alert) => alert.alert_id), title: title.trim() || null, ...(assignee.trim() ? { assignee: assignee.trim() } : {}), ...(reason ? { reason } : {}),
    });
  return (
    <ReasonDialog title={t("takeUp")} ask={t("takeUpAsk")} action={t("takeUp")} label={t("noteOptional")} isOptional maxLength={2_000} onClose={() => (takenUp.value = null)} onReason={open}>
      <ul class="meant">
        {alerts.slice(0, 5).map((alert) => (
          <li key={alert.alert_id}>{localText(alert.title)}</li>
        ))}
        {alerts.length > 5 && <li>+ {alerts.length - 5}</li>}
      </ul>
      <label>
        {t("caseTitle")}
        <input required maxLength={200} value={title} onInput={(event) => setTitle(event.currentTarget.value)} />
      </label>
      <label>
        {t("assigneeOptional")}
        <input list="case-people" maxLength={64} value={assignee} onInput={(event) => setAssignee(event.currentTarget.value)} />
        <datalist id="case-people">
          {people.value.map((name) => (
            <option key={name} value={name} />
          ))}
        </datalist>
      </label>
    </ReasonDialog>
  );
}

/** The cases that an alert is in; a button to take it up where no open one holds it. */
export function CasesOfAlert({ alert }: { alert: AlertView }) {
  const [found, setFound] = useState<readonly CaseView[] | null>(null);
  const id = alert.alert_id;
  const isAsking = takenUp.value !== null;
  useEffect(() => {
    let isGone = false;
    void casesOf(id).then((items) => !isGone && setFound(items));
    return () => {
      isGone = true;
    };
  }, [id, alert.acknowledged_at, alert.handled_at, isAsking]);
  if (!found) return null;
  const isHeld = found.some((one) => one.state !== "closed");
  return (
    <p class="of-cases">
      {found.map((one) => (
        <button type="button" key={one.number} onClick={() => chooseCase(one.number)}>
          {t("cases")} {one.number} · {stateText(one.state)}
        </button>
      ))}
      {!isHeld && mayClose.value && (
        <button type="button" onClick={() => (takenUp.value = [alert])}>
          {t("takeUp")} …
        </button>
      )}
    </p>
  );
}
