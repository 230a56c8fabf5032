/* The language of the page, and everything that depends on it. Device text is never markup: Preact escapes it. */
import { signal } from "@preact/signals";
import type { Text } from "../api/types";
import * as en from "./en";
import type { MeasureKey, TextKey, ValueKey } from "./en";
import { parameters } from "./parameters";
import * as zh from "./zh";

export type Language = "en" | "zh";
export type { TextKey } from "./en";

const remembered = localStorage.getItem("language") ?? navigator.language;
export const language = signal<Language>(remembered.startsWith("zh") ? "zh" : "en");

export function setLanguage(next: Language): void {
  language.value = next;
  localStorage.setItem("language", next);
}

const dictionary = () => (language.value === "zh" ? zh : en);

export const t = (key: TextKey): string => dictionary().texts[key];

/** The text of a word of a closed list (`illegal`, `truck`, …); the word itself where it has none. */
export function word(key: string): string {
  const { texts, values } = dictionary();
  return texts[key as TextKey] ?? values[key as ValueKey] ?? key.replaceAll("_", " ");
}

export const measureName = (key: string): string => dictionary().measures[key as MeasureKey] ?? key.replaceAll("_", " ");

/** A parameter of a rule; in English without the unit that ends its name. */
export const parameterName = (name: string): string =>
  (language.value === "zh" && parameters[name as keyof typeof parameters]) || name.replace(/_(?:s|m|kg|pct|kmh|c)$/, "").replaceAll("_", " ");

/** Of two texts, that in the language of the desk. */
export const ofTwo = <T>(english: T, chinese: T): T => (language.value === "zh" ? chinese : english);
export const localText = (text: Text): string => text[language.value];

export function localName(named: { name?: unknown; name_zh?: unknown }): string {
  const chinese = language.value === "zh" ? named.name_zh : undefined;
  return String(chinese || named.name || "");
}
