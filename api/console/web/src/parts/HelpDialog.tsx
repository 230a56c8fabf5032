import { helpOpen } from "../state/view";
import { t, type TextKey } from "../text";
import { Modal } from "./Modal";

const KEYS: [keys: string[], text: TextKey][] = [
  [["j", "k"], "keyNext"],
  [["x"], "keyMark"],
  [["X"], "keyMarkAll"],
  [["a", "s", "c", "e", "z"], "keyActions"],
  [["t"], "keyTakeUp"],
  [["/"], "keySearch"],
  [["1", "2", "3", "4", "5", "6", "7", "8", "9"], "keyPanels"],
  [["w"], "keyWhole"],
  [["p"], "keyPrint"],
  [["l"], "keyLanguage"],
  [["?"], "keyHelp"],
  [["Esc"], "keyEscape"],
];

export function HelpDialog() {
  if (!helpOpen.value) return null;
  return (
    <Modal title={t("keysTitle")} onClose={() => (helpOpen.value = false)}>
      <dl class="keys">
        {KEYS.map(([keys, text]) => (
          <div key={text}>
            <dt>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{t(text)}</dd>
          </div>
        ))}
      </dl>
      <div class="buttons">
        <button type="button" onClick={() => (helpOpen.value = false)}>
          {t("close")}
        </button>
      </div>
    </Modal>
  );
}
