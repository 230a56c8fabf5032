import type { NoticeRuleOut, NoticeRulesOut, NoticeStepOut } from "../api/types";
import { districtName, fleetName, ruleTitle } from "../state/city";
import { t, word } from "../text";
import { daysText } from "./words";

type Found = { found: NoticeRulesOut };

function nameOf(found: NoticeRulesOut, name: string): string {
  return found.people.find((person) => person.name === name)?.display_name ?? name;
}

export function NoticeRules({ found }: Found) {
  return (
    <section>
      <h3>{t("whoIsNotified")}</h3>
      {!found.rules.length && <p class="dim">{t("noneOfThese")}</p>}
      <ul class="notice-rules">
        {found.rules.map((rule) => (
          <li key={rule.name}>
            <p>
              <b>{rule.name}</b>: {alertsText(rule)}
            </p>
            <ol>
              {rule.steps.map((step, index) => (
                <li key={index}>
                  <b>{step.after_min === null ? t("atOnce") : t("afterMin").replace("{n}", String(step.after_min))}</b> {whomText(found, step)} · {step.by.join(", ")}
                  {(step.duty.length > 0 || step.roles.length > 0) && (
                    <span class="dim">
                      {" "}
                      ({t("wouldNow")} {step.now.map((name) => nameOf(found, name)).join(", ") || t("nobody")})
                    </span>
                  )}
                </li>
              ))}
            </ol>
            <p class="dim">
              {t("notOlderThan").replace("{n}", String(rule.max_age_min))} · {t(rule.stop_when_over ? "stopsWhenOver" : "goesOnWhenOver")}
              {rule.tell_end && ` · ${t("tellsEnd")}`}
            </p>
          </li>
        ))}
      </ul>
    </section>
  );
}

function alertsText({ alerts }: NoticeRuleOut): string {
  const parts = [
    alerts.rule.length ? alerts.rule.map(ruleTitle).join(", ") : t("everyRule"),
    t("orGraver").replace("{severity}", alerts.severity),
    ...(alerts.district.length ? [`${t("district")} ${alerts.district.map(districtName).join(", ")}`] : []),
    ...(alerts.fleet.length ? [`${t("fleet")} ${alerts.fleet.map(fleetName).join(", ")}`] : []),
    ...(alerts.carrier.length ? [`${t("haulier")} ${alerts.carrier.join(", ")}`] : []),
    ...(alerts.hours ? [alerts.hours] : []),
  ];
  return parts.join(" · ");
}

function whomText(found: NoticeRulesOut, step: NoticeStepOut): string {
  const parts = [
    ...step.people.map((name) => nameOf(found, name)),
    ...step.roles.map((role) => `${t("role")} ${word(role)}`),
    ...step.duty.map((table) => `${t("onDutyBy")} ${table}`),
  ];
  return parts.join(", ") || t("channelsAlone");
}

export function Duty({ found }: Found) {
  if (!found.duty.length) return null;
  return (
    <section>
      <h3>{t("dutyTables")}</h3>
      <ul class="notice-rules">
        {found.duty.map((table) => (
          <li key={table.name}>
            <p>
              <b>{table.name}</b>: {t("onDutyNow")} {table.on_duty.map((name) => nameOf(found, name)).join(", ") || t("nobody")}
            </p>
            <ul>
              {table.lines.map((line, index) => (
                <li key={index} class="dim">
                  {line.dates.length ? line.dates.map((span) => [...new Set(span)].join(" – ")).join(", ") : daysText(line.days)} · {line.hours} ·{" "}
                  {line.who.map((name) => nameOf(found, name)).join(", ")}
                </li>
              ))}
            </ul>
          </li>
        ))}
      </ul>
    </section>
  );
}

export function People({ found }: Found) {
  if (!found.people.length) return null;
  return (
    <section>
      <h3>{t("notifiedPeople")}</h3>
      <ul class="notice-rules">
        {found.people.map((person) => (
          <li key={person.name}>
            <p>
              <b>{person.display_name}</b> {person.display_name !== person.name && <span class="dim">{person.name}</span>}
              {person.roles.length > 0 && ` · ${person.roles.map(word).join(", ")}`}
              <span class="dim">
                {" "}
                · {t("reachedBy")} {person.reached_by.join(", ") || t("noneOfThese")}
              </span>
            </p>
            {person.addresses && (
              <p class="dim">
                {Object.entries(person.addresses)
                  .filter(([, address]) => address)
                  .map(([kind, address]) => `${kind} ${address}`)
                  .join(" · ")}
              </p>
            )}
          </li>
        ))}
      </ul>
      {!found.people.some((person) => person.addresses) && <p class="dim">{t("addressesHidden")}</p>}
    </section>
  );
}
