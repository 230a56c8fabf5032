"""The settings of cases."""

from haulwatch.settings.fields import Group, field


class CaseSettings(Group):
    """How long cases may take."""

    report_days: int = field(
        15,
        "CASE_REPORT_DAYS",
        "days",
        "Days of the calendar that a report of the public may take, the day itself not counted. 15: our choice, a "
        "quarter of the 60 that the Regulation on Petition Work (信访工作条例, art. 34) gives from acceptance.",
        ge=1,
        le=366,
    )
    alert_days: int = field(
        7,
        "CASE_ALERT_DAYS",
        "days",
        "The same for alerts that were taken up. A week, our choice: the truck and what it left are still to be found.",
        ge=1,
        le=366,
    )
    manual_days: int = field(
        15, "CASE_MANUAL_DAYS", "days", "The same for cases that a person opened. As reports.", ge=1, le=366
    )
