/* One choice of several, with its label. */

interface SelectOptions {
  label: string;
  value: string;
  options: [value: string, text: string][];
  onPick: (value: string) => void;
  isRequired?: boolean;
}

export function Select({ label, value, options, onPick, isRequired = false }: SelectOptions) {
  return (
    <label>
      {label}
      <select value={value} required={isRequired} onChange={(event) => onPick(event.currentTarget.value)}>
        {options.map(([one, text]) => (
          <option key={one} value={one}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}
