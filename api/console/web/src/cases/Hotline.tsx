/* What somebody says on the telephone is typed in by an operator; a case with a deadline comes of it. */
import { useState } from "preact/hooks";
import type { ReceiptOut, ReportBody } from "../api/types";
import { Modal } from "../parts/Modal";
import { Select } from "../parts/Select";
import { TimeInput } from "../parts/TimeInput";
import { chooseCase, messageOf, readCases, readIndicators } from "../state/cases";
import { sites } from "../state/city";
import { addReport } from "../state/reports";
import { language, localName, t } from "../text";
import { districtOptions, numberOf, PlaceInputs } from "./PlaceFields";
import { CATEGORIES, categoryText } from "./words";

export function HotlineButton() {
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <button type="button" class="accent" onClick={() => setOpen(true)}>
        {t("hotline")} …
      </button>
      {isOpen && <HotlineDialog onClose={() => setOpen(false)} />}
    </>
  );
}

const EMPTY = { text: "", address: "", site: "", district: "", lat: "", lon: "", plate: "", name: "", contact: "" };

function HotlineDialog({ onClose }: { onClose: () => void }) {
  const [values, setValues] = useState(EMPTY);
  const [category, setCategory] = useState<ReportBody["category"]>("dumping");
  const [speaks, setSpeaks] = useState<"zh" | "en">(language.value);
  const [seenAt, setSeenAt] = useState(Date.now());
  const [fault, setFault] = useState("");
  const [isBusy, setBusy] = useState(false);
  const [receipt, setReceipt] = useState<ReceiptOut | null>(null);
  const set = (name: keyof typeof EMPTY) => (event: Event) => setValues({ ...values, [name]: (event.currentTarget as HTMLInputElement).value });
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setFault("");
    const { name, contact } = values;
    const body: ReportBody = {
      category, text: values.text.trim(), seen_at: seenAt, address: values.address.trim(), plate: values.plate.trim(), language: speaks, site_id: values.site || null,
      district: values.district || null, lat: numberOf(values.lat), lon: numberOf(values.lon),
      informant: name.trim() || contact.trim() ? { name: name.trim(), contact: contact.trim() } : null,
    };
    try {
      setReceipt(await addReport(body));
      void readCases();
      void readIndicators();
    } catch (error) {
      setFault(messageOf(error));
    }
    setBusy(false);
  };
  if (receipt) return <Receipt receipt={receipt} onClose={onClose} />;
  return (
    <Modal title={t("hotline")} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        <Select label={t("category")} value={category} options={CATEGORIES.map((one) => [one, categoryText(one)])} onPick={(value) => setCategory(value as ReportBody["category"])} />
        <label>
          {t("whatWasSeen")}
          <textarea rows={4} required maxLength={2_000} value={values.text} onInput={set("text")} />
        </label>
        <TimeInput label={t("whenSeen")} value={seenAt} onPick={setSeenAt} />
        <label>
          {t("address")}
          <input maxLength={200} value={values.address} onInput={set("address")} />
        </label>
        <div class="pair">
          <Select label={t("site")} value={values.site} options={[["", t("noneChosen")], ...[...sites.value.values()].map((site): [string, string] => [site.id ?? "", localName(site.properties)])]}
            onPick={(site) => setValues({ ...values, site })} />
          <Select label={t("district")} value={values.district} options={districtOptions()} onPick={(district) => setValues({ ...values, district })} />
        </div>
        <PlaceInputs lat={values.lat} lon={values.lon} onLat={set("lat")} onLon={set("lon")} />
        <div class="pair">
          <label>
            {t("plate")}
            <input maxLength={16} value={values.plate} onInput={set("plate")} />
          </label>
          <Select label={t("answerLanguage")} value={speaks} options={[["zh", "中文"], ["en", "English"]]} onPick={(value) => setSpeaks(value as "zh" | "en")} />
        </div>
        <fieldset>
          <legend>{t("informantOptional")}</legend>
          <p class="dim">{t("informantSealed")}</p>
          <label>
            {t("informantName")}
            <input maxLength={64} autoComplete="off" value={values.name} onInput={set("name")} />
          </label>
          <label>
            {t("contact")}
            <input maxLength={128} autoComplete="off" value={values.contact} onInput={set("contact")} />
          </label>
        </fieldset>
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
            {t("save")}
          </button>
        </div>
      </form>
    </Modal>
  );
}

/** What the caller is told: the code is shown only now. */
function Receipt({ receipt, onClose }: { receipt: ReceiptOut; onClose: () => void }) {
  const open = () => {
    onClose();
    chooseCase(receipt.report.case);
  };
  return (
    <Modal title={t("reportKept")} onClose={onClose}>
      <p>{t("tellCaller")}</p>
      <dl class="receipt">
        <dt>{t("reportNumber")}</dt>
        <dd>{receipt.report.number}</dd>
        <dt>{t("reportCode")}</dt>
        <dd>{receipt.code}</dd>
      </dl>
      <div class="buttons">
        <button type="button" onClick={onClose}>
          {t("close")}
        </button>
        <button type="button" class="accent" onClick={open}>
          {t("openCase")} {receipt.report.case}
        </button>
      </div>
    </Modal>
  );
}
