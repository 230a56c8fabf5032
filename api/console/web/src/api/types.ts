/* Written by `python -m tests.api.console.typescript` from the OpenAPI document. Do not edit: a test compares. */

export interface Acknowledge {
  actor: string;
  at: number;
  note: string | null;
  kind: "acknowledge";
}

export interface AcknowledgeBody {
  actor?: string | null;
  note?: string | null;
}

export interface ActionEntry {
  sequence: number;
  alert_id: string;
  subject: string;
  action: Acknowledge | Assign | Comment | Close | Correct | Reopen | Continue;
}

export interface AdoptedOut {
  device: string;
  registered: boolean;
  redriven: number;
}

export interface AdoptionBody {
  role: DeviceRole;
  vehicle_id?: string | null;
  site_id?: string | null;
  name?: string | null;
  fleet?: string | null;
  district?: string | null;
  report_interval_s?: number;
  dialect?: string | null;
  profile?: string | null;
  depth_mm?: number | null;
}

export type Aim = "at_least" | "at_most";

export interface AlertChange {
  alert_id: string;
  revision: number;
  rule: string;
  rule_version: number;
  subject: string;
  phase: Phase;
  severity: Severity;
  at: number;
  opened_at: number;
  closed_at: number | null;
  amendment: Amendment | null;
  title: Text;
  lat: number | null;
  lon: number | null;
  evidence: Evidence;
  onset: number | null;
  rule_set: number;
  revised: boolean;
  takes_over: string | null;
  continues: string | null;
}

export interface AlertDetail {
  alert: AlertView;
  changes: (JournalEntry)[];
  actions: (Acknowledge | Assign | Comment | Close | Correct | Reopen | Continue)[];
}

export type AlertLoad = "acceptable" | "busy" | "flood";

export interface AlertPage {
  items: (AlertView)[];
  next_cursor: string | null;
}

export interface AlertRate {
  operators: number;
  called: number;
  per_operator: number;
  load: AlertLoad;
  day_average: number;
  day_most: number;
  day_flood_pct: number;
}

export interface AlertView {
  alert_id: string;
  rule: string;
  rule_version: number;
  rule_set: number;
  subject: string;
  phase: Phase;
  severity: Severity;
  opened_at: number;
  confirmed_at: number | null;
  closed_at: number | null;
  amendment: Amendment | null;
  title: Text;
  lat: number | null;
  lon: number | null;
  evidence: Evidence;
  revision: number;
  acknowledged_by: string | null;
  acknowledged_at: number | null;
  assigned_to: string | null;
  outcome: Outcome | null;
  handled_by: string | null;
  handled_at: number | null;
  reopened_at: number | null;
  first_recorded_at: number;
  learned_at: number | null;
  listed_only: boolean;
  shelved_until: number | null;
}

export type Amendment = "new_late" | "extended" | "downgraded" | "retracted" | "merged";

export interface AppliedNoticeRules {
  version: number;
  applied_at: number;
  applied_by: string;
  reason: string;
}

export interface AppliedOut {
  version: number;
  applied_at: number;
  applied_by: string;
  reason: string;
  changed: (DifferenceOut)[];
}

export interface AreaOut {
  id: string;
  name: string;
  name_zh: string;
}

export interface Assessment {
  kind: SubjectKind;
  id: string;
  name: Text;
  score: number | null;
  why_not: NotAssessed | null;
  parts: (ScorePart)[];
  counts: AssessmentCounts;
  alerts: (string)[];
}

export interface AssessmentCounts {
  trips: number;
  under_manifest: number;
  closed: number;
  loads: number;
  loads_in_full: number;
  trips_seen: number;
  upheld: Record<string, number>;
  other_alerts: number;
  undecided: number;
}

export interface AssessmentReport {
  first_day: string;
  last_day: string;
  at: number;
  kind: SubjectKind;
  is_over: boolean;
  rules: AssessmentRules;
  items: (Assessment)[];
}

export interface AssessmentRules {
  weights: AssessmentWeights;
  points: Record<string, number>;
  least_trips: number;
  least_data_pct: number;
}

export interface AssessmentWeights {
  alerts: number;
  manifests: number;
  data: number;
}

export interface Assign {
  actor: string;
  at: number;
  note: string | null;
  kind: "assign";
  assignee: string;
}

export interface AssignBody {
  actor?: string | null;
  assignee: string;
  note?: string | null;
}

export interface Attachment {
  id: string;
  owner_kind: OwnerKind;
  owner_id: string;
  name: string;
  media_type: MediaType;
  size_bytes: number;
  sha256: string;
  width: number | null;
  height: number | null;
  claims: Claims | null;
  added_by: string;
  added_at: number;
  removed_by: string | null;
  removed_at: number | null;
  removed_reason: string | null;
}

export type BaseMapKind = "none" | "tiles" | "archive";

export interface BaseMapOut {
  kind: BaseMapKind;
  datum: Datum;
  attribution: string;
  layers: (string)[];
  archive: string | null;
  max_zoom: number;
}

export interface CaseAnswer {
  case: CaseView;
  events: (CaseEvent)[];
  alerts: (AlertView)[];
}

export interface CaseEvent {
  no: number;
  at: number;
  actor: string;
  kind: EventKind;
  reason: string | null;
  detail: Record<string, unknown>;
}

export type CaseKind = "alert" | "report" | "manual";

export interface CaseOpenBody {
  actor?: string | null;
  alerts?: (string)[];
  title?: string | null;
  lat?: number | null;
  lon?: number | null;
  address?: string | null;
  district?: string | null;
  happened_from?: number | string | null;
  happened_until?: number | string | null;
  deadline?: number | string | null;
  assignee?: string | null;
  reason?: string | null;
}

export type CaseOutcome = "confirmed_violation" | "unfounded" | "no_action" | "device_fault" | "transferred" | "duplicate";

export interface CasePage {
  items: (CaseView)[];
  next_cursor: string | null;
}

export type CaseState = "open" | "in_progress" | "closed";

export interface CaseView {
  lat: number | null;
  lon: number | null;
  address: string | null;
  district: string | null;
  happened_from: number | null;
  happened_until: number | null;
  number: string;
  kind: CaseKind;
  title: string;
  state: CaseState;
  version: number;
  opened_at: number;
  opened_by: string;
  deadline: number;
  assignee: string | null;
  outcome: CaseOutcome | null;
  closed_at: number | null;
  closed_by: string | null;
  closing_reason: string | null;
  reopened: number;
  alerts: (string)[];
  overdue: boolean;
}

export type Category = "dumping" | "overflow" | "smell" | "noise" | "uncovered_load" | "other";

export interface Centre {
  lat: number;
  lon: number;
}

export type Channel = "hotline" | "web" | "qr";

export interface ChannelTestBody {
  person?: string | null;
  actor?: string | null;
  reason: string;
}

export interface ChannelTested {
  outcome: "sent" | "refused" | "throttled" | "not_sent" | "unconfirmed";
  detail: string;
}

export interface CheckBody {
  content: string;
}

export interface CheckedOut {
  faults: (RuleSetFaultOut)[];
  unknown_places: (string)[];
  unknown_places_zh: (string)[];
  changed: (DifferenceOut)[];
}

export interface CityOut {
  id: string;
  name: string;
  name_zh: string;
  timezone: string;
  centre: Centre;
  revision: number;
  devices: number;
  vehicles: number;
  sites: number;
  routes: number;
  districts: (AreaOut)[];
  fleets: (AreaOut)[];
}

export interface Claims {
  taken: string | null;
  lat: number | null;
  lon: number | null;
  camera: string | null;
}

export interface Close {
  actor: string;
  at: number;
  note: string | null;
  kind: "close";
  outcome: Outcome;
}

export interface CloseBody {
  actor?: string | null;
  outcome: Outcome;
  note?: string | null;
}

export interface Comment {
  actor: string;
  at: number;
  note: string;
  kind: "comment";
}

export interface CommentBody {
  actor?: string | null;
  note: string;
}

export interface Continue {
  actor: string;
  at: number;
  note: string | null;
  kind: "continue";
  alert_id: string;
  onset: number;
}

export interface Correct {
  actor: string;
  at: number;
  note: string;
  kind: "correct";
  outcome: Outcome;
}

export type Datum = "wgs84" | "gcj02";

export interface DeadLetter {
  id: number;
  device: string;
  reason: Reason;
  detail: string;
  field: string | null;
  topic: string;
  shown: string;
  size_bytes: number;
  received_at: number;
  redriven_at: number | null;
  redriven_offset: number | null;
  stands_for: number;
  kept: boolean;
}

export interface DecisionBody {
  state: "accepted" | "dismissed";
  actor?: string | null;
  reason: string;
}

export interface DeviceDetail {
  id: string;
  role: DeviceRole;
  name: string;
  vehicle: VehicleOut | null;
  site_id: string | null;
  fleet: string | null;
  district: string | null;
  report_interval_s: number;
  datum: Datum;
  clock_correction_s: number;
  overflow_at_pct: number | null;
  dialect: string;
  profile: string;
  depth_mm: number | null;
  latest: LatestOut;
}

export interface DeviceLedgerLine {
  received: number;
  stored: number;
  duplicate: number;
  quarantined: Record<string, number>;
  queued: number;
  gaps: number;
  dropped_fields: Record<string, number>;
  clamped_fields: Record<string, number>;
  outside_region: number;
  clock_corrected: number;
  not_judged: Record<string, number>;
  device: string;
  first_seen: number | null;
  last_seen: number | null;
  heard_at: number | null;
  resets: number;
  clock_offset_ms: number | null;
  clock_drift_ms_per_h: number | null;
}

export interface DeviceOut {
  id: string;
  role: DeviceRole;
  name: string;
  vehicle: VehicleOut | null;
  site_id: string | null;
  fleet: string | null;
  district: string | null;
  report_interval_s: number;
  datum: Datum;
  clock_correction_s: number;
  overflow_at_pct: number | null;
  dialect: string;
  profile: string;
  depth_mm: number | null;
}

export type DeviceRole = "truck" | "weighbridge" | "recycling_point" | "station_line";

export interface DifferenceOut {
  where: string;
  rule: string;
  parameter: string;
  before: unknown;
  after: unknown;
}

export interface DigestOut {
  no: number;
  state: "waiting" | "sending" | "sent" | "unconfirmed" | "failed" | "digested" | "withdrawn" | "inherited";
  done_at: number | null;
  error: string;
}

export interface DutyLineOut {
  who: (string)[];
  days: (number)[];
  dates: ((string)[])[];
  hours: string;
}

export interface DutyTableOut {
  name: string;
  on_duty: (string)[];
  lines: (DutyLineOut)[];
}

export type Effect = "gained" | "lost" | "changed";

export interface EndBody {
  actor?: string | null;
}

export type EventKind = "opened" | "alert_added" | "alert_removed" | "assigned" | "begun" | "commented" | "changed" | "deadline_set" | "closed" | "reopened" | "report_joined" | "report_left";

export interface Evidence {
  parameters: Record<string, unknown>;
  findings: (Text)[];
  ruled_out: (Text)[];
  readings: (ReadingRef)[];
  measures: Record<string, number | string | boolean>;
}

export interface ExceptedValue {
  rule: string;
  parameter: string;
  value: unknown;
}

export interface ExceptionOut {
  where: string;
  values: (ExceptedValue)[];
  why: string;
  shipped: boolean;
}

export interface Fault {
  field: string;
  hint: string;
}

export interface Feature {
  type: "Feature";
  id: string | null;
  geometry: Geometry;
  properties: Record<string, unknown>;
}

export interface FeatureCollection {
  type: "FeatureCollection";
  features: (Feature)[];
  next_cursor: string | null;
}

export interface Figures {
  opened: number;
  closed: number;
  closed_in_time: number;
  overdue: number;
  duplicates: number;
  closing_rate_pct: number | null;
  in_time_rate_pct: number | null;
}

export interface Geometry {
  type: "Point" | "LineString" | "Polygon";
  coordinates: (unknown)[];
}

export interface Indicator {
  id: IndicatorId;
  name: Text;
  unit: Text;
  formula: Text;
  scope: Text;
  aim: Aim;
  value: number | null;
  withheld: (Withheld)[];
  parts: (IndicatorPart)[];
  quality: IndicatorQuality | null;
  baseline: number | null;
  baseline_year: number | null;
  target: number | null;
  target_year: number | null;
  progress_pct: number | null;
  met: boolean | null;
}

export type IndicatorId = "construction_recycling" | "household_recycling" | "household_collected" | "recyclables_growth" | "incineration_share" | "kitchen_share" | "sludge_recycling" | "spoil_inflow" | "manifests_closed" | "points_reporting" | "reports_closed";

export interface IndicatorPart {
  id: string;
  name: Text;
  value: number;
  unit: Text;
}

export interface IndicatorQuality {
  loads: number;
  weighed_pct: number | null;
  estimated: number;
  without_net: number;
  without_stream: number;
  waiting: number;
  days: number;
  days_without_data: number;
  sites: number;
  sites_without_scale: number;
  deposits: number;
  points: number;
  points_without_deposits: number;
}

export interface IndicatorReport {
  first_day: string;
  last_day: string;
  at: number;
  city: Text;
  timezone: string;
  is_over: boolean;
  is_part: boolean;
  indicators: (Indicator)[];
  late: (LateDay)[];
}

export interface Indicators {
  opened: number;
  closed: number;
  closed_in_time: number;
  overdue: number;
  duplicates: number;
  closing_rate_pct: number | null;
  in_time_rate_pct: number | null;
  start: number;
  end: number;
  at: number;
  by_kind: Record<string, Figures>;
}

export interface InformantBody {
  name?: string;
  contact?: string;
}

export interface InformantOut {
  name: string;
  contact: string;
}

export type JobFault = "no_messages" | "too_long" | "too_much_memory" | "broken";

export type JobState = "running" | "done" | "failed" | "cancelled";

export interface JoinBody {
  case: string;
  reason: string;
  actor?: string | null;
}

export interface JournalEntry {
  sequence: number;
  recorded_at: number;
  change: AlertChange;
}

export type Kind = "weighing" | "position" | "fill" | "throughput" | "status";

export interface LateDay {
  day: string;
  revisions: number;
  net_kg: number;
}

export interface LatestOut {
  device_id: string;
  last_seen_at: number | null;
  readings: Record<string, (ReadingOut)[]>;
}

export interface LedgerLine {
  received: number;
  stored: number;
  duplicate: number;
  quarantined: Record<string, number>;
  queued: number;
  gaps: number;
  dropped_fields: Record<string, number>;
  clamped_fields: Record<string, number>;
  outside_region: number;
  clock_corrected: number;
  not_judged: Record<string, number>;
}

export interface LedgerOut {
  total: LedgerLine;
  exact: boolean;
  balanced: boolean;
  since: number | null;
  backlog: Record<string, number>;
  lag_s: Record<string, number | null>;
}

export interface ManyRedriven {
  redriven: number;
  refused: (RefusedLetter)[];
  before: number;
  next: number | null;
}

export type MediaType = "image/jpeg" | "image/png" | "image/webp" | "application/pdf";

export interface Near {
  lat: number;
  lon: number;
  start: number;
  end: number;
  distance_m: number;
  alerts: (NearAlert)[];
  alerts_complete: boolean;
  trucks: (NearTruck)[];
  trucks_complete: boolean;
}

export interface NearAlert {
  distance_m: number;
  alert: AlertView;
}

export interface NearTruck {
  device_id: string;
  vehicle_id: string | null;
  plate: string | null;
  fleet: string | null;
  district: string | null;
  nearest_m: number;
  nearest_at: number;
  first_at: number;
  last_at: number;
}

export type NotAssessed = "few_trips" | "little_data";

export interface NoticeAddresses {
  mail: string | null;
  mobile: string | null;
  wecom: string | null;
  feishu: string | null;
}

export interface NoticeAlertsOut {
  rule: (string)[];
  severity: string;
  district: (string)[];
  fleet: (string)[];
  carrier: (string)[];
  hours: string | null;
}

export interface NoticeChannelOut {
  name: string;
  kind: string | null;
  server: string;
  language: string | null;
  to_group: boolean;
  can_send: boolean;
  fault: string | null;
  waiting: number;
  oldest_waiting_at: number | null;
  retried: number;
  sent: number;
  digested: number;
  failed: number;
  unconfirmed: number;
  last_sent_at: number | null;
  last_digest_at: number | null;
  last_error: string;
  last_error_at: number | null;
}

export interface NoticeChannels {
  items: (NoticeChannelOut)[];
}

export interface NoticeOut {
  no: number;
  alert_id: string | null;
  kind: "call" | "climb" | "follow" | "taken_back" | "ended" | "digest";
  rule: string | null;
  severity: string;
  channel: string;
  channel_kind: string | null;
  to_group: boolean;
  people: (NoticeRecipient)[];
  subject: string;
  body: string;
  language: string;
  state: "waiting" | "sending" | "sent" | "unconfirmed" | "failed" | "digested" | "withdrawn" | "inherited";
  planned_at: number;
  due_at: number;
  attempts: number;
  unconfirmed: number;
  attempted_at: number | null;
  done_at: number | null;
  error: string;
  digest: DigestOut | null;
}

export interface NoticePerson {
  name: string;
  display_name: string;
  roles: (string)[];
  language: string | null;
  reached_by: (string)[];
  addresses: NoticeAddresses | null;
}

export interface NoticeRecipient {
  name: string;
  display_name: string;
}

export interface NoticeRuleOut {
  name: string;
  alerts: NoticeAlertsOut;
  steps: (NoticeStepOut)[];
  max_age_min: number;
  stop_when_over: boolean;
  tell_end: boolean;
}

export interface NoticeRulesOut {
  applied: AppliedNoticeRules | null;
  faults: (string)[];
  console: string | null;
  language: string | null;
  rules: (NoticeRuleOut)[];
  duty: (DutyTableOut)[];
  people: (NoticePerson)[];
  versions: (AppliedNoticeRules)[];
  content: string | null;
}

export interface NoticeStepOut {
  after_min: number | null;
  by: (string)[];
  people: (string)[];
  roles: (string)[];
  duty: (string)[];
  now: (string)[];
}

export interface NoticesOfAlert {
  items: (NoticeOut)[];
}

export type Outcome = "confirmed_violation" | "false_alarm" | "no_action" | "device_fault";

export type OwnerKind = "alert" | "case" | "report";

export interface PageDeadLetter {
  items: (DeadLetter)[];
  next_cursor: string | null;
}

export interface PageDeviceLedgerLine {
  items: (DeviceLedgerLine)[];
  next_cursor: string | null;
}

export interface PageDeviceOut {
  items: (DeviceOut)[];
  next_cursor: string | null;
}

export interface PageNoticeOut {
  items: (NoticeOut)[];
  next_cursor: string | null;
}

export interface PageReadingOut {
  items: (ReadingOut)[];
  next_cursor: string | null;
}

export interface PageReportOut {
  items: (ReportOut)[];
  next_cursor: string | null;
}

export interface ParameterOut {
  name: string;
  value: unknown;
  default: unknown;
  meaning: string;
  meaning_zh: string;
}

export type PartId = "alerts" | "manifests" | "data";

export type Phase = "candidate" | "provisional" | "confirmed" | "closed" | "amended";

export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  instance: string;
  errors: (Fault)[];
}

export type Progress = "received" | "in_work" | "violation" | "unfounded" | "no_action" | "transferred" | "duplicate";

export interface ProviderOut {
  title: string | null;
}

export interface ReadingOut {
  ts: number;
  part: string | null;
  fields: Record<string, boolean | number | string>;
}

export interface ReadingRef {
  device_id: string;
  kind: string;
  ts: number;
  values: Record<string, unknown>;
}

export type Reason = "foreign_topic" | "unknown_dialect" | "too_large" | "broken_json" | "not_a_reading" | "missing_field" | "wrong_type" | "out_of_bounds" | "unknown_device" | "foreign_device" | "another_dialect" | "kind_of_another_role" | "future_time" | "conflict" | "rejected_by_store" | "flood" | "too_many_compartments" | "not_compared";

export interface ReceiptOut {
  report: ReportOut;
  code: string;
}

export interface RedriveBody {
  device?: string | null;
  reason?: Reason | null;
  before?: number | string | null;
  after?: number;
}

export interface RefusedLetter {
  id: number;
  why: string;
}

export interface Reopen {
  actor: string;
  at: number;
  note: string | null;
  kind: "reopen";
  outcome: Outcome;
  closed_by: string;
  since: number;
}

export interface ReportBody {
  category: Category;
  text: string;
  seen_at?: number | string | null;
  lat?: number | null;
  lon?: number | null;
  site_id?: string | null;
  district?: string | null;
  address?: string;
  plate?: string;
  language?: ReportLanguage;
  informant?: InformantBody | null;
  actor?: string | null;
}

export type ReportLanguage = "en" | "zh";

export interface ReportOut {
  number: string;
  channel: Channel;
  category: Category;
  text: string;
  seen_at: number;
  lat: number | null;
  lon: number | null;
  accuracy_m: number | null;
  site_id: string | null;
  address: string;
  plate: string;
  vehicle_id: string | null;
  language: ReportLanguage;
  received_at: number;
  received_by: string | null;
  case: string;
  district: string | null;
  progress: Progress;
  has_informant: boolean;
}

export interface RuleEffects {
  rule: string;
  gained: number;
  lost: number;
  changed: number;
}

export interface RuleOut {
  rule: string;
  title: Text;
  colour: string;
  on: boolean;
  parameters: (ParameterOut)[];
}

export interface RuleSetBody {
  content: string;
  actor?: string | null;
  reason: string;
  after?: number | null;
}

export interface RuleSetFaultOut {
  line: number | null;
  key: string;
  hint: string;
  hint_zh: string;
}

export interface RuleSetOut {
  version: number;
  applied_at: number;
  applied_by: string;
  reason: string;
}

export interface RuleSetText {
  version: number;
  applied_at: number;
  applied_by: string;
  reason: string;
  content: string;
}

export interface RulesOut {
  version: number;
  applied: RuleSetOut | null;
  rules: (RuleOut)[];
  exceptions: (ExceptionOut)[];
}

export interface ScorePart {
  id: PartId;
  weight: number;
  score: number | null;
}

export interface SeenList {
  items: (SeenOut)[];
}

export interface SeenOut {
  id: string;
  role: DeviceRole;
  name: string;
  vehicle: VehicleOut | null;
  site_id: string | null;
  fleet: string | null;
  district: string | null;
  report_interval_s: number;
  datum: Datum;
  clock_correction_s: number;
  overflow_at_pct: number | null;
  dialect: string;
  profile: string;
  depth_mm: number | null;
  last_seen_at: number | null;
}

export type Severity = "P1" | "P2" | "P3" | "P4";

export interface Shelf {
  rule: string | null;
  subject: string | null;
  reason: string;
  shelved_by: string;
  shelved_at: number;
  until: number;
  no: number;
  ended_by: string | null;
  ended_at: number | null;
}

export interface ShelfBody {
  rule?: string | null;
  subject?: string | null;
  until: number | string;
  actor?: string | null;
  reason: string;
}

export interface SignOnOut {
  provider: ProviderOut | null;
}

export interface SignedOutOut {
  provider_url: string | null;
}

export interface StreamedChange {
  sequence: number;
  recorded_at: number;
  change: AlertChange;
  shelved: boolean;
}

export type SubjectKind = "haulier" | "vehicle" | "driver";

export interface Text {
  en: string;
  zh: string;
}

export type TicketState = "counted" | "unsettled" | "no_net" | "tare_above_gross" | "net_differs" | "repeated" | "replaced" | "overused";

export interface UnregisteredDevice {
  device: string;
  waiting: number;
  first_seen: number;
  last_seen: number;
  kinds: (string)[];
  dialect: string;
  lat: number | null;
  lon: number | null;
}

export interface UnregisteredList {
  items: (UnregisteredDevice)[];
  total: number;
}

export type VehicleKind = "construction_waste" | "compactor" | "sludge_tanker" | "desilting" | "kitchen_waste" | "hazardous_waste" | "medical_waste" | "household_waste" | "other";

export interface VehicleOut {
  id: string;
  plate: string;
  carrier: string;
  tare_kg: number | null;
  payload_kg: number | null;
  kind: VehicleKind;
}

export interface WeighingList {
  items: (WeighingOut)[];
  more: boolean;
}

export interface WeighingOut {
  ts: number;
  weighbridge: string;
  site_id: string | null;
  plate: string | null;
  vehicle_id: string | null;
  ticket: string;
  direction: string | null;
  gross_kg: number | null;
  tare_kg: number | null;
  net_kg: number | null;
  material: string | null;
  manifest: string | null;
  manual_entry: boolean;
  counted: boolean;
  state: TicketState | null;
}

export interface WhatIfBody {
  content: string;
  start: number | string;
  end: number | string;
}

export interface WhatIfDifference {
  effect: Effect;
  rule: string;
  subject: string;
  differs: (string)[];
  before: WhatIfOutcome | null;
  after: WhatIfOutcome | null;
}

export interface WhatIfJob {
  no: number;
  state: JobState;
  start: number;
  end: number;
  started_by: string;
  started_at: number;
  ended_at: number | null;
  progress: WhatIfProgress;
  fault: JobFault | null;
  report: WhatIfReport | null;
}

export interface WhatIfOut {
  job: WhatIfJob | null;
}

export interface WhatIfOutcome {
  alert_id: string;
  title: Text;
  severity: Severity;
  opened_at: number;
  told_at: number;
  closed_at: number | null;
  retracted: boolean;
}

export interface WhatIfProgress {
  messages: number;
  share: number;
}

export interface WhatIfReport {
  messages: number;
  alerts_before: number;
  alerts_after: number;
  by_rule: (RuleEffects)[];
  differ: (WhatIfDifference)[];
}

export type WhyWithheld = "no_sites" | "unknown_sites" | "sites_without_scale" | "no_loads" | "days_without_data" | "unknown_loads" | "estimates" | "base" | "no_trips" | "no_points" | "points_without_deposits" | "too_long_ago" | "no_reports" | "reports_hidden";

export interface Withheld {
  reason: WhyWithheld;
  text: Text;
}
