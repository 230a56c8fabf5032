import { useEffect, useState } from "preact/hooks";
import { get, query } from "../api/client";
import type { AlertView, WeighingList } from "../api/types";
import { zoneName } from "../parts/format";
import { devices } from "../state/city";
import { t } from "../text";
import { Weighings } from "./Weighings";

const AROUND_MS = 12 * 3_600_000;
const MOST = 12;

/** The weighings of a truck from half a day before its alert to half a day after, the newest first. */
export function CaseWeighings({ alert }: { alert: AlertView }) {
  const [found, setFound] = useState<WeighingList | null>(null);
  const vehicle = devices.value.get(alert.subject)?.vehicle?.id;
  useEffect(() => {
    let isOver = false;
    setFound(null);
    if (!vehicle) return;
    const asked = query({ vehicle_id: vehicle, start: alert.opened_at - AROUND_MS, end: (alert.closed_at ?? alert.opened_at) + AROUND_MS, limit: MOST });
    get<WeighingList>(`/weighings${asked}`)
      .then((list) => !isOver && setFound(list))
      .catch(() => null);
    return () => {
      isOver = true;
    };
  }, [alert.alert_id, alert.closed_at, vehicle]);
  if (!vehicle || !found) return null;
  return (
    <section>
      <h3>
        {t("weighings")} ({zoneName(alert.opened_at)})
      </h3>
      {found.items.length ? <Weighings found={found.items} withPlate={false} /> : <p class="dim">{t("noWeighings")}</p>}
    </section>
  );
}
