/* Notices: whether they arrive, what waits and why, and who is notified of what. */
import { useEffect } from "preact/hooks";
import { dayAndClock } from "../parts/format";
import { noticeRules, noticesFault, readNotices } from "../state/notices";
import { mayAct, seesWholeCity } from "../state/session";
import { t } from "../text";
import { Channels } from "./Channels";
import { Outbox } from "./Outbox";
import { Duty, NoticeRules, People } from "./RulesThatHold";

const EVERY_MS = 10_000;

export function NoticesPanel() {
  const isAllowed = mayAct.value && seesWholeCity.value;
  useEffect(() => {
    if (!isAllowed) return;
    void readNotices();
    const again = setInterval(() => !document.hidden && void readNotices(), EVERY_MS);
    return () => clearInterval(again);
  }, [isAllowed]);
  if (!isAllowed) return <p class="empty">{t(mayAct.value ? "noticesWholeCity" : "noticesForOperators")}</p>;
  const found = noticeRules.value;
  if (!found) return <p class="empty">{noticesFault.value || t("loading")}</p>;
  return (
    <div class="notices">
      {noticesFault.value && (
        <p class="balance fault" role="status">
          {noticesFault.value}
        </p>
      )}
      <p class={`balance ${found.applied && !found.faults.length ? "" : "fault"}`}>
        <b>{found.applied ? `${t("noticeRules")} ${found.applied.version}` : t("noNoticeRules")}</b>
        {found.applied && ` · ${dayAndClock(found.applied.applied_at)} · ${found.applied.applied_by}: ${found.applied.reason}`}
      </p>
      {found.faults.length > 0 && (
        <ul class="faults">
          <li>{t("noticeRulesUnread")}</li>
          {found.faults.map((fault) => (
            <li key={fault} lang="en">
              {fault}
            </li>
          ))}
        </ul>
      )}
      <Channels />
      <Outbox />
      <NoticeRules found={found} />
      <Duty found={found} />
      <People found={found} />
      <Versions />
    </div>
  );
}

function Versions() {
  const versions = noticeRules.value?.versions ?? [];
  const content = noticeRules.value?.content;
  return (
    <>
      {content && (
        <details>
          <summary>{t("noticeFile")}</summary>
          <pre tabIndex={0} aria-label={t("noticeFile")}>
            {content}
          </pre>
        </details>
      )}
      {versions.length > 1 && (
        <section>
          <h3>{t("appliedNoticeRules")}</h3>
          <ol class="versions">
            {versions.map((one) => (
              <li key={one.version}>
                <b>{one.version}</b> {dayAndClock(one.applied_at)} · {one.applied_by}: {one.reason}
              </li>
            ))}
          </ol>
        </section>
      )}
    </>
  );
}
