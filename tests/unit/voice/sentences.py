"""Sentences of our own, as customers of any shop write them, with what they say.

Columns: text, kind, sentiment, topic; None where a person would not insist on one.
"""

# fmt: off

from __future__ import annotations

from typing import NamedTuple


class Said(NamedTuple):
    text: str
    kind: str | None
    sentiment: str | None
    topic: str | None = None


PERSIAN: tuple[Said, ...] = (
    # Plain praise, formal and colloquial.
    Said("کیفیت محصول عالی بود و خیلی زود به دستم رسید", "praise", "positive"),
    Said("دمتون گرم، همه چی مرتب بود", "praise", "positive"),
    Said("حرف نداره این هدفون، صداش محشره", "praise", "positive"),
    Said("از خریدم خیلی راضی‌ام", "praise", "positive"),
    Said("بسته‌بندی شیک و تمیز، ارسال هم سریع", "praise", "positive", "delivery"),
    Said("پشتیبانی خیلی مؤدب و پاسخگو بود، دستتون درد نکنه", "praise", "positive", "support"),
    Said("بهترین خریدی بود که امسال کردم 😍", "praise", "positive"),
    Said("جنسش عالیه، به همه پیشنهاد می‌کنم", "praise", "positive", "quality"),
    Said("قیمتش نسبت به بازار خیلی مناسبه", "praise", "positive", "price"),
    Said("کارتون درسته 👌", "praise", "positive"),
    Said("خیلییییی خوب بووووود", "praise", "positive"),
    Said("به موقع رسید و سالم بود", "praise", "positive", "delivery"),
    Said("واقعاً ارزش خرید داره", "praise", "positive"),
    Said("از سرعت ارسالتون ممنونم", "praise", "positive", "delivery"),
    Said("هر بار خرید کردم راضی بودم و هیچ‌وقت پشیمون نشدم", "praise", "positive"),
    Said("رنگش دقیقاً مثل عکسه و خیلی خوش‌دوخته", "praise", "positive", "quality"),
    Said("مزه‌اش فوق‌العاده بود، نوش جان", "praise", "positive", "quality"),
    # Praise by negation.
    Said("بدک نبود", None, "positive"),
    Said("بد نیست برای این قیمت", None, "positive"),
    Said("هیچ مشکلی نداشت و راحت نصب شد", "praise", "positive"),
    Said("بدون هیچ دردسری مرجوع کردم", None, "positive", "return"),
    Said("ناراضی نیستم", None, "positive"),
    Said("اصلاً دیر نرسید", None, "positive", "delivery"),
    Said("تا حالا بدقولی ازشون ندیدم", None, "positive"),
    Said("شکایتی ندارم، خدا رو شکر", None, "positive"),
    # Complaints, formal and colloquial.
    Said("کالا معیوب است و کسی پاسخگو نیست", "complaint", "negative"),
    Said("افتضاح بود، پولم رو دور ریختم", "complaint", "negative"),
    Said("آشغال فرستادن برام", "complaint", "negative"),
    Said("سه هفته گذشته و هنوز سفارشم نرسیده", "complaint", "negative", "delivery"),
    Said("گوشی بعد از دو روز خاموش شد و دیگه روشن نمی‌شه", "complaint", "negative", "quality"),
    Said("پولم را پس بدهید، این چه وضعی است؟", "complaint", "negative", "return"),
    Said("چرا جواب تلفن نمی‌دید؟", "complaint", "negative", "support"),
    Said("اصلاً راضی نبودم", "complaint", "negative"),
    Said("کیفیتش اصلا خوب نیست", "complaint", "negative", "quality"),
    Said("خیلی گرونه، نمی‌ارزه", "complaint", "negative", "price"),
    Said("دیگه ازتون خرید نمی‌کنم", "complaint", "negative"),
    Said("پیک بی‌ادب بود و بسته رو پرت کرد جلوی در", "complaint", "negative", "delivery"),
    Said("سایز اشتباه فرستادید", "complaint", "negative"),
    Said("با عکسش زمین تا آسمون فرق داره", "complaint", "negative", "quality"),
    Said("کلاهبردارن، نخرید", "complaint", "negative"),
    Said("غذا سرد و بی‌مزه بود", "complaint", "negative"),
    Said("برنامه مدام هنگ می‌کنه و بالا نمیاد", "complaint", "negative", "site"),
    Said("از حسابم پول کم شد ولی سفارش ثبت نشد", "complaint", None, "payment"),
    Said("بسته پاره به دستم رسید و یک قلم هم کم بود", "complaint", "negative"),
    Said("سومین باره که تماس می‌گیرم و رسیدگی نمی‌کنید", "complaint", "negative", "support"),
    Said("مبلغ مرجوعی بعد از ده روز هنوز واریز نشده", "complaint", "negative", "return"),
    Said("متاسفانه تاریخ انقضای محصول گذشته بود", "complaint", "negative"),
    Said("توصیه نمی‌کنم", "complaint", "negative"),
    Said("😡😡 خجالت بکشید", "complaint", "negative"),
    Said("تقلبی بود، اصل نبود", "complaint", "negative", "quality"),
    Said("پشتیبانیتون افتضاحه", "complaint", "negative", "support"),
    Said("سفارشم گم شده و هیچ کس جوابگو نیست", "complaint", "negative", "delivery"),
    Said("خیلی بد بسته‌بندی شده بود و شکسته رسید", "complaint", "negative"),
    Said("ازتون ناامید شدم", "complaint", "negative"),
    Said("کیفیت پایین، قیمت بالا", "complaint", "negative"),
    # Contrast: what follows counts.
    Said("کیفیتش خوبه ولی خیلی دیر رسید", "complaint", "negative", "delivery"),
    Said("دیر رسید ولی کیفیتش عالیه", None, "positive"),
    Said("ظاهرش قشنگه اما بعد از یک هفته خراب شد", "complaint", "negative", "quality"),
    Said("گرون بود ولی واقعاً ارزششو داره", "praise", "positive", "price"),
    Said("با اینکه گرون بود خیلی راضی‌ام", "praise", "positive"),
    Said("بسته‌بندی بد بود ولی خود جنس عالی", None, "positive"),
    # Questions.
    Said("این مدل کی موجود می‌شه؟", "question", "neutral", "product"),
    Said("هزینه ارسال به مشهد چقدره", "question", "neutral", "delivery"),
    Said("سلام خسته نباشید، پرداخت در محل هم دارید؟", "question", "neutral", "payment"),
    Said("آیا امکان خرید اقساطی هست؟", "question", "neutral", "payment"),
    Said("کیفیتش خوبه؟ کسی خریده؟", "question", "neutral", "quality"),
    Said("تفاوت این دو مدل چیه؟", "question", "neutral", "product"),
    Said("چطور می‌تونم سفارشم رو لغو کنم؟", "question", "neutral", "return"),
    Said("گارانتی داره یا نه؟", "question", "neutral", "product"),
    Said("می‌خواستم بدونم برای پوست خشک مناسبه؟", "question", "neutral"),
    Said("سفارش من الان کجاست؟", "question", None),
    Said("اگه خراب باشه می‌تونم پسش بدم؟", "question", None),
    Said("فاکتور رسمی صادر می‌کنید؟ ممنون می‌شوم راهنمایی کنید", "question", "neutral", "payment"),
    Said("کد تخفیفم رو کجا وارد کنم؟", "question", "neutral", "price"),
    Said("رمز عبورم رو فراموش کردم، چیکار کنم؟", "question", "neutral", "site"),
    # Suggestions.
    Said("کاش تنوع رنگ رو بیشتر کنید", "suggestion", None),
    Said("پیشنهاد می‌کنم یک فیلتر قیمت به سایت اضافه کنید", "suggestion", None, "site"),
    Said("لطفاً امکان پرداخت در محل رو هم بذارید", "suggestion", None, "payment"),
    Said("به نظرم بهتره ساعت تحویل رو خود مشتری انتخاب کنه", "suggestion", None, "delivery"),
    Said("چه خوب می‌شد اگه اپلیکیشن هم داشتید", "suggestion", None, "site"),
    Said("یه پیشنهاد: راهنمای سایز رو دقیق‌تر کنید", "suggestion", None),
    # Neither.
    Said("سفارشم را امروز ثبت کردم", None, "neutral"),
    Said("آدرسم عوض شده است", None, "neutral"),
    Said("سلام وقت بخیر", "other", "neutral"),
    Said("شماره سفارش ۱۲۳۴۵۶", "other", "neutral"),
    Said("فروشگاه ساعت ده باز می‌شود", "other", "neutral"),
    Said("با تشکر", "other", "neutral"),
    # Latin letters, Arabic letters, stretched words.
    Said("kheyli khoob bood damet garm", "praise", "positive"),
    Said("eftezah bood asan nakharid", "complaint", "negative"),
    Said("كيفيت عالي بود", "praise", "positive", "quality"),
    Said("عااااالی بود مرسیییی", "praise", "positive"),
)

ENGLISH: tuple[Said, ...] = (
    Said("Excellent quality and it arrived two days early", "praise", "positive"),
    Said("I love this jacket, it fits perfectly", "praise", "positive"),
    Said("Fast delivery, great price, will buy again", "praise", "positive"),
    Said("The staff were polite and solved my problem in minutes", "praise", "positive", "support"),
    Said("Highly recommended!", "praise", "positive"),
    Said("Works as described, very happy with it", "praise", "positive"),
    Said("Thank you so much for the quick refund", "praise", "positive", "return"),
    Said("Not bad at all", None, "positive"),
    Said("I have no complaints", None, "positive"),
    Said("Arrived without any problems", None, "positive", "delivery"),
    Said("They have never let me down", None, "positive"),
    Said("I can't fault this shop", None, "positive"),
    Said("It was late but the quality is superb", None, "positive"),
    Said("Although it was expensive, I am delighted with it", "praise", "positive"),
    Said("Terrible experience from start to finish", "complaint", "negative"),
    Said("My parcel never arrived and nobody answers", "complaint", "negative"),
    Said("I am not happy with this purchase", "complaint", "negative"),
    Said("The zip broke after one day", "complaint", "negative", "quality"),
    Said("Waste of money, do not buy", "complaint", "negative"),
    Said("I was charged twice and still have no refund", "complaint", "negative"),
    Said("Would not recommend this to anyone", "complaint", "negative"),
    Said("The food was cold and tasteless", "complaint", "negative"),
    Said("It doesn't work and customer service ignored my emails", "complaint", "negative"),
    Said("The colour is nothing like the picture", "complaint", "negative"),
    Said("Great design but it stopped working after a week", "complaint", "negative", "quality"),
    Said("The courier was friendly, however the box was badly damaged", "complaint", "negative"),
    Said("Why is my order still not here?", "complaint", None),
    Said("The app keeps crashing at checkout", "complaint", "negative", "site"),
    Said("Far too expensive for what it is", "complaint", "negative", "price"),
    Said("I'm really disappointed", "complaint", "negative"),
    Said("Isn't very good", "complaint", "negative"),
    Said("I did not like it", "complaint", "negative"),
    Said("How long does shipping take?", "question", "neutral", "delivery"),
    Said("Do you have this in size 42?", "question", "neutral", "product"),
    Said("Can I pay on delivery", "question", "neutral"),
    Said("Is the battery good?", "question", "neutral"),
    Said("What is your return policy?", "question", "neutral", "return"),
    Said("Could you tell me whether this comes with a warranty?", "question", "neutral", "product"),
    Said("It would be great if you offered gift wrapping", "suggestion", None),
    Said("Please add a dark mode to the app", "suggestion", None, "site"),
    Said("I suggest you let people choose a delivery window", "suggestion", None, "delivery"),
    Said("You should offer more colours", "suggestion", None, "product"),
    Said("I ordered a lamp yesterday", "other", "neutral"),
    Said("My order number is 4711", "other", "neutral"),
    Said("It's okay, nothing special", None, None),
)

# What rules cannot hear either: a fact that only a person knows to be bad.
IMPLIED: tuple[Said, ...] = (
    Said("دوختش بعد از یه بار شستن باز شد", "complaint", "negative"),
    Said("قول دو روزه دادن ولی بعد از یه هفته رسید", "complaint", "negative"),
    Said("The heel came off on the first evening", "complaint", "negative"),
)

# What rules cannot hear: irony says the opposite of its words. They stand here so that nobody takes
# the lexicon for more than it is.
IRONY: tuple[Said, ...] = (
    Said("آفرین به این سرعت، فقط یک ماه طول کشید", "complaint", "negative"),
    Said("چقدر هم که به موقع رسید، عید تموم شد", "complaint", "negative"),
    Said("واقعاً دستتون درد نکنه با این جنس فرستادنتون", "complaint", "negative"),
    Said("Great, another week of waiting. Well done.", "complaint", "negative"),
    Said("Lovely, a box full of air", "complaint", "negative"),
)
