/* What people do about alerts, one or several at once. */
import { signal } from "@preact/signals";
import { ApiError, request } from "../api/client";
import type { AlertDetail, AlertView, Outcome, Shelf, ShelfBody } from "../api/types";
import { t } from "../text";
import { readCase } from "./case";
import { catchUp, keep, mark, noteShelf } from "./queue";
import { actor, desk, signInOpen } from "./session";

export type ActionKind = "acknowledge" | "assign" | "comment" | "close" | "correct" | "shelve";

/** The dialog that is open, and for which alerts. */
export const asked = signal<{ kind: ActionKind; alerts: AlertView[] } | null>(null);
export const notice = signal<{ text: string; isFault: boolean } | null>(null);

let hiding: ReturnType<typeof setTimeout> | undefined;

export function tell(text: string, isFault = false): void {
  notice.value = { text, isFault };
  clearTimeout(hiding);
  hiding = setTimeout(() => (notice.value = null), isFault ? 12_000 : 4_000);
}

const AT_ONCE = 4;

/** Run for each, a few at a time, and say how many went well and why the first did not. */
async function forEach<T>(items: readonly T[], run: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const faults: string[] = [];
  const work = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) {
      try {
        await run(item);
      } catch (error) {
        faults.push(error instanceof Error ? error.message : String(error));
        if (error instanceof ApiError && error.status === 401) signInOpen.value = true;
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  const done = items.length - faults.length;
  if (faults[0] !== undefined) tell(`${done} ${t("done")}, ${faults.length} ${t("notDone")}: ${faults[0]}`, true);
  else tell(`${done} ${t("done")}`);
  await readCase();
}

/** Signed-in people are named by their session; with a token, the body names whom it acts for. */
export const named = (): { actor?: string } => (desk.value.kind === "person" ? {} : { actor: actor.value ?? "" });

export interface ActionValues {
  note?: string;
  assignee?: string;
  outcome?: Outcome;
}

export async function act(kind: Exclude<ActionKind, "shelve">, alerts: AlertView[], values: ActionValues): Promise<void> {
  const body = { ...named(), ...Object.fromEntries(Object.entries(values).filter(([, value]) => value)) };
  await forEach(alerts, async (alert) => {
    const detail = await request<AlertDetail>("POST", `/alerts/${alert.alert_id}/${kind}`, body);
    keep([detail.alert]);
    mark([alert.alert_id], false);
  });
}

export type ShelfScope = "shelveThis" | "shelveDevice" | "shelveRule";

export async function shelve(alerts: AlertView[], scope: ShelfScope, until: number, reason: string): Promise<void> {
  const bodies = new Map<string, Omit<ShelfBody, "actor">>();
  for (const alert of alerts) {
    const rule = scope === "shelveDevice" ? null : alert.rule;
    const subject = scope === "shelveRule" ? null : alert.subject;
    bodies.set(`${rule} ${subject}`, { rule, subject, until, reason });
  }
  await forEach([...bodies.values()], async (body) => {
    await request<Shelf>("POST", "/shelves", { ...named(), ...body });
    noteShelf(body.rule ?? null, body.subject ?? null, until);
  });
  mark(
    alerts.map((alert) => alert.alert_id),
    false,
  );
}

/** End every shelf that holds this alert. */
export async function endShelves(alert: AlertView): Promise<void> {
  const standing = await request<Shelf[]>("GET", "/shelves");
  const holding = standing.filter(
    (shelf) => (shelf.rule ?? alert.rule) === alert.rule && (shelf.subject ?? alert.subject) === alert.subject,
  );
  await forEach(holding, async (shelf) => {
    await request<Shelf>("POST", `/shelves/${shelf.no}/end`, named());
    noteShelf(shelf.rule, shelf.subject, null);
  });
  await catchUp(); // another shelf may hold what this one held
}

export async function decideSite(id: string, state: "accepted" | "dismissed", reason: string): Promise<void> {
  await forEach([id], async (site) => {
    await request("POST", `/suspected-sites/${site}`, { ...named(), state, reason });
  });
}
