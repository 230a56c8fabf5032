/* Rule sets: what holds, what was applied before, the text in the editor, and the what-if. */
import { signal } from "@preact/signals";
import { ApiError, get, request } from "../api/client";
import type {
  AppliedOut, CheckBody, CheckedOut, DifferenceOut, RuleSetBody, RuleSetOut, RuleSetText, RulesOut, WhatIfBody, WhatIfJob, WhatIfOut,
} from "../api/types";
import { t } from "../text";
import { named, tell } from "./actions";
import { rules } from "./city";

export const inForce = signal<RulesOut | null>(null);
export const history = signal<RuleSetOut[]>([]);
/** Two versions and how they differ; 0 is what is shipped. */
export const compared = signal<{ before: number; after: number; found: DifferenceOut[] } | null>(null);
export const draft = signal("");
/** What a check says of the text that stands beside it. */
export const checked = signal<{ content: string; found: CheckedOut } | null>(null);
export const job = signal<WhatIfJob | null>(null);

const HISTORY = 50;
const POLL_MS = 1_000;

export async function readRules(): Promise<void> {
  const [found, versions] = await Promise.all([
    get<RulesOut>("/rules").catch(() => null),
    get<RuleSetOut[]>(`/rule-sets?limit=${HISTORY}`).catch(() => null),
  ]);
  if (versions) history.value = versions;
  if (!found) return;
  inForce.value = found;
  rules.value = found.rules;
}

export async function compare(before: number, after: number): Promise<void> {
  try {
    compared.value = { before, after, found: await request("GET", `/rule-sets/${after}/differences?since=${before}`) };
  } catch (error) {
    report(error);
  }
}

/** Put the text of a version into the editor; 0 has none. */
export async function openVersion(version: number): Promise<void> {
  if (version === 0) {
    draft.value = "";
    return;
  }
  const found = await get<RuleSetText>(`/rule-sets/${version}`).catch(() => null);
  if (found) draft.value = found.content;
}

/** Check the text of the editor. What was typed meanwhile is checked by a later call. */
export async function checkDraft(): Promise<void> {
  const content = draft.value;
  try {
    const found = await request<CheckedOut>("POST", "/rule-sets/check", { content } satisfies CheckBody);
    if (draft.value === content) checked.value = { content, found };
  } catch (error) {
    report(error);
  }
}

export async function applyDraft(reason: string): Promise<void> {
  const body: RuleSetBody = { ...named(), content: draft.value, reason, after: inForce.value?.version ?? null };
  try {
    const done = await request<AppliedOut>("POST", "/rule-sets", body);
    tell(t("appliedVersion").replace("{n}", String(done.version)));
  } catch (error) {
    report(error);
    return;
  }
  await readUntilItHolds();
  await checkDraft();
}

/** The server takes a new rule set within two seconds. */
async function readUntilItHolds(): Promise<void> {
  for (let round = 0; round < 5; round++) {
    await readRules();
    if ((history.value[0]?.version ?? 0) === inForce.value?.version) return;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

export async function startWhatIf(start: number, end: number): Promise<void> {
  try {
    job.value = (await request<WhatIfOut>("POST", "/what-if", { content: draft.value, start, end } satisfies WhatIfBody)).job;
  } catch (error) {
    report(error);
    await readJob(); // somebody else's may run
  }
}

export async function cancelWhatIf(): Promise<void> {
  try {
    job.value = (await request<WhatIfOut>("DELETE", "/what-if")).job;
  } catch (error) {
    report(error);
  }
}

export async function readJob(): Promise<void> {
  const found = await request<WhatIfOut>("GET", "/what-if").catch(() => null);
  if (found) job.value = found.job;
}

/** Follow the job while it runs and somebody looks at it; returns how to stop. */
export function followJob(): () => void {
  void readJob();
  const again = setInterval(() => job.value?.state === "running" && void readJob(), POLL_MS);
  return () => clearInterval(again);
}

function report(error: unknown): void {
  const text = error instanceof Error ? error.message : String(error);
  tell(error instanceof ApiError && error.status === 403 ? t("forAdministrators") : text, true);
}
