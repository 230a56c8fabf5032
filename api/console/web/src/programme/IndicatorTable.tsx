/* Indicators as a table: value, bar towards the target, what the value rests on; the definition unfolds. */
import type { Indicator, IndicatorReport } from "../api/types";
import { count } from "../parts/format";
import { localText, t } from "../text";

export function IndicatorTable({ report }: { report: IndicatorReport }) {
  return (
    <section>
      <h3>{t("indicators")}</h3>
      <table class="indicators">
        <thead>
          <tr>
            <th scope="col">{t("indicator")}</th>
            <th scope="col" class="number">{t("value")}</th>
            {!report.is_part && <th scope="col">{t("towardsTarget")}</th>}
            <th scope="col">{t("restsOn")}</th>
          </tr>
        </thead>
        <tbody>
          {report.indicators.map((one) => (
            <Line key={one.id} one={one} withTarget={!report.is_part} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Line({ one, withTarget }: { one: Indicator; withTarget: boolean }) {
  return (
    <tr>
      <th scope="row">
        <details>
          <summary>{localText(one.name)}</summary>
          <p>{localText(one.formula)}</p>
          <p class="dim">{localText(one.scope)}</p>
        </details>
      </th>
      <td class="number">
        {one.value === null ? (
          <span class="dim">–</span>
        ) : (
          <>
            <b>{count(one.value)}</b> {localText(one.unit)}
          </>
        )}
      </td>
      {withTarget && (
        <td>
          <Target one={one} />
        </td>
      )}
      <td>
        {one.withheld.map((held) => (
          <p key={held.reason} class="why">{localText(held.text)}</p>
        ))}
        <p class="dim">{partsShown(one).map((part) => `${localText(part.name)} ${count(part.value)} ${localText(part.unit)}`).join(" · ")}</p>
        <Quality one={one} />
      </td>
    </tr>
  );
}

/** What a value is made of; without a value only where something was counted. */
const partsShown = (one: Indicator) => (one.value !== null || one.parts.some((part) => part.value !== 0) ? one.parts : []);

function Target({ one }: { one: Indicator }) {
  if (one.target === null) return <span class="dim">{t("noTarget")}</span>;
  const share = one.progress_pct === null ? 0 : Math.min(Math.max(one.progress_pct, 0), 100);
  const aim = `${one.aim === "at_least" ? "≥" : "≤"} ${count(one.target)}${one.target_year ? ` (${one.target_year})` : ""}`;
  const base = one.baseline === null ? "" : `${count(one.baseline)}${one.baseline_year ? ` (${one.baseline_year})` : ""} → `;
  return (
    <>
      {one.value !== null && one.progress_pct !== null && (
        <div class={`bar ${one.met ? "met" : ""}`} role="img" aria-label={`${t("towardsTarget")}: ${count(one.progress_pct)} %`}>
          <i style={{ width: `${share}%` }} />
        </div>
      )}
      <span class={one.met ? "good" : "dim"}>
        {base}
        {aim}
        {one.met && ` · ${t("targetMet")}`}
      </span>
    </>
  );
}

/** Only what takes away from a value. */
function Quality({ one }: { one: Indicator }) {
  const found = one.quality;
  if (!found || !found.loads) return null;
  const facts = [
    `${count(found.loads)} ${t("loadsWord")}`,
    found.weighed_pct === null ? "" : `${count(found.weighed_pct)} % ${t("weighedInFull")}`,
    found.estimated ? `${count(found.estimated)} ${t("estimatedLoads")}` : "",
    found.without_net ? `${count(found.without_net)} ${t("withoutNet")}` : "",
    found.without_stream ? `${count(found.without_stream)} ${t("withoutStream")}` : "",
    found.waiting ? `${count(found.waiting)} ${t("waitForTruck")}` : "",
    found.days_without_data ? `${count(found.days_without_data)}/${count(found.days)} ${t("daysWithoutData")}` : "",
    found.sites_without_scale ? `${count(found.sites_without_scale)}/${count(found.sites)} ${t("sitesWithoutScale")}` : "",
    found.deposits ? `${count(found.deposits)} ${t("depositsWord")}` : "",
    found.points_without_deposits ? `${count(found.points_without_deposits)}/${count(found.points)} ${t("pointsWithoutDeposits")}` : "",
  ];
  return <p class="dim">{facts.filter(Boolean).join(" · ")}</p>;
}
