"""The sub-categories that a text can fall in, and how serious each is.

Source: the domain notes, sections 2.1 to 2.6; the wording follows KCSIE's four Cs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from types import MappingProxyType


class Severity(IntEnum):
    """How soon somebody must look. Ordered: the larger, the sooner."""

    NONE = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    @property
    def word(self) -> str:
        """The word that people and files use: `critical`."""
        return self.name.lower()

    @classmethod
    def read(cls, word: str) -> "Severity":
        """The severity that a word names; raises ValueError that lists the words."""
        try:
            return cls[word.strip().upper()]
        except KeyError:
            raise ValueError(f"'{word}' is not one of {', '.join(s.word for s in cls)}") from None


class Head(StrEnum):
    """The three independent questions that are asked of a text (BAN-1.1b)."""

    ABUSE = "abuse"
    SAFEGUARDING = "safeguarding"
    REPUTATIONAL = "reputational"


@dataclass(frozen=True, slots=True)
class SubCategory:
    """One kind of thing that a text can be; `head` is None only for what is never an alert.

    `locks_media` says that no picture may be fetched with such a text (UKCIS advice, 2024), `s141f` that
    publishing who is meant may be an offence (Education Act 2002, section 141F).
    """

    key: str
    head: Head | None
    label: str
    definition: str
    severity: Severity
    locks_media: bool = False
    s141f: bool = False

    @property
    def critical(self) -> bool:
        """Whether it is critical by default: then doubt always rounds up to a person."""
        return self.severity is Severity.CRITICAL


_ALL = (
    SubCategory(
        "abuse.threat_violence",
        Head.ABUSE,
        "Threat of violence",
        "A threat of death, injury or arson, also a conditional one, one in signs or one as a joke.",
        Severity.CRITICAL,
    ),
    SubCategory(
        "abuse.doxxing",
        Head.ABUSE,
        "Private details exposed",
        "Somebody's address, telephone number, car, route or family is made public.",
        Severity.HIGH,
    ),
    SubCategory(
        "abuse.harassment_staff",
        Head.ABUSE,
        "Harassment of staff",
        "Insults, a campaign, a pile-on or degrading memes aimed at staff, governors or volunteers.",
        Severity.MEDIUM,
    ),
    SubCategory(
        "abuse.harassment_other",
        Head.ABUSE,
        "Harassment of another adult",
        "A parent, governor, visitor or member of the public is insulted or held up to ridicule.",
        Severity.MEDIUM,
    ),
    SubCategory(
        "abuse.hate",
        Head.ABUSE,
        "Hate",
        "Hostility towards people because of a protected characteristic.",
        Severity.HIGH,
    ),
    SubCategory(
        "abuse.sexualised_staff",
        Head.ABUSE,
        "Sexual comments about staff",
        "Sexual comments, faked sexual images or a threat of them, aimed at an adult.",
        Severity.HIGH,
        locks_media=True,
    ),
    SubCategory(
        "abuse.impersonation",
        Head.ABUSE,
        "Fake account",
        "An account that pretends to be the school or somebody who works there.",
        Severity.MEDIUM,
    ),
    SubCategory(
        "abuse.hate_page",
        Head.ABUSE,
        "Hate page",
        "A page, poll, rating or meme account that exists to run down staff or pupils.",
        Severity.HIGH,
    ),
    SubCategory(
        "abuse.stalking",
        Head.ABUSE,
        "Stalking",
        "Fixated, repeated following or watching of a person.",
        Severity.CRITICAL,
    ),
    SubCategory(
        "abuse.incivility",
        Head.ABUSE,
        "Incivility",
        "Swearing at the institution, with nobody targeted.",
        Severity.LOW,
    ),
    SubCategory(
        "safeguarding.self_harm_suicide",
        Head.SAFEGUARDING,
        "Self-harm or suicide",
        "Intent, a plan or active harm to oneself.",
        Severity.CRITICAL,
    ),
    SubCategory(
        "safeguarding.mental_health",
        Head.SAFEGUARDING,
        "Mental health",
        "Eating, low mood, panic or despair of a young person without stated intent.",
        Severity.HIGH,
    ),
    SubCategory(
        "safeguarding.disclosure_abuse",
        Head.SAFEGUARDING,
        "Disclosure of abuse",
        "Physical, emotional or sexual abuse, or neglect, of a child is told or hinted at.",
        Severity.CRITICAL,
    ),
    SubCategory(
        "safeguarding.staff_allegation",
        Head.SAFEGUARDING,
        "Allegation about staff",
        "Staff who may have harmed a child, committed an offence, be a risk or be unsuitable.",
        Severity.CRITICAL,
        s141f=True,
    ),
    SubCategory(
        "safeguarding.grooming",
        Head.SAFEGUARDING,
        "Grooming",
        "An adult, or somebody posing as a child, seeks contact, a meeting, images or secrecy with a child.",
        Severity.CRITICAL,
        locks_media=True,
    ),
    SubCategory(
        "safeguarding.nudes_semi_nudes",
        Head.SAFEGUARDING,
        "Nude or semi-nude image of a child",
        "A nude or semi-nude image of a child, real or made by a machine, asked for or passed round.",
        Severity.CRITICAL,
        locks_media=True,
    ),
    SubCategory(
        "safeguarding.sextortion",
        Head.SAFEGUARDING,
        "Sextortion",
        "Money or more images are demanded under threat of showing intimate ones.",
        Severity.CRITICAL,
        locks_media=True,
    ),
    SubCategory(
        "safeguarding.exploitation",
        Head.SAFEGUARDING,
        "Exploitation",
        "Sexual or criminal exploitation, county lines or trafficking of a child.",
        Severity.CRITICAL,
    ),
    SubCategory(
        "safeguarding.weapons_violence",
        Head.SAFEGUARDING,
        "Weapons or planned violence",
        "A weapon, a planned fight or gang violence among young people.",
        Severity.CRITICAL,
    ),
    SubCategory(
        "safeguarding.threat_to_pupil",
        Head.SAFEGUARDING,
        "Threat to a pupil",
        "A child is threatened, hunted or lain in wait for.",
        Severity.CRITICAL,
    ),
    SubCategory(
        "safeguarding.child_on_child_sexual",
        Head.SAFEGUARDING,
        "Sexual harassment between children",
        "Sexual harassment or assault among children, upskirting, or a so-called game of it.",
        Severity.HIGH,
        locks_media=True,
    ),
    SubCategory(
        "safeguarding.misogyny",
        Head.SAFEGUARDING,
        "Misogyny",
        "Hostility to girls or women among pupils.",
        Severity.MEDIUM,
    ),
    SubCategory(
        "safeguarding.online_bullying",
        Head.SAFEGUARDING,
        "Online bullying of a pupil",
        "A pupil is ridiculed, voted on, left out or taunted online.",
        Severity.HIGH,
    ),
    SubCategory(
        "safeguarding.radicalisation",
        Head.SAFEGUARDING,
        "Radicalisation",
        "An attack or violent extremism is glorified, or somebody is drawn towards it.",
        Severity.CRITICAL,
    ),
    SubCategory(
        "safeguarding.missing_child",
        Head.SAFEGUARDING,
        "Missing child",
        "A child has not come home, has run away or is missing from education.",
        Severity.CRITICAL,
    ),
    SubCategory(
        "safeguarding.domestic_abuse",
        Head.SAFEGUARDING,
        "Domestic abuse",
        "A child lives with abuse at home.",
        Severity.CRITICAL,
    ),
    SubCategory(
        "safeguarding.hba_fgm_forced_marriage",
        Head.SAFEGUARDING,
        "So-called honour-based abuse",
        "So-called honour-based abuse, female genital mutilation or forced marriage.",
        Severity.CRITICAL,
    ),
    SubCategory(
        "safeguarding.site_stranger",
        Head.SAFEGUARDING,
        "Stranger at the site",
        "Somebody loiters near the school, films children or approaches them.",
        Severity.HIGH,
    ),
    SubCategory(
        "safeguarding.child_identified",
        Head.SAFEGUARDING,
        "Protected child identified",
        "A child's whereabouts, care, court order or health is made public.",
        Severity.CRITICAL,
    ),
    SubCategory(
        "safeguarding.child_contact",
        Head.SAFEGUARDING,
        "Child writing to the school",
        "Somebody who seems to be a child writes to an official account.",
        Severity.MEDIUM,
    ),
    SubCategory(
        "safeguarding.concern_signpost",
        Head.SAFEGUARDING,
        "Asks how to report a worry",
        "An adult asks whom to tell about a worry for a child.",
        Severity.MEDIUM,
    ),
    SubCategory(
        "safeguarding.harmful_challenge",
        Head.SAFEGUARDING,
        "Harmful challenge",
        "A dare, a dangerous trend or a hoax challenge among children.",
        Severity.HIGH,
    ),
    SubCategory(
        "safeguarding.substances",
        Head.SAFEGUARDING,
        "Drugs, vapes or alcohol",
        "Drugs, vapes or alcohol used by, or sold to, children.",
        Severity.HIGH,
    ),
    SubCategory(
        "safeguarding.welfare_poverty",
        Head.SAFEGUARDING,
        "Hunger or hardship",
        "A child goes hungry, cold or without what it needs.",
        Severity.HIGH,
    ),
    SubCategory(
        "safeguarding.homelessness",
        Head.SAFEGUARDING,
        "Homelessness",
        "A child's family loses or has lost its home.",
        Severity.HIGH,
    ),
    SubCategory(
        "safeguarding.hoax_misinformation",
        Head.SAFEGUARDING,
        "Rumour of an attack",
        "A rumour or hoax of an attack or emergency, or a conspiracy story, about the school.",
        Severity.CRITICAL,
    ),
    SubCategory(
        "safeguarding.scam_parents",
        Head.SAFEGUARDING,
        "Scam aimed at families",
        "A false payment request, phishing, or gambling pushed at families or pupils.",
        Severity.HIGH,
    ),
    SubCategory(
        "reputational.complaint",
        Head.REPUTATIONAL,
        "Complaint",
        "Dissatisfaction with something the school did, which needs an answer.",
        Severity.LOW,
    ),
    SubCategory(
        "reputational.query",
        Head.REPUTATIONAL,
        "Question to the school",
        "A question of fact that the school can answer.",
        Severity.LOW,
    ),
    SubCategory(
        "reputational.defamatory_allegation",
        Head.REPUTATIONAL,
        "Serious allegation about a person",
        "A claim, as a fact, of serious wrongdoing by a person who can be identified, not about a child.",
        Severity.MEDIUM,
    ),
    SubCategory(
        "reputational.media_interest",
        Head.REPUTATIONAL,
        "Media interest",
        "A journalist or programme looks for people to speak to, or offers payment.",
        Severity.MEDIUM,
    ),
    SubCategory(
        "reputational.campaign",
        Head.REPUTATIONAL,
        "Campaign",
        "A petition, protest, boycott or strike; only counted and summed up.",
        Severity.MEDIUM,
    ),
    SubCategory(
        "reputational.data_breach",
        Head.REPUTATIONAL,
        "Data breach",
        "Personal data, passwords or an examination paper are exposed.",
        Severity.HIGH,
    ),
    SubCategory(
        "reputational.misinformation",
        Head.REPUTATIONAL,
        "Wrong information",
        "A wrong or unconfirmed report of a closure, illness or lockdown.",
        Severity.MEDIUM,
    ),
    SubCategory(
        "reputational.image_consent",
        Head.REPUTATIONAL,
        "Image without consent",
        "Somebody asks for a child's picture to be taken down, or says it was used without consent.",
        Severity.MEDIUM,
    ),
    SubCategory(
        "reputational.staff_conduct",
        Head.REPUTATIONAL,
        "Conduct of staff online",
        "Somebody who says that they work at the school posts against its rules.",
        Severity.MEDIUM,
    ),
    SubCategory(
        "reputational.whistleblowing",
        Head.REPUTATIONAL,
        "Whistleblowing",
        "Somebody inside raises a concern about wrongdoing.",
        Severity.MEDIUM,
    ),
    SubCategory(
        "reputational.brand_misuse",
        Head.REPUTATIONAL,
        "Misuse of name or logo",
        "The school's name or logo is used for gain or without leave.",
        Severity.MEDIUM,
    ),
    SubCategory(
        "none.lawful_criticism",
        None,
        "Lawful criticism",
        "Opinion, disagreement, sarcasm or disappointment; no alert, and nothing about its author is kept.",
        Severity.NONE,
    ),
)

TAXONOMY: Mapping[str, SubCategory] = MappingProxyType({kind.key: kind for kind in _ALL})


def head_of(key: str) -> Head | None:
    """The question that a sub-category belongs to, also for a key that is not listed here."""
    return next((head for head in Head if head == key.partition(".")[0]), None)
