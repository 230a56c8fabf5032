/* Weighings as a list: where, when, how much, and whether it counts. */
import type { WeighingOut } from "../api/types";
import { dayAndClock, measured } from "../parts/format";
import { sites } from "../state/city";
import { localName, t, word } from "../text";

export function Weighings({ found, withPlate }: { found: WeighingOut[]; withPlate: boolean }) {
  return (
    <ol class="weighings">
      {found.map((one) => (
        <li key={`${one.weighbridge} ${one.ts}`} class={one.counted ? "counts" : ""}>
          <p>
            <b>{siteName(one)}</b> <time>{dayAndClock(one.ts)}</time>
          </p>
          <p>
            {withPlate && `${one.plate ?? t("noPlate")} · `}
            {t("gross")} {measured("gross_kg", one.gross_kg)} · {t("tareWeight")} {measured("tare_kg", one.tare_kg)} · {t("netWeight")}{" "}
            <b>{measured("net_kg", one.net_kg)}</b>
          </p>
          <p class="dim">
            {t("ticketNumber")} {one.ticket}
            {one.direction && ` · ${t(one.direction === "in" ? "weighedIn" : "weighedOut")}`}
            {one.material && ` · ${word(one.material)}`}
            {one.manifest && ` · ${t("manifest")} ${one.manifest}`}
            {one.manual_entry && ` · ${word("manual")}`} · {one.state ? word(one.state) : t("notDecided")}
          </p>
        </li>
      ))}
    </ol>
  );
}

function siteName({ site_id: id, weighbridge }: WeighingOut): string {
  const site = id === null ? undefined : sites.value.get(id);
  return site ? localName(site.properties) : (id ?? weighbridge);
}
