"""Vocabulary of people: Vietnamese and English names, streets and mail hosts."""

import unicodedata

import numpy as np

VI_FAMILY = "Nguyễn Trần Lê Phạm Hoàng Huỳnh Phan Vũ Võ Đặng Bùi Đỗ Hồ Ngô Dương Lý Đinh Trịnh Mai Tô".split()
VI_MIDDLE = "Thị Văn Minh Ngọc Hồng Thanh Quốc Đức Thu Kim Gia Bảo Anh Hải Xuân Tuấn Mỹ Phương".split()
VI_GIVEN = (
    "An Anh Bình Châu Chi Cường Dũng Dung Giang Hà Hạnh Hiền Hiếu Hoa Hùng Hương Khánh Khoa Lan Linh Loan Long "
    "Ly Mai Minh My Nam Nga Ngân Nhi Nhung Oanh Phong Phúc Phương Quân Quang Quỳnh Sơn Tâm Thảo Thắng Thư Thủy "
    "Tiến Trang Trinh Trung Tú Tùng Uyên Vân Việt Vy Yến"
).split()
EN_FAMILY = (
    "Adams Baker Brown Campbell Carter Chen Clark Cooper Davis Edwards Evans Foster Garcia Gray Green Hall Harris "
    "Hill Hughes Jackson Johnson Jones Kelly King Lee Lewis Lopez Martin Miller Mitchell Moore Morris Murphy "
    "Nguyen Parker Patel Phillips Reed Roberts Robinson Ross Scott Singh Smith Stewart Taylor Thomas Thompson "
    "Turner Walker Ward Watson White Williams Wilson Wood Wright Young"
).split()
EN_GIVEN = (
    "Abigail Adam Alice Amelia Amy Andrew Anna Ben Charlotte Chloe Daniel David Elena Ella Emily Emma Ethan Eva "
    "Grace Hannah Harry Henry Isla Jack James Jane Jessica John Joshua Julia Kate Laura Leo Liam Lily Lucas Lucy "
    "Maria Mark Matthew Mia Michael Nina Noah Oliver Olivia Oscar Paul Peter Rachel Robert Ruby Ruth Ryan Sam "
    "Sarah Sofia Sophie Thomas Tom Victoria William Zoe"
).split()
VI_STREETS = "Lê Lợi|Nguyễn Huệ|Hai Bà Trưng|Trần Hưng Đạo|Lý Thường Kiệt|Điện Biên Phủ|Cách Mạng Tháng 8".split("|")
VI_CITIES = "TP. Hồ Chí Minh|Hà Nội|Đà Nẵng|Cần Thơ|Hải Phòng|Biên Hòa|Huế|Nha Trang".split("|")
EN_STREETS = "Main St|Oak Ave|Park Rd|Cedar Ln|Hill St|River Rd|Church St|Lake Dr|King St|Station Rd".split("|")
US_CITIES = "Boston|Albany|Hartford|Portland|Providence|Burlington|Syracuse|Worcester".split("|")
AU_CITIES = "Adelaide|Glenelg|Gawler|Mount Barker|Port Lincoln|Whyalla|Victor Harbor".split("|")
HOSTS = ("gmail.com", "gmail.com", "gmail.com", "yahoo.com", "outlook.com", "icloud.com", "proton.me")


def plain(text: str) -> str:
    """Text without diacritics, as it is typed on a keyboard that has none."""
    folded = unicodedata.normalize("NFD", text.replace("Đ", "D").replace("đ", "d"))
    return "".join(letter for letter in folded if unicodedata.category(letter) != "Mn")


def stage_names(rng: np.random.Generator, vietnamese: bool, count: int) -> list[str]:
    """Names under which KOLs publish."""
    given, family = (VI_GIVEN, VI_FAMILY) if vietnamese else (EN_GIVEN, EN_FAMILY)
    first = rng.integers(0, len(given), count)
    last = rng.integers(0, len(family), count)
    return [f"{given[int(f)]} {family[int(s)]}" for f, s in zip(first, last, strict=True)]
