"""Vocabulary of people: Vietnamese and English names, streets and mail hosts."""

import unicodedata

import numpy as np


def _words(text: str) -> list[str]:
    return text.split()


VI_FAMILY = _words(
    "Nguyễn Trần Lê Phạm Hoàng Huỳnh Phan Vũ Võ Đặng Bùi Đỗ Hồ Ngô Dương Lý Đinh Trịnh Mai Tô Chu Cao "
    "Châu Đào Đoàn Hà Kiều La Lâm Lương Lưu Quách Tạ Thái Trương"
)
VI_MIDDLE = _words(
    "Thị Văn Minh Ngọc Hồng Thanh Quốc Đức Thu Kim Gia Bảo Anh Hải Xuân Tuấn Mỹ Phương Diệu Hoài Hữu "
    "Khánh Nhật Như Quang Thùy Trọng Tường"
)
VI_GIVEN = _words(
    "Ái An Anh Bích Bình Cẩm Châu Chi Cúc Cường Danh Đạt Diễm Diệp Đông Dũng Dung Duy Duyên Giang Hà "
    "Hân Hằng Hạnh Hậu Hiền Hiệp Hiếu Hoa Hòa Hoài Hoàng Huệ Hùng Hương Huy Huyền Khánh Khoa Kiên Kiệt "
    "Lâm Lan Liên Linh Loan Lộc Lợi Long Ly Mai Mẫn Minh My Nam Nga Ngân Nghĩa Nguyên Nguyệt Nhân Nhi "
    "Như Nhung Oanh Phát Phong Phúc Phước Phương Phượng Quân Quang Quyên Quỳnh Sang Sơn Tài Tâm Tân "
    "Thắng Thành Thảo Thiện Thịnh Thoa Thư Thủy Thúy Tiến Tín Toàn Trâm Trang Trí Trinh Trọng Trúc "
    "Trung Tú Tùng Tuyết Uyên Vân Việt Vinh Vy Xuân Yến"
)
EN_FAMILY = _words(
    "Adams Allen Anderson Bailey Baker Barnes Bell Bennett Brooks Brown Bryant Butler Campbell Carter "
    "Chen Clark Collins Cook Cooper Cox Cruz Davis Diaz Edwards Evans Fisher Flores Ford Foster Garcia "
    "Gibson Gomez Gray Green Griffin Hall Hamilton Harris Hayes Henderson Hill Howard Hughes Hunt "
    "Jackson James Jenkins Johnson Jones Kaur Kelly Kennedy Kim King Lee Lewis Long Lopez Marshall "
    "Martin Mason Miller Mitchell Moore Morgan Morris Murphy Murray Myers Nelson Nguyen Owens Palmer "
    "Parker Patel Perez Perry Phillips Powell Price Ramirez Reed Reyes Richardson Rivera Roberts "
    "Robinson Rogers Ross Russell Sanders Scott Shaw Simpson Singh Smith Stewart Sullivan Taylor Thomas "
    "Thompson Torres Tran Turner Walker Wallace Ward Watson Webb Wells West White Williams Wilson Wood "
    "Wright Young"
)
EN_GIVEN = _words(
    "Aaron Abigail Adam Aiden Alex Alice Amber Amelia Amy Andrew Anna Ava Ben Beth Blake Caleb Cameron "
    "Carla Charlotte Chloe Claire Cody Cora Daniel David Diana Dylan Edward Eleanor Elena Eli Ella "
    "Emily Emma Erin Ethan Eva Evan Faith Felix Finn Freya Gabriel George Georgia Grace Hannah Harry "
    "Hazel Helen Henry Hugo Iris Isaac Isla Ivy Jack Jacob Jade James Jane Jason Jessica Joel John "
    "Joshua Julia Kate Kayla Keira Kevin Laura Leah Leo Levi Liam Lily Logan Lucas Lucy Luke Lydia "
    "Madison Maria Mark Martin Mason Matthew Max Megan Mia Michael Molly Naomi Nathan Nina Noah Nora "
    "Oliver Olivia Oscar Owen Patrick Paul Peter Piper Rachel Robert Rose Ruby Ruth Ryan Sam Samuel "
    "Sarah Simon Sofia Sophie Stella Tara Theo Thomas Toby Tom Tyler Vera Victoria Violet Wendy William "
    "Xavier Zara Zoe"
)
VI_STREETS = [
    "Lê Lợi",
    "Nguyễn Huệ",
    "Hai Bà Trưng",
    "Trần Hưng Đạo",
    "Lý Thường Kiệt",
    "Điện Biên Phủ",
    "Cách Mạng Tháng 8",
    "Võ Thị Sáu",
    "Nguyễn Trãi",
    "Lê Duẩn",
    "Pasteur",
    "Nguyễn Văn Cừ",
    "Hoàng Diệu",
    "Phan Chu Trinh",
    "Bà Triệu",
    "Trần Phú",
    "Quang Trung",
    "Nguyễn Thị Minh Khai",
    "Ba Tháng Hai",
    "Lê Thánh Tôn",
    "Phạm Ngũ Lão",
    "Tôn Đức Thắng",
    "Hùng Vương",
    "Nguyễn Đình Chiểu",
]
VI_CITIES = [
    "TP. Hồ Chí Minh",
    "Hà Nội",
    "Đà Nẵng",
    "Cần Thơ",
    "Hải Phòng",
    "Biên Hòa",
    "Huế",
    "Nha Trang",
    "Quy Nhơn",
    "Vũng Tàu",
    "Đà Lạt",
    "Buôn Ma Thuột",
]
EN_STREETS = [
    "Main St",
    "Oak Ave",
    "Park Rd",
    "Cedar Ln",
    "Hill St",
    "River Rd",
    "Church St",
    "Lake Dr",
    "King St",
    "Station Rd",
    "Maple Ave",
    "Elm St",
    "Washington St",
    "Victoria St",
    "George St",
    "North Rd",
    "Mill Ln",
    "Grove St",
    "Spring St",
    "Beach Rd",
    "Queen St",
    "High St",
    "Willow Dr",
    "Union St",
]
US_CITIES = [
    "Boston",
    "Albany",
    "Hartford",
    "Portland",
    "Providence",
    "Burlington",
    "Syracuse",
    "Worcester",
    "Concord",
    "Manchester",
    "Springfield",
    "Stamford",
]
AU_CITIES = [
    "Adelaide",
    "Glenelg",
    "Gawler",
    "Mount Barker",
    "Port Lincoln",
    "Whyalla",
    "Victor Harbor",
    "Murray Bridge",
    "Mount Gambier",
    "Kadina",
    "Renmark",
    "Port Augusta",
]
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
