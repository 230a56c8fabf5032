/* Rules: what holds and why, what held before, and trying out another rule set. */
import { useEffect } from "preact/hooks";
import { link } from "../api/client";
import { dayAndClock } from "../parts/format";
import { inForce, readRules } from "../state/rulesets";
import { isAdministrator } from "../state/session";
import { t } from "../text";
import { Compare } from "./Compare";
import { Editor } from "./Editor";
import { Exceptions, InForce } from "./InForce";
import { WhatIf } from "./WhatIf";

export function RulesPanel() {
  useEffect(() => void readRules(), []);
  const found = inForce.value;
  if (!found) return <p class="empty">{t(link.value === "read" ? "loading" : link.value)}</p>;
  const { applied } = found;
  return (
    <div class="rules">
      <p class="balance">
        <b>{found.version ? `${t("ruleSet")} ${found.version}` : t("shippedRules")}</b>
        {applied && ` · ${dayAndClock(applied.applied_at)} · ${applied.applied_by}: ${applied.reason}`}
      </p>
      <InForce rules={found.rules} />
      <Exceptions exceptions={found.exceptions} />
      <Compare />
      {isAdministrator.value ? (
        <>
          <Editor />
          <WhatIf />
        </>
      ) : (
        <p class="dim">{t("forAdministrators")}</p>
      )}
    </div>
  );
}
