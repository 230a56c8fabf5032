/* The text of a rule set, checked while it is written: faults stand beside their lines and below. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { RuleSetFaultOut } from "../api/types";
import { ReasonDialog } from "../parts/ReasonDialog";
import { tell } from "../state/actions";
import { applyDraft, checkDraft, checked, draft, inForce, openVersion } from "../state/rulesets";
import { ofTwo, t } from "../text";
import { Differences } from "./Compare";

const CHECK_AFTER_MS = 500;
/** What the API takes in one request. */
const MAX_CHARS = 60_000;

export function Editor() {
  const text = useRef<HTMLTextAreaElement>(null);
  const [asksToApply, setAsking] = useState(false);
  const content = draft.value;
  const found = checked.value?.content === content ? checked.value.found : null;
  useEffect(() => {
    const waiting = setTimeout(() => void checkDraft(), CHECK_AFTER_MS);
    return () => clearTimeout(waiting);
  }, [content]);
  const goTo = (line: number) => {
    const before = content.split("\n").slice(0, line - 1).join("\n");
    const start = line > 1 ? before.length + 1 : 0;
    const end = content.indexOf("\n", start);
    text.current?.focus();
    text.current?.setSelectionRange(start, end < 0 ? content.length : end);
  };
  return (
    <section>
      <h3>{t("anotherRuleSet")}</h3>
      <div class="buttons">
        <button type="button" onClick={() => void openVersion(inForce.value?.version ?? 0)}>
          {t("openCurrent")}
        </button>
        <label class="button upload">
          {t("uploadFile")}
          <input type="file" accept=".yaml,.yml,text/yaml" onChange={(event) => void upload(event.currentTarget)} />
        </label>
      </div>
      <Text area={text} faults={found?.faults ?? []} />
      <Findings faults={found?.faults ?? []} onGo={goTo} isChecked={found !== null} />
      {found &&
        ofTwo(found.unknown_places, found.unknown_places_zh).map((line) => (
          <p key={line} class="dim">
            {line}
          </p>
        ))}
      {found && !found.faults.length && <Differences title={t("wouldChange")} found={found.changed} />}
      <div class="buttons">
        <button type="button" class="accent" disabled={!found || found.faults.length > 0 || !found.changed.length} onClick={() => setAsking(true)}>
          {t("applyRuleSet")} …
        </button>
      </div>
      {asksToApply && (
        <ReasonDialog title={t("applyRuleSet")} ask={t("applyAsk")} action={t("applyRuleSet")} onClose={() => setAsking(false)}
          onReason={(reason) => void applyDraft(reason)} />
      )}
    </section>
  );
}

async function upload(input: HTMLInputElement): Promise<void> {
  const file = input.files?.[0];
  input.value = ""; // so that the same file may be chosen again
  if (!file) return;
  if (file.size > MAX_CHARS) tell(t("fileTooLarge"), true);
  else draft.value = await file.text();
}

function Text({ area, faults }: { area: { current: HTMLTextAreaElement | null }; faults: RuleSetFaultOut[] }) {
  const numbers = useRef<HTMLPreElement>(null);
  const faulty = new Set(faults.map((fault) => fault.line));
  const follow = () => {
    if (numbers.current && area.current) numbers.current.scrollTop = area.current.scrollTop;
  };
  return (
    <div class="editor">
      <pre ref={numbers} aria-hidden="true">
        {draft.value.split("\n").map((_, index) => (
          <span key={index} class={faulty.has(index + 1) ? "fault" : ""}>{`${index + 1}\n`}</span>
        ))}
      </pre>
      <textarea ref={area} rows={14} wrap="off" spellcheck={false} maxLength={MAX_CHARS} aria-label={t("ruleSetText")} aria-invalid={faults.length > 0}
        placeholder="speeding: {limit_kmh: 90}" value={draft.value} onScroll={follow} onInput={(event) => (draft.value = event.currentTarget.value)} />
    </div>
  );
}

interface FindingsOptions {
  faults: RuleSetFaultOut[];
  isChecked: boolean;
  onGo: (line: number) => void;
}

function Findings({ faults, isChecked, onGo }: FindingsOptions) {
  return (
    <div class="findings" role="status">
      {!isChecked && <p class="dim">{t("checking")}</p>}
      {isChecked && !faults.length && <p class="good">{t("noFaults")}</p>}
      {faults.length > 0 && (
        <ul>
          {faults.map(({ line, key, hint, hint_zh }) => (
            <li key={`${line} ${key} ${hint}`}>
              {line !== null && (
                <button type="button" onClick={() => onGo(line)}>
                  {t("lineNumber").replace("{n}", String(line))}
                </button>
              )}{" "}
              <code>{key}</code> <span>{ofTwo(hint, hint_zh)}</span>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
