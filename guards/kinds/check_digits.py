"""Check digits and issued ranges of numbers that identify people and accounts."""

from collections.abc import Iterable

IBAN_LENGTHS = {
    **dict(AD=24, AE=23, AL=28, AT=20, AZ=28, BA=20, BE=16, BG=22, BH=22, BR=29, BY=28, CH=21),
    **dict(CR=22, CY=28, CZ=24, DE=22, DK=18, DO=28, EE=20, EG=29, ES=24, FI=18, FO=18, FR=27),
    **dict(GB=22, GE=22, GI=23, GL=18, GR=27, GT=28, HR=21, HU=28, IE=22, IL=23, IQ=23, IS=26),
    **dict(IT=27, JO=30, KW=30, KZ=20, LB=28, LC=32, LI=21, LT=20, LU=20, LV=21, MC=27, MD=24),
    **dict(ME=22, MK=19, MR=27, MT=31, MU=30, NL=18, NO=15, PK=24, PL=28, PS=29, PT=25, QA=29),
    **dict(RO=24, RS=22, SA=24, SC=31, SE=24, SI=19, SK=24, SM=27, TN=24, TR=26, UA=29, VA=22),
    **dict(VG=24, XK=20),
}


def digits_of(text: str) -> str:
    return "".join(c for c in text if c.isdigit())


def luhn(digits: str) -> bool:
    total = 0
    for index, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if index % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def valid_card(digits: str) -> bool:
    return len(set(digits)) > 1 and _issued(digits) and luhn(digits)


def _issued(digits: str) -> bool:
    """Whether a network issues numbers of this beginning and length (ISO/IEC 7812 ranges in public use)."""
    two, four, length = int(digits[:2]), int(digits[:4]), len(digits)
    if digits[0] == "4":
        return length in (13, 16, 19)
    if 51 <= two <= 55 or 2221 <= four <= 2720:
        return length == 16
    if two in (34, 37) or four in (1800, 2131):
        return length == 15
    if two in (30, 36, 38, 39):
        return length in (14, 16)
    if two == 35:
        return 15 <= length <= 19
    return (two in (50, *range(56, 70))) and 13 <= length <= 19


def _mod11(digits: str, weights: Iterable[int]) -> int:
    rest = sum(int(d) * w for d, w in zip(digits, weights, strict=False)) % 11
    return 0 if rest < 2 else 11 - rest


def valid_cpf(digits: str) -> bool:
    return (
        len(set(digits)) > 1
        and _mod11(digits, range(10, 1, -1)) == int(digits[9])
        and _mod11(digits, range(11, 1, -1)) == int(digits[10])
    )


def valid_cnpj(digits: str) -> bool:
    weights = [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]
    return (
        len(set(digits)) > 1
        and _mod11(digits, weights[1:]) == int(digits[12])
        and _mod11(digits, weights) == int(digits[13])
    )


def valid_iban(compact: str) -> bool:
    """`compact` has no separators and the length of its country."""
    return int("".join(str(int(c, 36)) for c in compact[4:] + compact[:4])) % 97 == 1
