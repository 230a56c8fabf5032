/* The dialogs of a case: one form a kind of action, all with a reason. */
import { useState } from "preact/hooks";
import type { CaseOutcome, CaseView } from "../api/types";
import { ReasonDialog } from "../parts/ReasonDialog";
import { TimeInput } from "../parts/TimeInput";
import { actOnCase } from "../state/cases";
import { people } from "../state/city";
import { actor } from "../state/session";
import { t } from "../text";
import { numberOf, PlaceFields, textOf } from "./PlaceFields";
import { actionText, CASE_OUTCOMES, outcomeText, type CaseAction } from "./words";

const MAX_REASON = 2_000;
const DAY = 86_400_000;

export function CaseDialog({ action, one, onClose }: { action: CaseAction; one: CaseView; onClose: () => void }) {
  const [assignee, setAssignee] = useState(one.assignee ?? actor.value ?? "");
  const [outcome, setOutcome] = useState<CaseOutcome>("confirmed_violation");
  const [deadline, setDeadline] = useState(Math.max(one.deadline, Date.now()) + 7 * DAY);
  const [values, setValues] = useState({ title: one.title, address: one.address ?? "", district: one.district ?? "", lat: textOf(one.lat), lon: textOf(one.lon) });
  const set = (name: keyof typeof values) => (event: Event) => setValues({ ...values, [name]: (event.currentTarget as HTMLInputElement).value });
  const send = (reason: string) => {
    const why = reason ? { reason } : {};
    switch (action) {
      case "assign":
        return actOnCase("assign", { ...why, assignee: assignee.trim() || null });
      case "close":
        return actOnCase("close", { ...why, outcome });
      case "deadline":
        return actOnCase("deadline", { ...why, deadline });
      case "change":
        return actOnCase("change", { ...why, ...changed(one, values) });
      default:
        return actOnCase(action, why);
    }
  };
  const isOptional = action === "begin" || action === "assign";
  return (
    <ReasonDialog title={`${actionText(action)}: ${one.number}`} ask={action === "close" ? t("caseCloseAsk") : undefined} action={actionText(action)} maxLength={MAX_REASON}
      label={t(action === "comment" ? "note" : isOptional ? "noteOptional" : "reason")} isOptional={isOptional} onClose={onClose} onReason={send}>
      {action === "assign" && (
        <label>
          {t("assignee")}
          <input list="people" maxLength={64} value={assignee} onInput={(event) => setAssignee(event.currentTarget.value)} />
          <datalist id="people">
            {people.value.map((name) => (
              <option key={name} value={name} />
            ))}
          </datalist>
        </label>
      )}
      {action === "close" && (
        <fieldset>
          <legend>{t("outcome")}</legend>
          {CASE_OUTCOMES.map((each) => (
            <label key={each} class="choice">
              <input type="radio" name="outcome" checked={each === outcome} onChange={() => setOutcome(each)} />
              {outcomeText(each)}
            </label>
          ))}
        </fieldset>
      )}
      {action === "deadline" && <TimeInput label={t("deadline")} value={deadline} onPick={setDeadline} />}
      {action === "change" && (
        <>
          <label>
            {t("caseTitle")}
            <input required maxLength={200} value={values.title} onInput={set("title")} />
          </label>
          <PlaceFields values={values} onValues={(place) => setValues({ ...values, ...place })} />
        </>
      )}
    </ReasonDialog>
  );
}

/** The fields that differ from the case; null takes a value away. */
function changed(one: CaseView, values: { title: string; address: string; district: string; lat: string; lon: string }): Record<string, unknown> {
  const wanted: Record<string, unknown> = {
    title: values.title.trim(), address: values.address.trim() || null, district: values.district || null, lat: numberOf(values.lat), lon: numberOf(values.lon),
  };
  const found = Object.fromEntries(Object.entries(wanted).filter(([name, value]) => value !== one[name as keyof CaseView]));
  if ("lat" in found || "lon" in found) Object.assign(found, { lat: wanted["lat"], lon: wanted["lon"] });
  return found;
}
