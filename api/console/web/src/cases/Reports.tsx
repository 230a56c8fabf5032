/* What the public reported of a case. Who did is opened for one administrator at a time, with a reason. */
import { useEffect, useState } from "preact/hooks";
import type { InformantOut, ReportOut } from "../api/types";
import { Attachments } from "../attachments/Attachments";
import { dayAndClock } from "../parts/format";
import { Modal } from "../parts/Modal";
import { ReasonDialog } from "../parts/ReasonDialog";
import { chooseCase } from "../state/cases";
import { sites } from "../state/city";
import { joinReport, lookAtInformant, reportsOf } from "../state/reports";
import { desk, isAdministrator, mayAct, mayClose } from "../state/session";
import { localName, t } from "../text";
import { categoryText, channelText } from "./words";

/** A case of any kind may hold reports: those of duplicates are joined to it. */
export function Reports({ number, isOfPublic }: { number: string; isOfPublic: boolean }) {
  const [found, setFound] = useState<ReportOut[] | null>(null);
  const isAllowed = mayAct.value;
  useEffect(() => {
    let isGone = false;
    if (isAllowed) void reportsOf(number).then((items) => !isGone && setFound(items));
    return () => {
      isGone = true;
    };
  }, [number, isAllowed]);
  if (!isAllowed) return isOfPublic ? <p class="dim">{t("reportsForOperators")}</p> : null;
  if (!found?.length) return null;
  return (
    <section>
      <h3>
        {t("reports")} ({found.length})
      </h3>
      <ul class="reports">
        {found.map((report) => (
          <Report key={report.number} report={report} />
        ))}
      </ul>
    </section>
  );
}

function Report({ report }: { report: ReportOut }) {
  const [asked, setAsked] = useState<"informant" | "join" | null>(null);
  const [other, setOther] = useState("");
  const [informant, setInformant] = useState<InformantOut | null>(null);
  const site = report.site_id === null ? undefined : sites.value.get(report.site_id);
  const join = async (reason: string) => {
    const joined = await joinReport(report.number, { case: other.trim(), reason });
    chooseCase(joined.case);
  };
  return (
    <li>
      <p class="dim">
        {report.number} · {channelText(report.channel)} · {categoryText(report.category)} · {t("seenAt")} {dayAndClock(report.seen_at)}
        {report.received_by && ` · ${t("typedInBy")} ${report.received_by}`}
      </p>
      <blockquote>{report.text}</blockquote>
      <p class="dim">
        {[report.address, site && localName(site.properties), report.plate && `${t("plate")} ${report.plate}`].filter(Boolean).join(" · ")}
      </p>
      <Attachments owner={`/reports/${report.number}`} />
      <div class="buttons">
        {report.has_informant && isAdministrator.value && desk.value.kind === "person" && (
          <button type="button" class="small" onClick={() => setAsked("informant")}>
            {t("whoReported")} …
          </button>
        )}
        {mayClose.value && (
          <button type="button" class="small" onClick={() => setAsked("join")}>
            {t("joinOther")} …
          </button>
        )}
      </div>
      {asked === "informant" && (
        <ReasonDialog title={t("whoReported")} ask={t("whoReportedAsk")} action={t("look")} maxLength={200} onClose={() => setAsked(null)}
          onReason={async (reason) => setInformant(await lookAtInformant(report.number, reason))} />
      )}
      {asked === "join" && (
        <ReasonDialog title={t("joinOther")} ask={t("joinOtherAsk")} action={t("joinOther")} onClose={() => setAsked(null)} onReason={join}>
          <label>
            {t("caseNumber")}
            <input required pattern="[0-9]{4}-[0-9]{6}" placeholder="2026-000123" value={other} onInput={(event) => setOther(event.currentTarget.value)} />
          </label>
        </ReasonDialog>
      )}
      {informant && (
        <Modal title={`${t("whoReported")}: ${report.number}`} onClose={() => setInformant(null)}>
          <dl class="receipt">
            <dt>{t("informantName")}</dt>
            <dd>{informant.name || "–"}</dd>
            <dt>{t("contact")}</dt>
            <dd>{informant.contact || "–"}</dd>
          </dl>
          <div class="buttons">
            <button type="button" onClick={() => setInformant(null)}>
              {t("close")}
            </button>
          </div>
        </Modal>
      )}
    </li>
  );
}
