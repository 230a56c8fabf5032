/* Signing in: with name and password where the server has accounts, by the city's sign-on, or with one of its tokens. */
import { useState } from "preact/hooks";
import { ApiError, link } from "../api/client";
import { hasAccounts, provider, signIn, signInOpen, signOnFailure, signOnPath, useToken } from "../state/session";
import { t, type TextKey } from "../text";
import { Modal } from "./Modal";

export function SignIn() {
  const [byToken, setByToken] = useState(false);
  const [name, setName] = useState("");
  const [secret, setSecret] = useState("");
  const [fault, setFault] = useState<(() => string) | null>(null);
  const withToken = byToken || !hasAccounts.value;
  const submit = async (event: Event) => {
    event.preventDefault();
    try {
      await (withToken ? useToken(name.trim(), secret) : signIn(name.trim(), secret));
      signInOpen.value = false;
      location.reload();
    } catch (error) {
      setFault(() => () => faultOf(error, withToken ? "wrongToken" : "wrongPassword"));
    }
  };
  const why: TextKey = hasAccounts.value ? "signInNeeded" : link.value === "locked" ? "tokenNeeded" : "useTokenHint";
  const shown = fault?.() ?? (signOnFailure.value && t(signOnFailure.value));
  return (
    <Modal title={t("signInTitle")} onClose={() => (signInOpen.value = false)}>
      <form onSubmit={(event) => void submit(event)}>
        <p>{t(why)}</p>
        <label>
          {t(withToken ? "yourName" : "name")}
          <input autoComplete="username" required maxLength={64} value={name} onInput={(event) => setName(event.currentTarget.value)} />
        </label>
        <label>
          {t(withToken ? "token" : "password")}
          <input type="password" required autoComplete={withToken ? "off" : "current-password"} value={secret}
            onInput={(event) => setSecret(event.currentTarget.value)} />
        </label>
        {shown && (
          <p class="fault" role="alert">
            {shown}
          </p>
        )}
        <div class="buttons">
          {provider.value && (
            <a class="button" href={signOnPath()}>
              {provider.value.title ?? t("signOn")}
            </a>
          )}
          {hasAccounts.value && (
            <button type="button" class="plain" onClick={() => setByToken(!byToken)}>
              {t(byToken ? "password" : "token")}
            </button>
          )}
          <button type="button" onClick={() => (signInOpen.value = false)}>
            {t("cancel")}
          </button>
          <button type="submit" class="accent">
            {t("enter")}
          </button>
        </div>
      </form>
    </Modal>
  );
}

/** What went wrong, in the language of the page; `wrong` where name, password or token were refused. */
export function faultOf(error: unknown, wrong: TextKey): string {
  if (!(error instanceof ApiError)) return String((error as Error).message);
  if (error.status === 401) return t(wrong);
  if (error.status === 429) return t("lockedOut").replace("{s}", String(error.retryAfterS));
  return error.status === 0 ? t("gone") : error.message;
}
