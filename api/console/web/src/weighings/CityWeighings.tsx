import { useEffect, useState } from "preact/hooks";
import { get, query } from "../api/client";
import type { WeighingList } from "../api/types";
import { zoneName } from "../parts/format";
import { devices, sites } from "../state/city";
import { localName, t } from "../text";
import { Weighings } from "./Weighings";

const EVERY_MS = 30_000;
const MOST = 10;

/** The last tickets of the day, of all weighbridges or of one site. */
export function CityWeighings() {
  const [siteId, setSite] = useState("");
  const [found, setFound] = useState<WeighingList | null>(null);
  const siteIds = [...new Set([...devices.value.values()].filter((one) => one.role === "weighbridge").map((one) => one.site_id ?? ""))].filter(Boolean);
  useEffect(() => {
    let isOver = false;
    const read = () =>
      get<WeighingList>(`/weighings${query({ site_id: siteId, limit: MOST })}`)
        .then((list) => !isOver && setFound(list))
        .catch(() => null);
    void read();
    const again = setInterval(() => !document.hidden && void read(), EVERY_MS);
    return () => {
      isOver = true;
      clearInterval(again);
    };
  }, [siteId]);
  return (
    <section>
      <h3>
        {t("lastTickets")} ({zoneName(Date.now())})
      </h3>
      {siteIds.length > 0 && (
        <label class="field">
          {t("site")}
          <select value={siteId} onChange={(event) => setSite(event.currentTarget.value)}>
            <option value="">{t("stateAll")}</option>
            {siteIds.map((id) => (
              <option key={id} value={id}>
                {localName(sites.value.get(id)?.properties ?? { name: id })}
              </option>
            ))}
          </select>
        </label>
      )}
      {found && (found.items.length ? <Weighings found={found.items} withPlate /> : <p class="dim">{t("noTickets")}</p>)}
    </section>
  );
}
