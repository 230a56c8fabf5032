import { h } from "preact";
import { lazy, Suspense } from "preact/compat";
import { isLive } from "./api/stream";
import { CasePanel } from "./case/CasePanel";
import { CasesPanel } from "./cases/CasesPanel";
import { TakeUpDialog } from "./cases/TakeUp";
import { CityPanel } from "./city/CityPanel";
import { DataPanel } from "./health/DataPanel";
import { Account } from "./parts/Account";
import { ActionDialog } from "./parts/ActionDialog";
import { HelpDialog } from "./parts/HelpDialog";
import { SignIn } from "./parts/SignIn";
import { clockWithZone } from "./parts/format";
import { NoticesPanel } from "./notices/NoticesPanel";
import { ProgrammePanel } from "./programme/ProgrammePanel";
import { QueuePanel } from "./queue/QueuePanel";
import { RulesPanel } from "./rules/RulesPanel";
import { notice } from "./state/actions";
import { city } from "./state/city";
import { accountOpen, desk, displayName, mayAct, signInOpen } from "./state/session";
import { helpOpen, panel, RIGHT_PANELS, rightPanel, type Panel } from "./state/view";
import { language, localName, setLanguage, t } from "./text";
import { useEffect, useState } from "preact/hooks";
import markUrl from "./mark.svg?url";

const RIGHT = { case: CasePanel, cases: CasesPanel, city: CityPanel, data: DataPanel, programme: ProgrammePanel, rules: RulesPanel, notices: NoticesPanel } as const;
const MapPanel = lazy(() => import("./map/MapPanel"));

export function App() {
  // On a wide screen queue and map are always there; the right column is the case unless another is chosen.
  return (
    <div class={`desk panel-${panel.value}`}>
      <Header />
      <main>
        <QueuePanel />
        <Suspense fallback={<section class="map" aria-label={t("map")} />}>
          <MapPanel />
        </Suspense>
        <section class="right" aria-label={t(rightPanel.value)} tabIndex={0}>
          {h(RIGHT[rightPanel.value], null)}
        </section>
      </main>
      <PanelBar />
      <div class="notice" role="status" aria-live="polite">
        {notice.value && <p class={notice.value.isFault ? "fault" : ""}>{notice.value.text}</p>}
      </div>
      <ActionDialog />
      <TakeUpDialog />
      <HelpDialog />
      {signInOpen.value && <SignIn />}
      {accountOpen.value && <Account />}
    </div>
  );
}

function Header() {
  return (
    <header>
      <img src={markUrl} alt="" width="26" height="26" />
      <h1>Haulwatch</h1>
      {city.value && <span class="city-name">{localName(city.value)}</span>}
      <nav class="right-tabs" aria-label={t("desk")}>
        {RIGHT_PANELS.map((name) => (
          <PanelButton key={name} name={name} isOn={rightPanel.value === name} />
        ))}
      </nav>
      <span class={`live ${isLive.value ? "on" : ""}`}>{t(isLive.value ? "live" : "connecting")}</span>
      <Clock />
      {displayName.value ? (
        <button type="button" class="person" onClick={() => (accountOpen.value = true)} title={t("account")}>
          {displayName.value}
        </button>
      ) : (
        desk.value.kind !== "starting" && (
          <button type="button" class={mayAct.value ? "" : "accent"} onClick={() => (signInOpen.value = true)}>
            {t("signIn")}
          </button>
        )
      )}
      <a class="button wide-only" href="/docs">
        {t("apiReference")}
      </a>
      <button type="button" class="wide-only" onClick={() => (helpOpen.value = true)}>
        {t("keysHelp")}
      </button>
      <button type="button" lang={language.value === "zh" ? "en" : "zh"} onClick={() => setLanguage(language.value === "zh" ? "en" : "zh")}>
        {t("language")}
      </button>
    </header>
  );
}

function Clock() {
  const [ms, setMs] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setMs(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return <time class="clock">{clockWithZone(ms)}</time>;
}

/** On a phone: one panel at a time. */
function PanelBar() {
  return (
    <nav class="panel-bar" aria-label={t("desk")}>
      {(["queue", "map", ...RIGHT_PANELS] as const).map((name) => (
        <PanelButton key={name} name={name} isOn={panel.value === name} />
      ))}
    </nav>
  );
}

function PanelButton({ name, isOn }: { name: Panel; isOn: boolean }) {
  return (
    <button type="button" aria-current={isOn ? "page" : undefined} onClick={() => (panel.value = name)}>
      {t(name)}
    </button>
  );
}
