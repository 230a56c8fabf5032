"""The settings of attachments."""

from haulwatch.settings.fields import Group, field
from rules.attachments.model import Limits


class AttachmentSettings(Group):
    """Photos and documents of alerts, cases and reports."""

    max_mib: int = field(
        20,
        "ATTACHMENT_MAX_MIB",
        "MiB",
        "A larger file is refused. A photo of 50 million pixels has 15 MiB, a scanned page half of one.",
        ge=1,
        le=100,
    )
    owner_files: int = field(
        30,
        "ATTACHMENTS_PER_OWNER",
        "files",
        "Of one alert, case or report: more than officers take at one place.",
        ge=1,
        le=500,
    )
    owner_mib: int = field(
        100,
        "ATTACHMENTS_PER_OWNER_MIB",
        "MiB",
        "Likewise. An evidence pack holds them all, and making it takes three times as much memory.",
        ge=1,
        le=200,
    )
    all_mib: int = field(
        10_240,
        "ATTACHMENTS_MIB",
        "MiB",
        "All attachments together: some 4,000 photos. Beyond it, and while the disk reserve is not free, none is "
        "added.",
        ge=1,
        le=10_485_760,
    )

    keep_days: float = field(
        0.0,
        "ATTACHMENT_KEEP_DAYS",
        "days",
        "Their bytes are removed so long after the alert or case was closed by a person; who added what stays listed. "
        "0: they stay as long as their owner, since evidence may be asked for in court years later.",
        ge=0,
        le=36_500,
    )

    @property
    def limits(self) -> Limits:
        return Limits(self.max_mib << 20, self.owner_files, self.owner_mib << 20, self.all_mib << 20)
