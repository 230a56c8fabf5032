/* The health of the data: the ledger by device, dead letters, unregistered devices; and what people mend. */
import { signal } from "@preact/signals";
import { get, getAll, query, request } from "../api/client";
import type {
  AdoptedOut, AdoptionBody, DeadLetter, DeviceLedgerLine, ManyRedriven, PageDeadLetter, Reason, RedriveBody, UnregisteredList,
} from "../api/types";
import { t } from "../text";
import { tell } from "./actions";
import { devices, readCity } from "./city";

const MOST_LINES = 5_000;
const LETTERS = 20;
const MOST_LETTERS = 500;
const LOOK_AGAIN_MS = 1_000;

export const lines = signal<DeviceLedgerLine[]>([]);
export const unregistered = signal<UnregisteredList | null>(null);

/** The letters of one reason, as far as they were read. */
export interface OpenLetters {
  reason: Reason;
  items: DeadLetter[];
  next: string | null;
}
export const openLetters = signal<OpenLetters | null>(null);

export async function readHealth(): Promise<void> {
  const [newLines, waiting] = await Promise.all([
    getAll<DeviceLedgerLine>("/ledger/devices?limit=1000", "items", MOST_LINES).catch(() => null),
    get<UnregisteredList>("/unregistered-devices").catch(() => null),
  ]);
  if (newLines) lines.value = newLines;
  if (waiting) unregistered.value = waiting;
}

/** The first letters of a reason, or the next ones. */
export async function readLetters(reason: Reason, more = false): Promise<void> {
  const before = more && openLetters.value?.reason === reason ? openLetters.value : null;
  const page = await get<PageDeadLetter>(`/deadletters${query({ reason, limit: LETTERS, cursor: before?.next })}`).catch(() => null);
  if (page) openLetters.value = { reason, items: [...(before?.items ?? []), ...page.items], next: page.next_cursor };
}

/** The letters that are shown, and what came since: what is refused again after its redrive is a letter of its own. */
export async function readLettersAgain(): Promise<void> {
  const shown = openLetters.value;
  if (!shown) return;
  const limit = Math.min(Math.max(shown.items.length, LETTERS), MOST_LETTERS);
  const page = await get<PageDeadLetter>(`/deadletters${query({ reason: shown.reason, limit })}`).catch(() => null);
  if (page && openLetters.value === shown) openLetters.value = { ...shown, items: page.items, next: page.next_cursor };
}

async function readAgain(): Promise<void> {
  await readLettersAgain();
  await readHealth();
}

/** Redrive one letter; says what became of it. */
export async function redriveLetter(letter: DeadLetter): Promise<void> {
  try {
    await request("POST", `/deadletters/${letter.id}/redrive`);
    tell(t("redrivenCount").replace("{n}", "1"));
  } catch (error) {
    tell(error instanceof Error ? error.message : String(error), true);
  }
  await readAgain();
}

/** Redrive all letters of a reason, or those of one device among them, step by step until none is left. */
export async function redriveAll(reason: Reason, device: string): Promise<void> {
  let body: RedriveBody = { reason, device: device || null };
  let redriven = 0;
  const refused: string[] = [];
  try {
    for (let step: ManyRedriven | null = null; step === null || step.next !== null; ) {
      step = await request<ManyRedriven>("POST", "/deadletters/redrive", body);
      redriven += step.redriven;
      refused.push(...step.refused.map((one) => one.why));
      if (step.next !== null) body = { ...body, before: step.before, after: step.next };
    }
  } catch (error) {
    refused.push(error instanceof Error ? error.message : String(error));
  }
  const said = t("redrivenCount").replace("{n}", String(redriven));
  tell(refused.length ? `${said}; ${refused.length} ${t("notDone")}: ${refused[0]}` : said, refused.length > 0);
  await readAgain();
}

/** The server looks at the registry every two seconds. */
async function readUntilRegistered(device: string): Promise<void> {
  for (let round = 0; round < 5; round++) {
    await readCity().catch(() => null);
    if (devices.value.has(device)) return;
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}

/** Throws ApiError, whose text names the field that is at fault. */
export async function adopt(device: string, body: AdoptionBody): Promise<void> {
  const done = await request<AdoptedOut>("POST", `/unregistered-devices/${encodeURIComponent(device)}/adopt`, body);
  tell(t("adoptedCount").replace("{device}", done.device).replace("{n}", String(done.redriven)));
  void readAgain().then(() => readUntilRegistered(done.device)); // the dialog need not wait for it
}
