import type { ExceptionOut, RuleOut } from "../api/types";
import { ruleTitle } from "../state/city";
import { language, localText, ofTwo, t } from "../text";
import { conditions, nameOf, valueOf } from "./values";

type Parameter = RuleOut["parameters"][number];

const isChanged = ({ value, default: usual }: Parameter): boolean => JSON.stringify(value) !== JSON.stringify(usual);

export function InForce({ rules }: { rules: RuleOut[] }) {
  return (
    <section>
      <h3>{t("rulesInForce")}</h3>
      {rules.map((rule) => {
        const changed = rule.on ? rule.parameters.filter(isChanged).length : 0;
        return (
          <details key={rule.rule} class="rule">
            <summary>
              <i style={{ background: rule.colour }} /> {localText(rule.title)} <code>{rule.rule}</code>
              {!rule.on && <b class="off"> {t("switchedOff")}</b>}
              {changed > 0 && <b> {t("changedValues").replace("{n}", String(changed))}</b>}
            </summary>
            <Parameters parameters={rule.parameters} isOn={rule.on} />
          </details>
        );
      })}
    </section>
  );
}

function Parameters({ parameters, isOn }: { parameters: Parameter[]; isOn: boolean }) {
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">{t("parameter")}</th>
          <th scope="col">{t("value")}</th>
          <th scope="col">{t("usual")}</th>
        </tr>
      </thead>
      <tbody>
        {parameters.map((one) => (
          <tr key={one.name} class={isOn && isChanged(one) ? "changed" : ""}>
            <th scope="row">
              {language.value === "zh" && nameOf(one.name)} <code>{one.name}</code>
              <small>{ofTwo(one.meaning, one.meaning_zh)}</small>
            </th>
            <td>{isOn ? valueOf(one.name, one.value) : "–"}</td>
            <td>{valueOf(one.name, one.default)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function Exceptions({ exceptions }: { exceptions: ExceptionOut[] }) {
  return (
    <section>
      <h3>
        {t("exceptions")} ({exceptions.length})
      </h3>
      {!exceptions.length && <p class="dim">{t("noneOfThese")}</p>}
      <ul class="exceptions">
        {exceptions.map((exception, index) => (
          <li key={index}>
            <b>{conditions(exception.where)}</b> {exception.shipped && <span class="dim">({t("shipped")})</span>}
            {exception.values.map((one) => (
              <p key={`${one.rule} ${one.parameter}`}>
                {ruleTitle(one.rule)} · {nameOf(one.parameter)}: {valueOf(one.parameter, one.value)}
              </p>
            ))}
            {exception.why && <p class="dim">{exception.why}</p>}
          </li>
        ))}
      </ul>
    </section>
  );
}
