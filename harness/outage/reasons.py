"""Which failure a reason means: its code, its name, our sentence, or other words for it, English or Chinese.

The product's own wording differs between versions and languages, so a reason without a code or a name is recognised
by a few words that only this one has. A reason that fits two failures, or none, is a mistake: what it was is asked
for, never guessed. A code that looks like the documented ones and is none of them is shown as "Incorrect License
Format" (R107).
"""

from __future__ import annotations

import re
import unicodedata

from fake_fdl_nodes.failures import described
from harness.problems import Mistake, did_you_mean, shown
from reference_server.codes import Code

__all__ = ["code_of", "written_code"]

_EXPECTED = (
    'the reason of a failure: a code such as 30003, a name such as LICENSE_IP_ERROR, "/", "Incorrect License Format", '
    "or what a page says"
)

#: The words by which a reason is recognised that has neither code nor name; each pattern is enough.
_WORDS: dict[Code, tuple[str, ...]] = {
    Code.NO_CONNECTION: (
        r"(can ?not|could not|can't|couldn't|unable to|fail(s|ed)? to) (be )?(connect|reach)",
        r"unreachable|connection (was )?(refused|reset|lost|failed)|time[d]? ?out|no (answer|response|reply)",
        r"(无法|不能|未能)(正常)?(连接|连通|访问)|连(接)?不上|(连接|请求|访问).{0,8}(失败|超时|被拒|中断)|无响应|没有响应",
    ),
    Code.INCORRECT_LICENSE_FORMAT: (
        r"incorrect licen[sc]e format|licen[sc]e format (is )?(wrong|incorrect|invalid)",
        r"(许可|授权|证书|license|licence|lic)(文件|信息)?的?格式(不正确|错误|有误|不对|异常)|不正确的(许可|授权|license)格式",
    ),
    Code.JSON_PARSER_ERROR: (
        r"\bjson\b|malformed|data format (is )?(incorrect|wrong|invalid)",
        r"数据的?(格式)?(不正确|错误|有误|异常|无法解析)|解析(失败|错误|异常)",
    ),
    Code.PARAM_INPUT_ERROR: (r"\bparam(eter)?s?\b", r"参数"),
    Code.DO_NOT_NEED_DEACTIVATE: (r"\bunb(ou|i)nd|deactivat", r"解绑|(无需|不需要|不用)(解除|注销)"),
    Code.LICENSE_EXPIRED: (r"\bexpir", r"过期|到期"),
    Code.REPORT_VERSION_ERROR: (r"\bversions?\b", r"版本"),
    Code.ACCOUNT_STATUS_ERROR: (r"\baccount\b|suspended", r"[账帐](号|户)|(许可|授权)(已|被)?(停用|冻结|暂停)"),
    Code.LICENSE_IP_ERROR: (
        r"\b(ip|address(es)?)\b.{0,40}(range|licen[sc]ed|allowed|permitted)|\bnat\b|translated on the way",
        r"(\bip|地址).{0,12}(范围|未授权|不允许|不在|不符|不匹配)|地址转换",
    ),
    Code.LICENSE_DOMAIN_ERROR: (r"\bdomain\b", r"域名"),
    Code.LICENSE_APPNAME_ERROR: (r"\bapp(lication)?[- ]?names?\b|project names?\b", r"(应用|工程|项目)名"),
    Code.REGISTER_OUT_OF_LIMIT: (
        r"\bslots?\b.{0,20}\b(taken|used|full)|out of limit",
        r"(limit|maximum|capacity).{0,60}(reached|exceeded|exhausted)",
        r"(上限|最大数|数量|名额|节点数|连接数).{0,10}(达到|已达|已满|超|用完|不足)|(达到|超出|超过|已达).{0,12}(上限|最大|数量)",
    ),
}
_PATTERNS = {code: re.compile("|".join(words), re.ASCII) for code, words in _WORDS.items()}

_CODED = {code.name: code for code in Code if code > 0}
_NUMBER = re.compile(
    r"(?:(?:error|code|number|no[.]|错误代码|错误码|错误|代码|编号)[\s:#]*)*[\[(]?\s*(?P<number>[0-9]{2,9})(?![0-9])",
    re.IGNORECASE,
)
_NAME = re.compile(r"(?<![A-Za-z0-9_])[A-Z]+(?:_[A-Z]+)+(?![A-Za-z0-9_])")
_DOCUMENTED_DIGITS = 5


def _plain(text: str) -> str:
    """Return ``text`` with its letters small, its spaces single, and no mark at its end."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split()).rstrip(" .。!")


_EXACT = {
    _plain(text): code
    for code in Code
    for text in (code.label, code.shown_name, code.reason, described(code), f"{code.label} {code.shown_name}".strip())
    if text
}


def code_of(text: str) -> Code:
    """Return the failure that ``text`` gives as a reason.

    :raises Mistake: if it is none of the documented ones, or could be two of them.
    """
    plain = _plain(text)
    if (known := _EXACT.get(plain)) is not None:
        return known
    if not plain:
        raise Mistake("no reason", _EXPECTED)
    if re.match(r"/(?=[\s:])", plain):
        return Code.NO_CONNECTION
    named = _numbered(text) + _named(text)
    if not named:
        named = [code for code, pattern in _PATTERNS.items() if pattern.search(plain)]
    if len(set(named)) == 1:
        return named[0]
    if named:
        meanings = " and ".join(written_code(code) for code in dict.fromkeys(named))
        raise Mistake(f"{shown(text)} (which fits {meanings})", _EXPECTED)
    close = did_you_mean([*_CODED, Code.INCORRECT_LICENSE_FORMAT.shown_name], text.strip())
    raise Mistake(shown(text), _EXPECTED + close)


def written_code(code: Code) -> str:
    """Return what `code_of` takes for ``code`` in any language: its number and its name, or what it has of them."""
    return " ".join(dict.fromkeys(filter(None, (code.label, code.shown_name))))


def _numbered(text: str) -> list[Code]:
    """Return the failure whose number stands first in ``text``, if one does."""
    found = _NUMBER.match(unicodedata.normalize("NFKC", text).strip())
    if found is None:
        return []
    digits = found["number"]
    if len(digits) != _DOCUMENTED_DIGITS or digits[0] == "0":
        close = did_you_mean([code.label for code in _CODED.values()], digits)
        raise Mistake(shown(text), f"{_EXPECTED}{close}")
    return [Code.shown_for(int(digits))]


def _named(text: str) -> list[Code]:
    """Return the failures whose names stand in ``text``."""
    names = _NAME.findall(text)
    if unknown := [name for name in names if name not in _CODED]:
        # A new code of the vendor's has a name that nobody knows, too: its number decides.
        if _numbered(text) == [Code.INCORRECT_LICENSE_FORMAT]:
            return []
        raise Mistake(shown(text), f"{_EXPECTED}{did_you_mean(_CODED, unknown[0])}")
    return [_CODED[name] for name in names]
