"""Every text of the record, in English and Chinese."""

from typing import Final, Literal, NamedTuple

from ingest.evidence.selection import Instead
from ingest.log.records import CITY_TOPIC, RULES_TOPIC

Language = Literal["en", "zh"]
LANGUAGES: Final[tuple[Language, ...]] = ("zh", "en")


class Words(NamedTuple):
    """Of one language."""

    name_field: str
    """Of a site, route or zone."""
    title: str
    lead: str
    lead_more: str
    no_font: str
    expired: str
    not_verified: str
    expires: str
    amended: str
    retracted: str
    judged_same: str
    judged_otherwise: str
    not_judged: str
    log_begins: str
    readings_gone: str
    damaged: str
    revisions: dict[str, str]
    """By topic."""
    instead: dict[Instead, str]
    """What stands in for a revision that the raw log does not have."""
    facts: str
    alert: str
    rule: str
    subject: str
    vehicle: str
    severity: str
    severities: tuple[str, str, str, str]
    phase: str
    phases: dict[str, str]
    amendments: dict[str, str]
    onset: str
    published: str
    closed: str
    place: str
    rule_set: str
    none_applied: str
    version: str
    key: str
    exported: str
    reviews: str
    reviews_why: str
    legal: str
    technical: str
    review_rows: tuple[str, ...]
    findings: str
    ruled_out: str
    map: str
    no_map: str
    map_legend: tuple[str, str, str, str, str, str]
    curves: str
    curve_names: dict[str, str]
    measures: str
    readings: str
    reading_columns: tuple[str, str, str, str]
    kinds: dict[str, str]
    fields: dict[str, str]
    values: dict[str, str]
    more_readings: str
    states: str
    state_columns: tuple[str, str, str, str, str]
    before: str
    after: str
    devices: str
    device_columns: tuple[str, str, str, str, str, str]
    roles: dict[str, str]
    health: str
    health_columns: tuple[str, str, str, str, str, str]
    sensor_alerts: str
    in_force: str
    in_force_columns: tuple[str, str, str, str]
    fence: str
    route: str
    permit: str
    zone: str
    always: str
    messages: str
    messages_text: str
    attachments: str
    attachment_columns: tuple[str, str, str, str]
    claim: str
    removed: str
    left_out: str
    claims_prove_nothing: str
    custody: str
    custody_columns: tuple[str, str, str]
    nobody: str
    verify: str
    verify_text: str
    page: str
    yes: str
    no: str
    unknown: str
    times: str


_EN: Final = Words(
    name_field="name",
    title="Evidence record",
    lead="A lead for officers. Not proof by itself.",
    lead_more="It was made by a computer from what devices reported. Whoever decides on it looks into the facts, hears "
    "the party concerned, and has the record reviewed (below).",
    no_font="No font with Chinese characters was installed where this record was made: they are shown as question "
    "marks, and there is no Chinese record. The files of the pack have them.",
    expired="VERIFICATION EXPIRED: {device} ({model}), certificate {number}, expired on {date}, before the incident. "
    "What it measured must not be relied on without a new verification.",
    not_verified="No verification is recorded for {device}: ask for its certificate before relying on what it "
    "weighed.",
    expires="certificate {number}, until {date}",
    amended="AMENDED: readings that arrived later changed this alert ({kind}). Both states are shown below.",
    retracted="TAKEN BACK: {kind}, as readings that arrived later show. What was published before and what stands now "
    "are both shown below.",
    judged_same="The raw messages of this pack were judged again: they lead to the same alert, change by change.",
    judged_otherwise="The raw messages of this pack, judged again, do NOT lead to the same alert: {count} differences, "
    "named in manifest.json. First: {first}",
    not_judged="The raw messages of this pack could not be judged again: {why}",
    log_begins="The raw log begins at {time}; what was received before is gone.",
    readings_gone="{count} readings that the evidence names are no longer in the raw log; manifest.json lists them.",
    damaged="{count} stretches of the raw log cannot be read; manifest.json lists them.",
    revisions={CITY_TOPIC: "registry (places, devices, permits)", RULES_TOPIC: "rule set"},
    instead={
        Instead.LATER: "NOT THE {what} OF THAT TIME: the raw log does not have the one that held when the messages "
        "begin. The first recorded after that stands in for it.",
        Instead.NOW: "NOT THE {what} OF THAT TIME: none was found in the raw log. That of the day of this export "
        "stands in for it.",
        Instead.EARLIER: "PERHAPS NOT THE {what} OF THAT TIME: the raw log is damaged before the messages. The last "
        "that can be read stands in for it.",
    },
    facts="The alert",
    alert="Alert",
    rule="Rule",
    subject="Device",
    vehicle="Vehicle",
    severity="Severity",
    severities=("P1, act now", "P2", "P3", "P4, information"),
    phase="State",
    phases={"provisional": "suspected", "confirmed": "confirmed", "closed": "over", "amended": "amended"},
    amendments={
        "new_late": "found in readings uploaded late", "extended": "graver or longer", "downgraded": "less grave",
        "retracted": "there was no such incident", "merged": "it is part of another alert",
    },
    onset="Began",
    published="First published",
    closed="Over",
    place="Place",
    rule_set="Rule set",
    none_applied="as shipped",
    version="version {version}",
    key="Signing key",
    exported="Exported",
    reviews="Two reviews",
    reviews_why="Administrative Penalty Law of the People's Republic of China (2021), article 41: facts recorded by "
    "electronic monitoring need a legal and a technical review; without them, or if they find it wanting, they are no "
    "evidence for a penalty.",
    legal="Legal review",
    technical="Technical review",
    review_rows=("Result", "Reasons", "Reviewer", "Date", "Signature"),
    findings="What supports it",
    ruled_out="What was checked and not found",
    map="Map",
    no_map="No device of this pack reported a position.",
    map_legend=("before", "during the incident", "after", "readings that the alert rests on", "place of the alert",
                "approved route"),
    curves="Curves",
    curve_names={
        "speed_kmh": "Speed, km/h", "load_kg": "Load, kg", "gross_kg": "Gross weight, kg", "fill_pct": "Fill level, %",
        "temperature_c": "Temperature, °C", "hopper_pct": "Hopper, %", "rate_t_per_h": "Rate, t/h",
        "queue_trucks": "Trucks waiting", "lift_up": "bed raised", "cover_open": "cover open",
        "ignition_on": "ignition", "running": "line running", "online": "online",
    },
    measures="Measures",
    readings="Readings that the alert rests on",
    reading_columns=("Time", "Device", "Kind", "Values"),
    kinds={},
    fields={},
    values={},
    more_readings="and {count} more in alert/changes.json",
    states="Both states",
    state_columns=("", "Revision", "State", "Severity", "What was said"),
    before="before",
    after="after",
    devices="Devices",
    device_columns=("Device", "Kind", "Model", "Verification", "At", "Clock correction"),
    roles={
        "truck": "truck", "weighbridge": "weighbridge", "recycling_point": "recycling point",
        "station_line": "sorting line",
    },
    health="Their state, measured on the messages of this pack",
    health_columns=("Device", "Readings", "Refused", "Missing numbers", "Clock behind", "Firmware"),
    sensor_alerts="Alerts about their sensors, positions and clocks within a day",
    in_force="Versions in force at the time",
    in_force_columns=("What", "Name", "Version", "Valid"),
    fence="fence",
    route="approved route",
    permit="permit",
    zone="zone",
    always="always",
    messages="Raw messages",
    messages_text="{count} messages as the broker delivered them, offsets {first} to {last} of the raw log, chained by "
    "SHA-256. Program {version}.",
    attachments="Photos and documents",
    attachment_columns=("Added", "By", "File", "What the file says of itself"),
    claim="taken {taken}, at {place}, {camera}",
    removed="removed by {by} on {time}: {reason}",
    left_out="LEFT OUT: not what was attached, or missing on disk",
    claims_prove_nothing="Anybody can write time, place and camera into a file: they prove nothing. attachments/ has "
    "the bytes as they came.",
    custody="Who looked at the alert, acted on it or exported it",
    custody_columns=("Time", "Who", "What"),
    nobody="No entry in the audit trail before this export.",
    verify="How to verify",
    verify_text="haulwatch evidence verify FILE --key PUBLIC_KEY checks signature, hashes and chain, and judges the "
    "messages again; README.txt in the pack has the commands for openssl and sha256sum.",
    page="page {page}",
    yes="yes",
    no="no",
    unknown="not known",
    times="Times are local time of {zone}, by the clock of the device unless it says otherwise.",
)  # fmt: skip

_ZH: Final = Words(
    name_field="name_zh",
    title="证据记录",
    lead="本记录是执法线索，不能单独作为处罚依据。",
    lead_more="本记录由计算机根据设备上报的数据生成。据此处理案件的，应当查清事实、听取当事人意见，并按下文完成审核。",
    no_font="生成本记录的机器未安装中文字体。",
    expired="检定已过期：{device}（{model}），检定证书编号{number}，有效期至{date}，事件发生时已过期。未经重新检定，其称量结果不得采信。",
    not_verified="{device}未登记检定信息：采信其称量结果前，应当调取检定证书。",
    expires="证书{number}，有效期至{date}",
    amended="已修正：后到的读数改变了本告警（{kind}）。修正前后的状态均列于下文。",
    retracted="已撤回：后到的读数表明{kind}。撤回前发布的内容与现行状态均列于下文。",
    judged_same="已对证据包内的原始报文重新研判：得出同一告警，各次变更逐项一致。",
    judged_otherwise="对证据包内的原始报文重新研判，未能得出同一告警：共{count}处不同，见manifest.json。首处：{first}",
    not_judged="证据包内的原始报文无法重新研判：{why}",
    log_begins="原始日志始于{time}，此前收到的报文已不存在。",
    readings_gone="证据所引用的{count}条读数已不在原始日志中，清单见manifest.json。",
    damaged="原始日志有{count}段无法读取，清单见manifest.json。",
    revisions={CITY_TOPIC: "登记数据（场所、设备、许可）", RULES_TOPIC: "规则"},
    instead={
        Instead.LATER: "并非当时的{what}：原始日志中没有报文开始时生效的版本，以其后首次记录的版本代替。",
        Instead.NOW: "并非当时的{what}：原始日志中未找到，以导出之日的版本代替。",
        Instead.EARLIER: "可能并非当时的{what}：报文之前的原始日志已损坏，以可读取的最后一个版本代替。",
    },
    facts="告警",
    alert="告警编号",
    rule="规则",
    subject="设备",
    vehicle="车辆",
    severity="等级",
    severities=("P1，立即处置", "P2", "P3", "P4，提示"),
    phase="状态",
    phases={"provisional": "疑似", "confirmed": "确认", "closed": "已结束", "amended": "已修正"},
    amendments={
        "new_late": "由迟到读数发现", "extended": "加重或延长", "downgraded": "减轻",
        "retracted": "该情形不成立", "merged": "该情形属于另一告警",
    },
    onset="开始时间",
    published="首次发布",
    closed="结束时间",
    place="地点",
    rule_set="规则集",
    none_applied="出厂规则集",
    version="第{version}版",
    key="签名密钥",
    exported="导出",
    reviews="两项审核",
    reviews_why="《中华人民共和国行政处罚法》（2021年修订）第四十一条：利用电子技术监控设备收集、固定违法事实的，应当经过法制和技术审核；"
    "未经审核或者经审核不符合要求的，不得作为行政处罚的证据。",
    legal="法制审核",
    technical="技术审核",
    review_rows=("审核意见", "理由", "审核人", "日期", "签名（盖章）"),
    findings="研判依据",
    ruled_out="已排查并排除",
    map="地图",
    no_map="证据包内的设备均未上报位置。",
    map_legend=("事前", "事中", "事后", "告警所依据的读数", "告警地点", "核准线路"),
    curves="曲线",
    curve_names={
        "speed_kmh": "车速，km/h", "load_kg": "载重，kg", "gross_kg": "毛重，kg", "fill_pct": "满溢度，%",
        "temperature_c": "温度，°C", "hopper_pct": "料斗，%", "rate_t_per_h": "处理量，t/h", "queue_trucks": "排队车辆",
        "lift_up": "举升", "cover_open": "顶盖打开", "ignition_on": "点火", "running": "运行", "online": "在线",
    },
    measures="量值",
    readings="告警所依据的读数",
    reading_columns=("时间", "设备", "类型", "数值"),
    kinds={"position": "定位", "weighing": "过磅", "fill": "满溢度", "throughput": "处理量", "status": "状态"},
    fields={
        "lat": "纬度", "lon": "经度", "located": "已定位", "speed_kmh": "车速km/h", "heading_deg": "航向°",
        "accuracy_m": "精度m", "satellites": "卫星数", "hdop": "HDOP", "lift_up": "举升", "cover_open": "顶盖打开",
        "load": "载重状态", "load_kg": "载重kg", "odometer_km": "里程km", "ignition_on": "点火", "manifest": "联单",
        "gross_kg": "毛重kg", "tare_kg": "皮重kg", "net_kg": "净重kg", "ticket": "磅单", "direction": "方向",
        "plate": "车牌", "material": "物料", "stable": "稳定", "manual_entry": "手工录入", "compartment": "箱格",
        "fill_pct": "满溢度%", "weight_kg": "重量kg", "temperature_c": "温度°C", "smoke": "烟雾",
        "deposits": "投放次数", "running": "运行", "rate_t_per_h": "处理量t/h", "hopper_pct": "料斗%",
        "queue_trucks": "排队车辆", "rfid": "电子标签",
        "online": "在线", "cause": "原因", "session": "会话",
    },
    values={
        "loaded": "重车", "partial": "半载", "empty": "空车", "in": "进", "out": "出", "cover": "顶盖", "lift": "举升",
        "load": "载重状态", "weight": "称重", "birth": "上线", "will": "遗嘱", "shutdown": "关机", "heartbeat": "心跳",
    },
    more_readings="另有{count}条，见alert/changes.json",
    states="修正前后的状态",
    state_columns=("", "修订", "状态", "等级", "内容"),
    before="修正前",
    after="修正后",
    devices="设备",
    device_columns=("设备", "类别", "型号", "检定", "位置", "时钟校正"),
    roles={"truck": "车辆终端", "weighbridge": "地磅", "recycling_point": "智能回收点", "station_line": "分拣线"},
    health="设备状况（按证据包内的报文测定）",
    health_columns=("设备", "读数", "拒收", "缺号", "时钟滞后", "固件"),
    sensor_alerts="前后一日内与其传感器、定位、时钟有关的告警",
    in_force="当时生效的版本",
    in_force_columns=("类别", "名称", "版本", "有效期"),
    fence="场所围栏",
    route="核准线路",
    permit="核准文件",
    zone="区域",
    always="长期",
    messages="原始报文",
    messages_text="共{count}条，与服务器收到时逐字节一致，原始日志位移{first}至{last}，以SHA-256链式固定。程序版本{version}。",
    attachments="照片与文件",
    attachment_columns=("添加时间", "添加人", "文件", "文件自述"),
    claim="拍摄时间{taken}，位置{place}，{camera}",
    removed="由{by}于{time}移除：{reason}",
    left_out="未收入：磁盘上的文件缺失或与添加时不一致",
    claims_prove_nothing="文件自述的时间、位置和相机可由任何人写入，不能证明事实。原始文件见attachments/。",
    custody="查看、处置与导出记录",
    custody_columns=("时间", "人员", "操作"),
    nobody="本次导出之前，审计记录中没有条目。",
    verify="验证方法",
    verify_text="haulwatch evidence verify FILE --key PUBLIC_KEY 验证签名、哈希与报文链，并重新研判；"
    "用 openssl 与 sha256sum 验证的命令见包内README.txt。",
    page="第{page}页",
    yes="是",
    no="否",
    unknown="未知",
    times="时间为{zone}当地时间；除另有说明外，以设备时钟为准。",
)  # fmt: skip

WORDS: Final[dict[Language, Words]] = {"en": _EN, "zh": _ZH}
