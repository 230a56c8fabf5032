/* Where something is: address, district, latitude and longitude, as they are typed in. */
import { Select } from "../parts/Select";
import { districtIds, districtName } from "../state/city";
import { t } from "../text";

interface Place {
  address: string;
  district: string;
  lat: string;
  lon: string;
}

export function PlaceFields({ values, onValues }: { values: Place; onValues: (place: Partial<Place>) => void }) {
  const set = (name: keyof Place) => (event: Event) => onValues({ [name]: (event.currentTarget as HTMLInputElement).value });
  return (
    <>
      <label>
        {t("address")}
        <input maxLength={200} value={values.address} onInput={set("address")} />
      </label>
      <Select label={t("district")} value={values.district} options={districtOptions()} onPick={(district) => onValues({ district })} />
      <PlaceInputs lat={values.lat} lon={values.lon} onLat={set("lat")} onLon={set("lon")} />
    </>
  );
}

export const districtOptions = (): [string, string][] => [["", t("noneChosen")], ...districtIds.value.map((id): [string, string] => [id, districtName(id)])];

interface PlaceOptions {
  lat: string;
  lon: string;
  onLat: (event: Event) => void;
  onLon: (event: Event) => void;
}

/** Latitude and longitude, both or neither. */
export function PlaceInputs({ lat, lon, onLat, onLon }: PlaceOptions) {
  return (
    <div class="pair">
      <label>
        {t("latitude")}
        <input type="number" step="any" min={-90} max={90} required={lon !== ""} value={lat} onInput={onLat} />
      </label>
      <label>
        {t("longitude")}
        <input type="number" step="any" min={-180} max={180} required={lat !== ""} value={lon} onInput={onLon} />
      </label>
    </div>
  );
}

export const textOf = (value: number | null): string => (value === null ? "" : String(value));
export const numberOf = (text: string): number | null => (text.trim() === "" ? null : Number(text));
