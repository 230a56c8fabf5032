/* Notices: the rules that hold, the outbox, the channels, and who was notified of one alert. */
import { signal } from "@preact/signals";
import { query, request } from "../api/client";
import type {
  ChannelTestBody, ChannelTested, NoticeChannels, NoticeOut, NoticeRulesOut, NoticesOfAlert, PageNoticeOut,
} from "../api/types";
import { named } from "./actions";

export const noticeRules = signal<NoticeRulesOut | null>(null);
export const channels = signal<NoticeChannels["items"]>([]);
export const outbox = signal<{ items: NoticeOut[]; next: string | null } | null>(null);
export const wanted = signal<{ show: OutboxShow; channel: string }>({ show: "outboxAll", channel: "" });
/** Why nothing is shown; empty: it was read, or is being read. */
export const noticesFault = signal("");

export const OUTBOX_SHOWS = ["outboxAll", "outboxTroubled", "outboxWaiting", "outboxSent", "outboxDigested", "outboxWithdrawn"] as const;
export type OutboxShow = (typeof OUTBOX_SHOWS)[number];
const STATES: Record<OutboxShow, NoticeOut["state"][]> = {
  outboxAll: [], outboxTroubled: [], outboxWaiting: ["waiting", "sending"], outboxSent: ["sent"], outboxDigested: ["digested"],
  outboxWithdrawn: ["withdrawn", "inherited"],
};
const PAGE = 50;

export async function readNotices(): Promise<void> {
  try {
    const [rules, found] = await Promise.all([
      request<NoticeRulesOut>("GET", "/notice-rules"),
      request<NoticeChannels>("GET", "/notice-channels"),
      readOutbox(),
    ]);
    noticeRules.value = rules;
    channels.value = found.items;
    noticesFault.value = "";
  } catch (error) {
    noticesFault.value = error instanceof Error ? error.message : String(error);
  }
}

/** The first page of what is wanted, or the next one. Throws ApiError. */
export async function readOutbox(more = false): Promise<void> {
  const asked = wanted.value;
  const before = more ? outbox.value : null;
  const states = STATES[asked.show].map((state) => `state=${state}`).join("&");
  const path = `/notices${query({ limit: PAGE, channel: asked.channel, troubled: asked.show === "outboxTroubled" || null, cursor: before?.next })}`;
  const page = await request<PageNoticeOut>("GET", states ? `${path}&${states}` : path);
  if (wanted.value === asked) outbox.value = { items: [...(before?.items ?? []), ...page.items], next: page.next_cursor };
}

export async function readNoticesOf(alertId: string): Promise<NoticeOut[] | null> {
  return (await request<NoticesOfAlert>("GET", `/alerts/${alertId}/notices`).catch(() => null))?.items ?? null;
}

/** Throws ApiError. */
export function testChannel(channel: string, person: string, reason: string): Promise<ChannelTested> {
  const body: ChannelTestBody = { ...named(), person: person || null, reason };
  return request<ChannelTested>("POST", `/notice-channels/${encodeURIComponent(channel)}/test`, body);
}
