/* The assessment of hauliers, vehicles and drivers: each score with the counts that it is made of. */
import type { Assessment, AssessmentReport, SubjectKind } from "../api/types";
import { count } from "../parts/format";
import { assessmentKind, assessmentReport, readAssessment } from "../state/programme";
import { mayAct } from "../state/session";
import { localText, t, type TextKey } from "../text";

const KINDS: [SubjectKind, TextKey][] = [
  ["haulier", "hauliers"],
  ["vehicle", "vehicles"],
  ["driver", "drivers"],
];

export function Assessed() {
  if (!mayAct.value) return <p class="dim">{t("assessmentForOperators")}</p>;
  const found = assessmentReport.value;
  const choose = (kind: SubjectKind) => {
    assessmentKind.value = kind;
    assessmentReport.value = null;
    void readAssessment();
  };
  return (
    <section>
      <h3>{t("assessment")}</h3>
      <div class="buttons">
        {KINDS.map(([kind, name]) => (
          <button key={kind} type="button" aria-pressed={assessmentKind.value === kind} onClick={() => choose(kind)}>
            {t(name)}
          </button>
        ))}
      </div>
      {found && <Formula report={found} />}
      {found && (found.items.length ? <Scores found={found.items} /> : <p class="dim">{t("nobodyAssessed")}</p>)}
    </section>
  );
}

function Formula({ report }: { report: AssessmentReport }) {
  const { weights, points, least_trips: trips, least_data_pct: data } = report.rules;
  const severities = Object.entries(points).map(([severity, value]) => `${severity} ${count(value)}`).join(", ");
  const text = t("scoreFormula")
    .replace("{alerts}", count(weights.alerts))
    .replace("{manifests}", count(weights.manifests))
    .replace("{data}", count(weights.data))
    .replace("{points}", severities)
    .replace("{trips}", count(trips))
    .replace("{share}", count(data));
  return <p class="dim">{text}</p>;
}

function Scores({ found }: { found: Assessment[] }) {
  return (
    <table class="scores">
      <thead>
        <tr>
          <th scope="col">{t("assessed")}</th>
          <th scope="col" class="number">{t("totalScore")}</th>
          <th scope="col">{t("upheldAlerts")}</th>
          <th scope="col">{t("closedManifests")}</th>
          <th scope="col">{t("completeData")}</th>
        </tr>
      </thead>
      <tbody>
        {found.map((one) => (
          <Line key={one.id} one={one} />
        ))}
      </tbody>
    </table>
  );
}

function Line({ one }: { one: Assessment }) {
  const { counts } = one;
  const [alerts, manifests, data] = one.parts.map((part) => (part.score === null ? "" : `${count(part.score)} · `));
  const upheld = Object.entries(counts.upheld)
    .filter(([, number]) => number > 0)
    .map(([severity, number]) => `${count(number)} ${severity}`)
    .join(", ");
  const complete = counts.loads_in_full + counts.trips_seen;
  return (
    <tr>
      <th scope="row">
        {localText(one.name)}
        {one.id !== localText(one.name) && <small> {one.id}</small>}
      </th>
      <td class="number">{one.score === null ? <span class="why">{t(one.why_not === "few_trips" ? "fewTrips" : "littleData")}</span> : <b>{count(one.score)}</b>}</td>
      <td>
        {alerts}
        {upheld || t("noneUpheld")}
        {counts.undecided > 0 && <span class="dim"> · {count(counts.undecided)} {t("undecided")}</span>}
      </td>
      <td>
        {manifests}
        {count(counts.closed)}/{count(counts.trips)}
      </td>
      <td>
        {data}
        {count(complete)}/{count(counts.loads + counts.under_manifest)}
      </td>
    </tr>
  );
}
