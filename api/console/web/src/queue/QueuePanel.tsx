import { useRef } from "preact/hooks";
import { link } from "../api/client";
import { ask, askToTakeUp } from "../keys";
import { TITLES } from "../parts/ActionDialog";
import type { ActionKind } from "../state/actions";
import { filters, NO_FILTER } from "../state/filters";
import { chosen, collapsed, cursor, groups, inOrder, isFull, isLoading, isOlder, mark, marked, readOlder, readPage, shown, wasRead, type Group } from "../state/queue";
import { mayAct, mayClose } from "../state/session";
import { t } from "../text";
import { count } from "../parts/format";
import { Filters } from "./Filters";
import { Row } from "./Row";

const NEAR_END_PX = 600;

export function QueuePanel() {
  const list = useRef<HTMLDivElement>(null);
  const onScroll = () => {
    const box = list.current;
    if (box && box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_END_PX) void readPage(false);
  };
  const showOlder = async () => {
    await readOlder();
    list.current?.scrollTo(0, 0);
  };
  // One row is in the tab order; the others are reached by j and k, or by the arrow keys.
  const entry = inOrder.value.some((alert) => alert.alert_id === chosen.value) ? chosen.value : (inOrder.value[0]?.alert_id ?? null);
  return (
    <section class="queue" aria-label={t("queue")}>
      <Filters />
      {marked.value.size > 0 && <Marked />}
      <div class="rows" ref={list} onScroll={onScroll}>
        {isOlder.value && (
          <button type="button" class="more" onClick={() => void readPage(true)}>
            {t("toNewest")}
          </button>
        )}
        {groups.value.map((group) => (
          <GroupRows key={group.key} group={group} entry={entry} />
        ))}
        {!shown.value.length && <p class="empty">{emptyText()}</p>}
        {cursor.value !== null && link.value === "read" && (
          <button type="button" class="more" disabled={isLoading.value} onClick={() => void (isFull.value ? showOlder() : readPage(false))}>
            {t(isLoading.value ? "loading" : isFull.value ? "olderInstead" : "more")}
          </button>
        )}
      </div>
    </section>
  );
}

function emptyText(): string {
  if (link.value !== "read") return t(link.value);
  if (!wasRead.value) return t("loading");
  return t(JSON.stringify(filters.value) === JSON.stringify(NO_FILTER) ? "none" : "noneMatch");
}

function GroupRows({ group, entry }: { group: Group; entry: string | null }) {
  const isCollapsed = collapsed.value.has(group.key);
  const toggle = () => {
    const next = new Set(collapsed.value);
    isCollapsed ? next.delete(group.key) : next.add(group.key);
    collapsed.value = next;
  };
  const ids = group.alerts.map((alert) => alert.alert_id);
  const areMarked = ids.every((id) => marked.value.has(id));
  return (
    <>
      {group.title && (
        <div class="group">
          <button type="button" aria-expanded={!isCollapsed} onClick={toggle}>
            {isCollapsed ? "▸" : "▾"} {group.title} <b>{count(ids.length)}</b>
          </button>
          {mayAct.value && (
            <input type="checkbox" checked={areMarked} aria-label={`${t("markAll")}: ${group.title}`} onChange={() => mark(ids, !areMarked)} />
          )}
        </div>
      )}
      {!isCollapsed && (
        <ul>
          {group.alerts.map((alert) => (
            <Row key={alert.alert_id} alert={alert} isEntry={alert.alert_id === entry} />
          ))}
        </ul>
      )}
    </>
  );
}

const BULK: ActionKind[] = ["acknowledge", "assign", "comment", "close", "shelve"];

function Marked() {
  return (
    <div class="marked" role="toolbar" aria-label={t("marked")}>
      <span>
        {count(marked.value.size)} {t("marked")}
      </span>
      {BULK.filter((kind) => kind !== "close" || mayClose.value).map((kind) => (
        <button type="button" key={kind} onClick={() => ask(kind)}>
          {t(TITLES[kind])}
        </button>
      ))}
      {mayClose.value && (
        <button type="button" onClick={askToTakeUp}>
          {t("takeUp")}
        </button>
      )}
      <button type="button" onClick={() => mark([...marked.value], false)}>
        {t("unmark")}
      </button>
    </div>
  );
}
