import type { AlertDetail, Amendment, JournalEntry, Phase } from "../api/types";
import { dayAndClock } from "../parts/format";
import { t, word, type TextKey } from "../text";

type Action = AlertDetail["actions"][number];

const PHASES: Record<Phase, TextKey> = {
  candidate: "phaseCandidate", provisional: "phaseProvisional", confirmed: "phaseConfirmed", closed: "phaseClosed",
  amended: "phaseAmended",
};
const AMENDMENTS: Record<Amendment, TextKey> = {
  new_late: "amendmentNewLate", extended: "amendmentExtended", downgraded: "amendmentDowngraded", retracted: "amendmentRetracted",
  merged: "amendmentMerged",
};

function changed({ change }: JournalEntry): string {
  const amendment = change.amendment && t(AMENDMENTS[change.amendment]);
  return [t(PHASES[change.phase]), change.severity, amendment].filter(Boolean).join(" · ");
}

function acted(action: Action): string {
  switch (action.kind) {
    case "acknowledge":
      return t("acknowledgedBy");
    case "assign":
      return `${t("assignedTo")} ${action.assignee}`;
    case "comment":
      return t("commented");
    case "close":
      return `${t("closedBy")} ${word(action.outcome)}`;
    case "correct":
      return `${t("correctedTo")} ${word(action.outcome)}`;
    case "reopen":
      return `${t("reopenedBy")} ${word(action.outcome)} (${action.closed_by})`;
    case "continue":
      return t("continuedAs");
  }
}

/** Changes by judgement and actions of people, in the order in which the server wrote them down. */
export function History({ detail }: { detail: AlertDetail }) {
  const lines = [
    ...detail.changes.map((entry) => ({ at: entry.recorded_at, who: t("judged"), what: changed(entry), note: null as string | null, person: false })),
    ...detail.actions.map((action) => ({ at: action.at, who: action.actor, what: acted(action), note: action.note, person: true })),
  ].sort((a, b) => a.at - b.at);
  return (
    <section>
      <h3>{t("history")}</h3>
      <ol class="history">
        {lines.map((line, index) => (
          <li key={index} class={line.person ? "person" : ""}>
            <time>{dayAndClock(line.at)}</time> <b>{line.who}</b> {line.what}
            {line.note && <q>{line.note}</q>}
          </li>
        ))}
      </ol>
    </section>
  );
}
