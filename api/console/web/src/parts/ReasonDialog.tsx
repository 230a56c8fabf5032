/* A dialog that asks for a reason before something is done; it stays open with the fault where that fails. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { t } from "../text";
import { Modal } from "./Modal";

interface ReasonOptions {
  title: string;
  /** What will happen. */
  ask?: string | undefined;
  /** Text of the button that does it. */
  action: string;
  /** Label of the reason; "Reason" by default. */
  label?: string;
  maxLength?: number;
  isOptional?: boolean;
  /** Fields above the reason. */
  children?: ComponentChildren;
  onClose: () => void;
  /** Throws where it is refused. */
  onReason: (reason: string) => Promise<void> | void;
}

export function ReasonDialog({ title, ask, action, label, maxLength = 500, isOptional = false, children, onClose, onReason }: ReasonOptions) {
  const [reason, setReason] = useState("");
  const [fault, setFault] = useState("");
  const [isBusy, setBusy] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (isBusy || (!isOptional && !reason.trim())) return;
    setBusy(true);
    setFault("");
    try {
      await onReason(reason.trim());
      onClose();
    } catch (error) {
      setFault(error instanceof Error ? error.message : String(error));
      setBusy(false);
    }
  };
  return (
    <Modal title={title} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        {ask && <p>{ask}</p>}
        {children}
        <label>
          {label ?? t("reason")}
          <textarea rows={3} required={!isOptional} maxLength={maxLength} value={reason} onInput={(event) => setReason(event.currentTarget.value)} onKeyDown={submitByKey} />
        </label>
        {fault && (
          <p class="fault" role="alert">
            {fault}
          </p>
        )}
        <div class="buttons">
          <button type="button" onClick={onClose}>
            {t("cancel")}
          </button>
          <button type="submit" class="accent" disabled={isBusy}>
            {action}
          </button>
        </div>
      </form>
    </Modal>
  );
}

/** Enter alone ends a line only where a line is wanted: with Shift. */
export function submitByKey(event: KeyboardEvent): void {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  (event.currentTarget as HTMLTextAreaElement).form?.requestSubmit();
}
