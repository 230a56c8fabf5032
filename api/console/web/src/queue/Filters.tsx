import { count } from "../parts/format";
import { districtIds, districtName, fleetIds, fleetName, hauliers, people, rules, ruleTitle } from "../state/city";
import { AGES, filters, GROUPS, grouping, NO_FILTER, STATES, type Filters as Values } from "../state/filters";
import { cursor, shown } from "../state/queue";
import { actor } from "../state/session";
import { t, type TextKey } from "../text";
import { useState } from "preact/hooks";

const SEVERITIES = ["P1", "P2", "P3", "P4"];

function set<K extends keyof Values>(name: K, value: Values[K]): void {
  filters.value = { ...filters.value, [name]: value };
}

export function Filters() {
  const [isWide, setWide] = useState(false);
  const used = (Object.keys(NO_FILTER) as (keyof Values)[]).filter((name) => filters.value[name] !== NO_FILTER[name]);
  const assignees = [...new Set([...(actor.value ? [actor.value] : []), ...people.value, ...shown.value.map((alert) => alert.assigned_to ?? "")])];
  return (
    <form class="filters" role="search" onSubmit={(event) => event.preventDefault()}>
      <div class="line">
        <input id="search" type="search" placeholder={t("search")} aria-label={t("search")} maxLength={100} value={filters.value.text}
          onInput={(event) => set("text", event.currentTarget.value)} />
        <button type="button" aria-expanded={isWide} aria-controls="more-filters" onClick={() => setWide(!isWide)}>
          {t("filter")}
          {used.length > 0 && ` (${used.length})`}
        </button>
      </div>
      <div class="line">
        <Pick name="state" label="state" none={null} options={STATES.map((state) => [state, t(state)])} />
        <label>
          <span>{t("group")}</span>
          <select value={grouping.value} onChange={(event) => (grouping.value = event.currentTarget.value as (typeof GROUPS)[number])}>
            {GROUPS.map((group) => (
              <option key={group} value={group}>
                {t(group)}
              </option>
            ))}
          </select>
        </label>
        <output class="count">
          {count(shown.value.length)}
          {cursor.value !== null && "+"}
        </output>
      </div>
      {isWide && (
        <div class="grid" id="more-filters">
          <Pick name="rule" label="rule" options={rules.value.map((rule) => [rule.rule, ruleTitle(rule.rule)])} />
          <Pick name="severity" label="severity" options={SEVERITIES.map((one) => [one, one])} />
          <Pick name="district" label="district" options={districtIds.value.map((id) => [id, districtName(id)])} />
          <Pick name="fleet" label="fleet" options={fleetIds.value.map((id) => [id, fleetName(id)])} />
          <Pick name="haulier" label="haulier" options={hauliers.value.map((name) => [name, name])} />
          <Pick name="assignee" label="assignee" options={assignees.filter(Boolean).map((name) => [name, name])} />
          <Pick name="age" label="age" options={(Object.keys(AGES) as (keyof typeof AGES)[]).map((one) => [one, t(one)])} />
          <button type="button" disabled={!used.length} onClick={() => (filters.value = NO_FILTER)}>
            {t("clearFilter")}
          </button>
        </div>
      )}
    </form>
  );
}

interface PickOptions {
  name: keyof Values;
  label: TextKey;
  options: string[][];
  /** Text of the choice that filters nothing; null: there is none. */
  none?: TextKey | null;
}

function Pick({ name, label, options, none = "any" }: PickOptions) {
  return (
    <label>
      <span>{t(label)}</span>
      <select value={filters.value[name]} onChange={(event) => set(name, event.currentTarget.value as never)}>
        {none && <option value="">{t(none)}</option>}
        {options.map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}
