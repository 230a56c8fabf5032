/* The city's programme: its indicators with targets and the quality of their data, and the assessment. */
import { useEffect } from "preact/hooks";
import { dayAndClock } from "../parts/format";
import { askAbout, dayAfter, days, indicatorReport, programmeFault, quarterOf, readProgramme, today } from "../state/programme";
import { t, type TextKey } from "../text";
import { Assessed } from "./Assessed";
import { IndicatorTable } from "./IndicatorTable";

const EVERY_MS = 300_000;

export function ProgrammePanel() {
  useEffect(() => {
    void readProgramme();
    const again = setInterval(() => !document.hidden && void readProgramme(), EVERY_MS);
    return () => clearInterval(again);
  }, []);
  const found = indicatorReport.value;
  return (
    <div class="programme">
      <Span />
      {programmeFault.value && <p class="fault" role="alert">{programmeFault.value}</p>}
      {!found && !programmeFault.value && <p class="empty">{t("loading")}</p>}
      {found && (
        <>
          <p class="dim">
            {t("figuresAsOf")} {dayAndClock(found.at)}
            {!found.is_over && ` · ${t("spanNotOver")}`}
            {found.is_part && ` · ${t("figuresOfPart")}`}
          </p>
          <IndicatorTable report={found} />
          <LateDays />
          <Assessed />
        </>
      )}
    </div>
  );
}

function Span() {
  const asked = days.value ?? quarterOf(today());
  const choices: [TextKey, { from: string; to: string }][] = [
    ["thisQuarter", quarterOf(today())],
    ["lastQuarter", quarterOf(today(), 1)],
    ["lastThirtyDays", { from: dayAfter(today(), -29), to: today() }],
  ];
  const set = (change: { from?: string; to?: string }) => {
    const next = { ...asked, ...change };
    if (next.from && next.to) askAbout(next);
  };
  return (
    <form class="buttons span" onSubmit={(event) => event.preventDefault()}>
      {choices.map(([name, span]) => (
        <button key={name} type="button" aria-pressed={span.from === asked.from && span.to === asked.to} onClick={() => askAbout(span)}>
          {t(name)}
        </button>
      ))}
      <label>
        {t("firstDay")} <input type="date" value={asked.from} max={today()} onChange={(event) => set({ from: event.currentTarget.value })} />
      </label>
      <label>
        {t("lastDay")} <input type="date" value={asked.to} onChange={(event) => set({ to: event.currentTarget.value })} />
      </label>
    </form>
  );
}

function LateDays() {
  const late = indicatorReport.value?.late ?? [];
  if (!late.length) return null;
  return (
    <section>
      <h3>{t("lateChanges")}</h3>
      <ul class="late-days">
        {late.map((one) => (
          <li key={one.day}>
            {one.day}: {t("lateChange").replace("{n}", String(one.revisions)).replace("{kg}", `${one.net_kg > 0 ? "+" : ""}${one.net_kg.toLocaleString()}`)}
          </li>
        ))}
      </ul>
    </section>
  );
}
