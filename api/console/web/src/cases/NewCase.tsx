/* A case without an alert: an inspection, a letter, an order from above. */
import { useState } from "preact/hooks";
import { ReasonDialog } from "../parts/ReasonDialog";
import { TimeInput } from "../parts/TimeInput";
import { openCaseOf } from "../state/cases";
import { t } from "../text";
import { numberOf, PlaceFields } from "./PlaceFields";

export function NewCaseButton() {
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <button type="button" onClick={() => setOpen(true)}>
        {t("newCase")} …
      </button>
      {isOpen && <NewCaseDialog onClose={() => setOpen(false)} />}
    </>
  );
}

function NewCaseDialog({ onClose }: { onClose: () => void }) {
  const [values, setValues] = useState({ title: "", address: "", district: "", lat: "", lon: "" });
  const [seenAt, setSeenAt] = useState(Date.now());
  const set = (name: keyof typeof values) => (event: Event) => setValues({ ...values, [name]: (event.currentTarget as HTMLInputElement).value });
  const open = (reason: string) =>
    openCaseOf({
      title: values.title.trim(), address: values.address.trim() || null, district: values.district || null, lat: numberOf(values.lat), lon: numberOf(values.lon),
      happened_from: seenAt, happened_until: seenAt, reason,
    });
  return (
    <ReasonDialog title={t("newCase")} action={t("newCase")} maxLength={2_000} onClose={onClose} onReason={open}>
      <label>
        {t("caseTitle")}
        <input required maxLength={200} value={values.title} onInput={set("title")} />
      </label>
      <TimeInput label={t("happened")} value={seenAt} onPick={setSeenAt} />
      <PlaceFields values={values} onValues={(place) => setValues({ ...values, ...place })} />
    </ReasonDialog>
  );
}
