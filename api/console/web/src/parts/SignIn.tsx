/* Signing in: with name and password where the server has accounts, else with one of its tokens. */
import { useState } from "preact/hooks";
import { ApiError, link } from "../api/client";
import { hasAccounts, signIn, signInOpen, useToken } from "../state/session";
import { t, type TextKey } from "../text";
import { Modal } from "./Modal";

export function SignIn() {
  const [byToken, setByToken] = useState(false);
  const [name, setName] = useState("");
  const [secret, setSecret] = useState("");
  const [fault, setFault] = useState("");
  const withToken = byToken || !hasAccounts.value;
  const submit = async (event: Event) => {
    event.preventDefault();
    try {
      await (withToken ? useToken(name.trim(), secret) : signIn(name.trim(), secret));
      signInOpen.value = false;
      location.reload();
    } catch (error) {
      const isRefused = error instanceof ApiError && error.status === 401;
      setFault(isRefused ? t(withToken ? "wrongToken" : "wrongPassword") : String((error as Error).message));
    }
  };
  const why: TextKey = hasAccounts.value ? "signInNeeded" : link.value === "locked" ? "tokenNeeded" : "useTokenHint";
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
        {fault && (
          <p class="fault" role="alert">
            {fault}
          </p>
        )}
        <div class="buttons">
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
