/* The controls of a replay, over the map. */
import { count, dayAndClock, zoneName } from "../parts/format";
import { closeReplay, isPlaying, pause, play, replay, replayAt, speed, SPEEDS } from "../state/replay";
import { t } from "../text";
import { standingAt, type TruckTrack } from "./course";

const STEPS = 1_000;

function where({ plate, fixes }: TruckTrack, at: number): string {
  const standing = standingAt(fixes, at);
  return standing ? `${plate} ${standing.lat.toFixed(5)}, ${standing.lon.toFixed(5)}${standing.isKnown ? "" : ` · ${t("unknown")}`}` : plate;
}

export function ReplayBar() {
  const shown = replay.value;
  if (!shown) return null;
  const at = Math.round(replayAt.value);
  const move = (event: Event) => (replayAt.value = Number((event.currentTarget as HTMLInputElement).value));
  return (
    <div class="replay-bar" role="group" aria-label={t("replay")}>
      <button type="button" class="accent" onClick={() => (isPlaying.value ? pause() : play())}>
        {t(isPlaying.value ? "pauseReplay" : "playReplay")}
      </button>
      <input type="range" min={shown.start} max={shown.end} step={Math.max(1_000, Math.round((shown.end - shown.start) / STEPS))} value={at}
        aria-label={t("replayTime")} aria-valuetext={dayAndClock(at)} onInput={move} />
      <time>
        {dayAndClock(at)} {zoneName(at)}
      </time>
      <label>
        <span>{t("replaySpeed")}</span>
        <select value={speed.value} onChange={(event) => (speed.value = Number(event.currentTarget.value))}>
          {SPEEDS.map((one) => (
            <option key={one} value={one}>
              {one}×
            </option>
          ))}
        </select>
      </label>
      <span>{shown.trucks.length === 1 && shown.trucks[0] ? where(shown.trucks[0], at) : `${count(shown.trucks.length)} ${t("trucks")}`}</span>
      <button type="button" onClick={closeReplay}>
        {t("close")}
      </button>
    </div>
  );
}
