/* Who is signed in and what this person sees; the password, and signing out. */
import { useState } from "preact/hooks";
import { ApiError } from "../api/client";
import { districtName, fleetName } from "../state/city";
import { accountOpen, changePassword, desk, displayName, signOut, type Session } from "../state/session";
import { t, word, type TextKey } from "../text";
import { Modal } from "./Modal";
import { faultOf } from "./SignIn";

export function Account() {
  const session = desk.value.kind === "person" || desk.value.kind === "token" ? desk.value.session : null;
  return (
    <Modal title={t("account")} onClose={() => (accountOpen.value = false)}>
      <p>
        <b>{displayName.value}</b>
        {session && ` · ${session.name} · ${word(session.role)}`}
      </p>
      {session && (
        <p class="dim">
          {t("sees")}: {limitsOf(session)}
        </p>
      )}
      {session && desk.value.kind === "person" && (session.has_password ? <Password /> : <p class="dim">{t("passwordElsewhere")}</p>)}
      <div class="buttons">
        <button type="button" onClick={() => (accountOpen.value = false)}>
          {t("close")}
        </button>
        <button type="button" class="accent" onClick={() => void signOut()}>
          {t("signOut")}
        </button>
      </div>
    </Modal>
  );
}

function limitsOf({ districts, hauliers }: Session): string {
  const names = [...(districts ?? []).map(districtName), ...(hauliers ?? []).map(fleetName)];
  return names.join(", ") || t("wholeCity");
}

function Password() {
  const [old, setOld] = useState("");
  const [fresh, setFresh] = useState("");
  const [again, setAgain] = useState("");
  const [said, setSaid] = useState<{ text: () => string; isFault: boolean } | null>(null);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (fresh !== again) return setSaid({ text: () => t("passwordsDiffer"), isFault: true });
    try {
      await changePassword(old, fresh);
      setOld("");
      setFresh("");
      setAgain("");
      setSaid({ text: () => t("passwordChanged"), isFault: false });
    } catch (error) {
      setSaid({ text: () => faultOfChange(error), isFault: true });
    }
  };
  const field = (label: TextKey, kind: string, value: string, set: (text: string) => void) => (
    <label>
      {t(label)}
      <input type="password" required maxLength={256} autoComplete={kind} value={value} onInput={(event) => set(event.currentTarget.value)} />
    </label>
  );
  return (
    <form onSubmit={(event) => void submit(event)}>
      {field("oldPassword", "current-password", old, setOld)}
      {field("newPassword", "new-password", fresh, setFresh)}
      {field("newPasswordAgain", "new-password", again, setAgain)}
      {said && (
        <p class={said.isFault ? "fault" : ""} role={said.isFault ? "alert" : "status"}>
          {said.text()}
        </p>
      )}
      <div class="buttons">
        <button type="submit">{t("changePassword")}</button>
      </div>
    </form>
  );
}

function faultOfChange(error: unknown): string {
  if (error instanceof ApiError && error.field === "body.old") return t("wrongOldPassword");
  if (error instanceof ApiError && error.field === "body.new") return t("weakPassword");
  return faultOf(error, "signInNeeded");
}
