/* Cases: what is to be done by when, and how much of it was done; one of them opened. */
import { useEffect } from "preact/hooks";
import { caseFilters, cases, casesFault, chosenCase, chooseCase, indicators, NO_CASE_FILTER, readCases, readIndicators, type CaseFilters } from "../state/cases";
import { districtIds, districtName, people } from "../state/city";
import { actor, mayAct, mayClose } from "../state/session";
import { count } from "../parts/format";
import { t, type TextKey } from "../text";
import type { CaseView } from "../api/types";
import { CaseFile } from "./CaseFile";
import { HotlineButton } from "./Hotline";
import { NewCaseButton } from "./NewCase";
import { CASE_KINDS, CASE_STATES, dueText, isOverdue, kindText, stateText } from "./words";

const EVERY_MS = 30_000;

export function CasesPanel() {
  if (chosenCase.value !== null) return <CaseFile />;
  return <CaseList />;
}

function CaseList() {
  useEffect(() => {
    const read = () => {
      void readCases();
      void readIndicators();
    };
    read();
    const again = setInterval(() => !document.hidden && read(), EVERY_MS);
    return () => clearInterval(again);
  }, []);
  const found = cases.value;
  return (
    <div class="cases">
      <ClosingRate />
      <div class="buttons">
        {mayAct.value && <HotlineButton />}
        {mayClose.value && <NewCaseButton />}
      </div>
      <Filters />
      {casesFault.value && <p class="fault">{casesFault.value}</p>}
      {!found && !casesFault.value && <p class="empty">{t("loading")}</p>}
      {found && !found.items.length && <p class="empty">{t(caseFilters.value === NO_CASE_FILTER ? "noCases" : "noCaseMatches")}</p>}
      <ul class="case-list">
        {found?.items.map((one) => (
          <Line key={one.number} one={one} />
        ))}
      </ul>
      {found?.next && (
        <button type="button" class="more" onClick={() => void readCases(true)}>
          {t("more")}
        </button>
      )}
    </div>
  );
}

function ClosingRate() {
  const found = indicators.value;
  if (!found) return null;
  const percent = (value: number | null) => (value === null ? "–" : `${count(value)} %`);
  const tiles: [TextKey, string, boolean][] = [
    ["closingRate", percent(found.closing_rate_pct), false],
    ["inTimeRate", percent(found.in_time_rate_pct), false],
    ["casesOpened", count(found.opened), false],
    ["casesClosed", count(found.closed), false],
    ["casesOverdue", count(found.overdue), found.overdue > 0],
  ];
  return (
    <section>
      <h3>{t("quarter")}</h3>
      <dl class="tiles">
        {tiles.map(([name, value, isFault]) => (
          <div key={name} class={isFault ? "fault" : ""}>
            <dt>{t(name)}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function Filters() {
  const set = (change: Partial<CaseFilters>) => {
    const next = { ...caseFilters.value, ...change };
    caseFilters.value = JSON.stringify(next) === JSON.stringify(NO_CASE_FILTER) ? NO_CASE_FILTER : next;
    void readCases();
  };
  const { state, overdue, kind, assignee, district, text } = caseFilters.value;
  const assignees = [...new Set([...(actor.value ? [actor.value] : []), ...people.value, ...(cases.value?.items.map((one) => one.assignee ?? "") ?? []), assignee])];
  return (
    <form class="case-filters" role="search" onSubmit={(event) => event.preventDefault()}>
      <input type="search" placeholder={t("searchCases")} aria-label={t("searchCases")} maxLength={100} value={text} onInput={(event) => set({ text: event.currentTarget.value })} />
      <Pick label="state" value={state} none="stateAll" onPick={(value) => set({ state: value as CaseFilters["state"] })}
        options={[["notClosed", t("caseNotClosed")], ...CASE_STATES.map((one): [string, string] => [one, stateText(one)])]} />
      <Pick label="caseKind" value={kind} onPick={(value) => set({ kind: value as CaseFilters["kind"] })} options={CASE_KINDS.map((one) => [one, kindText(one)])} />
      <Pick label="assignee" value={assignee} onPick={(value) => set({ assignee: value })} options={assignees.filter(Boolean).map((name) => [name, name])} />
      <Pick label="district" value={district} onPick={(value) => set({ district: value })} options={districtIds.value.map((id) => [id, districtName(id)])} />
      <label class="choice">
        <input type="checkbox" checked={overdue} onChange={(event) => set({ overdue: event.currentTarget.checked })} />
        {t("onlyOverdue")}
      </label>
    </form>
  );
}

interface PickOptions {
  label: TextKey;
  value: string;
  options: [value: string, text: string][];
  none?: TextKey;
  onPick: (value: string) => void;
}

function Pick({ label, value, options, none = "any", onPick }: PickOptions) {
  return (
    <label>
      <span>{t(label)}</span>
      <select value={value} onChange={(event) => onPick(event.currentTarget.value)}>
        <option value="">{t(none)}</option>
        {options.map(([one, text]) => (
          <option key={one} value={one}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

function Line({ one }: { one: CaseView }) {
  return (
    <li class={isOverdue(one) ? "overdue" : ""}>
      <button type="button" onClick={() => chooseCase(one.number)}>
        <span class="number">{one.number}</span>
        <span class="title">{one.title}</span>
        <span class="due">{dueText(one)}</span>
        <span class="about">
          {kindText(one.kind)} · {stateText(one.state)}
          {one.assignee && ` → ${one.assignee}`}
          {one.district && ` · ${districtName(one.district)}`}
          {one.alerts.length > 1 && ` · ${t("alertsOf").replace("{n}", String(one.alerts.length))}`}
        </span>
      </button>
    </li>
  );
}
