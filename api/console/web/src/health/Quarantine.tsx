import { useEffect, useState } from "preact/hooks";
import { link } from "../api/client";
import type { DeadLetter, Reason } from "../api/types";
import { count, dayAndClock } from "../parts/format";
import { Modal } from "../parts/Modal";
import { openLetters, readLetters, readLettersAgain, redriveAll, redriveLetter } from "../state/health";
import { ledger } from "../state/moving";
import { mayClose } from "../state/session";
import { t, word } from "../text";

/** What is to be redriven: all letters of a reason, or one. */
interface Asked {
  reason: Reason;
  letter?: DeadLetter;
}

/** Refused readings by reason; the letters of one reason, and their redrive. */
export function Quarantine() {
  const [asked, setAsked] = useState<Asked | null>(null);
  const reasons = Object.entries(ledger.value?.total.quarantined ?? {})
    .filter(([, refused]) => refused > 0)
    .sort((a, b) => b[1] - a[1]) as [Reason, number][];
  useEffect(() => void readLettersAgain(), [ledger.value]); // as often as the counts
  return (
    <section class="quarantine">
      <h3>{t("quarantineReasons")}</h3>
      {!reasons.length && <p class="dim">{t(link.value === "read" ? "nothingQuarantined" : link.value)}</p>}
      <ul>
        {reasons.map(([reason, refused]) => (
          <li key={reason}>
            <div class="line">
              <button type="button" class="plain" aria-expanded={openLetters.value?.reason === reason} onClick={() => toggle(reason)}>
                {word(reason)}
              </button>
              <span class="number">{count(refused)}</span>
              {mayClose.value && (
                <button type="button" onClick={() => setAsked({ reason })} aria-label={`${t("redrive")}: ${word(reason)}`}>
                  {t("redrive")} …
                </button>
              )}
            </div>
            {openLetters.value?.reason === reason && <Letters onAsk={(letter) => setAsked({ reason, letter })} />}
          </li>
        ))}
      </ul>
      {asked && <RedriveDialog {...asked} onClose={() => setAsked(null)} />}
    </section>
  );
}

function toggle(reason: Reason): void {
  if (openLetters.value?.reason === reason) openLetters.value = null;
  else void readLetters(reason);
}

function Letters({ onAsk }: { onAsk: (letter: DeadLetter) => void }) {
  const found = openLetters.value;
  if (!found) return null;
  return (
    <ol class="letters">
      {!found.items.length && <li class="dim">{t("noLetters")}</li>}
      {found.items.map((letter) => (
        <Letter key={letter.id} letter={letter} onAsk={onAsk} />
      ))}
      {found.next !== null && (
        <li>
          <button type="button" onClick={() => void readLetters(found.reason, true)}>
            {t("more")}
          </button>
        </li>
      )}
    </ol>
  );
}

function Letter({ letter, onAsk }: { letter: DeadLetter; onAsk: (letter: DeadLetter) => void }) {
  return (
    <li>
      <p>
        <b>{letter.device || t("noDevice")}</b> <time>{dayAndClock(letter.received_at)}</time>
        {letter.stands_for > 1 && ` · ${t("standsFor").replace("{n}", count(letter.stands_for))}`}
      </p>
      <p lang="en">{letter.detail}</p>
      <pre tabIndex={0} aria-label={t("payload")}>
        {letter.shown}
      </pre>
      {mayClose.value &&
        (letter.kept ? (
          <button type="button" onClick={() => onAsk(letter)} aria-label={`${t("redrive")}: ${letter.id}`}>
            {t("redrive")} …
          </button>
        ) : (
          <p class="dim">{t("notKept")}</p>
        ))}
    </li>
  );
}

function RedriveDialog({ reason, letter, onClose }: Asked & { onClose: () => void }) {
  const [device, setDevice] = useState("");
  const submit = (event: Event) => {
    event.preventDefault();
    onClose();
    void (letter ? redriveLetter(letter) : redriveAll(reason, device.trim()));
  };
  return (
    <Modal title={t("redrive")} onClose={onClose}>
      <form onSubmit={submit}>
        <p>{letter ? t("redriveOne").replace("{device}", letter.device) : t("redriveAsk").replace("{reason}", word(reason))}</p>
        {!letter && (
          <label>
            {t("onlyDevice")}
            <input maxLength={64} value={device} onInput={(event) => setDevice(event.currentTarget.value)} />
          </label>
        )}
        <div class="buttons">
          <button type="button" onClick={onClose}>
            {t("cancel")}
          </button>
          <button type="submit" class="accent">
            {t("redrive")}
          </button>
        </div>
      </form>
    </Modal>
  );
}
