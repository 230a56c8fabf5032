/* The dialog of each action: acknowledge, assign, comment, close, correct, shelve. */
import { useState } from "preact/hooks";
import type { AlertView, Outcome } from "../api/types";
import { act, asked, shelve, tell, type ActionKind, type ActionValues, type ShelfScope } from "../state/actions";
import { people } from "../state/city";
import { actor } from "../state/session";
import { localText, t, word, type TextKey } from "../text";
import { Modal } from "./Modal";
import { submitByKey } from "./ReasonDialog";

const OUTCOMES: Outcome[] = ["confirmed_violation", "false_alarm", "no_action", "device_fault"];
const SCOPES: ShelfScope[] = ["shelveThis", "shelveDevice", "shelveRule"];
const LENGTHS: [TextKey, number][] = [
  ["hours1", 3_600_000],
  ["hours8", 28_800_000],
  ["hours24", 86_400_000],
  ["hours168", 604_800_000],
];
export const TITLES: Record<ActionKind, TextKey> = {
  acknowledge: "acknowledge", assign: "assign", comment: "comment", close: "closeCase", correct: "correctOutcome", shelve: "shelve",
};

export function ActionDialog() {
  if (!asked.value) return null;
  const { kind, alerts } = asked.value;
  return <Form key={kind} kind={kind} alerts={alerts} />;
}

function Form({ kind, alerts }: { kind: ActionKind; alerts: AlertView[] }) {
  const [note, setNote] = useState("");
  const [assignee, setAssignee] = useState(actor.value ?? "");
  const [outcome, setOutcome] = useState<Outcome>("confirmed_violation");
  const [scope, setScope] = useState<ShelfScope>("shelveThis");
  const [length, setLength] = useState(LENGTHS[1]?.[1] ?? 0);
  const close = () => (asked.value = null);
  const submit = (event: Event) => {
    event.preventDefault();
    close();
    const values: ActionValues = { note: note.trim() };
    if (kind === "assign") values.assignee = assignee.trim();
    if (kind === "close" || kind === "correct") values.outcome = outcome;
    const doing =
      kind === "shelve" ? shelve(alerts, scope, Date.now() + length - 60_000, note.trim()) : act(kind, alerts, values);
    doing.catch((error: unknown) => tell(String(error), true));
  };
  const needsNote = kind === "comment" || kind === "correct" || kind === "shelve";
  return (
    <Modal title={t(TITLES[kind])} onClose={close}>
      <form onSubmit={submit}>
        <ul class="meant">
          {alerts.slice(0, 5).map((alert) => (
            <li key={alert.alert_id}>{localText(alert.title)}</li>
          ))}
          {alerts.length > 5 && <li>+ {alerts.length - 5}</li>}
        </ul>
        {kind === "assign" && (
          <label>
            {t("assignee")}
            <input list="people" required maxLength={64} value={assignee} onInput={(event) => setAssignee(event.currentTarget.value)} />
            <datalist id="people">
              {people.value.map((name) => (
                <option key={name} value={name} />
              ))}
            </datalist>
          </label>
        )}
        {(kind === "close" || kind === "correct") && <Choice name="outcome" title={t("outcome")} options={OUTCOMES} value={outcome} onPick={setOutcome} text={word} />}
        {kind === "shelve" && (
          <>
            <Choice name="scope" title={t("shelveWhat")} options={SCOPES} value={scope} onPick={setScope} text={t} />
            <label>
              {t("until")}
              <select value={length} onChange={(event) => setLength(Number(event.currentTarget.value))}>
                {LENGTHS.map(([text, ms]) => (
                  <option key={ms} value={ms}>
                    {t(text)}
                  </option>
                ))}
              </select>
            </label>
          </>
        )}
        <label>
          {t(kind === "shelve" ? "reason" : needsNote ? "note" : "noteOptional")}
          <textarea rows={3} required={needsNote} maxLength={kind === "shelve" ? 500 : 2_000} value={note}
            onInput={(event) => setNote(event.currentTarget.value)} onKeyDown={submitByKey} />
        </label>
        <div class="buttons">
          <button type="button" onClick={close}>
            {t("cancel")}
          </button>
          <button type="submit" class="accent">
            {t(TITLES[kind])}
          </button>
        </div>
      </form>
    </Modal>
  );
}

interface ChoiceOptions<T extends string> {
  name: string;
  title: string;
  options: readonly T[];
  value: T;
  onPick: (value: T) => void;
  text: (value: T) => string;
}

function Choice<T extends string>({ name, title, options, value, onPick, text }: ChoiceOptions<T>) {
  return (
    <fieldset>
      <legend>{title}</legend>
      {options.map((option) => (
        <label key={option} class="choice">
          <input type="radio" name={name} checked={option === value} onChange={() => onPick(option)} />
          {text(option)}
        </label>
      ))}
    </fieldset>
  );
}
