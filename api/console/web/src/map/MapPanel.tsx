import { effect } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { ReplayBar } from "../replay/ReplayBar";
import { baseFails, baseMap, isShifted, showsBase } from "../state/basemap";
import { course, openCase } from "../state/case";
import { chosen } from "../state/queue";
import { showWholeCity } from "../state/view";
import { t } from "../text";
import { CityMap } from "./citymap";

/** One map for the whole desk: the live city, and over it the case that is open. */
export default function MapPanel() {
  const box = useRef<HTMLDivElement>(null);
  const [isWithout, setWithout] = useState(false);
  const map = useRef<CityMap | null>(null);
  useEffect(() => {
    if (!box.current) return;
    try {
      map.current = new CityMap(box.current);
    } catch {
      setWithout(true); // No WebGL.
      return;
    }
    const cityMap = map.current;
    const disposers = [
      effect(() => {
        if (showWholeCity.value) cityMap.fitCity();
      }),
    ];
    return () => {
      for (const dispose of disposers) dispose();
      cityMap.remove();
    };
  }, []);
  return (
    <section class="map" aria-label={t("map")}>
      <div class="canvas" ref={box} hidden={isWithout} />
      {isWithout ? (
        <p class="empty">{t("noWebgl")}</p>
      ) : (
        <div class="map-buttons">
          <button type="button" onClick={() => map.current?.fitCity()}>
            {t("wholeCity")}
          </button>
          {chosen.value && (
            <button type="button" onClick={() => map.current?.fitCase()}>
              {t("toCase")}
            </button>
          )}
        </div>
      )}
      {showsBase.value && (
        <p class="map-base">
          {[baseMap.value?.attribution, t(isShifted.value ? "baseShifted" : "baseInPlace"), baseFails.value && t("baseFails")].filter(Boolean).join(" · ")}
        </p>
      )}
      <ReplayBar />
      {!isWithout && openCase.value && course.value && course.value.track.length > 0 && (
        <p class="map-key">
          <i class="before" /> {t("before")} <i class="during" /> {t("during")} <i class="after" /> {t("after")}
        </p>
      )}
    </section>
  );
}
