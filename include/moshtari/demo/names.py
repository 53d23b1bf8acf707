"""What people in the demo are called and where they live: Persian names, cities, streets, firms."""

# The tables below are data, set as such.
# fmt: off

from __future__ import annotations

from typing import NamedTuple

FEMALE: tuple[tuple[str, str], ...] = (
    ("مریم", "maryam"), ("زهرا", "zahra"), ("فاطمه", "fatemeh"), ("سارا", "sara"),
    ("نرگس", "narges"), ("الهام", "elham"), ("مینا", "mina"), ("نازنین", "nazanin"),
    ("شیرین", "shirin"), ("لیلا", "leila"), ("سمیرا", "samira"), ("پریسا", "parisa"),
    ("آرزو", "arezoo"), ("ندا", "neda"), ("مهسا", "mahsa"), ("یلدا", "yalda"),
    ("بهاره", "bahareh"), ("ترانه", "taraneh"), ("شبنم", "shabnam"), ("رویا", "roya"),
    ("هانیه", "hanieh"), ("ریحانه", "reyhaneh"), ("کیمیا", "kimia"), ("غزل", "ghazal"),
    ("نیلوفر", "niloofar"), ("سپیده", "sepideh"), ("طاهره", "tahereh"), ("معصومه", "masoumeh"),
    ("آیدا", "aida"), ("هدیه", "hedieh"), ("فرزانه", "farzaneh"), ("مژگان", "mojgan"),
)

MALE: tuple[tuple[str, str], ...] = (
    ("محمد", "mohammad"), ("علی", "ali"), ("حسین", "hossein"), ("رضا", "reza"),
    ("امیر", "amir"), ("مهدی", "mahdi"), ("احسان", "ehsan"), ("آرش", "arash"),
    ("بهرام", "bahram"), ("پویا", "pouya"), ("سینا", "sina"), ("کاوه", "kaveh"),
    ("نیما", "nima"), ("فرهاد", "farhad"), ("سعید", "saeed"), ("مسعود", "masoud"),
    ("حمید", "hamid"), ("مجید", "majid"), ("بابک", "babak"), ("سامان", "saman"),
    ("شهرام", "shahram"), ("کامران", "kamran"), ("میلاد", "milad"), ("یاسر", "yaser"),
    ("عباس", "abbas"), ("مصطفی", "mostafa"), ("ایمان", "iman"), ("پیمان", "peyman"),
    ("داریوش", "dariush"), ("جواد", "javad"), ("وحید", "vahid"), ("کیان", "kian"),
)

SURNAMES: tuple[tuple[str, str], ...] = (
    ("احمدی", "ahmadi"), ("محمدی", "mohammadi"), ("حسینی", "hosseini"), ("رضایی", "rezaei"),
    ("کریمی", "karimi"), ("موسوی", "mousavi"), ("جعفری", "jafari"), ("صادقی", "sadeghi"),
    ("رحیمی", "rahimi"), ("قاسمی", "ghasemi"), ("اکبری", "akbari"), ("هاشمی", "hashemi"),
    ("مرادی", "moradi"), ("کاظمی", "kazemi"), ("نوری", "nouri"), ("شریفی", "sharifi"),
    ("یوسفی", "yousefi"), ("زارعی", "zarei"), ("فرهادی", "farhadi"), ("نیکنام", "niknam"),
    ("پاک‌نژاد", "paknejad"), ("سلیمانی", "soleimani"), ("عزیزی", "azizi"), ("بهرامی", "bahrami"),
    ("خسروی", "khosravi"), ("امینی", "amini"), ("ملکی", "maleki"), ("توکلی", "tavakoli"),
    ("شیرازی", "shirazi"), ("اصفهانی", "esfahani"), ("تبریزی", "tabrizi"), ("گیلانی", "gilani"),
    ("یزدانی", "yazdani"), ("نجفی", "najafi"), ("باقری", "bagheri"), ("حیدری", "heidari"),
    ("عباسی", "abbasi"), ("طاهری", "taheri"), ("منصوری", "mansouri"), ("دهقان", "dehghan"),
    ("میرزایی", "mirzaei"), ("صالحی", "salehi"), ("فتحی", "fathi"), ("قربانی", "ghorbani"),
    ("حبیبی", "habibi"), ("رستمی", "rostami"), ("شفیعی", "shafiei"), ("کیانی", "kiani"),
    ("نادری", "naderi"), ("وثوقی", "vosoughi"), ("پارسا", "parsa"), ("آذری", "azari"),
    ("بختیاری", "bakhtiari"), ("جلالی", "jalali"), ("دانش", "danesh"), ("راد", "rad"),
    ("سپهری", "sepehri"), ("ضیایی", "ziaei"), ("غفاری", "ghaffari"), ("لطفی", "lotfi"),
)


class City(NamedTuple):
    """A city: name, province, its share of the people, working days a parcel needs to get there."""

    name: str
    province: str
    share: int
    transit_days: int


CITIES: tuple[City, ...] = (
    City("تهران", "تهران", 34, 1), City("کرج", "البرز", 7, 1), City("مشهد", "خراسان رضوی", 10, 2),
    City("اصفهان", "اصفهان", 9, 2), City("شیراز", "فارس", 7, 2),
    City("تبریز", "آذربایجان شرقی", 6, 2), City("قم", "قم", 4, 1), City("اهواز", "خوزستان", 4, 3),
    City("رشت", "گیلان", 4, 2), City("کرمان", "کرمان", 3, 3), City("یزد", "یزد", 2, 2),
    City("ارومیه", "آذربایجان غربی", 2, 3), City("همدان", "همدان", 2, 2),
    City("ساری", "مازندران", 2, 2), City("بندرعباس", "هرمزگان", 2, 4),
    City("زاهدان", "سیستان و بلوچستان", 1, 4), City("سنندج", "کردستان", 1, 3),
)



class Abroad(NamedTuple):
    """Where a buyer abroad lives, and the currency it pays in."""

    city: City
    country: str
    currency: str
    share: int


ABROAD: tuple[Abroad, ...] = (
    Abroad(City("دبی", "دبی", 0, 5), "AE", "AED", 5),
    Abroad(City("هامبورگ", "هامبورگ", 0, 8), "DE", "EUR", 3),
    Abroad(City("وین", "وین", 0, 8), "AT", "EUR", 2),
    Abroad(City("لس‌آنجلس", "کالیفرنیا", 0, 10), "US", "USD", 4),
)

STANDINGS: tuple[str, ...] = ("دانشجو", "شاغل", "خانه‌دار", "بازنشسته", "کارفرما", "جویای کار")

STREETS: tuple[str, ...] = (
    "خیابان ولیعصر", "خیابان انقلاب", "بلوار کشاورز", "خیابان شریعتی", "خیابان امام",
    "خیابان سعدی", "خیابان حافظ", "بلوار معلم", "خیابان فردوسی", "بلوار دانشجو",
    "خیابان بهار", "خیابان گلستان", "خیابان آزادی", "بلوار ساحلی", "خیابان طالقانی",
)

FIRM_KINDS: tuple[str, ...] = ("شرکت", "آموزشگاه", "دفتر", "فروشگاه", "کافه", "درمانگاه", "هتل")
FIRM_NAMES: tuple[tuple[str, str], ...] = (
    ("آریا", "aria"), ("پارسیان", "parsian"), ("سپهر", "sepehr"), ("نوآوران", "noavaran"),
    ("رایان", "rayan"), ("مهرگان", "mehregan"), ("آفتاب", "aftab"), ("کیمیا", "kimia"),
    ("سرو", "sarv"), ("دماوند", "damavand"), ("البرز", "alborz"), ("زاگرس", "zagros"),
    ("نگین", "negin"), ("باران", "baran"), ("پردیس", "pardis"), ("آبان", "aban"),
)

JOBS: tuple[str, ...] = (
    "معلم", "مهندس", "پرستار", "دانشجو", "خانه‌دار", "کارمند", "آزاد", "بازنشسته", "پزشک", "طراح",
)

MOBILE_PREFIXES: tuple[str, ...] = ("912", "913", "914", "915", "917", "919", "930", "935", "936",
                                    "937", "901", "902", "990", "991", "921", "922")
MAIL_DOMAINS: tuple[str, ...] = ("mail.example", "post.example", "nameh.example", "rayaneh.example")

_FA_DIGITS = str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")
_AR_DIGITS = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
_AR_LETTERS = str.maketrans("یک", "يك")

PHONE_FORMS = 7


def write_phone(number: str, form: int) -> str:
    """The ten digits of a mobile number (without the leading 0) as one of the people write it."""
    match form % PHONE_FORMS:
        case 1:
            return f"+98{number}"
        case 2:
            return f"0{number}".translate(_FA_DIGITS)
        case 3:
            return f"0098{number}"
        case 4:
            return f"0{number[:3]} {number[3:6]} {number[6:]}"
        case 5:
            return f"+98 {number[:3]}-{number[3:6]}-{number[6:]}".translate(_AR_DIGITS)
        case _:
            return f"0{number}"


def with_arabic_letters(text: str) -> str:
    """The text as an Arabic keyboard writes it: Arabic yeh and kaf for the Persian ones."""
    return text.translate(_AR_LETTERS)
