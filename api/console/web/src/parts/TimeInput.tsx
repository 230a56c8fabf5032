import { zoneName } from "./format";
import { inputOf, instantOf } from "./zoned";

interface TimeInputOptions {
  label: string;
  /** ms since 1970 UTC. */
  value: number;
  onPick: (ms: number) => void;
}

/** A minute by the city's clocks; the label names the zone. */
export function TimeInput({ label, value, onPick }: TimeInputOptions) {
  const pick = (text: string) => {
    const found = instantOf(text);
    if (found !== null) onPick(found);
  };
  return (
    <label class="field">
      <span>
        {label} <small>{zoneName(value)}</small>
      </span>
      <input type="datetime-local" required value={inputOf(value)} onChange={(event) => pick(event.currentTarget.value)} />
    </label>
  );
}
