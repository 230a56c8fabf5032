import { memo } from "preact/compat";
import { useEffect, useRef } from "preact/hooks";
import type { AlertView } from "../api/types";
import { age, moment } from "../parts/format";
import { deviceName, districtName, devices, ruleColour, ruleTitle } from "../state/city";
import { isOpen, isShelved } from "../state/filters";
import { choose, chosen, fresh, mark, marked, step } from "../state/queue";
import { mayAct } from "../state/session";
import { panel } from "../state/view";
import { localText, t, word } from "../text";

/** What stands of an alert now, in few words: a person's outcome before the phase. */
export function standing(alert: AlertView): string {
  if (alert.outcome) return `${t("closedAs")} ${word(alert.outcome)}`;
  if (alert.amendment === "retracted") return t("retracted");
  if (alert.amendment === "merged") return t("amendmentMerged");
  if (isShelved(alert)) return t("shelved");
  if (alert.closed_at !== null) return t("phaseClosed");
  if (alert.reopened_at) return t("reopened");
  return t(alert.phase === "provisional" ? "phaseProvisional" : "phaseConfirmed");
}

export const Row = memo(function Row({ alert, isEntry }: { alert: AlertView; isEntry: boolean }) {
  const id = alert.alert_id;
  const isChosen = chosen.value === id;
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (!isChosen || !button.current) return;
    button.current.scrollIntoView({ block: "nearest" });
    // The focus follows the keyboard through the list, and is never taken from a field that somebody writes in.
    if (!document.activeElement || document.activeElement === document.body || document.activeElement.closest(".rows")) {
      button.current.focus({ preventScroll: true });
    }
  }, [isChosen]);
  const device = devices.value.get(alert.subject);
  const classes = ["row", alert.severity, isOpen(alert) ? "" : "over", isShelved(alert) ? "shelved" : "", fresh.value.has(id) ? "fresh" : "", isChosen ? "chosen" : ""];
  const onClick = () => {
    choose(id);
    if (matchMedia("(max-width: 760px)").matches) panel.value = "case";
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    event.preventDefault();
    step(event.key === "ArrowDown" ? 1 : -1);
  };
  return (
    <li class={classes.filter(Boolean).join(" ")}>
      {mayAct.value && (
        <input type="checkbox" tabIndex={isEntry ? 0 : -1} checked={marked.value.has(id)} aria-label={`${t("keyMark")}: ${localText(alert.title)}`}
          onChange={(event) => mark([id], event.currentTarget.checked)} />
      )}
      <button type="button" ref={button} tabIndex={isEntry ? 0 : -1} aria-current={isChosen ? "true" : undefined} onClick={onClick} onKeyDown={onKeyDown}>
        <span class={`severity ${alert.severity}`}>{alert.severity}</span>
        <span class="title">{localText(alert.title)}</span>
        <time title={moment(alert.opened_at)}>{age(alert.opened_at)}</time>
        <span class="about">
          <i style={{ background: ruleColour(alert.rule) }} />
          {ruleTitle(alert.rule)} · {deviceName(alert.subject)}
          {device?.district && ` · ${districtName(device.district)}`}
        </span>
        <span class="standing">
          {standing(alert)}
          {alert.acknowledged_by && !alert.outcome && <b title={`${t("acknowledgedBy")}: ${alert.acknowledged_by}`}> ✓</b>}
          {alert.assigned_to && !alert.outcome && ` → ${alert.assigned_to}`}
        </span>
      </button>
    </li>
  );
});
