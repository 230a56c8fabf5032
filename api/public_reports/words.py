"""All that the form says, in both languages. `{…}` is filled in; nothing here is markup."""

from typing import Final

from rules.alerts.model import Text
from rules.public_reports.model import MAX_TEXT, Category

WORDS: Final[dict[str, Text]] = {
    "title": Text(en="Report a waste problem", zh="垃圾问题举报"),
    "to": Text(en="To: {office}", zh="受理单位：{office}"),
    "other_language": Text(en="中文", zh="English"),
    "lead": Text(en="Tell us what you saw. You need not give your name.", zh="请告诉我们您看到的情况，可以不留姓名。"),
    "urgent": Text(en="Danger or fire? Call {hotline}.", zh="情况紧急请拨打：{hotline}"),
    "at_site": Text(en="Site: {site}", zh="地点：{site}"),
    "category": Text(en="What is it?", zh="问题类型"),
    "text": Text(en="What did you see?", zh="具体情况"),
    "text_hint": Text(
        en=f"Up to {MAX_TEXT:,} characters. Leave out your own name and number here.",
        zh=f"最多{MAX_TEXT}字。请不要在此填写您的姓名和电话。",
    ),
    "where": Text(en="Where was it?", zh="发生地点"),
    "use_position": Text(en="I am there: use my position", zh="我在现场：使用当前位置"),
    "position_asking": Text(en="Asking the phone for its position…", zh="正在获取位置……"),
    "position_taken": Text(en="Position taken, exact to {m} m.", zh="已获取位置，精度约{m}米。"),
    "position_refused": Text(
        en="The phone gave no position. Write the address instead.", zh="未能获取位置，请填写地址。"
    ),
    "position_kept": Text(en="Position taken.", zh="已获取位置。"),
    "address": Text(en="Address, or how to find it", zh="地址或位置描述"),
    "address_at_site": Text(en="Where on the site (optional)", zh="场内具体位置（选填）"),
    "when": Text(en="When? Leave empty for just now", zh="发生时间（不填即为刚才）"),
    "plate": Text(en="Plate of the vehicle, if you know it", zh="车牌号（选填）"),
    "informant": Text(en="Your name and contact (optional)", zh="您的姓名和联系方式（选填）"),
    "name": Text(en="Name", zh="姓名"),
    "contact": Text(en="Telephone or mail", zh="电话或邮箱"),
    "privacy": Text(
        en="Only if you want to be asked or answered. {office} keeps name and contact encrypted, apart from the "
        "report, and erases them {days} days after it; say so if you want that earlier, with the number of your "
        "report. Only administrators can read them, with a reason, and each look is recorded. What you report "
        "itself stays.",
        zh="仅在您愿意被回访时填写。姓名和联系方式由{office}加密保存，与举报内容分开，自举报之日起{days}日后删除；"
        "您也可凭举报编号要求提前删除。仅管理员说明理由后可查看，每次查看均有记录。举报内容本身予以保留。",
    ),
    "no_names": Text(
        en="Names are not taken at present: your report is anonymous.", zh="目前不接收姓名，您的举报为匿名举报。"
    ),
    "trap": Text(en="Leave this field empty", zh="此栏请勿填写"),
    "send": Text(en="Send report", zh="提交举报"),
    "state_link": Text(en="Ask how far a report is", zh="查询举报进度"),
    "new_link": Text(en="Send a report", zh="我要举报"),
    "faults": Text(en="Not sent yet. Please look at:", zh="尚未提交，请检查："),
    "thanks": Text(en="Thank you. Your report is in.", zh="感谢您，举报已收到。"),
    "keep": Text(
        en="Write both down or take a picture of the screen: without the code nobody can tell you how far it is.",
        zh="请记下编号和查询码，或截屏保存：没有查询码将无法查询进度。",
    ),
    "photos": Text(en="Add photos (up to {most})", zh="添加照片（最多{most}张）"),
    "photos_note": Text(
        en="They are made smaller on your phone; where and by which phone they were taken is left out.",
        zh="照片会先在您的手机上缩小，不含拍摄地点和手机信息。",
    ),
    "photo_sending": Text(en="Sending…", zh="正在上传……"),
    "photo_sent": Text(en="Photos added: {n}", zh="已添加照片：{n}张"),
    "photo_failed": Text(en="This photo could not be added.", zh="该照片未能添加。"),
    "number": Text(en="Number of the report", zh="举报编号"),
    "code": Text(en="Secret code", zh="查询码"),
    "ask_state": Text(en="Ask", zh="查询"),
    "state_title": Text(en="How far is my report?", zh="举报进度查询"),
    "state_unknown": Text(
        en="There is no report with this number and this code. Look at both again.",
        zh="没有与此编号和查询码相符的举报，请核对后重试。",
    ),
    "state_of": Text(en="Report {number}", zh="举报 {number}"),
    "too_many": Text(
        en="This page takes no more reports for now. Try again later.", zh="本页面暂时不再接收举报，请稍后再试。"
    ),
    "too_many_asked": Text(en="Too many wrong questions. Try again later.", zh="查询次数过多，请稍后再试。"),
    "call": Text(en="Or call {hotline}.", zh="也可拨打：{hotline}"),
    "no_site_title": Text(en="This code is not known", zh="无法识别此二维码"),
    "no_site": Text(
        en="There is no site with this code here: the sign may be old. You can report all the same; write the address.",
        zh="此处没有该编号的场所，标牌可能已过期。您仍可举报，请填写地址。",
    ),
    "away_title": Text(en="Not now", zh="暂时无法使用"),
    "away": Text(
        en="Your report could not be kept just now. Nothing was sent. Try again in a minute.",
        zh="暂时无法保存，举报未提交，请一分钟后再试。",
    ),
    "fault_category": Text(en="Say what it is about.", zh="请选择问题类型。"),
    "fault_text": Text(
        en=f"Say in 1 to {MAX_TEXT:,} characters what you saw.", zh=f"请用1至{MAX_TEXT}字说明您看到的情况。"
    ),
    "fault_characters": Text(
        en="{field}: has a character that cannot be seen ({char}). Leave it out.",
        zh="{field}：含有不可见字符（{char}），请删除。",
    ),
    "fault_long": Text(en="{field}: at most {max} characters.", zh="{field}：最多{max}字。"),
    "fault_place": Text(
        en="Say where it was: use your position, or write the address.", zh="请说明地点：使用当前位置或填写地址。"
    ),
    "fault_position": Text(
        en="Your position lies outside {city}. Write the address of what you saw.",
        zh="您的位置不在{city}范围内，请填写所见情况的地址。",
    ),
    "fault_when": Text(
        en="Give a time within the last {days} days, or leave it empty.", zh="请填写最近{days}天内的时间，或不填。"
    ),
    "fault_trap": Text(en="Leave the last field empty: it is for robots.", zh="最后一栏请勿填写（用于识别机器人）。"),
    "fault_again": Text(en="Please look at it once more, and send it again.", zh="请再核对一遍，然后重新提交。"),
    "fault_names": Text(
        en="Names cannot be kept at present. Send it without.", zh="目前无法保存姓名，请不填姓名后提交。"
    ),
}
CATEGORIES: Final[dict[Category, Text]] = {
    Category.DUMPING: Text(en="Illegal dumping", zh="非法倾倒"),
    Category.OVERFLOW: Text(en="Overflowing bins", zh="垃圾满溢"),
    Category.SMELL: Text(en="Smell", zh="异味"),
    Category.NOISE: Text(en="Noise", zh="噪声"),
    Category.UNCOVERED_LOAD: Text(en="Uncovered or spilled load", zh="未密闭、撒漏"),
    Category.OTHER: Text(en="Something else", zh="其他"),
}
