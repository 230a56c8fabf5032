import { useState } from "preact/hooks";
import type { DifferenceOut } from "../api/types";
import { dayAndClock } from "../parts/format";
import { ruleTitle } from "../state/city";
import { compare, compared, history, openVersion } from "../state/rulesets";
import { isAdministrator } from "../state/session";
import { t } from "../text";
import { conditions, nameOf, valueOf } from "./values";

/** What was applied, and how two versions differ. */
export function Compare() {
  const newest = history.value[0]?.version ?? 0;
  const [before, setBefore] = useState<number | null>(null);
  const [after, setAfter] = useState<number | null>(null);
  const [first, second] = [before ?? Math.max(0, newest - 1), after ?? newest];
  return (
    <section>
      <h3>{t("appliedSets")}</h3>
      {!history.value.length && <p class="dim">{t("noneApplied")}</p>}
      <ol class="versions">
        {history.value.map((one) => (
          <li key={one.version}>
            <b>{one.version}</b> {dayAndClock(one.applied_at)} · {one.applied_by}: {one.reason}
            {isAdministrator.value && (
              <button type="button" onClick={() => void openVersion(one.version)} aria-label={`${t("toEditor")}: ${one.version}`}>
                {t("toEditor")}
              </button>
            )}
          </li>
        ))}
      </ol>
      {newest > 0 && (
        <div class="buttons compare">
          <Version label={t("compareFrom")} value={first} onPick={setBefore} />
          <Version label={t("compareTo")} value={second} onPick={setAfter} />
          <button type="button" onClick={() => void compare(first, second)}>
            {t("compare")}
          </button>
        </div>
      )}
      {compared.value && (
        <Differences title={`${compared.value.before || t("shipped")} → ${compared.value.after || t("shipped")}`} found={compared.value.found} />
      )}
    </section>
  );
}

function Version({ label, value, onPick }: { label: string; value: number; onPick: (version: number) => void }) {
  return (
    <label class="field">
      {label}
      <select value={value} onChange={(event) => onPick(Number(event.currentTarget.value))}>
        {history.value.map((one) => (
          <option key={one.version} value={one.version}>
            {one.version}
          </option>
        ))}
        <option value={0}>{t("shipped")}</option>
      </select>
    </label>
  );
}

export function Differences({ title, found }: { title: string; found: DifferenceOut[] }) {
  if (!found.length) return <p class="dim">{`${title}: ${t("nothingDiffers")}`}</p>;
  return (
    <table class="differences">
      <caption>{title}</caption>
      <thead>
        <tr>
          <th scope="col">{t("rule")}</th>
          <th scope="col">{t("parameter")}</th>
          <th scope="col">{t("valueBefore")}</th>
          <th scope="col">{t("valueAfter")}</th>
        </tr>
      </thead>
      <tbody>
        {found.map((one) => (
          <tr key={`${one.where} ${one.rule} ${one.parameter}`}>
            <th scope="row">
              {ruleTitle(one.rule)}
              {one.where && <small>{conditions(one.where)}</small>}
            </th>
            <td>{nameOf(one.parameter)}</td>
            <td>{valueOf(one.parameter, one.before)}</td>
            <td>{valueOf(one.parameter, one.after)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

