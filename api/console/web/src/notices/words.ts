/* Notices in words. */
import type { ChannelTested, NoticeOut } from "../api/types";
import { language, t, type TextKey } from "../text";

const STATES: Record<NoticeOut["state"], TextKey> = {
  waiting: "noticeWaiting", sending: "noticeSending", sent: "noticeSent", unconfirmed: "noticeUnconfirmed", failed: "noticeFailed",
  digested: "noticeDigested", withdrawn: "noticeWithdrawn", inherited: "noticeInherited",
};
const KINDS: Record<NoticeOut["kind"], TextKey> = {
  call: "noticeCall", climb: "noticeClimb", follow: "noticeFollow", taken_back: "noticeTakenBack", ended: "noticeEnded", digest: "noticeDigest",
};
const OUTCOMES: Record<ChannelTested["outcome"], TextKey> = {
  sent: "testSent", refused: "testRefused", throttled: "testThrottled", not_sent: "testNotSent", unconfirmed: "testUnconfirmed",
};
const SERVICES: Record<string, TextKey> = {
  wecom: "serviceWecom", dingtalk: "serviceDingtalk", feishu: "serviceFeishu", mail: "serviceMail", webhook: "serviceWebhook", apprise: "serviceApprise",
};

export const stateText = (state: NoticeOut["state"]): string => t(STATES[state]);
export const kindText = (kind: NoticeOut["kind"]): string => t(KINDS[kind]);
export const outcomeText = (outcome: ChannelTested["outcome"]): string => t(OUTCOMES[outcome]);

export function serviceText(kind: string | null): string {
  const key = kind === null ? "serviceGone" : SERVICES[kind];
  return key ? t(key) : String(kind);
}

/** True for what people should look at. */
export const isTroubled = (notice: NoticeOut): boolean =>
  notice.state === "failed" || notice.state === "unconfirmed" || (notice.error !== "" && (notice.state === "waiting" || notice.state === "sending"));

/** To whom: people, or the group with those whom it mentions. */
export function recipients(notice: NoticeOut): string {
  const names = notice.people.map((person) => person.display_name).join(", ");
  if (!notice.to_group) return names;
  if (notice.channel_kind === "webhook") return names ? t("programNames").replace("{names}", names) : t("toProgram");
  return names ? t("groupMentions").replace("{names}", names) : t("toGroup");
}

const dayName = (day: number): string =>
  new Intl.DateTimeFormat(language.value === "zh" ? "zh-CN" : "en-GB", { weekday: "short", timeZone: "UTC" }).format(Date.UTC(2024, 0, 1 + day));

/** `Mon–Fri`, `Sat, Sun`, `daily`; 0 is Monday. */
export function daysText(days: number[]): string {
  if (days.length === 7) return t("daily");
  const spans: [number, number][] = [];
  for (const day of days) {
    const last = spans.at(-1);
    if (last && last[1] === day - 1) last[1] = day;
    else spans.push([day, day]);
  }
  return spans
    .map(([first, last]) => (first === last ? dayName(first) : `${dayName(first)}${last - first > 1 ? "–" : ", "}${dayName(last)}`))
    .join(", ");
}
