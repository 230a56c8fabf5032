import type { NoticeOut } from "../api/types";
import { moment } from "../parts/format";
import { tell } from "../state/actions";
import { channels, outbox, OUTBOX_SHOWS, readOutbox, wanted, type OutboxShow } from "../state/notices";
import { choose } from "../state/queue";
import { panel } from "../state/view";
import { t } from "../text";
import { isTroubled, kindText, recipients, stateText } from "./words";

function pick(change: Partial<{ show: OutboxShow; channel: string }>): void {
  wanted.value = { ...wanted.value, ...change };
  read(false);
}

function read(more: boolean): void {
  readOutbox(more).catch((error: unknown) => tell(error instanceof Error ? error.message : String(error), true));
}

/** What waits, what left, what failed and why. */
export function Outbox() {
  const found = outbox.value;
  return (
    <section>
      <h3>{t("outbox")}</h3>
      <div class="picks">
        <label>
          {t("state")}
          <select value={wanted.value.show} onChange={(event) => pick({ show: event.currentTarget.value as OutboxShow })}>
            {OUTBOX_SHOWS.map((show) => (
              <option key={show} value={show}>
                {t(show)}
              </option>
            ))}
          </select>
        </label>
        <label>
          {t("channel")}
          <select value={wanted.value.channel} onChange={(event) => pick({ channel: event.currentTarget.value })}>
            <option value="">{t("any")}</option>
            {channels.value.map(({ name }) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
      </div>
      {found && !found.items.length && <p class="dim">{t("noNotices")}</p>}
      <ol class="outbox">
        {found?.items.map((notice) => (
          <Line key={notice.no} notice={notice} />
        ))}
      </ol>
      {found?.next && (
        <button type="button" class="more" onClick={() => read(true)}>
          {t("more")}
        </button>
      )}
    </section>
  );
}

function Line({ notice }: { notice: NoticeOut }) {
  const { alert_id: alertId } = notice;
  const open = () => {
    choose(alertId);
    panel.value = "case";
  };
  return (
    <li>
      <p>
        <time>{moment(notice.planned_at)}</time> <span class={`severity ${notice.severity}`}>{notice.severity}</span>{" "}
        {alertId === null ? (
          <span>{notice.subject}</span>
        ) : (
          <button type="button" class="plain" onClick={open}>
            {notice.subject}
          </button>
        )}
      </p>
      <Fate notice={notice} />
    </li>
  );
}

/** By which channel to whom, and what became of it. */
export function Fate({ notice }: { notice: NoticeOut }) {
  const { digest } = notice;
  return (
    <>
      <p class="dim">
        {kindText(notice.kind)} · {notice.channel} → {recipients(notice)} · <b class={isTroubled(notice) ? "fault" : `state-${notice.state}`}>{stateText(notice.state)}</b>
        {notice.done_at !== null && ` ${moment(notice.done_at)}`}
        {digest && ` (${t("inDigest").replace("{n}", String(digest.no))}: ${stateText(digest.state)}${digest.done_at !== null ? ` ${moment(digest.done_at)}` : ""})`}
        {notice.attempts > 1 && ` · ${t("tries").replace("{n}", String(notice.attempts))}`}
        {notice.state === "waiting" && notice.attempts > 0 && ` · ${t("nextTry")} ${moment(notice.due_at)}`}
      </p>
      {notice.error && (
        <p class="fault" lang="en">
          {notice.error}
        </p>
      )}
      {digest?.error && (
        <p class="fault" lang="en">
          {digest.error}
        </p>
      )}
    </>
  );
}
