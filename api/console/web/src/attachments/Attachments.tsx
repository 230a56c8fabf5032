/* Photos and documents of an alert, a case or a report: looked at, added by picker, drop or camera, removed with a reason. */
import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError } from "../api/client";
import type { Attachment } from "../api/types";
import { dayAndClock } from "../parts/format";
import { ReasonDialog } from "../parts/ReasonDialog";
import { tell } from "../state/actions";
import { attach, attachmentBlob, readAttachments, removeAttachment } from "../state/attachments";
import { mayAct, mayClose } from "../state/session";
import { t } from "../text";

const TYPES = "image/jpeg,image/png,image/webp,application/pdf";
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

interface AttachmentsOptions {
  /** Path of the alert, case or report. */
  owner: string;
  /** Who adds files. */
  roles?: "operators" | "officers";
  isClosed?: boolean;
}

export function Attachments({ owner, roles = "operators", isClosed = false }: AttachmentsOptions) {
  const [found, setFound] = useState<Attachment[] | null>(null);
  const [removed, setRemoved] = useState<Attachment | null>(null);
  const read = () =>
    readAttachments(owner).then(setFound, (error: unknown) => {
      if (!(error instanceof ApiError && error.status === 404)) tell(messageOf(error), true);
    });
  useEffect(() => {
    setFound(null);
    void read();
  }, [owner]);
  if (!found) return null; // this server keeps none of this owner, or they are being read
  const kept = found.filter((one) => one.removed_at === null);
  const gone = found.filter((one) => one.removed_at !== null);
  return (
    <section class="attachments">
      <h3>
        {t("attachments")} ({kept.length})
      </h3>
      {!found.length && <p class="dim">{t("noneOfThese")}</p>}
      <ul class="files">
        {kept.map((one) => (
          <File key={one.id} owner={owner} one={one} onRemove={() => setRemoved(one)} />
        ))}
      </ul>
      {gone.map((one) => (
        <p key={one.id} class="dim">
          {one.name}: {t("removedBy")} {one.removed_by}
          {one.removed_at !== null && `, ${dayAndClock(one.removed_at)}`}: {one.removed_reason}
        </p>
      ))}
      {(roles === "operators" ? mayAct : mayClose).value && !isClosed && <Adding owner={owner} onAdded={() => void read()} />}
      {removed && (
        <ReasonDialog title={t("removeFile")} ask={`${removed.name}: ${t("removeFileAsk")}`} action={t("removeFile")} onClose={() => setRemoved(null)}
          onReason={async (reason) => {
            await removeAttachment(owner, removed.id, reason);
            void read();
          }} />
      )}
    </section>
  );
}

function File({ owner, one, onRemove }: { owner: string; one: Attachment; onRemove: () => void }) {
  const isPicture = one.media_type.startsWith("image/");
  const open = async () => {
    try {
      show(await attachmentBlob(owner, one.id, ""), one.name);
    } catch (error) {
      tell(messageOf(error), true);
    }
  };
  const claims = one.claims;
  const says = [claims?.taken, claims?.lat != null && claims.lon != null ? `${claims.lat.toFixed(5)}, ${claims.lon.toFixed(5)}` : null, claims?.camera].filter(Boolean);
  return (
    <li>
      <button type="button" class="thumbnail" onClick={() => void open()} aria-label={`${t("openFile")}: ${one.name}`}>
        {isPicture ? <Thumbnail owner={owner} id={one.id} /> : <span class="document">PDF</span>}
      </button>
      <p>
        {one.name}
        <span class="dim">
          {" "}
          {Math.max(1, Math.round(one.size_bytes / 1024)).toLocaleString()} KiB · {one.added_by} · {dayAndClock(one.added_at)}
        </span>
      </p>
      {says.length > 0 && (
        <p class="dim" title={t("claimHint")}>
          {t("fileSays")} {says.join(" · ")}
        </p>
      )}
      {mayClose.value && (
        <button type="button" class="small" onClick={onRemove} aria-label={`${t("removeFile")}: ${one.name}`}>
          {t("removeFile")} …
        </button>
      )}
    </li>
  );
}

function Thumbnail({ owner, id }: { owner: string; id: string }) {
  const [url, setUrl] = useState("");
  useEffect(() => {
    let made = "";
    let isGone = false;
    attachmentBlob(owner, id, "/thumbnail").then(
      (blob) => {
        made = URL.createObjectURL(blob);
        if (isGone) URL.revokeObjectURL(made);
        else setUrl(made);
      },
      () => null,
    );
    return () => {
      isGone = true;
      if (made) URL.revokeObjectURL(made);
    };
  }, [owner, id]);
  return url ? <img src={url} alt="" /> : <span class="document">…</span>;
}

/** Let the browser keep the file: nothing that somebody uploaded is opened as a page of this server. */
function show(blob: Blob, name: string): void {
  const file = document.createElement("a");
  file.href = URL.createObjectURL(blob);
  file.download = name;
  file.click();
  setTimeout(() => URL.revokeObjectURL(file.href), 60_000);
}

function Adding({ owner, onAdded }: { owner: string; onAdded: () => void }) {
  const [progress, setProgress] = useState<{ name: string; percent: number } | null>(null);
  const [faults, setFaults] = useState<string[]>([]);
  const [isOver, setOver] = useState(false);
  const picker = useRef<HTMLInputElement>(null);
  const add = async (files: File[]) => {
    const wrong: string[] = [];
    for (const file of files) {
      setProgress({ name: file.name, percent: 0 });
      try {
        await attach(owner, file, (percent) => setProgress({ name: file.name, percent }));
      } catch (error) {
        wrong.push(`${file.name}: ${error instanceof ApiError && error.status === 0 ? t("gone") : messageOf(error)}`);
      }
    }
    setProgress(null);
    setFaults(wrong);
    onAdded();
  };
  const taken = (input: HTMLInputElement) => {
    const files = [...(input.files ?? [])];
    input.value = ""; // so that the same file may be chosen again
    if (files.length) void add(files);
  };
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    const files = [...(event.dataTransfer?.files ?? [])];
    if (files.length && !progress) void add(files);
  };
  return (
    <div class={`adding ${isOver ? "over" : ""}`} onDragOver={(event) => (event.preventDefault(), setOver(true))} onDragLeave={() => setOver(false)} onDrop={drop}>
      <div class="buttons">
        <label class="button upload">
          {t("addFiles")}
          <input ref={picker} type="file" multiple accept={TYPES} disabled={progress !== null} onChange={(event) => taken(event.currentTarget)} />
        </label>
        <label class="button upload camera">
          {t("takePhoto")}
          <input type="file" accept="image/jpeg" capture="environment" disabled={progress !== null} onChange={(event) => taken(event.currentTarget)} />
        </label>
      </div>
      <p class="dim">{t("dropFiles")}</p>
      {progress && (
        <p role="status">
          {progress.name} <progress max={100} value={progress.percent} aria-label={progress.name} /> {progress.percent} %
        </p>
      )}
      {faults.map((fault) => (
        <p key={fault} class="fault" role="alert">
          {fault}
        </p>
      ))}
    </div>
  );
}
