import { useState } from "preact/hooks";
import type { NoticeChannelOut } from "../api/types";
import { age, count, moment } from "../parts/format";
import { ReasonDialog } from "../parts/ReasonDialog";
import { tell } from "../state/actions";
import { channels, noticeRules, readNotices, testChannel } from "../state/notices";
import { isAdministrator } from "../state/session";
import { t } from "../text";
import { outcomeText, serviceText } from "./words";

/** Each channel: whether it works, what waits, what the last day brought. Administrators test it. */
export function Channels() {
  const [asked, setAsked] = useState<NoticeChannelOut | null>(null);
  return (
    <section>
      <h3>{t("channels")}</h3>
      {!channels.value.length && <p class="dim">{t("noneOfThese")}</p>}
      <ul class="channels">
        {channels.value.map((channel) => (
          <Channel key={channel.name} channel={channel} onTest={() => setAsked(channel)} />
        ))}
      </ul>
      {asked && <TestDialog channel={asked} onClose={() => setAsked(null)} />}
    </section>
  );
}

function Channel({ channel, onTest }: { channel: NoticeChannelOut; onTest: () => void }) {
  const isBad = !channel.can_send || channel.failed > 0 || channel.unconfirmed > 0 || channel.retried > 0;
  const figures: [name: string, value: number, isFault: boolean][] = [
    [t("noticeWaiting"), channel.waiting, false],
    [t("noticeSent"), channel.sent, false],
    [t("noticeDigested"), channel.digested, false],
    [t("noticeFailed"), channel.failed, true],
    [t("noticeUnconfirmed"), channel.unconfirmed, true],
  ];
  return (
    <li class={isBad ? "bad" : ""}>
      <p class="head">
        <b>{channel.name}</b>{" "}
        <span class="dim">
          {serviceText(channel.kind)}
          {channel.server && ` · ${channel.server}`}
        </span>
        {isAdministrator.value && channel.kind !== null && (
          <button type="button" onClick={onTest} aria-label={`${t("testChannel")}: ${channel.name}`}>
            {t("testChannel")} …
          </button>
        )}
      </p>
      {!channel.can_send && channel.kind !== null && (
        <p class="fault">
          {t("cannotSend")} <span lang="en">{channel.fault}</span>
        </p>
      )}
      <dl class="figures">
        {figures.map(([name, value, isFault]) => (
          <div key={name} class={isFault && value ? "fault" : ""}>
            <dt>{name}</dt>
            <dd>{count(value)}</dd>
          </div>
        ))}
      </dl>
      <p class="dim">
        {t("lastSuccess")} {channel.last_sent_at === null ? t("never") : `${moment(channel.last_sent_at)} (${age(channel.last_sent_at)})`}
        {channel.last_digest_at !== null && ` · ${t("lastDigest")} ${moment(channel.last_digest_at)}`}
        {channel.oldest_waiting_at !== null && ` · ${t("waitsSince")} ${moment(channel.oldest_waiting_at)}`}
      </p>
      {channel.last_error && (
        <p class="fault">
          {t("lastError")} {channel.last_error_at !== null && moment(channel.last_error_at)}: <span lang="en">{channel.last_error}</span>
        </p>
      )}
    </li>
  );
}

function TestDialog({ channel, onClose }: { channel: NoticeChannelOut; onClose: () => void }) {
  const people = (noticeRules.value?.people ?? []).filter((person) => person.reached_by.includes(channel.name));
  const [person, setPerson] = useState(channel.to_group ? "" : (people[0]?.name ?? ""));
  const test = async (reason: string) => {
    const { outcome, detail } = await testChannel(channel.name, person, reason);
    if (outcome !== "sent") throw new Error([outcomeText(outcome), detail].filter(Boolean).join(": "));
    tell(`${channel.name}: ${outcomeText(outcome)}`);
    void readNotices();
  };
  return (
    <ReasonDialog title={`${t("testChannel")}: ${channel.name}`} ask={t("testAsk")} action={t("sendTest")} maxLength={150} onClose={onClose} onReason={test}>
      {people.length > 0 && (
        <label>
          {t(channel.to_group ? "mentioning" : "toPerson")}
          <select value={person} onChange={(event) => setPerson(event.currentTarget.value)}>
            {channel.to_group && <option value="">{t("noneChosen")}</option>}
            {people.map((one) => (
              <option key={one.name} value={one.name}>
                {one.display_name}
              </option>
            ))}
          </select>
        </label>
      )}
    </ReasonDialog>
  );
}
