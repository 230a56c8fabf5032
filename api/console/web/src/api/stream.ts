/* The live alert stream, read with `fetch`, because EventSource cannot send a token. It reconnects and misses nothing. */
import { signal } from "@preact/signals";
import { headers, link } from "./client";
import type { ActionEntry, StreamedChange } from "./types";

export const isLive = signal(false);

export interface Listener {
  /** The stream has begun without a place of its own: what happened before is to be read from the lists. */
  begun(): void;
  change(entry: StreamedChange): void;
  action(entry: ActionEntry): void;
  /** The journal was created anew. */
  reset(): void;
}

const RETRY_MS = 2_000;

/** Follow until `stop` is aborted. */
export async function follow(listener: Listener, stop: AbortSignal): Promise<void> {
  let last: string | null = null;
  while (!stop.aborted) {
    try {
      const place: Record<string, string> = last === null ? {} : { "Last-Event-ID": last };
      const answer = await fetch("/api/v1/alerts/stream", { headers: { ...headers(), ...place }, signal: stop });
      if (answer.status === 401) link.value = "locked";
      if (!answer.ok || answer.body === null) throw new Error(`stream ${answer.status}`);
      isLive.value = true;
      if (last === null) listener.begun();
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let text = ""; ; ) {
        const { done, value } = await reader.read();
        if (done) break;
        text += value;
        const events = text.split("\n\n");
        text = events.pop() ?? "";
        for (const event of events) last = dispatch(event, listener) ?? last;
      }
    } catch {
      // The server went away: it is asked again.
    }
    isLive.value = false;
    if (!stop.aborted) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

function dispatch(event: string, listener: Listener): string | null {
  const fields = new Map(
    event
      .split("\n")
      .filter((line) => line && !line.startsWith(":"))
      .map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trimStart()] as const),
  );
  const data = fields.get("data");
  if (data !== undefined) {
    switch (fields.get("event")) {
      case "change":
        listener.change(JSON.parse(data) as StreamedChange);
        break;
      case "action":
        listener.action(JSON.parse(data) as ActionEntry);
        break;
      case "reset":
        listener.reset();
        break;
    }
  }
  return fields.get("id") ?? null;
}
