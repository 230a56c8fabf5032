import { effect } from "@preact/signals";
import { render } from "preact";
import { App } from "./app";
import { link } from "./api/client";
import { follow } from "./api/stream";
import { listenForKeys } from "./keys";
import { tell } from "./state/actions";
import { readCase, watchChosen } from "./state/case";
import { readCaseLink, watchChosenCase } from "./state/cases";
import { city, readCity } from "./state/city";
import { keepMoving } from "./state/moving";
import { alertOf, applyAction, applyChange, catchUp, choose, chosen, readPage, watchFilters } from "./state/queue";
import { readSignOnFailure, signInOpen, startSession } from "./state/session";
import { language, t } from "./text";
import "./style/frame.css";
import "./style/queue.css";
import "./style/case.css";
import "./style/health.css";
import "./style/rules.css";
import "./style/notices.css";
import "./style/cases.css";
import "./style/weighings.css";
import "./style/programme.css";
import "./style/replay.css";
import "./style/print.css";

const RETRY_MS = 3_000;
/** Signing in loads the page again; until then asking is of little use. */
const LOCKED_RETRY_MS = 60_000;

/** The city comes first: times have its zone, filters its districts. It is asked for until it answers. */
async function readCityAtLast(): Promise<void> {
  while (city.value === null) {
    await readCity().catch(() => null);
    if (city.value === null) {
      if (link.value === "locked") signInOpen.value = true;
      await new Promise((resolve) => setTimeout(resolve, link.value === "locked" ? LOCKED_RETRY_MS : RETRY_MS));
    }
  }
}

function refresh(alertId: string): void {
  if (alertId === chosen.value) void readCase();
}

effect(() => {
  document.documentElement.lang = language.value === "zh" ? "zh-CN" : "en";
});
const linked = /^#alert=([0-9a-f]{16})$/.exec(location.hash)?.[1];
if (linked) choose(linked);
readCaseLink();

readSignOnFailure();
render(<App />, document.getElementById("desk") as HTMLElement);
listenForKeys();
await startSession();
await readCityAtLast();
watchFilters();
watchChosen();
watchChosenCase();
void keepMoving();
let isFirst = true;
void follow(
  {
    begun: () => {
      if (!isFirst) void catchUp();
      isFirst = false;
    },
    change: (entry) => {
      applyChange(entry);
      refresh(entry.change.alert_id);
    },
    action: (entry) => {
      if (!alertOf(entry.alert_id)) return;
      applyAction(entry);
      refresh(entry.alert_id);
    },
    reset: () => {
      tell(t("reset"));
      void readPage(true);
    },
  },
  new AbortController().signal,
);
