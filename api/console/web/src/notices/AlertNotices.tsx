/* Who was notified of the alert that is open. */
import { useEffect, useState } from "preact/hooks";
import type { AlertView, NoticeOut } from "../api/types";
import { dayAndClock } from "../parts/format";
import { readNoticesOf } from "../state/notices";
import { mayAct } from "../state/session";
import { t } from "../text";
import { Fate } from "./Outbox";

const EVERY_MS = 15_000;

export function AlertNotices({ alert }: { alert: AlertView }) {
  const [found, setFound] = useState<NoticeOut[] | null>(null);
  const id = alert.alert_id;
  const isAllowed = mayAct.value;
  useEffect(() => {
    if (!isAllowed) return;
    let isGone = false;
    const read = () =>
      void readNoticesOf(id).then((items) => {
        if (!isGone && items) setFound(items);
      });
    setFound(null);
    read();
    const again = setInterval(() => !document.hidden && read(), EVERY_MS);
    return () => {
      isGone = true;
      clearInterval(again);
    };
  }, [id, isAllowed, alert.revision, alert.acknowledged_at, alert.handled_at]);
  if (!isAllowed || !found) return null;
  return (
    <section class="alert-notices">
      <h3>
        {t("whoWasNotified")} ({found.length})
      </h3>
      {!found.length && <p class="dim">{t("nobody")}</p>}
      <ol class="outbox">
        {found.map((notice) => (
          <li key={notice.no}>
            <details>
              <summary>
                <time>{dayAndClock(notice.planned_at)}</time> {notice.subject}
              </summary>
              <pre tabIndex={0}>{notice.body}</pre>
            </details>
            <Fate notice={notice} />
          </li>
        ))}
      </ol>
    </section>
  );
}
