/* The what-if: a rule set judged over a stretch of what was received, and the alerts that it changes. */
import { useEffect, useState } from "preact/hooks";
import type { WhatIfJob, WhatIfReport } from "../api/types";
import { count, dayAndClock } from "../parts/format";
import { TimeInput } from "../parts/TimeInput";
import { ruleTitle } from "../state/city";
import { choose } from "../state/queue";
import { cancelWhatIf, checked, draft, followJob, job, startWhatIf } from "../state/rulesets";
import { localText, t, word, type TextKey } from "../text";

type Difference = WhatIfReport["differ"][number];

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
const STATES: Record<WhatIfJob["state"], TextKey> = {
  running: "jobRunning", done: "jobDone", failed: "jobFailed", cancelled: "jobCancelled",
};

export function WhatIf() {
  useEffect(followJob, []);
  const [end, setEnd] = useState(() => Math.ceil(Date.now() / MINUTE_MS) * MINUTE_MS);
  const [start, setStart] = useState(end - DAY_MS);
  const isCorrect = checked.value?.content === draft.value && !checked.value.found.faults.length;
  const isRunning = job.value?.state === "running";
  const submit = (event: Event) => {
    event.preventDefault();
    void startWhatIf(start, end);
  };
  return (
    <section>
      <h3>{t("whatIf")}</h3>
      <p class="dim">{t("whatIfHint")}</p>
      <form class="buttons times" onSubmit={submit}>
        <TimeInput label={t("from")} value={start} onPick={setStart} />
        <TimeInput label={t("to")} value={end} onPick={setEnd} />
        <button type="submit" disabled={!isCorrect || isRunning}>
          {t("tryIt")}
        </button>
      </form>
      {job.value && <Job job={job.value} />}
    </section>
  );
}

function Job({ job: found }: { job: WhatIfJob }) {
  const percent = Math.round(found.progress.share * 100);
  return (
    <div class="job">
      <p role="status">
        <b>{t(STATES[found.state])}</b> · {dayAndClock(found.start)} – {dayAndClock(found.end)} · {found.started_by}
        {found.fault && ` · ${word(found.fault)}`}
      </p>
      {found.state === "running" && (
        <div class="line">
          <progress max={100} value={percent} aria-label={t("progress")} />
          <span>
            {percent} % · {count(found.progress.messages)} {t("messages")}
          </span>
          <button type="button" onClick={() => void cancelWhatIf()}>
            {t("cancel")}
          </button>
        </div>
      )}
      {found.report && <Report report={found.report} />}
    </div>
  );
}

function Report({ report }: { report: WhatIfReport }) {
  const total = report.by_rule.reduce((sum, one) => sum + one.gained + one.lost + one.changed, 0);
  return (
    <>
      <p>
        {t("whatIfFound")
          .replace("{messages}", count(report.messages))
          .replace("{before}", count(report.alerts_before))
          .replace("{after}", count(report.alerts_after))}
      </p>
      {!total && <p class="good">{t("noAlertDiffers")}</p>}
      {total > 0 && (
        <table>
          <thead>
            <tr>
              <th scope="col">{t("rule")}</th>
              {(["gained", "lost", "changed"] as const).map((effect) => (
                <th scope="col" class="number" key={effect}>
                  {t(effect)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {report.by_rule.map((one) => (
              <tr key={one.rule}>
                <th scope="row">{ruleTitle(one.rule)}</th>
                <td class="number">{count(one.gained)}</td>
                <td class="number">{count(one.lost)}</td>
                <td class="number">{count(one.changed)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <ul class="differ">
        {report.differ.map((one) => (
          <Row key={`${one.effect} ${(one.after ?? one.before)?.alert_id}`} one={one} />
        ))}
      </ul>
      {total > report.differ.length && <p class="dim">{t("listedOf").replace("{n}", count(report.differ.length)).replace("{total}", count(total))}</p>}
    </>
  );
}

function Row({ one }: { one: Difference }) {
  const shown = one.after ?? one.before;
  if (!shown) return null;
  const graver = one.before && one.after && one.before.severity !== one.after.severity ? `${one.before.severity} → ` : "";
  return (
    <li class={one.effect}>
      <b>{t(one.effect)}</b> <span class={`severity ${shown.severity}`}>{graver + shown.severity}</span> {dayAndClock(shown.opened_at)} ·{" "}
      {localText(shown.title)} <span class="dim">{one.subject}</span>
      {one.differs.length > 0 && <span class="dim"> · {one.differs.map((name) => how(one, name)).join(", ")}</span>}
      {one.before && (
        <button type="button" class="plain" onClick={() => choose(one.before?.alert_id ?? null)}>
          {t("toCase")}
        </button>
      )}
    </li>
  );
}

const TIMES: Record<string, TextKey> = { opened_at: "openedAt", told_at: "toldAt", closed_at: "endedAt" };

function how({ before, after }: Difference, name: string): string {
  const time = TIMES[name];
  if (!time) return t(name === "severity" ? "severity" : "retracted");
  const at = (outcome: Difference["before"]) => {
    const ms = outcome?.[name as "opened_at" | "told_at" | "closed_at"];
    return ms ? dayAndClock(ms) : t("stillOpen");
  };
  return `${t(time)} ${at(before)} → ${at(after)}`;
}
