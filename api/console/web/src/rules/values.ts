/* Parameters of rules in words: names, values with their units, conditions of exceptions. */
import { measured } from "../parts/format";
import { language, parameterName, t } from "../text";

export const ON = "on";

export const nameOf = (parameter: string): string => (parameter === ON ? t("ruleOn") : parameterName(parameter));

export function valueOf(parameter: string, value: unknown): string {
  if (value === null || value === undefined) return "–";
  if (parameter === ON) return t(value ? "switchedOn" : "switchedOff");
  if (Array.isArray(value)) return value.map((one) => (Array.isArray(one) ? `[${one.join(", ")}]` : String(one))).join(", ");
  return measured(parameter, value);
}

const PLACES: Record<string, string> = {
  "district ": "区域 ", "fleet ": "车队 ", "vehicle_kind ": "车型 ", "site_kind ": "场所类别 ", " or ": " 或 ",
};

/** The conditions of an exception, as the API words them in English. */
export function conditions(where: string): string {
  if (where === "") return t("wholeCity");
  if (language.value !== "zh") return where;
  return Object.entries(PLACES).reduce((text, [english, chinese]) => text.replaceAll(english, chinese), where);
}
