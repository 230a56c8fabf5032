/* The evidence pack of an alert: made by the server, which takes up to a minute, and kept by the browser as a file. */
import { headers } from "../api/client";
import type { Problem } from "../api/types";
import { tell } from "../state/actions";
import { t } from "../text";

export async function exportEvidence(alertId: string): Promise<void> {
  tell(t("evidenceMade"));
  const answer = await fetch(`/api/v1/alerts/${alertId}/evidence-pack`, { headers: headers() }).catch(() => null);
  if (!answer?.ok) {
    const problem = (await answer?.json().catch(() => ({}))) as Partial<Problem> | undefined;
    tell(problem?.detail ?? t("gone"), true);
    return;
  }
  const file = document.createElement("a");
  file.href = URL.createObjectURL(await answer.blob());
  file.download = `haulwatch-evidence-${alertId}.zip`;
  file.click();
  setTimeout(() => URL.revokeObjectURL(file.href), 60_000);
}
