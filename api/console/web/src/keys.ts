/* The keyboard. A key with Ctrl, Alt or Meta is the browser's; while somebody writes, every key is the text's. */
import { asked, type ActionKind } from "./state/actions";
import { takenUp } from "./state/cases";
import { choose, inOrder, mark, marked, chosen, meant, step } from "./state/queue";
import { mayAct, mayClose } from "./state/session";
import { language, setLanguage } from "./text";
import { helpOpen, panel, showWholeCity, type Panel } from "./state/view";

const ACTIONS: Record<string, ActionKind> = { a: "acknowledge", s: "assign", c: "comment", e: "close", z: "shelve" };
const PANELS: Record<string, Panel> = { "1": "queue", "2": "map", "3": "case", "4": "city", "5": "data", "6": "rules", "7": "notices", "8": "cases", "9": "programme" };

/** Take up the marked alerts, or the one at turn, as a case. */
export function askToTakeUp(): void {
  const alerts = meant();
  if (alerts.length && mayClose.value) takenUp.value = alerts;
}

export function ask(kind: ActionKind): void {
  const alerts = meant();
  if (alerts.length && mayAct.value && (kind !== "close" || mayClose.value)) asked.value = { kind, alerts };
}

export function listenForKeys(): void {
  addEventListener("keydown", (event) => {
    const target = event.target as HTMLElement;
    if (event.ctrlKey || event.altKey || event.metaKey || document.querySelector("dialog[open]")) return;
    if (target.matches("input, textarea, select")) {
      if (event.key === "Escape") target.blur();
      return;
    }
    if (perform(event.key)) event.preventDefault();
  });
}

function focusSearch(): void {
  document.getElementById("search")?.focus();
}

function perform(key: string): boolean {
  const action = ACTIONS[key];
  const wanted = PANELS[key];
  if (action) ask(action);
  else if (wanted) panel.value = wanted;
  else {
    switch (key) {
      case "t":
        askToTakeUp();
        break;
      case "j":
        step(1);
        break;
      case "k":
        step(-1);
        break;
      case "x":
        if (chosen.value) mark([chosen.value], !marked.value.has(chosen.value));
        break;
      case "X":
        mark(inOrder.value.map((alert) => alert.alert_id), true);
        break;
      case "/":
        panel.value = "queue";
        focusSearch();
        requestAnimationFrame(focusSearch); // once more where the queue was hidden until now
        break;
      case "?":
        helpOpen.value = true;
        break;
      case "w":
        showWholeCity.value++;
        break;
      case "l":
        setLanguage(language.value === "zh" ? "en" : "zh");
        break;
      case "p":
        if (chosen.value) print();
        break;
      case "Escape":
        if (marked.value.size) mark([...marked.value], false);
        else choose(null);
        break;
      default:
        return false;
    }
  }
  return true;
}
